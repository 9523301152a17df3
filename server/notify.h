/* notify: "look" between the processes of one server.
 *
 * A datagram without content but its kind, over unix sockets in data_dir/run. It may be lost, doubled or late: whoever
 * gets it looks into the database, and looks now and then without one. Sending never blocks and never fails.
 */
#pragma once
#include "net/loop.h"

typedef enum notify_what {
	NOTIFY_INBOX = 1,      /* edges -> placer: the inbox has something */
	NOTIFY_DECISIONS = 2,  /* placer -> edges, worker: the placements chain moved */
	NOTIFY_GOVERNANCE = 4, /* edges -> all: the governance chain moved */
	NOTIFY_ASKS = 8,       /* edges -> worker: somebody asked it something */
} notify_what;

typedef struct notify notify;

/* self: "edge-0", "placer", "worker". on_look gets the kinds that arrived since, or'ed, once per turn of the loop. */
notify *notify_new(
	loop *l, const char *run_dir, const char *self, int edges, void (*on_look)(void *arg, int what), void *arg);
/* Tells in the next turn of the loop, once however often it was said in this one. */
void notify_send(notify *n, notify_what what);
void notify_free(notify *n); /* NULL-safe */
