/* wish: what a pod asks for, in the server's words: its request, and what it is charged.
 *
 * The charge is what the server will book for the same slices (engine/share.h), so that nothing has to be settled
 * later.
 */
#pragma once
#include "agents/scheduling/grant.h"
#include "agents/real/models.h"
#include "api/types/placement.h"

/* As a placement request. Absent: it cannot be told, since no class of its devices is known. Its PriorityClass is told
 * by name: the server knows its own by the same. */
str wish_request(const pod *p, const pod_ask *q, const stock *s, const models *m, str tenant, arena *a);
/* The request of a pod that holds this already, as far as it can be told from that. */
typedef struct wish_pod {
	str tenant, space, name, priority;
	int64_t max_runtime_s;
} wish_pod;
str wish_of_placed(const js_list *placed, const wish_pod *p, arena *a);
/* What the whole pod would be charged if all entries that may be served by that class were. */
amounts wish_charge(const pod_ask *q, stock *s, int32_t class_id);
/* What the granted shares are charged, and of which class. False: several classes, or one that is not known. */
bool wish_settle(const grant *g, stock *s, const models *m, str *ret_class, amounts *ret_charge);
/* The same shares as the server is told of them, in a. */
js_list wish_placed(const stock_share *shares, uint32_t n, stock *s, const models *m, const pod *p, str node,
	int64_t index, arena *a);
