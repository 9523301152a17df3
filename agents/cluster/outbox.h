/* outbox: what the agent has to tell, numbered, until the server has stored it.
 *
 * Reports of a session are numbered 1, 2, ...; one is under way at a time and is repeated, byte for byte, until it is
 * acknowledged. What is added meanwhile waits and leaves together with the next. Pure: no clock, no network.
 *
 * A new session drops what waited, since it tells the present state whole; but not what was used: that is told by
 * nothing else. Usage that was under way goes again, as it was, and the server counts each moment of it once.
 *
 * Two things keep what waits small. A step that only led to the next one (accepted; bound before running) is replaced
 * by it. Usage windows of one placement that touch are added up to OUTBOX_WINDOW_MAX_MS. What still passes
 * OUTBOX_ITEMS_MAX sets is_over: then the owner begins a new session, which tells the present state whole.
 */
#pragma once
#include "agents/cluster/borrow.h"

enum {
	OUTBOX_SESSION_MAX = 63,
	OUTBOX_REPORT_ITEMS_MAX = 5000,
	OUTBOX_REPORT_BYTES = 2 << 20, /* a report is closed before it passes this, unless one item alone does */
	OUTBOX_ITEMS_MAX = 400000,
	OUTBOX_WINDOW_MAX_MS = 3600000,
	OUTBOX_KEPT_MAX = 300000, /* usage that goes over into a new session; past it the oldest is lost */
};

typedef struct outbox_item outbox_item;
typedef struct outbox_place {
	outbox_item *item;
} outbox_place;

typedef struct outbox {
	char session[OUTBOX_SESSION_MAX + 1];
	int64_t seq; /* of the report under way, or the last one */
	bool is_under_way;
	bool is_over;
	buf body; /* of the report under way */
	vec(outbox_place) waiting;
	vec(outbox_place) sent; /* usage of the report under way */
	uint64_t lost;          /* windows past OUTBOX_KEPT_MAX */
	map last_step;          /* by placement: the waiting item that tells its latest step */
	map last_usage;         /* by placement and part of it: the same for usage */
	const char *version;
} outbox;

typedef enum outbox_verdict {
	OUTBOX_STORED,  /* go on with the next */
	OUTBOX_AGAIN,   /* not stored: send the same again */
	OUTBOX_RESTART, /* the server lost the thread, or asks for it: begin a new session */
} outbox_verdict;

void outbox_init(outbox *o, const char *version); /* version: static */
void outbox_done(outbox *o);

/* A new session: whatever waited or was under way is dropped, but usage. */
void outbox_begin(outbox *o, str session);

void outbox_inventory(outbox *o, const js_list *nodes, bool is_whole);
void outbox_gone(outbox *o, str node);
/* Every placement of the book that holds devices, as one item. */
void outbox_running(outbox *o, const book *b);
/* Those in these parts of the digest; and the digest of all. */
void outbox_running_in(outbox *o, const book *b, i64s buckets);
void outbox_digest(outbox *o, const book *b);
/* The step `state` of a placement, at at_us; reason may be absent. */
void outbox_step(outbox *o, str id, str fence, lifecycle state, str reason, int64_t at_us);
void outbox_usage(outbox *o, const cluster_usage *u);
/* What is held of loans: of all of them, or of those whose word is due, which it is no more. */
void outbox_loans(outbox *o, const borrow *b, bool is_whole);
/* A pod that was let in here. */
void outbox_admitted(outbox *o, const holding *h);
/* A pod that waits for the server to let it in. */
void outbox_want(outbox *o, str id, str tenant, str request);

/* Pods that were wanted, and are no more. */
void outbox_withdrawn(outbox *o, const strs *ids);

/* Usage that nobody has said is stored, as it was or will be told. */
void outbox_usage_each(const outbox *o, void (*visit)(void *arg, const cluster_usage *u), void *arg);

bool outbox_has_work(const outbox *o); /* something waits or is under way */
uint32_t outbox_waiting(const outbox *o);
/* The report to send: the one under way, or a new one of what waits. Absent: nothing to tell. Valid until
 * outbox_answer or outbox_begin. */
str outbox_report(outbox *o);
/* The server's answer to the report under way. */
outbox_verdict outbox_answer(outbox *o, const report_answer *answer);
