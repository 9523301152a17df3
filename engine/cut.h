/* cut: how devices of one class may be given out in parts.
 *
 * A device is in one of two modes: it is shared out by amounts, or cut into instances of its geometry. Either way a
 * class may round amounts up to steps, be given whole only, or have a say in how many devices go together. All of it is
 * data: engine/cut.def has the rules of the classes that are known, by name.
 */
#pragma once
#include "engine/geometry.h"
#include "engine/link.h"

typedef enum cut_mode {
	CUT_BY_CLASS, /* as the class says */
	CUT_SHARES,
	CUT_INSTANCES,
} cut_mode;

/* What becomes of a part of a device when more than one device is asked for. */
typedef enum cut_many {
	CUT_MANY_PARTS,   /* a part of each */
	CUT_MANY_WHOLE,   /* each is given whole */
	CUT_MANY_REFUSED, /* no such thing */
} cut_many;

typedef struct class_cut {
	const geometry *geometry; /* of devices in instance mode, or NULL; must outlive the fleet */
	const share_steps *steps; /* of devices that are shared, or NULL; must outlive the fleet */
	cut_mode mode;            /* of devices that do not tell theirs; CUT_BY_CLASS: shares */
	cut_many many;
	bool is_whole;        /* never in parts */
	int32_t count_min;    /* fewer devices are raised to this */
	uint64_t counts;      /* bit c - 1: c devices may be asked for; 0: any number */
	int32_t whole_groups; /* m > 1: whole groups of exactly m devices (engine/link.h) */
	link_bind bind;
} class_cut;

/* The built-in rules of that name. False: there are none. */
bool cut_named(str name, class_cut *ret_cut);
/* How many devices are given to who asks for `count`; 0: the class is not given in this number. */
int32_t cut_count(const class_cut *cut, int32_t count, bool is_part);
/* Whether the class has a say in which devices go together, or how many. */
bool cut_is_set(const class_cut *cut);
bool cut_eq(const class_cut *a, const class_cut *b);
bool cut_is_free(const class_cut *cut); /* no rules at all: any amount of any number of devices */
