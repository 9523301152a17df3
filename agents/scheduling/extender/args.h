/* args: what kube-scheduler asks an extender, read from its bytes.
 *
 * Keys are Go's field names; absent is null. Pods and nodes inside carry no kind. With nodeCacheCapable nodes come by
 * name, else whole. (kube-scheduler/extender/v1)
 */
#pragma once
#include "agents/scheduling/stock.h"
#include "agents/kube/object.h"
#include "base/vec.h"

enum { ARGS_NODES_MAX = 20000, ARGS_VICTIMS_MAX = 100000 /* on all nodes together */ };

typedef struct args_node {
	str name;
	int32_t node;       /* in the stock, or FLEET_NONE */
	uint32_t rank : 31; /* of that node among those of the stock; of a stranger: as the one before it */
	bool is_raw : 1;    /* name lies in the body between its quotes, and may be repeated with them as it is */
} args_node;
typedef struct args_room {
	vec(args_node) nodes;
	vec(str) objects;
	size_t names_bytes;               /* of all names, each with its quotes and a comma */
	bool is_raw, is_tight, is_sorted; /* as in extender_args */
} args_room;
void args_room_done(args_room *r);

typedef struct extender_args {
	str pod; /* its bytes */
	const args_node *nodes;
	const str *objects; /* the bytes of each, where nodes came whole */
	uint32_t n;
	size_t names_bytes; /* of all names, each with its quotes and a comma */
	bool is_whole;      /* nodes came whole */
	bool is_raw;        /* all names are */
	bool is_tight;      /* raw ones stand side by side in the body, with nothing but a comma between two */
	bool is_sorted;     /* by rank */
} extender_args;
/* Points into body, a and room, which the caller keeps, so that one call after the other needs no memory anew. Nodes
 * are looked up in s on the way. ERR_BAD_FIELD: not these. */
err extender_args_read(str body, arena *a, stock *s, args_room *room, extender_args *ret, fault *f) MUST_CHECK;

typedef struct binding_args {
	str pod, space, uid, node;
} binding_args;
/* Names and uid are such as paths can hold. Points into body or a. */
err binding_args_read(str body, arena *a, binding_args *ret, fault *f) MUST_CHECK;

/* The victims that preemption would have on one node. */
typedef struct args_victims {
	str node;
	str *uids;
	uint32_t n;
	int64_t violations; /* of disruption budgets */
} args_victims;
typedef struct preemption_args {
	str pod;
	args_victims *nodes;
	uint32_t n;
} preemption_args;
err preemption_args_read(str body, arena *a, preemption_args *ret, fault *f) MUST_CHECK;
