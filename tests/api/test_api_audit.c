/* The audit chains as clients see them: searched, exported, sealed, proved, and every change by hand found. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/audit/check.h"
#include "db/sql.h"
#include "net/listen.h"
#include "net/web.h"
#include "pg/pg.h"
#include "scene.h"
#include "server/audit/seal.h"

#define ADMIN  "platform_admin", NULL
#define OWNER  "tenant_owner", "acme"
#define LINES  "Accept: application/x-ndjson\r\n"
#define EXPORT "GET", "/v1/audit"

enum { SQL_BYTES = 1024, WAIT_MS = 10000, SEAL_RECORDS = 4, DECISIONS = 6 };

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

static void run_for(loop *l, int64_t us)
{
	loop_timer *t = loop_timer_new(l, stop_loop, l);

	loop_timer_arm(t, us);
	loop_run(l);
	loop_timer_free(t);
}

/* The worker's part, in this process, until every record of both chains is under a checkpoint: twice at once, since
 * workers of two servers may share a database. */
static void seal_by(int64_t records)
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

static void seal_all(void)
{
	seal_by(SEAL_RECORDS);
}

/* Decisions as the placer writes them, of tenants acme and other by turns. */
static void decisions_make(void)
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

static void begin(const char *name)
{
	served_start(name);
	scenes_play(begun, sizeof(begun) / sizeof(*begun));
	decisions_make();
}

/* An export comes in chunks. */
static str joined(arena *a, str body)
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

static str export_of(arena *a, const char *role, const char *tenant, const char *query)
{
	char path[SQL_BYTES];

	snprintf(path, sizeof(path), "/v1/audit%s", query);
	answer r = served_call(a, served_token(role, tenant), "GET", path, LINES, NULL);
	cr_assert_eq(r.status, 200, "%s: %d " STR_FMT, path, r.status, STR_ARG(r.body));
	return answer_header(&r, "Transfer-Encoding").p ? joined(a, r.body) : r.body;
}

static int64_t lines_in(str text)
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

static void on_bad(void *arg, const check_bad *b)
{
	named *of = arg;

	if (of->times++)
		return;
	of->n = b->n;
	of->chain = b->chain;
	memcpy(of->why, b->why, sizeof(of->why));
}

static void key_of(arena *a, uint8_t ret[SIGNATURE_KEY])
{
	answer r = served_call(a, served_token(ADMIN), "GET", "/v1/audit/key", NULL, NULL);
	const char *pem = json_string_value(json_object_get(r.doc, "pem"));

	cr_assert(pem && public_key_read(str_from(pem), ret));
}

static named verified(arena *a, const str *texts, int n)
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
static named offline(arena *a)
{
	str texts[] = {export_of(a, ADMIN, "/checkpoints"), export_of(a, ADMIN, "/checkpoints?chain=p"),
		export_of(a, ADMIN, ""), export_of(a, ADMIN, "?chain=p")};

	return verified(a, texts, 4);
}

static void online(arena *a, named *ret)
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

static void flip_seen(size_t i, int64_t n)
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

Test(api_audit, a_changed_column_is_a_changed_record)
{
	AUTO_ARENA a = arena_new(0);
	named got;

	begin("audit_flips");
	seal_all();
	cr_assert_eq(offline(a).times, 0);
	online(a, &got);
	cr_assert_eq(got.n, 0, "%c %d %s", got.chain, (int)got.n, got.why);
	int64_t last_g = pg_int(served_dsn(), "SELECT n FROM chain");
	for (size_t i = 0; i < sizeof(flips) / sizeof(*flips); i++) {
		int64_t last = *flips[i].table == 'a' ? last_g : DECISIONS;
		bool is_link = strcmp(flips[i].column, "n") == 0 || strcmp(flips[i].column, "hash") == 0;
		flip_seen(i, 1 + (int64_t)i % last);
		if (!is_link)
			continue;
		flip_seen(i, 1);
		flip_seen(i, last);
	}
}

Test(api_audit, every_column_is_flipped)
{
	served_start("audit_columns");
	int64_t columns = pg_int(served_dsn(),
		"SELECT count(*) FROM information_schema.columns WHERE table_name IN ('audit', 'decision')");
	int64_t seen = 0;

	for (size_t i = 0; i < sizeof(flips) / sizeof(*flips); i++) {
		bool is_new = true;
		for (size_t k = 0; k < i; k++)
			is_new &= strcmp(flips[i].table, flips[k].table) != 0 ||
				  strcmp(flips[i].column, flips[k].column) != 0;
		seen += is_new;
	}
	cr_expect_eq(seen, columns, "%d columns of %d", (int)seen, (int)columns);
}

/* Bytes of the records themselves, where they lie. */
Test(api_audit, a_changed_byte_of_a_stored_record_is_named)
{
	begin("audit_bytes");
	seal_all();
	for (int i = 0; i < 12; i++) {
		AUTO_ARENA a = arena_new(0);
		const char *table = i % 2 ? "audit" : "decision";
		int64_t n = 1 + i % DECISIONS;
		char sql[SQL_BYTES];
		named got;
		snprintf(sql, sizeof(sql),
			"CREATE TABLE kept AS SELECT * FROM %s; UPDATE %s SET body = overlay(body PLACING CASE substr(body, p, 1) WHEN 'x' THEN 'y' ELSE 'x' END FROM p) "
			"FROM (SELECT 1 + %d * 37 %% length(k.body) AS p FROM kept k WHERE k.n = %d) q WHERE n = %d",
			table, table, i, (int)n, (int)n);
		pg_do(served_dsn(), sql);
		online(a, &got);
		cr_expect(got.n == n, "%s %d: %d %s", table, (int)n, (int)got.n, got.why);
		got = offline(a);
		cr_expect(got.n == n, "%s %d: %d %s", table, (int)n, (int)got.n, got.why);
		snprintf(sql, sizeof(sql), "DELETE FROM %s; INSERT INTO %s SELECT * FROM kept; DROP TABLE kept", table,
			table);
		pg_do(served_dsn(), sql);
	}
}

Test(api_audit, records_that_are_gone_are_missed_wherever_they_stood)
{
	static const struct {
		const char *sql;
		int64_t n;
		char chain;
	} rows[] = {
		{"DELETE FROM audit WHERE n = 1", 1, 'g'},
		{"DELETE FROM audit WHERE n = 3", 3, 'g'},
		{"DELETE FROM audit WHERE n = (SELECT max(n) FROM audit)", 0, 'g'},
		{"DELETE FROM decision", 1, 'p'},
		{"DELETE FROM decision WHERE n > 4; UPDATE leader SET n = 4, hash = (SELECT hash FROM decision WHERE n = 4)",
			5, 'p'},
	};
	begin("audit_gone");
	seal_all();
	int64_t last = pg_int(served_dsn(), "SELECT n FROM chain");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_ARENA a = arena_new(0);
		named got;
		int64_t n = rows[i].n ? rows[i].n : last;
		pg_do(served_dsn(),
			"CREATE TABLE kept AS SELECT * FROM audit; CREATE TABLE kept_p AS SELECT * FROM decision");
		pg_do(served_dsn(), rows[i].sql);
		online(a, &got);
		cr_expect(got.n == n && got.chain == rows[i].chain, "%s: %c %d %s", rows[i].sql, got.chain, (int)got.n,
			got.why);
		got = offline(a);
		cr_expect(got.times && (got.n == n || !got.n), "%s: %c %d %s", rows[i].sql, got.chain, (int)got.n,
			got.why);
		pg_do(served_dsn(),
			"DELETE FROM audit; INSERT INTO audit SELECT * FROM kept; DELETE FROM decision; INSERT INTO decision SELECT * FROM kept_p;"
			"UPDATE leader SET n = d.n, hash = d.hash FROM decision d WHERE d.n = (SELECT max(n) FROM decision); DROP TABLE kept, kept_p");
	}
}

Test(api_audit, a_changed_checkpoint_is_found)
{
	static const char *const rows[] = {
		"UPDATE audit_checkpoint SET body = replace(body, '\"size\":4', '\"size\":5') WHERE size = 4 AND chain = 'g'",
		"UPDATE audit_checkpoint SET signature = set_byte(signature, 9, get_byte(signature, 9) # 1) WHERE size = 4 AND chain = 'g'",
		"UPDATE audit_checkpoint SET frontier = set_byte(frontier, 9, get_byte(frontier, 9) # 1) WHERE size = 4 AND chain = 'p'",
		"UPDATE audit_checkpoint SET at = at + interval '1 ms' WHERE size = 4 AND chain = 'p'",
		"DELETE FROM audit_checkpoint WHERE size = 4 AND chain = 'g'",
	};
	begin("audit_seals");
	seal_all();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_ARENA a = arena_new(0);
		named got;
		pg_do(served_dsn(), "CREATE TABLE kept AS SELECT * FROM audit_checkpoint");
		pg_do(served_dsn(), rows[i]);
		online(a, &got);
		cr_expect(got.n && strcmp(got.why, "checkpoint") == 0, "%s: %d %s", rows[i], (int)got.n, got.why);
		pg_do(served_dsn(),
			"DELETE FROM audit_checkpoint; INSERT INTO audit_checkpoint SELECT * FROM kept; DROP TABLE kept");
	}
}

/* clang-format off */
static const scene searched[] = {
	{"by action", ADMIN, EXPORT "?action=token.create", NULL, NULL, 200, "{'items':[{'action':'token.create','object_kind':'token','tenant':'other'}]}", NULL},
	{"by object", ADMIN, EXPORT "?object=cluster", NULL, NULL, 200, "{'items':[{'action':'cluster.create'}]}", NULL},
	{"by a refusal's code", ADMIN, EXPORT "?outcome=conflict", NULL, NULL, 200, "{'items':[{'outcome':'refused:conflict'}]}", NULL},
	{"by refusal", ADMIN, EXPORT "?outcome=refused&limit=1", NULL, NULL, 200, "{'items':[{'outcome':'refused:conflict'}]}", NULL},
	{"by actor", ADMIN, EXPORT "?actor=nobody", NULL, NULL, 200, "{'items':[]}", NULL},
	{"by time, before", ADMIN, EXPORT "?until=2001-01-01T00:00:00Z", NULL, NULL, 200, "{'items':[]}", NULL},
	{"by time, after", ADMIN, EXPORT "?from=2999-01-01T00:00:00Z", NULL, NULL, 200, "{'items':[]}", NULL},
	{"by time, now", ADMIN, EXPORT "?from=2001-01-01T00:00:00Z&limit=1", NULL, NULL, 200, "{'items':[{'n':1}]}", NULL},
	{"behind a number", ADMIN, EXPORT "?after=2&limit=1", NULL, NULL, 200, "{'items':[{'n':3}]}", NULL},
	{"the placements' chain", ADMIN, EXPORT "?chain=p&limit=1", NULL, NULL, 200, "{'items':[{'n':1,'actor':'tok_1','action':'grant','object_kind':'placement','object_id':'plc_1','tenant':'acme'}]}", NULL},
	{"and by its actor", ADMIN, EXPORT "?chain=p&actor=tok_2", NULL, NULL, 200, "{'items':[]}", NULL},
	{"and by its object", ADMIN, EXPORT "?chain=p&object=plc_4", NULL, NULL, 200, "{'items':[{'n':4}]}", NULL},
	{"and by time", ADMIN, EXPORT "?chain=p&from=2026-11-21T10:00:00.003Z&until=2026-11-21T10:00:00.004Z", NULL, NULL, 200, "{'items':[{'n':3}]}", NULL},
	{"no third chain", ADMIN, EXPORT "?chain=x", NULL, NULL, 400, "{'code':'bad_parameter'}", NULL},
	{"a list goes on by its cursor", ADMIN, EXPORT "?chain=p&limit=2", NULL, NULL, 200, NULL, "Link: rel=\"next\"", "next=next_cursor"},
	{"where it ended", ADMIN, EXPORT "?chain=p&limit=2&cursor={next}", NULL, NULL, 200, "{'items':[{'n':3},{'n':4}]}", NULL},
	{"an export has none", ADMIN, EXPORT "?cursor=x", LINES, NULL, 400, "{'code':'bad_parameter'}", NULL},
	{"an export of nobody", ADMIN, EXPORT "?tenant=nobody", LINES, NULL, 404, NULL, NULL},
	{"no record, no proof", ADMIN, EXPORT "/999999/proof", NULL, NULL, 404, NULL, NULL},
	{"no number", ADMIN, EXPORT "/x/proof", NULL, NULL, 404, NULL, NULL},
	{"a checkpoint that is not", ADMIN, EXPORT "/1/proof?size=3", NULL, NULL, 404, NULL, NULL},
	{"growth backwards", ADMIN, EXPORT "/checkpoints:consistency?from=8&to=4", NULL, NULL, 400, NULL, NULL},
	{"growth to nowhere", ADMIN, EXPORT "/checkpoints:consistency?from=4&to=999", NULL, NULL, 404, NULL, NULL},
	{"checkpoints behind a size", ADMIN, EXPORT "/checkpoints?after=4&limit=1", NULL, NULL, 200, NULL, NULL},
	{"as lines they have no pages", ADMIN, EXPORT "/checkpoints?cursor=x", LINES, NULL, 400, "{'code':'bad_parameter'}", NULL},
	{"not for members", "member", "acme", EXPORT "/checkpoints", NULL, NULL, 403, NULL, NULL},
	{"nor the key", "member", "acme", EXPORT "/key", NULL, NULL, 403, NULL, NULL},
	{"a tenant's owner sees the key", OWNER, EXPORT "/key", NULL, NULL, 200, NULL, NULL},
};
/* clang-format on */

Test(api_audit, records_are_found_by_what_they_say)
{
	begin("audit_search");
	seal_all();
	scenes_play(searched, sizeof(searched) / sizeof(*searched));
}

Test(api_audit, a_tenant_reads_its_own_subtree_and_proves_it_without_the_others)
{
	AUTO_ARENA a = arena_new(0);
	char path[SQL_BYTES];

	begin("audit_subtree");
	seal_all();
	int64_t mine = pg_int(served_dsn(),
		"SELECT count(*) FROM audit WHERE tenant_key IN (SELECT key FROM tenant WHERE path IN ('acme', 'acme/lab'))");
	str own = export_of(a, OWNER, "");
	cr_expect_geq(mine, 2);
	cr_expect_eq(lines_in(own), mine);
	cr_expect_eq(lines_in(export_of(a, OWNER, "?chain=p")), DECISIONS / 2);
	cr_expect_null(memmem(own.p, own.n, "other", 5));
	for (int64_t n = 1; n <= DECISIONS; n++) {
		snprintf(path, sizeof(path), "/v1/audit/%d/proof?chain=p", (int)n);
		answer r = served_call(a, served_token(OWNER), "GET", path, NULL, NULL);
		cr_expect_eq(r.status, n % 2 ? 200 : 404, "%s: %d", path, r.status);
		if (r.status != 200)
			continue;
		str proof = str_print(a, STR_FMT "\n", STR_ARG(r.body));
		named got = verified(a, &proof, 1);
		cr_expect_eq(got.times, 0, "%s: %s", path, got.why);
	}
}

Test(api_audit, every_record_is_proved_by_every_checkpoint_that_covers_it)
{
	begin("audit_proofs");
	seal_all();
	int64_t last = pg_int(served_dsn(), "SELECT max(size) FROM audit_checkpoint WHERE chain = 'g'");
	for (int64_t size = SEAL_RECORDS; size <= last; size += SEAL_RECORDS)
		for (int64_t n = 1; n <= size; n++) {
			AUTO_ARENA a = arena_new(0);
			char path[SQL_BYTES];
			snprintf(path, sizeof(path), "/v1/audit/%d/proof?size=%d", (int)n, (int)size);
			answer r = served_call(a, served_token(ADMIN), "GET", path, NULL, NULL);
			cr_assert_eq(r.status, 200, "%s: " STR_FMT, path, STR_ARG(r.body));
			str proof = str_print(a, STR_FMT "\n", STR_ARG(r.body));
			cr_expect_eq(verified(a, &proof, 1).times, 0, "%s", path);
			snprintf(path, sizeof(path), "/v1/audit/checkpoints:consistency?from=%d&to=%d", SEAL_RECORDS,
				(int)size);
			r = served_call(a, served_token(ADMIN), "GET", path, NULL, NULL);
			cr_assert_eq(r.status, 200, "%s: " STR_FMT, path, STR_ARG(r.body));
			str growth = str_print(a, STR_FMT "\n", STR_ARG(r.body));
			cr_expect_eq(verified(a, &growth, 1).times, 0, "%s", path);
		}
}

/* More than one page of an export, and a tree of more than one tile. */
Test(api_audit, a_long_chain_is_exported_whole_and_sealed_in_pieces)
{
	AUTO_ARENA a = arena_new((size_t)256 << 20);
	named got;

	served_start("audit_long");
	pg_do(served_dsn(),
		"DO $$ DECLARE prev bytea := sha256(''); body text; BEGIN FOR i IN 1..1500 LOOP "
		"body := format('{\"n\":%s,\"at\":\"2026-11-21T10:00:00.000Z\",\"actor\":\"a\",\"action\":\"x\",\"object_kind\":\"k\",\"object_id\":\"o\",\"tenant_key\":1,\"request_id\":\"r\",\"outcome\":\"done\"}', i);"
		"prev := sha256(prev || convert_to(body, 'UTF8'));"
		"INSERT INTO audit VALUES (i, '2026-11-21T10:00:00.000Z', 'a', 'x', 'k', 'o', 1, 'r', 'done', body, prev); END LOOP;"
		"UPDATE chain SET n = 1500, hash = prev; END $$");
	seal_by(600);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM audit_checkpoint"), 3);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM audit_tile WHERE level = 0"), 6);
	cr_expect_eq(pg_int(served_dsn(), "SELECT length(hashes) / 32 FROM audit_tile WHERE level = 1"), 5);
	str texts[] = {export_of(a, ADMIN, "/checkpoints"), export_of(a, ADMIN, "")};
	got = verified(a, texts, 2);
	cr_expect_eq(got.times, 0, "%s", got.why);
	cr_expect_eq(lines_in(texts[0]), 3);
	cr_expect_eq(lines_in(export_of(a, ADMIN, "/checkpoints?after=600&limit=1")), 1);
	cr_expect_eq(lines_in(export_of(a, ADMIN, "")), pg_int(served_dsn(), "SELECT n FROM chain"));
	cr_expect_eq(lines_in(export_of(a, ADMIN, "?limit=700&after=600")), 700);
	online(a, &got);
	cr_expect_eq(got.n, 0, "%c %d %s", got.chain, (int)got.n, got.why);
	answer r = served_call(a, served_token(ADMIN), "GET", "/v1/audit/777/proof?size=1200", NULL, NULL);
	str proof = str_print(a, STR_FMT "\n", STR_ARG(r.body));
	cr_expect_eq(verified(a, &proof, 1).times, 0, STR_FMT, STR_ARG(r.body));
}

/* Secrets are shown once, in an answer. Nothing of them is in what is kept for ever. */
Test(api_audit, no_record_holds_a_secret)
{
	AUTO_ARENA a = arena_new(0);
	static const char *const marks[] = {"rv_", "BEGIN ", "PRIVATE"};

	begin("audit_secrets");
	str all = export_of(a, ADMIN, "");
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
		cr_expect_null(memmem(all.p, all.n, marks[i], strlen(marks[i])), "a record holds %s", marks[i]);
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM audit a, (SELECT hash FROM token UNION ALL SELECT hash FROM join_token) t "
			"WHERE strpos(a.body, encode(t.hash, 'hex')) > 0 OR strpos(a.body, encode(t.hash, 'base64')) > 0"),
		0);
}

/* Somebody who collects checkpoints. */
typedef struct collector {
	arena *a;
	str body;
	int times;
} collector;

static void on_collect(void *arg, web_req *r)
{
	collector *c = arg;

	c->body = str_dup(c->a, r->body);
	c->times++;
	web_reply(r, 204, S(""), S(""));
}

Test(api_audit, a_checkpoint_is_told_to_the_file_and_the_url_that_the_settings_name)
{
	AUTO_ARENA a = arena_new(0);
	collector c = {.a = a};
	char url[SQL_BYTES], file[SQL_BYTES], one[SQL_BYTES * 2];
	fault f = {0};
	char address[64];
	int fd = -1;

	begin("audit_told");
	loop *l = loop_new();
	cr_assert_eq(listen_open("127.0.0.1:0", &fd, &f), ERR_OK, "%s", f.detail);
	web_server *w = web_open(l, fd, NULL, &web_limits_default, &(web_hooks){.on_request = on_collect, .arg = &c});
	db_options jobs = {.dsn = served_dsn(), .kind = "seal", .role = "reeve_jobs", .is_platform = true};
	lane *write = lane_new(l, &(lane_options){.db = jobs});
	db_reader *read = reader_new(l, &(reader_options){.platform = jobs, .platform_n = 1});
	cr_assert_eq(listen_address(fd, address, sizeof(address)), ERR_OK);
	snprintf(url, sizeof(url), "http://%s/kept", address);
	snprintf(file, sizeof(file), "%s/kept", served_folder());
	seal_options o = {.data_dir = served_folder(),
		.file = file,
		.url = url,
		.records = SEAL_RECORDS_MAX,
		.write = write,
		.read = read};
	seal *s;
	cr_assert_eq(seal_new(l, &o, &s, &f), ERR_OK, "%s", f.detail);
	for (int i = 0; i < WAIT_MS / 10 && c.times < 2; i++)
		run_for(l, 10000);
	cr_assert_eq(c.times, 2);
	FILE *in = fopen(file, "re");
	str last = S("");
	while (fgets(one, sizeof(one), in))
		last = str_dup(a, str_from(one));
	fclose(in);
	cr_expect(str_eq(last, c.body), "the file and the URL hear the same");
	str texts[] = {c.body};
	cr_expect_eq(verified(a, texts, 1).times, 0);
	lane_free(write);
	reader_free(read);
	seal_free(s);
	web_close(w);
	loop_free(l);
}
