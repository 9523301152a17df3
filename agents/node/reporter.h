/* reporter: carries a node's items to the agent of its cluster (agents/node_report.h).
 *
 * Items wait in order; what fits goes out as one report, which is sent again byte for byte until it is answered. While
 * nobody answers, the oldest items are dropped past a limit: inventory and health are told whole again, usage of that
 * time is lost and counted. An item that the agent would not read is dropped before it is sent, and a report that the
 * agent refuses leaves no hole in the numbers: neither holds up what comes after it.
 */
#pragma once
#include "agents/node_report.h"
#include "net/loop.h"

enum {
	REPORTER_ITEMS_MAX = 2048, /* that wait */
	REPORTER_TIMEOUT_MS = 10000,
};

typedef struct reporter_config {
	loop *loop;
	const char *agent;      /* https://host:port */
	const char *ca_file;    /* NULL: the system's */
	const char *token_file; /* read before each report; NULL: none is sent */
	const char *node, *version;
	int64_t interval_ms;
	void (*before)(void *arg);  /* a report is about to be made: items may be put */
	void (*on_want)(void *arg); /* the agent wants inventory and health again */
	void (*on_state)(void *arg, bool is_heard, const char *why); /* it began or ceased to answer */
	void *arg;
} reporter_config;

typedef struct reporter reporter;

reporter *reporter_new(const reporter_config *c);
void reporter_free(reporter *r); /* NULL-safe */

/* Queues it: written now, so that nothing it points to is needed later. */
void reporter_put(reporter *r, const node_item *item);
/* Sends what waits soon, not only at the next interval. */
void reporter_hurry(reporter *r);

uint64_t reporter_dropped(const reporter *r);
uint64_t reporter_answered(const reporter *r);
