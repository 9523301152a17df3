/* What stands in the way of a change: rights, other managers, the law of the tree, work that is there. */
#include "base/map.h"
#include "server/plan/plan_inside.h"

void object_block(planning *p, plan_object *o, err why, str detail, str require)
{
	strs more = {ARENA_ARRAY(p->a, str, o->requires.n + 1), 0};

	if (!o->blocked) {
		o->blocked = why;
		o->detail = detail;
	}
	for (uint32_t i = 0; i < o->requires.n; i++)
	more.v[more.n++] = o->requires.v[i];
	if (require.p)
		more.v[more.n++] = require;
	o->requires = more;
}

static str above(const plan_node *n)
{
	return path_above(n->path);
}

/* Where the right for a change must be held: making and removing are the business of the tenant above. */
static str place_of(const plan_object *o)
{
	bool is_own = !o->kind->from_above && (o->op == PLAN_UPDATE || object_is_item(o));

	return is_own ? o->at->path : above(o->at);
}

static bool may(const planning *p, right r, str place)
{
	return rights_hold(grants_at(p->in->grants, place), r);
}

static void right_check_at(planning *p, plan_object *o, str place)
{
	if (may(p, o->kind->right, place))
		return;
	str where = place.n ? place : S("the fleet");
	str need = str_print(p->a, "%s at " STR_FMT, right_name(o->kind->right), STR_ARG(where));
	object_block(p, o, ERR_PERMISSION_DENIED, str_print(p->a, "needs " STR_FMT, STR_ARG(need)), need);
}

/* What is moved leaves one tenant and comes to another: both have a say. */
static void right_check(planning *p, plan_object *o)
{
	right_check_at(p, o, place_of(o));
	if (o->op == PLAN_MOVE)
		right_check_at(p, o, path_above(o->at->from));
}

/* What is there of a tenant's bindings is seen by who may; and nobody gives more than they hold, nor for longer. */
static void role_check(planning *p, plan_object *o)
{
	const role_row *row = role_find(o->role);
	str at = o->at->path;

	if (!may(p, RIGHT_BINDING_READ, at)) {
		str need = str_print(p->a, "binding.read at " STR_FMT, STR_ARG(at));
		object_block(p, o, ERR_PERMISSION_DENIED, str_print(p->a, "needs " STR_FMT, STR_ARG(need)), need);
	}
	if (o->op == PLAN_DELETE ||
		(row && rights_cover(grants_at_until(p->in->grants, at, GRANT_FOREVER), row->rights)))
		return;
	str need = str_print(p->a, "all that " STR_FMT " holds at " STR_FMT, STR_ARG(o->role), STR_ARG(at));
	object_block(p, o, ERR_ESCALATION_DENIED,
		str_print(p->a, "who applies it does not hold " STR_FMT " for good", STR_ARG(need)), need);
}

static void manager_check(planning *p, plan_object *o)
{
	if (!o->kept || o->is_mine || p->want->adopt)
		return;
	object_block(p, o, ERR_MANAGED_ELSEWHERE,
		str_print(p->a, "the manager " STR_FMT " keeps it", STR_ARG(o->kept->manager)),
		str_print(p->a, "adopt in the manifest, or a change by " STR_FMT, STR_ARG(o->kept->manager)));
}

/* A tenant goes with everything below it or not at all. */
static void kids_check(planning *p, plan_object *o)
{
	for (const plan_node *k = o->at->kid; k; k = k->beside)
		if (!k->goes && (k->live || k->want)) {
			object_block(p, o, ERR_STATE_TRANSITION,
				str_print(p->a, STR_FMT " is below it and stays", STR_ARG(k->path)),
				str_print(p->a, STR_FMT " gone", STR_ARG(k->path)));
			return;
		}
}

void sheet_row_of(const sql_plan_quotas_row *q, sheet_row *ret)
{
#define AXIS(m) q->m##_null ? SHEET_NONE : q->m
	*ret = (sheet_row){.model = q->model,
		.v = {{AXIS(guaranteed_device_milli), AXIS(guaranteed_memory_mib), AXIS(guaranteed_compute_milli)},
			{AXIS(limit_device_milli), AXIS(limit_memory_mib), AXIS(limit_compute_milli)},
			{AXIS(lend_limit_device_milli), AXIS(lend_limit_memory_mib), AXIS(lend_limit_compute_milli)},
			{AXIS(borrow_limit_device_milli), AXIS(borrow_limit_memory_mib),
				AXIS(borrow_limit_compute_milli)},
			{AXIS(class_limit_device_milli), AXIS(class_limit_memory_mib),
				AXIS(class_limit_compute_milli)}}};
#undef AXIS
}

static int name_find(str name, const char *const *of, int n)
{
	for (int i = 0; i < n; i++)
		if (str_eq(name, str_from(of[i])))
			return i;
	return -1;
}

static str last_take(str *rest)
{
	uint32_t at = rest->n;

	while (at && rest->p[at - 1] != '.')
		at--;
	str last = str_cut(*rest, at, rest->n);
	*rest = str_cut(*rest, 0, at ? at - 1 : 0);
	return last;
}

/* What sheet_path wrote, from its end: a model's name may hold dots. */
bool sheet_path_read(str path, str *ret_model, int *ret_kind, int *ret_axis)
{
	str member = field_member(path);
	bool is_model = str_eq(member, S("models"));

	if (!is_model && !str_eq(member, S("classes")))
		return false;
	path = str_cut(path, member.n + 1, path.n);
	*ret_axis = name_find(last_take(&path), sheet_axes, SHEET_AXES);
	*ret_kind = name_find(last_take(&path), sheet_kinds, SHEET_MODEL_KINDS);
	if (!is_model)
		*ret_kind = SHEET_KINDS - 1;
	*ret_model = path;
	return *ret_axis >= 0 && *ret_kind >= 0;
}

static sheet_row *row_of(plan_node *n, str model)
{
	for (uint32_t i = 0; i < n->n_rows; i++)
		if (str_eq(n->rows[i].model, model))
			return &n->rows[i];
	sheet_row *row = &n->rows[n->n_rows++];
	row->model = model;
	for (int kind = 0; kind < SHEET_KINDS; kind++)
		for (int axis = 0; axis < SHEET_AXES; axis++)
			row->v[kind][axis] = SHEET_NONE;
	return row;
}

void node_rows(planning *p, plan_node *n)
{
	const plan_object *o = &n->objects[1];
	uint32_t most = n->n_quotas + o->n_diffs;

	n->rows = ARENA_ARRAY(p->a, sheet_row, most + 1);
	for (uint32_t i = 0; i < n->n_quotas; i++)
		sheet_row_of(&n->quotas[i], &n->rows[n->n_rows++]);
	for (uint32_t i = 0; i < o->n_diffs && object_changes(o); i++) {
		str model;
		int kind, axis;
		if (sheet_path_read(o->diffs[i].path, &model, &kind, &axis))
			row_of(n, model)->v[kind][axis] = field_i64(o->diffs[i].final, SHEET_NONE);
	}
}

static int64_t promised(const plan_node *n, str model, int axis)
{
	for (uint32_t i = 0; i < n->n_rows; i++)
		if (str_eq(n->rows[i].model, model) && n->rows[i].v[0][axis] != SHEET_NONE)
			return n->rows[i].v[0][axis];
	return 0;
}

static void law_break(planning *p, plan_node *up, str model, int axis, int64_t need)
{
	str detail = str_print(p->a, STR_FMT " is promised %lld %s of " STR_FMT "; its children would hold %lld",
		STR_ARG(up->path), (long long)promised(up, model, axis), sheet_axes[axis], STR_ARG(model),
		(long long)need);
	str require = str_print(p->a, "%lld more guaranteed %s of " STR_FMT " at " STR_FMT,
		(long long)(need - promised(up, model, axis)), sheet_axes[axis], STR_ARG(model), STR_ARG(up->path));

	if (object_changes(&up->objects[1])) {
		object_block(p, &up->objects[1], ERR_QUOTA_EXCEEDS_PARENT, detail, require);
		return;
	}
	for (plan_node *k = up->kid; k; k = k->beside)
		if (promised(k, model, axis)) {
			if (object_changes(&k->objects[1]))
				object_block(p, &k->objects[1], ERR_QUOTA_EXCEEDS_PARENT, detail, require);
			else if (k->objects[0].op == PLAN_MOVE)
				object_block(p, &k->objects[0], ERR_QUOTA_EXCEEDS_PARENT, detail, require);
		}
}

static void axis_check(planning *p, plan_node *up, str model, int axis)
{
	int64_t need = 0;

	for (const plan_node *k = up->kid; k; k = k->beside)
		if (!k->goes)
			need += promised(k, model, axis);
	if (need > promised(up, model, axis))
		law_break(p, up, model, axis, need);
}

static bool promises(const sheet_row *row)
{
	bool is_any = false;

	for (int axis = 0; axis < SHEET_AXES; axis++)
		is_any |= row->v[0][axis] != SHEET_NONE;
	return is_any;
}

/* What the children of a node are promised, the node is promised: on every axis, for every model that one of them is
 * promised anything of. Those are device classes, and few; what else their quotas name may be anything, and much. */
static void law_check(planning *p, plan_node *up)
{
	bool is_touched = object_changes(&up->objects[1]);
	map seen = {0};

	for (const plan_node *k = up->kid; k; k = k->beside)
		is_touched |= object_changes(&k->objects[1]) || k->objects[0].op == PLAN_MOVE;
	if (!is_touched || up->goes || up->is_above)
		return;
	for (const plan_node *k = up->kid; k; k = k->beside)
		for (uint32_t i = 0; i < k->n_rows; i++) {
			if (!promises(&k->rows[i]) || map_find(&seen, k->rows[i].model))
				continue;
			map_put(&seen, k->rows[i].model, up);
			for (int axis = 0; axis < SHEET_AXES; axis++)
				axis_check(p, up, k->rows[i].model, axis);
		}
	map_done(&seen);
}

/* What somebody above has to approve is asked of them when the plan is applied. */
static void ask_instead(planning *p, plan_object *o)
{
	str where = above(o->at).n ? above(o->at) : S("the fleet");

	o->op = PLAN_REQUEST;
	o->requires = (strs){ARENA_NEW(p->a, str), 1};
	o->requires.v[0] = str_print(p->a, "quota.approve at " STR_FMT, STR_ARG(where));
}

void planning_check(planning *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->nodes[i].n_objects; k++) {
			plan_object *o = &p->nodes[i].objects[k];
			if (!object_changes(o))
				continue;
			if (object_is_asked_for(p, o, above(o->at))) {
				ask_instead(p, o);
				continue;
			}
			right_check(p, o);
			if (o->role.n)
				role_check(p, o);
			manager_check(p, o);
			if (o->op == PLAN_DELETE && k == 0)
				kids_check(p, o);
		}
	moves_check(p);
	for (uint32_t i = 0; i < p->n; i++)
		law_check(p, &p->nodes[i]);
}
