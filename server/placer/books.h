/* books: everything the placer knows, in memory: who pays, which clusters and devices there are, what is placed.
 *
 * The engine's fleet and tree hold the numbers under handles of their own; here stand the names and keys that the
 * database knows them by. Filled at the start from the tables (load.h), kept by governance (govern.h), reports
 * (report.h, inventory.h) and decisions (decide.h). Nothing here does I/O.
 */
#pragma once
#include "base/arena.h"
#include "base/id.h"
#include "engine/budget.h"
#include "engine/digest.h"
#include "engine/market.h"
#include "engine/place.h"
#include "server/placer/booking.h"
#include "engine/history.h"
#include "engine/reserve.h"
#include "server/placer/change.h"
#include "server/placer/queue.h"
#include "server/placer/standing.h"

#define BOOKS_UNCLASSIFIED S("unclassified")
#define RANK_USUAL         S("normal")
#define HEALTH_OK          S("ok")
#define HEALTH_GONE        S("gone")

enum { BOOKS_ROOT_KEY = 1, BOOKS_RANKS_MAX = 1000, BOOKS_HALF_LIFE_S = 7 * 86400 };

typedef struct policy_terms policy_terms;

/* A tenant. */
struct payer {
	int32_t key, parent_key;
	int32_t handle; /* in the tree */
	bool is_deleted;
	str path;
	int32_t wanted_parent_key; /* it hangs there now; its totals follow in the next turn */
	int64_t reclaim_after_us;  /* use above a limit is taken back after so long; below 0: never */
	int64_t reclaim_grace_s;
	int64_t weight, weights; /* its own, and those of its children together */
	history own, all;        /* use, without and with the subtree */
	int64_t used_at_us;      /* when these were last worked out; 0: they are to be */
	int64_t used_own, used_all;
	policy_terms *policy; /* applied there (policy.h); NULL: none */
};

/* A cluster. */
typedef struct site {
	int32_t key;
	int32_t handle; /* in the fleet */
	str name;
	bool is_deleted;
	bool is_cordoned;
	bool is_open; /* accepted, and not frozen */
	bool is_frozen, is_lost;
	int64_t drain_grace_s; /* below 0: it is not drained */
	bool requeues;         /* what leaves it waits anew */
	bool is_learning;      /* the database is another one: nothing new until it has reported all it runs */
	int64_t stream_rev;
	int64_t unanswered;            /* grants that its agent should have answered by now */
	bool is_silent;                /* told of already */
	int64_t heard_us;              /* its last report; 0: none since the load */
	int64_t suspect_us, silent_us; /* since when that is noticed, and for how long it lasts (failover.h) */
	bool is_away;                  /* it was given up for now: nothing new before it is heard of */
	digest digest;                 /* of what its agent has taken over (drift.h) */
	int64_t drift_n;               /* how often it was asked to tell parts of that */
	int64_t drifted[DIGEST_BUCKETS];
	uint32_t n_drifted; /* parts that it is to tell */
	int64_t census;     /* counts whole inventories; a node's mark says in which it was seen */
	bool is_counting;   /* a whole inventory is coming in */
} site;

/* A device class, and by which product names it is known. */
typedef struct class_rule {
	int32_t handle;
	str name;
	strs patterns; /* shell globs */
	int64_t memory_mib;
	int64_t credit_rate_milli;
} class_rule;

typedef struct node_row {
	int32_t key; /* 0: no row */
	id id;
	int64_t census;
} node_row;

typedef struct device_row {
	int32_t key; /* 0: no row */
	id id;
	str product, health;
	str share_mode, geometry; /* as reported */
	const geometry *cut;      /* in its row */
} device_row;

/* A budget. */
typedef struct spend {
	str id;
	int32_t tenant_key;
	int32_t next; /* of the same tenant; FLEET_NONE ends */
	bool blocks;
	int64_t amount; /* GPU hours */
	i64s thresholds;
	int64_t told; /* the highest that was told of in this period */
	budget sums;
	int64_t stored_begin_us; /* of what was stored at the load */
	budget_sum stored;
} spend;

typedef struct spends {
	arena *a;
	vec(spend) v;
	vec(int32_t) first; /* by handle of the tree: into v, FLEET_NONE: none */
	int64_t looked_us;
} spends;

typedef struct lent lent; /* lend.h */

/* A placement that began as a pod, for a while after its end. */
typedef struct pod_mark {
	int64_t at_us;
	char id[];
} pod_mark;

typedef struct lents {
	vec(lent *) v;
	map at;        /* by tenant, model and cluster */
	map pods;      /* pod_mark, by id */
	int64_t moved; /* counts the offers of all */
	int64_t looked_us, pruned_us;
	bool is_on; /* some policy lends */
} lents;

typedef struct reservations {
	vec(reservation *) v;
	map at; /* by id */
	int64_t last_number, due_us;
	uint32_t n_held; /* that hold devices */
} reservations;

typedef struct books {
	fleet fleet;
	quota *tree;
	place *room;
	market *market; /* what is asked, and what the default policy makes of it */
	changes changes;
	map payers;            /* by key */
	map sites;             /* by key */
	vec(payer *) payer_of; /* by handle of the tree */
	vec(site *) site_of;   /* by handle of the fleet */
	vec(bool) pinned;      /* by class: the root's guarantee is a person's, not what the fleet has */
	vec(int32_t) modes;    /* share modes that some quota names (engine/charge.h) */
	vec(class_rule) rules;
	arena *rule_texts;
	vec(node_row) nodes;     /* by handle of the fleet */
	vec(device_row) devices; /* by handle of the fleet */
	map cordons;             /* "n<cluster key>/<node>", "d<cluster key>/<uuid>": kept by their text */
	arena *cordon_texts;
	map bookings; /* by id */
	queue waiting;
	bool is_walking;    /* over the waiting */
	uint64_t looked;    /* the count of changes when the walk began */
	int32_t looks_left; /* at lines, to tell positions of in this turn */
	map ranks;          /* by name */
	rank *rank_none;    /* of those whose priority is not known yet */
	history_curve curve;
	vec(int64_t) rates;  /* credit_rate_milli, by class */
	vec(booking *) held; /* by class: the latest of those that hold devices of it */
	reserve *reserve;
	vec(claim *) claims;
	reservations reservations;
	int64_t incarnation;
	int32_t last_node_key, last_device_key;
	vec(int32_t) doomed;     /* keys of nodes whose cluster is gone: the next turn deletes their rows */
	uint32_t n_avoiding;     /* at most so many wait and keep off nodes */
	bool wants_classing;     /* classes changed: devices without one are looked at again */
	bool wants_budgets;      /* tenants moved: what has ended below each budget is read again */
	bool wants_moving;       /* tenants hang elsewhere than their totals */
	vec(int32_t) moves_over; /* keys of tenants that moved and came back before their totals did */
	bool sheds;              /* some quota asks for use above its limit to be taken back */
	int64_t shed_at_us;      /* the next look for it */
	bool is_evacuating;      /* some cluster may have to be emptied (evacuate.h) */
	int64_t evacuate_at_us;
	int64_t lost_least_s; /* the shortest lost_after_s that was ever asked for (failover.h); 0: none */
	int64_t failover_at_us, failover_looked_us;
	standing standing;
	spends spends;
	lents lents;
	bool has_drift; /* some cluster is to be asked what it runs */
} books;

void books_init(books *b);
void books_done(books *b);

rank *books_rank(const books *b, str name);       /* NULL: not known */
payer *books_payer(const books *b, int32_t key);  /* NULL: not known */
site *books_site(const books *b, int32_t key);    /* NULL: not known */
booking *books_booking(const books *b, str name); /* NULL: not live */
const class_rule *books_rule(const books *b, str name);
/* The class a product name belongs to, or NULL. */
const class_rule *books_rule_of(const books *b, str product);

/* Rows for handles, made when they are not there. */
node_row *books_node(books *b, int32_t handle);
device_row *books_device(books *b, int32_t handle);

/* The node's row is deleted with the next turn; its handle and its devices' stand for no rows any more. Called before
 * the fleet lets go of them. */
void books_doom_node(books *b, int32_t node);

/* A booking enters, or leaves for good (its memory stays the caller's). */
void books_enter(books *b, booking *k);
void books_leave(books *b, booking *k);
/* Puts the booking, whose terms are known, into the queue or takes it out, as its state says. */
void books_follow(books *b, booking *k);
/* It holds what k->held says, or does not any more: the lists of who holds devices of a class follow. */
void books_hold(books *b, booking *k);
void books_unhold(books *b, booking *k);
/* What so much of a class is, in millionths of a credit. */
int64_t books_rate(const books *b, int32_t class_id, int64_t device_milli);

/* Forgets all cordons; adds one ('n' node, 'd' device); applies them to every node and device. */
void books_cordons_clear(books *b);
void books_cordon(books *b, char kind, int32_t cluster_key, str name);
void books_cordons_apply(books *b);
/* The flags of one node, or device, from its health, class, geometry and cordons. */
void books_flag_node(books *b, int32_t node, str health);
void books_flag_device(books *b, int32_t device);
/* Sets the root's guarantees to what the fleet has, unless they are pinned. */
void books_follow_capacity(books *b);
