/* stock: the devices of this cluster and what is on them, made from its nodes and pods as the API server tells them.
 *
 * Nodes give devices (agents/vendors/inventory.h), pods that are bound give bookings (their annotations,
 * agents/vendors/assigned.h); a fleet of the engine holds both, so that every decision is made from memory. Nodes and
 * pods may come in any order: what a pod holds of a device that is not there yet is booked when it comes. A reservation
 * is a pod that is being bound: it stands until the pod itself is seen, or it is given back.
 *
 * A device class here is a kind and a product; devices of one class are alike.
 */
#pragma once
#include "agents/scheduling/node_index.h"
#include "agents/scheduling/sick.h"
#include "agents/kube/node.h"
#include "agents/kube/pod.h"
#include "agents/vendors/assigned.h"
#include "agents/vendors/inventory.h"
#include "engine/fleet.h"
#include "net/signature.h"

enum { STOCK_KINDS_MAX = 64, STOCK_KIND_CLASSES_MAX = 16, STOCK_LABELS_MAX = 4096 };

typedef struct stock stock;
typedef struct stock_pod stock_pod;

stock *stock_new(void);
void stock_free(stock *s); /* NULL-safe */
/* Plans that this key signed say what a pod holds, before its annotations (pod_holds.h). Before pods are told. */
void stock_trust(stock *s, const uint8_t key[SIGNATURE_KEY]);

/* Both may be told again and again; *ret_f says what of a node could not be read (then that kind has no devices). */
void stock_node_put(stock *s, const kube_node *n, fault *ret_f);
void stock_node_drop(stock *s, str name);
/* The node that the device stands on here; absent: none. Where several tell of it, that is one of them. */
str stock_device_node(const stock *s, str uuid);
/* Which of its devices are not well. */
sick *stock_sick(stock *s);
/* A pod that is bound, or is not, or is over: it holds what its plan or its annotations say while it is bound and not
 * over.
 * ERR_CONFLICT or ERR_BAD_FIELD: they cannot be read; it holds nothing then. */
err stock_pod_put(stock *s, const pod *p, fault *f) MUST_CHECK;
void stock_pod_drop(stock *s, str uid);

/* What one device gives to a pod. */
typedef struct stock_share {
	str uuid;
	int64_t memory_mib, compute_milli;
	int64_t sharers; /* containers that use it at one time; 0: 1 */
} stock_share;
/* Books the shares on the node for a pod that is being bound. */
void stock_reserve(stock *s, str uid, str space, str node, const stock_share *shares, uint32_t n);
/* The plan with which a reserved pod is being bound, signed in this process: seen on the pod on that node, it is taken
 * at its word. */
void stock_vouch(stock *s, str uid, str plan_text);
/* Gives a reservation back; a pod that was seen bound keeps what it holds. */
void stock_release(stock *s, str uid);
/* The node on which the pod is booked or reserved, or STR_NONE. */
str stock_pod_node(const stock *s, str uid);

/* What is booked for the pod, or NULL; and its namespace. */
const plan *stock_pod_plan(const stock *s, str uid, str *ret_space);

/* What the pods of a namespace hold of a kind, bound and being bound. */
typedef struct stock_held {
	int64_t memory_mib, compute_milli;
} stock_held;
stock_held stock_space_held(const stock *s, str space, const vendor *kind);

/* The server promises compute of the device's class so far; 1,000,000: once. A device that is not there changes
 * nothing. */
void stock_overcommit(stock *s, str uuid, int64_t ppm);
fleet *stock_fleet(stock *s);
int32_t stock_cluster(const stock *s);
/* FLEET_NONE: it was never told, or has no devices that we know. */
int32_t stock_node_find(stock *s, str name);
/* The same with its rank, for lists of thousands; NULL. Valid until nodes come or go. (node_index.h) */
const node_index_row *stock_node_row(stock *s, str name);
uint32_t stock_node_run(stock *s, str list, uint32_t most, const node_index_row **ret);

/* Handles of the classes of a kind, by the order in which they came. */
typedef struct stock_classes {
	const int32_t *v;
	const str *products;
	uint32_t n;
} stock_classes;
stock_classes stock_classes_of(const stock *s, const vendor *kind);
/* A pod that holds devices, or is being bound to some. */
typedef struct stock_entry {
	str uid, space, name, node; /* name: empty while it is being bound */
	const stock_share *shares;
	uint32_t n;
	/* Of one that was seen bound: */
	str labels; /* pod_labels_text, of STOCK_LABELS_MAX bytes at most */
	int64_t priority;
	bool is_seen, is_leaving;
	int64_t bind_us; /* when it was bound, while its devices are not given to it yet; else 0 */
} stock_entry;
void stock_each(const stock *s, void (*visit)(void *arg, const stock_entry *e), void *arg);
/* Those of one node, the last that came first. */
void stock_node_each(const stock *s, str node, void (*visit)(void *arg, const stock_entry *e), void *arg);
/* No pod that was ever seen bound had a lower priority; INT64_MAX: none was. */
int64_t stock_priority_least(const stock *s);

/* The product of a class. */
str stock_product_of(const stock *s, int32_t class_id);
/* The kind of a class. */
const vendor *stock_kind_of(const stock *s, int32_t class_id);
