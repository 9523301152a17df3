/* fleet: every cluster, node and device, and what is booked on them.
 *
 * Objects are rows in dense arrays, named by int32 handles. Cluster and class handles last as long as the fleet: a name
 * that comes back gets its old handle. Node and device handles are used again after removal, but never while something
 * is booked: an object that is removed while booked stays as `gone`, closed to new work, until its last booking is
 * undone. Node handles are given out in blocks of FLEET_BLOCK; all nodes of a block are of one cluster.
 *
 * Beside the full rows stands what the search walks: one `view` per node and one `cell` per device, a few numbers each,
 * the cells of a node side by side. Every change of a node's view is told in a log, so that whoever keeps something
 * computed from views can follow in O(what changed).
 *
 * The fleet records, it does not judge: booking past capacity is legal, because a report may say so; such a device has
 * nothing free. place_find is what never does it. One writer; readers may look at the rows but change nothing.
 */
#pragma once
#include "base/err.h"
#include "base/map.h"
#include "base/vec.h"
#include "engine/cut.h"
#include "engine/overcommit.h"
#include "engine/plan.h"
#include "engine/traits.h"

enum {
	FLEET_NONE = -1,
	FLEET_CLASSES_MAX = 1024,
	FLEET_NODE_DEVICES_MAX = 64,
	FLEET_SLOTS_DEFAULT = 100,
	FLEET_BLOCK = 64,
	FLEET_LOG = 1 << 15,            /* views told of at most; a power of two */
	FLEET_OVERCOMMIT_ONE = 1000000, /* ppm */
	FLEET_CELL_SIZES = 4,           /* room for 8, 16, 32 or 64 devices */
};
#define FLEET_AMOUNT_MAX INT32_MAX /* of MiB or milli in one report; more is cut to this */

/* Why an object takes no new work. Set on a cluster, it holds for all its nodes; on a node, for all its devices. */
typedef enum fleet_flag {
	FLEET_CORDONED = 1,  /* a person closed it */
	FLEET_UNHEALTHY = 2, /* out of order: its capacity does not count */
	FLEET_CLOSED = 4,    /* no contact, learning, or over capacity: its capacity still counts */
	FLEET_GONE = 8,      /* removed while booked; set by the fleet alone */
} fleet_flag;

typedef struct fleet_class {
	str name;
	bool is_known;                 /* has been set or has had a device */
	int32_t slots;                 /* most sharers of one device */
	int64_t overcommit_ppm;        /* of compute; 1,000,000 to 10,000,000 */
	overcommit bands;              /* who may count on how much of that; none: all on all of it */
	int64_t compute_default_milli; /* when a request for a part of the memory names no compute */
	class_cut cut;
	bool is_ruled; /* parts or numbers of its devices follow rules */
	int32_t n_devices;
} fleet_class;

typedef struct fleet_device {
	int32_t node, class_id;
	int32_t next; /* on the same node, by rising index; FLEET_NONE ends */
	int32_t cell;
	int32_t index; /* on the node, as the operating system counts */
	uint32_t flags;
	int32_t slots_given;               /* 0: `slots` follows its class */
	int32_t slots, sharers, exclusive; /* `exclusive`: sharers that booked compute 1000 */
	int16_t numa;                      /* FLEET_NONE: not known */
	uint8_t mode_given, mode;          /* cut_mode; `mode` is never CUT_BY_CLASS */
	int64_t memory_mib, used_memory_mib;
	int64_t compute_milli, used_compute_milli; /* capacity: 1000 x overcommit */
	int64_t rev;                               /* as its agent counts changes */
	const geometry *geometry;                  /* in instance mode; else NULL */
	geometry_state state;                      /* the instances that are booked */
	bool is_ruled;                             /* follows its class, or is in instance mode */
	bool is_tangled; /* told of instances that cannot stand side by side: `state` says nothing until it is empty */
} fleet_device;

typedef struct fleet_node {
	int32_t cluster;
	int32_t rank; /* ties go to the lowest */
	uint32_t flags;
	int32_t first_device, n_devices;
	int32_t pods, pods_max;
	int64_t cpu_milli, used_cpu_milli;
	int64_t memory_mib, used_memory_mib;
	traits *traits; /* labels and taints, or NULL */
	int32_t wiring; /* of the fleet; FLEET_NONE: how its devices are linked is not known */
} fleet_node;

/* One device as the search sees it. A closed one is not open and has nothing free. */
typedef struct fleet_cell {
	int32_t memory_mib, free_memory_mib;
	int16_t free_compute_milli;
	int16_t free_milli; /* what a slice of equal shares could still take, 0 to 1000 */
	int16_t class_id;
	int8_t numa; /* FLEET_NONE: not known */
	bool is_gone : 1;
	bool is_open : 1;
	bool is_idle : 1;  /* open, and nobody shares it */
	bool has_slot : 1; /* open, and one more may share it */
	bool is_cut : 1;   /* in instance mode */
	bool is_ruled : 1; /* in instance mode, or its class has rules */
} fleet_cell;

/* One node as the search sees it; the sums and extremes are over its open devices. A row without a node is closed. */
typedef struct fleet_view {
	int32_t rank;
	int32_t first_cell; /* its devices, by rising index: cells.v[first_cell .. first_cell + n_cells) */
	int32_t free_cpu_milli, free_memory_mib;
	int32_t max_free_memory_mib;                    /* largest on one device */
	int32_t min_memory_mib;                         /* capacity of the smallest device */
	int32_t free_device_milli;                      /* sum of free_milli */
	int16_t max_free_compute_milli, max_free_milli; /* largest on one device */
	int16_t class_id; /* of all its devices, closed ones too; FLEET_NONE when they differ or there are none */
	int16_t n_cells, n_open, n_idle;
	bool is_closed : 1;   /* it has flags; those of its cluster are not looked at */
	bool is_crowded : 1;  /* it holds as many pods as it may */
	bool is_partial : 1;  /* some device is not open */
	bool is_pristine : 1; /* of one class without rules, open, and nothing is booked on it */
	bool is_ruled : 1;    /* some device is cut into instances, or of a class with rules */
	bool is_tainted : 1;  /* closed to pods without tolerations */
} fleet_view;

typedef struct fleet_cluster {
	str name;
	bool is_live; /* false: removed, kept for its handle */
	uint32_t flags;
	vec(int32_t) nodes;  /* by rising rank */
	vec(int32_t) blocks; /* block b holds the node handles from b * FLEET_BLOCK on */
	vec(int32_t) spare;  /* handles in them without a node */
	map node_by_name, device_by_uuid;
	int32_t n_devices;
} fleet_cluster;

/* How the devices of a node are linked; nodes that are built alike share one. Device i is the one of index i. */
typedef struct fleet_wiring {
	int32_t n, n_users; /* 0: a free row */
	uint16_t *weight;   /* n x n, as in a topology */
	int16_t *group;     /* or NULL */
} fleet_wiring;

struct fleet_booking;

typedef struct fleet {
	vec(fleet_class) classes;
	int32_t n_bands; /* of all classes together */
	vec(fleet_cluster) clusters;
	vec(fleet_node) nodes;     /* a free row has cluster FLEET_NONE */
	vec(fleet_view) views;     /* by node */
	vec(fleet_device) devices; /* a free row has node FLEET_NONE */
	vec(fleet_cell) cells;
	vec(int32_t) cell_devices; /* the device of each cell */
	vec(str) node_names;
	vec(str) device_uuids;
	vec(int32_t) free_devices;
	vec(int32_t) free_cells[FLEET_CELL_SIZES];
	vec(fleet_wiring) wirings;
	vec(str) texts; /* of labels and taints */
	map class_by_name, cluster_by_name, text_by_name;
	int32_t next_rank;
	uint64_t rank_moves; /* nodes that came or changed their rank */
	uint64_t log_n;      /* views told of since the fleet began */
	int32_t *log;        /* FLEET_LOG of them; NULL before the first */
	vec(uint64_t) told;  /* by node: 1 + where the log names it last */
	int32_t n_trials;
	vec(struct fleet_booking) trial;
} fleet;

void fleet_init(fleet *f);
void fleet_done(fleet *f);

/* The handle of a class name, made when new. FLEET_NONE past FLEET_CLASSES_MAX. The fleet copies all names. */
int32_t fleet_class_put(fleet *f, str name);
int32_t fleet_class_find(const fleet *f, str name);

typedef struct class_spec {
	int32_t slots;          /* 0: FLEET_SLOTS_DEFAULT */
	int64_t overcommit_ppm; /* 0: FLEET_OVERCOMMIT_ONE */
	overcommit bands;       /* n > 0: in the place of overcommit_ppm; of memory all are OVERCOMMIT_NONE_PPM */
	int64_t compute_default_milli; /* 0 to 1000 */
} class_spec;
/* Applies to the devices that exist too. */
void fleet_class_set(fleet *f, int32_t class_id, class_spec spec);
/* How much of a device's compute is not for work of that priority, though nobody has reserved it; in thousandths. */
static inline int64_t fleet_withheld_milli(const fleet_class *c, int32_t priority)
{
	if (!c->bands.n)
		return 0;
	return SHARE_WHOLE_MILLI * c->overcommit_ppm / FLEET_OVERCOMMIT_ONE -
	       overcommit_limit(&c->bands, priority, AXIS_COMPUTE_MILLI, SHARE_WHOLE_MILLI);
}
/* What of all classes' bands a priority is past: two of which this is equal may count on the same everywhere. */
int32_t fleet_bands_past(const fleet *f, int32_t priority);
/* The factor alone, without bands: FLEET_OVERCOMMIT_ONE to ten times it. O(1) when it
 * is so already. */
void fleet_class_overcommit(fleet *f, int32_t class_id, int64_t ppm);
/* How its devices may be given out in parts; without one: any part of any number. */
void fleet_class_cut(fleet *f, int32_t class_id, const class_cut *cut);

int32_t fleet_cluster_put(fleet *f, str name); /* made, or made live again, when not there */
int32_t fleet_cluster_find(const fleet *f, str name);
void fleet_cluster_remove(fleet *f, int32_t cluster); /* with its nodes and devices */

typedef struct node_spec {
	str name;
	int64_t cpu_milli, memory_mib;
	int32_t pods_max; /* 0: no limit */
	int32_t rank;     /* FLEET_NONE: after all others (or as it is, for an update) */
} node_spec;
/* Adds the node or updates the one of that name; a `gone` one comes back. */
int32_t fleet_node_put(fleet *f, int32_t cluster, const node_spec *spec);
int32_t fleet_node_find(const fleet *f, int32_t cluster, str name);
void fleet_node_remove(fleet *f, int32_t node);

/* The handle of a text of labels and taints, made when new; it lasts as long as the fleet. */
int32_t fleet_text_put(fleet *f, str text);
int32_t fleet_text_find(const fleet *f, str text); /* TRAIT_NONE when nobody has it */
/* The node's labels (any order; of equal keys the last) and taints, at most TRAITS_MAX of each, in the place of those
 * it had. Copies. */
void fleet_node_traits(fleet *f, int32_t node, const traits *t);
/* How the devices of the node are linked, by their index; NULL: not known. Copies weights, settled, and groups; NUMA
 * nodes are the devices' own. */
void fleet_node_link(fleet *f, int32_t node, const topology *t);

typedef struct device_spec {
	str uuid;
	int32_t class_id, index;
	int64_t memory_mib; /* > 0 */
	int64_t rev;
	int32_t slots; /* most sharers; 0: as its class says */
	int32_t numa;  /* NUMA node + 1; 0: not known */
	cut_mode mode;
} device_spec;
/* Adds the device or updates the one of that uuid in the node's cluster. ERR_TOO_MANY_ITEMS past
 * FLEET_NODE_DEVICES_MAX; ERR_CONFLICT when a booked device would change its node. */
err fleet_device_put(fleet *f, int32_t node, const device_spec *spec, int32_t *ret_device) MUST_CHECK;
int32_t fleet_device_find(const fleet *f, int32_t cluster, str uuid);
void fleet_device_remove(fleet *f, int32_t device);

/* Sets or clears one flag (not FLEET_GONE). */
void fleet_cluster_flag(fleet *f, int32_t cluster, fleet_flag flag, bool on);
void fleet_node_flag(fleet *f, int32_t node, fleet_flag flag, bool on);
void fleet_device_flag(fleet *f, int32_t device, fleet_flag flag, bool on);

/* Books or unbooks every pod of p: O(pods + devices of the touched nodes). Never refuses; unbooking what was not booked
 * asserts. The range form takes the pods [from, to). */
void fleet_book(fleet *f, const plan *p);
void fleet_unbook(fleet *f, const plan *p);
void fleet_book_range(fleet *f, const plan *p, uint32_t from, uint32_t to);
void fleet_unbook_range(fleet *f, const plan *p, uint32_t from, uint32_t to);

/* A trial remembers what is booked and unbooked from here on, so that it can be taken back in O(what was booked).
 * Trials nest: each is ended once, the last begun first. While one is open only bookings and flags may change. */
uint32_t fleet_try(fleet *f);
void fleet_undo(fleet *f, uint32_t trial); /* as it was at fleet_try */
void fleet_keep(fleet *f, uint32_t trial);

/* The views that changed since `from` (a log_n of earlier), oldest first; a node may come twice. False: too many, look
 * at all of them. */
static inline bool fleet_log_reaches(const fleet *f, uint64_t from)
{
	return f->log_n - from <= FLEET_LOG;
}

/* The node whose view changed at `at`; FLEET_NONE when the log names it again further on. */
static inline int32_t fleet_log_at(const fleet *f, uint64_t at)
{
	int32_t node = f->log[at % FLEET_LOG];

	return f->told.v[node] == at + 1 ? node : FLEET_NONE;
}

/* The capacity of every class over healthy devices (device, node and cluster), cordoned and closed ones included: the
 * root's guarantee. out holds n entries, by class handle; classes past n are left out. */
void fleet_capacity(const fleet *f, amounts *out, uint32_t n);

/* The device as its cell would show it: for one that is looked at with more on it than is booked. */
fleet_cell fleet_cell_of(const fleet_device *d);

/* Whether the device holds more than it has: the condition `device_over`. */
bool fleet_device_is_over(const fleet *f, int32_t device);

static inline int64_t fleet_free_memory_mib(const fleet_device *d)
{
	return d->memory_mib > d->used_memory_mib ? d->memory_mib - d->used_memory_mib : 0;
}

static inline int64_t fleet_free_compute_milli(const fleet_device *d)
{
	if (d->exclusive)
		return 0;
	return d->compute_milli > d->used_compute_milli ? d->compute_milli - d->used_compute_milli : 0;
}

#define fleet_each_device(d, f, node_id)                                                                               \
	for (int32_t d = (f)->nodes.v[(node_id)].first_device; (d) != FLEET_NONE; (d) = (f)->devices.v[(d)].next)
