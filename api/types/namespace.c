#include "api/types/namespace.h"

#include "api/types/query.h"

#define F(...) JS_FIELD(namespace_tenant, __VA_ARGS__)
static const js_field namespace_tenant_fields[] = {
	F(cluster, JS_READ_ONLY, "Name of the cluster."),
	F(namespace, JS_READ_ONLY, "Named by the URL.", JS_LEN(1, 63)),
	F(tenant, JS_REQUIRED, "Whose its pods are, by path or id.", .form = JS_TENANT_REF),
	F(revision, JS_READ_ONLY, "Rises with each change; the ETag."),
	F(reason, JS_OPTIONAL, "Why; kept in the audit record.", JS_LEN(0, 500)),
};
#undef F
JS_TYPE(namespace_tenant, "Whose the pods of a namespace are.");

static const char *const namespace_sorts[] = {SORT("namespace"), SORT("tenant"), NULL};

#define F(...) JS_FIELD(namespace_query, __VA_ARGS__)
static const js_field namespace_query_fields[] = {
	F(tenant, JS_OPTIONAL, "Only those of this tenant, by path or id; one that is not in sight is not_found.",
		.form = JS_TENANT_REF),
	SORT_FIELD(namespace_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(namespace_query, "Which namespaces.");
