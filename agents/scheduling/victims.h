/* victims: which pods of one node make room for another, as kube-scheduler chooses them.
 *
 * Candidates hold devices, are bound, are of lower priority, may go by whoever asks, and are within their disruption
 * budgets. All of them are thought away; then the most important are kept, one after the other, as long as the pod
 * still fits: nobody goes without need. Those that leave already are thought away before, and cost nothing. What has to
 * be enough is memory, compute and slots alike, and where Kubernetes' quotas stand for the pod's namespace, what they
 * leave: there victims of that namespace make room too. Asking changes nothing.
 */
#pragma once
#include "agents/admission/quotas.h"
#include "agents/scheduling/budgets.h"
#include "agents/scheduling/stock.h"
#include "engine/fit.h"

enum { VICTIMS_MAX = 256 };

typedef struct victims_ask {
	stock *stock;
	const fit_need *need;
	const quotas *quotas; /* with pod and ask, of which need was made; NULL: none */
	const pod *pod;
	const pod_ask *ask;
	budgets *budgets; /* NULL: none */
	int64_t priority; /* of the pod: lower ones may yield to it */
	bool (*may_go)(void *arg, const stock_entry *e);
	void *arg;
	const plan *kept; /* booked for the pod itself already; NULL: nothing is */
	const str *given; /* uids of those that somebody else has chosen: gone in any case */
	uint32_t n_given;
} victims_ask;

typedef struct victim {
	str uid, space, name; /* of the stock: valid until pods come or go */
	int64_t priority;
	str labels;
	const plan *booked;
} victim;

typedef struct victims {
	victim *v; /* those that must go besides the given; by rising priority */
	uint32_t n;
	stock_share *shares; /* what the pod would get of the node */
	uint32_t n_shares;
} victims;

/* False: it would not fit whoever went. */
bool victims_choose(const victims_ask *q, str node, arena *a, victims *ret);
/* Whether a takes less important pods than b, then fewer. */
bool victims_are_less(const victims *a, const victims *b);
