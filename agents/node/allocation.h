/* allocation: what one container was given of this node's devices, as a folder that outlives the daemon.
 *
 *     <state>/allocations/<id>/limits   written by the node alone; the container reads it
 *     <state>/allocations/<id>/books    written by the container's processes
 *     <state>/allocations/<id>.json     whose it is and what it was given; no container sees it
 *
 * The folder appears whole (a rename is its birth) and is never replaced while the container lives: a resize or a flip
 * of priority is a store into the mapped `limits`, which programs see with their next call. What a crash left half made
 * is removed at the next start, what a power failure damaged is made again from the record, and books of an earlier
 * boot of the machine are emptied.
 */
#pragma once
#include "agents/node/lot.h"
#include "agents/node/share.h"
#include "agents/node_report.h"

enum {
	ALLOCATIONS_MAX = 4096,
	ALLOCATION_ID_MAX = 128, /* with its NUL */
	ALLOCATION_NAME_MAX = 256,
	ALLOCATION_MOUNTS = 2,
	ALLOCATION_GRACE_S = 60, /* a container may take so long to appear */
};

typedef struct allocations allocations;

/* Members are valid until the next call that makes, changes or ends an allocation. */
typedef struct allocation {
	char id[ALLOCATION_ID_MAX];
	char placement[ALLOCATION_NAME_MAX], fence[64];
	char pod_uid[64], namespace[64], pod[ALLOCATION_NAME_MAX], container[ALLOCATION_NAME_MAX];
	char uuids[LIMITS_DEVICES][64]; /* "": by ordinal */
	uint32_t n_devices;
	share share; /* its texts are in uuids, driver and nvml */
	char driver[256], nvml[256];
	bool by_maker; /* its devices are told by their maker's CDI file, not by ours */
	int64_t made_us;
	int64_t pid; /* of its first process where it is no container; 0: it is one */
	uint64_t pid_started;
	lot lot;
} allocation;

typedef enum allocation_life {
	ALLOCATION_UNSEEN, /* its container is not there: gone, or not there yet */
	ALLOCATION_LIVES,
	ALLOCATION_OVER,
} allocation_life;

typedef struct allocation_ask {
	const char *id;   /* [A-Za-z0-9._-], not beginning with a dot: <pod uid>_<container>, say */
	node_owner owner; /* its `allocation` is not looked at */
	share share;
	bool by_maker; /* as it was told whom it is made for; it stays as it was at first */
	int64_t pid;   /* of its first process where it is no container: it ends with that; 0: it is one */
} allocation_ask;

/* What a container engine is to mount. The order matters: the second lies within the first. */
typedef struct allocation_mount {
	const char *host, *container;
	bool is_read_only;
} allocation_mount;

/* allocated, ended (node_step_states); reason may be NULL. a is valid during the call. */
typedef void allocation_on_step(void *arg, const allocation *a, const char *state, const char *reason);

/* Something was made, changed or ended, and the caller of that has not returned yet: do nothing but take note. */
void allocations_on_change(allocations *all, void (*on_change)(void *arg), void *arg);

/* Reads what is there, and mends it. on_step may be NULL; it is not called for what was there. */
err allocations_open(
	const char *state_dir, allocation_on_step *on_step, void *arg, allocations **ret, fault *f) MUST_CHECK;
void allocations_close(allocations *all); /* NULL-safe; the folders stay */

/* Makes it, durably. The same id again: memory, compute, priority and the fence follow, the rest stays; where the
 * devices are others, it is made anew. ERR_BAD_FIELD, ERR_LIMIT, ERR_IO. */
err allocation_make(allocations *all, const allocation_ask *ask, const allocation **ret, fault *f) MUST_CHECK;
/* Memory, compute and priority of a running container, in effect when it returns. ERR_NOT_FOUND; ERR_CONFLICT: other
 * devices. */
err allocation_change(allocations *all, str id, const share *s, fault *f) MUST_CHECK;
/* The folder goes; whoever still runs in the container keeps its limits. ERR_NOT_FOUND. */
err allocation_end(allocations *all, str id, const char *reason, fault *f) MUST_CHECK;
/* Ends those that are over, and those that nobody sees any more or yet and are ALLOCATION_GRACE_S old. How many. */
uint32_t allocations_sweep(
	allocations *all, int64_t now_us, allocation_life (*look)(void *arg, const allocation *a), void *arg);

allocation *allocation_find(allocations *all, str id);
/* All, in no order; how many. generation goes up with each that is made or ended. */
uint32_t allocations_list(allocations *all, allocation ***ret, uint64_t *ret_generation);
/* The folder that all of them stand in. */
const char *allocations_folder(const allocations *all);
/* Texts live in a. */
void allocation_mounts(const allocations *all, const allocation *of, arena *a, allocation_mount ret[ALLOCATION_MOUNTS]);
node_owner allocation_owner(const allocation *of);
/* How many were damaged and made again, and what could not be read and was left alone, since open. */
uint32_t allocations_mended(const allocations *all);
uint32_t allocations_unread(const allocations *all);
