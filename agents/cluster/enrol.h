/* enrol: how an agent comes by its certificate: join with a token, later renew with the certificate itself.
 *
 * Both send a certificate request and take the same answer. "pending" (a person has not accepted the cluster yet) and a
 * server that does not answer are asked again, with backoff; a refusal is final.
 */
#pragma once
#include "agents/cluster/home.h"
#include "net/loop.h"

enum { ENROL_TOKEN_MAX = 200, ENROL_TIMEOUT_MS = 30000 };
#define ENROL_PENDING_US      ((int64_t)2000000)
#define ENROL_RENEW_BEFORE_US ((int64_t)6 * 86400 * 1000000)  /* of the 7 days a certificate lives */
#define ENROL_RENEW_LATE_US   ((int64_t)30 * 86400 * 1000000) /* so long after its end it may still be renewed */

typedef struct enrol enrol;

typedef struct enrol_config {
	loop *loop;
	const home *home;
	const char *server;  /* "https://host:port" */
	const char *ca_file; /* whom to trust */
	const char *token;   /* NULL: renew */
	str cluster_uid;
	const char *version;
	/* The certificate stands in home; the enrolment has ended and may be freed. */
	void (*on_ready)(void *arg);
	/* The server says no, or the disk failed; likewise. */
	void (*on_refused)(void *arg, err e, const char *why);
	void *arg;
} enrol_config;

/* Begins. Everything in c must outlive it. One of the two callbacks runs once, from the loop. */
enrol *enrol_open(const enrol_config *c);
/* Gives up, if need be; afterwards no callback runs. */
void enrol_close(enrol *e);

/* When the certificate in home ends; 0: there is none for this key. */
int64_t enrol_until_us(const home *h);
