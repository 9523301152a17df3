#include "server/edge/intake.h"

#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "db/sql.h"

typedef struct flight {
	intake *of;
	uint32_t via;
	arena *a;
	intake_ask *asks;
	uint32_t n_asks;
	sql_inbox_store_in in;
} flight;

struct intake {
	lane *lanes[INTAKE_LANES];
	uint32_t in_flight[INTAKE_LANES];
	loop_timer *kick;
	intake_ask *first, **last; /* in order of arrival */
	bool is_kicked, is_closed;
};

static void queue_add(intake *i, intake_ask *a)
{
	a->next = NULL;
	*i->last = a;
	i->last = &a->next;
}

static size_t bytes_of(const intake_ask *a)
{
	size_t n = 0;

	for (uint32_t k = 0; k < a->bodies.n; k++)
		n += a->bodies.v[k].n;
	return n;
}

static bool may_join(const intake_ask *a, const intake_ask *head, uint32_t rows, size_t bytes)
{
	return a->scope.kind == head->scope.kind && a->scope_owner == head->scope_owner && !a->is_alone &&
	       !head->is_alone && rows + a->ids.n <= INTAKE_ROWS_MAX && bytes + bytes_of(a) <= INTAKE_BYTES_MAX;
}

/* Takes the first ask and all that may go with it off the queue, order kept; *ret_rows counts their rows. */
static intake_ask *group_take(intake *i, uint32_t *ret_rows, uint32_t *ret_asks)
{
	intake_ask *head = i->first, *group = NULL, **tail = &group, **at = &i->first;
	uint32_t rows = 0;
	size_t bytes = 0;

	*ret_asks = 0;
	while (*at) {
		intake_ask *a = *at;
		if (a != head && !may_join(a, head, rows, bytes)) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		rows += a->ids.n;
		bytes += bytes_of(a);
		a->next = NULL;
		*tail = a;
		tail = &a->next;
		++*ret_asks;
	}
	i->last = at;
	*ret_rows = rows;
	return group;
}

static void rows_fill(flight *f, uint32_t rows)
{
	sql_inbox_store_in *in = &f->in;
	uint32_t k = 0;

	in->ids = (strs){ARENA_ARRAY(f->a, str, rows + 1), rows};
	in->bodies = (strs){ARENA_ARRAY(f->a, str, rows + 1), rows};
	in->actors = (strs){ARENA_ARRAY(f->a, str, rows + 1), rows};
	in->request_ids = (strs){ARENA_ARRAY(f->a, str, rows + 1), rows};
	in->tenant_keys = (i64s){ARENA_ARRAY(f->a, int64_t, rows + 1), rows};
	for (const intake_ask *a = f->asks; a; a = a->next)
		for (uint32_t r = 0; r < a->ids.n; r++, k++) {
			in->ids.v[k] = a->ids.v[r];
			in->bodies.v[k] = a->bodies.v[r];
			in->tenant_keys.v[k] = a->tenant_keys.v[r];
			in->actors.v[k] = a->actor;
			in->request_ids.v[k] = a->request_id;
		}
}

/* Whether taking the statement apart may help: what failed lies in its rows, not in the connection or the load. */
static bool is_of_rows(err e)
{
	return e != ERR_OK && e != ERR_UNAVAILABLE && e != ERR_OVERLOADED && e != ERR_DB_UNKNOWN && e != ERR_CLOSED;
}

static uint32_t lane_free_find(const intake *i)
{
	uint32_t k = 0;

	while (k < INTAKE_LANES && i->in_flight[k])
		k++;
	return k;
}

/* What arrives in one turn of the loop leaves together. */
static void kick_if_free(intake *i)
{
	if (!i->first || i->is_kicked || i->is_closed || lane_free_find(i) == INTAKE_LANES)
		return;
	i->is_kicked = true;
	loop_timer_arm(i->kick, 0);
}

static void landed(void *arg, db_reply *r)
{
	flight *f = arg;
	intake *i = f->of;
	uint32_t via = f->via;
	bool take_apart = is_of_rows(r->e) && f->n_asks > 1 && !i->is_closed;

	for (intake_ask *a = f->asks, *next; a; a = next) {
		next = a->next;
		a->is_alone = take_apart;
		if (take_apart)
			queue_add(i, a);
		else
			a->on_done(a, r->e, &r->f);
	}
	arena_end(f->a);
	i->in_flight[via]--;
	kick_if_free(i);
}

static void send_all(intake *i, uint32_t via)
{
	while (i->first) {
		arena *a = arena_new(0);
		flight *f = ARENA_NEW(a, flight);
		uint32_t rows;
		f->of = i;
		f->via = via;
		f->a = a;
		f->asks = group_take(i, &rows, &f->n_asks);
		rows_fill(f, rows);
		i->in_flight[via]++;
		lane_run(i->lanes[via], 0, f->asks->scope, SQL_INBOX_STORE, &f->in, landed, f);
	}
}

static void kicked(void *arg)
{
	intake *i = arg;
	uint32_t via = lane_free_find(i);

	i->is_kicked = false;
	if (via < INTAKE_LANES)
		send_all(i, via);
}

intake *intake_new(loop *l, lane *const lanes[INTAKE_LANES])
{
	intake *i = calloc(1, sizeof(*i));

	assert(i);
	for (uint32_t k = 0; k < INTAKE_LANES; k++)
		i->lanes[k] = lanes[k];
	i->kick = loop_timer_new(l, kicked, i);
	i->last = &i->first;
	return i;
}

void intake_add(intake *i, intake_ask *a)
{
	assert(!i->is_closed);
	a->is_alone = false;
	queue_add(i, a);
	kick_if_free(i);
}

void intake_close(intake *i)
{
	static const fault closing = {.detail = "the server is stopping"};

	if (!i)
		return;
	i->is_closed = true;
	loop_timer_disarm(i->kick);
	while (i->first) {
		intake_ask *a = i->first;
		i->first = a->next;
		a->on_done(a, ERR_UNAVAILABLE, &closing);
	}
	i->last = &i->first;
}

void intake_free(intake *i)
{
	if (!i)
		return;
	loop_timer_free(i->kick);
	free(i);
}
