/* quota: what a tenant is promised and may not pass, per model of device, on three axes.
 *
 * guaranteed is inclusive (it covers the children's guarantees); limit caps the subtree; lend_limit and borrow_limit
 * bound what goes to and comes from the neighbours (architecture, section 5). An axis that is not named is not checked
 * there. Amounts are totals over devices, never per device.
 */
#pragma once
#include "json/js.h"

typedef struct quota_axes {
	uint64_t given, nulled;
	int64_t device_milli, memory_mib, compute_milli;
} quota_axes;
JS_DECLARE(quota_axes);

typedef struct quota_model {
	str model; /* the map's key */
	uint64_t given, nulled;
	quota_axes guaranteed, limit, lend_limit, borrow_limit;
	quota_axes used;
} quota_model;
JS_DECLARE(quota_model);

/* Body of PUT (whole) and PATCH (merge patch), and the answer. */
typedef struct tenant_quota {
	uint64_t given, nulled;
	str id;
	str tenant;
	int64_t revision;
	js_map models; /* of quota_model */
	int64_t weight;
	int64_t credits_limit;
	js_raw conditions;
	str reason;
} tenant_quota;
JS_DECLARE(tenant_quota);
