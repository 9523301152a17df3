/* What a read of quota tells: nothing where there is nothing, and each thing that there is, though whether there is any
 * is asked first (migration 0033). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "pg/pg.h"

/* Tenant 3 is `a`, 2 is `system`; the cluster is 1. */
static const char *const world[] = {
	"INSERT INTO tenant (id, parent_key, name, path, depth, quota_id) VALUES ('tnt_a', 1, 'a', 'a', 1, 'quo_a')",
	"INSERT INTO cluster (id, name, state) VALUES ('cls_1', 'c1', 'ready')",
	"INSERT INTO device_class (name, model, vendor, memory_mib) VALUES ('x-80g', 'X', 'nvidia', 81920)",
};

#define NOTHING    "SELECT"
#define CLASSES    "quota_classes_json(3)"
#define CONDITIONS "quota_conditions_json(3)"
#define ESCROW     "quota_escrow_json(ARRAY[2, 3])::text"
#define LOANS      "quota_loans_json(ARRAY[3])::text"
#define RAISES     "quota_raises_json(3)"

#define USE(d, m, c)                                                                                                   \
	"INSERT INTO tenant_use (tenant_key, model, device_milli, memory_mib, compute_milli) VALUES (3, 'x-80g', " #d  \
	", " #m ", " #c ");"
#define SET(columns, values) "INSERT INTO quota (tenant_key, model, " columns ") VALUES (3, 'x-80g', " values ");"
#define RAISE(state, amount)                                                                                                        \
	"INSERT INTO quota_raise (id, tenant_key, model, guaranteed_device_milli, state, reason, requester, requester_credential, " \
	"requester_marks) VALUES ('qrq_1', 3, 'x-80g', " #amount ", '" state "', 'r', 'p', 'p', '{}');"
#define LEASE "INSERT INTO lease VALUES (3, 'x-80g', 1, 'hold', 60, 1, 1, 1, 1, 1, 1, 1, 1, 7, 1, 1);"

static const struct {
	const char *there, *told, *holds; /* holds NULL: nothing is told */
} rows[] = {
	{NOTHING, LOANS, NULL},
	{NOTHING, ESCROW, NULL},
	{NOTHING, CLASSES, NULL},
	{NOTHING, RAISES, NULL},
	{NOTHING, CONDITIONS, NULL},
	{"INSERT INTO quota_loan VALUES (3, 2, 'x-80g', 0, 5, 0, 0, now())", LOANS, "\"borrowed\""},
	{"INSERT INTO quota_loan VALUES (2, 3, 'x-80g', 0, 5, 0, 0, now())", LOANS, "\"lent\""},
	{"INSERT INTO escrow VALUES (2, 'x-80g', 1, 5, 0, 0)", ESCROW, "\"earmarked\" : {\"device_milli\":5,"},
	{LEASE, ESCROW, "\"headroom\" : {\"device_milli\":7,"},
	{RAISE("applied", 5), RAISES, "qrq_1"},
	{RAISE("pending", 5), RAISES, NULL},
	{SET("class_limit_compute_milli", "0"), CLASSES, "\"limit\":{\"compute_milli\":0}"},
	{SET("limit_compute_milli", "0"), CLASSES, NULL},
	{"INSERT INTO quota (tenant_key, model, limit_device_milli) VALUES (3, 'x-80g.mps', 1)", CLASSES, "x-80g.mps"},
	{"INSERT INTO tenant_use (tenant_key, model, device_milli) VALUES (3, 'x-80g.mps', 1)", CLASSES, "x-80g.mps"},
	{USE(5, 5, 5), CLASSES, NULL},
	{USE(5, 5, 5) SET("limit_device_milli, limit_memory_mib, limit_compute_milli", "5, 5, 5"), CONDITIONS, NULL},
	{USE(5, 0, 0) SET("limit_device_milli", "4"), CONDITIONS, "over_limit"},
	{USE(0, 5, 0) SET("limit_memory_mib", "4"), CONDITIONS, "over_limit"},
	{USE(0, 0, 5) SET("limit_compute_milli", "4"), CONDITIONS, "over_limit"},
	{USE(5, 0, 0) SET("limit_device_milli, class_limit_device_milli", "9, 4"), CONDITIONS, "over_limit"},
	{USE(0, 5, 0) SET("class_limit_memory_mib", "4"), CONDITIONS, "over_limit"},
	{USE(0, 0, 5) SET("class_limit_compute_milli", "4"), CONDITIONS, "over_limit"},
	{USE(5, 0, 0) SET("guaranteed_device_milli", "4"), CONDITIONS, "over_guaranteed"},
	{USE(0, 5, 0) SET("guaranteed_memory_mib", "4"), CONDITIONS, "over_guaranteed"},
	{USE(0, 0, 5) SET("guaranteed_compute_milli", "4"), CONDITIONS, "over_guaranteed"},
	{USE(5, 0, 0) RAISE("applied", 4), CONDITIONS, "over_guaranteed"},
	{USE(5, 0, 0) RAISE("applied", 5), CONDITIONS, NULL},
	{USE(5, 0, 0) SET("guaranteed_device_milli", "4") RAISE("applied", 1), CONDITIONS, NULL},
	{USE(5, 0, 0) "UPDATE tenant SET credits_limit = 4999 WHERE key = 3", CONDITIONS, "over_credits_limit"},
	{USE(5, 0, 0) "UPDATE tenant SET credits_limit = 5000 WHERE key = 3", CONDITIONS, NULL},
	{"INSERT INTO quota_condition VALUES (3, 'borrowing', 'x-80g', now())", CONDITIONS, "borrowing"},
};

Test(quota_read, what_there_is_to_tell_is_told_and_nothing_else)
{
	PGconn *pg = PQconnectdb(pg_database("quota_read"));

	for (size_t i = 0; i < sizeof(world) / sizeof(*world); i++)
		ask_do(pg, world[i]);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char sql[128];
		ask_do(pg, "BEGIN");
		ask_do(pg, rows[i].there);
		snprintf(sql, sizeof(sql), "SELECT %s", rows[i].told);
		PGresult *res = PQexec(pg, sql);
		cr_assert_eq(PQresultStatus(res), PGRES_TUPLES_OK, "%s", PQerrorMessage(pg));
		const char *told = PQgetvalue(res, 0, 0);
		cr_expect(rows[i].holds ? strstr(told, rows[i].holds) != NULL
					: strcmp(told, "{}") == 0 || strcmp(told, "[]") == 0,
			"row %zu, %s: %s", i, rows[i].there, told);
		PQclear(res);
		ask_do(pg, "ROLLBACK");
	}
	PQfinish(pg);
}
