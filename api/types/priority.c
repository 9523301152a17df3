#include "api/types/priority.h"

#define F(...) JS_FIELD(priority_class, __VA_ARGS__)
static const js_field priority_class_fields[] = {
	F(name, JS_READ_ONLY, "Named by the URL; what requests name.", .form = JS_NAME, JS_LEN(1, 63)),
	F(value, JS_REQUIRED, "The tier: the higher value goes first.", JS_RANGE(-1000000, 1000000), .always = true),
	F(preemptible, JS_OPTIONAL,
		"Whether its work may be evicted, unless a request says otherwise: what is borrowed, for those whose guarantee it is or "
		"who have a higher priority; and its own tenant's, for that tenant's higher priorities.",
		JS_INITIAL(1), .always = true),
	F(may_preempt, JS_OPTIONAL, "Whether its work may evict others' to get room.", .always = true),
	F(reserve_after_s, JS_OPTIONAL,
		"After so long the first of the highest tier gets room reserved, around which only shorter work may pass.",
		JS_RANGE(0, 31622400), JS_INITIAL(600), .always = true),
	F(min_runtime_s, JS_OPTIONAL, "Not evicted before it has had its devices for so long.", JS_RANGE(0, 31622400),
		JS_INITIAL(120), .always = true),
	F(grace_s, JS_OPTIONAL, "How long it may take to end when it is evicted.", JS_RANGE(0, 86400), JS_INITIAL(30),
		.always = true),
	F(revision, JS_READ_ONLY, "Rises with each change; the ETag."),
};
#undef F
JS_TYPE(priority_class, "A class of work in the queue.");
