/* plan: what applying a manifest would change, as it was found; and what came of applying it. */
#pragma once
#include "json/js.h"

typedef struct plan_author {
	uint64_t given;
	str who, name;
	js_time when;
	str request;
	int64_t record;
} plan_author;
JS_DECLARE(plan_author);

/* Values are JSON; absent: not there. */
typedef struct plan_field {
	str path; /* the map's key */
	js_raw live, desired, last_applied;
	plan_author drift_by;
} plan_field;
JS_DECLARE(plan_field);

typedef struct plan_impact {
	uint64_t given;
	int64_t live_placements;
	int64_t running_placements_over_limit;
	strs placements;
} plan_impact;
JS_DECLARE(plan_impact);

typedef struct plan_change {
	str op, kind, address, item;
	js_map fields; /* of plan_field */
	plan_impact impact;
	str code, detail;
	strs requires;
} plan_change;
JS_DECLARE(plan_change);

typedef struct plan_summary {
	int64_t create, update, delete, noop, drift, blocked, request;
} plan_summary;
JS_DECLARE(plan_summary);

typedef struct plan {
	uint64_t given;
	str plan_id;
	int64_t revision;
	str etag;
	str state;
	str manager;
	str fingerprint;
	str result;
	js_time created_at, expires_at, applied_at;
	str created_by, applied_by;
	int64_t applied_revision;
	plan_summary summary;
	js_list changes;
	strs requests;
} plan;
JS_DECLARE(plan);

/* A plan in a list. */
typedef struct plan_line {
	str plan_id;
	int64_t revision;
	str state, manager, result;
	js_time created_at, expires_at, applied_at;
	str created_by, applied_by;
} plan_line;
JS_DECLARE(plan_line);

typedef struct export_query {
	str tenant;
	str manager;
} export_query;
JS_DECLARE(export_query);
