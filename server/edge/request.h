/* request: one call of a client, as a small machine of named steps.
 *
 * A step is a function that never blocks and does exactly one thing at its end: name the next step (step_next), park
 * until somebody it asked answers (request_fetch, request_write, request_park, ...), or end with an answer
 * (request_reply, request_fail). The machine asserts that. While parked a request has one owner and one deadline. A
 * client that goes away is only marked: writes still complete, and the memory ends when the owner lets go.
 *
 * All memory of a request is in its arena. Ending frees it: after request_reply or request_fail only `return` may
 * follow.
 */
#pragma once
#include "api/routes.h"
#include "db/ledger.h"
#include "db/reply.h"
#include "net/router.h"
#include "server/edge/intake.h"
#include "server/edge/traceparent.h"
#include "server/identity/principal.h"

typedef struct edge edge;
typedef struct request request;

/* What a step did. */
typedef enum step { STEP_WENT_ON = 1, STEP_PARKED, STEP_ENDED } step;

typedef enum step_id {
	STEP_NONE,
#define STEP(name) STEP_##name,
#include "server/edge/steps.def"
#undef STEP
	STEP_COUNT
} step_id;

#define STEP(name) step name(request *r);
#include "server/edge/steps.def"
#undef STEP

typedef enum owner { OWNER_NONE, OWNER_READER, OWNER_LANE, OWNER_LEDGER, OWNER_FEED, OWNER_ISSUER } owner;

/* In which form the client takes a list. */
typedef enum answer_form { FORM_JSON, FORM_CSV, FORM_NDJSON, FORM_EVENTS, FORM_TEXT, FORM_MARKDOWN } answer_form;

enum {
	REQUEST_ID_MAX = 65,
	IF_ANY = -1,     /* If-Match: * and statements that do not look */
	TRAIL_MAX = 256, /* steps remembered for the crash log */
};

/* The agent behind a client certificate. */
typedef struct agent_identity {
	str serial; /* of the certificate */
	int32_t cluster_key;
	char cluster_id[ID_MAX];
	char cluster[64];
} agent_identity;

struct request {
	edge *edge;
	web_req *web;
	arena *arena;
	op op;
	const route *route;
	str vars[ROUTER_VARS_MAX]; /* of the path, decoded; names are operation_var_name's */
	uint32_t n_vars;
	char id[REQUEST_ID_MAX];
	traceparent trace;
	str rate_lines;       /* what is left in its buckets, as header lines */
	const char *violated; /* RATE_LIMITED: whose bucket is empty */
	const char *claim;    /* IDENTITY_REFUSED: what is wrong in the token */
	principal *who;       /* a reference; NULL before the gate, for anybody and for agents */
	agent_identity *agent;
	step_id checked_next; /* where a repeated look at the certificate goes on; 0: into the route */
	token_parsed *token;
	str acts_as, acts_via;       /* of the records, for who is nobody's principal yet; absent: as the caller */
	struct recognize *recognize; /* while it is found out who calls */
	void *query, *body;          /* as read by the route's types; NULL without a type */
	answer_form form;
	int64_t if_rev;      /* of If-Match: a revision or IF_ANY */
	bool must_be_new;    /* If-None-Match: * */
	bool is_yaml;        /* the body, on a route that keeps it as bytes */
	str if_none_match;   /* any other */
	str idempotency_key; /* as given, and behind it for which method and path it counts; absent: none */
	uint8_t fingerprint[LEDGER_HASH];
	str fields;        /* ?fields= of a list; absent: all */
	bool is_minimal;   /* Prefer: return=minimal */
	bool is_counted;   /* Prefer: count=exact */
	bool is_dry;       /* ?dry_run=true: it is tried and undone */
	bool is_no_guess;  /* its credential was one, and has ended at worst */
	bool is_again;     /* it began anew with a fresh scope */
	bool is_explained; /* why an object is not to be found was looked into */
	str extra_headers; /* lines for the answer */
	bool is_cacheable; /* by the client, if it asks each time */
	fault fault;

	db_reply reply;              /* of the last reader or lane call; its bytes live in the arena */
	bool keeps_no_replies;       /* then they are valid in the step behind only */
	const ledger_answer *answer; /* of the last ledger call; valid in the step behind it only */
	ledger_op *ledger_op;
	void *work; /* the route's own */

	/* The machine's own. */
	step_id next;
	owner owner;
	uint32_t moves;
	bool is_running;
	bool is_late; /* the deadline of a park on the feed passed */
	loop_timer *timer;
	void (*on_release)(request *r); /* while parked on the feed: forgets the wait */
	request *held_next, *held_prev; /* of the edge's requests parked on the feed */
	size_t held_bytes;
};

/* Makes a request of what arrived; ends with the web request. */
request *request_new(edge *e, web_req *w);
void request_start(request *r, step_id first);

step step_next(request *r, step_id next);
/* Parks with `by`; whoever that is calls request_resume. */
step request_park(request *r, owner by, step_id next);
void request_resume(request *r);
/* The same from the loop, for who has the answer at once. */
void request_resume_soon(request *r);
/* For the feed: ends the hold and resumes from the loop, not inside this call. */
void request_wake(request *r);
/* Parks on the feed until request_resume or for at most wait_ms (then is_late is set). on_release runs before the next
 * step, also when the client has gone: it takes the request off whatever list it stands on. */
step request_hold(request *r, int64_t wait_ms, void (*on_release)(request *r), step_id next);

/* Ends every hold as if its time were over: the edge wants to stop. */
void request_wake_all(edge *e);

/* One statement of the reader, or of the lane of writes that leave together; the answer is in r->reply at `next`. */
step request_fetch(request *r, db_scope scope, sql_id s, const void *in, step_id next);
/* The same on the slow reader, which sees everything. */
step request_fetch_slow(request *r, sql_id s, const void *in, step_id next);
step request_write(request *r, uint64_t key, sql_id s, const void *in, step_id next);
/* Placements without an Idempotency-Key, together with those of others; what went wrong is in r->reply.e at `next`.
 * ids, bodies and tenant_keys of the ask are set and live in the request's arena. */
step request_store(request *r, intake_ask *a, step_id next);
/* r->ledger_op, whose statement, in, action, object_kind and so on are set, through the principal's ledger. */
step request_govern(request *r, step_id next);

/* The same as the server itself, for rows that no tenant's caller may write. */
step request_govern_platform(request *r, step_id next);

/* A header line for the answer, whatever it will be. */
void request_header(request *r, const char *name, str value);
/* Ends with an answer. type NULL: JSON. The id and security headers are added. */
step request_reply(request *r, int status, const char *type, str body);
/* Ends with what was written into request_out. */
step request_reply_out(request *r, int status);
/* Ends with a problem made of e and r->fault. */
step request_fail(request *r, err e);
step request_fail_at(request *r, err e, const char *pointer, const char *detail, ...) PRINTF(4, 5);
/* When r->reply holds an error, the problem for it; else whether there is none. */
bool request_reply_failed(const request *r);
step request_fail_reply(request *r);
/* Ends without an answer of its own: a stream of that media type goes on. */
step request_became_stream(request *r, web_stream **ret, int status, const char *type);

/* An empty buffer for the answer's body; the edge's, for one step. */
buf *request_out(request *r);

/* The rows the caller may touch with the right of the route. */
db_scope request_scope(const request *r);
/* The same for another right: what they may see of what stands around it. */
db_scope request_scope_of(const request *r, right needed);
/* Whether that right is held for the whole fleet, or the caller is no tenant's (an agent, nobody). */
bool request_is_for_fleet(const request *r);
/* Who did it, for the records. */
str request_actor(const request *r);

/* Writes what the last steps were to standard error: for the crash handler, so it only uses write(2). */
void request_trail_dump(void);
