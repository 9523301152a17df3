/* agent: the core of a cluster's agent, between the server's messages and its cluster.
 *
 * It takes bodies and times and gives bodies back; who carries them is link.h. Orders of a sync answer are applied in
 * order and without gaps, made durable in the cluster and then in the agent's own memory, and only after that the next
 * sync may tell the new revision. What the cluster does becomes steps and usage of the next report.
 *
 * An error of agent_apply other than of the message itself, and any error of agent_turn, means that the disk failed:
 * the process must end, since what it would tell is not durable. A restart finds the truth again.
 */
#pragma once
#include "agents/cluster/cluster.h"
#include "agents/cluster/outbox.h"

enum {
	AGENT_INVENTORY_NODES = 200, /* of one report item */
	AGENT_REMEMBER_US = 200000,  /* how long an end may wait for its fsync; the cluster keeps it meanwhile */
};

typedef struct agent agent;

/* What one sync answer led to, for the log. */
typedef struct agent_news {
	int64_t n_changes, n_accepted, n_refused, n_stopped;
	int64_t n_repeated;   /* at or below the applied revision */
	int64_t n_not_known;  /* actions of a newer server */
	int64_t n_unkept;     /* loans that it cannot remember, and lets nothing in out of (borrow.h) */
	bool is_gap;          /* a revision was missing: nothing from there on was applied */
	bool is_new_database; /* another incarnation, or fewer changes than are known; a session was begun */
} agent_news;

/* Reads the agent's memory at facts_path, then what the cluster holds, and begins a session. */
err agent_open(
	cluster_ref c, const char *facts_path, const char *version, int64_t now_us, agent **ret, fault *f) MUST_CHECK;
/* The same, where the cluster keeps that memory: `kept` is what agent_keep wrote, absent at first. */
err agent_open_kept(cluster_ref c, str kept, const char *version, int64_t now_us, agent **ret, fault *f) MUST_CHECK;
/* The memory that must outlive the agent, as lines of text, in mem. */
strs agent_keep(const agent *a, arena *mem);
void agent_close(agent *a); /* NULL-safe; flush first */

/* A new session: inventory, what runs, and the steps of every placement, whole. */
void agent_session(agent *a, int64_t now_us);
/* Reads the cluster's nodes again and begins a session. */
void agent_refresh(agent *a, int64_t now_us);

/* The body of the next sync. */
str agent_sync_body(agent *a, arena *mem, int64_t wait_ms);
/* That sync is sent now: what its answer lends counts from here on. */
void agent_asks(agent *a, int64_t now_us);
/* The server does not answer: pods that fit into nothing lent wait until it does. */
void agent_lost(agent *a);
/* The answer to it. ERR_IO or ERR_LIMIT: the disk failed. Another error: the message made no sense, from `f`'s place on
 * nothing was applied. */
err agent_apply(agent *a, str body, int64_t now_us, agent_news *ret, fault *f) MUST_CHECK;

/* Whether all that the next message would tell is durable. */
bool agent_is_kept(const agent *a);

/* The report to send, or absent; the same until it is answered or a session begins. */
str agent_report(agent *a);
/* The answer to it; *ret_restarted: a new session was begun. */
err agent_answered(agent *a, str body, int64_t now_us, bool *ret_restarted, fault *f) MUST_CHECK;

/* Lets the cluster tell what happened until now_us. *ret_next_us: when to call again at the latest (CLUSTER_NEVER). */
err agent_turn(agent *a, int64_t now_us, int64_t *ret_next_us, fault *f) MUST_CHECK;
/* Makes everything durable now. */
err agent_flush(agent *a, fault *f) MUST_CHECK;

/* What a pod would be let in out of, when the cluster's own scheduler finds its place. */
typedef enum agent_purse {
	PURSE_OPEN,
	PURSE_NONE,   /* nothing of that model is lent to that tenant */
	PURSE_EMPTY,  /* too little of it is left */
	PURSE_UNKEPT, /* more is lent here than the agent can remember */
	PURSE_SHUT,   /* the server was not heard of for too long */
} agent_purse;
agent_purse agent_look(const agent *a, str tenant, str model, amounts charge, int64_t now_us);
/* Spends it: *ret_loan names the loan. False: see agent_look. */
bool agent_spend(agent *a, str tenant, str model, amounts charge, int64_t now_us, str *ret_loan);
/* It was spent before this agent stood. */
void agent_spent(agent *a, str loan, amounts charge);
/* The bind came to nothing. */
void agent_unspend(agent *a, str loan, amounts charge);
/* The fence of what is let in now. */
void agent_fence(const agent *a, char out[BOOK_FENCE_MAX + 1]);
/* The server answers; and whether anything was heard that makes another look at what waits worth it: other than
 * before. */
bool agent_is_in_touch(const agent *a);
uint64_t agent_purses(const agent *a, int64_t now_us);
/* A pod that was paid for is bound: from now on it is a placement, and is told. Of one that is known already nothing
 * changes. is_paid: agent_spend took its charge. */
typedef struct agent_entry {
	str id, fence;
	cluster_let_in let_in;
	js_list placed; /* of placed_pod */
	bool is_paid;
} agent_entry;
void agent_let_in(agent *a, const agent_entry *e, int64_t now_us);

/* The cluster's clock when the real one says real_us, and how long in real time so much of it is. */
int64_t agent_now_us(const agent *a, int64_t real_us);
int64_t agent_real_us(const agent *a, int64_t delay_us);
const borrow *agent_borrow(const agent *a);
uint32_t agent_waiting(const agent *a); /* pods that nobody has let in */
const char *agent_session_id(const agent *a);
int64_t agent_rev(const agent *a);
const book *agent_book(const agent *a);
const outbox *agent_outbox(const agent *a);
