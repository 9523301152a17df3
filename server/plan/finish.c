/* The second turn of a plan: who changed what drifted, what work is concerned; then the sum. */
#include "server/plan/plan_inside.h"

static bool names_object(const plan_object *o)
{
	return o->has_drift && (o->gone || o->kept);
}

static const sql_plan_managed_row *kept_of(const plan_object *o)
{
	return o->gone ? o->gone : o->kept;
}

void plan_wants_history(const planning *p, sql_plan_history_in *ret)
{
	uint32_t most = p->n_objects + 1;

	*ret = (sql_plan_history_in){.ids = {ARENA_ARRAY(p->a, str, most), 0},
		.tenant_keys = {ARENA_ARRAY(p->a, int64_t, most), 0},
		.since = {ARENA_ARRAY(p->a, int64_t, most), 0}};
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->nodes[i].n_objects; k++) {
			const plan_object *o = &p->nodes[i].objects[k];
			if (!names_object(o))
				continue;
			uint32_t at = ret->ids.n++;
			ret->ids.v[at] = kept_of(o)->object_id;
			ret->tenant_keys.v[at] = kept_of(o)->tenant_key;
			ret->since.v[at] = kept_of(o)->rev;
		}
	ret->tenant_keys.n = ret->since.n = ret->ids.n;
}

static int64_t axis_of(const sql_plan_uses_row *u, int axis)
{
	const int64_t all[SHEET_AXES] = {u->device_milli, u->memory_mib, u->compute_milli};

	return all[axis];
}

static bool is_over(const plan_node *n, const sheet_row *row)
{
	for (uint32_t i = 0; i < n->n_uses; i++)
		for (int axis = 0; axis < SHEET_AXES; axis++)
			if (str_eq(n->uses[i].model, row->model) && row->v[1][axis] != SHEET_NONE &&
				axis_of(&n->uses[i], axis) > row->v[1][axis])
				return true;
	return false;
}

/* Whether a change leaves the tenant above a limit of its own. */
static bool goes_over(const plan_node *n)
{
	const plan_object *o = &n->objects[1];

	if (o->op != PLAN_UPDATE && o->op != PLAN_CREATE)
		return false;
	for (uint32_t i = 0; i < n->n_rows; i++)
		if (is_over(n, &n->rows[i]))
			return true;
	return false;
}

static void subtree_mark(planning *p, const plan_node *top)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (p->nodes[i].live && path_is_below(p->nodes[i].path, top->path))
			p->nodes[i].wants_live = true;
}

void plan_wants_live(const planning *read, sql_plan_live_in *ret)
{
	planning *p = (planning *)read;

	*ret = (sql_plan_live_in){.keys = {ARENA_ARRAY(p->a, int64_t, p->n + 1), 0}, .limit = PLAN_LIVE_MAX};
	for (uint32_t i = 0; i < p->n; i++) {
		plan_node *n = &p->nodes[i];
		node_rows(p, n);
		n->wants_live |= n->goes;
		if (goes_over(n))
			subtree_mark(p, n);
	}
	for (uint32_t i = 0; i < p->n; i++)
		if (p->nodes[i].wants_live)
			ret->keys.v[ret->keys.n++] = p->nodes[i].key;
}

static bool value_was(planning *p, const plan_object *o, const sql_plan_history_row *r, const plan_diff *d)
{
	fields past = {0};

	if (!r->object.p)
		return false;
	o->kind->past(p, r->object, &past);
	fields_sort(&past);
	str was = fields_find(&past, d->path);
	return str_eq(was, d->live);
}

static void author_set(plan_author *by, const sql_plan_history_row *r)
{
	*by = (plan_author){.given = ~(uint64_t)0,
		.who = r->actor,
		.name = r->name,
		.when = {r->at},
		.request = r->request_id,
		.record = r->n};
}

/* Of the records of the object the first of the last run that left the field as it is now; rows are oldest first. */
static void author_find(
	planning *p, const plan_object *o, plan_diff *d, const sql_plan_history_row *rows, uint32_t rows_n)
{
	bool is_found = false;

	for (uint32_t i = rows_n; i-- > 0;) {
		if (!str_eq(rows[i].object_id, kept_of(o)->object_id))
			continue;
		if (!value_was(p, o, &rows[i], d) && is_found)
			return;
		author_set(&d->by, &rows[i]);
		is_found = true;
	}
}

/* A tenant that was removed has one field for people to see. */
static void gone_show(planning *p, plan_object *o)
{
	if (!o->gone || !o->has_drift)
		return;
	o->diffs = ARENA_NEW(p->a, plan_diff);
	o->n_diffs = 1;
	o->diffs[0] = (plan_diff){.path = S("exists"),
		.live = S("false"),
		.desired = S("true"),
		.base = S("true"),
		.final = S("true"),
		.is_drift = true};
}

static void authors_find(planning *p, plan_object *o, const sql_plan_history_row *rows, uint32_t n)
{
	if (!names_object(o))
		return;
	if (o->op == PLAN_DRIFT)
		gone_show(p, o);
	for (uint32_t i = 0; i < o->n_diffs; i++)
		if (o->diffs[i].is_drift)
			author_find(p, o, &o->diffs[i], rows, n);
}

static bool charges(const sql_plan_live_row *l, const plan_node *n)
{
	str rest = l->models;

	while (rest.n) {
		str model = str_split(&rest, ',');
		for (uint32_t i = 0; i < n->n_rows; i++)
			if (str_eq(n->rows[i].model, model) && is_over(n, &n->rows[i]))
				return true;
	}
	return false;
}

static plan_node *node_of(planning *p, int64_t key)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (p->nodes[i].live && p->nodes[i].key == key)
			return &p->nodes[i];
	return NULL;
}

static void live_note(planning *p, plan_object *o, const sql_plan_live_row *l, bool is_over_limit)
{
	plan_impact *m = &o->impact;

	if (!m->placements.v)
		m->placements.v = ARENA_ARRAY(p->a, str, PLAN_SHOWN_MAX);
	if (m->placements.n < PLAN_SHOWN_MAX)
		m->placements.v[m->placements.n++] = l->id;
	m->live_placements++;
	m->running_placements_over_limit += is_over_limit;
	m->given = ~(uint64_t)0;
}

static void lives_join(planning *p, const sql_plan_live_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		plan_node *of = node_of(p, rows[i].tenant_key);
		if (of && of->goes)
			live_note(p, &of->objects[0], &rows[i], false);
		for (; of; of = of->up)
			if (goes_over(of) && charges(&rows[i], of))
				live_note(p, &of->objects[1], &rows[i], true);
	}
}

static void lives_check(planning *p)
{
	for (uint32_t i = 0; i < p->n; i++) {
		plan_object *o = &p->nodes[i].objects[0];
		if (o->op != PLAN_DELETE || !o->impact.live_placements)
			continue;
		str list = o->impact.placements.v[0];
		for (uint32_t k = 1; k < o->impact.placements.n; k++)
			list = str_print(p->a, STR_FMT ", " STR_FMT, STR_ARG(list), STR_ARG(o->impact.placements.v[k]));
		object_block(p, o, ERR_STATE_TRANSITION,
			str_print(p->a, "%lld placements are live", (long long)o->impact.live_placements),
			str_print(p->a, "the end of " STR_FMT, STR_ARG(list)));
	}
}

static bool is_counted(const plan_object *o)
{
	return o->op || o->is_listed || (o->is_mine && !o->at->goes);
}

static void object_sum(planning *p, plan_object *o)
{
	plan_summary *s = &p->summary;
	int64_t *of[PLAN_OPS] = {&s->noop, &s->create, &s->update, &s->delete, &s->update, NULL, &s->request};

	if (!is_counted(o))
		return;
	if (of[o->op])
		++*of[o->op];
	s->drift += o->has_drift;
	s->blocked += o->blocked != ERR_OK;
	if (o->op == PLAN_NOOP)
		return;
	p->changes[p->n_changes++] = o;
	plan_result r = o->blocked ? PLAN_BLOCKED : o->op == PLAN_DRIFT ? PLAN_DRIFTED : PLAN_CHANGES;
	if (r > p->result)
		p->result = r;
}

void plan_finish(planning *p, const sql_plan_history_row *history, uint32_t history_n, const sql_plan_live_row *live,
	uint32_t live_n)
{
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->nodes[i].n_objects; k++)
			authors_find(p, &p->nodes[i].objects[k], history, history_n);
	lives_join(p, live, live_n);
	planning_check(p);
	requests_make(p);
	lives_check(p);
	p->changes = ARENA_ARRAY(p->a, plan_object *, p->n_objects + 1);
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->nodes[i].n_objects; k++)
			object_sum(p, &p->nodes[i].objects[k]);
}

plan_result plan_outcome(const planning *p)
{
	return p->result;
}

const plan_summary *plan_counts(const planning *p)
{
	return &p->summary;
}

bool plan_has_gone(const planning *p)
{
	for (uint32_t i = 0; i < p->n_changes; i++)
		if (p->changes[i]->gone && p->changes[i]->op == PLAN_DRIFT)
			return true;
	return false;
}

const char *plan_fingerprint(const planning *p)
{
	return p->fingerprint;
}

const char *plan_result_name(plan_result r)
{
	static const char *const names[] = {"none", "changes", "drift", "blocked"};

	return names[r];
}

str plan_obstacles(const planning *p, arena *a)
{
	str list = STR_NONE;
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n_changes && n < PLAN_SHOWN_MAX; i++) {
		const plan_object *o = p->changes[i];
		if (!o->blocked && o->op != PLAN_DRIFT)
			continue;
		str one = str_print(a, "%s " STR_FMT "%s" STR_FMT "%s" STR_FMT, o->kind->name, STR_ARG(o->at->path),
			o->item.n ? " " : "", STR_ARG(o->item), o->detail.n ? ": " : "", STR_ARG(o->detail));
		list = n++ ? str_print(a, STR_FMT "; " STR_FMT, STR_ARG(list), STR_ARG(one)) : one;
	}
	return list;
}
