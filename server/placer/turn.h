/* turn: what one batch changes, so that it can be written down, or taken back.
 *
 * A turn begins with the books as they are committed. Every placement that changes in it is touched first, which keeps
 * how it was; plans are taken and given back through it, which sums up what the totals move by. At the end the turn
 * becomes rows (rows.h). Committed: turn_keep, and what ended leaves memory. Not committed: turn_undo, and the books
 * are exactly as before. A turn that took inventory in cannot be undone (can_undo is false): then the books are built
 * anew.
 */
#pragma once
#include "server/placer/books.h"

/* One placement that changed. */
typedef struct touch {
	booking *b;
	booking_state before;
	plan held_before;
	bool is_new;
	bool is_stale; /* has a plan of its own, or none: held_before is what it was */
	str actor;     /* who caused the last change */
	str blockers;  /* JSON, of one that waits or was rejected */
} touch;

/* What a stored total moves by. */
typedef struct turn_sum {
	int32_t key;      /* of the node, device or tenant */
	int32_t class_id; /* tenants: of which model */
	int64_t v[3];
	int64_t grown[3]; /* tenants: what was added, without what was given back: caps judge this */
} turn_sum;

typedef struct turn_sums {
	vec(turn_sum) v;
	map at; /* key -> index + 1 in v */
} turn_sums;

/* What a tenant's own placements hold on a cluster moves by. */
typedef struct turn_escrow {
	int32_t tenant_key, cluster, model; /* handles, but the tenant */
	amounts by;
} turn_escrow;

typedef struct turn_segment {
	str placement, class_name;
	int64_t fence_no, devices, started_at_us;
	int32_t tenant_key, cluster_key;
	amounts charge;
} turn_segment;

typedef struct turn_close {
	str placement;
	int64_t fence_no, ended_at_us;
} turn_close;

typedef struct turn_node {
	int32_t key, cluster_key, rank;
	str id, name, labels, health, taints, links;
	int64_t cpu_milli, memory_mib, pods;
} turn_node;

typedef struct turn_device {
	int32_t key, node_key, cluster_key;
	str id, uuid, class_name, product, health;
	str share_mode, geometry, cut;
	int64_t index, memory_mib, compute_milli, slots, slots_given, numa;
} turn_device;

/* One that comes back in the same turn, under its name in the cluster, gets its old row. */
typedef struct turn_gone {
	int32_t key, cluster_key;
	id id;
	str name;
} turn_gone;

/* A row of the inbox that is put aside. */
typedef struct turn_aside {
	int64_t seq; /* 0: none */
	str kind, object, why;
} turn_aside;

/* One that waits for the same as before, whose blockers' numbers have moved. */
typedef struct turn_retold {
	str placement, blockers;
} turn_retold;

/* What was found out about one that waits. */
typedef struct turn_hint {
	booking *of;
	int64_t position, ahead_others; /* 0, below 0: not known */
	str ahead_own, quota, changes;  /* JSON lists */
} turn_hint;

/* A tenant's rate of use changes with this turn. */
typedef struct turn_use {
	int32_t tenant_key;
	int64_t rate, at_us; /* millionths of a credit */
} turn_use;
/* Work that ended, as budgets count it. */
typedef struct turn_spent {
	int32_t tenant; /* of the tree */
	int64_t rate, start_us, at_us;
} turn_spent;

/* What an agent sums up. */
typedef struct turn_digest {
	site *site;
	str text;
} turn_digest;

/* A placement that began as a pod. */
typedef struct turn_pod {
	str placement;
	int32_t tenant_key;
	bool is_lent;
} turn_pod;

/* A threshold of a budget that was crossed. */
typedef struct turn_crossing {
	str id;
	int32_t tenant_key;
	int64_t percent, spent_milli, amount, begin_us;
} turn_crossing;

typedef struct turn {
	arena *a; /* of texts and rows; ends with the turn */
	int64_t now_us;
	bool cannot_undo, has_inventory;
	bool has_standing; /* b->standing looked at a model, and there is something to write */
	vec(turn_spent) spent;
	vec(turn_crossing) crossed;
	vec(int32_t) moved; /* keys of tenants whose totals follow them: nothing grows in such a turn */
	vec(touch) touches;
	turn_sums node_sums, device_sums, tenant_sums;
	vec(turn_escrow) escrows;
	map escrow_at; /* tenant, model and cluster -> index + 1 in escrows */
	vec(turn_segment) opened;
	vec(turn_close) closed;
	vec(turn_node) nodes;
	vec(turn_device) devices;
	map node_at, device_at;                    /* key -> index + 1 in nodes, devices */
	vec(turn_gone) nodes_gone, devices_gone;   /* their rows are deleted */
	vec(int32_t) nodes_marked, devices_marked; /* handles: still booked; if gone at the end, their health says so */
	vec(int32_t) learned;  /* keys of clusters that began to learn, or ended it: the last counts */
	vec(int64_t) consumed; /* of the inbox */
	vec(turn_retold) retold;
	vec(turn_use) uses;
	vec(turn_hint) hints;
	vec(str) unhinted;           /* ids: these do not wait any more */
	vec(booking *) claimed;      /* room is held for them from this turn on */
	vec(str) unclaimed;          /* ids: not any more */
	vec(booking *) evicted;      /* told to make room */
	vec(str) departed;           /* ids: they have */
	vec(reservation *) reserved; /* that changed */
	vec(str) unreserved;         /* ids: they are written down no more */
	vec(lent *) lents;           /* that changed */
	vec(turn_pod) pods;          /* began as pods */
	vec(str) pods_gone;          /* ids: no cluster tells of these any more */
	vec(turn_digest) digests;
	vec(site *) drifted; /* to be asked what they run */
	bool has_searched;   /* for victims: that is done once a turn */
	int32_t evictions;
	int64_t evicted_milli, evicted_for_milli;
	turn_aside aside;
	int32_t refusals, unknown_slices;
} turn;

void turn_init(turn *t);
void turn_begin(turn *t, int64_t now_us); /* empty */
void turn_done(turn *t);
bool turn_is_empty(const turn *t);
bool turn_can_undo(const turn *t);

/* The placement is about to change, for `actor`'s sake (lives as long as the turn). Pointers to touches end at the next
 * call. */
touch *turn_touch(turn *t, booking *k, str actor);
/* A new one, which enters the books with it. */
touch *turn_add(turn *t, books *b, booking *k, str actor);
touch *turn_of(turn *t, const booking *k); /* NULL: not touched */

/* The texts of a touched placement; empty: none. */
void turn_reason(turn *t, booking *k, str reason);
void turn_placed(turn *t, booking *k, str json);
/* The placement, touched and holding nothing, holds k->held, which is booked and charged already. */
void turn_took(turn *t, books *b, booking *k);
/* Gives back all that the touched placement holds. */
void turn_give(turn *t, books *b, booking *k);

/* All that a tenant's subtree has of a class or share mode counts no longer at `from` and its ancestors, but at `to`
 * and its. */
void turn_move(turn *t, const books *b, int32_t from, int32_t to, int32_t number, amounts use);

/* The totals of the tenant and those above move; grown: the part that caps judge. */
void turn_charge(turn *t, const books *b, int32_t tenant, int32_t number, amounts by, amounts grown);

/* Rows of the inventory; the latest of a key counts. */
void turn_node_put(turn *t, turn_node n);
void turn_device_put(turn *t, turn_device d);

/* The turn is committed: what ended leaves the books. */
void turn_keep(turn *t, books *b);
/* Takes everything back. Asserts that it can be. */
void turn_undo(turn *t, books *b);
