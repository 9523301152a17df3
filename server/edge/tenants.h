/* tenants: from the names of tenants in bodies (path or id) to their keys, remembered until governance moves. */
#pragma once
#include "server/edge/edge.h"

typedef struct tenant_ref {
	int32_t key;
	uint32_t ref_n, path_n;
	char text[]; /* ref, then path */
} tenant_ref;

/* NULL when it is not remembered. Valid until governance moves: not past a park. */
const tenant_ref *tenants_find(const edge *e, str ref);
str tenant_ref_path(const tenant_ref *t);
/* Those of the refs that are not remembered, as the parameters of SQL_TENANT_KEYS_OF; NULL when all are. */
void *tenants_missing(const request *r, const str *refs, uint32_t n);
/* Goes on at `next` with all refs remembered that exist; there tenants_came comes first. */
step tenants_ask(request *r, const str *refs, uint32_t n, step_id next);
/* Remembers what tenants_ask was answered; why it could not be asked. */
err tenants_came(request *r);
/* Remembers the answer. */
void tenants_learn(edge *e, const db_reply *reply);
void tenants_clear(edge *e);
