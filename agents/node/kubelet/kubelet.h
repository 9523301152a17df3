/* kubelet: the device plugins of this node, one for each resource, and the kubelet they stand before (v1beta1).
 *
 * A plugin's socket is served first and registered then; when the kubelet starts anew, removes our socket or lets the
 * connection go, it is made and registered again, with the same device ids. Whose Allocate it is, the kubelet's own
 * list of pods tells (claim.h); what the pod gets, its signed plan (local_pods.h). Where neither comes in time the
 * Allocate is refused: a container that starts has the limits of its own plan, or does not start.
 */
#pragma once
#include "agents/node/kubelet/local_pods.h"
#include "agents/node/kubelet/slots.h"
#include "net/loop.h"

enum {
	KUBELET_PLUGINS_MAX = 64,
	KUBELET_WAIT_MS = 5000,   /* for the pod and its plan, within an Allocate */
	KUBELET_PREFER_MS = 1000, /* within a GetPreferredAllocation, which is advice */
	KUBELET_LOOK_MS = 5000,   /* besides being told, we look whether the kubelet and our sockets are there */
	KUBELET_MAKE_MS = 30000,  /* for an instance of a device to be made, within an Allocate */
	KUBELET_GONE_MS = 1000,   /* a kubelet that registered us and has no connection to us is asked again */
	KUBELET_LIST_MAX = 16 << 20,
	KUBELET_LIST_MS = 2000,
};

typedef struct kubelet_mount {
	const char *host, *container;
	bool is_read_only;
} kubelet_mount;

typedef struct kubelet_node {
	const char *host, *container;
} kubelet_node;

/* What a container gets. */
typedef struct kubelet_gift {
	strs cdi; /* qualified names */
	kubelet_node *nodes;
	uint32_t n_nodes;
	kubelet_mount *mounts;
	uint32_t n_mounts;
	object_pair *variables; /* of its environment */
	uint32_t n_variables;
} kubelet_gift;

/* A container, and its entry in the pod's verified plan. */
typedef struct kubelet_wish {
	const local_pod *pod;
	uint32_t container; /* of pod->p.containers */
	const plan_container *plan;
} kubelet_wish;

typedef struct kubelet_giver {
	/* Makes ready what the plan says, or sees that it is; the same wish may come again, also with other amounts.
	 * ERR_UNAVAILABLE: not yet; it is asked again, after kubelet_stir at the latest. Texts live in a. */
	err (*give)(void *arg, const kubelet_wish *w, arena *a, kubelet_gift *ret, fault *f);
	/* Whether an earlier process of ours gave something to that container. */
	bool (*was_given)(void *arg, const local_pod *p, uint32_t container, str resource);
	void *arg;
} kubelet_giver;

typedef struct kubelet_config {
	loop *loop;
	const char *plugins_dir;   /* "/var/lib/kubelet/device-plugins"; copied, as is what follows */
	const char *pod_resources; /* "/var/lib/kubelet/pod-resources/kubelet.sock" */
	const char *node;
	plan_keys keys;
	kubelet_giver giver;
	/* A container will not start; p NULL: it is not known whose. For an event. */
	void (*on_refused)(void *arg, const local_pod *p, str resource, const char *why);
	/* A plugin was registered, or its registration failed (why). For logs. Optional. */
	void (*on_registered)(void *arg, str resource, const char *why);
	void *arg;       /* of the last two */
	int64_t wait_ms; /* 0: KUBELET_WAIT_MS */
} kubelet_config;

typedef struct kubelet kubelet;

kubelet *kubelet_open(const kubelet_config *c);
void kubelet_close(kubelet *k); /* NULL-safe; sockets are removed */

/* The devices that the node has now, of all resources. A resource that was there before stays, without devices. */
void kubelet_devices_set(kubelet *k, const slot_device *devices, uint32_t n);
void kubelet_keys_set(kubelet *k, const plan_keys *keys);

/* As the watch of this node's pods tells it. A plan that changed for a container that runs is given again. */
void kubelet_pod_put(kubelet *k, str text);
void kubelet_pod_gone(kubelet *k, str space, str name, str uid);
/* What the giver was waiting for is there. */
void kubelet_stir(kubelet *k);
const local_pods *kubelet_pods(const kubelet *k);

/* Plugins that the kubelet has registered and is connected to. */
uint32_t kubelet_registered(const kubelet *k);
