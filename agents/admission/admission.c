#include "agents/admission/admission.h"

static bool is_pod_made(const review *q)
{
	return str_eq(q->resource, S("pods")) && !q->sub_resource.n && str_eq(q->operation, S("CREATE"));
}

static bool is_binding(const review *q)
{
	return str_eq(q->resource, S("pods")) && str_eq(q->sub_resource, S("binding")) &&
	       str_eq(q->operation, S("CREATE"));
}

/* Annotations are changed through the status too. */
static bool is_pod_changed(const review *q)
{
	return str_eq(q->resource, S("pods")) && (!q->sub_resource.n || str_eq(q->sub_resource, S("status"))) &&
	       str_eq(q->operation, S("UPDATE"));
}

static void count(admission *x, const review_answer *r)
{
	x->counts.asked++;
	x->counts.refused[r->refused]++;
	x->counts.changed += r->patch.n > 0;
}

static bool answer(
	admission *x, str body, buf *out, void (*apply)(admission *, const review *, arena *, review_answer *))
{
	AUTO_ARENA a = arena_new(0);
	review_answer *r = ARENA_NEW(a, review_answer);
	review q;

	if (review_read(body, a, &q, NULL))
		return false;
	apply(x, &q, a, r);
	count(x, r);
	review_write(&q, r, out);
	return true;
}

static void mutate(admission *x, const review *q, arena *a, review_answer *ret)
{
	pod p;

	if (!is_pod_made(q))
		return;
	if (q->object.p && pod_read(q->object, a, &p) == ERR_OK && !pod_is_cut(&p)) {
		rules_apply(&x->rules, &p, q->space, a, ret);
		return;
	}
	ret->refused = REFUSAL_BAD_REVIEW;
	(void)fault_set(&ret->why, ERR_BAD_FIELD, "spec", "the pod cannot be read");
}

static void validate(admission *x, const review *q, arena *a, review_answer *ret)
{
	if (is_binding(q) && x->guard.stock)
		guard_apply(&x->guard, q, a, ret);
	else if (is_pod_changed(q))
		records_apply(&x->records, q, a, ret);
}

bool admission_mutate(admission *x, str body, buf *out)
{
	return answer(x, body, out, mutate);
}

bool admission_validate(admission *x, str body, buf *out)
{
	return answer(x, body, out, validate);
}

bool admission_answer(admission *x, str path, str body, buf *out, bool *ret_is_bad)
{
	*ret_is_bad = false;
	if (str_ends(path, S("/mutate")))
		*ret_is_bad = !admission_mutate(x, body, out);
	else if (str_ends(path, S("/validate")))
		*ret_is_bad = !admission_validate(x, body, out);
	else
		return false;
	return true;
}
