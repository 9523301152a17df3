/* Migrations go up, down and up again, and refuse a history that is not theirs. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "db/migrate.h"
#include "pg/pg.h"

/* All that the catalogue says about the tables, constraints, indexes, policies, functions and grants. */
static const char *schema_of(const char *dsn)
{
	return pg_text(dsn,
		"SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM ("
		"SELECT 'column ' || attrelid::regclass || ' ' || attname || ' ' || format_type(atttypid, atttypmod) || attnotnull AS line "
		"FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'public'::regnamespace AND attnum > 0 "
		"AND relname <> 'schema_migration' AND relname <> 'schema_migration_pk' "
		"UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint "
		"WHERE connamespace = 'public'::regnamespace AND conname <> 'schema_migration_pk' "
		"UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'schema_migration' "
		"UNION ALL SELECT 'policy ' || tablename || policyname || roles::text || cmd || coalesce(qual, '') || coalesce(with_check, '') FROM pg_policies "
		"UNION ALL SELECT 'function ' || oid::regprocedure || prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
		"UNION ALL SELECT 'rights ' || relname || relacl::text || relrowsecurity || relforcerowsecurity FROM pg_class "
		"WHERE relnamespace = 'public'::regnamespace AND relacl IS NOT NULL) s");
}

Test(migrate, up_down_up_leaves_the_same_schema)
{
	const char *dsn = pg_database_empty("updown");
	char first[64];
	uint32_t applied = 0;
	fault f = {0};
	cr_assert_eq(migrate_up(dsn, migrations, migrations_n, &applied, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(applied, migrations_n);
	strcpy(first, schema_of(dsn));
	cr_assert_eq(migrate_down(dsn, migrations, migrations_n, 0, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(
		pg_int(dsn,
			"SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname !~ '^schema_migration'"),
		0);
	cr_assert_eq(pg_int(dsn, "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"), 0);
	cr_assert_eq(migrate_up(dsn, migrations, migrations_n, &applied, &f), ERR_OK, "%s", f.detail);
	cr_assert_str_eq(schema_of(dsn), first);
	pg_do(dsn, "ALTER TABLE tenant ADD COLUMN planted int4");
	cr_assert_str_neq(schema_of(dsn), first);
}

Test(migrate, a_second_run_does_nothing)
{
	const char *dsn = pg_database("again");
	uint32_t applied = 7;
	int32_t number = 0;
	fault f = {0};
	cr_assert_eq(migrate_up(dsn, migrations, migrations_n, &applied, &f), ERR_OK);
	cr_assert_eq(applied, 0);
	cr_assert_eq(migrate_at(dsn, migrations, migrations_n, &number, &f), ERR_OK);
	cr_assert_eq(number, migrations[migrations_n - 1].number);
}

/* A placement's columns move to the end of its row: what stood there before must come along, both ways. */
Test(migrate, placements_keep_what_they_say)
{
	static const char said[] =
		"SELECT concat_ws(' ', state, reason, rev, seq, running_at = '2026-01-02Z', ended_at IS NULL) FROM placement";
	const char *dsn = pg_database_empty("keeps");
	char before[64];
	fault f = {0};
	cr_assert_eq(migrate_up(dsn, migrations, 2, NULL, &f), ERR_OK, "%s", f.detail);
	pg_do(dsn,
		"INSERT INTO placement (id, tenant_key, cluster_key, name, origin, state, fence_incarnation, fence_no, request, created_by, "
		"created_at, running_at, seq, rev, reason) VALUES ('plc_1', 2, 1, '', 'api', 'running', 1, 1, '{}', 't', now(), "
		"'2026-01-02Z', 7, 9, 'why')");
	strcpy(before, pg_text(dsn, said));
	cr_assert_str_eq(before, "running why 9 7 t t");
	cr_assert_eq(migrate_up(dsn, migrations, migrations_n, NULL, &f), ERR_OK, "%s", f.detail);
	cr_assert_str_eq(pg_text(dsn, said), before);
	cr_assert_eq(migrate_down(dsn, migrations, migrations_n, 2, &f), ERR_OK, "%s", f.detail);
	cr_assert_str_eq(pg_text(dsn, said), before);
}

static uint32_t migration_find(const char *name)
{
	uint32_t i = 0;
	while (i < migrations_n && strcmp(migrations[i].name, name) != 0)
		i++;
	cr_assert_lt(i, migrations_n, "there is no migration %s", name);
	return i;
}

/* Tokens of before know nobody above them but the one they were made with, unless that was revoked: they go on as they
 * did. */
Test(migrate, tokens_of_before_go_on)
{
	static const char said[] =
		"SELECT string_agg(concat_ws(' ', id, name, role, expires_at = '2100-01-01Z', revoked_at IS NOT NULL), ', ' "
		"ORDER BY id) FROM token";
	const char *dsn = pg_database_empty("tokens");
	uint32_t at = migration_find("rights");
	char before[256];
	fault f = {0};
	cr_assert_eq(migrate_up(dsn, migrations, at, NULL, &f), ERR_OK, "%s", f.detail);
	pg_do(dsn, "INSERT INTO token (id, name, hash, role, tenant_key, created_by, expires_at, revoked_at) VALUES "
		   "('tok_1', 'first', '', 'platform_admin', 1, 'bootstrap', '2100-01-01Z', NULL), "
		   "('tok_2', 'second', '', 'member', 2, 'tok_1', '2100-01-01Z', NULL), "
		   "('tok_3', 'third', '', 'viewer', 2, 'tok_2', '2100-01-01Z', now()), "
		   "('tok_4', 'fourth', '', 'viewer', 2, 'tok_3', '2100-01-01Z', NULL)");
	snprintf(before, sizeof(before), "%s", pg_text(dsn, said));
	cr_assert_eq(migrate_up(dsn, migrations, at + 1, NULL, &f), ERR_OK, "%s", f.detail);
	cr_expect_str_eq(pg_text(dsn, said), before);
	cr_expect_str_eq(
		pg_text(dsn,
			"SELECT string_agg(concat_ws(' ', id, coalesce(maker_token, '-'), generation), ', ' ORDER BY id) FROM token"),
		"tok_1 - 0, tok_2 tok_1 1, tok_3 tok_2 2, tok_4 - 0");
	cr_assert_eq(
		migrate_down(dsn, migrations, at + 1, (int32_t)migrations[at - 1].number, &f), ERR_OK, "%s", f.detail);
	cr_expect_str_eq(pg_text(dsn, said), before);
}

static const migration base[] = {
	{1, "one", "CREATE TABLE a (n int4)", "DROP TABLE a"},
	{2, "two", "CREATE TABLE b (n int4); CREATE TABLE c (n int4)", "DROP TABLE b, c"},
};

static err base_up(const char *dsn)
{
	fault f = {0};
	return migrate_up(dsn, base, 2, NULL, &f);
}

Test(migrate, a_history_that_is_not_ours_is_refused)
{
	static const migration changed[] = {{1, "one", "CREATE TABLE a (n int8)", ""}, {2, "two", base[1].up, ""}};
	static const migration between[] = {{1, "one", base[0].up, ""}, {2, "x", "SELECT 1", ""}, {3, "two", "", ""}};
	static const migration other[] = {{1, "one", base[0].up, ""}, {3, "two", base[1].up, ""}};
	static const struct {
		const migration *m;
		uint32_t n;
		const char *said;
	} rows[] = {
		{changed, 2, "Migration 1 (one) was changed after it was applied"},
		{base, 1, "The database has migration 2 (two), which this program does not know: it is newer"},
		{other, 2, "The database has migration 2 (two), which this program does not know"},
		{between, 3, "Migration 2 (x) was changed"},
	};
	const char *dsn = pg_database_empty("history");
	cr_assert_eq(base_up(dsn), ERR_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		fault f = {0};
		int32_t number;
		cr_expect_eq(migrate_up(dsn, rows[i].m, rows[i].n, NULL, &f), ERR_DB);
		cr_expect(strstr(f.detail, rows[i].said), "%zu says: %s", i, f.detail);
		cr_expect_eq(migrate_at(dsn, rows[i].m, rows[i].n, &number, &f), ERR_DB);
		cr_expect_eq(migrate_down(dsn, rows[i].m, rows[i].n, 0, &f), ERR_DB);
	}
	cr_expect_eq(pg_int(dsn, "SELECT count(*) FROM schema_migration"), 2);
}

Test(migrate, a_step_that_fails_is_undone_whole)
{
	static const migration broken[] = {
		{1, "one", base[0].up, ""}, {2, "two", "CREATE TABLE b (n int4); CREATE TABLE a (n int4)", ""}};
	const char *dsn = pg_database_empty("broken");
	uint32_t applied = 0;
	fault f = {0};
	cr_assert_eq(migrate_up(dsn, broken, 2, &applied, &f), ERR_DB);
	cr_assert(strstr(f.detail, "Migration 2 (two) failed on its way up and was undone"), "%s", f.detail);
	cr_assert_eq(applied, 1);
	cr_assert_eq(pg_int(dsn, "SELECT count(*) FROM pg_class WHERE relname IN ('a', 'b') AND relkind = 'r'"), 1);
	cr_assert_eq(base_up(dsn), ERR_OK);
}

Test(migrate, down_stops_at_the_number)
{
	const char *dsn = pg_database_empty("down");
	fault f = {0};
	int32_t number = 0;
	cr_assert_eq(base_up(dsn), ERR_OK);
	cr_assert_eq(migrate_down(dsn, base, 2, 1, &f), ERR_OK);
	cr_assert_eq(migrate_at(dsn, base, 2, &number, &f), ERR_OK);
	cr_assert_eq(number, 1);
}

Test(migrate, a_server_that_is_not_there_is_unavailable)
{
	fault f = {0};
	cr_assert_eq(migrate_up("host=/nowhere dbname=x", base, 2, NULL, &f), ERR_UNAVAILABLE);
	cr_assert(f.detail[0]);
}
