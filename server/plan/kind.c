/* The kinds of objects a manifest speaks of, one row each. */
#include "api/types/quota.h"
#include "api/types/tenant.h"
#include "json/pull.h"
#include "json/write.h"
#include "server/plan/plan_inside.h"

static str tenant_id(const plan_object *o)
{
	const plan_node *n = o->at;

	return n->live ? n->live->id : n->id;
}

static int64_t tenant_rev(const plan_object *o)
{
	const plan_node *n = o->at;

	return n->live ? n->live->rev : 0;
}

static void description_add(planning *p, str text, fields *ret)
{
	if (text.n)
		fields_add_text(ret, p->a, S("description"), text);
}

static void labels_add(planning *p, str json, fields *ret)
{
	pull r;
	str key, name, value;
	bool has_escape;

	if (!json.n)
		return;
	pull_init(&r, json, PULL_DEPTH_CAP);
	if (pull_next(&r) != PULL_OBJECT)
		return;
	while (pull_key(&r, &key, &has_escape)) {
		if (pull_unescape(key, has_escape, p->a, &name) || pull_span(&r, &value))
			return;
		fields_add_text(ret, p->a, str_print(p->a, "labels." STR_FMT, STR_ARG(name)), field_text(value, p->a));
	}
}

static void tenant_live(planning *p, const plan_object *o, fields *ret)
{
	const plan_node *n = o->at;

	description_add(p, n->live->description, ret);
	labels_add(p, n->live->labels, ret);
}

static void member_add(planning *p, strs *ret, const char *name)
{
	if (!ret->v)
		ret->v = ARENA_ARRAY(p->a, str, 8);
	ret->v[ret->n++] = str_from(name);
}

static bool tenant_want(planning *p, const plan_object *o, fields *ret, strs *ret_members)
{
	const manifest_tenant *m = o->at->want;

	if (js_given(&manifest_tenant_type, m, "description")) {
		member_add(p, ret_members, "description");
		description_add(p, m->description, ret);
	}
	if (js_given(&manifest_tenant_type, m, "labels")) {
		member_add(p, ret_members, "labels");
		labels_add(p, m->labels.json, ret);
	}
	return true;
}

static void tenant_past(planning *p, str object, fields *ret)
{
	tenant t;
	fault f;

	if (js_read_output(&tenant_type, object, p->a, &t, &f))
		return;
	description_add(p, t.description, ret);
	labels_add(p, t.labels.json, ret);
}

static str tenant_initial(str path)
{
	(void)path;
	return STR_NONE;
}

static str quota_id(const plan_object *o)
{
	const plan_node *n = o->at;

	return n->live ? n->live->quota_id : n->quota_id;
}

static int64_t quota_rev(const plan_object *o)
{
	const plan_node *n = o->at;

	return n->live ? n->live->quota_rev : 0;
}

str sheet_path(arena *a, str model, int kind, int axis)
{
	if (kind < SHEET_MODEL_KINDS)
		return str_print(a, "models." STR_FMT ".%s.%s", STR_ARG(model), sheet_kinds[kind], sheet_axes[axis]);
	return str_print(a, "classes." STR_FMT ".limit.%s", STR_ARG(model), sheet_axes[axis]);
}

static void row_add(planning *p, const sheet_row *row, fields *ret)
{
	for (int kind = 0; kind < SHEET_KINDS; kind++)
		for (int axis = 0; axis < SHEET_AXES; axis++)
			if (row->v[kind][axis] != SHEET_NONE)
				fields_add_i64(ret, p->a, sheet_path(p->a, row->model, kind, axis), row->v[kind][axis]);
}

static void reclaim_add(planning *p, int64_t after_s, int64_t grace_s, fields *ret)
{
	if (after_s == SHEET_NONE)
		return;
	fields_add_i64(ret, p->a, S("reclaim.after_s"), after_s);
	fields_add_i64(ret, p->a, S("reclaim.grace_s"), grace_s);
}

static void quota_live(planning *p, const plan_object *o, fields *ret)
{
	const plan_node *n = o->at;

	for (uint32_t i = 0; i < n->n_quotas; i++) {
		sheet_row row;
		sheet_row_of(&n->quotas[i], &row);
		row_add(p, &row, ret);
	}
	fields_add_i64(ret, p->a, S("weight"), n->live->weight);
	if (!n->live->credits_limit_null)
		fields_add_i64(ret, p->a, S("credits_limit"), n->live->credits_limit);
	if (!n->live->reclaim_after_s_null)
		reclaim_add(p, n->live->reclaim_after_s, n->live->reclaim_grace_s, ret);
}

static const char *const quota_members[] = {"models", "classes", "weight", "credits_limit", "reclaim"};

static bool quota_want(planning *p, const plan_object *o, fields *ret, strs *ret_members)
{
	const plan_node *n = o->at;
	const tenant_quota *q = &n->want->quota;
	sheet *s = ARENA_NEW(p->a, sheet);
	fault f;

	if (!js_given(&manifest_tenant_type, n->want, "quota"))
		return false;
	sheet_init(s);
	(void)!sheet_merge(s, q, &f);
	for (size_t i = 0; i < sizeof(quota_members) / sizeof(*quota_members); i++)
		if (js_given(&tenant_quota_type, q, quota_members[i]))
			member_add(p, ret_members, quota_members[i]);
	for (uint32_t i = 0; i < s->n; i++)
		row_add(p, &s->rows[i], ret);
	if (js_given(&tenant_quota_type, q, "weight"))
		fields_add_i64(ret, p->a, S("weight"), s->weight);
	if (s->credits_limit != SHEET_NONE)
		fields_add_i64(ret, p->a, S("credits_limit"), s->credits_limit);
	reclaim_add(p, s->reclaim_after_s, s->reclaim_grace_s, ret);
	return true;
}

static void quota_past(planning *p, str object, fields *ret)
{
	tenant_quota q;
	fault f;
	sheet *s = ARENA_NEW(p->a, sheet);

	sheet_init(s);
	if (js_read_output(&tenant_quota_type, object, p->a, &q, &f) || sheet_merge(s, &q, &f))
		return;
	for (uint32_t i = 0; i < s->n; i++)
		row_add(p, &s->rows[i], ret);
	fields_add_i64(ret, p->a, S("weight"), s->weight);
	if (s->credits_limit != SHEET_NONE)
		fields_add_i64(ret, p->a, S("credits_limit"), s->credits_limit);
	reclaim_add(p, s->reclaim_after_s, s->reclaim_grace_s, ret);
}

static str quota_initial(str path)
{
	return str_eq(path, S("weight")) ? S("1000") : STR_NONE;
}

const plan_kind plan_kinds[OBJECTS_FIXED] = {
	{
		.name = "tenant",
		.right = RIGHT_TENANT_WRITE,
		.id = tenant_id,
		.rev = tenant_rev,
		.live = tenant_live,
		.want = tenant_want,
		.past = tenant_past,
		.initial = tenant_initial,
	},
	{
		.name = "quota",
		.right = RIGHT_QUOTA_WRITE,
		.from_above = true,
		.id = quota_id,
		.rev = quota_rev,
		.live = quota_live,
		.want = quota_want,
		.past = quota_past,
		.initial = quota_initial,
	},
};
