#include "server/worker/follower.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "db/reader.h"
#include "server/placer/claim.h"
#include "server/placer/load.h"
#include "server/placer/reservation.h"

enum { TICK_S = 60 };
#define READ_DEADLINE_US (60 * 1000000LL)
#define US_PER_S         1000000LL

typedef struct waiter {
	follow_ready ready;
	void *arg;
} waiter;

typedef struct stamp {
	int64_t nodes, devices, seen_at;
} stamp;

struct follower {
	db_reader *reader;
	loop_timer *soon, *tick;
	books books;
	bool has_books, is_busy, is_closing;
	load load;
	follow_marks marks, aim; /* in the books; to get to */
	stamp stamp;
	int64_t built_at_us, asked_at_us;
	uint32_t table;     /* of those that are read, the one at hand */
	uint32_t tables_to; /* one past the last */
	vec(waiter) waiters, served;
	struct {
		sql_load_placements_in page;
		sql_load_history_in history;
		sql_follow_changed_in changed;
		sql_follow_placements_in ids;
	} in;
	arena *ids; /* of the placements that are read again */
};

static void heads_ask(follower *f);

static void loading_end(follower *f)
{
	load_done(&f->load);
	f->load = (load){0};
}

static void books_drop(follower *f)
{
	if (!f->has_books)
		return;
	books_done(&f->books);
	f->has_books = false;
}

/* Those who ask meanwhile are served by the next look. */
static void serve(follower *f, const fault *bad)
{
	f->is_busy = false;
	for (uint32_t i = 0; i < f->served.n; i++)
		f->served.v[i].ready(f->served.v[i].arg, bad ? NULL : &f->books, f->marks, bad);
	vec_clear(&f->served);
	if (f->waiters.n && !f->is_closing)
		loop_timer_arm(f->soon, 0);
}

static void fail(follower *f, err e, const fault *bad)
{
	if (!f->is_closing)
		log_warn("follower.failed", KV_ERR(e), KV_Z("why", bad->detail));
	loading_end(f);
	if (f->ids)
		arena_end(f->ids);
	f->ids = NULL;
	books_drop(f);
	serve(f, bad);
}

/* The rows of a reply; NULL: it failed, and all that goes with it. */
static const void *rows_of(follower *f, db_reply *r, arena *a)
{
	void *rows = NULL;
	fault bad;
	err e = r->e ? r->e : db_rows(r, a, &rows, &bad);

	if (!e)
		return rows ? rows : (const void *)"";
	fail(f, e, r->e ? &r->f : &bad);
	return NULL;
}

/* What is held for whom, and who was told to go, is little: it is read whole each time. */
static const sql_id last_tables[] = {SQL_LOAD_HOLDS, SQL_LOAD_EVICTIONS, SQL_LOAD_RESERVATIONS};
enum { LAST_TABLES = sizeof(last_tables) / sizeof(*last_tables) };

static void last_ask(follower *f);

static void last_came(void *arg, db_reply *r)
{
	follower *f = arg;
	AUTO_ARENA a = arena_new(0);
	const void *rows = rows_of(f, r, a);

	if (!rows)
		return;
	load_begin(&f->load, &f->books);
	if (last_tables[f->table] == SQL_LOAD_HOLDS)
		load_holds(&f->load, rows, r->rows);
	else if (last_tables[f->table] == SQL_LOAD_EVICTIONS)
		load_evictions(&f->load, rows, r->rows);
	else
		reservations_load(&f->books, rows, r->rows);
	loading_end(f);
	if (++f->table < LAST_TABLES) {
		last_ask(f);
		return;
	}
	f->marks = f->aim;
	serve(f, NULL);
}

static void last_ask(follower *f)
{
	db_read(f->reader, DB_PLATFORM, last_tables[f->table], NULL, last_came, f);
}

static void done(follower *f)
{
	f->table = 0;
	last_ask(f);
}

static void placement_forget(books *b, str name)
{
	booking *k = books_booking(b, name);

	if (!k)
		return;
	if (k->held.pods.n)
		place_give(&b->fleet, b->tree, books_payer(b, k->tenant_key)->handle, &k->held);
	books_leave(b, k);
	booking_free(k);
}

static void changed_ask(follower *f);

static void placements_came(void *arg, db_reply *r)
{
	follower *f = arg;
	AUTO_ARENA a = arena_new(0);
	const sql_load_placements_row *rows = rows_of(f, r, a);

	if (!rows)
		return;
	for (uint32_t i = 0; i < f->in.ids.ids.n; i++)
		placement_forget(&f->books, f->in.ids.ids.v[i]);
	load_begin(&f->load, &f->books);
	load_placements(&f->load, rows, r->rows);
	bool is_whole = f->load.differences == 0;
	loading_end(f);
	arena_end(f->ids);
	f->ids = NULL;
	/* Something stands on what the books do not know yet: they begin anew. */
	if (!is_whole)
		f->stamp = (stamp){0};
	changed_ask(f);
}

static void changed_came(void *arg, db_reply *r)
{
	follower *f = arg;
	AUTO_ARENA a = arena_new(0);
	const sql_follow_changed_row *rows = rows_of(f, r, a);

	if (!rows)
		return;
	if (!r->rows) {
		done(f);
		return;
	}
	f->ids = arena_new(0);
	f->in.ids.ids = (strs){ARENA_ARRAY(f->ids, str, r->rows), r->rows};
	for (uint32_t i = 0; i < r->rows; i++) {
		f->in.ids.ids.v[i] = str_dup(f->ids, rows[i].placement_id);
		if (rows[i].n > f->in.changed.after)
			f->in.changed.after = rows[i].n;
	}
	db_read(f->reader, DB_PLATFORM, SQL_FOLLOW_PLACEMENTS, &f->in.ids, placements_came, f);
}

static void changed_ask(follower *f)
{
	f->in.changed.limit = FOLLOW_PAGE_ROWS;
	if (f->in.changed.after >= f->aim.decisions)
		done(f);
	else
		db_read(f->reader, DB_PLATFORM, SQL_FOLLOW_CHANGED, &f->in.changed, changed_came, f);
}

static void page_ask(follower *f);
static void history_came(void *arg, db_reply *r);

static void page_came(void *arg, db_reply *r)
{
	follower *f = arg;
	AUTO_ARENA a = arena_new(0);
	const void *rows = rows_of(f, r, a);

	if (!rows)
		return;
	load_placements(&f->load, rows, r->rows);
	if (r->rows == FOLLOW_PAGE_ROWS) {
		page_ask(f);
		return;
	}
	load_settle(&f->load);
	const history_curve *c = &f->books.curve;
	f->in.history = (sql_load_history_in){c->bucket_us, clock_now_us() - (int64_t)HISTORY_EPOCHS * c->half_life_us};
	db_read(f->reader, DB_PLATFORM, SQL_LOAD_HISTORY, &f->in.history, history_came, f);
}

static void history_came(void *arg, db_reply *r)
{
	follower *f = arg;
	AUTO_ARENA a = arena_new(0);
	const void *rows = rows_of(f, r, a);

	if (!rows)
		return;
	load_history(&f->load, rows, r->rows);
	loading_end(f);
	f->built_at_us = clock_mono_us();
	/* What was decided while it was read is read once more, so that nothing is half old. */
	f->in.changed.after = f->aim.decisions;
	heads_ask(f);
}

static void page_ask(follower *f)
{
	f->in.page = (sql_load_placements_in){str_from(f->load.last_id), FOLLOW_PAGE_ROWS};
	db_read(f->reader, DB_PLATFORM, SQL_LOAD_PLACEMENTS, &f->in.page, page_came, f);
}

static void table_ask(follower *f);

static void governed(follower *f)
{
	loading_end(f);
	changed_ask(f);
}

static void table_came(void *arg, db_reply *r)
{
	follower *f = arg;
	AUTO_ARENA a = arena_new(0);
	const void *rows = rows_of(f, r, a);

	if (!rows)
		return;
	load_table(&f->load, load_tables[f->table++], rows, r->rows);
	/* Where a tenant's totals hang is moved by the placer alone. */
	if (f->books.wants_moving)
		f->stamp = (stamp){0};
	if (f->table < f->tables_to)
		table_ask(f);
	else if (f->tables_to == LOAD_TABLES)
		page_ask(f);
	else
		governed(f);
}

static void table_ask(follower *f)
{
	db_read(f->reader, DB_PLATFORM, load_tables[f->table], NULL, table_came, f);
}

static void tables_ask(follower *f, uint32_t to)
{
	f->table = 0;
	f->tables_to = to;
	table_ask(f);
}

static void build(follower *f)
{
	books_drop(f);
	books_init(&f->books);
	f->has_books = true;
	load_begin(&f->load, &f->books);
	tables_ask(f, LOAD_TABLES);
}

static bool must_build(const follower *f, const stamp *now)
{
	bool has_moved =
		now->nodes != f->stamp.nodes || now->devices != f->stamp.devices || now->seen_at != f->stamp.seen_at;

	if (!f->has_books || f->aim.decisions - f->marks.decisions > FOLLOW_BEHIND_MAX)
		return true;
	return has_moved && clock_mono_us() - f->built_at_us > FOLLOW_REBUILD_S * US_PER_S;
}

static void heads_came(void *arg, db_reply *r)
{
	follower *f = arg;
	AUTO_ARENA a = arena_new(0);
	const sql_follow_heads_row *row = rows_of(f, r, a);

	if (!row)
		return;
	stamp now = {row->nodes, row->devices, row->seen_at};
	f->aim = (follow_marks){row->governance, row->decisions, row->at};
	if (must_build(f, &now)) {
		f->stamp = now;
		f->marks = f->aim;
		build(f);
		return;
	}
	claims_clear(&f->books);
	reservations_forget(&f->books);
	if (f->aim.governance != f->marks.governance) {
		f->marks.governance = f->aim.governance;
		load_begin(&f->load, &f->books);
		tables_ask(f, LOAD_TABLES_GOVERNED);
	} else {
		changed_ask(f);
	}
}

static void heads_ask(follower *f)
{
	db_read(f->reader, DB_PLATFORM, SQL_FOLLOW_HEADS, NULL, heads_came, f);
}

static void on_soon(void *arg)
{
	follower *f = arg;

	if (f->is_busy || !f->waiters.n)
		return;
	f->is_busy = true;
	vec_each (w, &f->waiters)
		vec_push(&f->served, *w);
	vec_clear(&f->waiters);
	f->in.changed.after = f->marks.decisions;
	heads_ask(f);
}

static void on_tick(void *arg)
{
	follower *f = arg;

	if (!f->is_busy && clock_mono_us() - f->asked_at_us > FOLLOW_IDLE_S * US_PER_S)
		books_drop(f);
	loop_timer_arm(f->tick, TICK_S * US_PER_S);
}

void follower_ask(follower *f, follow_ready ready, void *arg)
{
	f->asked_at_us = clock_mono_us();
	vec_push(&f->waiters, ((waiter){ready, arg}));
	if (!f->is_busy)
		loop_timer_arm(f->soon, 0);
}

follower *follower_new(loop *l, const db_options *o)
{
	follower *f = heap_new(1, sizeof *f);

	f->reader = reader_new(l, &(reader_options){.platform = *o, .platform_n = 1, .deadline_us = READ_DEADLINE_US});
	f->soon = loop_timer_new(l, on_soon, f);
	f->tick = loop_timer_new(l, on_tick, f);
	loop_timer_arm(f->tick, TICK_S * US_PER_S);
	return f;
}

void follower_free(follower *f)
{
	fault gone;

	if (!f)
		return;
	f->is_closing = true;
	fault_set(&gone, ERR_UNAVAILABLE, NULL, "the worker stops");
	reader_free(f->reader);
	vec_each (w, &f->waiters)
		w->ready(w->arg, NULL, f->marks, &gone);
	books_drop(f);
	vec_done(&f->waiters);
	vec_done(&f->served);
	loop_timer_free(f->soon);
	loop_timer_free(f->tick);
	free(f);
}
