/* One batch of the ledger on the wire: two turns, and what follows each way they can end. */
#include "db/ledger_inside.h"

#include <assert.h>
#include <libpq-fe.h>

#include "base/clock.h"
#include "base/metric.h"
#include "db/fault.h"

enum { WHOLE_BATCH = -1, MESSAGES_BEFORE = 2 /* BEGIN, the head's lock */, BYTES_MAX = 256 * 1024 };

static void turn2_send(ledger *g);

static ledger *ledger_of(db_seg *seg)
{
	return (ledger *)((char *)seg - offsetof(ledger, seg));
}

static void fail_with(ledger *g, int32_t entry, err e, const char *why)
{
	if (g->failure.e)
		return;
	memset(&g->failure, 0, sizeof(g->failure));
	g->failure.e = fault_set(&g->failure.f, e, NULL, "%s", why);
	g->failed_at = entry;
}

static void fail_by(ledger *g, int32_t entry, const db_reply *r)
{
	if (g->failure.e)
		return;
	g->failure = *r;
	g->failure.res = NULL;
	g->failed_at = entry;
}

static void failure_clear(ledger *g)
{
	g->failure.e = ERR_OK;
	g->failed_at = WHOLE_BATCH;
}

static void entries_compact(ledger *g)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < g->n; i++) {
		if (!g->batch[i].op)
			continue;
		if (n != i)
			g->batch[n] = g->batch[i];
		n++;
	}
	g->n = n;
}

void batch_over(ledger *g)
{
	g->n = 0;
	g->phase = LEDGER_IDLE;
	g->is_unknown = g->was_repeated = false;
	arena_end(g->scratch);
	g->scratch = NULL;
}

static void committed(ledger *g)
{
	metric_add(METRIC_LANE_COMMITS, 0, 1);
	metric_add(METRIC_LANE_OPS, 0, g->n);
	metric_observe_us(METRIC_LANE_COMMIT_TIME, clock_mono_us() - g->sent_us);
	g->head_seen = g->next_n;
	for (uint32_t i = 0; i < g->n; i++)
		entry_tell(g, &g->batch[i]);
	batch_over(g);
	ledger_next(g);
}

/* Takes out of a batch that was undone who is to be told now; the rest runs again. */
static void undone_tell(ledger *g)
{
	err e = g->failure.e;
	if (g->is_dry && g->n && !e) {
		entry_tell(g, &g->batch[0]);
		return;
	}
	if (g->replays) {
		for (uint32_t i = 0; i < g->n; i++) {
			if (g->batch[i].is_replay)
				entry_tell(g, &g->batch[i]);
		}
		return;
	}
	if (e == ERR_OK)
		return;
	if (e == ERR_DB_RETRY && !g->was_repeated) {
		g->was_repeated = true;
		return;
	}
	bool is_of_one = g->failed_at != WHOLE_BATCH && e != ERR_DB_RETRY;
	for (uint32_t i = 0; i < g->n; i++) {
		ledger_op *op = g->batch[i].op;
		if (is_of_one && (int32_t)i != g->failed_at)
			continue;
		g->batch[i].op = NULL;
		ledger_tell_failure(op, e, &g->failure.f);
	}
}

static void undone(db_seg *seg, err e)
{
	ledger *g = ledger_of(seg);
	if (e) {
		g->phase = LEDGER_HELD;
		return;
	}
	undone_tell(g);
	entries_compact(g);
	if (!g->n) {
		batch_over(g);
		ledger_next(g);
		return;
	}
	metric_add(METRIC_LANE_RETRIES, 0, 1);
	turn1_send(g);
}

static void ignore(db_seg *seg, uint32_t i, db_reply *r)
{
	(void)seg;
	(void)i;
	(void)r;
}

static void seg_begin(
	ledger *g, ledger_phase phase, void (*on_reply)(db_seg *, uint32_t, db_reply *), void (*on_end)(db_seg *, err))
{
	g->phase = phase;
	g->seg.on_reply = on_reply;
	g->seg.on_end = on_end;
	pipe_begin(g->pipe, &g->seg);
}

static void own(ledger *g, sql_id s, const void *in)
{
	fault f;
	if (!g->failure.e && pipe_send_own(g->pipe, s, in, &f))
		fail_with(g, WHOLE_BATCH, ERR_INTERNAL, "A record cannot be stored.");
}

static void undo(ledger *g)
{
	fault f;
	seg_begin(g, LEDGER_UNDOING, ignore, undone);
	(void)!pipe_send_own(g->pipe, SQL_TX_ROLLBACK, NULL, &f);
	pipe_end(g->pipe);
}

static void head_read(ledger *g, const db_reply *r)
{
	sql_chain_lock_row row;
	fault f;
	if (r->rows != 1 || db_row(r, 0, &row, &f) || row.hash.n != LEDGER_HASH) {
		fail_with(g, WHOLE_BATCH, ERR_DB, "The chain has no head.");
		return;
	}
	g->head_n = row.n;
	memcpy(g->head_hash, row.hash.p, LEDGER_HASH);
	/* Milliseconds, as the record's text has it: so the column can be checked against the text. */
	g->at_us = row.at - row.at % 1000;
}

static void keys_read(ledger *g, const db_reply *r)
{
	sql_op_key_find_row row;
	fault f;
	for (uint32_t i = 0; i < r->rows; i++) {
		if (db_row(r, i, &row, &f) || row.ordinal < 1 || row.ordinal > g->keyed_n) {
			fail_with(g, WHOLE_BATCH, ERR_DB, "A stored answer cannot be read.");
			return;
		}
		uint32_t at = g->keyed[row.ordinal - 1];
		if (at < g->n) {
			entry_replay(g, &g->batch[at], &row);
			g->replays++;
		}
	}
}

static void entry_replied(ledger *g, uint32_t i, db_reply *r)
{
	uint32_t at = g->asked[i];
	ledger_entry *en = &g->batch[at];
	fault f;
	memset(&f, 0, sizeof(f));
	err e = g->asked_shows[i] ? entry_show(g, en, r, &f) : entry_read(g, en, at + 1, r, &f);
	if (e)
		fail_with(g, (int32_t)at, e, f.detail);
}

static void turn1_replied(db_seg *seg, uint32_t i, db_reply *r)
{
	ledger *g = ledger_of(seg);
	uint32_t before = MESSAGES_BEFORE + (g->keyed_n ? 1 : 0);
	if (g->failure.e)
		return;
	if (r->e) {
		fail_by(g, i >= before && i - before < g->asked_n ? g->asked[i - before] : WHOLE_BATCH, r);
	} else if (i == 1) {
		head_read(g, r);
	} else if (i >= MESSAGES_BEFORE && i < before) {
		keys_read(g, r);
	} else if (i >= before && i - before < g->asked_n && !g->replays) {
		entry_replied(g, i - before, r);
	}
}

static void turn1_ended(db_seg *seg, err e)
{
	ledger *g = ledger_of(seg);
	if (e) {
		/* Without turn 2 nothing can have committed. */
		g->phase = LEDGER_HELD;
		return;
	}
	if (!g->failure.e && !g->replays && g->n && !g->is_dry)
		turn2_send(g);
	else
		undo(g);
}

/* The part of the batch from `from` on goes back to the head of the queue. */
static void batch_trim(ledger *g, uint32_t from)
{
	for (uint32_t i = g->n; i > from; i--)
		ledger_queue_push_front(&g->queue, g->batch[i - 1].op);
	g->n = from;
}

static void show_send(ledger *g, uint32_t i)
{
	const ledger_op *op = g->batch[i].op;
	fault f;
	if (!op->show)
		return;
	memset(&f, 0, sizeof(f));
	if (pipe_send(g->pipe, op->scope, true, op->show, op->show_in, &f)) {
		fail_with(g, (int32_t)i, ERR_INTERNAL, f.detail);
		return;
	}
	g->asked_shows[g->asked_n] = true;
	g->asked[g->asked_n++] = (uint8_t)i;
}

static void ops_send(ledger *g)
{
	for (uint32_t i = 0; i < g->n; i++) {
		ledger_op *op = g->batch[i].op;
		fault f;
		if (!op->stmt)
			continue;
		if (i && pipe_bytes(g->pipe) >= BYTES_MAX) {
			batch_trim(g, i);
			return;
		}
		sql_put_i64(op->stmt, op->in, S("rev_offset"), i + 1);
		memset(&f, 0, sizeof(f));
		err e = pipe_send(g->pipe, op->scope, true, op->stmt, op->in, &f);
		if (e) {
			/* It must not leave a hole in the numbers of those behind it: they wait for the next batch. */
			batch_trim(g, i + 1);
			g->n = i;
			ledger_tell_failure(op, e, &f);
			return;
		}
		g->asked_shows[g->asked_n] = false;
		g->asked[g->asked_n++] = (uint8_t)i;
		show_send(g, i);
	}
}

/* An operation of several effects is alone in its batch. */
static void parts_send(ledger *g)
{
	const ledger_op *op = g->n ? g->batch[0].op : NULL;
	fault f;
	memset(&f, 0, sizeof(f));
	for (uint32_t i = 0; op && i < op->parts_n && !g->failure.e; i++) {
		err e = pipe_send(g->pipe, op->parts[i].scope, true, op->parts[i].stmt, op->parts[i].in, &f);
		if (e)
			fail_with(g, 0, e, f.detail);
	}
}

static void keys_find_in(ledger *g, sql_op_key_find_in *ret)
{
	ret->actors = (strs){ARENA_ARRAY(g->scratch, str, LEDGER_BATCH_OPS), 0};
	ret->keys = (strs){ARENA_ARRAY(g->scratch, str, LEDGER_BATCH_OPS), 0};
	for (uint32_t i = 0; i < g->n; i++) {
		ledger_op *op = g->batch[i].op;
		if (!op->key.p || op->is_dry)
			continue;
		ret->actors.v[g->keyed_n] = op->actor;
		ret->keys.v[g->keyed_n] = op->key;
		g->keyed[g->keyed_n++] = (uint8_t)i;
	}
	ret->actors.n = ret->keys.n = g->keyed_n;
}

static void fixed_need(ledger *g)
{
	static const sql_id fixed[] = {SQL_TX_BEGIN, SQL_TX_COMMIT, SQL_TX_ROLLBACK, SQL_SCOPE_SET, SQL_CHAIN_LOCK,
		SQL_CHAIN_MOVE, SQL_CHAIN_RECORD, SQL_AUDIT_ADD, SQL_OP_KEY_FIND, SQL_OP_KEY_ADD};
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		pipe_need(g->pipe, fixed[i]);
}

static void batch_need(ledger *g)
{
	fixed_need(g);
	for (uint32_t i = 0; i < g->n; i++) {
		if (g->batch[i].op->stmt)
			pipe_need(g->pipe, g->batch[i].op->stmt);
		if (g->batch[i].op->show)
			pipe_need(g->pipe, g->batch[i].op->show);
		for (uint32_t k = 0; k < g->batch[i].op->parts_n; k++)
			pipe_need(g->pipe, g->batch[i].op->parts[k].stmt);
	}
}

static void batch_reset(ledger *g)
{
	arena_end(g->scratch);
	g->scratch = arena_new(0);
	buf_clear(&g->answers);
	failure_clear(g);
	g->asked_n = g->keyed_n = g->replays = 0;
	g->is_committed = g->is_unknown = g->is_found = false;
	for (uint32_t i = 0; i < g->n; i++)
		g->batch[i].is_replay = false;
	g->sent_us = clock_mono_us();
}

void turn1_send(ledger *g)
{
	sql_op_key_find_in find;
	if (!pipe_is_up(g->pipe)) {
		g->phase = LEDGER_HELD;
		return;
	}
	batch_reset(g);
	batch_need(g);
	seg_begin(g, LEDGER_TURN1, turn1_replied, turn1_ended);
	own(g, SQL_TX_BEGIN, NULL);
	own(g, SQL_CHAIN_LOCK, NULL);
	keys_find_in(g, &find);
	if (g->keyed_n)
		own(g, SQL_OP_KEY_FIND, &find);
	g->is_dry = g->n == 1 && g->batch[0].op->is_dry;
	ops_send(g);
	parts_send(g);
	pipe_end(g->pipe);
}

static void turn2_replied(db_seg *seg, uint32_t i, db_reply *r)
{
	ledger *g = ledger_of(seg);
	(void)i;
	if (r->e)
		fail_by(g, WHOLE_BATCH, r);
	else if (r->stmt == SQL_CHAIN_MOVE && r->rows != 1)
		fail_with(g, WHOLE_BATCH, ERR_FENCED, "The head of the chain moved under its lock.");
	else if (r->stmt == SQL_TX_COMMIT)
		g->is_committed = strcmp(PQcmdStatus(r->res), "COMMIT") == 0;
}

static void turn2_ended(db_seg *seg, err e)
{
	ledger *g = ledger_of(seg);
	if (e) {
		g->is_unknown = true;
		g->phase = LEDGER_HELD;
	} else if (g->is_committed && !g->failure.e) {
		committed(g);
	} else {
		fail_with(g, WHOLE_BATCH, ERR_DB_RETRY, "The transaction was rolled back.");
		undo(g);
	}
}

static void denials_read(ledger *g)
{
	for (uint32_t i = 0; i < g->n; i++) {
		fault f;
		memset(&f, 0, sizeof(f));
		if (!g->batch[i].op->stmt && entry_denied(&g->batch[i], &f))
			fail_with(g, (int32_t)i, ERR_INTERNAL, f.detail);
	}
}

static void turn2_send(ledger *g)
{
	sql_audit_add_in records;
	sql_op_key_add_in keys;
	denials_read(g);
	if (!g->failure.e && records_make(g))
		fail_with(g, WHOLE_BATCH, ERR_INTERNAL, "The records are too large.");
	if (g->failure.e) {
		undo(g);
		return;
	}
	sql_chain_move_in move = {.n = g->next_n,
		.hash = str_of((char *)g->next_hash, LEDGER_HASH),
		.old_n = g->head_n,
		.old_hash = str_of((char *)g->head_hash, LEDGER_HASH)};
	records_in(g, &records);
	seg_begin(g, LEDGER_TURN2, turn2_replied, turn2_ended);
	own(g, SQL_AUDIT_ADD, &records);
	if (keys_in(g, &keys))
		own(g, SQL_OP_KEY_ADD, &keys);
	own(g, SQL_CHAIN_MOVE, &move);
	/* own() sends nothing more once one could not be sent: no commit without its records. */
	own(g, SQL_TX_COMMIT, NULL);
	pipe_end(g->pipe);
}

static void probe_replied(db_seg *seg, uint32_t i, db_reply *r)
{
	ledger *g = ledger_of(seg);
	sql_chain_record_row row;
	fault f;
	(void)i;
	if (r->e)
		fail_by(g, WHOLE_BATCH, r);
	else if (r->stmt == SQL_CHAIN_RECORD && r->rows == 1 && !db_row(r, 0, &row, &f))
		g->is_found = str_eq(row.hash, str_of((char *)g->next_hash, LEDGER_HASH));
}

static void probe_ended(db_seg *seg, err e)
{
	ledger *g = ledger_of(seg);
	if (e || g->failure.e) {
		g->phase = LEDGER_HELD;
		if (!e)
			pipe_drop(g->pipe, "the chain could not be asked for a batch");
		return;
	}
	if (g->is_found) {
		committed(g);
		return;
	}
	entries_compact(g);
	metric_add(METRIC_LANE_RETRIES, 0, 1);
	turn1_send(g);
}

/* With the head locked again no older transaction of ours can still be on its way: either its last record is there, or
 * it never will be. */
static void probe_send(ledger *g)
{
	const sql_chain_record_in in = {.n = g->next_n};
	const db_scope scope = g->is_platform ? DB_PLATFORM : db_tenants(&g->next_tenant_key, 1);
	fault f;
	failure_clear(g);
	g->is_found = false;
	fixed_need(g);
	seg_begin(g, LEDGER_PROBING, probe_replied, probe_ended);
	own(g, SQL_TX_BEGIN, NULL);
	own(g, SQL_CHAIN_LOCK, NULL);
	err e = pipe_send(g->pipe, scope, true, SQL_CHAIN_RECORD, &in, &f);
	assert(!e);
	(void)e;
	own(g, SQL_TX_ROLLBACK, NULL);
	pipe_end(g->pipe);
}

static bool op_is_clean(const ledger_op *op)
{
	const str texts[] = {op->actor, op->action, op->object_kind, op->object_id, op->request_id, op->key};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (texts[i].n && (memchr(texts[i].p, 0, texts[i].n) || !str_is_utf8(texts[i])))
			return false;
	}
	return true;
}

/* Two operations with one key never share a batch: the second must find the first's answer. */
bool key_is_taken(const ledger *g, const ledger_op *op)
{
	for (uint32_t i = 0; op->key.p && i < g->n; i++) {
		const ledger_op *other = g->batch[i].op;
		if (other && str_eq(other->key, op->key) && str_eq(other->actor, op->actor))
			return true;
	}
	return false;
}

static bool is_of_many(const ledger_op *op)
{
	return op->parts_n || op->effects_n;
}

/* A dry operation shares its transaction with nobody, and one of several records its numbers. */
static bool is_alone(const ledger_op *op)
{
	return op->is_dry || is_of_many(op);
}

static bool may_join(const ledger *g, const ledger_op *op)
{
	return !g->n || (!is_alone(op) && !is_alone(g->batch[0].op) && !key_is_taken(g, op));
}

void ledger_next(ledger *g)
{
	if (g->phase != LEDGER_IDLE || g->is_closing || !pipe_is_up(g->pipe))
		return;
	while (g->n < LEDGER_BATCH_OPS && g->queue.n && may_join(g, g->queue.first)) {
		ledger_op *op = ledger_queue_pop(&g->queue);
		if (op_is_clean(op))
			g->batch[g->n++].op = op;
		else
			entry_fail(&(ledger_entry){.op = op}, ERR_BAD_REQUEST,
				"An identifier holds bytes that are not text.");
	}
	if (g->n)
		turn1_send(g);
}

void ledger_up(void *arg)
{
	ledger *g = arg;
	if (g->phase == LEDGER_HELD && g->is_unknown)
		probe_send(g);
	else if (g->phase == LEDGER_HELD)
		turn1_send(g);
	else
		ledger_next(g);
}

static void held_fail(ledger_entry *en, bool is_unknown)
{
	if (is_unknown)
		entry_fail(en, ERR_DB_UNKNOWN, "The database went away during the commit.");
	else
		entry_fail(en, ERR_UNAVAILABLE, "The database did not answer in time.");
}

void ledger_expire(ledger *g, int64_t now_us)
{
	uint32_t left = 0;
	if (g->phase != LEDGER_HELD)
		return;
	for (uint32_t i = 0; i < g->n; i++) {
		ledger_entry *en = &g->batch[i];
		if (en->op && en->op->deadline_us <= now_us)
			held_fail(en, g->is_unknown);
		left += en->op != NULL;
	}
	if (!left)
		batch_over(g);
	else if (!g->is_unknown)
		entries_compact(g);
}

void ledger_abandon(ledger *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		held_fail(&g->batch[i], g->is_unknown);
	batch_over(g);
}
