/* binder: kube-scheduler's bind: decide again on the state as it is, reserve, and one Binding that holds the grant.
 *
 *     waiting pod -> grant (fits? which devices?) -> reserve -> POST Binding -> answer
 *
 * Whether a Binding that broke was taken is not known: its reservation stands until the pod is seen bound, or a look at
 * the pod says that it is not, and says so again unknown_us later: an API server may store late what it did not answer.
 * The watch may tell of the pod before the POST answers; the reservation then becomes what the pod holds.
 *
 * Where somebody governs what pods may use, a bind is entered at his till before it is reserved, and its Binding is
 * sent when it is paid.
 */
#pragma once
#include "agents/admission/quotas.h"
#include "agents/scheduling/extender/args.h"
#include "agents/scheduling/grant.h"
#include "agents/scheduling/mirror.h"
#include "engine/score.h"

#define BINDER_ALLOCATE_US ((int64_t)60000000)

typedef struct binder binder;

typedef struct binder_till {
	/* Decides and fills the grant; what it costs is booked. An error: it may not, f says why. NULL: nobody governs.
	 */
	err (*enter)(void *arg, const binding_args *at, const pod *p, pod_ask *q, arena *a, grant *ret, fault *f);
	/* Makes that durable: on_paid comes from the loop or the call, false: nothing is booked any more. */
	void (*pay)(void *arg, str uid, void (*on_paid)(void *deed, bool is_paid), void *deed);
	/* The pod is bound, or is not: then all is given back. Not known is told by nobody. */
	void (*end)(void *arg, str uid, bool is_bound);
	/* An agent before this one may have sent a Binding that is still on its way. */
	bool (*is_unsure)(void *arg, str uid);
	void *arg;
} binder_till;

typedef struct binder_spec {
	loop *loop;
	kube *kube;
	stock *stock;
	mirror *mirror;
	pod_policies by_default;
	const score_tables *tables; /* may be NULL */
	const quotas *quotas;       /* NULL: none */
	int64_t unknown_us;         /* so long a Binding without an answer may still be stored; 0: not at all */
	/* Nodes are run by makers' plugins, which guess pods: on each, one pod at a time is bound and given its
	 * devices, or has had BINDER_ALLOCATE_US for that. */
	bool is_one_per_node;
	/* Whether this agent may bind now (it leads). NULL: always. */
	bool (*may_bind)(void *arg);
	void *arg;
	binder_till till;
} binder_spec;

binder *binder_new(const binder_spec *s);
/* Binds under way are answered: it ends, whatever comes of them. NULL-safe; the kube must stay until the loop has run
 * once more. */
void binder_free(binder *b);

/* body: EXTENDER_BIND_MAX at most, during the call. on_done comes once, maybe from inside the call: why is NULL when
 * the pod is bound. */
void binder_bind(binder *b, str body, void (*on_done)(void *arg, const char *why), void *arg);
