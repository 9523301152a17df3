/* audit_scene: two chains with something in them, sealed by the worker's part, and their verification with the server
 * and without it.
 */
#pragma once
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/audit/check.h"
#include "db/sql.h"
#include "pg/pg.h"
#include "scene.h"
#include "server/audit/seal.h"

#define ADMIN  "platform_admin", NULL
#define OWNER  "tenant_owner", "acme"
#define LINES  "Accept: application/x-ndjson\r\n"
#define EXPORT "GET", "/v1/audit"

enum { SQL_BYTES = 1024, WAIT_MS = 10000, SEAL_RECORDS = 4, DECISIONS = 6 };

static inline void stop_loop(void *arg)
{
	loop_stop(arg);
}

static inline void run_for(loop *l, int64_t us)
{
	loop_timer *t = loop_timer_new(l, stop_loop, l);

	loop_timer_arm(t, us);
	loop_run(l);
	loop_timer_free(t);
}

/* The worker's part, in this process, until every record of both chains is under a checkpoint: twice at once, since
 * workers of two servers may share a database. */
static inline void seal_by(int64_t records)
{
	loop *l = loop_new();
	db_options jobs = {.dsn = served_dsn(), .kind = "seal", .role = "reeve_jobs", .is_platform = true};
	lane *write[2];
	db_reader *read[2];
	seal *s[2];
	fault f = {0};

	for (int i = 0; i < 2; i++) {
		write[i] = lane_new(l, &(lane_options){.db = jobs});
		read[i] = reader_new(l, &(reader_options){.platform = jobs, .platform_n = 1});
		seal_options o = {.data_dir = served_folder(),
			.file = "",
			.records = records,
			.write = write[i],
			.read = read[i]};
		cr_assert_eq(seal_new(l, &o, &s[i], &f), ERR_OK, "%s", f.detail);
	}
	for (int i = 0; i < WAIT_MS / 10; i++) {
		run_for(l, 10000);
		if (pg_int(served_dsn(),
			    "SELECT count(*) FROM (SELECT 'g' AS c, n FROM chain UNION ALL SELECT 'p', n FROM leader) h "
			    "WHERE n > (SELECT coalesce(max(size), 0) FROM audit_checkpoint k WHERE k.chain = h.c)") ==
			0)
			break;
	}
	for (int i = 0; i < 2; i++) {
		lane_free(write[i]);
		reader_free(read[i]);
		seal_free(s[i]);
	}
	loop_free(l);
}

static inline void seal_all(void)
{
	seal_by(SEAL_RECORDS);
}

/* Decisions as the placer writes them, of tenants acme and other by turns. */
static inline void decisions_make(void)
{
	char sql[SQL_BYTES * 2];

	for (int n = 1; n <= DECISIONS; n++) {
		snprintf(sql, sizeof(sql),
			"INSERT INTO decision (n, term, at, tenant_key, placement_id, cluster_key, cluster_rev, action, body, hash) "
			"SELECT %d, 1, '2026-11-21T10:00:00.00%dZ', key, 'plc_%d', %s, %s, 'grant', body, "
			"sha256(coalesce((SELECT hash FROM decision WHERE n = %d), sha256('')) || convert_to(body, 'UTF8')) "
			"FROM (SELECT key, format('{\"n\":%d,\"at\":\"2026-11-21T10:00:00.00%dZ\",\"term\":1,\"action\":\"grant\",\"actor\":\"tok_1\","
			"\"tenant_key\":%%s,\"cluster_key\":%s,\"cluster_rev\":%s,\"placement\":{\"id\":\"plc_%d\"}}', key) AS body "
			"FROM tenant WHERE path = '%s') t",
			n, n, n, n % 2 ? "7" : "NULL", n % 2 ? (char[]){(char)('0' + n), 0} : "NULL", n - 1, n, n,
			n % 2 ? "7" : "null", n % 2 ? (char[]){(char)('0' + n), 0} : "null", n,
			n % 2 ? "acme" : "other");
		pg_do(served_dsn(), sql);
	}
	pg_do(served_dsn(),
		"UPDATE leader SET n = d.n, hash = d.hash FROM decision d WHERE d.n = (SELECT max(n) FROM decision)");
}

/* clang-format off */
static const scene begun[] = {
	{"a tenant", ADMIN, "POST", "/v1/tenants", "Content-Type: application/json\r\n", "{\"name\":\"acme\"}", 201, NULL, NULL},
	{"its child", ADMIN, "POST", "/v1/tenants", "Content-Type: application/json\r\n", "{\"name\":\"lab\",\"parent\":\"acme\"}", 201, NULL, NULL},
	{"another", ADMIN, "POST", "/v1/tenants", "Content-Type: application/json\r\n", "{\"name\":\"other\"}", 201, NULL, NULL},
	{"a refusal", ADMIN, "POST", "/v1/tenants", "Content-Type: application/json\r\n", "{\"name\":\"other\"}", 409, NULL, NULL},
	{"a token", ADMIN, "POST", "/v1/tokens", "Content-Type: application/json\r\n", "{\"name\":\"secret-one\",\"role\":\"viewer\",\"tenant\":\"other\",\"ttl_s\":600}", 201, NULL, NULL, "token=token"},
	{"a cluster", ADMIN, "POST", "/v1/clusters", "Content-Type: application/json\r\n", "{\"name\":\"par-1\"}", 201, NULL, NULL, "join=join_token"},
};
/* clang-format on */

static inline void begin(const char *name)
{
	served_start(name);
	scenes_play(begun, sizeof(begun) / sizeof(*begun));
	decisions_make();
}

/* An export comes in chunks. */
static inline str joined(arena *a, str body)
{
	buf out;

	buf_init(&out, 64 << 20);
	while (body.n) {
		size_t n = strtoul(str_z(a, str_split(&body, '\r')), NULL, 16);
		if (!n || body.n < n + 1)
			break;
		buf_add_str(&out, str_cut(body, 1, n + 1));
		body = str_cut(body, n + 3, body.n);
	}
	str whole = str_dup(a, buf_str(&out));
	buf_done(&out);
	return whole;
}

static inline str export_of(arena *a, const char *role, const char *tenant, const char *query)
{
	char path[SQL_BYTES];

	snprintf(path, sizeof(path), "/v1/audit%s", query);
	answer r = served_call(a, served_token(role, tenant), "GET", path, LINES, NULL);
	cr_assert_eq(r.status, 200, "%s: %d " STR_FMT, path, r.status, STR_ARG(r.body));
	return answer_header(&r, "Transfer-Encoding").p ? joined(a, r.body) : r.body;
}

static inline int64_t lines_in(str text)
{
	int64_t n = 0;

	for (uint32_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

typedef struct named {
	int64_t n, times;
	char chain;
	char why[CHECK_WHY_MAX];
} named;

static inline void on_bad(void *arg, const check_bad *b)
{
	named *of = arg;

	if (of->times++)
		return;
	of->n = b->n;
	of->chain = b->chain;
	memcpy(of->why, b->why, sizeof(of->why));
}

static inline void key_of(arena *a, uint8_t ret[SIGNATURE_KEY])
{
	answer r = served_call(a, served_token(ADMIN), "GET", "/v1/audit/key", NULL, NULL);
	const char *pem = json_string_value(json_object_get(r.doc, "pem"));

	cr_assert(pem && public_key_read(str_from(pem), ret));
}

static inline named verified(arena *a, const str *texts, int n)
{
	named got = {0};
	uint8_t key[SIGNATURE_KEY];
	check c;

	key_of(a, key);
	check_begin(&c, key, on_bad, &got);
	for (int i = 0; i < n; i++)
		check_seals(&c, "", texts[i]);
	check_seals_end(&c);
	for (int i = 0; i < n; i++)
		check_records(&c, "", texts[i]);
	check_end(&c);
	check_done(&c);
	return got;
}

/* The whole of it, exported and verified away from the server. */
static inline named offline(arena *a)
{
	str texts[] = {export_of(a, ADMIN, "/checkpoints"), export_of(a, ADMIN, "/checkpoints?chain=p"),
		export_of(a, ADMIN, ""), export_of(a, ADMIN, "?chain=p")};

	return verified(a, texts, 4);
}

static inline void online(arena *a, named *ret)
{
	answer r = served_call(a, served_token(ADMIN), "GET", "/v1/audit:verify", NULL, NULL);
	const char *chain = json_string_value(json_object_get(r.doc, "broken_chain"));
	const char *why = json_string_value(json_object_get(r.doc, "broken_by"));

	cr_assert_eq(r.status, 200, STR_FMT, STR_ARG(r.body));
	*ret = (named){.n = json_integer_value(json_object_get(r.doc, "first_broken")), .chain = chain ? *chain : 0};
	snprintf(ret->why, sizeof(ret->why), "%s", why ? why : "");
}

/* Every column of both tables, changed in one record; what links the records in the first and the last one too. */
static const struct {
	const char *table, *column, *change;
} flips[] = {
	{"audit", "n", "n + 1000"},
	{"audit", "n", "-n"},
	{"audit", "at", "at + interval '1 us'"},
	{"audit", "at", "at - interval '1 day'"},
	{"audit", "actor", "overlay(actor PLACING '#' FROM 1)"},
	{"audit", "action", "action || ' '"},
	{"audit", "object_kind", "upper(object_kind)"},
	{"audit", "object_id", "object_id || 'x'"},
	{"audit", "tenant_key", "tenant_key # 1"},
	{"audit", "request_id", "reverse(request_id)"},
	{"audit", "outcome", "'refused:not_found'"},
	{"audit", "hash", "set_byte(hash, 31, get_byte(hash, 31) # 1)"},
	{"audit", "hash", "''"},
	{"audit", "body", "replace(body, '\"via\":\"api\"', '\"via\":\"apj\"')"},
	{"decision", "n", "n + 1000"},
	{"decision", "n", "-n"},
	{"decision", "term", "term # 1"},
	{"decision", "at", "at + interval '1 us'"},
	{"decision", "tenant_key", "tenant_key # 1"},
	{"decision", "placement_id", "placement_id || 'x'"},
	{"decision", "cluster_key", "coalesce(cluster_key, 0) # 1"},
	{"decision", "cluster_rev", "coalesce(cluster_rev, -1) + 1"},
	{"decision", "action", "'end'"},
	{"decision", "body", "replace(body, 'tok_1', 'tok_2')"},
	{"decision", "hash", "set_byte(hash, 0, get_byte(hash, 0) # 128)"},
};

static inline void flip_seen(size_t i, int64_t n)
{
	AUTO_ARENA a = arena_new(0);
	const char *table = flips[i].table;
	char chain = *table == 'a' ? 'g' : 'p', sql[SQL_BYTES];
	named got;

	snprintf(sql, sizeof(sql), "CREATE TABLE kept AS SELECT * FROM %s; UPDATE %s SET %s = %s WHERE n = %d", table,
		table, flips[i].column, flips[i].change, (int)n);
	pg_do(served_dsn(), sql);
	online(a, &got);
	cr_expect(got.n == n && got.chain == chain, "%s.%s = %s of %d, by the server: %c %d %s", table, flips[i].column,
		flips[i].change, (int)n, got.chain ? got.chain : '-', (int)got.n, got.why);
	got = offline(a);
	cr_expect(got.n == n && got.chain == chain, "%s.%s = %s of %d, by its export: %c %d %s", table, flips[i].column,
		flips[i].change, (int)n, got.chain ? got.chain : '-', (int)got.n, got.why);
	snprintf(sql, sizeof(sql), "DELETE FROM %s; INSERT INTO %s SELECT * FROM kept; DROP TABLE kept", table, table);
	pg_do(served_dsn(), sql);
}
