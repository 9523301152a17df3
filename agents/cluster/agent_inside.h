/* agent_inside: what the files of agent share. */
#pragma once
#include "agents/cluster/admit.h"
#include "agents/cluster/agent.h"
#include "agents/cluster/borrow.h"
#include "agents/cluster/facts.h"
#include "base/id.h"

/* Pods that ended: the cluster keeps them until the agent remembers their end durably. */
typedef struct drop {
	char id[BOOK_ID_MAX + 1], fence[BOOK_FENCE_MAX + 1];
} drop;

/* A pod that nobody has let in yet. */
typedef struct pod_wait {
	char id[BOOK_ID_MAX + 1];
	bool is_told; /* the server decides about it */
	str tenant, request;
	char text[];
} pod_wait;

struct agent {
	cluster_ref cluster;
	book book;
	outbox outbox;
	facts facts;
	borrow borrow;
	place *room;
	vec(pod_wait *) waiting; /* in the order they came */
	vec(id) withdrawn;       /* pods that were wanted and are gone, until the server has stored that */
	bool is_in_touch;        /* the server answers: it may be asked about those */
	bool is_stirred;         /* something freed, or was lent: those are looked at again */
	int64_t speaks_us;       /* when the digest, and loans, are told again */
	int64_t drift_n;         /* the last question what runs that was answered */
	int64_t config_rev;      /* of the configuration that the server has */
	bool config_moved;       /* it is another than the one that was taken */
	int64_t turned_us;       /* the last turn: what is sent now was sent no earlier */
	int64_t packed_us;       /* the report under way was sent no earlier */
	int64_t packed_seq;
	int64_t told_us;       /* the server has stored a report that was sent then */
	int64_t speak_least_s; /* the shortest speak_s there was; 0: none */
	int64_t fence_least_s; /* the shortest self_fence_s there was; 0: none */
	int64_t asked_us;      /* when the sync that is under way was sent */
	vec(drop) drops;
	int64_t remember_us; /* when drops must be flushed */
	bool wants_flush;    /* with this turn */
};

/* What a call of the cluster's face tells goes to this agent. */
typedef struct agent_visit {
	agent *a;
	int64_t now_us;
} agent_visit;

/* They have ended: let go of once that is remembered. */
void agent_drop_later(agent *a, const cluster_pods *p, int64_t now_us);
/* The present state of h is told. */
void agent_tell(agent *a, const holding *h);
/* It holds nothing any more: remembered, and what it used of a loan is free. */
void agent_over(agent *a, holding *h);

/* fence.c: what ends when the server has not heard of this agent for too long. */
void fence_learn(agent *a, const holding *h);
/* The report under way is stored. */
void fence_told(agent *a);
/* How often the server must hear of us at least; 0: as usual. */
int64_t fence_speak_us(const agent *a);
void fence_look(agent *a, int64_t now_us);

/* pods.c: pods that came here, and not to the server. */
void pods_came(agent *a, const cluster_pod *p);
/* One that the cluster remembers (cluster_pods.let_in): h is what is known of it besides. */
void pods_remember(holding *h, const cluster_let_in *p, const js_list *placed);
/* Lets in what fits into what is lent; what does not is wanted of the server, when it is in touch. One flush for all
 * before they start. */
err pods_admit(agent *a, int64_t now_us, fault *f) MUST_CHECK;
/* The server has decided about it. */
void pods_decided(agent *a, str name);
/* It is gone, wherever that stood. */
void pods_left(agent *a, str name);
/* After the cluster told what it holds: what is let in and runs is used; what does not run never began. */
void pods_found(agent *a, int64_t now_us);
/* A loan that was not known until now: what was let in out of it before, as the pods say, is used. */
void pods_use_new(agent *a);
/* What a new session tells first: loans, and what was let in; then, at its end, what is wanted. */
void pods_tell_held(agent *a);
void pods_tell_wanted(agent *a);
/* All that was told is stored. */
void pods_settled(agent *a);
/* Once a minute what is held of loans is told, so that the server hears of the cluster and both mean the same. Under
 * self-fence what the server has not stored is ended when it was not heard of for too long. Returns when to look again.
 */
int64_t pods_watch(agent *a, int64_t now_us);
void pods_done(agent *a);
