#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/params.h"

enum { SQL_BYTES = 1 << 14, TEXTS = 4, TEXT_BYTES = 1024 };

static void prepare(PGconn *pg, sql_id s)
{
	const sql_stmt *of = &sql_stmts[s];
	Oid types[SQL_PARAMS_MAX];
	PGresult *known = PQexecParams(
		pg, "SELECT FROM pg_prepared_statements WHERE name = $1", 1, NULL, &of->name, NULL, NULL, 0);

	for (int i = 0; i < of->in_n; i++)
		types[i] = pg_type_oid(of->in[i].type);
	if (PQntuples(known) == 0)
		PQclear(PQprepare(pg, of->name, of->text, of->in_n, types));
	PQclear(known);
}

PGresult *ask(PGconn *pg, sql_id s, const char *args)
{
	char sql[SQL_BYTES];

	prepare(pg, s);
	snprintf(sql, sizeof(sql), *args ? "EXECUTE %s(%s)" : "EXECUTE %s", sql_stmts[s].name, args);
	return PQexec(pg, sql);
}

const char *ask_text(PGconn *pg, sql_id s, const char *args, const char *column)
{
	static char texts[TEXTS][TEXT_BYTES];
	static int turn;
	char *text = texts[turn++ % TEXTS];
	PGresult *res = ask(pg, s, args);

	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		snprintf(text, TEXT_BYTES, "! %s", PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY));
	else
		snprintf(text, TEXT_BYTES, "%s", PQntuples(res) ? PQgetvalue(res, 0, PQfnumber(res, column)) : "");
	PQclear(res);
	return text;
}

void ask_do(PGconn *pg, const char *sql)
{
	PGresult *res = PQexec(pg, sql);
	ExecStatusType is = PQresultStatus(res);

	PQclear(res);
	if (is == PGRES_COMMAND_OK || is == PGRES_TUPLES_OK)
		return;
	fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(pg));
	abort();
}

void ask_as(PGconn *pg, const char *role, const char *scope)
{
	char sql[TEXT_BYTES];

	snprintf(sql, sizeof(sql), "SET ROLE %s; SELECT set_config('app.scope', '%s', false)", role ? role : "NONE",
		scope ? scope : "");
	ask_do(pg, sql);
}
