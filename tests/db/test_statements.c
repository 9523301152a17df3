/* Every statement of db/queries, prepared on a freshly migrated database and compared with its declaration. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "db/params.h"
#include "pg/pg.h"

enum { OID_JSON = 114, OID_JSONB = 3802, WHY_MAX = 400 };

static bool type_fits(pg_type declared, Oid real)
{
	return pg_type_oid(declared) == real || (declared == PG_JSON && (real == OID_JSON || real == OID_JSONB));
}

static bool params_fit(const sql_stmt *s, const PGresult *res, char *why)
{
	if (PQnparams(res) != s->in_n) {
		snprintf(why, WHY_MAX, "declares %d parameters and has %d", s->in_n, PQnparams(res));
		return false;
	}
	for (int i = 0; i < s->in_n; i++) {
		if (!type_fits(s->in[i].type, PQparamtype(res, i))) {
			snprintf(why, WHY_MAX, "parameter %s is declared %s and has type %u", s->in[i].name,
				pg_type_name(s->in[i].type), PQparamtype(res, i));
			return false;
		}
	}
	return true;
}

static bool columns_fit(const sql_stmt *s, const PGresult *res, char *why)
{
	int n = PQnfields(res);
	if (n != s->out_n) {
		snprintf(why, WHY_MAX, "declares %d columns and has %d", s->out_n, n);
		return false;
	}
	for (int i = 0; i < n; i++) {
		const sql_field *c = &s->out[i];
		if (strcmp(c->name, PQfname(res, i)) != 0) {
			snprintf(why, WHY_MAX, "column %d is declared %s and called %s", i, c->name, PQfname(res, i));
			return false;
		}
		if (!type_fits(c->type, PQftype(res, i))) {
			snprintf(why, WHY_MAX, "column %s is declared %s and has type %u", c->name,
				pg_type_name(c->type), PQftype(res, i));
			return false;
		}
	}
	return true;
}

static bool stmt_fits(PGconn *pg, const sql_stmt *s, char *why)
{
	Oid types[SQL_PARAMS_MAX];
	for (int i = 0; i < s->in_n; i++)
		types[i] = pg_type_oid(s->in[i].type);
	PGresult *res = PQprepare(pg, s->name, s->text, s->in_n, types);
	bool ok = PQresultStatus(res) == PGRES_COMMAND_OK;
	if (!ok) {
		snprintf(why, WHY_MAX, "%s", PQerrorMessage(pg));
		PQclear(res);
		return false;
	}
	PQclear(res);
	res = PQdescribePrepared(pg, s->name);
	ok = params_fit(s, res, why) && columns_fit(s, res, why);
	PQclear(res);
	return ok;
}

/* Columns that could be NULL in their table and are not in the rows asked for. */
static const char *const filtered[] = {"stream_next.rev" /* WHERE cluster_rev > $2 */};

static bool is_filtered(const char *stmt, const char *column)
{
	char name[WHY_MAX];
	snprintf(name, sizeof(name), "%s.%s", stmt, column);
	for (size_t i = 0; i < sizeof(filtered) / sizeof(*filtered); i++) {
		if (strcmp(filtered[i], name) == 0)
			return true;
	}
	return false;
}

/* A column that a table lets be NULL, handed on without a '?': the row could not be read one day. */
static bool nulls_fit(PGconn *pg, const sql_stmt *s, char *why)
{
	PGresult *res = PQdescribePrepared(pg, s->name);
	bool ok = true;
	for (int i = 0; ok && i < s->out_n; i++) {
		char sql[WHY_MAX];
		if (s->out[i].nullable || !PQftable(res, i) || is_filtered(s->name, s->out[i].name))
			continue;
		snprintf(sql, sizeof(sql),
			"SELECT 1 FROM pg_attribute WHERE attrelid = %u AND attnum = %d AND NOT attnotnull",
			PQftable(res, i), PQftablecol(res, i));
		PGresult *found = PQexec(pg, sql);
		ok = PQntuples(found) == 0;
		PQclear(found);
		if (!ok)
			snprintf(why, WHY_MAX, "column %s may be NULL and is declared without '?'", s->out[i].name);
	}
	PQclear(res);
	return ok;
}

Test(statements, every_one_is_what_it_declares)
{
	PGconn *pg = PQconnectdb(pg_database("statements"));
	char why[WHY_MAX];
	for (int i = 1; i < sql_stmts_n; i++) {
		const sql_stmt *s = &sql_stmts[i];
		cr_expect(stmt_fits(pg, s, why), "%s: %s: %s", s->file, s->name, why);
	}
	PQfinish(pg);
}

Test(statements, columns_that_may_be_null_are_declared_so)
{
	PGconn *pg = PQconnectdb(pg_database("nulls"));
	char why[WHY_MAX];
	for (int i = 1; i < sql_stmts_n; i++) {
		const sql_stmt *s = &sql_stmts[i];
		if (stmt_fits(pg, s, why))
			cr_expect(nulls_fit(pg, s, why), "%s: %s: %s", s->file, s->name, why);
	}
	PQfinish(pg);
}

Test(statements, a_wrong_declaration_is_found)
{
	static const sql_field id_text[] = {{"id", PG_TEXT, false, 0, 0}}, id_int8[] = {{"id", PG_INT8, false, 0, 0}};
	static const sql_field name_text[] = {{"name", PG_TEXT, false, 0, 0}};
	static const struct {
		sql_stmt s;
		const char *why;
	} rows[] = {
		{{"t1", "SELECT key AS id FROM tenant", SQL_KIND_MANY, NULL, id_int8, 0, 1, 0, 0, ""},
			"declared int8 and has type 23"},
		{{"t2", "SELECT id FROM tenant", SQL_KIND_MANY, NULL, name_text, 0, 1, 0, 0, ""},
			"declared name and called id"},
		{{"t3", "SELECT id, name FROM tenant", SQL_KIND_MANY, NULL, id_text, 0, 1, 0, 0, ""},
			"declares 1 columns and has 2"},
		{{"t4", "SELECT id FROM tenant WHERE id = $1 AND name = $2", SQL_KIND_ONE, id_text, id_text, 1, 1, 0, 0,
			 ""},
			"declares 1 parameters and has 2"},
		{{"t5", "SELECT id FROM tenant WHERE id = $1", SQL_KIND_ONE, id_int8, id_text, 1, 1, 0, 0, ""},
			"operator does not exist"},
		{{"t6", "SELECT id FROM no_such", SQL_KIND_ONE, NULL, id_text, 0, 1, 0, 0, ""}, "does not exist"},
	};
	PGconn *pg = PQconnectdb(pg_database("planted"));
	char why[WHY_MAX];
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cr_expect(!stmt_fits(pg, &rows[i].s, why), "%s passed", rows[i].s.name);
		cr_expect(strstr(why, rows[i].why), "%s says: %s", rows[i].s.name, why);
	}
	static const sql_stmt nullable = {
		"t7", "SELECT credits_limit AS id FROM tenant", SQL_KIND_MANY, NULL, id_int8, 0, 1, 0, 0, ""};
	cr_expect(stmt_fits(pg, &nullable, why));
	cr_expect(!nulls_fit(pg, &nullable, why));
	PQfinish(pg);
}

/* The policies are the second wall only where nobody forgot them. */
Test(walls, every_table_with_a_tenant_has_them)
{
	const char *dsn = pg_database("walls");
	const char *sql =
		"SELECT coalesce(string_agg(c.relname, ' ' ORDER BY c.relname), '') FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
		"WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND a.attname = 'tenant_key' AND NOT a.attisdropped "
		"AND NOT (c.relrowsecurity AND c.relforcerowsecurity "
		"AND EXISTS (SELECT FROM pg_policy p JOIN pg_roles r ON r.oid = ANY(p.polroles) WHERE p.polrelid = c.oid AND r.rolname = 'reeve_edge'))";
	cr_assert_str_eq(pg_text(dsn, sql), "");
	pg_do(dsn, "CREATE TABLE planted (tenant_key int4)");
	cr_assert_str_eq(pg_text(dsn, sql), "planted");
}

/* A name PostgreSQL made up would change with the table, and constraints.def could not hold it. */
Test(walls, every_constraint_has_a_name_of_ours)
{
	const char *dsn = pg_database("names");
	const char *sql =
		"SELECT coalesce(string_agg(k.conname, ' ' ORDER BY k.conname), '') FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid "
		"WHERE c.relnamespace = 'public'::regnamespace AND (k.conname ~ '_(check|key|fkey|pkey|excl)[0-9]*$' "
		"OR k.conname !~ ('^' || c.relname || '_'))";
	cr_assert_str_eq(pg_text(dsn, sql), "");
	pg_do(dsn, "CREATE TABLE planted (n int4 PRIMARY KEY CHECK (n > 0))");
	cr_assert_str_eq(pg_text(dsn, sql), "planted_n_check planted_pkey");
}
