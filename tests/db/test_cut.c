/* A connection cut after byte k, each way: effects happen exactly once and nobody is told a lie.
 *
 *   test_cut        a sample of k
 *   test_cut all    every k
 *
 * Four parties take their turn: a lane with keyed statements, the ledger, a batch of the placer, and as a control a
 * lane whose statement has no key: there the same cuts must double an effect, or the cutting does not cut where it
 * matters.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "chain.h"
#include "db/batch.h"
#include "db/lane.h"
#include "db/ledger.h"
#include "pg/proxy.h"
#include "work.h"

enum { OPS = 5, ID_BYTES = 24, RECONNECT_US = 2000, SAMPLES = 40 };

typedef struct rig {
	loop *l;
	proxy *p;
	const char *direct;
	char through[256];
	PGconn *pg;
	int serial, runs, cuts, doubled, lost, lies;
	int answers, errors, left;
	bool done;
} rig;

typedef struct party {
	const char *name;
	void (*run)(rig *r);
	int64_t (*effects)(rig *r); /* of the last run */
} party;

static int64_t ask(rig *r, const char *sql)
{
	PGresult *res = PQexec(r->pg, sql);
	int64_t v = -1;
	if (PQresultStatus(res) != PGRES_TUPLES_OK || !str_to_i64(str_from(PQgetvalue(res, 0, 0)), &v)) {
		fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(r->pg));
		exit(1);
	}
	PQclear(res);
	return v;
}

static db_options through_options(rig *r)
{
	db_options o = work_options(r->through, true);
	o.reconnect_us = RECONNECT_US;
	return o;
}

static void answered(void *arg, db_reply *reply)
{
	rig *r = arg;
	r->answers++;
	r->errors += reply->e != ERR_OK;
	r->done = --r->left == 0;
}

static void lane_with(rig *r, sql_id s, const void *in, size_t size)
{
	lane_options o = {.db = through_options(r)};
	lane *ln = lane_new(r->l, &o);
	for (int i = 0; i < OPS; i++)
		lane_run(ln, 0, DB_PLATFORM, s, (const char *)in + size * (size_t)i, answered, r);
	pg_run_until(r->l, &r->done);
	lane_free(ln);
}

static void lane_keyed(rig *r)
{
	static char names[OPS][ID_BYTES];
	sql_effect_add_in in[OPS];
	for (int i = 0; i < OPS; i++) {
		snprintf(names[i], ID_BYTES, "r%d.%d", r->serial, i);
		in[i] = (sql_effect_add_in){.op = str_from(names[i]), .tenant_key = 1, .id = S("i1")};
	}
	lane_with(r, SQL_EFFECT_ADD, in, sizeof(in[0]));
}

static void lane_keyless(rig *r)
{
	sql_gov_add_in in[OPS];
	for (int i = 0; i < OPS; i++)
		in[i] = (sql_gov_add_in){.id = S("i1"), .add = 1, .rev_null = true};
	lane_with(r, SQL_GOV_ADD, in, sizeof(in[0]));
}

static int64_t effects_on_i1(rig *r)
{
	static int64_t before;
	int64_t n = ask(r, "SELECT n FROM item WHERE id = 'i1'");
	int64_t rose = n - before;
	before = n;
	return rose;
}

static void ledger_answered(ledger_op *op, const ledger_answer *a)
{
	rig *r = op->arg;
	r->answers++;
	r->errors += a->e != ERR_OK;
	r->done = --r->left == 0;
}

static void ledger_party(rig *r)
{
	static char names[OPS][ID_BYTES];
	ledger_op ops[OPS];
	sql_gov_add_in in[OPS];
	ledger_options o = {.db = through_options(r)};
	ledger *g = ledger_new(r->l, &o);
	for (int i = 0; i < OPS; i++) {
		snprintf(names[i], ID_BYTES, "req%d.%d", r->serial, i);
		in[i] = (sql_gov_add_in){.id = S("i1"), .add = 1, .rev_null = true};
		ops[i] = (ledger_op){.scope = DB_PLATFORM,
			.stmt = SQL_GOV_ADD,
			.in = &in[i],
			.actor = S("a"),
			.via = S("token"),
			.action = S("add"),
			.object_kind = S("item"),
			.object_id = S("i1"),
			.request_id = str_from(names[i]),
			.tenant_key = 1,
			.on_done = ledger_answered,
			.arg = r};
		ledger_run(g, &ops[i]);
	}
	pg_run_until(r->l, &r->done);
	ledger_free(g);
}

typedef struct batch_run {
	rig *r;
	db_batcher *b;
	sql_item_put_in in[OPS];
	char names[OPS][ID_BYTES];
	db_call calls[OPS];
	db_outcome outcome;
	bool is_sent;
} batch_run;

static void batch_told(void *arg, const db_verdict *v)
{
	batch_run *w = arg;
	w->outcome = v->outcome;
	w->r->done = true;
}

static void batch_up(void *arg)
{
	batch_run *w = arg;
	if (w->is_sent)
		return;
	w->is_sent = true;
	batcher_run(w->b, DB_PLATFORM, w->calls, OPS, NULL, 0, batch_told, w);
}

/* A verdict is the truth: committed means there, failed means not there, lost means all or nothing. */
static void batch_party(rig *r)
{
	batch_run w = {.r = r};
	char sql[128];
	db_options o = through_options(r);
	for (int i = 0; i < OPS; i++) {
		snprintf(w.names[i], ID_BYTES, "b%d.%d", r->serial, i);
		w.in[i] = (sql_item_put_in){.id = str_from(w.names[i]), .tenant_key = 1};
		w.calls[i] = (db_call){SQL_ITEM_PUT, &w.in[i]};
	}
	w.b = batcher_new(r->l, &o, batch_up, NULL, &w);
	pg_run_until(r->l, &r->done);
	batcher_free(w.b);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM item WHERE id LIKE 'b%d.%%'", r->serial);
	int64_t there = ask(r, sql);
	r->lost += w.outcome == DB_LOST;
	r->lies += (w.outcome == DB_COMMITTED && there != OPS) || (w.outcome == DB_FAILED && there != 0) ||
		   (there != 0 && there != OPS);
	r->answers = OPS;
}

static int64_t effects_told(rig *r)
{
	(void)r;
	return OPS;
}

static void run_once(rig *r, const party *who, proxy_way way, int64_t at)
{
	r->serial++;
	r->runs++;
	r->answers = r->errors = 0;
	r->left = OPS;
	r->done = false;
	proxy_cut(r->p, way, at);
	who->run(r);
	int64_t n = who->effects(r);
	r->cuts += proxy_was_cut(r->p);
	r->doubled += n > OPS;
	if (n < OPS || r->answers != OPS || r->errors) {
		fprintf(stderr, "%s cut %s after %d: %d effects, %d answers, %d errors\n", who->name,
			way ? "to the client" : "to the server", (int)at, (int)n, r->answers, r->errors);
		r->lies++;
	}
}

static bool party_sweep(rig *r, const party *who, bool is_all)
{
	r->runs = r->cuts = r->doubled = r->lost = r->lies = 0;
	(void)effects_on_i1(r);
	run_once(r, who, PROXY_TO_SERVER, -1);
	int64_t bytes[2] = {proxy_bytes(r->p, PROXY_TO_SERVER), proxy_bytes(r->p, PROXY_TO_CLIENT)};
	for (int way = 0; way < 2; way++) {
		int64_t stride = is_all ? 1 : 1 + bytes[way] / SAMPLES;
		for (int64_t at = 1; at <= bytes[way]; at += stride)
			run_once(r, who, (proxy_way)way, at);
	}
	bool is_control = who->run == lane_keyless;
	printf("%s: %d + %d bytes, %d runs, %d cuts, %d doubled, %d of unknown outcome, %d wrong\n", who->name,
		(int)bytes[0], (int)bytes[1], r->runs, r->cuts, r->doubled, r->lost, r->lies);
	return r->lies == 0 && r->cuts > SAMPLES && (r->doubled > 0) == is_control;
}

int main(int argc, char **argv)
{
	static const party parties[] = {
		{"lane", lane_keyed, effects_on_i1},
		{"ledger", ledger_party, effects_on_i1},
		{"batch", batch_party, effects_told},
		{"lane without keys (control)", lane_keyless, effects_on_i1},
	};
	bool is_all = argc > 1 && strcmp(argv[1], "all") == 0, ok = true;
	log_open("test", LOG_ERROR);
	signal(SIGPIPE, SIG_IGN);
	rig r = {.l = loop_new(), .direct = work_database("cut")};
	r.p = proxy_new(r.l);
	r.pg = PQconnectdb(r.direct);
	snprintf(r.through, sizeof(r.through), "host=%s user=reeve dbname=%s", proxy_folder(r.p), PQdb(r.pg));
	for (size_t i = 0; i < sizeof(parties) / sizeof(*parties); i++)
		ok = party_sweep(&r, &parties[i], is_all) && ok;
	chain_check c = chain_verify(r.direct);
	printf("chain: %d records, broken at %d %s\n", (int)c.records, (int)c.broken_at, c.why);
	ok = ok && c.records > 0 && c.broken_at == 0;
	PQfinish(r.pg);
	proxy_free(r.p);
	loop_free(r.l);
	return ok ? 0 : 1;
}
