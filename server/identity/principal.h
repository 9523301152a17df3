/* principal: who a bearer token stands for, and whose rows that lets through; and the few seconds for which an edge
 * remembers it.
 *
 * What is remembered is at most PRINCIPAL_TTL_US old, so a revoked token ends within that. Edges drop everything at
 * once when they hear that governance moved.
 */
#pragma once
#include "api/rights.h"
#include "db/scope.h"
#include "server/identity/token.h"

enum { PRINCIPAL_TTL_US = 5000000, PRINCIPALS_MAX = 4096, PRINCIPAL_NAME_MAX = 64, PRINCIPAL_PATH_MAX = 640 };

typedef struct principal {
	uint32_t refs;
	char id[ID_MAX];                 /* tok_... */
	char name[PRINCIPAL_NAME_MAX];   /* of the token */
	char tenant[PRINCIPAL_PATH_MAX]; /* path; "": the whole fleet */
	uint8_t hash[TOKEN_HASH];
	const role_row *role; /* NULL: a role this program does not know, without rights */
	uint64_t rights;
	bool is_platform; /* sees every row */
	int32_t tenant_key;
	int32_t *keys; /* sorted: the tenant and all below it; NULL for the platform */
	uint32_t n_keys;
	int64_t expires_at_us; /* UTC */
	int64_t read_us;       /* monotonic: when it was read */
} principal;

/* Zeroed, with one reference for the caller. */
principal *principal_new(void);
principal *principal_ref(principal *p);
void principal_unref(principal *p); /* NULL-safe */
/* One of the caller's own, which may learn keys. */
principal *principal_copy(const principal *p);
void principal_key_add(principal *p, int32_t key);
/* Copies and sorts. */
void principal_keys_set(principal *p, const int32_t *keys, uint32_t n);

db_scope principal_scope(const principal *p);
bool principal_sees(const principal *p, int64_t tenant_key);

typedef struct principals principals;

principals *principals_new(void);
void principals_free(principals *s); /* NULL-safe */
/* A reference for the caller, or NULL when it is not remembered. The caller compares the hash. */
principal *principals_find(principals *s, str token_id, int64_t now_us);
/* Remembers p in place of an older one; takes a reference of its own. */
void principals_put(principals *s, principal *p);
void principals_clear(principals *s);
