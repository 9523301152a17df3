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

/* One of those that quota is borrowed from, or lent to. */
typedef struct quota_party {
	str tenant;
	int64_t device_milli, memory_mib, compute_milli;
	js_time since;
} quota_party;
JS_DECLARE(quota_party);

typedef struct quota_borrowed {
	int64_t device_milli, memory_mib, compute_milli;
	js_list from; /* of quota_party */
} quota_borrowed;
JS_DECLARE(quota_borrowed);

typedef struct quota_lent {
	int64_t device_milli, memory_mib, compute_milli;
	js_list to; /* of quota_party */
} quota_lent;
JS_DECLARE(quota_lent);

typedef struct quota_escrow {
	str cluster; /* the map's key */
	quota_axes earmarked, headroom;
} quota_escrow;
JS_DECLARE(quota_escrow);

typedef struct quota_model {
	str model; /* the map's key */
	uint64_t given, nulled;
	quota_axes guaranteed, limit, lend_limit, borrow_limit;
	quota_axes used, capacity;
	quota_borrowed borrowed;
	quota_lent lent;
	js_map escrow; /* of quota_escrow */
} quota_model;
JS_DECLARE(quota_model);

/* A class by name, or a share mode of one. */
typedef struct quota_class {
	str class; /* the map's key */
	uint64_t given, nulled;
	quota_axes limit, used;
} quota_class;
JS_DECLARE(quota_class);

typedef struct quota_reclaim {
	uint64_t given;
	int64_t after_s, grace_s;
} quota_reclaim;
JS_DECLARE(quota_reclaim);

/* A raise that counts now. */
typedef struct quota_extra {
	str id, model;
	quota_axes guaranteed, limit;
	js_time until;
} quota_extra;
JS_DECLARE(quota_extra);

typedef struct quota_condition {
	str type, model;
	js_time since;
} quota_condition;
JS_DECLARE(quota_condition);

/* Body of PUT (whole) and PATCH (merge patch), and the answer. */
typedef struct tenant_quota {
	uint64_t given, nulled;
	str id;
	str tenant;
	int64_t revision;
	js_map models;  /* of quota_model */
	js_map classes; /* of quota_class */
	int64_t weight;
	int64_t credits_limit, credits_used;
	quota_reclaim reclaim;
	js_list raises;     /* of quota_extra */
	js_list conditions; /* of quota_condition */
	str reason;
} tenant_quota;
JS_DECLARE(tenant_quota);

/* Who borrows from whom: GET /v1/quota/loans. */
typedef struct loan {
	str borrower, lender, model;
	int64_t device_milli, memory_mib, compute_milli;
	js_time since;
	str sentence;
} loan;
JS_DECLARE(loan);
