/* serving: the certificate under which the agents of a cluster are called, kept in a Secret and rotated by themselves.
 *
 *     Secret <-- the leader makes and renews (authority.h)
 *       |----> files of each agent, from which it serves
 *       |----> the scheduler's volume: who vouches for the agents, and the certificate that it shows to them
 *       `----> caBundle of the webhook configurations, patched by the leader
 *
 * Everybody looks at the Secret once a minute, so what one agent writes the other serves soon; what verifies is told
 * long before it signs. Writes are guarded by the resourceVersion: of two agents that both believe that they lead one
 * writes, and the other takes that.
 */
#pragma once
#include "agents/admission/authority.h"
#include "agents/kube/kube.h"

enum { SERVING_HOOKS_MAX = 4 };
#define SERVING_LOOK_US  ((int64_t)60 * 1000000)
#define SERVING_AGAIN_US ((int64_t)2 * 1000000)

typedef struct serving_spec {
	loop *loop;
	kube *kube;
	str space, name;                /* of the Secret */
	str names[AUTHORITY_NAMES_MAX]; /* under which we are called: "reeve-agent.reeve.svc" */
	uint32_t n_names;
	const char *cert_file, *key_file, *ca_file; /* where they are written */
	/* Paths of the configurations: "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/reeve". */
	str hooks[SERVING_HOOKS_MAX];
	uint32_t n_hooks;
	int64_t (*now_us)(void); /* NULL: the clock */
	bool (*leads)(void *arg);
	/* The files are there, or are others now. */
	void (*on_files)(void *arg);
	/* Something failed, and is tried again. Optional. */
	void (*on_trouble)(void *arg, const char *what, str why);
	void *arg;
} serving_spec;

typedef struct serving serving;

/* Begins at once; texts of the spec must outlive it. */
serving *serving_open(const serving_spec *s);
/* NULL-safe; the kube must stay until the loop has run once more. */
void serving_close(serving *s);
/* We lead now: look at once. */
void serving_kick(serving *s);
