/* book: the agent's own account of its cluster: nodes, devices, and every placement it has been told of.
 *
 * The agent is the one writer of its cluster's devices (architecture, section 4): what stands here is what is held. The
 * book is pure: no clock, no files, no network. A placement stays as `final` after its end, until the server says
 * forget, so that a repeated order gets the same answer.
 */
#pragma once
#include "agents/cluster/cluster.h"
#include "agents/cluster/attempt.h"
#include "engine/fleet.h"
#include "engine/lifecycle.h"

enum {
	BOOK_ID_MAX = 63,
	BOOK_FENCE_MAX = 63,
	BOOK_REASON_MAX = 300,
	BOOK_FINAL_MAX = 200000, /* ended placements kept; past it the oldest goes */
};

/* What the agent knows of one placement. Owned by the book. */
/* One that came as a pod, and what it is (on the heap). */
typedef struct book_pod {
	str tenant, request, placed; /* request, placed: JSON */
	str loan;                    /* it was let in out of that, as borrow.h names it */
	amounts charge;
	int64_t at_us;   /* when it was let in */
	bool is_settled; /* the server has said that it stored that */
	char text[];
} book_pod;

typedef struct holding holding;
struct holding {
	char id[BOOK_ID_MAX + 1], fence_text[BOOK_FENCE_MAX + 1];
	char reason[BOOK_REASON_MAX + 1]; /* of the last step, or "" */
	attempt attempt;
	lifecycle state;              /* accepted, bound, running, revoking, or how it ended */
	int64_t at_us;                /* when it came to this state */
	int64_t bound_us, running_us; /* 0: never */
	int64_t speak_s;              /* this agent is heard so often at least while it is here; 0: as usual */
	int64_t ordered_us;           /* when this agent got it; 0: before it was restarted */
	int64_t self_fence_s;         /* it ends when the server has not heard of this agent for so long; 0: never */
	bool is_booked;
	book_pod *pod;          /* NULL: the server placed it */
	plan plan;              /* what is booked; empty otherwise */
	holding *older, *newer; /* among the final ones */
};

typedef struct book {
	fleet fleet;
	int32_t cluster;          /* handle of the one cluster */
	map by_id;                /* holding */
	holding *oldest, *newest; /* final ones, by their end */
	uint32_t n_final;
} book;

void book_init(book *b);
void book_done(book *b);

/* Adds or updates a node; devices it no longer names are removed. Health other than "" or "ok" closes node or device to
 * new work. */
void book_node_put(book *b, const report_node *n);
void book_node_gone(book *b, str name);

holding *book_find(const book *b, str id);
/* The holding of that id, new (without state) when there was none. id and fence within their limits. */
holding *book_put(book *b, str id, str fence_text, attempt at);
/* It was let in here; the texts are copied. */
void book_pod_put(holding *h, const book_pod *pod);
/* Enters a state: what ends gives its devices back. reason is cut. */
void book_state(book *b, holding *h, lifecycle state, str reason, int64_t at_us);
/* Lets go of an ended one for good. */
void book_drop(book *b, holding *h);

/* Turns what the server wrote into a plan on the fleet's handles. False: something named there is not here; `reason`
 * says what. With is_lenient what is not here is left out (the cluster holds it, so it is real). */
/* Takes over what a grant says of how far compute may be promised, before book_plan and book_fits look at it. */
void book_overcommit(book *b, const js_list *placed);
bool book_plan(const book *b, const js_list *placed, bool is_lenient, plan *out, char reason[BOOK_REASON_MAX + 1]);
/* Whether the plan fits the live state, and why not. */
bool book_fits(book *b, const plan *p, char reason[BOOK_REASON_MAX + 1]);
/* Books the plan on h, whatever it says. */
void book_take(book *b, holding *h, const plan *p);

/* Whether h holds devices or host resources now. */
static inline bool holding_is_live(const holding *h)
{
	return h->is_booked;
}
