/* From items of a plan to the statements that bring them about, and their records. */
#include "server/plan/plan_inside.h"

enum { COLUMNS_MAX = 8 };

static bool is_put(const plan_object *o, const plan_kind *kind)
{
	return o->kind == kind && (o->op == PLAN_CREATE || o->op == PLAN_UPDATE);
}

static bool is_dropped(const plan_object *o, const plan_kind *kind)
{
	return o->kind == kind && o->op == PLAN_DELETE;
}

static strs texts_new(planning *p)
{
	return (strs){ARENA_ARRAY(p->a, str, p->n_objects + 1), 0};
}

static i64s numbers_new(planning *p)
{
	return (i64s){ARENA_ARRAY(p->a, int64_t, p->n_objects + 1), 0};
}

#define each_item(o, p)                                                                                                \
	for (uint32_t i_ = 0; i_ < (p)->n; i_++)                                                                       \
		for (plan_object *o = (p)->nodes[i_].objects + OBJECTS_FIXED;                                          \
			o < (p)->nodes[i_].objects + (p)->nodes[i_].n_objects; o++)

void *binding_drop_in(planning *p, const plan_writing *w)
{
	sql_plan_binding_drop_in *in = ARENA_NEW(p->a, sql_plan_binding_drop_in);

	*in = (sql_plan_binding_drop_in){w->plan_id, texts_new(p), numbers_new(p)};
	each_item(o, p)
	{
		if (!is_dropped(o, &plan_binding_kind))
			continue;
		in->ids.v[in->ids.n++] = o->id;
		in->revs.v[in->revs.n++] = o->binding->rev;
	}
	return in;
}

void *binding_put_in(planning *p, const plan_writing *w)
{
	sql_plan_binding_put_in *in = ARENA_NEW(p->a, sql_plan_binding_put_in);

	*in = (sql_plan_binding_put_in){.plan = w->plan_id,
		.ids = texts_new(p),
		.subjects = texts_new(p),
		.roles = texts_new(p),
		.tenant_keys = numbers_new(p),
		.manager = p->want->manager,
		.actor = w->actor,
		.offs = numbers_new(p)};
	each_item(o, p)
	{
		if (!is_put(o, &plan_binding_kind))
			continue;
		in->ids.v[in->ids.n++] = o->id;
		in->subjects.v[in->subjects.n++] = o->subject;
		in->roles.v[in->roles.n++] = o->role;
		in->tenant_keys.v[in->tenant_keys.n++] = o->at->key;
		in->offs.v[in->offs.n++] = object_offset(o);
	}
	return in;
}

void *budget_drop_in(planning *p, const plan_writing *w)
{
	sql_plan_budget_drop_in *in = ARENA_NEW(p->a, sql_plan_budget_drop_in);

	*in = (sql_plan_budget_drop_in){w->plan_id, texts_new(p), numbers_new(p), numbers_new(p)};
	each_item(o, p)
	{
		if (!is_dropped(o, &plan_budget_kind))
			continue;
		in->ids.v[in->ids.n++] = o->id;
		in->revs.v[in->revs.n++] = o->budget->rev;
		in->offs.v[in->offs.n++] = object_offset(o);
	}
	return in;
}

/* "50,80" of "[50,80]" */
static str list_of(const plan_object *o)
{
	str list = object_final(o, S("thresholds"));

	return list.n > 2 ? str_cut(list, 1, list.n - 1) : S("");
}

static str text_of(planning *p, const plan_object *o, str path)
{
	str value = object_final(o, path);

	return value.p ? field_text(value, p->a) : S("");
}

void *budget_put_in(planning *p, const plan_writing *w)
{
	sql_plan_budget_put_in *in = ARENA_NEW(p->a, sql_plan_budget_put_in);

	*in = (sql_plan_budget_put_in){.plan = w->plan_id,
		.ids = texts_new(p),
		.tenant_keys = numbers_new(p),
		.periods = texts_new(p),
		.descriptions = texts_new(p),
		.amounts = numbers_new(p),
		.thresholds = texts_new(p),
		.actions = texts_new(p),
		.revs = numbers_new(p),
		.offs = numbers_new(p)};
	each_item(o, p)
	{
		if (!is_put(o, &plan_budget_kind))
			continue;
		in->ids.v[in->ids.n++] = o->id;
		in->tenant_keys.v[in->tenant_keys.n++] = o->at->key;
		in->periods.v[in->periods.n++] = o->item;
		in->descriptions.v[in->descriptions.n++] = text_of(p, o, S("description"));
		in->amounts.v[in->amounts.n++] = field_i64(object_final(o, S("amount")), 0);
		in->thresholds.v[in->thresholds.n++] = list_of(o);
		in->actions.v[in->actions.n++] = text_of(p, o, S("action"));
		in->revs.v[in->revs.n++] = o->budget ? o->budget->rev : -1;
		in->offs.v[in->offs.n++] = object_offset(o);
	}
	return in;
}

void item_show(const planning *p, js_writer *w, const plan_object *o, int64_t revision)
{
	js_put_text(w, "id", o->id);
	js_put_text(w, "tenant", o->at->path);
	js_put_i64(w, "revision", revision);
	if (o->kind == &plan_binding_kind) {
		js_put_text(w, "subject", o->subject);
		js_put_text(w, "role", o->role);
		js_put_text(w, "managed_by", p->want->manager);
		return;
	}
	str list = object_final(o, S("thresholds"));
	js_put_text(w, "unit", S("gpu_hours"));
	js_put_text(w, "period", o->item);
	js_put_i64(w, "amount", field_i64(object_final(o, S("amount")), 0));
	js_put_raw(w, "thresholds", list.p ? list : S("[]"));
	js_put_raw(w, "action", object_final(o, S("action")));
	if (object_final(o, S("description")).p)
		js_put_raw(w, "description", object_final(o, S("description")));
}
