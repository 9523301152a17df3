/* What travels over a connection: messages out, and their answers in the same order. */
#include "db/pipe_inside.h"

#include <assert.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/fault.h"

enum { AWAITED_START = 256, BINARY = 1 };

static void await_grow(db_pipe *p)
{
	uint32_t old = p->awaited.n;
	uint32_t cap = old ? old * 2 : AWAITED_START;
	vec_reserve(&p->awaited, cap);
	/* The part that had wrapped moves behind the rest. */
	for (uint32_t i = 0; i < p->awaited_head; i++)
		p->awaited.v[old + i] = p->awaited.v[i];
	p->awaited.n = cap;
}

static void await(db_pipe *p, awaited_kind kind, sql_id s)
{
	if (p->awaited_n == p->awaited.n)
		await_grow(p);
	if (!p->awaited_n)
		p->last_answer_us = clock_mono_us();
	uint32_t at = (p->awaited_head + p->awaited_n++) & (p->awaited.n - 1);
	p->awaited.v[at] = (awaited){(uint16_t)kind, (uint16_t)s};
}

static void sent(db_pipe *p, int ok, awaited_kind kind, sql_id s)
{
	if (ok)
		await(p, kind, s);
	else
		pipe_break(p);
}

void pipe_need(db_pipe *p, sql_id s)
{
	assert(!p->building);
	if (p->prepared[s] || !pipe_is_up(p))
		return;
	const sql_stmt *t = &sql_stmts[s];
	Oid types[SQL_PARAMS_MAX];
	for (uint32_t i = 0; i < t->in_n; i++)
		types[i] = pg_type_oid(t->in[i].type);
	p->prepared[s] = 1;
	sent(p, PQsendPrepare(p->pg, t->name, t->text, t->in_n, types), AWAIT_PREPARE, s);
	if (!p->is_broken)
		sent(p, PQpipelineSync(p->pg), AWAIT_SYNC, s);
}

void pipe_begin(db_pipe *p, db_seg *s)
{
	assert(p->state == PIPE_UP && !p->building);
	s->next = NULL;
	s->answered = 0;
	if (p->segs_tail)
		p->segs_tail->next = s;
	else
		p->segs = s;
	p->segs_tail = s;
	p->building = s;
	p->bytes = 0;
}

static void scope_send(db_pipe *p, str text)
{
	const char *value = text.p;
	int n = (int)text.n, format = BINARY;
	if (p->is_broken)
		return;
	sent(p, PQsendQueryPrepared(p->pg, sql_stmts[SQL_SCOPE_SET].name, 1, &value, &n, &format, BINARY), AWAIT_SCOPE,
		0);
}

static str scope_text(db_pipe *p, db_scope scope)
{
	buf_clear(&p->scope);
	buf_add_char(&p->scope, '{');
	for (uint32_t i = 0; i < scope.n; i++) {
		if (i)
			buf_add_char(&p->scope, ',');
		buf_add_i64(&p->scope, scope.keys[i]);
	}
	buf_add_char(&p->scope, '}');
	return buf_str(&p->scope);
}

static void stmt_send(db_pipe *p, sql_id s)
{
	const params *b = &p->params;
	if (p->is_broken)
		return;
	p->bytes += b->size;
	sent(p, PQsendQueryPrepared(p->pg, sql_stmts[s].name, (int)b->n, b->values, b->lengths, b->formats, BINARY),
		AWAIT_STMT, s);
}

err pipe_send(db_pipe *p, db_scope scope, bool in_tx, sql_id s, const void *in, fault *f)
{
	assert(p->building);
	assert(scope.kind == (p->o.is_platform ? DB_SCOPE_PLATFORM : DB_SCOPE_TENANTS));
	if (scope.n > DB_SCOPE_KEYS_MAX)
		return fault_set(f, ERR_LIMIT, NULL, "More tenants are asked for at once than one statement takes.");
	err e = params_fill(&p->params, s, in, f);
	if (e)
		return e;
	if (!p->o.is_platform)
		scope_send(p, scope_text(p, scope));
	stmt_send(p, s);
	/* Behind it, so that nothing later in the transaction can run with a scope that is not its own. */
	if (!p->o.is_platform && in_tx)
		scope_send(p, S(""));
	return ERR_OK;
}

err pipe_send_own(db_pipe *p, sql_id s, const void *in, fault *f)
{
	assert(p->building && strcmp(sql_stmts[s].file, "ledger.sql") == 0);
	err e = params_fill(&p->params, s, in, f);
	if (e)
		return e;
	stmt_send(p, s);
	return ERR_OK;
}

void pipe_end(db_pipe *p)
{
	assert(p->building);
	p->building = NULL;
	if (p->is_broken)
		return;
	sent(p, PQpipelineSync(p->pg), AWAIT_SEG_END, 0);
	pipe_flush(p);
}

size_t pipe_bytes(const db_pipe *p)
{
	return p->bytes;
}

static void reply_fill(db_reply *r, sql_id s, PGresult *res)
{
	r->e = ERR_OK;
	r->stmt = s;
	r->rows = 0;
	r->res = res;
	r->is_kept = false;
	r->sqlstate[0] = r->constraint[0] = r->f.pointer[0] = r->f.detail[0] = 0;
	r->f.retry_after_s = 0;
	switch (PQresultStatus(res)) {
	case PGRES_TUPLES_OK:
		r->rows = (uint32_t)PQntuples(res);
		if (sql_stmts[s].kind == SQL_KIND_ONE && r->rows > 1)
			r->e = fault_set(
				&r->f, ERR_DB, NULL, "The statement %s found more than one row.", sql_stmts[s].name);
		break;
	case PGRES_COMMAND_OK:
		break;
	case PGRES_PIPELINE_ABORTED:
		memcpy(r->sqlstate, PIPE_SKIPPED, sizeof(PIPE_SKIPPED));
		r->e = ERR_DB;
		break;
	default:
		reply_fail(r, res);
		if (r->e == ERR_DB)
			log_error("db.refused", KV_Z("statement", sql_stmts[s].name), KV_Z("sqlstate", r->sqlstate),
				KV_Z("why", PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY)));
	}
}

static void stmt_answered(db_pipe *p, sql_id s, PGresult *res)
{
	db_seg *seg = p->segs;
	db_reply r;
	reply_fill(&r, s, res);
	if (strcmp(r.sqlstate, STATE_STALE_PLAN) == 0)
		pipe_drop(p, "a statement was prepared before the schema changed");
	seg->on_reply(seg, seg->answered++, &r);
	reply_clear(&r);
}

static void prepare_answered(db_pipe *p, sql_id s, PGresult *res)
{
	if (PQresultStatus(res) != PGRES_COMMAND_OK) {
		p->prepared[s] = 0;
		log_error("db.prepare", KV_Z("statement", sql_stmts[s].name), KV_Z("why", PQresultErrorMessage(res)));
	}
	PQclear(res);
}

static void seg_ended(db_pipe *p)
{
	db_seg *seg = p->segs;
	p->segs = seg->next;
	if (!p->segs)
		p->segs_tail = NULL;
	seg->on_end(seg, ERR_OK);
}

static void await_pop(db_pipe *p)
{
	p->awaited_head = (p->awaited_head + 1) & (p->awaited.n - 1);
	p->awaited_n--;
	p->got_result = false;
}

/* A Sync that fails to commit (deferred constraints) answers with an error first: told as the answer behind the last.
 */
static bool take_sync(db_pipe *p, awaited a, PGresult *res)
{
	if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
		PQclear(res);
		await_pop(p);
		if (a.kind == AWAIT_SEG_END)
			seg_ended(p);
		return true;
	}
	if (PQresultStatus(res) != PGRES_FATAL_ERROR || a.kind != AWAIT_SEG_END) {
		PQclear(res);
		return false;
	}
	p->got_result = true;
	stmt_answered(p, 0, res);
	return true;
}

/* One thing from libpq. Each statement gives a result and then NULL; a Sync gives a result only. Anything else means
 * that we and the server no longer talk about the same statement: the connection is given up. */
static bool take(db_pipe *p, PGresult *res)
{
	awaited a = p->awaited.v[p->awaited_head];
	bool is_sync = a.kind == AWAIT_SYNC || a.kind == AWAIT_SEG_END;
	if (is_sync && !res && p->got_result) {
		p->got_result = false;
		return true;
	}
	if (is_sync)
		return res && take_sync(p, a, res);
	if (!res) {
		bool was_due = p->got_result;
		if (was_due)
			await_pop(p);
		return was_due;
	}
	if (p->got_result || PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
		PQclear(res);
		return false;
	}
	p->got_result = true;
	if (a.kind == AWAIT_STMT)
		stmt_answered(p, a.stmt, res);
	else if (a.kind == AWAIT_PREPARE)
		prepare_answered(p, a.stmt, res);
	else
		PQclear(res);
	return true;
}

void pipe_pump(db_pipe *p, int what)
{
	(void)what;
	if (p->is_broken)
		return;
	if (!PQconsumeInput(p->pg)) {
		pipe_lost(p, PQerrorMessage(p->pg));
		return;
	}
	if (p->awaited_n)
		p->last_answer_us = clock_mono_us();
	while (p->awaited_n && !p->is_broken && !PQisBusy(p->pg)) {
		if (!take(p, PQgetResult(p->pg))) {
			pipe_lost(p,
				PQstatus(p->pg) == CONNECTION_BAD ? PQerrorMessage(p->pg) : "an answer out of order");
			return;
		}
	}
	if (PQstatus(p->pg) == CONNECTION_BAD)
		pipe_lost(p, PQerrorMessage(p->pg));
	else
		pipe_flush(p);
}
