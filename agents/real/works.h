/* works: the placements of a real cluster, each with the seats that its pods take.
 *
 *     ordered by the server:  seats wait for their pods -> bound -> running -> over
 *     let in here:            one seat, whose pod is bound already
 *
 * A placement is bound when all its seats are, runs when all have begun, is done when all are done, and has failed when
 * one has; how far it is, is told once per step. Pure bookkeeping: what the API server says comes in, what is to be
 * told comes out.
 */
#pragma once
#include "agents/cluster/cluster.h"
#include "agents/scheduling/stock.h"
#include "base/map.h"
#include "base/vec.h"

typedef enum seat_state {
	SEAT_AWAITED, /* its pod has not been bound */
	SEAT_BOUND,
	SEAT_RUNNING,
	SEAT_DONE,
	SEAT_FAILED,
	SEAT_GONE, /* its pod was deleted before its end */
} seat_state;

/* One pod of a placement. */
typedef struct seat {
	int64_t index;
	seat_state state;
	char *uid, *space, *pod, *node; /* of its pod; uid "": nobody has come yet. node: where it is, or is to be */
	stock_share *shares;            /* ordered, until it is bound */
	uint32_t n_shares;
	char *uuids;      /* what they point into */
	int64_t asked_us; /* when it was asked to go last; 0: never */
	uint64_t receipt; /* hash of what its pod bears (receipt.h); 0: not known */
} seat;

typedef struct work work;
struct work {
	char *id, *fence, *tenant, *loan; /* loan "": the server placed it */
	amounts charge;
	int64_t at_us; /* when it was let in, or ordered */
	int64_t running_us, ended_us;
	int64_t started_us;             /* when the first of its pods began, by the pod's own word; 0: none says */
	int64_t max_runtime_s, grace_s; /* grace_s CLUSTER_AT_ONCE: its pods are deleted */
	int64_t self_fence_s, speak_s;  /* placement.h */
	cluster_phase phase;            /* as it was told last */
	bool has_phase;                 /* something was told */
	bool is_claimed;                /* of origin api: its pods name it */
	bool is_stopping;               /* by order */
	bool is_cut;                    /* its max_runtime_s is over */
	bool is_news;                   /* something moved: it is looked at with the next turn */
	const char *reason;             /* why it ended; static */
	char *priority;                 /* PriorityClass of its pod; NULL: none is known */
	bool is_timed;                  /* stands in works.timed */
	bool is_listed;                 /* stands in works.ordered */
	char *placed;                   /* ordered: list of placed_pod, as JSON; else NULL */
	seat *seats;
	uint32_t n_seats;
};

typedef struct works {
	map by_id;
	map by_uid; /* of the pods that have seats */
	vec(work *) news;
	vec(work *) timed;   /* those that something may become of by time alone */
	vec(work *) ordered; /* those with `placed` that were not all seated when they were looked through last */
} works;

void works_done(works *all);
work *works_find(const works *all, str id);
work *works_of_pod(const works *all, str uid, seat **ret_seat);

/* New, with n seats that nobody has. */
work *works_add(works *all, str id, str fence, str tenant, str loan, uint32_t n);
void works_drop(works *all, work *w);
/* The seat of that index, made when it is not there (others may move by that). */
seat *works_seat(work *w, int64_t index);
/* The pod takes the seat. */
void seat_take(works *all, work *w, seat *s, str uid, str space, str name, str node);
/* It is no pod's any more. */
void seat_leave(works *all, work *w, seat *s);
void seat_shares(seat *s, const stock_share *shares, uint32_t n);
/* How far its pod is now; nothing goes back. */
void seat_move(works *all, work *w, seat *s, seat_state state, int64_t now_us);
/* Whether it has had its max_runtime_s. That counts from the pod's own start, whichever agent saw that. */
bool work_is_due(const work *w, int64_t now_us);
/* It is to be looked at with the next turn. */
void works_stir(works *all, work *w);
/* It is to be looked at now and then. */
void works_time(works *all, work *w);
/* It has `placed` now. */
void works_order(works *all, work *w);
/* Calls visit for each that is ordered and not seated: few beside all that run. */
void works_each_ordered(works *all, void (*visit)(void *arg, work *w), void *arg);
void work_text(char **to, str s); /* NULL for an absent text */

/* The phase the seats are in together; false: not even bound yet. */
bool work_phase(const work *w, cluster_phase *ret);
/* Whether all its pods are bound or over: nothing of it has to be remembered but by them. */
bool work_is_seated(const work *w);
/* Ordered by the server, and not all of its pods are bound: the ledger has it. */
bool work_is_ordered(const work *w);
bool seat_is_over(const seat *s);
