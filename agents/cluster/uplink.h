/* uplink: the agent's way to the server: a held sync, one report at a time, and the clock's turns between them.
 *
 * Losing the server stops nothing: both calls are tried again with backoff for as long as it takes, and what happens
 * meanwhile waits in the outbox. The first report of a session goes before the first sync, so that the server knows the
 * session. State changes are logged here; the core below knows neither network nor log.
 */
#pragma once
#include "agents/cluster/agent.h"
#include "agents/cluster/home.h"
#include "net/loop.h"

enum {
	UPLINK_WAIT_MS = 25000, /* how long a sync is held */
	UPLINK_WAIT_MIN_MS = 100,
	UPLINK_SYNC_TIMEOUT_MS = 40000, /* past it the server counts as lost */
	UPLINK_REPORT_TIMEOUT_MS = 30000,
	UPLINK_GRACE_MS = 2000,       /* at the end, for the last report */
	UPLINK_TURN_MIN_US = 5000,    /* news that come closer together are told together */
	UPLINK_SYNC_MIN_US = 10000,   /* between two syncs: changes that come closer together are fetched together */
	UPLINK_QUIET_MIN_US = 100000, /* between two syncs that brought nothing, when the server does not hold them */
};

typedef struct uplink uplink;

typedef struct uplink_config {
	loop *loop;
	agent *agent;
	const home *home;
	const char *server; /* "https://host:port" */
	const char *ca_file;
	const char *version;
	/* It has come to its end: after uplink_stop, or because the disk failed (is_failure). Once. */
	void (*on_end)(void *arg, bool is_failure);
	void *arg;
} uplink_config;

/* Begins at once. Everything in c must outlive it. */
uplink *uplink_open(const uplink_config *c);
/* Takes a new certificate into use. */
void uplink_reconnect(uplink *u);
/* Something was added to the agent from outside: look at once. */
void uplink_kick(uplink *u);
/* The cluster has something to tell: it is asked in a moment, however often this is said until then. */
void uplink_stir(uplink *u);
/* Tells what is left, for at most UPLINK_GRACE_MS, makes everything durable, then on_end. */
void uplink_stop(uplink *u);
/* Tells and keeps nothing more, then on_end as a failure. */
void uplink_halt(uplink *u);
/* After on_end only. */
void uplink_close(uplink *u);
