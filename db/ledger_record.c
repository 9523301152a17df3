/* What the row of an operation means, and what is written about it. */
#include "db/ledger_inside.h"

#include <assert.h>

#include "base/clock.h"
#include "json/write.h"

#define REFUSED "refused:"

static bool code_find(str code, err *ret_e)
{
	for (int e = 1; e < ERR_COUNT; e++) {
		if (str_eq(str_from(err_code((err)e)), code)) {
			*ret_e = (err)e;
			return true;
		}
	}
	return false;
}

/* 'done' leaves e at OK; 'refused:<code>' gives the code's. */
static err outcome_read(ledger_entry *en, str outcome, fault *f)
{
	if (str_eq(outcome, S("done"))) {
		en->outcome = S("done");
		return ERR_OK;
	}
	if (str_starts(outcome, S(REFUSED)) && code_find(str_cut(outcome, sizeof(REFUSED) - 1, outcome.n), &en->e))
		return ERR_OK;
	return fault_set(f, ERR_DB, NULL, "The statement reports an outcome nobody knows: " STR_FMT, STR_ARG(outcome));
}

static str optional_text(const db_reply *r, const char *column)
{
	return sql_column(r->stmt, str_from(column)) ? db_text(r, 0, column) : STR_NONE;
}

static void refusal_fill(ledger *g, ledger_entry *en, str pointer, str detail)
{
	const char *code = err_code(en->e);
	memset(&en->f, 0, sizeof(en->f));
	(void)fault_set(&en->f, en->e, str_z(g->scratch, pointer), STR_FMT, STR_ARG(detail));
	en->outcome = str_print(g->scratch, REFUSED "%s", code);
	en->status = err_status(en->e);
}

err entry_read(ledger *g, ledger_entry *en, uint32_t k, db_reply *r, fault *f)
{
	en->e = ERR_OK;
	en->status = 200;
	en->answer_at = (uint32_t)g->answers.n;
	en->answer_n = 0;
	if (r->rows != 1)
		return fault_set(f, ERR_DB, NULL, "The statement %s returned no outcome.", sql_stmts[r->stmt].name);
	err e = outcome_read(en, db_text(r, 0, "outcome"), f);
	if (e)
		return e;
	if (en->e) {
		refusal_fill(g, en, optional_text(r, "pointer"), optional_text(r, "detail"));
		return ERR_OK;
	}
	if (en->op->on_row)
		en->status = en->op->on_row(en->op, r, g->head_n + k, g->at_us, &g->answers);
	en->answer_n = (uint32_t)g->answers.n - en->answer_at;
	if (g->answers.over || en->answer_n > LEDGER_ANSWER_MAX)
		return fault_set(f, ERR_INTERNAL, NULL, "The answer is too large.");
	return ERR_OK;
}

err entry_show(ledger *g, ledger_entry *en, db_reply *r, fault *f)
{
	if (en->e || !r->rows)
		return ERR_OK;
	en->answer_at = (uint32_t)g->answers.n;
	en->op->on_show(en->op, r, &g->answers);
	en->answer_n = (uint32_t)g->answers.n - en->answer_at;
	if (g->answers.over || en->answer_n > LEDGER_ANSWER_MAX)
		return fault_set(f, ERR_INTERNAL, NULL, "The answer is too large.");
	return ERR_OK;
}

err entry_denied(ledger_entry *en, fault *f)
{
	memset(&en->f, 0, sizeof(en->f));
	en->e = ERR_OK;
	en->answer_n = 0;
	err e = outcome_read(en, en->op->outcome, f);
	en->outcome = en->op->outcome;
	en->status = en->e ? err_status(en->e) : 200;
	return e;
}

/* A refusal is kept as "code \n pointer \n detail". */
static str refusal_text(ledger *g, const ledger_entry *en)
{
	return str_print(g->scratch, "%s\n%s\n%s", err_code(en->e), en->f.pointer, en->f.detail);
}

static void refusal_replay(ledger *g, ledger_entry *en, str text)
{
	if (!code_find(str_split(&text, '\n'), &en->e))
		en->e = ERR_INTERNAL;
	str pointer = str_split(&text, '\n');
	memset(&en->f, 0, sizeof(en->f));
	(void)fault_set(&en->f, en->e, str_z(g->scratch, pointer), STR_FMT, STR_ARG(text));
}

void entry_replay(ledger *g, ledger_entry *en, const sql_op_key_find_row *row)
{
	str mine = str_of((const char *)en->op->fingerprint, LEDGER_HASH);
	en->is_replay = true;
	en->e = ERR_OK;
	if (!str_eq(row->fingerprint, mine)) {
		en->e = fault_set(&en->f, ERR_IDEMPOTENCY_KEY_REUSED, "Idempotency-Key",
			"The key was used with another request; take a new one.");
		en->status = err_status(en->e);
		return;
	}
	en->status = (int32_t)row->status;
	en->answer_at = (uint32_t)g->answers.n;
	en->answer_n = 0;
	if (en->status >= 400) {
		refusal_replay(g, en, row->answer);
		return;
	}
	buf_add_str(&g->answers, row->answer);
	en->answer_n = row->answer.n;
}

static void body_write(ledger *g, const ledger_record *rec, int64_t n, str change)
{
	const ledger_op *op = rec->op;
	const ledger_effect *about = &rec->about;
	js_writer w = js_writer_on(&g->bodies);
	js_object_begin(&w);
	js_put_i64(&w, "n", n);
	js_put_time(&w, "at", g->at_us);
	js_put_text(&w, "actor", op->actor);
	js_put_text(&w, "via", op->via);
	js_put_text(&w, "action", about->action);
	js_put_text(&w, "object_kind", about->object_kind);
	js_put_text(&w, "object_id", about->object_id);
	js_put_text(&w, "tenant", about->tenant.p ? about->tenant : S(""));
	js_put_i64(&w, "tenant_key", about->tenant_key);
	js_put_text(&w, "request_id", op->request_id);
	js_put_text(&w, "outcome", rec->outcome);
	js_put_raw(&w, "change", change);
	js_object_end(&w);
}

static str body_of(const ledger *g, const ledger_record *rec)
{
	return str_cut(buf_str(&g->bodies), rec->body_at, rec->body_at + rec->body_n);
}

static ledger_effect about_op(const ledger_op *op)
{
	return (ledger_effect){op->action, op->object_kind, op->object_id, op->tenant_key, op->tenant};
}

/* Behind the record before it, whose hash it continues. */
static void record_add(ledger *g, const ledger_entry *en, ledger_effect about, str change)
{
	uint32_t i = g->records_n++;
	ledger_record *rec = &g->records[i];
	*rec = (ledger_record){.op = en->op, .about = about, .outcome = en->outcome, .body_at = (uint32_t)g->bodies.n};
	body_write(g, rec, g->head_n + 1 + i, change);
	rec->body_n = (uint32_t)g->bodies.n - rec->body_at;
	chain_link(i ? rec[-1].hash : g->head_hash, body_of(g, rec), rec->hash);
}

static uint32_t effects_of(const ledger_entry *en)
{
	return en->e ? 0 : en->op->effects_n;
}

static void effects_add(ledger *g, const ledger_entry *en)
{
	buf change;
	buf_init(&change, LEDGER_BODY_MAX);
	for (uint32_t i = 0; i < effects_of(en) && !g->bodies.over; i++) {
		buf_clear(&change);
		en->op->on_effect(en->op, i, g->head_n + 1 + g->records_n, g->at_us, &change);
		record_add(g, en, en->op->effects[i], change.over ? STR_NONE : buf_str(&change));
	}
	buf_done(&change);
}

err records_make(ledger *g)
{
	uint32_t n = 0;
	buf_clear(&g->bodies);
	for (uint32_t i = 0; i < g->n; i++)
		n += 1 + effects_of(&g->batch[i]);
	g->records = ARENA_ARRAY(g->scratch, ledger_record, n);
	g->records_n = 0;
	for (uint32_t i = 0; i < g->n && !g->bodies.over; i++) {
		record_add(g, &g->batch[i], about_op(g->batch[i].op), g->batch[i].op->change);
		effects_add(g, &g->batch[i]);
	}
	if (g->bodies.over)
		return ERR_LIMIT;
	const ledger_record *last = &g->records[n - 1];
	g->next_n = g->head_n + n;
	memcpy(g->next_hash, last->hash, LEDGER_HASH);
	g->next_tenant_key = last->about.tenant_key;
	return ERR_OK;
}

static str or_empty(str s)
{
	return s.p ? s : S("");
}

static strs strs_new(ledger *g, uint32_t n)
{
	return (strs){ARENA_ARRAY(g->scratch, str, n), n};
}

static i64s i64s_new(ledger *g, uint32_t n)
{
	return (i64s){ARENA_ARRAY(g->scratch, int64_t, n), n};
}

void records_in(ledger *g, sql_audit_add_in *ret)
{
	uint32_t n = g->records_n;
	*ret = (sql_audit_add_in){.ns = i64s_new(g, n),
		.at = g->at_us,
		.actors = strs_new(g, n),
		.actions = strs_new(g, n),
		.object_kinds = strs_new(g, n),
		.object_ids = strs_new(g, n),
		.tenant_keys = i64s_new(g, n),
		.request_ids = strs_new(g, n),
		.outcomes = strs_new(g, n),
		.bodies = strs_new(g, n),
		.hashes = strs_new(g, n)};
	for (uint32_t i = 0; i < n; i++) {
		const ledger_record *rec = &g->records[i];
		ret->ns.v[i] = g->head_n + 1 + i;
		ret->actors.v[i] = or_empty(rec->op->actor);
		ret->actions.v[i] = or_empty(rec->about.action);
		ret->object_kinds.v[i] = or_empty(rec->about.object_kind);
		ret->object_ids.v[i] = or_empty(rec->about.object_id);
		ret->tenant_keys.v[i] = rec->about.tenant_key;
		ret->request_ids.v[i] = or_empty(rec->op->request_id);
		ret->outcomes.v[i] = rec->outcome;
		ret->bodies.v[i] = body_of(g, rec);
		ret->hashes.v[i] = str_of((const char *)rec->hash, LEDGER_HASH);
	}
}

bool keys_in(ledger *g, sql_op_key_add_in *ret)
{
	uint32_t n = 0;
	*ret = (sql_op_key_add_in){.actors = strs_new(g, g->n),
		.keys = strs_new(g, g->n),
		.fingerprints = strs_new(g, g->n),
		.statuses = i64s_new(g, g->n),
		.answers = strs_new(g, g->n)};
	for (uint32_t i = 0; i < g->n; i++) {
		const ledger_entry *en = &g->batch[i];
		const ledger_op *op = en->op;
		if (!op->key.p || (en->e && (err_is_retryable(en->e) || en->e == ERR_ETAG_MISMATCH)))
			continue;
		ret->actors.v[n] = or_empty(op->actor);
		ret->keys.v[n] = op->key;
		ret->fingerprints.v[n] = str_of((const char *)op->fingerprint, LEDGER_HASH);
		ret->statuses.v[n] = en->status;
		ret->answers.v[n++] =
			en->e ? refusal_text(g, en)
			      : str_cut(buf_str(&g->answers), en->answer_at, en->answer_at + en->answer_n);
	}
	ret->actors.n = ret->keys.n = ret->fingerprints.n = ret->statuses.n = ret->answers.n = n;
	return n > 0;
}
