/* raise: what a tenant asks for beyond its quota, and what its parent lets pass by itself. */
#pragma once
#include "json/js.h"

/* Amounts that are added. */
typedef struct raise_axes {
	int64_t device_milli, memory_mib, compute_milli;
} raise_axes;
JS_DECLARE(raise_axes);

/* Body of POST /v1/quota-requests, and the answer. */
typedef struct raise_request {
	uint64_t given;
	str id;
	str tenant;
	str model;
	raise_axes guaranteed, limit;
	str reason;
	str reference;
	js_time from, until;
	str state;
	str requested_by;
	strs approved_by;
	bool is_automatic;
	str ended_by, ended_reason;
	str blocked;
	js_time created_at, applied_at, ended_at;
	int64_t revision;
} raise_request;
JS_DECLARE(raise_request);

typedef struct raise_deny {
	str reason;
} raise_deny;
JS_DECLARE(raise_deny);

/* GET and PUT /v1/tenants/{tenant}/raise-policy */
typedef struct raise_policy {
	uint64_t given;
	str tenant;
	int64_t auto_device_milli, auto_memory_mib, auto_compute_milli, auto_for_s;
	int64_t second_device_milli, second_memory_mib, second_compute_milli;
	str reason;
	int64_t revision;
} raise_policy;
JS_DECLARE(raise_policy);

typedef struct raise_query {
	uint64_t given;
	str tenant;
	bool subtree;
	strs state;
	strs sort;
	int64_t limit;
	str cursor;
} raise_query;
JS_DECLARE(raise_query);
