/* ledger: what the agent of a Kubernetes cluster must still know after it was killed, as one text in its Secret.
 *
 * Small on purpose: what runs is told by the pods themselves (receipt.h). Here stand the agent's memory of the server
 * (agent.h: how far it is, what it was lent), placements that the server granted and whose pods are not all bound,
 * binds that were paid and of which nobody has seen yet how they ended, pods to which others yield, and what the server
 * said of this cluster.
 */
#pragma once
#include "agents/scheduling/stock.h"
#include "api/types/agent.h"

enum {
	LEDGER_BYTES_MAX = 700 << 10, /* a Secret holds 1 MiB, and this is written there in base 64 */
	LEDGER_CONFIG_BYTES = 128 << 10,
};

typedef struct ledger_share {
	str uuid;
	int64_t memory_mib, compute_milli, sharers;
} ledger_share;

/* A bind that was paid: uid is the pod's. */
typedef struct ledger_bind {
	str uid, space, pod, node;
	str receipt; /* as it stands in the Binding */
	js_list shares;
} ledger_bind;

typedef struct ledger_order {
	str id, fence, tenant;
	int64_t max_runtime_s, self_fence_s, speak_s;
	bool is_claimed; /* its pods name it */
	js_list placed;  /* of placed_pod */
} ledger_order;

typedef struct ledger_victim {
	str uid, space, pod;
} ledger_victim;

/* What is kept for a waiting pod on a node, and who goes for it. */
typedef struct ledger_yield {
	str uid, space, pod, node;
	js_list shares;
	js_list victims; /* of ledger_victim */
} ledger_yield;

/* A pod that waits, and that the server will not place. */
typedef struct ledger_denial {
	str uid, why;
} ledger_denial;

typedef struct ledger {
	str writer; /* the process that wrote it; and its how manyth text it is */
	int64_t number;
	js_list memory; /* of ledger_line: agent_kept */
	js_list orders; /* of ledger_order */
	js_list binds;  /* of ledger_bind */
	js_list yields; /* of ledger_yield */
	strs asked;     /* uids of pods about which the server was asked, or is about to be, and that wait, or waited */
	js_list denied; /* of ledger_denial */
	sync_config config;
	bool is_config_cut; /* its namespaces are too many to stand here */
} ledger;

typedef struct ledger_line {
	str text;
} ledger_line;

extern const js_type ledger_type;

/* Points into text and a. Absent or empty text: an empty ledger. */
err ledger_read(str text, arena *a, ledger *ret, fault *f) MUST_CHECK;
void ledger_write(const ledger *l, buf *out);
