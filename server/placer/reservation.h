/* reservation: devices that were promised to a tenant for a time.
 *
 * It is pending until devices are found that nothing will use when its window begins (they are free, or what runs there
 * says that it ends before), and until its tenant may be promised so much (engine/quota_promise.h). From then on it is
 * held, as a hold of engine/reserve: only work that ends before the window begins may still go there. While the window
 * runs it is active: what of it nobody uses is charged to its tenant, and placements that name it, of the tenant or of
 * one below it, go to its devices and nowhere else. When the window is over, or it is deleted, what runs in it is told
 * to go, and what waits for it ends.
 *
 * What is held is a row of reservation_hold: another placer holds the same devices. Of a device that has left another
 * is looked for, unless somebody is in already; what is missing is told as blockers.
 */
#pragma once
#include "db/sql.h"
#include "server/placer/request.h"
#include "server/placer/turn.h"

enum {
	RESERVATIONS_MAX = 512,   /* that hold devices at once */
	RESERVATION_LOOK_S = 10,  /* they are looked at so often at least */
	RESERVATION_AGAIN_S = 1,  /* one that is pending, if anything has changed */
	RESERVATION_RUNS = 20000, /* whose ends are looked at in one search */
};

typedef enum reservation_state {
	RESERVATION_PENDING,
	RESERVATION_HELD,
	RESERVATION_ACTIVE,
	RESERVATION_ENDED,
	RESERVATION_STATES
} reservation_state;

struct reservation {
	/* As it was asked for. */
	arena *texts;
	str id, cluster, class_name; /* absent: any */
	strs uuids;
	int32_t tenant_key;
	int64_t starts_us, ends_us, count, per_node;
	int64_t memory_mib;    /* 0: the whole device's */
	int64_t compute_milli; /* below 0: not named */

	reservation_state state;
	plan whole;     /* what was promised; empty while pending */
	int32_t wanted; /* devices; fewer in `whole`: some have left */
	int32_t hold;   /* of engine/reserve: what of `whole` nobody uses; FLEET_NONE: nothing */
	int64_t number; /* below 0: its owner there */
	amounts unused;
	vec(booking *) members; /* what runs in it */
	str placed, blockers;   /* JSON, on the heap; absent: empty lists */
	bool is_over;           /* deleted */
	bool is_told, is_news;  /* in the turn's list; and its state is another, which is a record */
	bool is_seen;           /* by the load at hand */
	uint64_t tried;         /* the count of changes at the last search */
	int64_t tried_us;       /* 0: never */
};

const char *reservation_state_name(reservation_state s);

/* All that are not over, in the place of those that were: what is new is added, what is missing was deleted. Behind
 * the placements. */
void reservations_load(books *b, const sql_load_reservations_row *rows, uint32_t n);
/* Nothing is held any more, and none is known: for books that follow others. */
void reservations_forget(books *b);
void reservations_done(books *b); /* the books end */

bool reservations_are_due(const books *b, int64_t now_us);
void reservations_review(turn *t, books *b);

/* The one that a placement of the tenant may name; NULL: there is none of that id, its name, for it. */
reservation *reservation_named(const books *b, int32_t tenant_key, str name);
/* Narrows what is asked to the devices of the reservation. False: it cannot be used now, and r says why. */
bool reservation_narrow(const books *b, int32_t tenant_key, str name, request_ask *w, arena *a, reasons *r);
/* For a search: whose holds do not bind, and how long work may run at most (0: open). */
int64_t reservation_owner(const reservation *x);
int64_t reservation_runtime_s(const reservation *x, int64_t now_us, int64_t asked_s);
/* After a refusal: whether it would fit but for what is reserved. Then the blocker that says so is added. */
void reservation_blame(books *b, int32_t tenant, const ask *a, reasons *r);

/* The placement got devices; it gave them back. Nothing unless it names a reservation. */
void reservation_took(turn *t, books *b, booking *k);
void reservation_gave(turn *t, books *b, booking *k);
/* A turn was taken back: who is in what follows the placements again. */
void reservations_restore(books *b);
/* Takes what reservations are charged off the tree, or puts it on again: while tenants move. */
void reservations_charge(books *b, bool takes);
