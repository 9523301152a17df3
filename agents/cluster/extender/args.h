/* args: what kube-scheduler asks an extender, read from its bytes, and the answers as it reads them.
 *
 * Keys are Go's field names; absent is null. Pods and nodes inside carry no kind. With nodeCacheCapable nodes come by
 * name, else whole; answers come in the same form. (kube-scheduler/extender/v1)
 */
#pragma once
#include "agents/kube/object.h"
#include "base/buf.h"

enum { ARGS_NODES_MAX = 20000, ARGS_VICTIMS_MAX = 100000 };

typedef struct args_node {
	str name;
	str object; /* its bytes; absent by name */
} args_node;

typedef struct extender_args {
	str pod; /* its bytes */
	args_node *nodes;
	uint32_t n;
	bool is_whole; /* nodes came whole */
} extender_args;
/* Points into body or a. ERR_BAD_FIELD: not these. */
err extender_args_read(str body, arena *a, extender_args *ret, fault *f) MUST_CHECK;

typedef struct binding_args {
	str pod, space, uid, node;
} binding_args;
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

/* What filter says of one node; of a node that passed, text is NULL. */
typedef struct filter_verdict {
	const char *text;
	bool is_final; /* evicting will not help */
} filter_verdict;
/* By order of args; error NULL: none, else it alone counts. A percent sign in it is written out: old schedulers take it
 * for a format. */
void filter_answer(const extender_args *q, const filter_verdict *v, const char *error, buf *out);
/* scores by order of args. */
void prioritize_answer(const extender_args *q, const int64_t *scores, buf *out);
void bind_answer(const char *error, buf *out);
/* The nodes that `keep` says stay, with the victims they came with. */
void preempt_answer(const preemption_args *q, const bool *keep, buf *out);
