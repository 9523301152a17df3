#include <stdio.h>

#include "base/log.h"
#include "base/metric.h"
#include "server/placer/decide.h"
#include "server/placer/placer_inside.h"

/* The books may have been wrong once; after that it is what stands in the inbox. */
enum { REFUSED_OFTEN = 2 };

static void row_is_bad(care *c, int64_t seq, const char *said)
{
	c->seq = seq;
	c->is_bare = false;
	snprintf(c->why, sizeof c->why, "%s", said);
}

void care_refused(placer *p, const db_verdict *v)
{
	care *c = &p->care;

	c->refused++;
	c->committed = 0;
	if (p->turn.aside.seq && c->is_bare)
		*c = (care){.refused = c->refused}; /* nothing helps: from the start */
	else if (p->turn.aside.seq)
		c->is_bare = true;
	else if (c->rows && p->turn.consumed.n == 1)
		row_is_bad(c, p->turn.consumed.v[0], v->message);
	else if (c->refused >= REFUSED_OFTEN)
		c->rows = PLACER_BATCH_MAX;
}

void care_committed(placer *p)
{
	care *c = &p->care;
	const turn_aside *aside = &p->turn.aside;

	if (++c->committed >= PLACER_BATCH_MAX)
		c->refused = 0;
	if (c->rows)
		c->rows--;
	if (!aside->seq)
		return;
	log_error("inbox.quarantined", KV_I64("seq", aside->seq), KV("kind", aside->kind), KV("object", aside->object),
		KV("why", aside->why));
	metric_add(METRIC_INBOX_QUARANTINED, 0, 1);
	*c = (care){0};
}

void care_idle(placer *p)
{
	p->care.refused = 0;
	if (!p->care.seq)
		p->care.rows = 0;
}

bool care_is_stuck(const placer *p)
{
	return p->care.refused && !p->care.committed;
}

bool care_take(placer *p, const sql_inbox_next_row *row)
{
	turn *t = &p->turn;

	if (!p->care.seq || row->seq != p->care.seq)
		return false;
	t->aside = (turn_aside){row->seq, str_dup(t->a, row->kind), str_dup(t->a, row->object_id),
		str_dup(t->a, str_from(p->care.why))};
	if (!p->care.is_bare && str_eq(row->kind, S("place")))
		decide_turn_away(t, &p->books, row);
	return true;
}

turn_stage care_stage(const placer *p)
{
	if (!p->care.rows || !p->inbox.n)
		return STAGE_NONE;
	if (p->stage == STAGE_REVIEW && !turn_is_empty(&p->turn))
		return STAGE_READY;
	return p->stage == STAGE_REPORTS && !p->turn.has_inventory ? STAGE_PLACES : STAGE_NONE;
}
