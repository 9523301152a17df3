/* place: a whole placement decided at once, or the reasons why not.
 *
 * All groups and replicas go to one cluster, all that must start together or none. Clusters are tried in the order
 * asked; without one, by class choice, then score, then handle. Every group's minimum comes first, extra replicas
 * after. The class list is walked per pod: a class that no node of the cluster can serve, or that the tenant's quota
 * does not cover, falls back to the next.
 */
#pragma once
#include "engine/ask.h"
#include "engine/fit.h"
#include "engine/fleet.h"
#include "engine/quota.h"
#include "engine/why.h"

/* Room to work in, so that a decision allocates nothing. */
typedef struct place place;

place *place_new(void);
void place_free(place *w);

/* What its policies know beside the fleet; stays the caller's and may be NULL while no policy asks for it. */
void place_use(place *w, const score_tables *tables);

/* True: p holds the plan, which IS booked on f and charged to tenant in q. False: f and q are exactly as before, p is
 * empty and ret_why, which may be NULL, says why. q may be NULL: no quota. Deterministic: the same fleet, tree and ask
 * give the same plan.
 */
bool place_find(place *w, fleet *f, quota *q, int32_t tenant, const ask *a, plan *p, why *ret_why);

/* After a refusal: the reason that most nodes gave, without the walk over all nodes that the whole explanation takes.
 */
why_code place_reason(const place *w);

/* Books and charges a plan made before (a rebuild, a report), or undoes that. Never refuses. */
void place_take(fleet *f, quota *q, int32_t tenant, const plan *p);
void place_give(fleet *f, quota *q, int32_t tenant, const plan *p);

/* The plan's charge on one model, summed. */
amounts plan_charge(const fleet *f, const plan *p, int32_t model);
