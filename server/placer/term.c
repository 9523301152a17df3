#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "engine/fleet.h"
#include "server/placer/lend.h"
#include "server/placer/placer_inside.h"
#include "server/placer/reservation.h"

enum { PAGE_ROWS = 2000 };

void term_end(placer *p, int status)
{
	if (p->phase == PLACER_ENDED)
		return;
	if (p->phase == PLACER_LOADING || p->phase == PLACER_SERVING)
		term_step_down(p, "it ends");
	p->phase = PLACER_ENDED;
	loop_timer_disarm(p->tick);
	loop_timer_disarm(p->go);
	if (p->o.on_end)
		p->o.on_end(p->o.arg, status);
}

/* Forgets everything. The session ends too, and with it the lock; the next tick asks for the lead anew. */
void term_step_down(placer *p, const char *reason)
{
	log_info("placer.steps_down", KV_I64("term", p->head.term), KV_Z("why", reason));
	inbox_clear(&p->inbox);
	load_done(&p->load);
	turn_done(&p->turn);
	turn_init(&p->turn);
	books_done(&p->books);
	p->rows = NULL;
	p->phase = PLACER_STANDBY;
	p->rests = true;
	p->stage = STAGE_NONE;
	p->wants_look = p->wants_audit = p->wants_whole_look = p->wants_reserve = false;
	p->kinds = p->moved = 0;
	loop_timer_disarm(p->go);
	batcher_drop(p->db, reason);
}

static void unusable(placer *p, const db_verdict *v)
{
	log_error("placer.load", KV_ERR(v->e), KV_Z("message", v->message));
	term_step_down(p, "the books could not be read");
}

static void log_words(const load *l)
{
	str rest = buf_str(&l->words);

	log_error("placer.books_differ", KV_I64("differences", l->differences));
	for (str line = str_split(&rest, '\n'); line.n; line = str_split(&rest, '\n'))
		log_error("placer.books_differ", KV("what", line));
}

static void serve_begin(placer *p)
{
	p->phase = PLACER_SERVING;
	p->must_ask = false;
	p->wants_look = p->wants_whole_look = true;
	p->seq_high = p->seq_marks[0] = p->seq_marks[1] = 0;
	metric_set(METRIC_PLACER_TERM, p->head.term);
	log_info("placer.serves", KV_I64("term", p->head.term), KV_I64("placements", p->books.bookings.n),
		KV_I64("waiting", p->books.waiting.n), KV_I64("devices", p->books.fleet.devices.n));
	serve_next(p);
}

/* The last tables, after the placements: totals, use in the past, and what is held or told to go. */
static const sql_id last_order[] = {SQL_LOAD_PODS, SQL_LOAD_LEASES, SQL_LOAD_USES, SQL_LOAD_HISTORY, SQL_LOAD_HOLDS,
	SQL_LOAD_EVICTIONS, SQL_LOAD_ESCROW_OFF, SQL_LOAD_RESERVATIONS};
enum { LAST_TABLES = sizeof(last_order) / sizeof(*last_order) };

static void last_load(placer *p, sql_id stmt, const void *rows, uint32_t n)
{
	if (stmt == SQL_LOAD_PODS)
		lend_load_pods(&p->books, rows, n);
	else if (stmt == SQL_LOAD_LEASES)
		lend_load(&p->books, rows, n);
	else if (stmt == SQL_LOAD_USES)
		load_end(&p->load, rows, n);
	else if (stmt == SQL_LOAD_HISTORY)
		load_history(&p->load, rows, n);
	else if (stmt == SQL_LOAD_HOLDS)
		load_holds(&p->load, rows, n);
	else if (stmt == SQL_LOAD_ESCROW_OFF)
		load_escrow_off(&p->load, rows, n);
	else if (stmt == SQL_LOAD_RESERVATIONS)
		reservations_load(&p->books, rows, n);
	else
		load_evictions(&p->load, rows, n);
}

static void last_loaded(void *arg, const db_verdict *v)
{
	placer *p = arg;
	bool is_read = v->outcome == DB_COMMITTED;

	for (uint32_t i = 0; is_read && i < LAST_TABLES; i++) {
		arena *a = arena_new(0);
		const void *rows;
		uint32_t n;
		is_read = placer_rows(&v->replies[i], a, &rows, &n);
		if (is_read)
			last_load(p, last_order[i], rows, n);
		arena_end(a);
	}
	if (!is_read) {
		unusable(p, v);
	} else if (p->load.differences) {
		log_words(&p->load);
		term_end(p, PLACER_STATUS_MISMATCH);
	} else {
		load_done(&p->load);
		serve_begin(p);
	}
}

static void last_ask(placer *p)
{
	const history_curve *c = &p->books.curve;

	p->in.history = (sql_load_history_in){c->bucket_us, clock_now_us() - (int64_t)HISTORY_EPOCHS * c->half_life_us};
	for (uint32_t i = 0; i < LAST_TABLES; i++)
		p->reads[i] = (db_call){last_order[i], NULL};
	p->reads[3].in = &p->in.history;
	batcher_run(p->db, DB_PLATFORM, NULL, 0, p->reads, LAST_TABLES, last_loaded, p);
}

static void page_ask(placer *p);

static void page_loaded(void *arg, const db_verdict *v)
{
	placer *p = arg;
	arena *a = arena_new(0);
	const void *rows;
	uint32_t n;
	bool is_read = v->outcome == DB_COMMITTED && placer_rows(&v->replies[0], a, &rows, &n);

	if (is_read)
		load_placements(&p->load, rows, n);
	arena_end(a);
	if (!is_read)
		unusable(p, v);
	else if (n == PAGE_ROWS)
		page_ask(p);
	else
		last_ask(p);
}

static void page_ask(placer *p)
{
	p->in.page = (sql_load_placements_in){str_from(p->load.last_id), PAGE_ROWS};
	p->reads[0] = (db_call){SQL_LOAD_PLACEMENTS, &p->in.page};
	batcher_run(p->db, DB_PLATFORM, NULL, 0, p->reads, 1, page_loaded, p);
}

/* The heads come first: what moves while the tables are read is read again as news. */
static bool heads_load(placer *p, db_reply *r)
{
	AUTO_ARENA a = arena_new(0);
	const void *rows;
	uint32_t n;

	if (!placer_rows(r, a, &rows, &n))
		return false;
	if (n)
		p->head.g_seen = p->g_loaded = ((const sql_feed_heads_row *)rows)->g;
	return true;
}

static bool tables_load(placer *p, db_reply *replies)
{
	for (uint32_t i = 0; i < LOAD_TABLES; i++) {
		arena *a = arena_new(0);
		const void *rows;
		uint32_t n;
		bool is_read = placer_rows(&replies[i], a, &rows, &n);
		if (is_read)
			load_table(&p->load, load_tables[i], rows, n);
		arena_end(a);
		if (!is_read)
			return false;
	}
	return true;
}

static void tables_loaded(void *arg, const db_verdict *v)
{
	placer *p = arg;
	sql_incarnation_check_row is;
	fault f;

	if (v->outcome != DB_COMMITTED || db_row(&v->replies[0], 0, &is, &f)) {
		unusable(p, v);
		return;
	}
	p->books.incarnation = is.number;
	if (!heads_load(p, v->replies + 1) || !tables_load(p, v->replies + 2)) {
		unusable(p, v);
		return;
	}
	if (is.is_new && is.number > 1)
		log_warn("placer.incarnation", KV_I64("number", is.number));
	page_ask(p);
}

static void load_ask(placer *p)
{
	static const db_call check = {SQL_INCARNATION_CHECK, NULL};

	p->phase = PLACER_LOADING;
	books_init(&p->books);
	load_begin(&p->load, &p->books);
	p->reads[0] = (db_call){SQL_FEED_HEADS, NULL};
	for (uint32_t i = 0; i < LOAD_TABLES; i++)
		p->reads[1 + i] = (db_call){load_tables[i], NULL};
	batcher_run(p->db, DB_PLATFORM, &check, 1, p->reads, 1 + LOAD_TABLES, tables_loaded, p);
}

static void taken(void *arg, const db_verdict *v)
{
	placer *p = arg;
	sql_leader_take_row is;
	fault f;

	if (p->phase != PLACER_STANDBY || v->outcome != DB_COMMITTED || db_row(&v->replies[0], 0, &is, &f))
		return;
	if (!is.is_taken)
		return;
	p->head = (head){.term = is.term, .batch = is.batch, .n = is.n, .g_seen = is.g_seen};
	if (is.hash.n == LEDGER_HASH)
		memcpy(p->head.hash, is.hash.p, LEDGER_HASH);
	log_info("placer.leads", KV_I64("term", is.term), KV_I64("batch", is.batch));
	load_ask(p);
}

void term_ask(placer *p)
{
	static const db_call take = {SQL_LEADER_TAKE, NULL};

	if (batcher_is_up(p->db) && !batcher_is_busy(p->db))
		batcher_run(p->db, DB_PLATFORM, &take, 1, NULL, 0, taken, p);
}
