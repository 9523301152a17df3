/* namespace: whose the pods of a cluster's namespace are. */
#pragma once
#include "json/js.h"

typedef struct namespace_tenant {
	str cluster, namespace, tenant;
	int64_t revision;
	str reason;
} namespace_tenant;
JS_DECLARE(namespace_tenant);

typedef struct namespace_query {
	uint64_t given;
	str tenant;
	strs sort;
	int64_t limit;
	str cursor;
} namespace_query;
JS_DECLARE(namespace_query);
