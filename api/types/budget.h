/* budget: what may be spent below a tenant in a period of the calendar (UTC). */
#pragma once
#include "json/js.h"

typedef struct budget {
	str id, tenant, description;
	str unit, period;
	int64_t amount;
	i64s thresholds;
	str action;
	int64_t spent_milli, committed_milli;
	js_time period_begin, period_end;
	int64_t told_percent;
	int64_t revision;
	js_time created_at;
	str reason;
} budget;
JS_DECLARE(budget);

/* PATCH /v1/budgets/{id}, merge patch. */
typedef struct budget_patch {
	uint64_t given, nulled;
	str description;
	int64_t amount;
	i64s thresholds;
	str action;
	str reason;
} budget_patch;
JS_DECLARE(budget_patch);

/* The closed sets of texts above, NULL-terminated. */
extern const char *const budget_units[], *const budget_periods[], *const budget_actions[];
