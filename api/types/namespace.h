/* namespace: whose the pods of a cluster's namespace are; and of all those that have certain labels, as a selector
 * names them: "stage=prod,team=nlp".
 */
#pragma once
#include "json/js.h"

enum { SELECTOR_TERMS_MAX = 8, SELECTOR_BYTES_MAX = 1000 };

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

/* What is said of one namespace or of many stands under this: a name as it is, a selector with its labels in the order
 * of their keys, in a. The fault says what is wrong with it. */
err namespace_key(str text, arena *a, str *ret, fault *f) MUST_CHECK;
/* Whether it is a selector. */
bool namespace_is_selector(str key);
