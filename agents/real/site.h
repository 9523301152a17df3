/* site: the parts of an agent of a Kubernetes cluster, put together and begun in order.
 *
 *     API server: who is this cluster?  ->  the Secret: who are we?  ->  namespaces, nodes and pods, whole
 *     -> the Lease: do we act?  ->  the Secret again, ours from now on  ->  on_act
 *
 * It answers the scheduler from the moment the cluster is known whole; it binds once the agent's core stands
 * (site_agent) and the cluster was listed again after the Secret was ours. Losing the Lease or the Secret ends it: a
 * process that begins anew knows what is so.
 */
#pragma once
#include "agents/real/front.h"
#include "agents/real/real.h"

typedef struct site site;

typedef struct site_spec {
	loop *loop;
	home *home; /* its files become those of the cluster's agents */
	const login *who;
	const char *version;
	const char *space, *secret, *lease; /* of this agent: its namespace, its Secret, its Lease */
	const char *pod;                    /* that we run in; NULL: none (badge.h) */
	const char *node_account;           /* service account of reeve-node, in that namespace */
	const char *identity;               /* unique per process */
	bool is_one_per_node;               /* binds (binder.h) */
	int64_t lease_s;
	/* Of its door. Where the agents keep the certificate themselves (front), ca_file gets who vouches for it. */
	const char *address, *cert_file, *key_file, *ca_file, *client_ca_file;
	front_settings front;
	/* We act: the cluster, and what the core remembers of the server; valid during the call. */
	void (*on_act)(void *arg, cluster_ref c, str memory);
	/* The core is to take a turn soon. */
	void (*on_stir)(void *arg);
	/* This process must end; is_failure: for more than that another one acts. */
	void (*on_end)(void *arg, bool is_failure);
	void *arg;
} site_spec;

/* Begins. Everything in s must outlive it, but the login. */
err site_open(const site_spec *s, site **ret, fault *f) MUST_CHECK;
void site_close(site *s); /* NULL-safe; the agent's core has ended before */
/* The core stands, on the cluster that on_act gave. */
void site_agent(site *s, agent *a);
/* Gives the Lease up: nothing is bound any more. */
void site_leave(site *s);
/* The certificate in home is another. */
void site_renewed(site *s);
/* What makes the cluster itself; absent until it is known. */
str site_uid(const site *s);
/* Where others may be routed; NULL until it listens. */
door *site_door(site *s);
