#include <assert.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "server/placer/placer_inside.h"

enum { MOVED_MAX = 5 };

static void committed(placer *p)
{
	rows_keep(p->rows);
	metric_add(METRIC_PLACER_BATCHES, 0, 1);
	metric_add(METRIC_PLACER_REFUSALS, 0, p->turn.refusals);
	metric_add(METRIC_PLACER_EVICTIONS, 0, p->turn.evictions);
	metric_add(METRIC_PLACER_EVICTED, 0, p->turn.evicted_milli);
	metric_add(METRIC_PLACER_EVICTED_FOR, 0, p->turn.evicted_for_milli);
	if (p->turn.unknown_slices)
		log_warn("placer.unknown_slices", KV_I64("n", p->turn.unknown_slices));
	care_committed(p);
	bool has_news = p->rows->decisions > 0;
	p->head = p->rows->after;
	turn_keep(&p->turn, &p->books);
	if (p->books.wants_budgets)
		p->kinds |= KIND_BUDGETS;
	p->books.wants_budgets = false;
	p->rows = NULL;
	p->stage = STAGE_NONE;
	p->moved = 0;
	p->beat_us = clock_mono_us();
	if (has_news && p->o.on_commit)
		p->o.on_commit(p->o.arg);
}

/* What governance changed between our look and our commit: load it and decide the same inbox again. */
static const struct {
	const char *guard;
	int kinds;
} moves[] = {
	{"over_cap", KIND_TENANTS | KIND_QUOTAS},
	{"cluster_gone", KIND_CLUSTERS},
};

static int moved_by(const db_verdict *v)
{
	for (size_t i = 0; v->e == ERR_FENCED && i < sizeof moves / sizeof *moves; i++)
		if (str_eq(str_from(v->message), str_from(moves[i].guard)))
			return moves[i].kinds;
	return 0;
}

static void governance_moved(placer *p, int kinds)
{
	if (!turn_can_undo(&p->turn) || ++p->moved > MOVED_MAX) {
		term_step_down(p, "governance moved again and again");
		return;
	}
	turn_undo(&p->turn, &p->books);
	p->rows = NULL;
	p->stage = STAGE_NONE;
	p->inbox.at = 0;
	p->kinds |= kinds;
	serve_next(p);
}

/* Errors that say nothing about what was sent: the same batch may be sent again. */
static bool may_resend(const db_verdict *v)
{
	return v->outcome == DB_LOST || v->e == ERR_DB_RETRY || v->e == ERR_CLOSED || v->e == ERR_TIMEOUT ||
	       v->e == ERR_UNAVAILABLE;
}

static void failed(placer *p, const db_verdict *v)
{
	int kinds = moved_by(v);

	if (kinds) {
		governance_moved(p, kinds);
		return;
	}
	if (may_resend(v) || (v->e == ERR_FENCED && str_eq(str_from(v->message), S("placer_fenced")))) {
		log_warn("placer.commit_unsure", KV_ERR(v->e), KV_Z("message", v->message),
			KV_I64("batch", p->head.batch + 1));
		p->must_ask = true;
		serve_next(p);
		return;
	}
	log_error("placer.commit", KV_ERR(v->e), KV_Z("message", v->message), KV_Z("sqlstate", v->sqlstate),
		KV_Z("constraint", v->constraint), KV_I64("call", v->failed_at));
	care_refused(p, v);
	term_step_down(p, "memory and the database do not agree");
}

static void commit_done(void *arg, const db_verdict *v)
{
	placer *p = arg;
	uint32_t calls = v->n - p->reads_n;

	if (p->phase != PLACER_SERVING)
		return;
	if (v->outcome != DB_COMMITTED) {
		failed(p, v);
		return;
	}
	metric_observe_us(METRIC_PLACER_COMMIT_TIME, clock_mono_us() - p->sent_us);
	committed(p);
	if (!serve_take(p, v->replies + calls))
		p->must_ask = true;
	serve_next(p);
}

void commit_send(placer *p)
{
	if (!p->rows)
		p->rows = rows_build(&p->turn, &p->books, &p->head);
	p->sent_us = clock_mono_us();
	serve_reads(p);
	batcher_run(p->db, DB_PLATFORM, p->rows->calls, p->rows->n, p->reads, p->reads_n, commit_done, p);
}

/* A batch of ours is either in the leader's row or was not committed; another term is another placer. */
static void asked(void *arg, const db_verdict *v)
{
	placer *p = arg;
	sql_leader_again_row is;
	fault f;

	if (p->phase != PLACER_SERVING)
		return;
	if (v->outcome != DB_COMMITTED || db_row(&v->replies[0], 0, &is, &f)) {
		serve_next(p);
		return;
	}
	if (is.term != p->head.term) {
		term_step_down(p, "another placer leads");
		return;
	}
	p->must_ask = false;
	p->wants_look = true;
	if (p->rows && is.batch == p->rows->after.batch) {
		committed(p);
		inbox_clear(&p->inbox);
	} else if (is.batch != p->head.batch) {
		term_step_down(p, "the leader's row holds a batch nobody knows");
		return;
	}
	serve_next(p);
}

void commit_ask(placer *p)
{
	static const db_call again = {SQL_LEADER_AGAIN, NULL};

	batcher_run(p->db, DB_PLATFORM, &again, 1, NULL, 0, asked, p);
}
