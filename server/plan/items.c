/* What a node has several of: bindings, each a subject and a role; budgets, one of a period. */
#include "api/types/budget.h"
#include "base/id.h"
#include "server/plan/plan_inside.h"

bool object_is_item(const plan_object *o)
{
	return o->kind == &plan_binding_kind || o->kind == &plan_budget_kind;
}

bool object_is_there(const plan_object *o)
{
	return object_is_item(o) ? o->binding || o->budget : o->at->live != NULL;
}

static str item_id(const plan_object *o)
{
	return o->id;
}

static int64_t item_rev(const plan_object *o)
{
	if (o->binding)
		return o->binding->rev;
	return o->budget ? o->budget->rev : -1;
}

static str item_initial(str path)
{
	(void)path;
	return STR_NONE;
}

static void member_add(planning *p, strs *ret, const char *name)
{
	if (!ret->v)
		ret->v = ARENA_ARRAY(p->a, str, 8);
	ret->v[ret->n++] = str_from(name);
}

/* It counts for good, or until then. */
static void binding_live(planning *p, const plan_object *o, fields *ret)
{
	buf text;

	if (o->binding->expires_at_null)
		return;
	buf_init(&text, 64);
	js_writer w = js_writer_on(&text);
	js_time_value(&w, o->binding->expires_at);
	fields_add(ret, p->a, S("expires_at"), str_dup(p->a, buf_str(&text)));
	buf_done(&text);
}

static bool binding_want(planning *p, const plan_object *o, fields *ret, strs *ret_members)
{
	(void)ret;
	member_add(p, ret_members, "expires_at");
	return o->is_listed;
}

static void binding_past(planning *p, str object, fields *ret)
{
	(void)p, (void)object, (void)ret;
}

static void budget_live(planning *p, const plan_object *o, fields *ret)
{
	fields_add_i64(ret, p->a, S("amount"), o->budget->amount);
	fields_add_text(ret, p->a, S("action"), o->budget->action);
	fields_add(ret, p->a, S("thresholds"), o->budget->thresholds);
	if (o->budget->description.n)
		fields_add_text(ret, p->a, S("description"), o->budget->description);
}

/* Rising, each once, as they are stored. */
static str thresholds_of(planning *p, const i64s *list)
{
	i64s v = {ARENA_ARRAY(p->a, int64_t, list->n + 1), 0};
	str text = S("[");

	for (uint32_t i = 0; i < list->n; i++) {
		uint32_t at = v.n;
		bool is_there = false;
		for (uint32_t k = 0; k < v.n; k++)
			is_there |= v.v[k] == list->v[i];
		if (is_there)
			continue;
		for (v.n++; at && v.v[at - 1] > list->v[i]; at--)
			v.v[at] = v.v[at - 1];
		v.v[at] = list->v[i];
	}
	for (uint32_t i = 0; i < v.n; i++)
		text = str_print(p->a, STR_FMT "%s%lld", STR_ARG(text), i ? "," : "", (long long)v.v[i]);
	return str_print(p->a, STR_FMT "]", STR_ARG(text));
}

static bool budget_want(planning *p, const plan_object *o, fields *ret, strs *ret_members)
{
	const manifest_budget *b = o->wanted;

	if (!b)
		return false;
	member_add(p, ret_members, "amount");
	member_add(p, ret_members, "action");
	fields_add_i64(ret, p->a, S("amount"), b->amount);
	fields_add_text(ret, p->a, S("action"), b->action);
	if (js_given(&manifest_budget_type, b, "thresholds") || !o->budget) {
		member_add(p, ret_members, "thresholds");
		fields_add(ret, p->a, S("thresholds"), thresholds_of(p, &b->thresholds));
	}
	if (js_given(&manifest_budget_type, b, "description")) {
		member_add(p, ret_members, "description");
		if (b->description.n)
			fields_add_text(ret, p->a, S("description"), b->description);
	}
	return true;
}

static void budget_past(planning *p, str object, fields *ret)
{
	budget b;
	fault f;

	if (js_read_output(&budget_type, object, p->a, &b, &f))
		return;
	fields_add_i64(ret, p->a, S("amount"), b.amount);
	fields_add_text(ret, p->a, S("action"), b.action);
	fields_add(ret, p->a, S("thresholds"), thresholds_of(p, &b.thresholds));
	if (b.description.n)
		fields_add_text(ret, p->a, S("description"), b.description);
}

const plan_kind plan_binding_kind = {
	.name = "binding",
	.right = RIGHT_BINDING_WRITE,
	.id = item_id,
	.rev = item_rev,
	.live = binding_live,
	.want = binding_want,
	.past = binding_past,
	.initial = item_initial,
};
const plan_kind plan_budget_kind = {
	.name = "budget",
	.right = RIGHT_QUOTA_WRITE,
	.from_above = true,
	.id = item_id,
	.rev = item_rev,
	.live = budget_live,
	.want = budget_want,
	.past = budget_past,
	.initial = item_initial,
};

static plan_object *item_add(planning *p, plan_node *n, const plan_kind *kind, str item)
{
	if (n->n_objects == n->cap_objects) {
		plan_object *more = ARENA_ARRAY(p->a, plan_object, 2 * n->cap_objects);
		memcpy(more, n->objects, n->n_objects * sizeof(*more));
		n->objects = more;
		n->cap_objects *= 2;
	}
	plan_object *o = &n->objects[n->n_objects++];
	*o = (plan_object){.kind = kind, .at = n, .effect = -1, .item = item};
	return o;
}

static str binding_name(planning *p, str subject, str role)
{
	return str_print(p->a, STR_FMT " " STR_FMT, STR_ARG(subject), STR_ARG(role));
}

/* Sorted by subject, then role. */
static const sql_plan_bindings_row *binding_find(const plan_node *n, str subject, str role)
{
	uint32_t from = 0, to = n->n_bindings;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		const sql_plan_bindings_row *b = &n->bindings[middle];
		int order = str_cmp(b->subject, subject);
		if (!order)
			order = str_cmp(b->role, role);
		if (!order)
			return b;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

static const sql_plan_budgets_row *budget_find(const plan_node *n, str period)
{
	for (uint32_t i = 0; i < n->n_budgets; i++)
		if (str_eq(n->budgets[i].period, period))
			return &n->budgets[i];
	return NULL;
}

/* By whom a stored one is kept. */
static const sql_plan_managed_row *keeper_find(const plan_node *n, const plan_kind *kind, str object_id)
{
	for (const kept_item *k = n->kept_items; k; k = k->next)
		if (str_eq(k->row->kind, str_from(kind->name)) && str_eq(k->row->object_id, object_id))
			return k->row;
	return NULL;
}

static str new_id(planning *p, const char *prefix)
{
	id made = id_make(prefix);

	return str_dup(p->a, id_str(&made));
}

static void stored_set(planning *p, plan_object *o, str there, const char *prefix)
{
	o->id = there.p ? there : new_id(p, prefix);
	o->kept = there.p ? keeper_find(o->at, o->kind, there) : NULL;
}

/* Who may not see bindings is not told of any by what a plan makes of theirs. */
static bool sees_bindings(const planning *p, const plan_node *n)
{
	return rights_hold(grants_at(p->in->grants, n->path), RIGHT_BINDING_READ);
}

static void binding_item(planning *p, plan_node *n, str subject, str role, bool is_listed)
{
	plan_object *o = item_add(p, n, &plan_binding_kind, binding_name(p, subject, role));

	o->subject = subject;
	o->role = role;
	o->binding = sees_bindings(p, n) ? binding_find(n, subject, role) : NULL;
	o->is_listed = is_listed;
	stored_set(p, o, o->binding ? o->binding->id : STR_NONE, "bnd");
}

static void budget_item(planning *p, plan_node *n, str period, const manifest_budget *wanted)
{
	plan_object *o = item_add(p, n, &plan_budget_kind, period);

	o->wanted = wanted;
	o->budget = budget_find(n, period);
	o->is_listed = wanted != NULL;
	stored_set(p, o, o->budget ? o->budget->id : STR_NONE, "bgt");
}

static plan_object *item_find(plan_node *n, const plan_kind *kind, str item)
{
	for (uint32_t i = OBJECTS_FIXED; i < n->n_objects; i++)
		if (n->objects[i].kind == kind && str_eq(n->objects[i].item, item))
			return &n->objects[i];
	return NULL;
}

static bool stands_before(const strs *list, uint32_t k)
{
	for (uint32_t i = 0; i < k; i++)
		if (str_eq(list->v[i], list->v[k]))
			return true;
	return false;
}

static void listed_collect(planning *p, plan_node *n)
{
	const manifest_binding *b = n->want->bindings.v;
	const manifest_budget *u = n->want->budgets.v;

	for (uint32_t i = 0; i < n->want->bindings.n; i++)
		for (uint32_t k = 0; k < b[i].roles.n; k++)
			if (!stands_before(&b[i].roles, k))
				binding_item(p, n, b[i].subject, b[i].roles.v[k], true);
	for (uint32_t i = 0; i < n->want->budgets.n; i++)
		budget_item(p, n, u[i].period, &u[i]);
}

/* What this manager keeps: of what it lists no longer, and of what others took away. What an item is called stands in
 * what was said of it last. */
static void kept_collect(planning *p, plan_node *n, const sql_plan_managed_row *row)
{
	bool is_binding = str_eq(row->kind, S("binding"));
	fields said = fields_read(row->last_applied, p->a);
	str item = field_text(fields_find(&said, S("item")), p->a), role = item;
	const plan_kind *kind = is_binding ? &plan_binding_kind : &plan_budget_kind;

	if (!item.n || (is_binding && !sees_bindings(p, n)))
		return;
	plan_object *o = item_find(n, kind, item);
	if (!o && is_binding) {
		str subject = STR_NONE;
		for (uint32_t i = item.n; i > 0 && !subject.p; i--)
			if (item.p[i - 1] == ' ') {
				subject = str_cut(item, 0, i - 1);
				role = str_cut(item, i, item.n);
			}
		binding_item(p, n, subject, role, false);
	} else if (!o)
		budget_item(p, n, item, NULL);
	o = item_find(n, kind, item);
	if (o->kept != row)
		o->gone = row;
}

void items_collect(planning *p, plan_node *n)
{
	if (n->want)
		listed_collect(p, n);
	for (const kept_item *k = n->kept_items; k; k = k->next)
		if (str_eq(k->row->manager, p->want->manager))
			kept_collect(p, n, k->row);
}

static void listed_compare(planning *p, plan_object *o)
{
	object_compare(p, o);
	if (object_is_there(o))
		return;
	bool is_drift = o->gone && !o->gone->is_gone;
	o->op = is_drift && !planning_overwrites_drift(p) ? PLAN_DRIFT : PLAN_CREATE;
	o->has_drift |= is_drift;
	if (o->at->objects[OBJECT_TENANT].op == PLAN_DRIFT)
		o->op = PLAN_NOOP;
}

/* Others' are nobody's business; this manager's own go only where it prunes, and made them. */
void item_compare(planning *p, plan_object *o)
{
	if (o->is_listed)
		listed_compare(p, o);
	else if (p->want->prune && o->is_mine && o->kept->is_made && object_is_there(o))
		o->op = PLAN_DELETE;
}
