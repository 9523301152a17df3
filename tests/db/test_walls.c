/* The second wall: every table of tenants stands behind row-level security, nobody who works passes it, and a statement
 * without a scope sees nothing. */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

#include "ask.h"
#include "db/lane.h"
#include "db/sql.h"
#include "pg/pg.h"

/* Tables with rows of tenants that lack the switch, its force, or a policy by scope for the tenants' role. */
static const char unguarded[] =
	"SELECT coalesce(string_agg(c.relname, ' ' ORDER BY c.relname), '') FROM pg_class c "
	"WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') "
	"AND (c.relname = 'tenant' OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_key' "
	"AND NOT a.attisdropped)) "
	"AND NOT (c.relrowsecurity AND c.relforcerowsecurity "
	"AND EXISTS (SELECT FROM pg_policies p WHERE p.schemaname = 'public' AND p.tablename = c.relname "
	"AND 'reeve_edge' = ANY(p.roles) AND p.cmd IN ('ALL', 'SELECT') AND p.permissive = 'PERMISSIVE' AND p.qual LIKE '%app.scope%') "
	"AND NOT EXISTS (SELECT FROM pg_policies p WHERE p.schemaname = 'public' AND p.tablename = c.relname "
	"AND ('reeve_edge' = ANY(p.roles) OR 'public' = ANY(p.roles)) "
	"AND NOT (coalesce(p.qual LIKE '%app.scope%', p.cmd = 'INSERT') "
	"AND (p.cmd IN ('SELECT', 'DELETE') OR p.with_check LIKE '%app.scope%' OR p.tablename = 'audit'))))";

static const char *const roles[] = {"reeve_edge", "reeve_platform", "reeve_placer", "reeve_jobs"};
enum { ROLES = sizeof(roles) / sizeof(*roles) };

Test(walls, every_table_of_tenants_stands_behind_one)
{
	const char *dsn = pg_database("walls_all");

	cr_expect_str_eq(pg_text(dsn, unguarded), "");
	cr_expect_gt(pg_int(dsn, "SELECT count(*) FROM pg_policies WHERE 'reeve_edge' = ANY(roles)"), 10);
}

/* Each way to forget one is found. */
Test(walls, a_table_without_one_is_found)
{
	static const char *const rows[] = {
		"CREATE TABLE planted (tenant_key int4)",
		"CREATE TABLE planted (tenant_key int4); ALTER TABLE planted ENABLE ROW LEVEL SECURITY; "
		"CREATE POLICY p ON planted TO reeve_edge USING (tenant_key::text = current_setting('app.scope'))",
		"CREATE TABLE planted (tenant_key int4); ALTER TABLE planted ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
		"CREATE TABLE planted (tenant_key int4); ALTER TABLE planted ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; "
		"CREATE POLICY p ON planted TO reeve_edge USING (true)",
		"CREATE TABLE planted (tenant_key int4); ALTER TABLE planted ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; "
		"CREATE POLICY p ON planted TO reeve_edge USING (tenant_key::text = current_setting('app.scope')); "
		"CREATE POLICY q ON planted FOR SELECT TO reeve_edge USING (true)",
		"CREATE TABLE planted (tenant_key int4); ALTER TABLE planted ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; "
		"CREATE POLICY p ON planted TO reeve_edge USING (tenant_key::text = current_setting('app.scope')) WITH CHECK (true)",
	};
	const char *dsn = pg_database("walls_planted");

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		pg_do(dsn, rows[i]);
		cr_expect_str_eq(pg_text(dsn, unguarded), "planted", "%s", rows[i]);
		pg_do(dsn, "DROP TABLE planted");
	}
}

Test(walls, nobody_who_works_owns_a_table_or_passes_a_wall)
{
	const char *dsn = pg_database("walls_roles");

	cr_expect_eq(
		pg_int(dsn,
			"SELECT count(*) FROM pg_roles WHERE rolname LIKE 'reeve_%' AND NOT (rolsuper OR rolbypassrls)"),
		ROLES);
	cr_expect_eq(pg_int(dsn, "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner "
				 "WHERE c.relnamespace = 'public'::regnamespace AND r.rolname LIKE 'reeve_%'"),
		0);
}

static void answered(void *arg, db_reply *r)
{
	(void)arg;
	(void)r;
}

/* Two tenants in one batch: the second call forgets whose it is. */
Test(walls, a_second_call_without_its_scope_asserts, .signal = SIGABRT)
{
	static const int32_t two = 2;
	static const sql_tenant_get_in in = {.tenant = {"system", 6}};
	lane_options o = {.db = {.dsn = "host=/nowhere", .role = "reeve_edge"}};
	loop *l = loop_new();
	lane *ln = lane_new(l, &o);

	lane_run(ln, 0, db_tenants(&two, 1), SQL_TENANT_GET, &in, answered, NULL);
	lane_run(ln, 0, (db_scope){0}, SQL_TENANT_GET, &in, answered, NULL);
}

/* What the lane sends for one tenant in a transaction, and behind it a statement that forgot its own scope. */
Test(walls, forced_it_sees_no_row)
{
	const char *dsn = pg_database("walls_forced");
	PGconn *pg = PQconnectdb(dsn);

	for (size_t k = 0; k < ROLES; k++) {
		ask_do(pg, "RESET ROLE");
		ask_as(pg, roles[k], "");
		ask_do(pg, "BEGIN");
		ask_text(pg, SQL_SCOPE_SET, "'{2}'", "scope");
		cr_expect_str_eq(ask_text(pg, SQL_TENANT_GET, "'system'", "path"), "system");
		ask_text(pg, SQL_SCOPE_SET, "''", "scope");
		cr_expect_str_eq(
			ask_text(pg, SQL_TENANT_GET, "'system'", "path"), k == 0 ? "" : "system", "%s", roles[k]);
		ask_do(pg, "COMMIT");
	}
	PQfinish(pg);
}
