#include "realm.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "db/sql.h"
#include "server/placer/placer_inside.h"

enum { SQL_BYTES = 1 << 16, SETTLE_US = 1000, SETTLE_ROUNDS = 60000, SETTLE_RESTS = 2, TELL_US = 20000 };

static PGresult *run(realm *r, const char *sql)
{
	PGresult *res = PQexec(r->pg, sql);
	ExecStatusType s = PQresultStatus(res);

	if (s != PGRES_TUPLES_OK && s != PGRES_COMMAND_OK) {
		fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(r->pg));
		abort();
	}
	return res;
}

static PGresult *run_printed(realm *r, const char *fmt, va_list args)
{
	static char sql[SQL_BYTES];

	if (vsnprintf(sql, sizeof sql, fmt, args) >= (int)sizeof sql)
		abort();
	return run(r, sql);
}

void realm_do(realm *r, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	PQclear(run_printed(r, fmt, args));
	va_end(args);
}

int64_t realm_int(realm *r, const char *fmt, ...)
{
	va_list args;
	int64_t v = -1;

	va_start(args, fmt);
	PGresult *res = run_printed(r, fmt, args);
	va_end(args);
	if (PQntuples(res))
		(void)str_to_i64(str_from(PQgetvalue(res, 0, 0)), &v);
	PQclear(res);
	return v;
}

const char *realm_text(realm *r, const char *fmt, ...)
{
	static char text[SQL_BYTES];
	va_list args;

	va_start(args, fmt);
	PGresult *res = run_printed(r, fmt, args);
	va_end(args);
	snprintf(text, sizeof text, "%s", PQntuples(res) ? PQgetvalue(res, 0, 0) : "");
	PQclear(res);
	return text;
}

static const char *const world[] = {
	"INSERT INTO tenant (id, parent_key, name, path, depth, quota_id) VALUES ('tnt_a', 1, 'a', 'a', 1, 'quo_a'), ('tnt_d', 1, 'd', 'd', 1, 'quo_d')",
	"INSERT INTO tenant (id, parent_key, name, path, depth, quota_id) SELECT 'tnt_' || n, key, n, 'a/' || n, 2, 'quo_' || n FROM tenant, unnest(ARRAY['b', 'c']) n WHERE path = 'a'",
	"INSERT INTO quota (tenant_key, model, limit_device_milli) SELECT key, 'h100-80g', 12000 FROM tenant WHERE path = 'a'",
	"INSERT INTO cluster (id, name, state) VALUES ('cls_1', 'c1', 'ready'), ('cls_2', 'c2', 'ready')",
};

static void report_inventory(realm *r)
{
	realm_do(r,
		"INSERT INTO inbox (kind, object_id, tenant_key, cluster_key, actor, request_id, body)"
		" SELECT 'report', 's:1', 1, c.key, 'agent', '', json_build_object('session', 's', 'seq', 1, 'items', json_build_array("
		" json_build_object('kind', 'inventory', 'is_whole', true, 'nodes', (SELECT json_agg(json_build_object('name', c.name || '-n' || n,"
		" 'cpu_milli', 64000, 'memory_mib', 262144, 'devices', (SELECT json_agg(json_build_object('uuid', c.name || '-n' || n || '-g' || g, 'index', g,"
		" 'product', CASE c.name WHEN 'c1' THEN 'NVIDIA H100 80GB HBM3' ELSE 'NVIDIA L40S' END,"
		" 'memory_mib', CASE c.name WHEN 'c1' THEN 81559 ELSE 46068 END)) FROM generate_series(0, CASE c.name WHEN 'c1' THEN 3 ELSE 1 END) g)))"
		" FROM generate_series(1, CASE c.name WHEN 'c1' THEN 4 ELSE 2 END) n)),"
		" json_build_object('kind', 'running', 'is_whole', true, 'placements', '[]'::json)))::text FROM cluster c ORDER BY c.key");
}

static void on_commit(void *arg)
{
	realm *r = arg;

	r->commits++;
}

static void on_end(void *arg, int status)
{
	realm *r = arg;

	r->has_ended = true;
	r->status = status;
}

void realm_open(realm *r, const char *name, const char *through)
{
	log_open("test", LOG_ERROR + 1);
	*r = (realm){.l = loop_new(), .dsn = strdup(pg_database(name))};
	r->pg = PQconnectdb(r->dsn);
	r->options = (placer_options){.dsn = through ? through : r->dsn,
		.batch = 64,
		.poll_ms = 1,
		.reconnect_us = 2000,
		.on_commit = on_commit,
		.on_end = on_end,
		.arg = r};
	for (size_t i = 0; i < sizeof world / sizeof *world; i++)
		PQclear(run(r, world[i]));
	report_inventory(r);
}

void realm_close(realm *r)
{
	placer_free(r->placer);
	PQfinish(r->pg);
	loop_free(r->l);
	free((char *)r->dsn);
}

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

void realm_run_for(realm *r, int64_t us)
{
	loop_timer *t = loop_timer_new(r->l, stop_loop, r->l);

	loop_timer_arm(t, us);
	loop_run(r->l);
	loop_timer_free(t);
}

void realm_start(realm *r)
{
	placer_free(r->placer);
	r->has_ended = false;
	r->placer = placer_new(r->l, &r->options);
	for (int i = 0; i < SETTLE_ROUNDS && !placer_is_serving(r->placer) && !r->has_ended; i++)
		realm_run_for(r, SETTLE_US);
}

void realm_stop(realm *r)
{
	placer_stop(r->placer);
	for (int i = 0; i < SETTLE_ROUNDS && !r->has_ended; i++)
		realm_run_for(r, SETTLE_US);
	placer_free(r->placer);
	r->placer = NULL;
}

int realm_place(realm *r, const char *tenant, const char *body)
{
	int number = ++r->placed;

	realm_do(r,
		"INSERT INTO inbox (kind, object_id, tenant_key, actor, request_id, body) SELECT 'place', 'plc_%d', key, 'tok_1', 'req', "
		"'{\"tenant\":\"%s\",%s}' FROM tenant WHERE path = '%s'",
		number, tenant, body, tenant);
	return number;
}

void realm_release(realm *r, int number)
{
	realm_do(r,
		"INSERT INTO inbox (kind, object_id, tenant_key, actor, request_id, body) VALUES ('release', 'plc_%d', 2, 'tok_2', 'req', '')",
		number);
}

void realm_report(realm *r, const char *cluster, const char *items)
{
	realm_do(r,
		"INSERT INTO inbox (kind, object_id, tenant_key, cluster_key, actor, request_id, body) SELECT 'report', 's:2', 1, key, 'agent', '', "
		"'{\"session\":\"s\",\"seq\":2,\"items\":[%s]}' FROM cluster WHERE name = '%s'",
		items, cluster);
}

void realm_step(realm *r, int number, const char *state)
{
	realm_do(r,
		"INSERT INTO inbox (kind, object_id, tenant_key, cluster_key, actor, request_id, body) SELECT 'report', 's:3', 1, cluster_key, 'agent', '', "
		"json_build_object('session', 's', 'seq', 3, 'items', json_build_array(json_build_object('kind', 'step', 'placement', id, "
		"'fence', fence_incarnation || '.' || fence_no, 'state', '%s')))::text FROM placement WHERE id = 'plc_%d' AND cluster_key IS NOT NULL",
		state, number);
}

const char *realm_state(realm *r, int number)
{
	return realm_text(r, "SELECT state FROM placement WHERE id = 'plc_%d'", number);
}

void realm_govern(realm *r, const char *kind, const char *sql)
{
	realm_do(r,
		"BEGIN; SELECT n FROM chain WHERE id = 'g' FOR UPDATE; %s; UPDATE chain SET n = n + 1 WHERE id = 'g';"
		"INSERT INTO audit SELECT n, now(), 'a', 'put', '%s', 'x', 1, '', 'done', '{}', '' FROM chain WHERE id = 'g'; COMMIT",
		sql, kind);
}

void realm_settle(realm *r)
{
	for (int i = 0; i < SETTLE_ROUNDS && !r->has_ended; i++) {
		int64_t before = r->commits;
		uint64_t rests = placer_rests(r->placer);
		placer_look_at_governance(r->placer);
		for (int k = 0; k < SETTLE_ROUNDS && placer_rests(r->placer) < rests + SETTLE_RESTS && !r->has_ended;
			k++)
			realm_run_for(r, SETTLE_US);
		if (before == r->commits && placer_is_serving(r->placer) &&
			realm_int(r, "SELECT count(*) FROM inbox") == 0)
			return;
	}
	fprintf(stderr, "the inbox does not become empty\n");
	abort();
}

void realm_tell(realm *r)
{
	realm_settle(r);
	for (int i = 0; i < SETTLE_ROUNDS && r->placer->books.standing.n_marked; i++) {
		realm_run_for(r, TELL_US);
		realm_settle(r);
	}
	if (!r->placer->books.standing.n_marked)
		return;
	fprintf(stderr, "what is told of the tree is never all told\n");
	abort();
}

/* Each row: a number that must be 0, and what it is; of all: of everything that ever was. */
static const struct {
	const char *what, *sql;
	bool of_all;
} laws[] = {
	{"a column of a decision says something else than its record",
		"SELECT count(*) FROM (SELECT *, body::jsonb AS b FROM decision) d WHERE NOT ((b->>'n')::int8 = n AND (b->>'term')::int8 = term"
		" AND (b->>'at')::timestamptz = at AND b->>'action' = action AND (b->>'tenant_key')::int4 = tenant_key AND b->'placement'->>'id' = placement_id"
		" AND (b->>'cluster_key')::int4 IS NOT DISTINCT FROM cluster_key AND (b->>'cluster_rev')::int8 IS NOT DISTINCT FROM cluster_rev)",
		true},
	{"the chain has gaps",
		"SELECT count(*) FROM (SELECT n - row_number() OVER (ORDER BY n) AS gap FROM decision) g WHERE gap <> 0",
		true},
	{"a hash does not follow from the one before",
		"SELECT count(*) FROM (SELECT hash, body, lag(hash, 1, sha256('')) OVER (ORDER BY n) AS prev FROM decision) d"
		" WHERE hash <> sha256(prev || convert_to(body, 'UTF8'))",
		true},
	{"the head is not the last record",
		"SELECT count(*) FROM leader WHERE n <> (SELECT coalesce(max(n), 0) FROM decision)"
		" OR hash <> coalesce((SELECT hash FROM decision ORDER BY n DESC LIMIT 1), sha256(''))",
		false},
	{"a stream's head is not its last change",
		"SELECT count(*) FROM cluster_stream s WHERE rev <> (SELECT coalesce(max(cluster_rev), 0) FROM decision d WHERE d.cluster_key = s.cluster_key)",
		true},
	{"a placement is not as its last record says",
		"SELECT count(*) FROM placement p JOIN (SELECT placement_id, max(n) AS n FROM decision GROUP BY placement_id) l ON l.placement_id = p.id"
		" JOIN (SELECT n, body::json->'placement' AS b FROM decision) d ON d.n = l.n"
		" WHERE b->>'state' <> p.state OR b->>'revision' <> 'p' || p.rev OR b->>'fence' <> p.fence_incarnation || '.' || p.fence_no"
		" OR (b->'placed')::text <> p.placed OR coalesce(b->>'reason', '') <> p.reason",
		true},
	{"a placement waits without a blocker",
		"SELECT count(*) FROM placement WHERE state = 'pending' AND blockers = '[]'", false},
	{"a device is over",
		"SELECT count(*) FROM device WHERE used_memory_mib > memory_mib OR used_compute_milli > compute_milli OR used_slots > slots",
		false},
	{"a node holds more than it has",
		"SELECT count(*) FROM node WHERE used_cpu_milli > cpu_milli OR used_memory_mib > memory_mib", false},
	{"a running placement is not billed",
		"SELECT count(*) FROM placement p WHERE running_at IS NOT NULL AND charge_models <> '{}' AND ended_at IS NULL"
		" AND NOT EXISTS (SELECT FROM segment s WHERE s.placement_id = p.id AND s.fence_no = p.fence_no AND s.ended_at IS NULL)",
		false},
	{"an ended placement is billed on",
		"SELECT count(*) FROM segment s JOIN placement p ON p.id = s.placement_id WHERE p.ended_at IS NOT NULL AND s.ended_at IS NULL",
		true},
};

static bool books_differ(realm *r, sql_id s, char *wrong, size_t room)
{
	PGresult *res = run(r, sql_stmts[s].text);
	bool differ = false;

	for (int i = 0; i < PQnfields(res) && !differ; i++) {
		differ = strcmp(PQgetvalue(res, 0, i), "0") != 0;
		snprintf(wrong, room, "%s: %s", PQfname(res, i), PQgetvalue(res, 0, i));
	}
	PQclear(res);
	return differ;
}

static const char *check(realm *r, bool of_all)
{
	static const sql_id sums[] = {SQL_BOOKS_TENANTS, SQL_BOOKS_INVENTORY, SQL_BOOKS_STREAMS};
	static char wrong[512];

	for (size_t i = 0; i < sizeof sums / sizeof *sums; i++)
		if (books_differ(r, sums[i], wrong, sizeof wrong))
			return wrong;
	for (size_t i = 0; i < sizeof laws / sizeof *laws; i++) {
		if (laws[i].of_all && !of_all)
			continue;
		int64_t n = realm_int(r, "%s", laws[i].sql);
		if (n) {
			snprintf(wrong, sizeof wrong, "%s: %lld", laws[i].what, (long long)n);
			return wrong;
		}
	}
	return NULL;
}

const char *realm_check(realm *r)
{
	return check(r, true);
}

const char *realm_check_now(realm *r)
{
	return check(r, false);
}
