/* dispatch: which statement or step serves each operation of api/routes.def. A gap between the two fails the start. */
#pragma once
#include "db/row_json.h"
#include "server/edge/request.h"

/* Served by `step`, or by `stmt` alone: read, listed or, for writes, run in the ledger. */
typedef struct operation {
	step_id step;
	sql_id stmt;
	sql_id sorted;  /* of a list whose query has `sort`: another order; without a parameter `sort` its own, falling
			 */
	sql_id counted; /* of such a list: how many it has */
	bool is_of_fleet; /* its rows are no tenant's: whom they are shown to is asked by its step */
	/* Of the record of a write. */
	const char *action, *object_kind;
	bool is_of_tenant;     /* the row's `key` is the tenant whose record it is; else the fleet's */
	const char *id_prefix; /* of the object it makes */
	op shown_by; /* the read of the object with the same path variables, to tell "not allowed" from "not found" */
} operation;

extern const operation operations[OP_COUNT];

/* The step a request begins with behind the gate. */
step_id operation_step(op o);
/* The name of the path's i-th variable; absent past the last. */
str operation_var_name(op o, uint32_t i);

/* Which columns fill the answer of an operation that is one statement. */
const row_plan *operation_plan(op o);

/* Whether the list's own order is the one asked for, so that `stmt` answers. */
bool operation_sort_is_own(op o, strs sort);

/* Checks every row of the table against routes and statements. NULL, or a sentence (static storage). */
const char *dispatch_check(void);
void router_fill(router *to);
