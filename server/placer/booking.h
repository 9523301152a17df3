/* booking: one live placement as the placer holds it, from its first decision until it ends.
 *
 * What was asked never changes; what turns change is one struct, so that a turn which did not commit puts it back
 * whole. The plan it holds is booked on the fleet and charged to its tenant as long as it is not empty.
 */
#pragma once
#include "engine/lifecycle.h"
#include "engine/plan.h"
#include "engine/why.h"

enum { BOOKING_REASON_MAX = 500 };

/* What must change before another look at a waiting one is worth it: its blockers, without their numbers. */
typedef struct booking_watch {
	int32_t cluster, class_id, tenant;
	why_when when;
} booking_watch;

typedef struct booking_wait {
	booking_watch v[WHY_BLOCKERS_MAX];
	int32_t n;
	bool is_any;        /* the list is not known or was cut: any change will do */
	uint64_t tried;     /* the count of changes at the last try; 0: not tried since the start */
	uint64_t shape;     /* of the blockers that were told, numbers left out */
	uint64_t numbers;   /* of the first of them */
	int64_t told_at_us; /* 0: by a placer before */
} booking_wait;

typedef struct booking_state {
	lifecycle life;
	int64_t fence_incarnation, fence_no;
	int64_t granted_at_us, running_at_us, ended_at_us; /* 0: not yet */
	int32_t cluster_key;                               /* 0: nowhere */
	int64_t grace_s;                                   /* while revoking: how long it has to end; 0: not told */
	str reason, placed; /* on the heap, absent: none; what it was placed on stays told after its end */
	booking_wait wait;
} booking_state;

/* A priority: one of the tiers of the queue. Lasts as long as the books. */
typedef struct rank {
	str name;
	uint16_t number; /* counts them; never that of another */
	int32_t value;
	uint32_t n_held; /* placements of it that hold devices */
	bool is_preemptible, may_preempt;
	int64_t reserve_after_us, min_runtime_us, grace_s;
} rank;

/* What its request says to the queue. */
typedef struct booking_terms {
	rank *rank;          /* NULL: nobody has looked yet */
	bool is_provisional; /* the priority is not known yet */
	bool is_preemptible, may_preempt, may_wait;
	int32_t model; /* asked for first; FLEET_NONE: any, or none that is known */
	int64_t milli; /* device_milli of all that must start together */
	int64_t max_runtime_s;
	int64_t lost_after_s; /* failover.h; 0: it waits for its cluster, or for a person */
	bool is_fenced;       /* its agent ends it before */
} booking_terms;

typedef struct queue_line queue_line;
typedef struct claim claim;
typedef struct reservation reservation;
/* How it counts in budgets. */
typedef enum spend_phase { SPEND_NOT, SPEND_HELD, SPEND_RUNS } spend_phase;

typedef struct booking_spend {
	spend_phase phase;
	int64_t rate, runtime_us, start_us;
} booking_spend;

typedef struct booking booking;
struct booking {
	/* Owned by the booking, set at its birth. */
	str id, name, origin, created_by, request;
	int32_t tenant_key;
	int64_t seq, created_at_us;

	booking_state now;
	plan held;
	int64_t max_runtime_s; /* as asked; 0: not stated, below 0: not read yet */
	booking_spend spend;   /* as it is counted */
	uint32_t touch_at;     /* where the present turn keeps it, from 1; 0: not in it */

	booking_terms terms;
	queue_line *line;       /* where it waits; NULL: it does not */
	booking *older, *newer; /* there, by seq */
	int64_t waits_since_us;
	bool reserve_wanted;    /* if it is refused now, room is to be kept for it */
	claim *claim;           /* the room that is held for it, or NULL */
	int64_t hinted_at_us;   /* 0: nobody has yet (hint.h) */
	int64_t claim_after_us; /* not before then is room made for it again */
	/* Others of the class that it holds devices of, the latest first. */
	booking *held_next, *held_prev;
	int32_t held_class;
	bool is_held;
	bool is_lent;        /* its cluster let it in, out of what was lent to it */
	str evicted_by;      /* on the heap: for whom it makes room while it is being revoked; absent: for nobody */
	str reserved;        /* on the heap: the reservation that it names; absent: none */
	reservation *within; /* what it holds is of this one; NULL: of none */
	/* An agent refused it: these nodes are tried again only after a while. */
	vec(int32_t) avoid;
	int64_t avoid_until_us;
};

typedef struct booking_birth {
	str id, name, origin, created_by, request;
	int32_t tenant_key;
	int64_t seq, created_at_us;
} booking_birth;

/* Pending, fence 0.0, holding nothing. Copies the texts. */
booking *booking_new(const booking_birth *birth);
void booking_free(booking *b); /* NULL-safe */

/* Changes one of the texts of `now`, unless it is also that of `before` frees the old one; empty: none. */
void booking_text_set(str *now, const str *before, str s);
/* Frees the texts of `s` that are not those of `other` too. */
void booking_texts_free(booking_state *s, const booking_state *other);

/* "1.7" into out. */
enum { FENCE_TEXT_MAX = 48 };
str fence_text(int64_t incarnation, int64_t no, char out[FENCE_TEXT_MAX]);
bool fence_parse(str s, int64_t *ret_incarnation, int64_t *ret_no);
