/* reserve: devices that are held for somebody, now or from a moment on.
 *
 * A hold is a plan with an owner and a window. It is booked on the fleet, and charged if it names a tenant, for as long
 * as it stands, on top of whatever runs there: to everybody else the devices are full, from the first eviction on, and
 * what a victim leaves goes to nobody but the pre-emptor. Nothing needs to be done when a victim goes. An ask that a
 * hold does not bind is searched for with the hold lifted: the owner's own, and work that ends before the window
 * begins. Such work books on top of the hold too; both are there in the books, one after the other in time.
 *
 * So a device under a hold may be booked above its capacity. reserve_device_is_over tells what is over without holds.
 */
#pragma once
#include "engine/place.h"
#include "engine/running.h"

enum { RESERVE_HOLDS_MAX = 4096, RESERVE_OWNER_NONE = 0 };

typedef struct reserve_terms {
	int64_t owner;    /* whose searches it does not bind: a number of the caller's; RESERVE_OWNER_NONE: nobody's */
	int64_t from_us;  /* work that ends until then may pass; a pre-emptor's is now */
	int64_t until_us; /* gone from then on */
	int32_t tenant;   /* charged; FLEET_NONE: nobody */
} reserve_terms;

typedef struct reserve reserve;

reserve *reserve_new(void);
void reserve_free(reserve *r); /* leaves the fleet as it is: for the end of both */

/* Holds what the plan names; the plan is copied. FLEET_NONE past RESERVE_HOLDS_MAX. */
int32_t reserve_add(reserve *r, fleet *f, quota *q, const reserve_terms *t, const plan *p);
/* The owner has started or gives up. */
void reserve_drop(reserve *r, fleet *f, quota *q, int32_t hold);
/* Drops the holds whose window is over. Returns how many. */
int32_t reserve_expire(reserve *r, fleet *f, quota *q, int64_t now_us);

const plan *reserve_plan(const reserve *r, int32_t hold); /* NULL: no such hold */
reserve_terms reserve_terms_of(const reserve *r, int32_t hold);
int32_t reserve_find_owner(const reserve *r, int64_t owner); /* a hold of that owner; FLEET_NONE: none */

/* Whether the hold stands in the way of work of `owner` that starts now and runs max_runtime_s at most (0: not stated).
 */
bool reserve_binds(const reserve *r, int32_t hold, int64_t owner, int64_t now_us, int64_t max_runtime_s);

/* Takes the holds that do not bind off the books, for one search, and puts them back. What was booked in between stays.
 * Lifting twice asserts. O(holds), and O(pods) of those lifted. */
void reserve_lift(reserve *r, fleet *f, quota *q, int64_t owner, int64_t now_us, int64_t max_runtime_s);
void reserve_apply(reserve *r, fleet *f, quota *q);

/* The same, of the holds that the caller chooses. */
typedef bool (*reserve_choice)(const void *of, const reserve_terms *t);
void reserve_lift_if(reserve *r, fleet *f, quota *q, reserve_choice lifts, const void *of);

/* place_find with the holds lifted that do not bind the ask. */
bool reserve_place(reserve *r, place *w, fleet *f, quota *q, int32_t tenant, int64_t owner, int64_t now_us,
	const ask *a, plan *p, why *ret_why);

bool reserve_device_is_over(const reserve *r, const fleet *f, int32_t device);

/* When an ask that waits can start at the latest, if everything keeps its time: the first moment not before
 * `not_before_us` at which enough of what is listed has ended. True: p holds where (not booked) and *ret_us when: with
 * these a hold lets shorter work backfill. False: no end that is stated makes room. Other holds stay where they are,
 * unless the caller has lifted them. f and q are as before. O(log runs) searches. */
bool reserve_earliest(reserve *r, place *w, fleet *f, quota *q, int32_t tenant, const ask *a, const running *list,
	int64_t not_before_us, plan *p, int64_t *ret_us);
