/* inventory: the devices of this machine: what they are, how they are linked, and how they do.
 *
 * NVML tells most (through the probe's process); PCI and sysfs tell what a machine without it has: count, kind by
 * table, NUMA node, the PCI tree. A device keeps its place in the list, and stays in it when it stops answering: it is
 * `failed` then, not gone.
 */
#pragma once
#include "agents/node_report.h"

enum {
	CARDS_MAX = 64,
	CARD_INSTANCES_MAX = 8,
	CARD_TEXT_BYTES = 96,
	CARD_BUS_ID_BYTES = 16, /* 0000:3b:00.0 */
};

/* As node_health_states has them. */
typedef enum card_state { CARD_OK, CARD_DEGRADED, CARD_FAILED, CARD_UNMONITORED } card_state;

/* A MIG instance, or a virtual NPU, whose uuid is "vnpu-100" and its number gpu_instance. */
typedef struct card_instance {
	char uuid[CARD_TEXT_BYTES], name[CARD_TEXT_BYTES];
	uint32_t gpu_instance, compute_instance;
	int64_t memory_mib;
} card_instance;

typedef struct card {
	char uuid[CARD_TEXT_BYTES];     /* without NVML: "PCI-0000:3b:00.0" */
	char product[CARD_TEXT_BYTES];  /* "NVIDIA H200"; without NVML, by table, else "10de:2335" */
	char bus_id[CARD_BUS_ID_BYTES]; /* in sysfs' form, lower case; "": not known */
	const char *maker;              /* device_class.vendor: "nvidia", "amd", ... */
	int32_t index, minor, numa;     /* minor (of /dev/nvidiaN) and numa: -1: not known */
	int64_t memory_mib;             /* 0: not known */
	bool is_mig;                    /* cut into instances */
	bool is_listed;                 /* all of its instances are known */
	uint32_t n_instances;
	card_instance instances[CARD_INSTANCES_MAX];
	card_state state;
	char cause[CARD_TEXT_BYTES];
	int64_t since_us; /* monotonic */
} card;

typedef struct cards {
	card v[CARDS_MAX];
	uint32_t n;
	char driver[CARD_TEXT_BYTES];
	int16_t links[CARDS_MAX * (CARDS_MAX - 1) / 2]; /* report_links.weights */
	bool has_nvml;
	uint64_t generation;        /* goes up with every change of what stands above and in v */
	uint64_t health_generation; /* and of a state alone */
} cards;

/* NULL: there is none. */
const card *card_of_uuid(const cards *all, const char *uuid);
/* The device that this uuid names, or that an instance of this uuid is of. */
const card *card_of_any_uuid(const cards *all, const char *uuid);

/* The rules by which a device is cut, by its product's name, or NULL. */
const struct geometry *card_geometry(const card *c);

/* Of a pair, as report_links weighs it. */
int16_t card_link(const cards *all, uint32_t a, uint32_t b);

/* The inventory and the health of all, as items of a report; lists and texts in a, or in all. began_us: when the clock
 * of since_us, which nobody sets, began. */
node_item cards_inventory_item(const cards *all, int64_t slots, arena *a);
node_item cards_health_item(const cards *all, int64_t began_us, arena *a);

/* One sentence for each state, in node_health_states' order. */
const char *card_state_name(card_state s);
