/* watch_kind: what can be followed, and the right that shows it. */
#pragma once
#include "api/rights.h"

typedef enum watch_kind {
	WATCH_TENANT,
	WATCH_QUOTA,
	WATCH_BUDGET,
	WATCH_CLUSTER,
	WATCH_DEVICE_CLASS,
	WATCH_TOKEN,
	WATCH_BINDING,
	WATCH_PLACEMENT,
	WATCH_RESERVATION,
	WATCH_RAISE,
	WATCH_POLICY,
	WATCH_PRIORITY,
	WATCH_TRUST,
	WATCH_KINDS
} watch_kind;

extern const char *const watch_kind_names[WATCH_KINDS];
/* The right that shows objects of the kind, at their tenant. */
right watch_kind_right(watch_kind kind);
/* -1: no such kind. */
int watch_kind_find(str name);
