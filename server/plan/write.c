/* From a plan to the statements that bring it about and the records that tell of it. */
#include "json/write.h"
#include "server/plan/plan_inside.h"

/* What applying needs while the ledger has it. */
typedef struct writing {
	planning *p;
	plan_writing w;
	plan_object **of_effect; /* by effect; behind them stand those of the requests */
	uint32_t n_objects;
	sheet *sheet; /* scratch */
} writing;

/* Effect i stands behind the operation's own record. */
int64_t object_offset(const plan_object *o)
{
	return o->effect < 0 ? -1 : o->effect + 2;
}

static bool is_new(const plan_node *n)
{
	return n->objects[0].op == PLAN_CREATE;
}

uint32_t plan_new_tenants(const planning *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n; i++)
		n += is_new(&p->nodes[i]);
	return n;
}

void plan_keys_take(planning *p, const int64_t *keys)
{
	for (uint32_t i = 0, k = 0; i < p->n; i++) {
		plan_node *n = &p->nodes[i];
		if (!is_new(n))
			continue;
		n->key = (int32_t)keys[k++];
		n->parent_key = n->up ? n->up->key : 1;
	}
}

static str labels_of(planning *p, const plan_object *o)
{
	bool counts = false;
	fields all = {0};
	str prefix = S("labels.");

	for (uint32_t i = 0; i < o->members.n; i++)
		counts |= str_eq(o->members.v[i], S("labels"));
	if (!counts)
		return o->at->live ? o->at->live->labels : S("{}");
	const fields *lists[] = {&o->live, &o->want};
	for (int k = 0; k < 2; k++)
		for (uint32_t i = 0; i < lists[k]->n; i++) {
			str path = lists[k]->v[i].path, value = object_final(o, path);
			bool is_second = k && fields_find(&o->live, path).p;
			if (str_starts(path, prefix) && value.p && !is_second)
				fields_add(&all, p->a, str_cut(path, prefix.n, path.n), value);
		}
	fields_sort(&all);
	return fields_json(&all, p->a);
}

static str description_of(planning *p, const plan_object *o)
{
	str value = object_final(o, S("description"));

	return value.p ? field_text(value, p->a) : S("");
}

static int64_t weight_of(const plan_object *o)
{
	return field_i64(object_final(o, S("weight")), 1000);
}

static int64_t credits_limit_of(const plan_object *o)
{
	return field_i64(object_final(o, S("credits_limit")), SHEET_NONE);
}

/* Columns of one statement, as long as the tree. */
static strs texts_new(planning *p, uint32_t n)
{
	return (strs){ARENA_ARRAY(p->a, str, n + 1), 0};
}

static i64s numbers_new(planning *p, uint32_t n)
{
	return (i64s){ARENA_ARRAY(p->a, int64_t, n + 1), 0};
}

static void text_put(strs *to, str v)
{
	to->v[to->n++] = v;
}

static void number_put(i64s *to, int64_t v)
{
	to->v[to->n++] = v;
}

static sql_plan_apply_in *verdict_in(planning *p, const plan_writing *w)
{
	sql_plan_apply_in *in = ARENA_NEW(p->a, sql_plan_apply_in);

	*in = (sql_plan_apply_in){.id = w->plan_id,
		.ask = w->ask,
		.actor = w->actor,
		.if_rev = w->if_rev,
		.fingerprint = str_from(p->fingerprint),
		.keys = numbers_new(p, p->n),
		.revs = numbers_new(p, p->n),
		.quota_revs = numbers_new(p, p->n),
		.new_paths = texts_new(p, p->n),
		.requests = plan_request_urls(p)};
	for (uint32_t i = 0; i < p->n; i++) {
		const plan_node *n = &p->nodes[i];
		if (is_new(n) || n->objects[0].op == PLAN_MOVE)
			text_put(&in->new_paths, n->path);
		if (!n->live)
			continue;
		number_put(&in->keys, n->key);
		number_put(&in->revs, n->live->rev);
		number_put(&in->quota_revs, n->live->quota_rev);
	}
	return in;
}

static void *remove_in(planning *p, const plan_writing *w)
{
	sql_plan_tenant_remove_in *in = ARENA_NEW(p->a, sql_plan_tenant_remove_in);

	*in = (sql_plan_tenant_remove_in){w->plan_id, numbers_new(p, p->n), numbers_new(p, p->n)};
	for (uint32_t i = 0; i < p->n; i++) {
		if (!p->nodes[i].goes)
			continue;
		number_put(&in->keys, p->nodes[i].key);
		number_put(&in->offs, object_offset(&p->nodes[i].objects[0]));
	}
	return in;
}

static void add_one(planning *p, sql_plan_tenant_add_in *in, const plan_node *n)
{
	number_put(&in->keys, n->key);
	number_put(&in->parent_keys, n->parent_key);
	number_put(&in->offs, object_offset(&n->objects[0]));
	text_put(&in->ids, n->id);
	text_put(&in->quota_ids, n->quota_id);
	text_put(&in->names, n->name);
	text_put(&in->paths, n->path);
	text_put(&in->descriptions, description_of(p, &n->objects[0]));
	text_put(&in->labels, labels_of(p, &n->objects[0]));
}

static void *add_in(planning *p, const plan_writing *w)
{
	sql_plan_tenant_add_in *in = ARENA_NEW(p->a, sql_plan_tenant_add_in);
	uint32_t n = plan_new_tenants(p);

	*in = (sql_plan_tenant_add_in){.plan = w->plan_id,
		.keys = numbers_new(p, n),
		.ids = texts_new(p, n),
		.quota_ids = texts_new(p, n),
		.parent_keys = numbers_new(p, n),
		.names = texts_new(p, n),
		.paths = texts_new(p, n),
		.descriptions = texts_new(p, n),
		.labels = texts_new(p, n),
		.offs = numbers_new(p, n)};
	for (uint32_t i = 0; i < p->n; i++)
		if (is_new(&p->nodes[i]))
			add_one(p, in, &p->nodes[i]);
	return in;
}

static void *set_in(planning *p, const plan_writing *w)
{
	sql_plan_tenant_set_in *in = ARENA_NEW(p->a, sql_plan_tenant_set_in);

	*in = (sql_plan_tenant_set_in){
		w->plan_id, numbers_new(p, p->n), texts_new(p, p->n), texts_new(p, p->n), numbers_new(p, p->n)};
	for (uint32_t i = 0; i < p->n; i++) {
		const plan_object *o = &p->nodes[i].objects[0];
		if (o->op != PLAN_UPDATE && o->op != PLAN_MOVE)
			continue;
		number_put(&in->keys, p->nodes[i].key);
		text_put(&in->descriptions, description_of(p, o));
		text_put(&in->labels, labels_of(p, o));
		number_put(&in->offs, object_offset(o));
	}
	return in;
}

static int32_t parent_of(const plan_node *n)
{
	if (n->objects[0].op != PLAN_MOVE)
		return n->parent_key;
	return n->up ? n->up->key : 1;
}

static void *move_in(planning *p, const plan_writing *w)
{
	sql_plan_tenant_move_in *in = ARENA_NEW(p->a, sql_plan_tenant_move_in);
	uint32_t n = p->n_moves;

	*in = (sql_plan_tenant_move_in){
		w->plan_id, numbers_new(p, n), numbers_new(p, n), texts_new(p, n), texts_new(p, n), numbers_new(p, n)};
	for (uint32_t i = 0; i < p->n; i++) {
		const plan_node *x = &p->nodes[i];
		if (x->objects[0].op != PLAN_MOVE)
			continue;
		number_put(&in->keys, x->key);
		number_put(&in->parent_keys, parent_of(x));
		text_put(&in->old_paths, x->from);
		text_put(&in->new_paths, x->path);
		number_put(&in->offs, object_offset(&x->objects[0]));
	}
	return in;
}

static void *clear_in(planning *p, const plan_writing *w)
{
	sql_plan_quota_clear_in *in = ARENA_NEW(p->a, sql_plan_quota_clear_in);

	*in = (sql_plan_quota_clear_in){w->plan_id, numbers_new(p, p->n)};
	for (uint32_t i = 0; i < p->n; i++)
		if (p->nodes[i].goes || (p->nodes[i].live && object_changes(&p->nodes[i].objects[1])))
			number_put(&in->keys, p->nodes[i].key);
	return in;
}

static bool is_empty(const sheet_row *row)
{
	for (int kind = 0; kind < SHEET_KINDS; kind++)
		for (int axis = 0; axis < SHEET_AXES; axis++)
			if (row->v[kind][axis] != SHEET_NONE)
				return false;
	return true;
}

/* The columns of plan_quota_add in the order of sheet_kinds and sheet_axes. */
static void amounts_put(sql_plan_quota_add_in *in, const sheet_row *row)
{
	i64s *columns[SHEET_KINDS][SHEET_AXES] = {
		{&in->guaranteed_device_milli, &in->guaranteed_memory_mib, &in->guaranteed_compute_milli},
		{&in->limit_device_milli, &in->limit_memory_mib, &in->limit_compute_milli},
		{&in->lend_limit_device_milli, &in->lend_limit_memory_mib, &in->lend_limit_compute_milli},
		{&in->borrow_limit_device_milli, &in->borrow_limit_memory_mib, &in->borrow_limit_compute_milli},
		{&in->class_limit_device_milli, &in->class_limit_memory_mib, &in->class_limit_compute_milli},
	};

	for (int kind = 0; kind < SHEET_KINDS; kind++)
		for (int axis = 0; axis < SHEET_AXES; axis++)
			number_put(columns[kind][axis], row->v[kind][axis]);
}

static sql_plan_quota_add_in *quota_rows_new(planning *p, const plan_writing *w, uint32_t n)
{
	sql_plan_quota_add_in *in = ARENA_NEW(p->a, sql_plan_quota_add_in);
	i64s *const columns[] = {&in->tenant_keys, &in->guaranteed_device_milli, &in->guaranteed_memory_mib,
		&in->guaranteed_compute_milli, &in->limit_device_milli, &in->limit_memory_mib, &in->limit_compute_milli,
		&in->lend_limit_device_milli, &in->lend_limit_memory_mib, &in->lend_limit_compute_milli,
		&in->borrow_limit_device_milli, &in->borrow_limit_memory_mib, &in->borrow_limit_compute_milli,
		&in->class_limit_device_milli, &in->class_limit_memory_mib, &in->class_limit_compute_milli};

	in->plan = w->plan_id;
	in->models = texts_new(p, n);
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		*columns[i] = numbers_new(p, n);
	return in;
}

static void *quota_add_in(planning *p, const plan_writing *w)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < p->n; i++)
		most += p->nodes[i].n_rows;
	sql_plan_quota_add_in *in = quota_rows_new(p, w, most);
	for (uint32_t i = 0; i < p->n; i++) {
		const plan_node *n = &p->nodes[i];
		for (uint32_t k = 0; k < n->n_rows && object_changes(&n->objects[1]); k++) {
			if (is_empty(&n->rows[k]))
				continue;
			number_put(&in->tenant_keys, n->key);
			text_put(&in->models, n->rows[k].model);
			amounts_put(in, &n->rows[k]);
		}
	}
	return in;
}

static void *mark_in(planning *p, const plan_writing *w)
{
	sql_plan_quota_mark_in *in = ARENA_NEW(p->a, sql_plan_quota_mark_in);

	*in = (sql_plan_quota_mark_in){w->plan_id, numbers_new(p, p->n), numbers_new(p, p->n), numbers_new(p, p->n),
		numbers_new(p, p->n), numbers_new(p, p->n), numbers_new(p, p->n)};
	for (uint32_t i = 0; i < p->n; i++) {
		const plan_object *o = &p->nodes[i].objects[1];
		if (!object_changes(o))
			continue;
		number_put(&in->keys, p->nodes[i].key);
		number_put(&in->weights, weight_of(o));
		number_put(&in->credits_limits, credits_limit_of(o));
		number_put(&in->reclaims_after_s, field_i64(object_final(o, S("reclaim.after_s")), SHEET_NONE));
		number_put(&in->reclaims_grace_s, field_i64(object_final(o, S("reclaim.grace_s")), SHEET_NONE));
		number_put(&in->offs, object_offset(o));
	}
	return in;
}

/* Parents above and at what changed. */
static void *quota_check_in(planning *p, const plan_writing *w)
{
	sql_plan_quota_check_in *in = ARENA_NEW(p->a, sql_plan_quota_check_in);

	*in = (sql_plan_quota_check_in){w->plan_id, numbers_new(p, 2 * p->n)};
	for (uint32_t i = 0; i < p->n; i++) {
		const plan_node *n = &p->nodes[i];
		if (!object_changes(&n->objects[1]) && n->objects[0].op != PLAN_MOVE)
			continue;
		number_put(&in->parents, n->key);
		number_put(&in->parents, parent_of(n));
	}
	return in;
}

/* What the manifest says of the members it names; one that is named and empty leaves its name, so that what others put
 * there is seen. */
static str said_of(planning *p, const plan_object *o)
{
	fields said = {0};

	for (uint32_t i = 0; i < o->want.n; i++)
		fields_add(&said, p->a, o->want.v[i].path, o->want.v[i].value);
	for (uint32_t i = 0; o->is_listed && i < o->members.n; i++)
		if (!fields_have_member(&o->want, o->members.v[i]))
			fields_add(&said, p->a, o->members.v[i], S("null"));
	if (object_is_item(o))
		fields_add_text(&said, p->a, S("item"), o->item);
	fields_sort(&said);
	return fields_json(&said, p->a);
}

/* What this manager lives with though its manifest says otherwise. */
static str adopted_of(planning *p, const plan_object *o)
{
	fields all = {0};

	for (uint32_t i = 0; i < o->n_diffs && planning_adopts_drift(p); i++)
		if (o->diffs[i].is_drift && o->diffs[i].live.p)
			fields_add(&all, p->a, o->diffs[i].path, o->diffs[i].live);
	for (uint32_t i = 0; i < o->adopted.n; i++) {
		const field *f = &o->adopted.v[i];
		bool holds = str_eq(fields_find(&o->live, f->path), f->value) &&
			     str_eq(fields_find(&o->want, f->path), fields_find(&o->base, f->path));
		if (holds)
			fields_add(&all, p->a, f->path, f->value);
	}
	fields_sort(&all);
	return fields_json(&all, p->a);
}

/* Whether the object is this manager's afterwards. A way to what is below is nobody's. */
static bool is_claimed(const planning *p, const plan_object *o)
{
	bool is_free = !o->kept || o->is_mine || p->want->adopt;

	if (o->at->goes || o->at->is_above || !o->is_listed || !is_free || o->op == PLAN_REQUEST)
		return false;
	return o->members.n || o->op == PLAN_CREATE || o->is_mine;
}

static bool is_made(const plan_object *o)
{
	if (o->op == PLAN_CREATE)
		return true;
	if (o->kind == &plan_kinds[OBJECT_TENANT] || object_is_item(o) || o->kept)
		return false;
	for (uint32_t i = 0; i < o->live.n; i++) {
		str initial = o->kind->initial(o->live.v[i].path);
		if (!initial.p || !str_eq(initial, o->live.v[i].value))
			return false;
	}
	return true;
}

static sql_plan_manage_in *claims_new(planning *p, const plan_writing *w)
{
	sql_plan_manage_in *in = ARENA_NEW(p->a, sql_plan_manage_in);
	uint32_t n = p->n_objects;

	*in = (sql_plan_manage_in){.plan = w->plan_id,
		.manager = p->want->manager,
		.kinds = texts_new(p, n),
		.object_ids = texts_new(p, n),
		.tenant_keys = numbers_new(p, n),
		.mades = {ARENA_ARRAY(p->a, bool, n + 1), 0},
		.last_applied = texts_new(p, n),
		.adopted = texts_new(p, n),
		.revs = numbers_new(p, n),
		.offs = numbers_new(p, n)};
	return in;
}

static void *manage_in(planning *p, const plan_writing *w)
{
	sql_plan_manage_in *in = claims_new(p, w);

	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->nodes[i].n_objects; k++) {
			const plan_object *o = &p->nodes[i].objects[k];
			if (!is_claimed(p, o))
				continue;
			text_put(&in->kinds, str_from(o->kind->name));
			text_put(&in->object_ids, o->kind->id(o));
			number_put(&in->tenant_keys, o->at->key);
			in->mades.v[in->mades.n++] = is_made(o);
			text_put(&in->last_applied, said_of(p, o));
			text_put(&in->adopted, adopted_of(p, o));
			number_put(&in->revs, o->kind->rev(o));
			number_put(&in->offs, object_offset(o));
		}
	return in;
}

/* What it removed, what is gone, and with prune what it no longer lists. */
static void *unmanage_in(planning *p, const plan_writing *w)
{
	sql_plan_unmanage_in *in = ARENA_NEW(p->a, sql_plan_unmanage_in);

	*in = (sql_plan_unmanage_in){w->plan_id, p->want->manager, texts_new(p, 2 * p->n_objects)};
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->nodes[i].n_objects; k++) {
			const plan_object *o = &p->nodes[i].objects[k];
			bool is_let_go = o->is_mine && (p->nodes[i].goes || (p->want->prune && !o->is_listed));
			if (is_let_go)
				text_put(&in->object_ids, o->kept->object_id);
			if (o->gone)
				text_put(&in->object_ids, o->gone->object_id);
		}
	return in;
}

static const struct {
	sql_id stmt;
	void *(*in)(planning *p, const plan_writing *w);
} parts[] = {
	{SQL_PLAN_TENANT_ADD, add_in},
	{SQL_PLAN_TENANT_MOVE, move_in},
	{SQL_PLAN_TENANT_REMOVE, remove_in},
	{SQL_PLAN_TENANT_SET, set_in},
	{SQL_PLAN_QUOTA_CLEAR, clear_in},
	{SQL_PLAN_QUOTA_ADD, quota_add_in},
	{SQL_PLAN_QUOTA_MARK, mark_in},
	{SQL_PLAN_QUOTA_CHECK, quota_check_in},
	{SQL_PLAN_BINDING_DROP, binding_drop_in},
	{SQL_PLAN_BINDING_PUT, binding_put_in},
	{SQL_PLAN_BUDGET_DROP, budget_drop_in},
	{SQL_PLAN_BUDGET_PUT, budget_put_in},
	{SQL_PLAN_REQUEST_ADD, request_add_in},
	{SQL_PLAN_UNMANAGE, unmanage_in},
	{SQL_PLAN_MANAGE, manage_in},
};
enum { PARTS = sizeof(parts) / sizeof(*parts) };

static void effects_fill(writing *x, ledger_op *op)
{
	static const char *const verbs[PLAN_OPS] = {NULL, "create", "update", "delete", "update", NULL};
	planning *p = x->p;
	ledger_effect *effects = ARENA_ARRAY(p->a, ledger_effect, p->n_changes + p->n_requests + 1);
	uint32_t n = 0;

	x->of_effect = ARENA_ARRAY(p->a, plan_object *, p->n_changes + 1);
	for (uint32_t i = 0; i < p->n_changes; i++) {
		plan_object *o = p->changes[i];
		if (!object_changes(o))
			continue;
		bool is_quota = o->kind == &plan_kinds[OBJECT_QUOTA];
		str action = str_print(p->a, "%s.%s", o->kind->name, is_quota ? "update" : verbs[o->op]);
		o->effect = n;
		x->of_effect[n] = o;
		effects[n++] =
			(ledger_effect){action, str_from(o->kind->name), o->kind->id(o), o->at->key, o->at->path};
	}
	x->n_objects = n;
	for (uint32_t i = 0; i < p->n_requests; i++) {
		plan_request *q = &p->requests[i];
		q->effect = n;
		effects[n++] = (ledger_effect){
			S("quota_request.create"), S("quota_request"), q->id, q->of->at->key, q->of->at->path};
	}
	op->effects = effects;
	op->effects_n = n;
}

static void tenant_show(writing *x, js_writer *w, const plan_object *o, int64_t revision, int64_t at_us)
{
	const plan_node *n = o->at;

	js_put_text(w, "id", o->kind->id(o));
	js_put_text(w, "name", n->name);
	js_put_text(w, "path", n->path);
	if (n->depth > 1)
		js_put_text(w, "parent", str_cut(n->path, 0, n->path.n - n->name.n - 1));
	js_put_i64(w, "depth", n->depth);
	js_put_text(w, "description", description_of(x->p, o));
	js_put_raw(w, "labels", labels_of(x->p, o));
	js_put_i64(w, "revision", revision);
	js_put_time(w, "created_at", n->live ? n->live->created_at : at_us);
}

static void quota_show(writing *x, js_writer *w, const plan_object *o, int64_t revision)
{
	const plan_node *n = o->at;
	sheet *s = x->sheet;

	sheet_init(s);
	for (uint32_t i = 0; i < n->n_rows && s->n < SHEET_ROWS_MAX; i++)
		if (!is_empty(&n->rows[i]))
			s->rows[s->n++] = n->rows[i];
	s->weight = weight_of(o);
	s->credits_limit = credits_limit_of(o);
	s->reclaim_after_s = field_i64(object_final(o, S("reclaim.after_s")), SHEET_NONE);
	s->reclaim_grace_s = field_i64(object_final(o, S("reclaim.grace_s")), SHEET_NONE);
	js_put_text(w, "id", o->kind->id(o));
	js_put_text(w, "tenant", n->path);
	js_put_i64(w, "revision", revision);
	sheet_write(w, s);
}

/* As a change of the object by itself is recorded, with the plan beside it. */
static void on_effect(ledger_op *op, uint32_t i, int64_t revision, int64_t at_us, buf *out)
{
	writing *x = op->effect_arg;
	const plan_object *o = i < x->n_objects ? x->of_effect[i] : NULL;
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_put_text(&w, "plan", x->w.plan_id);
	if (x->w.reason.n)
		js_put_text(&w, "reason", x->w.reason);
	js_key(&w, S("object"));
	js_object_begin(&w);
	if (!o)
		request_show(&w, &x->p->requests[i - x->n_objects], x->w.reason, revision);
	else if (o->kind == &plan_kinds[OBJECT_TENANT])
		tenant_show(x, &w, o, revision, at_us);
	else if (o->kind == &plan_kinds[OBJECT_QUOTA])
		quota_show(x, &w, o, revision);
	else
		item_show(x->p, &w, o, revision);
	js_object_end(&w);
	js_object_end(&w);
}

void plan_write(planning *p, const plan_writing *w, ledger_op *op)
{
	writing *x = ARENA_NEW(p->a, writing);
	ledger_part *all = ARENA_ARRAY(p->a, ledger_part, PARTS);

	*x = (writing){.p = p, .w = *w, .sheet = ARENA_NEW(p->a, sheet)};
	effects_fill(x, op);
	for (size_t i = 0; i < PARTS; i++)
		all[i] = (ledger_part){parts[i].stmt, parts[i].in(p, w), w->scope};
	op->in = verdict_in(p, w);
	op->stmt = SQL_PLAN_APPLY;
	op->parts = all;
	op->parts_n = PARTS;
	op->on_effect = on_effect;
	op->effect_arg = x;
}
