/* real_inside: what the files of real share. */
#pragma once
#include "agents/kube/kube_write.h"
#include "agents/real/events.h"
#include "agents/real/ledger.h"
#include "agents/real/names.h"
#include "agents/real/real.h"
#include "agents/real/receipt.h"
#include "agents/real/roster.h"
#include "agents/real/works.h"

/* How full the ledger is, in bytes of its text; and what each kind of entry leaves free of it for those that matter
 * more: a pod of which the server is not asked yet waits, an order that is refused comes again, a bind is tried again.
 */
typedef enum ledger_kind { LEDGER_ASKED, LEDGER_ORDER, LEDGER_BIND } ledger_kind;
typedef struct ledger_room {
	size_t written; /* of the last text */
	size_t added;   /* since */
	bool is_less;   /* something went since */
} ledger_room;

/* How many of a tenant's waiting pods the server was asked about. */
typedef struct asked_row {
	uint32_t n, tenant_n;
	char tenant[];
} asked_row;

/* What the pods that were waked in this round would be charged, of one class. */
typedef struct waked_row {
	amounts sum;
	uint32_t model_n;
	char model[];
} waked_row;

typedef struct wait_row wait_row;

/* Waiting pods that something happens to together: those of a tenant, or those that claim one placement. */
typedef struct wait_group {
	vec(wait_row *) rows;
	uint32_t at;      /* the row that is looked at next */
	uint32_t left;    /* of this round; 0: none goes on */
	uint32_t held;    /* of it were held back, as what is lent does not pay for them now */
	uint32_t held_at; /* the first of those */
	int64_t began_us; /* the last round */
	int64_t due_us;   /* the next; CLUSTER_NEVER: nothing has happened */
	uint64_t purses;  /* what its tenant was lent when that was looked at last */
	map waked;        /* waked_row, by model */
	bool is_short;    /* there was no room to ask the server about one */
	uint32_t name_n;
	char name[]; /* of tenant or placement; "": not known */
} wait_group;

/* A pod that waits for a node. */
struct wait_row {
	id name;             /* of its placement, when it came by itself */
	asked_row *asked_of; /* where it is counted; NULL: nowhere */
	bool is_asked;       /* of the server, now or by an agent before: only its order lets the pod in from then on */
	bool is_told;        /* the core has it */
	bool was_refused;
	uint64_t *full; /* a bit per node: the scheduler would take it, and others would have to go; NULL: not asked */
	uint64_t full_at; /* rank_moves of the fleet then: handles may mean other nodes later */
	int64_t full_us;  /* since when */
	char *denied;     /* why the server will not place it; NULL: it may */
	wait_group *group;
	uint32_t group_at; /* its place there */
	uint32_t fresh_at; /* its place in real.fresh, from 1; 0: it is not there */
	uint32_t uid_n;
	char uid[];
};

/* A bind that was decided, until its outcome was seen. */
typedef struct bind_row {
	char *uid, *space, *pod, *node, *receipt;
	receipt r;       /* its words; points into receipt */
	bool is_ordered; /* it takes a seat of a placement that the server ordered */
	char *request, *placed;
	stock_share *shares;
	uint32_t n_shares;
	char *uuids;
	int64_t number;       /* of the ledger's text that has it */
	int64_t inherited_us; /* an agent before us paid it, and we acted from then on; 0: ours */
	void (*on_paid)(void *deed, bool is_paid);
	void *deed;
} bind_row;

typedef struct yield_victim {
	char *uid, *space, *pod;
	int64_t asked_us;
	bool is_going; /* the API server has taken its eviction, or it is gone */
} yield_victim;

/* A waiting pod to which others yield, and what is kept for it from the first of them until it starts or gives up. */
typedef struct yield_row {
	seat place; /* of the pod: uid, space, pod, node, shares */
	yield_victim *victims;
	uint32_t n;
	int64_t number;    /* of the ledger's text that has it */
	int64_t begun_us;  /* 0: not looked at yet */
	bool is_lifted;    /* not booked: the pod is being bound in its place */
	bool is_nominated; /* by the scheduler, whose victims go: none is asked by us */
} yield_row;

/* Usage that the core has not heard of. */
typedef struct usage_row {
	real_usage v;
	char *id, *fence;
	bool is_repeat; /* an agent before may have told it */
} usage_row;

/* What the server said of the cluster's namespaces counts from now on. */
void real_spaces_tell(real *r);

struct real {
	real_spec spec;
	uint8_t public_key[SIGNATURE_KEY];
	mirror *mirror;
	const quotas *quotas; /* NULL: none */
	vault *vault;
	agent *agent; /* NULL: another one acts, or nobody yet */
	roster roster;
	models models;
	works works;
	map waits;       /* wait_row, by uid */
	map waits_named; /* the same, by the placement's id */
	map binds;       /* bind_row, by uid */
	map yields;      /* yield_row, by uid */
	events *events;
	ledger_room room;
	int64_t flushed;       /* the ledger's text that the last flush wanted */
	int64_t sweep_us;      /* when time alone is looked at next */
	int64_t config_us;     /* when the server is asked anew what products are */
	uint32_t n_classes;    /* of the stock, when nodes were told last */
	uint64_t loans;        /* what the loans were like when that was looked at last */
	map groups;            /* wait_group, by name */
	uint32_t group_at;     /* the slot of the next one's turn */
	vec(wait_row *) fresh; /* something happened to these alone */
	int64_t slow_us;       /* when all are looked at whatever happened */
	int64_t full_us;       /* a waiting pod found no room since then, and is to be looked at; 0: none */
	int64_t wakes_us;      /* since when wakes are counted */
	uint32_t wakes;
	uint64_t looks;    /* waiting pods that were looked at, ever */
	map asked;         /* asked_row, by tenant */
	bool lacks_config; /* the server said of namespaces what is not known here */
	bool is_scanning;  /* there are more to be looked at now */
	bool is_stirred;   /* all are to be */
	bool is_roomy;     /* the ledger has room for more that are asked about */
	bool is_unknown;   /* there was a product without a class when the server was to be asked last */
	int32_t misses;    /* how often the server was asked what a product is and did not say */
	strs kept;         /* the last agent's memory, until there is one that acts */
	arena *kept_arena;
	vec(usage_row) usages;
	vec(id) gone;     /* waiting pods that were told and are no more */
	vec(char *) left; /* their uids, until the server has stored that */
	map foreign;      /* bound pods with devices and without a receipt, by uid (adopt.c) */
};

void real_stir(real *r);
/* The ledger is to say what is so now. */
void real_write(real *r);
/* Whether so many bytes more of that kind may stand in the ledger: then they count. */
bool ledger_fits(real *r, ledger_kind kind, size_t bytes);
/* Bytes that entries of that kind may still take there. */
size_t ledger_left(const real *r, ledger_kind kind);
/* Bytes that these take there. */
size_t ledger_shares_bytes(uint32_t n);

/* Seats as the server ordered them; and their devices, kept free until pods take them. */
void seats_fill(real *r, work *w, const js_list *placed, arena *a);
void seats_hold(real *r, const work *w);

/* desk.c */
/* What stands in the way of the pod, or where it must go; the classes of q that nothing is lent of are left out. */
typedef enum desk_word {
	DESK_OPEN,    /* out of what is lent */
	DESK_ORDERED, /* to its seat */
	DESK_WANT,    /* the server is to decide */
	DESK_NO,      /* neither: a person has to do something */
	DESK_UNSEEN,  /* nobody acts here: its devices alone count */
} desk_word;
typedef struct desk_answer {
	desk_word word;
	const char *why; /* WANT, NO; in the arena */
	work *work;      /* ORDERED */
	seat *seat;
	str tenant;
} desk_answer;
desk_answer desk_look(real *r, const pod *p, pod_ask *q, int64_t now_us, arena *a);
/* The fence of a placement out of the number that nodes are told (agents/plan_record.h). */
str fence_text(int64_t number, arena *a);
/* Whether what is lent pays for the pod beside those of its group that were waked before it in this round; then it
 * counts as one of them. q as desk_look left it. */
bool desk_wakes(real *r, wait_group *g, const pod_ask *q, str tenant, int64_t now_us);
/* A list of placed_pod as JSON. */
str placed_print(const js_list *placed, arena *a);
bind_row *bind_find(const real *r, str uid);
bind_row *bind_add(real *r, str uid, str space, str name, str node, str text, bool is_signed_here);
void bind_shares(bind_row *b, const stock_share *shares, uint32_t n);
void bind_drop(real *r, bind_row *b);
/* Its pod is bound: it takes its seat, and the core is told. */
void bind_landed(real *r, bind_row *b, int64_t now_us);
/* It came to nothing: all is given back. */
void bind_failed(real *r, bind_row *b);
/* A seat's devices are kept free, or given up. */
void seat_hold(real *r, const work *w, const seat *s);
void seat_free(real *r, const work *w, const seat *s);

/* seen.c */
void seen_pod(void *real, const pod *p, str text);
void seen_pod_gone(void *real, const object_meta *m);
/* Where the stock says that the seat's pod stands: as the server is told of it. */
js_list seat_placed(real *r, const seat *s, arena *a);
/* The same as a pod that was let in, by its receipt and what it holds. */
agent_entry seat_entry(real *r, const work *w, const seat *s, const receipt *t, arena *a);

/* waits.c */
void waits_put(real *r, str uid);
void waits_drop(real *r, str uid);
/* An agent before asked the server about it. */
void waits_inherit(real *r, str uid);
void waits_deny(real *r, str uid, str why);
/* All that was told is stored. */
void waits_settled(real *r);
void waits_done(real *r);
/* Whether the tenant has room in the ledger for one more of which the server is asked; and it is taken. */
bool waits_may_ask(const real *r, str tenant);
bool waits_asked(real *r, wait_row *w, str tenant);
/* The waiting pod of that placement, or an absent text. */
str waits_of(const real *r, str name);

void wait_full_drop(wait_row *w);

/* rounds.c: a waiting pod is looked at when something happens to it or its group, and once in a while. */
/* The next ones are: which of them the server is to decide about. When others are to be. */
int64_t waits_look(real *r, const cluster_events *e, int64_t now_us);
/* The scheduler is to look at the pod again. */
void wait_wake(real *r, const pod *p, str word);
void rounds_join(real *r, wait_row *w);
void rounds_leave(real *r, wait_row *w);
/* It is to be looked at with the next turn. */
void rounds_fresh(real *r, wait_row *w);
/* Those that claim that placement are. */
void rounds_claimed(real *r, str name);
void rounds_done(real *r);

/* yields.c */
/* For the extender's gate: what filter found full for a waiting pod. */
void yields_full(void *real, const pod *p, const int32_t *nodes, uint32_t n);
/* Who yields to the waiting pod, whose request is q, is chosen when there is room nowhere; and what the scheduler's own
 * victims leave to it is kept. */
void yields_look(real *r, wait_row *w, const pod *p, const pod_ask *q, int64_t now_us, arena *a);
/* Victims are asked to go, once the ledger has them. */
void yields_sweep(real *r, int64_t now_us);
/* What is booked for that pod; NULL: nothing. For a bind it is lifted, and comes back when that fails. */
const plan *yields_kept(const real *r, str uid);
void yields_lift(real *r, str uid);
void yields_back(real *r, str uid);
void yields_drop(real *r, str uid);
void yields_done(real *r);
js_list yields_keep(const real *r, arena *a);
void yield_inherit(real *r, const ledger_yield *from);
js_list shares_keep(const stock_share *v, uint32_t n, arena *a);
stock_share *shares_of(const js_list *of, arena *a);

/* The pod takes the seat that the receipt names; NULL: it is not there for it. */
typedef struct seen_at {
	const object_meta *of;
	str node, priority; /* priority: PriorityClass; empty: none */
	seat_state state;
	int64_t started_us;
} seen_at;
work *seen_take(real *r, const receipt *t, const seen_at *p, int64_t now_us, seat **ret_seat);

/* adopt.c */
/* A bound pod bears no receipt, or not the one that it got. */
void foreign_put(real *r, const pod *p, seat_state state);
/* Those that bear a plan of ours are taken up by that, before all that runs is listed. */
void foreign_take(real *r);
void foreign_drop(real *r, str uid);
/* Some of them get a receipt, and are told when the API server tells of it. */
void foreign_adopt(real *r, int64_t now_us);
void foreign_done(real *r);

/* used.c */
void used_tell(real *r, const cluster_events *e);
void used_done(real *r);

/* stop.c */
/* Its pods are asked to go. */
void stop_go(real *r, work *w, int64_t now_us);
