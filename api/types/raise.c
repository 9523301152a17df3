#include "api/types/raise.h"

#include "api/types/query.h"

#define AMOUNT_MAX  1000000000000LL
#define SECONDS_MAX (366 * 86400)

static const char *const raise_states[] = {
	"pending", "approved", "applied", "reverted", "denied", "cancelled", "expired", NULL};

#define F(...) JS_FIELD(raise_axes, __VA_ARGS__)
static const js_field raise_axes_fields[] = {
	F(device_milli, JS_OPTIONAL, "Thousandths of whole devices.", JS_RANGE(0, AMOUNT_MAX), .may_miss = true),
	F(memory_mib, JS_OPTIONAL, "MiB of device memory.", JS_RANGE(0, AMOUNT_MAX), .may_miss = true),
	F(compute_milli, JS_OPTIONAL, "Thousandths of a device's compute.", JS_RANGE(0, AMOUNT_MAX), .may_miss = true),
};
#undef F
JS_TYPE(raise_axes, "Amounts that are added, as totals over devices.");

#define F(...) JS_FIELD(raise_request, __VA_ARGS__)
static const js_field raise_request_fields[] = {
	F(id, JS_READ_ONLY, "rse_ and a ULID."),
	F(tenant, JS_REQUIRED, "Whose quota: path or id.", .form = JS_TENANT_REF),
	F(model, JS_REQUIRED, "Model of device.", .form = JS_CLASS_NAME),
	F(guaranteed, JS_OPTIONAL, "So much more is promised; needs until.", JS_OF(raise_axes)),
	F(limit, JS_OPTIONAL, "So much more may be used.", JS_OF(raise_axes)),
	F(reason, JS_REQUIRED, "Why, for whoever decides and the audit log.", JS_LEN(1, 500)),
	F(reference, JS_OPTIONAL, "Where else it is written about: a ticket's name or address.", JS_LEN(1, 500)),
	F(from, JS_OPTIONAL, "When it begins; absent: when it is approved."),
	F(until, JS_OPTIONAL, "When it ends by itself; absent: it stands until it is given or taken back."),
	F(state, JS_READ_ONLY, "Where it stands.", JS_VALUES(raise_states)),
	F(requested_by, JS_READ_ONLY, "Who asked."),
	F(approved_by, JS_READ_ONLY, "Who approved so far; policy: nobody had to.", .always = true),
	F(is_automatic, JS_READ_ONLY, "Whether the parent's policy granted it."),
	F(ended_by, JS_READ_ONLY, "Who ended it: a subject, or clock."),
	F(ended_reason, JS_READ_ONLY, "Why it ended."),
	F(blocked, JS_READ_ONLY, "What an approved one whose time has come waits for."),
	F(created_at, JS_READ_ONLY, "When it was asked for."),
	F(applied_at, JS_READ_ONLY, "Since when it counts."),
	F(ended_at, JS_READ_ONLY, "When it ended."),
	F(revision, JS_READ_ONLY, "Rises with each change; the ETag."),
};
#undef F
JS_TYPE_GIVEN(raise_request, "A raise of a tenant's quota.");

#define F(...) JS_FIELD(raise_deny, __VA_ARGS__)
static const js_field raise_deny_fields[] = {
	F(reason, JS_REQUIRED, "Why, for who asked and the audit log.", JS_LEN(1, 500)),
};
#undef F
JS_TYPE(raise_deny, "Why a raise is denied.");

#define F(...) JS_FIELD(raise_policy, __VA_ARGS__)
static const js_field raise_policy_fields[] = {
	F(tenant, JS_READ_ONLY, "Path of the tenant; '' is the fleet."),
	F(auto_device_milli, JS_OPTIONAL,
		"Raises of one child and model pass by themselves up to so much in all, inside what is promised to nobody; absent: none.",
		JS_RANGE(0, AMOUNT_MAX), .may_miss = true),
	F(auto_memory_mib, JS_OPTIONAL, "The same for memory.", JS_RANGE(0, AMOUNT_MAX), .may_miss = true),
	F(auto_compute_milli, JS_OPTIONAL, "The same for compute.", JS_RANGE(0, AMOUNT_MAX), .may_miss = true),
	F(auto_for_s, JS_OPTIONAL, "And for at most so long; absent: any time that ends.", JS_RANGE(0, SECONDS_MAX),
		.may_miss = true),
	F(second_device_milli, JS_OPTIONAL, "A raise of more needs two approvers; absent: one is enough.",
		JS_RANGE(0, AMOUNT_MAX), .may_miss = true),
	F(second_memory_mib, JS_OPTIONAL, "The same for memory.", JS_RANGE(0, AMOUNT_MAX), .may_miss = true),
	F(second_compute_milli, JS_OPTIONAL, "The same for compute.", JS_RANGE(0, AMOUNT_MAX), .may_miss = true),
	F(reason, JS_OPTIONAL, "Why; kept in the audit record.", JS_LEN(0, 500), .asked_only = true),
	F(revision, JS_READ_ONLY, "Rises with each change; the ETag."),
};
#undef F
JS_TYPE_GIVEN(raise_policy, "Which raises of a tenant's children pass by themselves, and which need two approvers.");

static const char *const raise_sorts[] = {SORT("tenant"), SORT("model"), SORT("state"), SORT("requested_by"),
	SORT("until"), SORT("created_at"), SORT("ended_at"), NULL};

#define F(...) JS_FIELD(raise_query, __VA_ARGS__)
static const js_field raise_query_fields[] = {
	F(tenant, JS_OPTIONAL, "Only of this tenant, by path or id; one that is not in sight is not_found.",
		.form = JS_TENANT_REF),
	F(subtree, JS_OPTIONAL, "The tenants below it too."),
	F(state, JS_OPTIONAL, "States, joined by commas.", JS_ITEMS(0, 16), JS_VALUES(raise_states)),
	SORT_FIELD(raise_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(raise_query, "Which raises.");
