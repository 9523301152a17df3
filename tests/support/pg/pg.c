#include "pg/pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "db/migrate.h"

#define TEMPLATE "reeve_template"
enum { NAME_MAX_BYTES = 64, DSN_MAX = 256, DSNS = 4, DATABASES_MAX = 32, GIVE_UP_S = 60 };

static char databases[DATABASES_MAX][NAME_MAX_BYTES];
static int databases_n;
static pid_t owner;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

const char *pg_dsn(const char *name)
{
	static char texts[DSNS][DSN_MAX];
	static int turn;
	const char *folder = getenv("REEVE_TEST_PG");
	if (!folder)
		die("REEVE_TEST_PG is not set",
			"run this test by ctest, or start a server with tests/support/pg/pg.sh");
	char *text = texts[turn++ % DSNS];
	snprintf(text, DSN_MAX, "host=%s user=reeve dbname=%s", folder, name);
	return text;
}

static PGconn *connect_to(const char *dsn)
{
	PGconn *pg = PQconnectdb(dsn);
	if (PQstatus(pg) != CONNECTION_OK)
		die(dsn, PQerrorMessage(pg));
	return pg;
}

static PGresult *result_of(PGconn *pg, const char *sql)
{
	PGresult *res = PQexec(pg, sql);
	if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK)
		die(sql, PQerrorMessage(pg));
	return res;
}

void pg_do(const char *dsn, const char *sql)
{
	PGconn *pg = connect_to(dsn);
	PQclear(result_of(pg, "SET client_min_messages = error"));
	PQclear(result_of(pg, sql));
	PQfinish(pg);
}

const char *pg_text(const char *dsn, const char *sql)
{
	static char text[1 << 16];
	PGconn *pg = connect_to(dsn);
	PGresult *res = result_of(pg, sql);
	snprintf(text, sizeof(text), "%s", PQntuples(res) ? PQgetvalue(res, 0, 0) : "");
	PQclear(res);
	PQfinish(pg);
	return text;
}

int64_t pg_int(const char *dsn, const char *sql)
{
	int64_t v = -1;
	if (!str_to_i64(str_from(pg_text(dsn, sql)), &v))
		die(sql, "is not an integer");
	return v;
}

/* Also in the children a test framework forks, but only by the process that made them. */
static void databases_drop(void)
{
	if (owner != getpid())
		return;
	for (int i = 0; i < databases_n; i++) {
		char sql[DSN_MAX];
		snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %.63s WITH (FORCE)", databases[i]);
		pg_do(pg_dsn("postgres"), sql);
	}
}

static const char *database_make(const char *name, const char *from)
{
	char sql[DSN_MAX];
	if (databases_n == DATABASES_MAX)
		die(name, "too many databases");
	if (owner != getpid()) {
		owner = getpid();
		databases_n = 0;
		atexit(databases_drop);
	}
	char *full = databases[databases_n];
	snprintf(full, NAME_MAX_BYTES, "%.30s_%d_%d", name, (int)getpid(), databases_n++);
	snprintf(sql, sizeof(sql), "CREATE DATABASE %.63s TEMPLATE %.63s", full, from);
	pg_do(pg_dsn("postgres"), sql);
	return pg_dsn(full);
}

const char *pg_database(const char *name)
{
	return database_make(name, TEMPLATE);
}

const char *pg_database_empty(const char *name)
{
	return database_make(name, "template0");
}

void pg_template_make(void)
{
	fault f = {0};
	pg_do(pg_dsn("postgres"), "CREATE DATABASE " TEMPLATE);
	if (migrate_up(pg_dsn(TEMPLATE), migrations, migrations_n, NULL, &f))
		die("the migrations", f.detail);
}

typedef struct until {
	loop *l;
	const bool *done;
	loop_timer *timer;
	int64_t left_ms;
} until;

static void until_tick(void *arg)
{
	until *u = arg;
	if (*u->done)
		loop_stop(u->l);
	else if (--u->left_ms <= 0)
		die("the loop", "did not get there within a minute");
	else
		loop_timer_arm(u->timer, 1000);
}

void pg_run_until(loop *l, const bool *done)
{
	until u = {.l = l, .done = done, .left_ms = GIVE_UP_S * 1000};
	u.timer = loop_timer_new(l, until_tick, &u);
	loop_timer_arm(u.timer, 0);
	loop_run(l);
	loop_timer_free(u.timer);
}
