/* lease: quota lent to a cluster, so that it goes on letting pods in while the server is away.
 *
 * Per tenant, model and cluster the server keeps a `lease`, the cluster a `lease_hold`. Offers go down: so much may be
 * used there in all by pods that the cluster lets in itself. Words go up: so much I hold, as of that offer. Both may be
 * lost, repeated and overtaken. A pod that the server placed spends what the server charged for it, never this.
 *
 *     server                                        cluster
 *     grow: reserved rises, commit, then offer  ──>  takes it; lets in while used + ask <= offered
 *     shrink: offer less; reserved stays        ──>  holds max(offered, used), writes, then says so
 *     reserved falls to what is held            <──  word, for the latest offer alone
 *
 * What the tree is charged for a lease is `reserved`: first as headroom, and as the earmark of each pod that the server
 * hears of. To settle after an outage moves from the one to the other and changes no total.
 *
 * After a restore of the database (another `incarnation`) the server learns: it lends nothing more until each cluster
 * has told, in the new incarnation, what it holds. A cluster that hears of a new incarnation keeps what it holds,
 * counts offers anew and tells.
 *
 * How long a cluster goes on by itself is `offline_us`, by its own clock, from when it asked for the last answer it
 * got. What comes then depends on the mode:
 *     hold        it lets nothing more in; what it was lent stays charged until it acks
 *     soft        the same there, but the server lends it anew: for use beyond a guarantee, which may be reclaimed
 *     self-fence  what the server has not stored is ended there; then, later by LEASE_MARGIN_US, the server lends it
 *                 anew
 *
 * Pure: no clock, no network. Not one rule is spare: lease_rules.def names them, a search over all orders of events
 * shows what each keeps from happening. (architecture.md section 7; governance notes, 5.5 and 5.6)
 */
#pragma once
#include "engine/share.h"

typedef enum lease_mode { LEASE_HOLD, LEASE_SOFT, LEASE_SELF_FENCE, LEASE_MODES } lease_mode;

/* Twice what clocks may drift apart over a deadline, and 30 s. */
#define LEASE_MARGIN_US ((int64_t)90 * 1000000)

/* "hold", "soft", "self-fence". */
const char *lease_mode_name(lease_mode m);
bool lease_mode_find(const char *name, uint32_t n, lease_mode *ret);

/* Down. */
typedef struct lease_offer {
	int64_t incarnation, session; /* whose state of the database; to which session of the cluster's agent */
	int64_t seq;                  /* counts the offers of this lease, from 1 */
	amounts granted;
} lease_offer;

/* Up. */
typedef struct lease_word {
	int64_t incarnation; /* that the cluster knows */
	int64_t seq;         /* of the last offer taken in it; 0: none */
	amounts granted;     /* what it holds: no less than what is used */
} lease_word;

/* The server's side. All zero: never lent. */
typedef struct lease {
	int64_t seq;      /* of the last offer; 0: none */
	amounts granted;  /* what that offers */
	amounts reserved; /* what the cluster may hold at most: what is charged */
	bool is_learning; /* nobody has heard yet, since a restore, what it holds */
} lease;

/* What more would be charged if `granted` were offered: the tree is asked for it before. */
amounts lease_growth(const lease *l, amounts granted);
/* Whether a lease may grow, when one of the leases, or a cluster, is learning. */
bool lease_may_grow(bool is_anyone_learning);
/* Makes the next offer, a larger or a smaller one. It is sent when it is committed. */
void lease_make_offer(lease *l, amounts granted);
/* What a cluster said, to a server whose database is `incarnation`. Whether `l` has changed. */
bool lease_hear(lease *l, int64_t incarnation, const lease_word *w);
/* The cluster's word is of an offer that was never made here: this database is older than it looks. Then it is to be
 * put to learning. */
bool lease_is_ahead(const lease *l, int64_t incarnation, const lease_word *w);
/* The database was restored: what the cluster holds is not known. */
void lease_forget(lease *l);
/* Whether what a silent cluster was lent may be lent anew: heard_us and now_us by the server's clock. */
bool lease_may_reclaim(lease_mode m, int64_t heard_us, int64_t now_us, int64_t offline_us);
/* Takes back all but what is `settled`: what the server has heard of and booked. An offer of that is made. */
void lease_reclaim(lease *l, amounts settled);
/* The part of what is charged that no pod is known for. */
amounts lease_headroom(const lease *l, amounts settled);

/* The cluster's side. What it knows of the server and of itself: */
typedef struct lease_self {
	int64_t incarnation; /* 0: none seen */
	int64_t session;     /* another one after each loss of its memory */
	int64_t asked_us;    /* when it asked for the last answer that it got */
} lease_self;

/* One lease. All zero: nothing was lent. */
typedef struct lease_hold {
	int64_t seq; /* of the last offer taken in this incarnation */
	amounts offered;
	amounts used;    /* by all pods that were let in here */
	int64_t version; /* of this counter: another one after each change */
} lease_hold;

/* An answer came, for which the cluster asked at asked_us. It carries the latest offers, which are taken in the same
 * step. */
void lease_answered(lease_self *s, int64_t asked_us, int64_t now_us);
/* Whether the answer is of a newer state of the database, which is known from now on: then lease_begin_anew for every
 * hold, and words about all of them. */
bool lease_meets(lease_self *s, int64_t incarnation, int64_t session);
void lease_begin_anew(lease_hold *h);
/* Takes the offer. False: it does not count. What is taken is written to disk, then told (lease_say). */
bool lease_take(lease_hold *h, const lease_self *s, const lease_offer *o);
lease_word lease_say(const lease_hold *h, const lease_self *s);
/* Whether anything may be let in at now_us, by the cluster's clock. */
bool lease_is_open(const lease_self *s, int64_t now_us, int64_t offline_us);
/* Lets a pod in: `stored` is the one counter of the cluster, `seen` what the caller knows of it (or the same). False:
 * it does not fit, or the counter has changed since. The pod is bound when the counter is on disk. */
bool lease_spend(lease_hold *stored, const lease_hold *seen, amounts ask);
/* A pod that was let in is gone: what it used is free again, or falls under a smaller offer and is to be told. */
void lease_return(lease_hold *h, amounts a);
/* The deadline of self-fence is over: nothing is lent any more beyond `settled`, which the server has said it stored.
 * The caller ends what is used beyond that, at once. */
void lease_fence(lease_hold *h, amounts settled);
