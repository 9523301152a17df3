/* share: what one container may use of this node's devices. From it comes the container's limits file (shim/limits.h).
 */
#pragma once
#include "base/err.h"
#include "shim/limits.h"

enum { SHARE_MEMORY_MIB_MAX = 1 << 28 };

typedef struct share_device {
	const char *uuid;      /* "GPU-...", "MIG-..."; NULL: the device with this ordinal */
	int64_t memory_mib;    /* 0: no limit */
	int64_t compute_milli; /* 0 or 1000: no limit */
} share_device;

typedef struct share {
	share_device devices[LIMITS_DEVICES];
	uint32_t n;
	bool is_low;         /* priority on the device */
	bool may_borrow;     /* idle time of neighbours; else compute_milli is a hard cap */
	bool oversubscribes; /* memory over the limit becomes managed memory */
	const char *driver,
		*nvml; /* the real libraries where the shim takes their names, as the container sees them; or NULL */
} share;

/* ERR_BAD_FIELD: a number out of its range, no device or too many, a path that is too long. */
err share_limits(const share *s, limits *ret, fault *f) MUST_CHECK;
/* What can change while a container runs: memory, compute and priority. The devices are those it was made with. */
err share_change(const share *s, limits *l, fault *f) MUST_CHECK;
