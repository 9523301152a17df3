#include "api/types/budget.h"

#define AMOUNT_MAX 1000000000000LL

enum { THRESHOLDS_MAX = 16 };

const char *const budget_units[] = {"gpu_hours", "micros", NULL};
const char *const budget_periods[] = {"day", "week", "month", "quarter", NULL}; /* engine/budget.h */
const char *const budget_actions[] = {"notify", "block_new", NULL};

#define THRESHOLDS "Percents of the amount that are told of once in each period; 1 to 1000."

#define F(...) JS_FIELD(budget, __VA_ARGS__)
static const js_field budget_fields[] = {
	F(id, JS_READ_ONLY, "Set by the server: bgt_ and a ULID."),
	F(tenant, JS_REQUIRED, "Path or id: counts its work and that of all below it.", .form = JS_TENANT_REF),
	F(description, JS_OPTIONAL, "Free text.", JS_LEN(0, 1000)),
	F(unit, JS_REQUIRED, "gpu_hours; micros needs a price book, which there is not yet.", JS_VALUES(budget_units)),
	F(period, JS_REQUIRED, "Of the calendar in UTC; weeks begin on Monday.", JS_VALUES(budget_periods)),
	F(amount, JS_REQUIRED, "In the unit.", JS_RANGE(0, AMOUNT_MAX)),
	F(thresholds, JS_OPTIONAL, THRESHOLDS, JS_ITEMS(0, THRESHOLDS_MAX), .always = true),
	F(action, JS_REQUIRED, "notify tells; block_new also keeps new work out that would pass the amount.",
		JS_VALUES(budget_actions)),
	F(spent_milli, JS_READ_ONLY, "Thousandths of the unit spent in this period.", .may_miss = true),
	F(committed_milli, JS_READ_ONLY,
		"What running work will take of this period until its max_runtime_s, or until the period's end.",
		.may_miss = true),
	F(period_begin, JS_READ_ONLY, "When this period began."),
	F(period_end, JS_READ_ONLY, "When the next one begins."),
	F(told_percent, JS_READ_ONLY, "The highest threshold that was told of in this period.", .may_miss = true),
	F(revision, JS_READ_ONLY, "Rises with each change; the ETag."),
	F(created_at, JS_READ_ONLY, "When it was made."),
	F(reason, JS_OPTIONAL, "Why; kept in the audit record.", JS_LEN(0, 500)),
};
#undef F
JS_TYPE(budget, "What may be spent below a tenant in a period.");

#define F(...) JS_FIELD(budget_patch, __VA_ARGS__)
static const js_field budget_patch_fields[] = {
	F(description, JS_OPTIONAL, "Free text.", JS_LEN(0, 1000), .nullable = true),
	F(amount, JS_OPTIONAL, "In the unit.", JS_RANGE(0, AMOUNT_MAX)),
	F(thresholds, JS_OPTIONAL, THRESHOLDS " Replaces the whole.", JS_ITEMS(0, THRESHOLDS_MAX)),
	F(action, JS_OPTIONAL, "notify or block_new.", JS_VALUES(budget_actions)),
	F(reason, JS_OPTIONAL, "Why; kept in the audit record.", JS_LEN(0, 500)),
};
#undef F
JS_TYPE_PATCH(budget_patch, "Changes of a budget as a merge patch.");
