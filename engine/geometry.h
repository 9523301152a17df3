/* geometry: how one device may be cut into instances, and which cuts are left.
 *
 * A geometry is data: profiles, each of which takes slots (at a legal start, without overlap), amounts of counted
 * resources, or both. NVIDIA's MIG is slots for the memory and a counted resource for the compute slices; templates of
 * Ascend, Enflame or Biren are counted resources alone. Nothing here knows a vendor: built-in geometries are rows of
 * engine/geometry.def, others are built from what an agent reports and checked by geometry_is_sound.
 *
 * The state of one device is 16 bytes; taking and giving are exact inverses. Nothing allocates; all calls are bounded.
 */
#pragma once
#include "base/str.h"
#include "engine/share.h"

enum {
	GEOMETRY_NONE = -1,
	GEOMETRY_PROFILES_MAX = 32,
	GEOMETRY_SLOTS_MAX = 16,
	GEOMETRY_COUNTS = 3, /* counted resources; 0 is compute */
	GEOMETRY_COMPUTE = 0,
	GEOMETRY_BATCH_MAX = 32,    /* instances placed at once */
	GEOMETRY_VISITS_MAX = 20000 /* of a search over several instances; what was best by then counts */
};

typedef enum profile_flag {
	PROFILE_NAMED = 1, /* only for who names it; amounts are served by the others */
	PROFILE_HIGH = 2,  /* HAMi tries its high starts first */
} profile_flag;

typedef struct geometry_profile {
	str name;
	int64_t memory_mib; /* what an instance has and is charged */
	uint32_t takes[GEOMETRY_COUNTS];
	uint16_t starts; /* bit s: may begin at slot s */
	uint8_t width;   /* slots; 0: it has no position, its only start is 0 */
	uint8_t flags;   /* profile_flag */
} geometry_profile;

typedef struct geometry {
	str name;
	const geometry_profile *profiles; /* by rising size */
	int32_t n_profiles;
	int32_t n_slots;
	uint32_t has[GEOMETRY_COUNTS]; /* 0: not counted */
	bool is_uniform;               /* all instances of a device are of one profile */
} geometry;

typedef struct geometry_state {
	uint32_t used[GEOMETRY_COUNTS];
	uint16_t occupied; /* slots */
	uint8_t n;         /* instances */
	uint8_t only;      /* the profile of all of them, while n > 0, in a uniform geometry; else 0 */
} geometry_state;

/* The built-in geometry of that name, or NULL. */
const geometry *geometry_find(str name);
/* The ith built-in geometry, or NULL past the last. */
const geometry *geometry_at(int32_t i);
/* Whether the data can be worked with: sizes in range, starts inside, nothing takes more than there is. */
bool geometry_is_sound(const geometry *g);
/* The profile of that name, or GEOMETRY_NONE. */
int32_t geometry_profile_find(const geometry *g, str name);

/* Starts at which the profile may be placed now: bit s. Without a position: bit 0. */
uint32_t geometry_starts(const geometry *g, const geometry_state *s, int32_t profile);
static inline bool geometry_may(const geometry *g, const geometry_state *s, int32_t profile, int32_t start)
{
	return start >= 0 && start < GEOMETRY_SLOTS_MAX && (geometry_starts(g, s, profile) >> start & 1) != 0;
}

/* geometry_take asserts geometry_may; geometry_give asserts that such an instance can be there. */
void geometry_take(const geometry *g, geometry_state *s, int32_t profile, int32_t start);
void geometry_give(const geometry *g, geometry_state *s, int32_t profile, int32_t start);

/* How many instances of this one profile could still be placed. */
int32_t geometry_room(const geometry *g, const geometry_state *s, int32_t profile);

/* Thousandths of the device's compute that an instance has: floor(1000 x units / units of the device). */
int64_t geometry_compute_milli(const geometry *g, int32_t profile);
/* What `count` instances are charged: their own MiB and geometry_compute_milli. */
amounts geometry_charge(const geometry *g, int32_t profile, int64_t device_memory_mib, int64_t count);

typedef struct geometry_ask {
	int64_t memory_mib;     /* 0: any */
	int64_t memory_percent; /* of the device, 0: not stated. Of slots where there are any: 25 is 2 of 8, though the
				   driver keeps some MiB of them. HAMi's rule is share_memory_mib and memory_mib. */
	int64_t compute_milli;  /* 0: any */
	uint32_t allowed;       /* bit p: profile p may serve; 0: all but those flagged PROFILE_NAMED */
} geometry_ask;
/* The smallest profile that serves: least memory, then least compute, then first. With a state only those that can be
 * placed in it now. GEOMETRY_NONE: none. */
int32_t geometry_serve(const geometry *g, const geometry_state *s, const geometry_ask *want, int64_t device_memory_mib);

/* Amounts that a device shares out in steps: up to the next step. `sizes` is an own list of sizes, rising, ended by 0.
 */
typedef struct share_steps {
	str name;
	int64_t memory_step_mib; /* 0: any amount */
	int64_t compute_steps;   /* of the whole device; 0: any amount */
	const int64_t *sizes_mib;
} share_steps;
/* The built-in steps of that name, or NULL. */
const share_steps *share_steps_find(str name);
/* An amount above the last of an own list is 0: it cannot be served by a share. */
int64_t share_steps_memory(const share_steps *s, int64_t memory_mib);
int64_t share_steps_compute(const share_steps *s, int64_t compute_milli); /* at most 1000 */
