/* query: the query parameters of the routes, as types: the same tables that read bodies read, refuse and document them.
 *
 * A '.' of a parameter's name is '_' in the member's ("free_memory_mib.gte").
 */
#pragma once
#include "json/js.h"

/* By which fields of its items a list may be ordered: a row of the table of its query, and the table of its values,
 * each SORT("field"). Which column that is, the list's statement says (db/queries: "sort: fields"); a gap fails the
 * start. */
enum { QUERY_SORTS_MAX = 3, QUERY_CURSOR_MAX = 6000 };
#define SORT(field) field, "-" field
#define SORT_FIELD(sorts)                                                                                              \
	F(sort, JS_OPTIONAL, "In which order: fields of the items joined by commas, those with '-' falling.",          \
		JS_ITEMS(1, QUERY_SORTS_MAX), JS_VALUES(sorts))
#define PAGE_FIELDS                                                                                                    \
	F(limit, JS_OPTIONAL, "Items of one page; more is cut to 1000.", JS_RANGE(1, 1000000), JS_INITIAL(100)),       \
		F(cursor, JS_OPTIONAL, "next_cursor of the page before.", JS_LEN(1, QUERY_CURSOR_MAX))

typedef struct page_query {
	uint64_t given;
	strs sort;
	int64_t limit;
	str cursor;
} page_query;
/* Lists that take nothing else, each with an order of its own. */
typedef page_query cluster_query, class_query, priority_query, plan_query, trust_query;
JS_DECLARE(cluster_query);
JS_DECLARE(class_query);
JS_DECLARE(priority_query);
JS_DECLARE(plan_query);
JS_DECLARE(trust_query);

typedef struct tenant_query {
	uint64_t given;
	str under;
	bool subtree;
	strs sort;
	int64_t limit;
	str cursor;
} tenant_query;
JS_DECLARE(tenant_query);

/* GET /v1/budgets */
typedef struct budget_query {
	uint64_t given;
	str tenant;
	bool subtree;
	strs sort;
	int64_t limit;
	str cursor;
} budget_query;
JS_DECLARE(budget_query);
/* GET /v1/reservations */
typedef budget_query reservation_query;
JS_DECLARE(reservation_query);

/* GET /v1/quota/loans */
typedef struct loan_query {
	uint64_t given;
	str tenant;
	bool subtree;
	str model;
	strs sort;
	int64_t limit;
	str cursor;
} loan_query;
JS_DECLARE(loan_query);

typedef struct node_query {
	uint64_t given;
	str cluster, node, class, model, health;
	int64_t free_memory_mib_gte;
	strs sort;
	int64_t limit;
	str cursor;
} node_query;
JS_DECLARE(node_query);

typedef struct device_query {
	uint64_t given;
	str cluster, node, class, model, health;
	int64_t free_memory_mib_gte;
	strs sort;
	int64_t limit;
	str cursor;
} device_query;
JS_DECLARE(device_query);

typedef struct placement_query {
	uint64_t given;
	str tenant;
	bool subtree;
	strs state;
	str cluster;
	strs sort;
	int64_t limit;
	str cursor;
} placement_query;
JS_DECLARE(placement_query);

/* POST /v1/placements?wait=5s */
typedef struct wait_query {
	uint64_t given;
	str wait;
} wait_query;
JS_DECLARE(wait_query);

typedef struct usage_query {
	uint64_t given;
	str tenant;
	bool subtree;
	js_time from, until;
	strs sort;
	int64_t limit;
	str cursor;
} usage_query;
JS_DECLARE(usage_query);

typedef struct audit_query {
	uint64_t given;
	str chain;
	str tenant;
	bool subtree;
	str actor, action, object, outcome;
	js_time from, until;
	int64_t after;
	int64_t limit;
	str cursor;
} audit_query;
JS_DECLARE(audit_query);

typedef struct checkpoint_query {
	uint64_t given;
	str chain;
	int64_t after;
	int64_t limit;
	str cursor;
} checkpoint_query;
JS_DECLARE(checkpoint_query);

/* GET /v1/audit/{n}/proof */
typedef struct proof_query {
	uint64_t given;
	str chain;
	int64_t size;
} proof_query;
JS_DECLARE(proof_query);

/* GET /v1/audit/checkpoints:consistency */
typedef struct growth_query {
	uint64_t given;
	str chain;
	int64_t from, to;
} growth_query;
JS_DECLARE(growth_query);

typedef struct watch_query {
	uint64_t given;
	strs kinds;
	str tenant;
	bool subtree;
	str since;
	bool snapshot;
} watch_query;
JS_DECLARE(watch_query);

typedef struct ready_query {
	uint64_t given;
	bool verbose;
} ready_query;
JS_DECLARE(ready_query);

typedef struct policy_query {
	uint64_t given;
	str tenant;
	bool subtree;
	bool applied;
	strs sort;
	int64_t limit;
	str cursor;
} policy_query;
JS_DECLARE(policy_query);
