/* borrow: what the server has lent this cluster, and what pods that were let in here use of it (engine/lease.h).
 *
 * Pure, but for the records it gives to facts. One loan per tenant and model, named as the server names it. The agent
 * that binds is the only one that spends.
 */
#pragma once
#include "agents/cluster/facts.h"
#include "api/types/agent.h"
#include "engine/lease.h"

enum { BORROW_TEXT_MAX = 600, BORROW_SESSION_OWN = 1, BORROW_SESSION_OTHER = 2 };
/* Of what must be remembered of loans where somebody else keeps that (facts_lines): some 2,000 loans. */
enum { BORROW_KEPT_BYTES = 176 << 10 };

typedef struct loan loan;
struct loan {
	char name[BORROW_TEXT_MAX + 1], tenant[BORROW_TEXT_MAX + 1], model[BOOK_ID_MAX + 1];
	lease_hold hold;
	lease_mode mode;
	int64_t offline_s;
	bool is_due;  /* a word about it is to be said */
	bool is_kept; /* there is room to remember it; else it is held, and nothing is let in out of it */
	bool is_new;  /* it was heard of after the agent began: what uses it already is to be counted */
};

typedef struct borrow borrow;
struct borrow {
	map by_name; /* loan */
	lease_self self;
	int64_t rev;       /* all offers up to here were taken in this session */
	size_t kept_max;   /* bytes of all that may be remembered; 0: any */
	uint32_t n_unkept; /* loans for which there is no room */
	bool has_new;      /* some are */
};

void borrow_init(borrow *b);
void borrow_done(borrow *b);

/* What an answer of the server says, asked for at asked_us. *ret_anew: it is of another state of the database, to which
 * all is to be told anew. True: something was taken, which is in k and is to be said once that is on disk. */
bool borrow_heard(
	borrow *b, facts *k, const sync_answer *s, str session, int64_t asked_us, int64_t now_us, bool *ret_anew);
/* A new session: all offers are asked for again. */
void borrow_session(borrow *b);

/* As facts remembers it. Of one that is nothing there is nothing to remember. */
fact_loan borrow_fact(const loan *l);
bool borrow_is_nothing(const loan *l);
void borrow_recall(borrow *b, const fact_loan *f);
/* Room is given to those that came first, and stays theirs; what others had that are nothing now goes to the next. */
void borrow_make_room(borrow *b);

loan *borrow_named(const borrow *b, str name); /* NULL: there is none */
/* The loan for a pod of that tenant on that model, NULL: none. */
loan *borrow_of(const borrow *b, str tenant, str model);
/* Lets it in. False: the server was not heard of for too long, nothing is left, or it could not be remembered. */
bool borrow_spend(borrow *b, loan *l, amounts a, int64_t now_us);
/* It is gone. */
void borrow_return(loan *l, amounts a);
/* It was there when this agent started. */
void borrow_found(loan *l, amounts a);
