/* grant: one pod on one node, decided: which devices each container gets, and how that is written down.
 *
 * The annotations are HAMi's, so that the device plugins that stand in clusters carry the grant out: they go into the
 * Binding itself, and a pod is never seen bound without them.
 */
#pragma once
#include "agents/scheduling/pod_ask.h"
#include "agents/plan_record.h"
#include "engine/score.h"

enum { GRANT_SHARES_MAX = 1024, GRANT_PAIRS_MAX = 2 * STOCK_KINDS_MAX + 12 };

typedef struct grant {
	stock_share shares[GRANT_SHARES_MAX]; /* what is booked: the larger of init containers and the others */
	uint32_t n_shares;
	object_pair annotations[GRANT_PAIRS_MAX];
	uint32_t n_annotations;
	plan_container *containers; /* of the pod, each with what it gets: for the plan that its node trusts */
	uint32_t n_containers;
	bool is_low; /* it asked for the lower priority on its devices */
} grant;

/* Decides on the state as it is now; nothing is booked. ERR_CONFLICT: the pod does not fit there any more; ERR_LIMIT:
 * what must be written is too long. Texts point into a, p and the stock. */
err grant_make(stock *s, const pod *p, const pod_ask *q, const score_tables *tables, str node, int64_t now_us, arena *a,
	grant *ret, fault *f) MUST_CHECK;
