/* reservation: devices that are kept for a tenant for a time. */
#pragma once
#include "base/err.h"
#include "json/js.h"

typedef struct reservation_request {
	uint64_t given;
	str id, tenant, name;
	js_time starts_at, ends_at;
	str cluster, class;
	int64_t count, per_node;
	int64_t memory_mib, compute_milli; /* of each device */
	strs uuids;
	str state;
	js_list placed;   /* of placed_pod */
	js_list blockers; /* of placement_blocker */
	int64_t unused_device_milli, unused_memory_mib, unused_compute_milli;
	int64_t revision;
	js_time created_at;
	str reason;
} reservation_request;
JS_DECLARE(reservation_request);

extern const char *const reservation_states[]; /* NULL-terminated */

/* Rules across fields: uuids or a class, not both; count is that of uuids, or a multiple of per_node; no uuid twice. */
err reservation_request_check(const reservation_request *q, fault *f) MUST_CHECK;
