/* quota_loans: who borrows from whom.
 *
 * The balance form keeps no book of lenders, and needs none: a state is legal or it is not. For people the same state
 * is told as loans. A tenant's own work that passes its own guarantee (what it does not promise to its children) is
 * borrowed; a tenant's own guarantee that its own work leaves is there to be lent. At each node of the tree, from the
 * leaves up, what is borrowed below it is taken from what is left below it: the nearest to the node first, of equals
 * the one with the lowest handle. What lend_limit keeps back is not passed on.
 *
 * So the answer depends on the state alone, and its sums are exact: what crosses into a subtree is the amount by which
 * its balance is below 0, what crosses out is at most what it may lend. What nobody has (capacity fell, a quota was
 * cut) is lent by the root.
 */
#pragma once
#include "base/vec.h"
#include "engine/quota.h"

typedef struct quota_loan {
	int32_t borrower, lender;
	int32_t via; /* the lowest node above both, or one of them */
	amounts a;   /* > 0 on some axis */
} quota_loan;

typedef vec(quota_loan) quota_loans;

/* All loans of a model, by borrower, then lender; O(tenants that have quota or use of it, times depth). */
void quota_loans_find(const quota *q, int32_t model, quota_loans *ret);
/* Leaves out what nobody counts: axes on which the borrower names no guarantee while it names one on others. */
void quota_loans_trim(const quota *q, int32_t model, quota_loans *loans);
