/* What a plan, an apply or an export is made from: the scope, the manifest, the rows. */
#include "base/clock.h"
#include "json/yaml.h"
#include "server/identity/grant_text.h"
#include "server/worker/planner_inside.h"

/* Reads in flight, each with a place for its rows. */
typedef struct wanted {
	question *q;
	void **rows;
	uint32_t *n;
} wanted;

static void arrived(void *arg, db_reply *r)
{
	wanted *x = arg;
	question *q = x->q;

	if (r->e && !q->e) {
		q->e = r->e;
		q->f = r->f;
	}
	if (!r->e && !q->e) {
		db_keep(r, q->a);
		*x->n = r->rows;
		q->e = db_rows(r, q->a, x->rows, &q->f);
	}
	if (--q->reading == 0 && !question_failed(q))
		q->read(q);
}

static void want(question *q, db_scope scope, sql_id s, const void *in, void *rows, uint32_t *n)
{
	wanted *x = ARENA_NEW(q->a, wanted);

	*x = (wanted){q, rows, n};
	q->reading++;
	db_read(q->p->reader, scope, s, in, arrived, x);
}

static void export_print(question *q, buf *out)
{
	manifest_print(q->a, &q->in, q->ask.object_id, q->ask.reason.n ? q->ask.reason : STR_NONE, out);
}

/* The tenant to export is named by path or id. */
static bool export_find(question *q)
{
	str ref = q->ask.object_id;

	for (uint32_t i = 0; i < q->in.tenants_n; i++)
		if (str_eq(q->in.tenants[i].path, ref) || str_eq(q->in.tenants[i].id, ref)) {
			q->ask.object_id = q->in.tenants[i].path;
			return true;
		}
	return false;
}

static void export_make(question *q)
{
	if (q->ask.object_id.n && !export_find(q)) {
		q->e = fault_set(&q->f, ERR_NOT_FOUND, "tenant", "there is no such tenant in sight");
		question_fail(q, q->e, &q->f);
		return;
	}
	str text = question_text(q, export_print);
	if (!question_failed(q))
		question_answer(q, 200, STR_NONE, text);
}

static void rows_read(question *q)
{
	if (str_eq(q->ask.kind, S("export"))) {
		export_make(q);
		return;
	}
	q->e = plan_begin(q->a, &q->in, &q->plan, &q->f);
	if (question_failed(q))
		return;
	q->read = question_planned;
	plan_wants_history(q->plan, &q->history_in);
	plan_wants_live(q->plan, &q->live_in);
	if (q->history_in.ids.n)
		want(q, q->scope, SQL_PLAN_HISTORY, &q->history_in, &q->history, &q->history_n);
	if (q->live_in.keys.n)
		want(q, q->scope, SQL_PLAN_LIVE, &q->live_in, &q->live, &q->live_n);
	if (!q->reading)
		question_planned(q);
}

static void tenants_read(question *q)
{
	i64s keys = {ARENA_ARRAY(q->a, int64_t, q->in.tenants_n + 1), q->in.tenants_n};

	for (uint32_t i = 0; i < keys.n; i++)
		keys.v[i] = q->in.tenants[i].key;
	q->quotas_in.keys = q->managed_in.keys = q->uses_in.keys = q->bindings_in.keys = q->budgets_in.keys =
		q->raises_in.keys = keys;
	q->managed_in.manager = q->tenants_in.manager;
	q->read = rows_read;
	want(q, q->scope, SQL_PLAN_QUOTAS, &q->quotas_in, &q->in.quotas, &q->in.quotas_n);
	want(q, q->scope, SQL_PLAN_MANAGED, &q->managed_in, &q->in.managed, &q->in.managed_n);
	want(q, q->scope, SQL_PLAN_BINDINGS, &q->bindings_in, &q->in.bindings, &q->in.bindings_n);
	want(q, q->scope, SQL_PLAN_BUDGETS, &q->budgets_in, &q->in.budgets, &q->in.budgets_n);
	want(q, q->scope, SQL_PLAN_USES, &q->uses_in, &q->in.uses, &q->in.uses_n);
	want(q, q->scope, SQL_PLAN_RAISES, &q->raises_in, &q->in.raises, &q->in.raises_n);
	want(q, q->scope, SQL_PLAN_MODELS, NULL, &q->in.models, &q->in.models_n);
}

static void tenants_ask(question *q)
{
	bool is_export = str_eq(q->ask.kind, S("export"));

	q->tenants_in = (sql_plan_tenants_in){
		.tops = manifest_tops(&q->manifest, q->a),
		.is_all = is_export,
		.manager = q->manifest.manager.p ? q->manifest.manager : S(""),
	};
	q->in.want = &q->manifest;
	q->read = tenants_read;
	want(q, q->scope, SQL_PLAN_TENANTS, &q->tenants_in, &q->in.tenants, &q->in.tenants_n);
}

static err body_read(question *q, str body, bool is_yaml)
{
	buf json;

	q->in.manifest = body;
	if (!is_yaml)
		return manifest_read(body, q->a, &q->manifest, &q->f);
	buf_init(&json, PLANNER_TEXT_MAX);
	err e = yaml_to_json(body, &json, &q->f);
	str text = str_dup(q->a, buf_str(&json));
	buf_done(&json);
	return e ? e : manifest_read(text, q->a, &q->manifest, &q->f);
}

static void begin(question *q)
{
	if (q->has_work)
		q->e = body_read(q, q->work.manifest, q->work.is_yaml);
	else if (!str_eq(q->ask.kind, S("export")))
		q->e = body_read(q, q->ask.body, q->ask.is_yaml);
	if (!question_failed(q))
		tenants_ask(q);
}

/* A plan is applied on what its maker could see, so that it means the same to whoever applies it. */
static void plan_scope_came(void *arg, db_reply *r);

/* The nodes at which the right to plan or, for an export, to see is held: what is read for it lies below them. */
static void seen_set(question *q, const grants *g)
{
	right needed = str_eq(q->ask.kind, S("export")) ? RIGHT_QUOTA_READ : RIGHT_PLAN_WRITE;

	q->in.seen = (strs){ARENA_ARRAY(q->a, str, g->n + 1), 0};
	q->scope_in.keys = (i64s){ARENA_ARRAY(q->a, int64_t, g->n + 1), 0};
	for (uint32_t i = 0; i < g->n; i++) {
		if (!rights_hold(g->v[i].rights, needed))
			continue;
		q->in.seen.v[q->in.seen.n++] = g->v[i].tenant;
		q->scope_in.keys.v[q->scope_in.keys.n++] = g->v[i].tenant_key;
	}
}

/* What stands in its way would tell of the bindings as the plan does. */
static bool may_read(const question *q)
{
	return !q->work.tells_bindings || str_eq(q->work.created_by, q->ask.actor) ||
	       rights_hold(grants_at(&q->grants, q->work.tenant), RIGHT_BINDING_READ);
}

static void work_came(void *arg, db_reply *r)
{
	question *q = arg;

	q->e = r->e;
	q->f = r->f;
	if (!q->e && !r->rows)
		q->e = fault_set(&q->f, ERR_NOT_FOUND, "", "there is no such plan in sight");
	if (!q->e)
		q->e = (db_keep(r, q->a), db_row(r, 0, &q->work, &q->f));
	if (question_failed(q))
		return;
	if (q->work.applied_ask.p && str_eq(q->work.applied_ask, q->ask.id)) {
		question_answer(q, 200, q->ask.object_id, STR_NONE);
		return;
	}
	if (!may_read(q)) {
		q->e = fault_set(&q->f, ERR_PERMISSION_DENIED, "",
			"this plan tells of bindings: it needs the right %s where it was made",
			right_name(RIGHT_BINDING_READ));
		question_fail(q, q->e, &q->f);
		return;
	}
	grants made = grants_of_text(q->a, q->work.grants);
	q->has_work = true;
	seen_set(q, &made);
	if (q->work.is_platform)
		begin(q);
	else
		db_read(q->p->reader, DB_PLATFORM, SQL_PLAN_SCOPE, &q->scope_in, plan_scope_came, q);
}

static void scope_known(question *q)
{
	if (!str_eq(q->ask.kind, S("apply"))) {
		begin(q);
		return;
	}
	q->work_in.id = q->ask.object_id;
	q->work_in.reader = q->ask.is_platform ? S("") : q->ask.actor;
	db_read(q->p->reader, q->caller_scope, SQL_PLAN_WORK, &q->work_in, work_came, q);
}

static bool keys_of(question *q, db_reply *r, db_scope *ret)
{
	q->e = r->e;
	q->f = r->f;
	if (question_failed(q))
		return false;
	int32_t *keys = ARENA_ARRAY(q->a, int32_t, r->rows + 1);
	for (uint32_t i = 0; i < r->rows; i++)
		keys[i] = (int32_t)db_i64(r, i, "key");
	*ret = db_tenants(keys, r->rows);
	return true;
}

static void plan_scope_came(void *arg, db_reply *r)
{
	question *q = arg;

	if (keys_of(q, r, &q->scope))
		begin(q);
}

static void caller_scope_came(void *arg, db_reply *r)
{
	question *q = arg;

	if (!keys_of(q, r, &q->caller_scope))
		return;
	q->scope = q->caller_scope;
	scope_known(q);
}

static void caller_begin(question *q)
{
	q->grants = grants_of_text(q->a, q->ask.grants);
	q->in.grants = &q->grants;
	seen_set(q, &q->grants);
	if (q->ask.is_platform) {
		q->scope = q->caller_scope = DB_PLATFORM;
		scope_known(q);
		return;
	}
	db_read(q->p->reader, DB_PLATFORM, SQL_PLAN_SCOPE, &q->scope_in, caller_scope_came, q);
}

/* Who asks for what the plan cannot change: whoever approves it is somebody else (engine/raise.h). */
static void requester_keep(question *q, const principal *who)
{
	str own = str_from(who->id), subject = who->subject[0] ? str_from(who->subject) : own;

	q->marks = (strs){ARENA_ARRAY(q->a, str, who->stands_on.n + 2), 0};
	for (uint32_t i = 0; i < who->stands_on.n; i++)
		q->marks.v[q->marks.n++] = str_dup(q->a, who->stands_on.v[i]);
	q->marks.v[q->marks.n++] = str_dup(q->a, own);
	q->marks.v[q->marks.n++] = q->requester = str_dup(q->a, subject);
}

/* A question may have waited for its turn: what its caller was let in with counts no more than what they hold now. */
static void recognized(recognize *k, err e, principal *who)
{
	question *q = k->arg;

	if (e == ERR_TOKEN_INVALID)
		fault_set(&k->fault, e, "", "what the caller was let in with counts no more");
	if (!e && who->expires_at_us <= clock_now_us())
		e = fault_set(&k->fault, ERR_TOKEN_EXPIRED, "", "it expired before the plan's turn came");
	if (!e) {
		q->ask.grants = grants_text(q->a, &who->grants);
		q->ask.is_platform = principal_scope(who, RIGHT_PLAN_WRITE).kind == DB_SCOPE_PLATFORM;
		requester_keep(q, who);
	}
	principal_unref(who);
	if (e)
		question_fail(q, e, &k->fault);
	else
		caller_begin(q);
}

void question_begin(question *q)
{
	q->done = (sql_ask_done_in){0};
	if (str_eq(q->ask.kind, S("apply")))
		recognize_credential(&q->caller, q->p->reader, q->ask.actor, false, recognized, q);
	else
		caller_begin(q);
}
