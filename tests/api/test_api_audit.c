/* The audit chains as clients see them: searched, exported, sealed, proved, and every change by hand found. */
#include "audit_scene.h"

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
