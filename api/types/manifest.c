#include "api/types/manifest.h"
#include "api/types/budget.h"
#include "api/types/label.h"

#define F(...) JS_FIELD(manifest_binding, __VA_ARGS__)
static const js_field manifest_binding_fields[] = {
	F(roles, JS_REQUIRED, "Roles of GET /v1/roles, each bound there without an end.", JS_ITEMS(1, 16)),
};
#undef F
JS_TYPE(manifest_binding, "What a subject holds at a tenant.");

#define F(...) JS_FIELD(manifest_budget, __VA_ARGS__)
static const js_field manifest_budget_fields[] = {
	F(description, JS_OPTIONAL, "Free text.", JS_LEN(0, 1000)),
	F(amount, JS_REQUIRED, "GPU hours.", JS_RANGE(0, 1000000000000LL)),
	F(thresholds, JS_OPTIONAL, "Percents of the amount that are told of, rising.", JS_ITEMS(0, 16)),
	F(action, JS_REQUIRED, "notify or block_new.", JS_VALUES(budget_actions)),
};
#undef F
JS_TYPE_GIVEN(manifest_budget, "A budget in GPU hours.");

#define F(...) JS_FIELD(manifest_tenant, __VA_ARGS__)
static const js_field manifest_tenant_fields[] = {
	F(from, JS_OPTIONAL,
		"Path where it stood before: it is moved from there, with everything below it. Nothing once it stands here.",
		JS_LEN(1, 511)),
	F(description, JS_OPTIONAL, "Free text.", JS_LEN(0, 1000)),
	F(labels, JS_OPTIONAL, "Object of texts; the whole of them.", LABELS),
	F(quota, JS_OPTIONAL, "As the body of PUT /v1/tenants/{tenant}/quota; of what it names, the whole.",
		JS_OF(tenant_quota)),
	F(bindings, JS_OPTIONAL, "Who holds which roles here, by subject: user:NAME, group:NAME or service:NAME.",
		JS_OF(manifest_binding), .form = JS_FREE_TEXT, JS_ITEMS(0, 256)),
	F(budgets, JS_OPTIONAL, "Budgets in GPU hours, by period: day, week, month or quarter.", JS_OF(manifest_budget),
		.form = JS_NAME, JS_ITEMS(0, 4)),
	F(tenants, JS_OPTIONAL, "Tenants below it, by name.", JS_OF(manifest_tenant), .form = JS_NAME,
		JS_ITEMS(0, MANIFEST_TENANTS_MAX)),
};
#undef F
JS_TYPE_GIVEN(manifest_tenant, "One tenant of a manifest.");

static const char *const on_drift_values[] = {"fail", "overwrite", "adopt", NULL};

#define F(...) JS_FIELD(manifest, __VA_ARGS__)
static const js_field manifest_fields[] = {
	JS_FIELD_AS(manifest, schema, "$schema", JS_OPTIONAL, "Address of this schema, for editors.", JS_LEN(0, 500)),
	F(manager, JS_REQUIRED, "Who keeps everything below: an object has one manager.", .form = JS_NAME,
		JS_LEN(1, 63)),
	F(prune, JS_OPTIONAL, "Remove what this manager made and the manifest no longer lists; never anything else."),
	F(adopt, JS_OPTIONAL, "Take over objects that another manager keeps."),
	F(on_drift, JS_OPTIONAL,
		"What becomes of a field that somebody else changed: fail, overwrite it, or adopt what it is now.",
		JS_VALUES(on_drift_values)),
	F(tenants, JS_REQUIRED, "The topmost tenants, by name.", JS_OF(manifest_tenant), .form = JS_NAME,
		JS_ITEMS(0, MANIFEST_TENANTS_MAX), .always = true),
};
#undef F
JS_TYPE(manifest, "What a tree of tenants shall look like.");
