/* binder: kube-scheduler's bind: decide again on the state as it is, reserve, and one Binding that holds the grant.
 *
 *     waiting pod -> grant (fits? which devices?) -> reserve -> POST Binding -> answer
 *
 * Whether a Binding that broke was taken is not known: its reservation stands until the pod is seen bound, or a look at
 * the pod says that it is not. The watch may tell of the pod before the POST answers; the reservation then becomes what
 * the pod holds.
 */
#pragma once
#include "agents/cluster/admission/quotas.h"
#include "agents/cluster/extender/args.h"
#include "agents/cluster/mirror.h"
#include "engine/score.h"

typedef struct binder binder;

typedef struct binder_spec {
	loop *loop;
	kube *kube;
	stock *stock;
	mirror *mirror;
	pod_policies by_default;
	const score_tables *tables; /* may be NULL */
	const quotas *quotas;       /* NULL: none */
	/* Whether this agent may bind now (it leads). NULL: always. */
	bool (*may_bind)(void *arg);
	void *arg;
} binder_spec;

binder *binder_new(const binder_spec *s);
/* Binds under way end without an answer. NULL-safe; the kube must stay until the loop has run once more. */
void binder_free(binder *b);

/* on_done comes once, maybe from inside the call: why is NULL when the pod is bound. */
void binder_bind(binder *b, str body, void (*on_done)(void *arg, const char *why), void *arg);
