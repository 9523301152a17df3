/* inside: the tree of quota as its own files see it. */
#pragma once
#include "base/vec.h"
#include "engine/quota.h"

__extension__ typedef __int128 quota_wide;

/* One tenant's quota of one model. Where one exists, its ancestors have theirs. */
typedef struct quota_cell {
	int32_t model;
	quota_terms terms;
	amounts promised;      /* sum of the children's guaranteed */
	amounts from_children; /* sum of what they lend */
	amounts own_use, use;
	amounts balance; /* T */
	amounts lent;    /* min(lend_limit, T), as the parent counts it */
} quota_cell;

typedef struct quota_tenant {
	int32_t parent, depth, n_children;
	bool is_live;
	int64_t weight, credits_limit;
	quota_wide credits;
	vec(quota_cell) cells;
} quota_tenant;

struct quota {
	vec(quota_tenant) tenants;
	vec(int32_t) free_tenants;
	vec(int64_t) rates; /* by model */
	int32_t n_models;
};

quota_tenant *quota_tenant_of(const quota *q, int32_t id); /* asserts that it is live */
/* NULL: nothing was ever set or taken, and every value is that of unset terms. */
quota_cell *quota_cell_find(const quota *q, int32_t id, int32_t model);

static inline int64_t quota_named(int64_t amount)
{
	return amount == QUOTA_UNSET ? 0 : amount;
}

static inline int64_t quota_own(const quota_cell *c, int i)
{
	return quota_named(c->terms.guaranteed.v[i]) - c->promised.v[i];
}
