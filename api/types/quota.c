#include "api/types/quota.h"

#define QUOTA_MAX 1000000000000LL

#define F(...) JS_FIELD(quota_axes, __VA_ARGS__)
static const js_field quota_axes_fields[] = {
	F(device_milli, JS_OPTIONAL, "Thousandths of whole devices.", JS_RANGE(0, QUOTA_MAX), .nullable = true),
	F(memory_mib, JS_OPTIONAL, "MiB of device memory.", JS_RANGE(0, QUOTA_MAX), .nullable = true),
	F(compute_milli, JS_OPTIONAL, "Thousandths of a device's compute.", JS_RANGE(0, QUOTA_MAX), .nullable = true),
};
#undef F
JS_TYPE_PATCH(quota_axes, "Amounts on the three axes, as totals over devices.");

#define F(...) JS_FIELD(quota_party, __VA_ARGS__)
static const js_field quota_party_fields[] = {
	F(tenant, JS_READ_ONLY,
		"Path; '' is the fleet. Who is out of the reader's sight is told as the ancestor of both."),
	F(device_milli, JS_READ_ONLY, "Thousandths of whole devices."),
	F(memory_mib, JS_READ_ONLY, "MiB of device memory."),
	F(compute_milli, JS_READ_ONLY, "Thousandths of a device's compute."),
	F(since, JS_READ_ONLY, "Since when the borrower borrows of this model."),
};
#undef F
JS_TYPE(quota_party, "The other side of a loan.");

#define F(...) JS_FIELD(quota_borrowed, __VA_ARGS__)
static const js_field quota_borrowed_fields[] = {
	F(device_milli, JS_READ_ONLY, "Thousandths of whole devices."),
	F(memory_mib, JS_READ_ONLY, "MiB of device memory."),
	F(compute_milli, JS_READ_ONLY, "Thousandths of a device's compute."),
	F(from, JS_READ_ONLY, "The lenders, the largest first, at most 100.", JS_OF(quota_party)),
};
#undef F
JS_TYPE(quota_borrowed, "What a subtree uses of others' guarantees; the nearest lend first.");

#define F(...) JS_FIELD(quota_lent, __VA_ARGS__)
static const js_field quota_lent_fields[] = {
	F(device_milli, JS_READ_ONLY, "Thousandths of whole devices."),
	F(memory_mib, JS_READ_ONLY, "MiB of device memory."),
	F(compute_milli, JS_READ_ONLY, "Thousandths of a device's compute."),
	F(to, JS_READ_ONLY, "The borrowers, the largest first, at most 100.", JS_OF(quota_party)),
};
#undef F
JS_TYPE(quota_lent, "What others use of a subtree's guarantee.");

#define F(...) JS_FIELD(quota_escrow, __VA_ARGS__)
static const js_field quota_escrow_fields[] = {
	F(earmarked, JS_READ_ONLY, "For placements that were granted there.", JS_OF(quota_axes)),
	F(headroom, JS_READ_ONLY, "Lent to the cluster for pods to come; counts as use.", JS_OF(quota_axes)),
};
#undef F
JS_TYPE(quota_escrow, "What stands on one cluster.");

#define F(...) JS_FIELD(quota_class, __VA_ARGS__)
static const js_field quota_class_fields[] = {
	F(limit, JS_OPTIONAL, "Never passed by this subtree.", JS_OF(quota_axes), .nullable = true),
	F(used, JS_READ_ONLY, "In use by this subtree now.", JS_OF(quota_axes)),
};
#undef F
JS_TYPE_PATCH(quota_class, "A limit on a class, or on one share mode of it, beside the limits on models.");

#define F(...) JS_FIELD(quota_reclaim, __VA_ARGS__)
static const js_field quota_reclaim_fields[] = {
	F(after_s, JS_REQUIRED, "How long use may stand above a limit before it is taken back.", JS_RANGE(0, 2592000)),
	F(grace_s, JS_OPTIONAL, "How long work that is revoked has to end.", JS_RANGE(0, 86400), JS_INITIAL(30)),
};
#undef F
JS_TYPE_GIVEN(quota_reclaim, "Whether work is revoked when a limit was lowered below use.");

#define F(...) JS_FIELD(quota_condition, __VA_ARGS__)
static const js_field quota_condition_fields[] = {
	F(type, JS_READ_ONLY, "over_limit, over_credits_limit, over_guaranteed, borrowing or guarantee_infeasible."),
	F(model, JS_READ_ONLY, "Of which model; absent: of all."),
	F(since, JS_READ_ONLY, "Since when."),
};
#undef F
JS_TYPE(quota_condition, "What is out of the ordinary about a quota.");

#define F(...) JS_FIELD(quota_extra, __VA_ARGS__)
static const js_field quota_extra_fields[] = {
	F(id, JS_READ_ONLY, "Of the request: GET /v1/quota-requests/{id}."),
	F(model, JS_READ_ONLY, "Model of device."),
	F(guaranteed, JS_READ_ONLY, "Promised beside the guarantee that is set.", JS_OF(quota_axes)),
	F(limit, JS_READ_ONLY, "Allowed beside the limit that is set.", JS_OF(quota_axes)),
	F(until, JS_READ_ONLY, "When it ends by itself; absent: it stands until it is given or taken back."),
};
#undef F
JS_TYPE(quota_extra, "A raise that counts now.");

#define F(...) JS_FIELD(loan, __VA_ARGS__)
static const js_field loan_fields[] = {
	F(borrower, JS_READ_ONLY, "Path of the tenant whose work passes its own guarantee."),
	F(lender, JS_READ_ONLY, "Path of the tenant that leaves this unused; '' is the fleet."),
	F(model, JS_READ_ONLY, "Model of device."),
	F(device_milli, JS_READ_ONLY, "Thousandths of whole devices."),
	F(memory_mib, JS_READ_ONLY, "MiB of device memory."),
	F(compute_milli, JS_READ_ONLY, "Thousandths of a device's compute."),
	F(since, JS_READ_ONLY, "Since when the borrower borrows of this model."),
	F(sentence, JS_READ_ONLY, "All of this as one sentence."),
};
#undef F
JS_TYPE(loan, "Who borrows from whom.");

#define F(...) JS_FIELD(quota_model, __VA_ARGS__)
static const js_field quota_model_fields[] = {
	F(guaranteed, JS_OPTIONAL, "Promised to this subtree; covers the children's guarantees.", JS_OF(quota_axes),
		.nullable = true),
	F(limit, JS_OPTIONAL, "Never passed by this subtree.", JS_OF(quota_axes), .nullable = true),
	F(lend_limit, JS_OPTIONAL, "At most this much of the unused guarantee goes to others; absent: all.",
		JS_OF(quota_axes), .nullable = true),
	F(borrow_limit, JS_OPTIONAL, "At most this much comes from others; absent: no bound.", JS_OF(quota_axes),
		.nullable = true),
	F(used, JS_READ_ONLY, "In use by this subtree now.", JS_OF(quota_axes)),
	F(capacity, JS_READ_ONLY, "Of the fleet alone: what it has, or what is pinned.", JS_OF(quota_axes)),
	F(borrowed, JS_READ_ONLY, "From others.", JS_OF(quota_borrowed)),
	F(lent, JS_READ_ONLY, "To others.", JS_OF(quota_lent)),
	F(escrow, JS_READ_ONLY, "By cluster.", JS_OF(quota_escrow)),
};
#undef F
JS_TYPE_PATCH(quota_model, "Quota of one model of device.");

#define F(...) JS_FIELD(tenant_quota, __VA_ARGS__)
static const js_field tenant_quota_fields[] = {
	F(id, JS_READ_ONLY, "Set by the server: quo_ and a ULID."),
	F(tenant, JS_READ_ONLY, "Path of the tenant."),
	F(revision, JS_READ_ONLY, "Rises with each change; the ETag. A manifest has none.", .may_miss = true),
	F(models, JS_OPTIONAL, "Quota by model.", JS_OF(quota_model), JS_ITEMS(0, 64), .always = true),
	F(classes, JS_OPTIONAL, "Limits on classes and share modes: h100-80g.mig-3g.40gb.", JS_OF(quota_class),
		JS_ITEMS(0, 64), .always = true),
	F(weight, JS_OPTIONAL, "Share of what is left over, against its siblings; 1000 is ordinary.",
		JS_RANGE(0, 1000000), JS_INITIAL(1000)),
	F(credits_limit, JS_OPTIONAL,
		"Cap on device_milli times the models' credit rates, so that unlike devices compare.",
		JS_RANGE(0, QUOTA_MAX), .nullable = true),
	F(credits_used, JS_READ_ONLY, "Credits in use by this subtree now. A manifest tells none.", .may_miss = true),
	F(reclaim, JS_OPTIONAL, "What becomes of use above a limit; absent: it ends by itself.", JS_OF(quota_reclaim),
		.nullable = true),
	F(raises, JS_READ_ONLY, "What counts beside the amounts above, which are those that were set.",
		JS_OF(quota_extra)),
	F(conditions, JS_READ_ONLY, "What is out of the ordinary.", JS_OF(quota_condition)),
	F(reason, JS_OPTIONAL, "Why; kept in the audit record.", JS_LEN(0, 500)),
};
#undef F
JS_TYPE_PATCH(tenant_quota, "What a tenant is promised and may not pass.");
