/* policy: what requests get that leave it open, as it stands in the books: of a tenant the policy that is applied
 * there, or at the nearest tenant above it (api/types/policy.h).
 */
#pragma once
#include "api/types/placement.h"
#include "db/sql.h"
#include "engine/ask.h"
#include "engine/lease.h"
#include "server/placer/books.h"

struct policy_terms {
	ask_policy node_policy, device_policy; /* POLICY_COUNT: it does not say */
	int32_t n_weights;                     /* in the place of node_policy; 0: none */
	policy_weight weights[ASK_WEIGHTS_MAX];
	str cluster_policy; /* on the heap; empty: it does not say */
	bool says_preemptible, is_preemptible;
	str priority; /* on the heap; empty: it does not say */
	bool is_new;  /* another than counted there before, until all that runs has followed */
	int64_t lease_percent, lease_offline_s;
	lease_mode lease_mode;
	const char *when_lost; /* one of placement_when_lost; NULL: it does not say */
	int64_t lost_after_s;  /* 0: it does not say */
};

/* From a revision's placement and sharing, as JSON. NULL: they cannot be read. policy_free is the caller's to call. */
policy_terms *policy_read(str placing, str sharing);
void policy_free(policy_terms *t); /* NULL-safe */

/* All applied policies, as load_policies gives them; may be called again at any time. */
void govern_policies(books *b, const sql_load_policies_row *rows, uint32_t n);
/* Whether another counts at the tenant than did when its work was last looked at. */
bool policy_has_moved(const books *b, int32_t tenant_key);
/* What counts at a tenant: NULL: nothing is said. */
const policy_terms *policy_at(const books *b, int32_t tenant_key);
/* Fills what the request leaves open. */
void policy_complete(const books *b, int32_t tenant_key, placement_request *q);
