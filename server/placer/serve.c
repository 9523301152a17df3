#include <assert.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "server/placer/decide.h"
#include "server/placer/drift.h"
#include "server/placer/evacuate.h"
#include "server/placer/failover.h"
#include "server/placer/hint.h"
#include "server/placer/inventory.h"
#include "server/placer/lend.h"
#include "server/placer/moves.h"
#include "server/placer/placer_inside.h"
#include "server/placer/pods.h"
#include "server/placer/report.h"
#include "server/placer/reservation.h"
#include "server/placer/shed.h"
#include "server/placer/spend.h"

enum {
	SLICE_US = 1500, /* the loop is given back after so long */
	BEAT_US = 1000 * 1000,
	TURN_BYTES_MAX = 16 << 20, /* a turn takes nothing more in when it has grown so large */
	TURN_REPORTED_MAX =
		512, /* reports behind this many changed placements wait for the next turn: requests do not */
};

void inbox_clear(inbox *i)
{
	arena_end(i->a);
	*i = (inbox){0};
}

static bool is_place(const sql_inbox_next_row *row)
{
	return str_eq(row->kind, S("place"));
}

static void consume(placer *p, const sql_inbox_next_row *row)
{
	vec_push(&p->turn.consumed, row->seq);
	if (row->seq > p->seq_high)
		p->seq_high = row->seq;
}

/* Whether the request it lets go of waits in this very inbox: then it is for the next turn. */
static bool is_ahead(const placer *p, const sql_inbox_next_row *release)
{
	if (books_booking(&p->books, release->object_id))
		return false;
	for (uint32_t i = 0; i < p->inbox.n; i++)
		if (is_place(&p->inbox.rows[i]) && str_eq(p->inbox.rows[i].object_id, release->object_id))
			return true;
	return false;
}

/* A request that was numbered long before may have been stored just now: only a look from the beginning on tells. */
static bool may_be_behind(placer *p, const sql_inbox_next_row *release)
{
	if (p->inbox.is_whole || books_booking(&p->books, release->object_id))
		return false;
	p->wants_look = p->wants_whole_look = true;
	return true;
}

static void report_take(placer *p, const sql_inbox_next_row *row)
{
	fault f = {0};
	err e = report_apply(&p->turn, &p->books, row, &f);

	if (e)
		log_warn("placer.report", KV_I64("seq", row->seq), KV_ERR(e), KV_Z("pointer", f.pointer),
			KV_Z("detail", f.detail));
}

/* Everything but requests: it frees more than it takes. False: the turn takes nothing more in. */
static bool row_take(placer *p, const sql_inbox_next_row *row)
{
	if (is_place(row) || care_take(p, row))
		return true;
	if (str_eq(row->kind, S("report"))) {
		report_take(p, row);
	} else {
		if (is_ahead(p, row) || may_be_behind(p, row))
			return true;
		decide_release(&p->turn, &p->books, row);
	}
	consume(p, row);
	return !p->turn.has_inventory;
}

/* Each step does a bounded piece of its stage; true when the stage is over. */
static bool step_review(placer *p)
{
	moves_review(&p->turn, &p->books);
	if (p->turn.moved.n)
		return true;
	inventory_review(&p->turn, &p->books);
	shed_review(&p->turn, &p->books);
	evacuate_review(&p->turn, &p->books);
	failover_review(&p->turn, &p->books);
	spend_review(&p->turn, &p->books);
	reservations_review(&p->turn, &p->books);
	lend_review(&p->turn, &p->books);
	pods_review(&p->turn, &p->books);
	drift_review(&p->turn, &p->books);
	return true;
}

static bool is_full(const placer *p)
{
	return arena_bytes(p->turn.a) > TURN_BYTES_MAX;
}

static bool step_reports(placer *p)
{
	inbox *i = &p->inbox;

	bool has_room = !is_full(p) && p->turn.touches.n < TURN_REPORTED_MAX;

	if (i->at < i->n && has_room && row_take(p, &i->rows[i->at])) {
		i->at++;
		return false;
	}
	i->at = 0;
	return true;
}

/* Once a second: room for who has waited long, and what there is to say to who asks why. */
static void waiting_look(placer *p)
{
	(void)decide_reserves(&p->turn, &p->books);
	decide_reclaims(&p->turn, &p->books);
	hints_make(&p->turn, &p->books);
}

static bool step_waiting(placer *p)
{
	/* The walk ends with its turn at the latest; the next turn goes on with it. */
	(void)decide_waiting(&p->turn, &p->books);
	if (p->wants_reserve)
		waiting_look(p);
	p->wants_reserve = false;
	return true;
}

static void place_take_in(placer *p, const sql_inbox_next_row *row)
{
	if (care_take(p, row))
		return;
	if (!books_payer(&p->books, (int32_t)row->tenant_key))
		log_error("placer.no_tenant", KV("placement", row->object_id), KV_I64("tenant_key", row->tenant_key));
	decide_place(&p->turn, &p->books, row);
	consume(p, row);
}

static bool step_places(placer *p)
{
	inbox *i = &p->inbox;

	if (i->at == i->n || is_full(p))
		return true;
	if (is_place(&i->rows[i->at]))
		place_take_in(p, &i->rows[i->at]);
	i->at++;
	return false;
}

/* New devices are written before anything is put on them, and totals that moved before anything grows. */
static turn_stage stage_after(const placer *p)
{
	turn_stage careful = care_stage(p);

	if (careful != STAGE_NONE)
		return careful;
	if ((p->turn.has_inventory || p->turn.moved.n) && p->stage <= STAGE_REPORTS)
		return STAGE_READY;
	return p->stage + 1;
}

static void turn_step(placer *p)
{
	static bool (*const steps[])(placer * p) = {
		[STAGE_REVIEW] = step_review,
		[STAGE_REPORTS] = step_reports,
		[STAGE_WAITING] = step_waiting,
		[STAGE_PLACES] = step_places,
	};

	if (steps[p->stage](p))
		p->stage = stage_after(p);
}

/* Decides for a while. False: the loop gets its turn first. */
static bool decide(placer *p)
{
	int64_t until_us = clock_mono_us() + SLICE_US;

	while (p->stage != STAGE_READY) {
		turn_step(p);
		if (p->stage != STAGE_READY && clock_mono_us() > until_us) {
			loop_timer_arm(p->go, 0);
			return false;
		}
	}
	return true;
}

static bool is_walking(const books *b)
{
	return b->waiting.n && (b->is_walking || b->looked != b->changes.count);
}

static bool wants_review(const books *b)
{
	return b->wants_moving || b->moves_over.n || standing_is_due(&b->standing, clock_now_us()) ||
	       evacuate_is_due(b, clock_now_us()) || failover_is_due(b, clock_now_us()) ||
	       shed_is_due(b, clock_now_us()) || spend_is_due(b, clock_now_us()) || lend_is_due(b, clock_now_us()) ||
	       drift_is_due(b) || reservations_are_due(b, clock_now_us());
}

static bool has_work(const placer *p)
{
	return wants_review(&p->books) || p->inbox.n || is_walking(&p->books) || p->wants_reserve ||
	       p->books.wants_classing || p->books.doomed.n;
}

static bool is_known(const placer *p, const sql_inbox_next_row *row)
{
	return books_payer(&p->books, (int32_t)row->tenant_key) &&
	       (row->cluster_key_null || books_site(&p->books, (int32_t)row->cluster_key));
}

/* What is new since the last look at governance is loaded before it is decided upon. */
static void inbox_check(placer *p)
{
	if (p->inbox.was_checked)
		return;
	p->inbox.was_checked = true;
	for (uint32_t i = 0; i < p->inbox.n; i++)
		if (!is_known(p, &p->inbox.rows[i]))
			p->kinds |= KIND_TENANTS | KIND_QUOTAS | KIND_CLUSTERS;
}

void serve_reads(placer *p)
{
	p->in.inbox = (sql_inbox_next_in){p->wants_whole_look ? 0 : p->seq_marks[0], p->care.rows ? 1 : p->o.batch};
	p->reads[0] = (db_call){SQL_INBOX_NEXT, &p->in.inbox};
	p->reads_n = 1;
	p->reads_whole = p->wants_whole_look;
	p->wants_look = p->wants_whole_look = false;
	if (p->wants_audit)
		news_read(p);
}

static bool inbox_take(placer *p, db_reply *r)
{
	const void *rows;
	uint32_t n;
	arena *a = arena_new(0);

	inbox_clear(&p->inbox);
	if (!placer_rows(r, a, &rows, &n)) {
		arena_end(a);
		p->wants_look = true;
		return false;
	}
	p->inbox = (inbox){.a = a, .rows = rows, .n = n, .is_whole = p->reads_whole};
	return true;
}

bool serve_take(placer *p, db_reply *replies)
{
	bool is_read = inbox_take(p, &replies[0]);

	return (p->reads_n < 2 || news_take(p, &replies[1])) && is_read;
}

static void looked(void *arg, const db_verdict *v)
{
	placer *p = arg;
	uint32_t calls = v->n - p->reads_n;

	if (p->phase != PLACER_SERVING)
		return;
	if (v->outcome != DB_COMMITTED || !serve_take(p, v->replies + calls))
		p->must_ask = true;
	serve_next(p);
}

/* Reads on; with a beat now and then, so that others see it alive. */
static void look(placer *p)
{
	int64_t now_us = clock_mono_us();
	bool is_due = now_us - p->beat_us >= BEAT_US && !care_is_stuck(p);

	p->in.beat = (sql_leader_beat_in){p->head.term};
	if (is_due)
		p->beat_us = now_us;
	serve_reads(p);
	batcher_run(
		p->db, DB_PLATFORM, &(db_call){SQL_LEADER_BEAT, &p->in.beat}, is_due, p->reads, p->reads_n, looked, p);
}

static void turn_open(placer *p)
{
	turn_begin(&p->turn, clock_now_us());
	spend_advance(&p->books, p->turn.now_us);
	p->inbox.at = 0;
	p->stage = STAGE_REVIEW;
}

static int32_t tenant_key(const void *of, int32_t tenant)
{
	const books *b = of;

	return b->payer_of.v[tenant]->key;
}

static void standing_look(placer *p)
{
	standing *s = &p->books.standing;

	if (p->rows || p->care.rows || !standing_is_due(s, p->turn.now_us))
		return;
	int64_t began_us = clock_mono_us();
	p->turn.has_standing = standing_review(s, p->books.tree, (lending_keys){tenant_key, &p->books}, p->turn.now_us);
	standing_spent(s, clock_mono_us() - began_us);
}

static void turn_finish(placer *p)
{
	if (!p->rows)
		spend_follow_all(&p->turn, &p->books);
	standing_look(p);
	if (!turn_is_empty(&p->turn)) {
		commit_send(p);
		return;
	}
	p->stage = STAGE_NONE;
	inbox_clear(&p->inbox);
	care_idle(p);
	if (is_walking(&p->books) || p->wants_look)
		loop_timer_arm(p->go, 0);
	else
		loop_timer_arm(p->go, p->o.poll_ms * 1000);
}

/* Between turns. */
static void idle_next(placer *p)
{
	if (p->is_stopping) {
		term_end(p, 0);
		return;
	}
	inbox_check(p);
	if (p->kinds) {
		news_load(p);
		return;
	}
	if (!p->inbox.n && (p->wants_look || p->wants_audit)) {
		look(p);
	} else if (has_work(p)) {
		turn_open(p);
		serve_next(p);
	} else {
		p->n_rests++;
		care_idle(p);
		loop_timer_arm(p->go, p->o.poll_ms * 1000);
	}
}

void serve_next(placer *p)
{
	if (p->phase != PLACER_SERVING || batcher_is_busy(p->db) || !batcher_is_up(p->db))
		return;
	if (p->must_ask)
		commit_ask(p);
	else if (p->stage == STAGE_NONE)
		idle_next(p);
	else if (decide(p))
		turn_finish(p);
}
