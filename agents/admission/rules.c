#include "agents/admission/rules.h"
#include "agents/admission/shape.h"

#define DEFAULT_SCHEDULER "default-scheduler"
#define CORE_POLICY_ENV   "GPU_CORE_UTILIZATION_POLICY"

/* One pod on its way. Steps return false when they have refused it. */
typedef struct work {
	const rules_spec *spec;
	const pod *pod;
	str space;
	arena *a;
	edit *edit;
	pod_wants wants; /* as they will be placed: with what the rules add */
	review_answer *out;
} work;

static bool is_container(const pod *p)
{
	for (uint32_t i = 0; i < p->n_containers; i++)
		if (!p->containers[i].is_init)
			return true;
	return false;
}

/* One container's wants: errors name it. */
static bool container_read(work *w, uint32_t at)
{
	pod alone = *w->pod;
	pod_wants *found = ARENA_NEW(w->a, pod_wants);
	fault f = {0};

	alone.containers = &w->pod->containers[at];
	alone.n_containers = 1;
	err e = pod_wants_read(&alone, found, &f);
	if (!e && w->wants.n + found->n > POD_WANTS_MAX)
		e = fault_set(&f, ERR_LIMIT, NULL, "more than %d containers ask for devices", POD_WANTS_MAX);
	str field = edit_field(w->pod, at, w->a);
	if (e && f.pointer[0])
		field = str_print(w->a, STR_FMT ".resources.limits[%s]", STR_ARG(field), f.pointer);
	if (e) {
		w->out->refused = REFUSAL_BAD_AMOUNT;
		(void)fault_set(&w->out->why, e, str_z(w->a, field), "container " STR_FMT ": %s",
			STR_ARG(str_cut(alone.containers->name, 0, 63)), f.detail);
		return false;
	}
	for (uint32_t i = 0; i < found->n; i++)
		w->wants.v[w->wants.n++] = (pod_want){at, found->v[i].w};
	return true;
}

static bool wants_shape(work *w)
{
	shape_work s = {w->pod, w->edit, w->a, w->out};

	for (uint32_t i = 0; i < w->pod->n_containers; i++)
		if (!shape_check(&s, i) || !container_read(w, i))
			return false;
	for (uint32_t i = 0; i < w->wants.n; i++)
		if (!shape_want(&s, &w->wants.v[i]))
			return false;
	return true;
}

static bool refuse(work *w, refusal code, str field, str text)
{
	w->out->refused = code;
	(void)fault_set(&w->out->why, ERR_BAD_FIELD, str_z(w->a, field), STR_FMT, STR_ARG(text));
	return false;
}

static bool asks_devices(const work *w, uint32_t container)
{
	for (uint32_t i = 0; i < w->wants.n; i++)
		if (w->wants.v[i].container == container)
			return true;
	return false;
}

/* Whoever is privileged sees all devices of its node: nobody is given a part of one so. Beside one that is, as in a pod
 * without any, that is not ours to forbid; people are told. */
static bool is_unprivileged(work *w)
{
	for (uint32_t i = 0; i < w->pod->n_containers; i++) {
		const pod_container *c = &w->pod->containers[i];
		if (c->is_privileged && asks_devices(w, i))
			return refuse(w, REFUSAL_PRIVILEGED,
				str_print(w->a, STR_FMT ".securityContext.privileged",
					STR_ARG(edit_field(w->pod, i, w->a))),
				str_print(w->a, "container " STR_FMT " is privileged", STR_ARG(c->name)));
		if (c->is_privileged)
			review_warn(w->out,
				str_print(w->a, "container " STR_FMT " is privileged: it sees every device of its node",
					STR_ARG(str_cut(c->name, 0, 63))));
	}
	return true;
}

/* The part before the name: "nvidia.com". */
static str domain_of(str resource)
{
	return str_split(&resource, '/');
}

static bool is_makers_domain(str domain)
{
	const vendor *k;

	for (uint32_t i = 0; (k = vendor_at(i)); i++) {
		const char *name = k->resources.count ? k->resources.count : k->resources.memory;
		if (str_eq(domain_of(str_from(name)), domain))
			return true;
	}
	return false;
}

/* Resources of a maker that nobody here gives out, beside some that are: likely an old name. */
static void strangers_tell(work *w)
{
	for (uint32_t i = 0; i < w->pod->n_containers; i++) {
		const fields_amounts *all = &w->pod->containers[i].limits;
		for (uint32_t k = 0; k < all->n; k++)
			if (!vendor_of_resource(all->v[k].resource) && is_makers_domain(domain_of(all->v[k].resource)))
				review_warn(w->out, str_print(w->a, "resource " STR_FMT " is not given out by Reeve",
							    STR_ARG(str_cut(all->v[k].resource, 0, 64))));
	}
}

static bool is_for_us(work *w)
{
	if (w->pod->node.n)
		return refuse(w, REFUSAL_NODE_ASSIGNED, S("spec.nodeName"), S("pod has node assigned"));
	return true;
}

static bool tenant_find(work *w, str *ret)
{
	str said = pod_annotation(w->pod, RULES_TENANT_KEY);

	*ret = STR_NONE;
	if (!w->spec->tenant_of)
		return true;
	*ret = w->spec->tenant_of(w->spec->arg, w->space);
	if (!ret->n)
		return refuse(w, REFUSAL_UNKNOWN_TENANT, S("metadata.namespace"),
			str_print(w->a,
				"namespace " STR_FMT
				" belongs to no tenant here; the cluster's keeper says whose it is",
				STR_ARG(w->space)));
	if (said.n && !str_eq(said, *ret))
		return refuse(w, REFUSAL_OTHER_TENANT, S("metadata.annotations[" RULES_TENANT_KEY "]"),
			str_print(w->a, "namespace " STR_FMT " is of tenant " STR_FMT ", not " STR_FMT,
				STR_ARG(w->space), STR_ARG(*ret), STR_ARG(str_cut(said, 0, 128))));
	edit_annotation(w->edit, RULES_TENANT_KEY, *ret);
	review_note(w->out, "tenant", *ret);
	return true;
}

/* What the tenant lacks of the kind here, in MiB; at most 0: nothing that is known. */
static int64_t tenant_lacks(const work *w, str tenant, const quota_ask *of, tenant_left *ret)
{
	*ret = (tenant_left){0};
	if (tenant.p && w->spec->left)
		*ret = w->spec->left(w->spec->arg, tenant, of->kind);
	return ret->is_known ? of->memory_mib - ret->memory_mib : 0;
}

/* The tenant's own quota makes a pod wait, it does not refuse it; people are told. */
static void tenant_tell(work *w, str tenant, const quota_ask *asks, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		tenant_left left;
		if (tenant_lacks(w, tenant, &asks[i], &left) > 0)
			review_warn(w->out,
				str_print(w->a, "waits for quota: " STR_FMT " has %lld of %lld MiB left here",
					STR_ARG(left.name), (long long)left.memory_mib, (long long)asks[i].memory_mib));
	}
}

static bool refuse_quota(work *w, str tenant, const quota_gap *gap, const quota_ask *asks, uint32_t n)
{
	const char *note = "";

	for (uint32_t i = 0; i < n; i++) {
		const vendor *k = asks[i].kind;
		tenant_left left;
		int64_t lacks = tenant_lacks(w, tenant, &asks[i], &left);
		int64_t over = (gap->used + gap->asked - gap->limit) * k->memory_unit_mib;
		if (k->resources.memory == gap->resource && lacks > over)
			note = str_z(w->a, str_print(w->a, "; the tenant's own is tighter: " STR_FMT " leaves %lld MiB",
						   STR_ARG(left.name), (long long)left.memory_mib));
	}
	return refuse(w, REFUSAL_OVER_QUOTA, S("spec.containers"),
		str_print(w->a,
			"exceeding resource quota: " STR_FMT "/" STR_FMT " has limits.%s %lld, of which %lld are used; "
			"the pod asks for %lld%s",
			STR_ARG(w->space), STR_ARG(gap->name), gap->resource, (long long)gap->limit,
			(long long)gap->used, (long long)gap->asked, note));
}

static bool is_within_quota(work *w, str tenant)
{
	quota_ask *asks = ARENA_ARRAY(w->a, quota_ask, POD_WANTS_MAX);
	uint32_t n = quota_asks(w->pod, &w->wants, asks);
	quota_gap gap;

	if (w->spec->quotas && quotas_has(w->spec->quotas, w->space))
		quota_asks_held(w->spec->stock, w->space, asks, n);
	if (w->spec->quotas && !quotas_let(w->spec->quotas, w->space, asks, n, &gap))
		return refuse_quota(w, tenant, &gap, asks, n);
	tenant_tell(w, tenant, asks, n);
	return true;
}

static bool is_other_scheduler(const work *w)
{
	str name = w->pod->scheduler;

	if (!name.n || str_eq(name, str_from(w->spec->scheduler)))
		return false;
	return w->spec->keeps_default || !str_eq(name, S(DEFAULT_SCHEDULER));
}

/* What another scheduler does not know of it, its binding is refused without (guard.h). */
static void scheduler_set(work *w)
{
	if (!is_other_scheduler(w)) {
		edit_scheduler(w->edit, str_from(w->spec->scheduler));
		return;
	}
	review_warn(w->out, str_print(w->a, "scheduler " STR_FMT " is kept; it must call the Reeve extender",
				    STR_ARG(str_cut(w->pod->scheduler, 0, 48))));
}

/* Whether the container asks for a kind whose devices that variable shows. */
static bool is_shown(const work *w, uint32_t container, const char *env)
{
	for (uint32_t i = 0; i < w->wants.n; i++) {
		const char *own = w->wants.v[i].w.kind->admission.hidden_env;
		if (w->wants.v[i].container == container && own && str_eq(str_from(own), str_from(env)))
			return true;
	}
	return false;
}

static bool is_first_with(uint32_t at, const char *env)
{
	for (uint32_t i = 0; i < at; i++) {
		const char *own = vendor_at(i)->admission.hidden_env;
		if (own && str_eq(str_from(own), str_from(env)))
			return false;
	}
	return true;
}

static void devices_hide(work *w)
{
	const vendor *k;

	for (uint32_t v = 0; w->spec->hides_devices && (k = vendor_at(v)); v++) {
		const char *env = k->admission.hidden_env;
		if (!env || !is_first_with(v, env))
			continue;
		for (uint32_t i = 0; i < w->pod->n_containers; i++)
			if (!is_shown(w, i, env))
				edit_variable(w->edit, i, env, str_from(k->admission.hidden_value));
	}
}

static void variables_set(work *w)
{
	for (uint32_t i = 0; i < w->wants.n; i++)
		if (w->spec->core_policy)
			edit_variable(
				w->edit, w->wants.v[i].container, CORE_POLICY_ENV, str_from(w->spec->core_policy));
	if (w->wants.n && w->spec->runtime_class)
		edit_runtime_class(w->edit, str_from(w->spec->runtime_class));
}

/* What a pod was given is written when it is bound. A copy of another pod's manifest may hold it: that is not kept. */
static void records_drop(work *w)
{
	for (uint32_t i = 0; i < w->pod->annotations.n; i++)
		if (shape_is_record(w->pod->annotations.v[i].key)) {
			edit_annotation_drop(w->edit, w->pod->annotations.v[i].key);
			review_warn(
				w->out, str_print(w->a, "annotation " STR_FMT " is written at binding, and was dropped",
						STR_ARG(str_cut(w->pod->annotations.v[i].key, 0, 48))));
		}
}

void rules_apply(const rules_spec *s, const pod *p, str space, arena *a, review_answer *ret)
{
	work *w = ARENA_NEW(a, work);
	str tenant;

	*w = (work){.spec = s, .pod = p, .space = space, .a = a, .out = ret};
	*ret = (review_answer){0};
	if (!is_container(p)) {
		(void)refuse(w, REFUSAL_NO_CONTAINERS, S("spec.containers"), S("pod has no containers"));
		return;
	}
	w->edit = edit_new(p, a);
	if (!wants_shape(w))
		return;
	if (w->wants.n &&
		!(is_unprivileged(w) && is_for_us(w) && tenant_find(w, &tenant) && is_within_quota(w, tenant)))
		return;
	devices_hide(w);
	variables_set(w);
	if (w->wants.n) {
		scheduler_set(w);
		strangers_tell(w);
	}
	records_drop(w);
	if (!edit_patch(w->edit, &ret->patch))
		(void)refuse(w, REFUSAL_BAD_REVIEW, S("spec"), S("what would be changed in the pod is too long"));
}
