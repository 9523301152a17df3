#include "server/edge/feed.h"

#include <stdlib.h>
#include "base/clock.h"
#include "base/heap.h"
#include "db/sql.h"

typedef struct ring_event {
	feed_event ev;
	size_t bytes;
	char text[];
} ring_event;

struct feed {
	edge *edge;
	loop_timer *timer;
	bool is_up, is_reading, wants_look, is_more, is_stopped;
	feed_at head, floor; /* floor: just before the oldest event of the ring */
	int64_t answered_us;
	ring_event *ring[FEED_RING_MAX];
	uint64_t first, end; /* places of the ring's events: [first, end) */
	size_t bytes;
	map waits; /* placement id -> first feed_wait */
	feed_ear *ears;
	sql_feed_decisions_in decisions_in;
	sql_feed_audit_in audit_in;
	sql_lease_moves_in leases_in;
	int64_t leases_seen;
	bool wants_leases;
};

static void ring_drop_oldest(feed *f)
{
	ring_event *e = f->ring[f->first++ % FEED_RING_MAX];

	*(e->ev.chain == 'g' ? &f->floor.g : &f->floor.p) = e->ev.n;
	f->bytes -= e->bytes;
	free(e);
}

static str copied(char **to, str s)
{
	char *at = *to;

	if (s.n)
		memcpy(at, s.p, s.n);
	*to += s.n;
	return (str){at, s.n};
}

static const feed_event *ring_push(feed *f, const feed_event *ev)
{
	size_t text = (size_t)ev->action.n + ev->kind.n + ev->id.n + ev->outcome.n + ev->body.n;
	ring_event *e = heap_new(1, sizeof(*e) + text);
	char *at = e->text;

	while (f->end - f->first >= FEED_RING_MAX || (f->end > f->first && f->bytes + text > FEED_RING_BYTES_MAX))
		ring_drop_oldest(f);
	e->ev = *ev;
	e->bytes = text;
	e->ev.action = copied(&at, ev->action);
	e->ev.kind = copied(&at, ev->kind);
	e->ev.id = copied(&at, ev->id);
	e->ev.outcome = copied(&at, ev->outcome);
	e->ev.body = copied(&at, ev->body);
	f->ring[f->end++ % FEED_RING_MAX] = e;
	f->bytes += text;
	return &e->ev;
}

static void waits_wake(feed *f, const feed_event *ev)
{
	for (feed_wait *w; (w = map_find(&f->waits, ev->id));) {
		feed_wait_remove(f, w);
		w->on_decision(w, ev);
	}
}

static void ears_call(feed *f, int32_t cluster_key)
{
	for (feed_ear *ear = f->ears, *next; ear; ear = next) {
		next = ear->next;
		if (ear->cluster_key == cluster_key)
			ear->on_events(ear);
	}
}

/* Records of namespaces are of "cluster/namespace". */
static void spaces_call(feed *f, const sql_feed_audit_row *row)
{
	str rest = row->object_id, cluster = str_split(&rest, '/');

	if (!str_eq(row->object_kind, S("namespace")) || !str_eq(row->outcome, S("done")))
		return;
	for (feed_ear *ear = f->ears, *next; ear; ear = next) {
		next = ear->next;
		if (ear->cluster && str_eq(str_from(ear->cluster), cluster))
			ear->on_events(ear);
	}
}

static void look(feed *f);

static void look_end(feed *f, bool is_answered)
{
	f->is_reading = false;
	if (is_answered)
		f->answered_us = clock_mono_us();
	if (is_answered && (f->is_more || f->wants_look))
		look(f);
	else
		loop_timer_arm(f->timer, FEED_POLL_MS * 1000);
}

/* Offers of leases make no record in the chain. */
static void leases_came(void *arg, db_reply *reply)
{
	feed *f = arg;
	sql_lease_moves_row row;
	fault why;

	if (f->is_stopped)
		return;
	for (uint32_t i = 0; !reply->e && i < reply->rows && !db_row(reply, i, &row, &why); i++) {
		f->leases_seen = row.moved;
		ears_call(f, (int32_t)row.cluster_key);
	}
	look_end(f, reply->e == ERR_OK);
}

static void leases_look(feed *f)
{
	f->wants_leases = false;
	f->leases_in.after = f->leases_seen;
	db_read(f->edge->reader, DB_PLATFORM, SQL_LEASE_MOVES, &f->leases_in, leases_came, f);
}

static void audit_came(void *arg, db_reply *reply)
{
	feed *f = arg;
	sql_feed_audit_row row;
	fault why;

	if (f->is_stopped)
		return;
	for (uint32_t i = 0; !reply->e && i < reply->rows; i++) {
		if (db_row(reply, i, &row, &why))
			break;
		ring_push(f, &(feed_event){'g', row.n, (int32_t)row.tenant_key, 0, row.action, row.object_kind,
				     row.object_id, row.outcome, row.body});
		f->head.g = row.n;
		edge_heard(f->edge, row.object_kind);
		spaces_call(f, &row);
		if (str_eq(row.object_kind, S("cluster")))
			edge_agent_moved(f->edge, row.object_id);
	}
	f->is_more |= !reply->e && reply->rows == FEED_READ_MAX;
	ears_call(f, 0);
	if (f->wants_leases && !reply->e)
		leases_look(f);
	else
		look_end(f, reply->e == ERR_OK);
}

str decision_kind(str action)
{
	if (str_starts(action, S("reservation.")))
		return S("reservation");
	return str_starts(action, S("budget.")) ? S("budget") : S("placement");
}

static void decisions_came(void *arg, db_reply *reply)
{
	feed *f = arg;
	sql_feed_decisions_row row;
	fault why;

	if (f->is_stopped)
		return;
	for (uint32_t i = 0; !reply->e && i < reply->rows; i++) {
		if (db_row(reply, i, &row, &why))
			break;
		int32_t cluster = row.cluster_key_null ? 0 : (int32_t)row.cluster_key;
		const feed_event *ev =
			ring_push(f, &(feed_event){'p', row.n, (int32_t)row.tenant_key, cluster, row.action,
					     decision_kind(row.action), row.placement_id, S("done"), row.body});
		f->head.p = row.n;
		waits_wake(f, ev);
		if (cluster)
			ears_call(f, cluster);
	}
	f->is_more = !reply->e && reply->rows == FEED_READ_MAX;
	f->audit_in = (sql_feed_audit_in){.after = f->head.g, .limit = FEED_READ_MAX};
	db_read(f->edge->reader, DB_PLATFORM, SQL_FEED_AUDIT, &f->audit_in, audit_came, f);
}

static void heads_came(void *arg, db_reply *reply)
{
	feed *f = arg;
	sql_feed_heads_row row;
	fault why;

	if (f->is_stopped)
		return;
	if (!reply->e && reply->rows && !db_row(reply, 0, &row, &why)) {
		f->head = f->floor = (feed_at){row.g, row.p};
		f->is_up = true;
		f->wants_look = true;
	}
	look_end(f, f->is_up);
}

static void look(feed *f)
{
	f->is_reading = true;
	f->wants_look = false;
	loop_timer_disarm(f->timer);
	if (!f->is_up) {
		db_read(f->edge->reader, DB_PLATFORM, SQL_FEED_HEADS, NULL, heads_came, f);
		return;
	}
	f->decisions_in = (sql_feed_decisions_in){.after = f->head.p, .limit = FEED_READ_MAX};
	db_read(f->edge->reader, DB_PLATFORM, SQL_FEED_DECISIONS, &f->decisions_in, decisions_came, f);
}

/* Those who wait are not kept waiting for leases: they are looked at by the clock alone. */
static void poll_due(void *arg)
{
	feed *f = arg;

	f->wants_leases = true;
	feed_look(f);
}

feed *feed_new(edge *e)
{
	feed *f = heap_new(1, sizeof(*f));

	f->edge = e;
	f->answered_us = clock_mono_us();
	f->timer = loop_timer_new(e->loop, poll_due, f);
	look(f);
	return f;
}

void feed_stop(feed *f)
{
	if (f)
		f->is_stopped = true;
}

void feed_free(feed *f)
{
	if (!f)
		return;
	while (f->first < f->end)
		ring_drop_oldest(f);
	map_done(&f->waits);
	loop_timer_free(f->timer);
	free(f);
}

void feed_look(feed *f)
{
	f->wants_look = true;
	if (!f->is_reading && !f->is_stopped)
		look(f);
}

bool feed_is_up(const feed *f)
{
	return f->is_up;
}

feed_at feed_head(const feed *f)
{
	return f->head;
}

feed_at feed_floor(const feed *f)
{
	return f->floor;
}

int64_t feed_age_us(const feed *f)
{
	return clock_mono_us() - f->answered_us;
}

void feed_wait_add(feed *f, feed_wait *w)
{
	feed_wait *first = map_find(&f->waits, w->id);

	w->is_on = true;
	w->prev = NULL;
	w->next = first;
	if (first) {
		first->prev = w;
		map_remove(&f->waits, w->id);
	}
	map_put(&f->waits, w->id, w);
}

void feed_wait_remove(feed *f, feed_wait *w)
{
	if (!w->is_on)
		return;
	w->is_on = false;
	if (w->next)
		w->next->prev = w->prev;
	if (w->prev) {
		w->prev->next = w->next;
		return;
	}
	/* The map's key is the first wait's own text. */
	map_remove(&f->waits, w->id);
	if (w->next)
		map_put(&f->waits, w->next->id, w->next);
}

void feed_listen(feed *f, feed_ear *ear)
{
	ear->is_on = true;
	ear->prev = NULL;
	ear->next = f->ears;
	if (f->ears)
		f->ears->prev = ear;
	f->ears = ear;
}

void feed_unlisten(feed *f, feed_ear *ear)
{
	if (!ear->is_on)
		return;
	ear->is_on = false;
	if (ear->next)
		ear->next->prev = ear->prev;
	if (ear->prev)
		ear->prev->next = ear->next;
	else
		f->ears = ear->next;
}

feed_ear *feed_listener(const feed *f, int32_t cluster_key)
{
	for (feed_ear *ear = f->ears; ear; ear = ear->next)
		if (ear->cluster_key == cluster_key)
			return ear;
	return NULL;
}

bool feed_ring_find(const feed *f, feed_at at, uint64_t *ret_seq)
{
	if (at.g < f->floor.g || at.p < f->floor.p)
		return false;
	*ret_seq = f->first;
	return true;
}

const feed_event *feed_ring_at(const feed *f, uint64_t seq, bool *ret_lost)
{
	*ret_lost = seq < f->first;
	return *ret_lost || seq >= f->end ? NULL : &f->ring[seq % FEED_RING_MAX]->ev;
}
