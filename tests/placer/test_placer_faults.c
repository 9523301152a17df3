/* What went wrong once between the placer, governance and the database. */
#include <criterion/criterion.h>

#include "db/sql.h"
#include "realm.h"

#define HOLDS(r)                                                                                                       \
	do {                                                                                                           \
		const char *wrong_ = realm_check(r);                                                                   \
		cr_expect(!wrong_, "%s", wrong_ ? wrong_ : "");                                                        \
	} while (0)
#define STATE_IS(r, number, state) cr_expect_str_eq(realm_state(r, number), state, "plc_%d", number)
#define ONE_H100                   "\"devices\":[{\"classes\":[\"h100-80g\"]}]"

static void open_and_start(realm *r, const char *name)
{
	realm_open(r, name, NULL);
	realm_start(r);
	cr_assert(placer_is_serving(r->placer));
	realm_settle(r);
}

static void starts_again(realm *r)
{
	realm_stop(r);
	realm_start(r);
	cr_expect(placer_is_serving(r->placer), "status %d", r->status);
	HOLDS(r);
}

static void send(PGconn *pg, const char *sql)
{
	PGresult *res = PQexec(pg, sql);

	cr_assert_eq(PQresultStatus(res), PGRES_COMMAND_OK, "%s: %s", sql, PQerrorMessage(pg));
	PQclear(res);
}

static void cluster_delete_send(PGconn *pg, const char *cluster)
{
	const char *args[] = {cluster, "-1", "0"};

	cr_assert(PQsendQueryParams(pg, sql_stmts[SQL_CLUSTER_DELETE].text, 3, NULL, args, NULL, NULL, 0));
}

static void cluster_delete_ends(PGconn *pg, const char *outcome)
{
	PGresult *res = PQgetResult(pg);

	cr_assert_eq(PQntuples(res), 1, "%s", PQerrorMessage(pg));
	cr_expect_str_eq(PQgetvalue(res, 0, 0), outcome);
	PQclear(res);
	while ((res = PQgetResult(pg)))
		PQclear(res);
}

Test(placer_faults, nothing_is_granted_on_a_cluster_that_is_being_deleted)
{
	realm r;
	open_and_start(&r, "gone");
	PGconn *other = PQconnectdb(r.dsn);
	send(other, "BEGIN");
	cluster_delete_send(other, "c1");
	cluster_delete_ends(other, "done");
	int late = realm_place(&r, "a/b", ONE_H100), elsewhere = realm_place(&r, "d", "\"devices\":[{}]");
	realm_run_for(&r, 50000);
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM placement"), 0, "it decided without the lock");
	send(other, "COMMIT");
	realm_settle(&r);
	STATE_IS(&r, late, "pending");
	cr_expect_str_eq(
		realm_text(&r,
			"SELECT c.name FROM placement p JOIN cluster c ON c.key = cluster_key WHERE p.id = 'plc_%d'",
			elsewhere),
		"c2");
	HOLDS(&r);
	starts_again(&r);
	PQfinish(other);
	realm_close(&r);
}

/* The count of what stands there is taken after the lock, not before. */
Test(placer_faults, a_cluster_is_not_deleted_under_a_grant_that_commits)
{
	realm r;
	open_and_start(&r, "under");
	PGconn *other = PQconnectdb(r.dsn);
	int k = realm_place(&r, "a/b", ONE_H100);
	realm_settle(&r);
	/* The very rows of a grant, committed while the deletion waits. */
	realm_do(&r, "UPDATE placement SET state = 'done', ended_at = now() WHERE id = 'plc_%d'", k);
	realm_do(&r, "BEGIN; SELECT FROM cluster WHERE name = 'c1' FOR KEY SHARE;"
		     "UPDATE placement SET state = 'granted', ended_at = NULL");
	cluster_delete_send(other, "c1");
	realm_run_for(&r, 100000);
	realm_do(&r, "COMMIT");
	cluster_delete_ends(other, "refused:state_transition");
	HOLDS(&r);
	starts_again(&r);
	PQfinish(other);
	realm_close(&r);
}

Test(placer_faults, rows_that_are_booked_are_not_dropped)
{
	realm r;
	open_and_start(&r, "booked");
	const char *drops[] = {"{1,2,3,4,5,6}"};
	int k = realm_place(&r, "a/b", ONE_H100);
	realm_settle(&r);
	STATE_IS(&r, k, "granted");
	realm_stop(&r);
	realm_do(&r, "BEGIN");
	PQclear(PQexecParams(r.pg, sql_stmts[SQL_NODE_GONE].text, 1, NULL, drops, NULL, NULL, 0));
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM node"), 1);
	realm_do(&r, "ROLLBACK; BEGIN");
	drops[0] = "{1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20}";
	PQclear(PQexecParams(r.pg, sql_stmts[SQL_DEVICE_GONE].text, 1, NULL, drops, NULL, NULL, 0));
	cr_expect_eq(realm_int(&r, "SELECT count(*) FROM device"), 1);
	realm_do(&r, "ROLLBACK");
	HOLDS(&r);
	realm_close(&r);
}
