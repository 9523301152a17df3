/* answer: what an extender says, in the bytes that kube-scheduler reads.
 *
 * Nodes are told in the form in which they were asked about: by name or whole. Both lists of refused nodes are always
 * there, empty or not. (kube-scheduler/extender/v1)
 */
#pragma once
#include "agents/scheduling/extender/args.h"
#include "base/buf.h"

/* Why a node is refused: as it stands between the quotes of a JSON text. */
typedef struct filter_reason {
	str text;
	bool is_final; /* evicting will not help */
} filter_reason;
/* verdicts, by order of args: 0, the node passed; else its row of `reasons`. error NULL: none, else it alone counts. A
 * percent sign in it is written out: old schedulers take it for a format. */
void filter_answer(
	const extender_args *q, const uint8_t *verdicts, const filter_reason *reasons, const char *error, buf *out);
/* ranks, by order of args: a node's score is that many steps of EXTENDER_STEP. */
enum { EXTENDER_STEP = 1000, EXTENDER_RANK_MAX = 99999 };
void prioritize_answer(const extender_args *q, const uint32_t *ranks, buf *out);
void bind_answer(const char *error, buf *out);
/* The nodes that `keep` says stay, with the victims they came with. */
void preempt_answer(const preemption_args *q, const bool *keep, buf *out);
