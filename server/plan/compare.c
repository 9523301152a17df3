/* The three ways of one object: what the manifest says, what is, and what the manifest said last. */
#include "server/plan/plan_inside.h"

static bool same(str a, str b)
{
	return str_eq(a, b) || (!a.p && !b.p);
}

static bool has_member(const plan_object *o, str path)
{
	str member = field_member(path);

	for (uint32_t i = 0; i < o->members.n; i++)
		if (str_eq(o->members.v[i], member))
			return true;
	return false;
}

/* Every path that stands in one of the lists, once, in order. */
static fields paths_of(planning *p, const plan_object *o)
{
	const fields *lists[] = {&o->live, &o->want, &o->base, &o->adopted};
	fields all = {0}, once = {0};

	for (size_t k = 0; k < sizeof(lists) / sizeof(*lists); k++)
		for (uint32_t i = 0; i < lists[k]->n; i++)
			if (has_member(o, lists[k]->v[i].path))
				fields_add(&all, p->a, lists[k]->v[i].path, STR_NONE);
	fields_sort(&all);
	for (uint32_t i = 0; i < all.n; i++)
		if (!i || !str_eq(all.v[i].path, all.v[i - 1].path))
			fields_add(&once, p->a, all.v[i].path, STR_NONE);
	return once;
}

/* Whether somebody else made it what it is. Before this manager applied anything nobody can have. */
static bool is_foreign(const plan_object *o, const plan_diff *d)
{
	str accepted = fields_find(&o->adopted, d->path);

	return o->is_mine && !same(d->live, d->base) && !(accepted.p && same(d->live, accepted)) &&
	       fields_have_member(&o->base, field_member(d->path));
}

/* What was taken over stays until the manifest says something new. */
static bool is_accepted(const plan_object *o, const plan_diff *d)
{
	str accepted = fields_find(&o->adopted, d->path);

	return o->is_mine && accepted.p && same(d->live, accepted) && same(d->desired, d->base);
}

static void diff_judge(planning *p, plan_object *o, plan_diff *d)
{
	d->is_drift = is_foreign(o, d);
	d->final = d->desired;
	if (!d->is_drift)
		return;
	o->has_drift = true;
	if (planning_adopts_drift(p))
		d->final = d->live;
}

static void field_compare(planning *p, plan_object *o, str path)
{
	plan_diff d = {.path = path,
		.live = fields_find(&o->live, path),
		.desired = fields_find(&o->want, path),
		.base = fields_find(&o->base, path)};

	if (!d.desired.p)
		d.desired = o->kind->initial(path);
	if (same(d.live, d.desired) || is_accepted(o, &d) || diff_is_raised(o, &d))
		return;
	diff_judge(p, o, &d);
	o->diffs[o->n_diffs++] = d;
}

static plan_op op_of(const planning *p, const plan_object *o)
{
	bool changes = false;

	for (uint32_t i = 0; i < o->n_diffs; i++)
		changes |= !o->diffs[i].is_drift || planning_overwrites_drift(p);
	if (!o->n_diffs)
		return PLAN_NOOP;
	if (o->has_drift && !planning_overwrites_drift(p) && (!planning_adopts_drift(p) || !changes))
		return PLAN_DRIFT;
	return PLAN_UPDATE;
}

void object_compare(planning *p, plan_object *o)
{
	fields paths = paths_of(p, o);

	o->diffs = ARENA_ARRAY(p->a, plan_diff, paths.n + 1);
	for (uint32_t i = 0; i < paths.n; i++)
		field_compare(p, o, paths.v[i].path);
	o->op = op_of(p, o);
}

bool object_changes(const plan_object *o)
{
	return o->op == PLAN_CREATE || o->op == PLAN_UPDATE || o->op == PLAN_DELETE || o->op == PLAN_MOVE;
}

str object_final(const plan_object *o, str path)
{
	for (uint32_t i = 0; i < o->n_diffs; i++)
		if (str_eq(o->diffs[i].path, path))
			return o->op == PLAN_DRIFT ? o->diffs[i].live : o->diffs[i].final;
	return fields_find(&o->live, path);
}
