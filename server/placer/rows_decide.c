#include <assert.h>

#include "server/placer/body.h"
#include "server/placer/pods.h"
#include "server/placer/rows_inside.h"
#include "server/placer/use.h"

/* Records tell times in milliseconds, and the column the same. */
enum {
	BODY_BYTES_MAX = 32 << 20,
	MS_US = 1000,
	LOOKS_MAX = 20000 /* at lines of the queue, for positions of one turn */
};

/* What a record is about, and the cluster whose agent must hear of it: 0, none. */
typedef struct deed {
	str action;
	int32_t cluster_key;
} deed;

/* An agent keeps what was granted to it until it hears that it is over; so does one whose pod waits. One that refused
 * in this very turn counts too. */
static deed deed_of_end(const books *b, const touch *x)
{
	int32_t at = x->b->now.cluster_key ? x->b->now.cluster_key : x->before.cluster_key;

	if (!at)
		at = pods_home(b, x->b);
	if (at)
		return (deed){S("forget"), at};
	return (deed){x->b->now.life == LIFE_REJECTED ? S("reject") : S("end"), 0};
}

static deed deed_of(const books *b, const touch *x)
{
	lifecycle now = x->b->now.life;

	if (lifecycle_is_final(now))
		return deed_of_end(b, x);
	if (now == LIFE_GRANTED)
		return (deed){S("grant"), x->b->now.cluster_key};
	if (now == LIFE_PENDING && x->before.life == LIFE_REVOKING)
		return (deed){S("forget"), x->before.cluster_key};
	if (now == LIFE_PENDING)
		return (deed){S("wait"), 0};
	if (now == LIFE_REVOKING && x->before.life != LIFE_REVOKING)
		return (deed){S("revoke"), x->b->now.cluster_key};
	return (deed){S("step"), 0};
}

static int64_t stream_next(turn_rows *r, site *s)
{
	uint32_t i = 0;

	while (i < r->n_streams && r->streams[i] != s)
		i++;
	if (i == r->n_streams) {
		r->streams[r->n_streams++] = s;
		r->revs[i] = s->stream_rev;
	}
	return ++r->revs[i];
}

static void streams_advance(turn *t, turn_rows *r)
{
	uint32_t n = r->n_streams;
	sql_cluster_stream_advance_in *in = ARENA_NEW(t->a, sql_cluster_stream_advance_in);

	if (!n)
		return;
	*in = (sql_cluster_stream_advance_in){rows_numbers(t, n), {r->revs, n}, rows_numbers(t, n), n};
	for (uint32_t i = 0; i < n; i++) {
		in->cluster_keys.v[i] = r->streams[i]->key;
		in->old_revs.v[i] = r->streams[i]->stream_rev;
	}
	rows_call(r, SQL_CLUSTER_STREAM_ADVANCE, in);
}

static bool is_held(i64s held, int32_t key)
{
	for (uint32_t i = 0; i < held.n; i++)
		if (held.v[i] == key)
			return true;
	return false;
}

/* A cluster may be deleted while something is granted on it: the commit makes sure of it. */
static void clusters_hold(turn *t, const books *b, turn_rows *r)
{
	sql_cluster_hold_in *in = ARENA_NEW(t->a, sql_cluster_hold_in);

	in->keys = rows_numbers(t, b->sites.n);
	in->keys.n = 0;
	vec_each (x, &t->touches)
		if (x->b->now.life == LIFE_GRANTED && !is_held(in->keys, x->b->now.cluster_key))
			in->keys.v[in->keys.n++] = x->b->now.cluster_key;
	in->n = in->keys.n;
	if (in->n)
		rows_call(r, SQL_CLUSTER_HOLD, in);
}

/* The record's bytes and their hash, which the next one's hash covers. */
static void record(turn *t, books *b, turn_rows *r, const touch *x, sql_decision_insert_in *in, uint32_t i, buf *out)
{
	const booking *k = x->b;
	site *s = k->now.cluster_key ? books_site(b, k->now.cluster_key) : NULL;
	deed d = deed_of(b, x);
	site *told = d.cluster_key ? books_site(b, d.cluster_key) : NULL;
	int64_t rev = told ? stream_next(r, told) : 0;
	body_decision body = {.n = ++r->after.n,
		.term = r->after.term,
		.at_us = t->now_us - t->now_us % MS_US,
		.told_key = d.cluster_key,
		.told_rev = rev,
		.action = d.action,
		.actor = x->actor,
		.of = k,
		.tenant = books_payer(b, k->tenant_key)->path,
		.cluster = s ? s->name : STR_NONE,
		.blockers = x->blockers,
		.position = use_position(b, k, t->now_us)};

	buf_clear(out);
	body_write(&body, out);
	assert(!out->over);
	in->bodies.v[i] = str_dup(t->a, buf_str(out));
	chain_link(r->after.hash, in->bodies.v[i], r->after.hash);
	in->hashes.v[i] = str_dup(t->a, (str){(const char *)r->after.hash, LEDGER_HASH});
	in->ns.v[i] = r->after.n;
	in->ats.v[i] = body.at_us;
	in->tenant_keys.v[i] = k->tenant_key;
	in->placement_ids.v[i] = k->id;
	in->actions.v[i] = d.action;
	in->cluster_keys.v[i] = told ? told->key : PG_I64_NULL;
	in->cluster_revs.v[i] = told ? rev : PG_I64_NULL;
}

void rows_decide(turn *t, books *b, turn_rows *r)
{
	uint32_t n = t->touches.n;
	int64_t first = r->after.n + 1;
	sql_decision_insert_in *in = ARENA_NEW(t->a, sql_decision_insert_in);
	buf out;

	if (!n)
		return;
	*in = (sql_decision_insert_in){rows_numbers(t, n), r->after.term, rows_numbers(t, n), rows_numbers(t, n),
		rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_texts(t, n), rows_texts(t, n),
		rows_texts(t, n)};
	r->streams = ARENA_ARRAY(t->a, site *, b->sites.n);
	r->revs = ARENA_ARRAY(t->a, int64_t, b->sites.n);
	r->decisions = n;
	b->looks_left = LOOKS_MAX;
	buf_init(&out, BODY_BYTES_MAX);
	for (uint32_t i = 0; i < n; i++)
		record(t, b, r, &t->touches.v[i], in, i, &out);
	buf_done(&out);
	clusters_hold(t, b, r);
	rows_placements(t, b, r, first);
	rows_call(r, SQL_DECISION_INSERT, in);
	streams_advance(t, r);
}

void rows_keep(const turn_rows *r)
{
	for (uint32_t i = 0; i < r->n_streams; i++)
		r->streams[i]->stream_rev = r->revs[i];
}
