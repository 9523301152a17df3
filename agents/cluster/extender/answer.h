/* answer: what an extender says, in the bytes that kube-scheduler reads.
 *
 * Nodes are told in the form in which they were asked about: by name or whole. Both lists of refused nodes are always
 * there, empty or not. (kube-scheduler/extender/v1)
 */
#pragma once
#include "agents/cluster/extender/args.h"
#include "base/buf.h"

/* What filter says of one node; of a node that passed, text is NULL. */
typedef struct filter_verdict {
	const char *text;
	bool is_final; /* evicting will not help */
} filter_verdict;
/* By order of args; error NULL: none, else it alone counts. A percent sign in it is written out: old schedulers take it
 * for a format. */
void filter_answer(const extender_args *q, const filter_verdict *v, const char *error, buf *out);
/* scores, of 0 and more, by order of args. */
void prioritize_answer(const extender_args *q, const int64_t *scores, buf *out);
void bind_answer(const char *error, buf *out);
/* The nodes that `keep` says stay, with the victims they came with. */
void preempt_answer(const preemption_args *q, const bool *keep, buf *out);
