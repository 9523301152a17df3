/* vendor: what one kind of device is called in a cluster, as a row of data.
 *
 * Device plugins of all makers have their own resource names, units and annotations; HAMi's are the ones that pods and
 * nodes out there carry. A row says them all, and no code asks which maker it deals with: it reads the row. How a
 * device may be cut is in engine/cut.def under the row's `cut`; one file per maker holds the rows.
 *
 * A resource that a row does not name (NULL) does not exist for it. Amounts of a pod are per device unless the row says
 * that they are totals.
 */
#pragma once
#include "base/str.h"

enum { VENDOR_ABSENT = -1 };

/* How a node tells its devices. */
typedef enum vendor_told {
	TOLD_AS_LIST,     /* an annotation: a JSON array, or the older text with commas and colons */
	TOLD_AS_CARDS,    /* an annotation: a JSON array with totals and what is free */
	TOLD_AS_PROFILES, /* an annotation: a JSON object with devices and the sizes they are cut to */
	TOLD_AS_CAPACITY, /* by their number in the node's capacity alone */
} vendor_told;

typedef struct vendor_resources {
	const char *count;
	const char *memory, *memory_percent;
	const char *compute;
	const char *priority; /* of work on a shared device: 0 is the higher */
	const char *parts; /* counts parts of devices, `compute_whole` to a device: asked for in the place of count */
	const char *size;  /* a number of slices of one device: asked for in the place of count */
} vendor_resources;

typedef struct vendor_node {
	vendor_told told;
	const char *devices;   /* the annotation */
	const char *handshake; /* annotation by which plugin and scheduler tell that they live */
	const char *scores;    /* annotation: how well pairs of devices are linked */
	/* TOLD_AS_CAPACITY and TOLD_AS_PROFILES: names of devices are <node><infix><index>. */
	const char *infix;
	const char
		*capacity; /* resource that counts them, `per_device` of it to each; the memory resource is a total */
	int32_t per_device;
	int32_t slots;
	int64_t memory_mib; /* where nobody tells it: nominal */
	bool has_halves;    /* the second half is of NUMA node 1 */
} vendor_node;

/* Rules by product: the first row whose parts are all in the product's name, without case. */
typedef struct vendor_cut {
	const char *parts[2];
	const char *cut;
} vendor_cut;

/* An annotation of a pod that may say a few things only. */
typedef struct vendor_choice {
	const char *key;
	const char *values[4];
	const char *initial; /* what is written where a pod says nothing; NULL: nothing is */
} vendor_choice;

/* What admission makes of a container that asks for such devices: what their plugin, or the library in the container,
 * looks for, and what cannot be meant. */
typedef struct vendor_admission {
	/* A variable, and its value, by which containers that ask for none of these see none, where a cluster wants
	 * that. */
	const char *hidden_env, *hidden_value;
	const char *priority_env; /* gets the priority */
	const char *name_env;     /* gets the container's name, unless it is there */
	const char *control_env;  /* would take the container out of the control of its share */
	const char *many_key;     /* annotation: the number of devices, when there are several */
	/* Written for each of several devices, in the resources' units; with `one_too` also for one of which no memory
	 * is asked. */
	int32_t many_compute, many_memory;
	bool one_too;
	bool whole_is_exclusive; /* all of the memory takes all of the compute, unless the pod says how much */
	bool percent_is_strict;  /* 0 to 100 */
	bool is_raised;          /* number and memory are written as the rules of `cut` raise them */
	bool parts_are_single;   /* a part of a device is not given together with other devices */
	bool sizes_are_strict;   /* an amount of memory is one of the rules of `cut`, or refused */
	const char *soft_key, *soft_value; /* a pod with this annotation is not cut: any amounts, of any number */
	vendor_choice quality;             /* not of pods that say the first value of `role` */
	vendor_choice role;                /* a pod that says it asks for one device */
} vendor_admission;

typedef struct vendor {
	const char *word;  /* in annotations; unique but for device plugins of one maker that differ in their keys */
	const char *maker; /* device_class.vendor */
	const char *cut;   /* rules of its devices, in engine/cut.def; NULL: none, or those of `cuts` */
	const vendor_cut *cuts; /* ended by a row without a cut; or NULL */
	vendor_resources resources;
	int32_t memory_unit_mib; /* of the memory resource */
	/* Makers whose unit is large take smaller ones too. From this amount on it is MiB, or bytes: nobody has a
	 * device of that many units. 0: never. */
	int64_t memory_mib_from, memory_bytes_from;
	int32_t compute_whole;   /* units of the compute resource that make one device; 0: it is not shared */
	int32_t compute_unsaid;  /* in the same units, when a pod does not say; VENDOR_ABSENT: no reservation */
	int32_t compute_min;     /* the least that may be asked for, when it is */
	bool compute_is_mask;    /* the annotation of a pod names cores by bits, not by number */
	bool amounts_are_totals; /* over the devices of a container */
	bool may_lack_count;     /* an amount without a count asks for one device */
	bool is_whole;           /* never in parts */
	bool type_is_product;    /* devices of a pod are written with their product's name, not with the word */
	struct {
		const char *to_allocate,
			*allocated; /* annotations that hold the devices of a pod (agents/vendors/assigned.h) */
	} pod;
	vendor_node node;
	struct {
		const char *use_type, *no_type; /* parts of product names, without case */
		const char *use_uuid, *no_uuid;
		const char *use_uuid_also, *no_uuid_also; /* newer names of the same */
		const char *mode;                         /* how the devices must be run: "hami-core", "mig", "mps" */
	} select;
	vendor_admission admission;
} vendor;

/* All rows, in a fixed order; NULL past the last. */
const vendor *vendor_at(uint32_t i);
/* The row whose count, parts, size or amounts this resource is; NULL: none. */
const vendor *vendor_of_resource(str resource);
/* The row whose devices are told under this node annotation, or NULL. */
const vendor *vendor_of_node_key(str annotation);

/* The row of that maker whose word the product's name begins with, the longest one, without case; NULL: none. */
const vendor *vendor_of_product(const char *maker, str product);

/* The name of the rules of this product's devices, or NULL. */
const char *vendor_cut_of(const vendor *v, str product);
/* Whether `part` stands in s, without case; an empty part does. */
bool vendor_has_part(str s, str part);

/* A row of the tables, for the files that hold them. */
typedef struct vendor_rows {
	const vendor *v;
	uint32_t n;
} vendor_rows;
#define VENDOR_ROWS(maker, ...)                                                                                        \
	static const vendor maker##_table[] = {__VA_ARGS__};                                                           \
	const vendor_rows maker##_rows = {maker##_table, sizeof(maker##_table) / sizeof(maker##_table[0])}
