/* membership: what lets a cluster speak to its server: a certificate, come by once with a token and renewed long before
 * its end.
 */
#pragma once
#include "agents/cluster/enrol.h"

#define MEMBERSHIP_CHECK_MAX_US ((int64_t)3600 * 1000000)
#define MEMBERSHIP_CHECK_MIN_US ((int64_t)60 * 1000000)

typedef struct membership membership;

typedef struct membership_config {
	loop *loop;
	const home *home;
	const char *server;  /* "https://host:port" */
	const char *ca_file; /* whom to trust; NULL: whom it trusted when it joined */
	const char *token;   /* NULL: it has joined before */
	str cluster_uid;
	const char *version;
	/* Once: it may speak. is_new: it has just joined. Never from inside membership_open. */
	void (*on_ready)(void *arg, bool is_new);
	void (*on_renewed)(void *arg); /* another certificate stands in home */
	/* The server does not let it join: nothing more comes. */
	void (*on_refused)(void *arg, err e, const char *why);
	/* A renewal was refused, and is tried again; for the log. Optional. */
	void (*on_trouble)(void *arg, err e, const char *why);
	void *arg;
} membership_config;

/* Begins. Everything in c must outlive it. ERR_SETTING: it has not joined yet, and what that takes is missing. */
err membership_open(const membership_config *c, membership **ret, fault *f) MUST_CHECK;
void membership_close(membership *m); /* NULL-safe; afterwards nothing comes */
/* Whom to trust. */
const char *membership_ca(const membership *m);
