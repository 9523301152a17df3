/* realm: a small world for the placer: tenants, quotas, two clusters with devices, and hands to put things in its
 * inbox.
 *
 * Tenants: a (limit 24 h100), a/b, a/c, d. Clusters: c1 with 4 nodes of 4 h100-80g, c2 with 2 nodes of 2 l40s.
 */
#pragma once
#include "pg/pg.h"
#include "server/placer/placer.h"

typedef struct realm {
	loop *l;
	const char *dsn; /* straight to the server */
	PGconn *pg;
	placer *placer;
	placer_options options;
	bool has_ended;
	int status;
	int64_t commits;
	int placed; /* requests put in so far */
} realm;

/* A database with all that; no placer yet. through: the placer's connection string, NULL: straight. */
void realm_open(realm *r, const char *name, const char *through);
void realm_close(realm *r);
/* Starts a placer (the one before is gone) and waits until it serves. */
void realm_start(realm *r);
void realm_stop(realm *r);

void realm_do(realm *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int64_t realm_int(realm *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *realm_text(realm *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts a request in; its id is plc_<number>, the number returned. body holds its members but the tenant. */
int realm_place(realm *r, const char *tenant, const char *body);
void realm_release(realm *r, int number);
/* A report of cluster `name` with these items. */
void realm_report(realm *r, const char *cluster, const char *items);
/* One step of a placement at its present fence. */
void realm_step(realm *r, int number, const char *state);
const char *realm_state(realm *r, int number);
/* Governance: a statement, and its record in the chain. */
void realm_govern(realm *r, const char *kind, const char *sql);

/* Runs the loop until the inbox is empty and nothing was committed for a moment. */
void realm_settle(realm *r);
void realm_run_for(realm *r, int64_t us);
/* The same, and until all that is told of the tree (loans, conditions) has been: the placer rests between, the longer
 * the more that cost, so that no time is long enough on every machine. */
void realm_tell(realm *r);

/* What is wrong with the books, the chain, the streams or the segments; NULL: nothing. */
const char *realm_check(realm *r);
/* The same, without a look at everything that ever was. */
const char *realm_check_now(realm *r);
