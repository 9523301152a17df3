/* front: what an agent answers besides the scheduler's extender: the API server's webhooks, and Prometheus.
 *
 *     POST /admission/mutate, /admission/validate   (agents/admission)
 *     GET  /metrics                                 (agents/scheduling/gauges.h)
 *
 * It follows the ResourceQuotas and PodDisruptionBudgets, keeps the certificate under which the agents are called,
 * where nobody else does, and takes over locks and pods that HAMi left. Before the cluster is known whole a webhook is
 * answered 503: what would be said could be wrong.
 */
#pragma once
#include "agents/real/door.h"
#include "agents/real/real.h"

/* What the agent's settings say of it. Texts are static. */
typedef struct front_settings {
	const char *scheduler;                   /* of pods that ask for devices */
	const char *serving_secret;              /* the certificate's */
	const char *service;                     /* under which the agents are called */
	const char *webhooks;                    /* name of both webhook configurations */
	const char *core_policy, *runtime_class; /* NULL: none */
	const char *record_writers;              /* namespaces of who gives devices, besides our own (records.h) */
	bool keeps_certificate;                  /* else somebody else does */
	bool keeps_default, hides_devices, has_legacy;
} front_settings;

typedef struct front_spec {
	loop *loop;
	kube *kube;
	stock *stock;
	spaces *spaces;
	real *real;
	budgets *budgets; /* filled here */
	const char *space, *version;
	const char *cert_file, *key_file, *ca_file; /* where the certificate stands */
	front_settings settings;
	bool (*leads)(void *arg);
	/* The certificate's files are others now. */
	void (*on_certificate)(void *arg);
	/* Of what is logged: a failed call, a lock or a pod that was taken over. */
	void (*on_word)(void *arg, const char *what, str about, str why);
	void *arg;
} front_spec;

typedef struct front front;

/* A certificate that serves until the cluster's own is known; nothing when there is one. */
err front_certificate(const front_spec *s, fault *f) MUST_CHECK;
front *front_open(const front_spec *s);
void front_close(front *f); /* NULL-safe; before the kube, after the door */
void front_mirror(front *f, mirror *m);
void front_routes(front *f, door *d);
const quotas *front_quotas(const front *f);
/* Nodes, as the mirror tells them. */
void front_node(front *f, const kube_node *n);
void front_node_gone(front *f, str name);
/* We lead now. */
void front_lead(front *f);
