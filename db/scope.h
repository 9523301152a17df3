/* scope: whose rows a statement may see. Mandatory in every call that runs SQL; one left at zero asserts.
 *
 * A tenant scope lists the internal keys the rights check approved for this request, never what the body asked for. It
 * reaches PostgreSQL as its own message directly before the statement and ends with the transaction, where row-level
 * security reads it. The platform scope needs no message: it runs on connections whose role has the policy USING
 * (true).
 */
#pragma once
#include "base/err.h"

typedef enum db_scope_kind { DB_SCOPE_NONE, DB_SCOPE_TENANTS, DB_SCOPE_PLATFORM } db_scope_kind;

typedef struct db_scope {
	db_scope_kind kind;
	const int32_t *keys; /* valid until the call's on_done; not needed by the platform scope */
	uint32_t n; /* 0 sees nothing; cost rises with n: above 200 prefer the platform reader with a predicate */
} db_scope;

/* More fail with LIMIT. */
enum { DB_SCOPE_KEYS_MAX = 10000 };

/* Every row. */
#define DB_PLATFORM ((db_scope){.kind = DB_SCOPE_PLATFORM})

static inline db_scope db_tenants(const int32_t *keys, uint32_t n)
{
	return (db_scope){.kind = DB_SCOPE_TENANTS, .keys = keys, .n = n};
}
