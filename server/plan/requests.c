/* Changes that somebody above has to approve: what its tenant may only ask for becomes a request for a raise. */
#include "base/id.h"
#include "json/write.h"
#include "server/plan/plan_inside.h"

enum { LIMIT = 1 }; /* of sheet_kinds */

static const sql_plan_raises_row *raises_of(const plan_node *n, str model)
{
	for (uint32_t i = 0; i < n->n_raises; i++)
		if (str_eq(n->raises[i].model, model))
			return &n->raises[i];
	return NULL;
}

static int64_t axis_of(const sql_plan_raises_row *r, int axis)
{
	const int64_t all[SHEET_AXES] = {r->limit_device_milli, r->limit_memory_mib, r->limit_compute_milli};

	return all[axis];
}

/* A limit of a model, by the field's path. */
static bool limit_read(const plan_object *o, str path, str *ret_model, int *ret_axis)
{
	int kind;

	return o->kind == &plan_kinds[OBJECT_QUOTA] && str_starts(path, S("models.")) &&
	       sheet_path_read(path, ret_model, &kind, ret_axis) && kind == LIMIT;
}

/* How much more of a limit is desired than stands with what is raised, or asked for. False: it is no limit that stands.
 */
static bool rise_of(const plan_object *o, const plan_diff *d, str *ret_model, int *ret_axis, int64_t *ret_rise)
{
	if (!d->live.p || !d->desired.p || !limit_read(o, d->path, ret_model, ret_axis))
		return false;
	const sql_plan_raises_row *r = raises_of(o->at, *ret_model);
	*ret_rise = field_i64(d->desired, 0) - field_i64(d->live, 0) - (r ? axis_of(r, *ret_axis) : 0);
	return true;
}

bool diff_is_raised(const plan_object *o, const plan_diff *d)
{
	str model;
	int axis;
	int64_t rise;

	return rise_of(o, d, &model, &axis, &rise) && rise == 0;
}

static bool is_rise(const plan_object *o, const plan_diff *d)
{
	str model;
	int axis;
	int64_t rise;

	return rise_of(o, d, &model, &axis, &rise) && rise > 0;
}

static bool is_of_strangers(const planning *p, const plan_object *o)
{
	return o->kept && !o->is_mine && !p->want->adopt;
}

bool object_is_asked_for(const planning *p, const plan_object *o, str above)
{
	if (o->kind != &plan_kinds[OBJECT_QUOTA] || o->op != PLAN_UPDATE ||
		o->at->objects[OBJECT_TENANT].op == PLAN_MOVE || o->has_drift || is_of_strangers(p, o) ||
		!rights_hold(grants_at(p->in->grants, o->at->path), RIGHT_QUOTA_REQUEST) ||
		rights_hold(grants_at(p->in->grants, above), o->kind->right))
		return false;
	for (uint32_t i = 0; i < o->n_diffs; i++)
		if (!is_rise(o, &o->diffs[i]))
			return false;
	return o->n_diffs > 0;
}

static plan_request *request_of(planning *p, plan_object *o, str model)
{
	plan_request *last = p->n_requests ? &p->requests[p->n_requests - 1] : NULL;

	if (last && last->of == o && str_eq(last->model, model))
		return last;
	id made = id_make("rse");
	p->requests[p->n_requests] = (plan_request){.of = o, .id = str_dup(p->a, id_str(&made)), .model = model};
	return &p->requests[p->n_requests++];
}

/* Fields stand by path: those of one model side by side. */
void requests_make(planning *p)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < p->n; i++)
		most += p->nodes[i].objects[OBJECT_QUOTA].n_diffs;
	p->requests = ARENA_ARRAY(p->a, plan_request, most + 1);
	for (uint32_t i = 0; i < p->n; i++) {
		plan_object *o = &p->nodes[i].objects[OBJECT_QUOTA];
		for (uint32_t k = 0; k < o->n_diffs && o->op == PLAN_REQUEST; k++) {
			const plan_diff *d = &o->diffs[k];
			str model;
			int axis;
			int64_t rise;
			if (rise_of(o, d, &model, &axis, &rise))
				request_of(p, o, model)->limit[axis] = rise;
		}
	}
}

uint32_t plan_requests(const planning *p)
{
	return p->n_requests;
}

str plan_request_urls(const planning *p)
{
	buf out;

	buf_init(&out, (size_t)p->n_requests * 64 + 16);
	js_writer w = js_writer_on(&out);
	js_array_begin(&w);
	for (uint32_t i = 0; i < p->n_requests; i++)
		js_text(&w, str_print(p->a, "/v1/quota-requests/" STR_FMT, STR_ARG(p->requests[i].id)));
	js_array_end(&w);
	str urls = str_dup(p->a, buf_str(&out));
	buf_done(&out);
	return urls;
}

static str reason_of(planning *p, const plan_writing *w)
{
	if (w->reason.n)
		return w->reason;
	return str_print(
		p->a, "the manifest of " STR_FMT ", plan " STR_FMT, STR_ARG(p->want->manager), STR_ARG(w->plan_id));
}

static void one_put(sql_plan_request_add_in *in, const plan_request *q)
{
	i64s *const axes[SHEET_AXES] = {&in->limit_device_milli, &in->limit_memory_mib, &in->limit_compute_milli};

	in->ids.v[in->ids.n++] = q->id;
	in->models.v[in->models.n++] = q->model;
	in->tenant_keys.v[in->tenant_keys.n++] = q->of->at->key;
	in->offs.v[in->offs.n++] = q->effect + 2;
	for (int axis = 0; axis < SHEET_AXES; axis++)
		axes[axis]->v[axes[axis]->n++] = q->limit[axis];
}

void *request_add_in(planning *p, const plan_writing *w)
{
	sql_plan_request_add_in *in = ARENA_NEW(p->a, sql_plan_request_add_in);
	strs *const texts[] = {&in->ids, &in->models};
	i64s *const numbers[] = {
		&in->tenant_keys, &in->limit_device_milli, &in->limit_memory_mib, &in->limit_compute_milli, &in->offs};

	*in = (sql_plan_request_add_in){.plan = w->plan_id,
		.reason = reason_of(p, w),
		.requester = w->requester.p ? w->requester : S(""),
		.credential = w->actor,
		.marks = w->marks.v ? w->marks : (strs){ARENA_NEW(p->a, str), 0}};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		texts[i]->v = ARENA_ARRAY(p->a, str, p->n_requests + 1);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		numbers[i]->v = ARENA_ARRAY(p->a, int64_t, p->n_requests + 1);
	for (uint32_t i = 0; i < p->n_requests; i++)
		one_put(in, &p->requests[i]);
	return in;
}

void request_show(js_writer *w, const plan_request *q, str reason, int64_t revision)
{
	js_put_text(w, "id", q->id);
	js_put_text(w, "tenant", q->of->at->path);
	js_put_text(w, "model", q->model);
	js_key(w, S("limit"));
	js_object_begin(w);
	for (int axis = 0; axis < SHEET_AXES; axis++)
		if (q->limit[axis])
			js_put_i64(w, sheet_axes[axis], q->limit[axis]);
	js_object_end(w);
	js_put_text(w, "state", S("pending"));
	if (reason.n)
		js_put_text(w, "reason", reason);
	js_put_i64(w, "revision", revision);
}
