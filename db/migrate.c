#include "db/migrate.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "net/digest.h"

enum { HEX_MAX = 2 * DIGEST_BYTES + 1, NUMBER_MAX = 16, LINE_MAX_BYTES = 400 };

/* Any number will do, as long as nobody else takes it: two migrations at once wait for each other on it. */
#define LOCK "SELECT pg_advisory_lock(7305796)"
#define TABLE                                                                                                            \
	"CREATE TABLE IF NOT EXISTS schema_migration (number int4 NOT NULL CONSTRAINT schema_migration_pk PRIMARY KEY, " \
	"name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"

typedef struct history {
	PGconn *pg;
	const migration *m;
	uint32_t n;
	uint32_t applied; /* of m, from the first on */
} history;

static void checksum(const migration *m, char out[HEX_MAX])
{
	uint8_t digest[DIGEST_BYTES];
	const str text = str_from(m->up);
	digest_sha256(&text, 1, digest);
	for (uint32_t i = 0; i < DIGEST_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* The server's first line. */
static err server_said(PGconn *pg, const char *what, fault *f)
{
	const char *said = PQerrorMessage(pg);
	return fault_set(f, ERR_DB, NULL, "%s: %.*s", what, (int)strcspn(said, "\n"), said);
}

static err run(PGconn *pg, const char *sql, const char *what, fault *f)
{
	PGresult *res = PQexec(pg, sql);
	ExecStatusType status = PQresultStatus(res);
	err e = ERR_OK;
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		e = server_said(pg, what, f);
	PQclear(res);
	return e;
}

static void notice_drop(void *arg, const PGresult *res)
{
	(void)arg;
	(void)res;
}

static err history_open(history *h, const char *dsn, fault *f)
{
	h->pg = PQconnectdb(dsn);
	h->applied = 0;
	if (PQstatus(h->pg) != CONNECTION_OK) {
		err e = server_said(h->pg, "The database cannot be reached", f);
		return e == ERR_OK ? e : ERR_UNAVAILABLE;
	}
	PQsetNoticeReceiver(h->pg, notice_drop, NULL);
	return run(h->pg, LOCK, "The migration lock", f);
}

/* Row i of what the database applied against our list: the same, in the same order. */
static err applied_check(history *h, const PGresult *res, int i, fault *f)
{
	char sum[HEX_MAX];
	int64_t number = 0;
	(void)str_to_i64(str_from(PQgetvalue(res, i, 0)), &number);
	if ((uint32_t)i >= h->n || h->m[i].number < number)
		return fault_set(f, ERR_DB, NULL,
			(uint32_t)i >= h->n || h->m[h->n - 1].number < number
				? "The database has migration %d (%s), which this program does not know: it is newer than the program."
				: "Migration %d (%s) is applied, but one numbered before it is not.",
			(int)number, PQgetvalue(res, i, 1));
	if (h->m[i].number > number)
		return fault_set(f, ERR_DB, NULL,
			"The database has migration %d (%s), which this program does not know.", (int)number,
			PQgetvalue(res, i, 1));
	checksum(&h->m[i], sum);
	if (strcmp(sum, PQgetvalue(res, i, 2)) != 0)
		return fault_set(f, ERR_DB, NULL,
			"Migration %d (%s) was changed after it was applied; a change needs a new migration.",
			(int)number, h->m[i].name);
	return ERR_OK;
}

static bool table_exists(PGconn *pg)
{
	PGresult *res = PQexec(pg, "SELECT to_regclass('schema_migration') IS NOT NULL");
	bool yes = PQresultStatus(res) == PGRES_TUPLES_OK && *PQgetvalue(res, 0, 0) == 't';
	PQclear(res);
	return yes;
}

static err history_read(history *h, fault *f)
{
	err e = ERR_OK;
	if (!table_exists(h->pg))
		return ERR_OK;
	PGresult *res = PQexec(h->pg, "SELECT number, name, sha256 FROM schema_migration ORDER BY number");
	if (PQresultStatus(res) != PGRES_TUPLES_OK)
		e = server_said(h->pg, "The history of migrations", f);
	for (int i = 0; !e && i < PQntuples(res); i++) {
		e = applied_check(h, res, i, f);
		h->applied = (uint32_t)i + 1;
	}
	PQclear(res);
	return e;
}

static err remember(PGconn *pg, const migration *m, fault *f)
{
	char number[NUMBER_MAX], sum[HEX_MAX];
	const char *values[] = {number, m->name, sum};
	snprintf(number, sizeof(number), "%d", (int)m->number);
	checksum(m, sum);
	PGresult *res =
		PQexecParams(pg, "INSERT INTO schema_migration (number, name, sha256) VALUES ($1::int4, $2, $3)", 3,
			NULL, values, NULL, NULL, 0);
	err e = PQresultStatus(res) == PGRES_COMMAND_OK ? ERR_OK : server_said(pg, "The history of migrations", f);
	PQclear(res);
	return e;
}

static err forget(PGconn *pg, const migration *m, fault *f)
{
	char number[NUMBER_MAX];
	const char *values[] = {number};
	snprintf(number, sizeof(number), "%d", (int)m->number);
	PGresult *res = PQexecParams(
		pg, "DELETE FROM schema_migration WHERE number = $1::int4", 1, NULL, values, NULL, NULL, 0);
	err e = PQresultStatus(res) == PGRES_COMMAND_OK ? ERR_OK : server_said(pg, "The history of migrations", f);
	PQclear(res);
	return e;
}

static err step(PGconn *pg, const migration *m, bool is_up, fault *f)
{
	char what[LINE_MAX_BYTES];
	snprintf(what, sizeof(what), "Migration %d (%s) failed on its way %s and was undone", (int)m->number, m->name,
		is_up ? "up" : "down");
	err e = run(pg, "BEGIN", what, f);
	if (!e)
		e = run(pg, is_up ? m->up : m->down, what, f);
	if (!e)
		e = is_up ? remember(pg, m, f) : forget(pg, m, f);
	if (!e)
		return run(pg, "COMMIT", what, f);
	fault ignored;
	(void)!run(pg, "ROLLBACK", "", &ignored);
	return e;
}

err migrate_up(const char *dsn, const migration *m, uint32_t n, uint32_t *ret_applied, fault *f)
{
	history h = {.m = m, .n = n};
	uint32_t applied = 0;
	err e = history_open(&h, dsn, f);
	if (!e)
		e = history_read(&h, f);
	if (!e)
		e = run(h.pg, TABLE, "The table of migrations", f);
	for (uint32_t i = h.applied; !e && i < n; i++) {
		e = step(h.pg, &m[i], true, f);
		applied += e == ERR_OK;
	}
	PQfinish(h.pg);
	if (ret_applied)
		*ret_applied = applied;
	return e;
}

err migrate_down(const char *dsn, const migration *m, uint32_t n, int32_t to, fault *f)
{
	history h = {.m = m, .n = n};
	err e = history_open(&h, dsn, f);
	if (!e)
		e = history_read(&h, f);
	for (uint32_t i = h.applied; !e && i > 0 && m[i - 1].number > to; i--)
		e = step(h.pg, &m[i - 1], false, f);
	PQfinish(h.pg);
	return e;
}

err migrate_at(const char *dsn, const migration *m, uint32_t n, int32_t *ret_number, fault *f)
{
	history h = {.m = m, .n = n};
	err e = history_open(&h, dsn, f);
	if (!e)
		e = history_read(&h, f);
	PQfinish(h.pg);
	if (!e)
		*ret_number = h.applied ? m[h.applied - 1].number : 0;
	return e;
}
