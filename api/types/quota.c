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
};
#undef F
JS_TYPE_PATCH(quota_model, "Quota of one model of device.");

#define F(...) JS_FIELD(tenant_quota, __VA_ARGS__)
static const js_field tenant_quota_fields[] = {
	F(id, JS_READ_ONLY, "Set by the server: quo_ and a ULID."),
	F(tenant, JS_READ_ONLY, "Path of the tenant."),
	F(revision, JS_READ_ONLY, "Rises with each change; the ETag."),
	F(models, JS_OPTIONAL, "Quota by model.", JS_OF(quota_model), JS_ITEMS(0, 64), .always = true),
	F(weight, JS_OPTIONAL, "Share of what is left over, against its siblings; 1000 is ordinary.",
		JS_RANGE(0, 1000000), JS_INITIAL(1000)),
	F(credits_limit, JS_OPTIONAL,
		"Cap on device_milli times the models' credit rates, so that unlike devices compare.",
		JS_RANGE(0, QUOTA_MAX), .nullable = true),
	F(conditions, JS_READ_ONLY, "over_limit, over_guaranteed, guarantee_infeasible."),
	F(reason, JS_OPTIONAL, "Why; kept in the audit record.", JS_LEN(0, 500)),
};
#undef F
JS_TYPE_PATCH(tenant_quota, "What a tenant is promised and may not pass.");
