/* pod_holds: what a bound pod holds, and on whose word.
 *
 * Whoever may edit a pod may edit its annotations, so the word that counts is the plan that this cluster's agent signed
 * for that pod on that node (agents/plan_record.h). HAMi's annotations count of pods without one: those that HAMi
 * placed, and where no key is known.
 */
#pragma once
#include "agents/scheduling/stock.h"
#include "agents/plan_record.h"
#include "net/digest.h"

typedef struct pod_holds {
	stock_share *shares;
	uint32_t n;
	bool is_planned;
	uint8_t plan[DIGEST_BYTES]; /* of the plan's text */
} pod_holds;

/* When the pod was bound, while the plugin of its node has not given it its devices yet (HAMi's bind-phase); else 0. */
int64_t pod_unfinished_us(const pod *p);

/* known: what it held on this node by a plan; NULL: it was not known, or by no plan. A plan that was taken off the pod
 * since still counts. trusted: the digest of a plan of this pod on this node of which it is known that it holds; NULL:
 * of none. In a. ERR_CONFLICT, ERR_BAD_FIELD, ERR_LIMIT: it has no plan, and its annotations cannot be read. */
err pod_holds_read(const pod *p, const plan_keys *keys, const pod_holds *known, const uint8_t trusted[DIGEST_BYTES],
	arena *a, pod_holds *ret, fault *f) MUST_CHECK;
