/* station: this node as its cluster sees it: the pods that are bound here, by a watch of our own; the kubelet's device
 * plugin; what is given to containers; and events on pods that get nothing.
 *
 * The keys that plans are signed with are public, in a file of PEM blocks that is read again when it changes: a new
 * agent's key is put beside the old one first.
 */
#pragma once
#include "agents/node/giver.h"
#include "agents/node/lives.h"

enum { STATION_KEYS_BYTES_MAX = 64 << 10, STATION_LOOK_MS = 5000 };

typedef struct station_config {
	loop *loop;
	const char *node;
	const char *kubeconfig;       /* "in-cluster", or a file */
	const char *kubelet_dir;      /* "/var/lib/kubelet" */
	const char *plan_keys;        /* the file of public keys */
	const char *resource;         /* what the kubelet counts: "nvidia.com/gpu" */
	int64_t shares;               /* of a device */
	giver_config giver;           /* what it says of allocations, cards, CDI and the shim; not of instances */
	const char *state_dir, *nvml; /* of instances; nvml "": none are made */
	const char *npu_smi;          /* of virtual NPUs; "": none are made */
	/* A container was refused its devices: beside the event, for the report. Optional. */
	void (*on_refused)(void *arg, const node_owner *owner, const char *why);
	void (*on_instances)(
		void *arg); /* instances were made or removed: the inventory is not what it was. Optional */
	void *arg;
} station_config;

typedef struct station station;

/* ERR_NOT_FOUND and others: no API server can be reached that way, or the keys cannot be read; with a sentence. */
err station_open(const station_config *c, station **ret, fault *f) MUST_CHECK;
void station_close(station *s); /* NULL-safe; what was given stays */

/* What the API server says of a pod that was bound here. */
lives_word station_pod(const station *s, str pod_uid);
/* All devices were looked at, with the instances on them. */
void station_seen(station *s, const card *list, uint32_t n);
/* The same of NPUs. */
void station_seen_npus(station *s, const cards *all);
/* The devices have changed, or one's health. */
void station_devices(station *s);
/* An allocation has ended. */
void station_ended(station *s, const char *id);
/* Plugins that the kubelet has registered and is connected to. */
uint32_t station_registered(const station *s);
/* Containers that were refused their devices since the start; MIG instances and virtual NPUs that are made for plans.
 */
uint64_t station_refused(const station *s);
uint32_t station_instances(const station *s);

/* All keys of a file's text; ERR_BAD_FIELD: it holds none, or more than PLAN_KEYS_MAX, or a block that is none. */
err station_keys_read(str pem, plan_keys *ret, fault *f) MUST_CHECK;
