/* real: a Kubernetes cluster behind the face that the agent's core knows (agents/cluster/cluster.h).
 *
 *     nodes and pods of the API server -> mirror -> here -> the core: inventory, phases, pods that wait
 *     the core's orders -> seats that wait for their pods -> kube-scheduler -> the binder -> a Binding
 *
 * Pods come from users, never from here. A pod that came by itself is a placement of origin pod, named by its uid.
 * Where its tenant has been lent enough, the scheduler finds its node and the bind pays for it; else it is wanted of
 * the server, and waits until that one orders a place for it, where it is then sent. A placement that was asked of the
 * server waits for the pods that name it. What is paid, and what is ordered, stands in the vault before it is done or
 * told.
 *
 * It follows the cluster from the start; with real_act it is the cluster of an acting agent.
 */
#pragma once
#include "agents/admission/rules.h"
#include "agents/cluster/agent.h"
#include "agents/scheduling/budgets.h"
#include "agents/scheduling/extender/binder.h"
#include "agents/scheduling/extender/extender.h"
#include "agents/node_report.h"
#include "agents/real/models.h"
#include "agents/real/spaces.h"
#include "agents/real/vault.h"
#include "net/signature.h"

enum { REAL_CLAIM_S = 600, REAL_SCAN_PODS = 64, REAL_USAGES_MAX = 100000 };
#define REAL_SWEEP_US ((int64_t)1000000)

typedef struct real real;

typedef struct real_spec {
	loop *loop;
	kube *kube;
	stock *stock;
	spaces *spaces;
	str cluster_uid; /* outlives it */
	signing_key *key;
	const char *identity; /* ours, in events */
	budgets *budgets;     /* of pods that might yield to others; NULL: there are none */
	int64_t unknown_us;   /* so long a Binding of an agent that is gone may still be on its way */
	/* The agent is to take a turn soon. */
	void (*on_stir)(void *arg);
	/* The server has stored all that was told. */
	void (*on_settled)(void *arg);
	void *arg;
} real_spec;

real *real_new(const real_spec *s);
void real_free(real *r); /* NULL-safe; after the mirror and the binder */

/* What the mirror tells besides the stock; and the mirror itself, which knows the pods that wait. */
mirror_ear real_ear(real *r);
void real_mirror(real *r, mirror *m);
/* Kubernetes' own, which who yields to whom is within. */
void real_quotas(real *r, const quotas *q);

/* We lead, and the vault is ours: takes up what the last one has left. ERR_BAD_FIELD: it cannot be read. */
err real_act(real *r, vault *v, str ledger, fault *f) MUST_CHECK;
/* Another one acts, and this is what it wrote last: whose the pods of which namespace are is known here too. */
void real_hear(real *r, str ledger);
/* Whether that is known, as far as the server has said it. */
bool real_knows_spaces(const real *r);
/* What the core is to remember, out of that ledger, in a. */
str real_memory(str ledger, arena *a);
cluster_ref real_cluster(real *r);
/* The core stands; NULL: it does no more. */
void real_agent(real *r, agent *a);
/* Namespaces have changed hands. */
void real_look_again(real *r);

/* For the vault. */
void real_compose(void *real, str writer, int64_t number, buf *out);
void real_kept(void *real);

/* For the extender and the binder. */
extender_gate real_gate(real *r);
binder_till real_till(real *r);
bool real_is_one_tenant(void *real, str space, str other);
bool real_may_yield(void *real, str uid);

/* Whether the annotations hold a receipt of this cluster's agents for that pod on that node; *ret_why: why not. */
bool real_record_holds(const real *r, str uid, str node, const object_pair *notes, uint32_t n, const char **ret_why);
/* What the tenant was lent here of that kind's devices, and nobody has used. */
tenant_left real_left(const real *r, str tenant, const vendor *kind);

/* Whether this agent acts: what nodes tell another one would be told to nobody. */
bool real_acts(const real *r);
/* What nodes tell. Usage: of a placement that is here, else false; the fence is filled in. And usage that was written
 * down by an agent before this one. */
typedef struct real_usage {
	str placement, fence;
	int64_t source; /* which container; never 0 */
	int64_t at_us;  /* end of the window */
	int64_t window_ms, memory_mib_avg, memory_mib_max, compute_milli_avg;
} real_usage;
JS_DECLARE(real_usage);
bool real_used(real *r, real_usage *u);
void real_used_before(real *r, const real_usage *u);
/* All usage that nobody has said the server has stored, as an agent after this one is to tell it. Only while one acts
 * here. */
void real_usage_each(const real *r, void (*visit)(void *arg, const real_usage *u), void *arg);
/* All the devices that the node names. */
void real_devices(real *r, str node, const js_list *devices);
/* How one of the node's devices is. */
void real_device(real *r, str node, const node_health *h);
void real_found(real *r, const node_finding *f);
void real_stepped(real *r, const node_step *s);

/* Counts for metrics. */
typedef struct real_counts {
	uint32_t waiting, works, binds;
} real_counts;
real_counts real_count(const real *r);
