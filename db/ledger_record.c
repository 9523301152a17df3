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

static void body_write(ledger *g, const ledger_entry *en, int64_t n)
{
	const ledger_op *op = en->op;
	js_writer w = js_writer_on(&g->bodies);
	js_object_begin(&w);
	js_put_i64(&w, "n", n);
	js_put_time(&w, "at", g->at_us);
	js_put_text(&w, "actor", op->actor);
	js_put_text(&w, "via", op->via);
	js_put_text(&w, "action", op->action);
	js_put_text(&w, "object_kind", op->object_kind);
	js_put_text(&w, "object_id", op->object_id);
	js_put_text(&w, "tenant", op->tenant.p ? op->tenant : S(""));
	js_put_i64(&w, "tenant_key", op->tenant_key);
	js_put_text(&w, "request_id", op->request_id);
	js_put_text(&w, "outcome", en->outcome);
	js_put_raw(&w, "change", op->change);
	js_object_end(&w);
}

static str body_of(const ledger *g, const ledger_entry *en)
{
	return str_cut(buf_str(&g->bodies), en->body_at, en->body_at + en->body_n);
}

err records_make(ledger *g)
{
	const uint8_t *prev = g->head_hash;
	buf_clear(&g->bodies);
	for (uint32_t i = 0; i < g->n; i++) {
		ledger_entry *en = &g->batch[i];
		en->body_at = (uint32_t)g->bodies.n;
		body_write(g, en, g->head_n + 1 + i);
		en->body_n = (uint32_t)g->bodies.n - en->body_at;
		if (g->bodies.over)
			return ERR_LIMIT;
		chain_link(prev, body_of(g, en), en->hash);
		prev = en->hash;
	}
	g->next_n = g->head_n + g->n;
	memcpy(g->next_hash, prev, LEDGER_HASH);
	g->next_tenant_key = g->batch[g->n - 1].op->tenant_key;
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
	*ret = (sql_audit_add_in){.ns = i64s_new(g, g->n),
		.at = g->at_us,
		.actors = strs_new(g, g->n),
		.actions = strs_new(g, g->n),
		.object_kinds = strs_new(g, g->n),
		.object_ids = strs_new(g, g->n),
		.tenant_keys = i64s_new(g, g->n),
		.request_ids = strs_new(g, g->n),
		.outcomes = strs_new(g, g->n),
		.bodies = strs_new(g, g->n),
		.hashes = strs_new(g, g->n)};
	for (uint32_t i = 0; i < g->n; i++) {
		const ledger_entry *en = &g->batch[i];
		const ledger_op *op = en->op;
		ret->ns.v[i] = g->head_n + 1 + i;
		ret->actors.v[i] = or_empty(op->actor);
		ret->actions.v[i] = or_empty(op->action);
		ret->object_kinds.v[i] = or_empty(op->object_kind);
		ret->object_ids.v[i] = or_empty(op->object_id);
		ret->tenant_keys.v[i] = op->tenant_key;
		ret->request_ids.v[i] = or_empty(op->request_id);
		ret->outcomes.v[i] = en->outcome;
		ret->bodies.v[i] = body_of(g, en);
		ret->hashes.v[i] = str_of((const char *)en->hash, LEDGER_HASH);
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
