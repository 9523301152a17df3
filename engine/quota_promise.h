/* quota_promise: what is promised to tenants for a time, beside what is guaranteed to them for good.
 *
 * For as long as its window runs a promise counts as a guarantee of its tenant would. It is taken out of what the
 * tenant is guaranteed itself and has not guaranteed to its children; what passes that, out of what the tenant above
 * keeps to itself in the same sense, within the borrow_limit on the way; at the root, out of what the fleet has and
 * nobody was guaranteed. What others were guaranteed is never promised, whether they use it or not. All that is
 * promised below a tenant at one moment stays within its limits. An axis that a tenant does not name is not checked
 * there.
 */
#pragma once
#include "engine/quota.h"

typedef struct quota_promise {
	int32_t tenant, model;
	int64_t from_us, until_us; /* gone from then on */
	amounts a;
} quota_promise;

/* Whether `more` can be promised beside those of the list. False writes a blocker (QUOTA_LIMIT, CLASS_LIMIT or
 * QUOTA_GUARANTEE) with the tenant where it fails first on the way up, the axis, what it needs and how much of that
 * there is. O(those that overlap, squared, times depth). */
bool quota_may_keep(
	const quota *q, const quota_promise *list, uint32_t n, const quota_promise *more, blocker *ret_blocker);
