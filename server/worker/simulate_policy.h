/* simulate_policy: what becomes of everybody's requests if a policy counted at a tenant from now on.
 *
 * Two copies of the books are taken apart by the placer's own code, one as things are and one with the policy; each
 * says in lines who would start, who would be told to make room and which guarantees could not be met. What differs is
 * the answer.
 *
 * A guarantee can not be met when what it lacks is more than what is free of the model and what may be taken back: of
 * each branch beside it what it borrowed, as far as that may be evicted.
 */
#pragma once
#include "api/types/simulation.h"
#include "base/buf.h"
#include "server/identity/grant.h"
#include "server/placer/policy.h"

enum {
	SIMULATE_QUEUE_MS = 600, /* deciding goes on for so long */
	SIMULATE_LIST_MAX = 1000 /* of each list of the answer */
};

/* In a copy of the books, which it takes apart. terms: NULL: as things are; else they count at the tenant from now on,
 * and are the books'. */
void simulate_queue(books *b, int32_t tenant_key, policy_terms *terms, int64_t now_us, buf *out);
/* The two that simulate_queue said, as a policy_simulation in JSON. `sight`: what the asker holds where: others are
 * counted, and never named. */
void simulate_compare(const sql_policy_terms_row *of, str as_it_is, str as_it_would_be, const simulated_as_of *as_of,
	const grants *sight, buf *out);
