/* inventory: the devices of a node, as existing device plugins register them.
 *
 * Read from the node's annotations where a kind tells its devices there, else made from the node's capacity. Nothing
 * here trusts the text: every number has a range, a device named twice is refused, and what cannot be read is an error
 * of that kind on that node, never a device with nothing.
 */
#pragma once
#include "agents/kube/quantity.h"
#include "agents/vendors/vendor.h"
#include "base/arena.h"

enum {
	INVENTORY_DEVICES_MAX = 64, /* of one kind on a node */
	INVENTORY_PROFILES_MAX = 32,
	INVENTORY_PLACES_MAX = 32,
	INVENTORY_TEXT_MAX = 256 << 10,
};

/* A way to cut a device, as its node tells it. */
typedef struct inventory_profile {
	str name;
	str id; /* what the plugin calls it, where it says */
	int64_t memory_mib, compute, slices;
	struct {
		int64_t start, size;
	} places[INVENTORY_PLACES_MAX];
	uint32_t n_places;
} inventory_profile;

typedef struct inventory_device {
	str uuid;
	str product;
	str mode; /* "hami-core", "mig", "mps"; "" when it is not told */
	int64_t index, slots;
	int64_t memory_mib;
	int64_t compute; /* of the whole device, in the kind's units */
	int64_t numa;
	bool is_healthy;
	const inventory_profile *profiles;
	uint32_t n_profiles;
} inventory_device;

typedef struct inventory {
	inventory_device *v;
	uint32_t n;
} inventory;

/* What a node says of itself, as far as devices go. */
typedef struct inventory_node {
	str name;
	void *arg;
	str (*annotation)(void *arg, const char *key);                    /* absent: it has none */
	bool (*capacity)(void *arg, const char *resource, quantity *ret); /* false: it has none */
} inventory_node;

/* The devices of this kind. None at all is no error. ERR_BAD_FIELD: the fault's pointer is the annotation or resource.
 * Texts point into the annotation or a. */
err inventory_read(const vendor *kind, const inventory_node *node, arena *a, inventory *ret, fault *f) MUST_CHECK;

/* How a node's devices are linked: the weight of each pair, by the devices' index. */
typedef struct inventory_links {
	uint16_t *weight; /* n x n; 0 where nothing is told */
	int32_t n;        /* 0: nothing is told at all */
} inventory_links;
/* As the kind's plugin tells it beside the devices, which are `all`. What cannot be read, or is about devices without
 * numbers of their own, is left out: *ret_f says so. */
void inventory_links_read(const vendor *kind, const inventory_node *node, const inventory *all, arena *a,
	inventory_links *ret, fault *ret_f);

/* How a node is said to live (HAMi's handshake): the value of the kind's handshake annotation, and what is left of the
 * count resource. */
typedef struct inventory_pulse {
	bool is_alive;
	bool wants_request; /* the scheduler's side should write "Requesting_<now>" */
} inventory_pulse;
inventory_pulse inventory_handshake(str value, bool has_allocatable, int64_t now_us);
