#include "agents/kube/kube.h"
#include "json/js.h"

typedef struct status_details {
	int64_t retry_after_s;
} status_details;
static const js_field status_details_fields[] = {
	JS_FIELD_AS(status_details, retry_after_s, "retryAfterSeconds", JS_OPTIONAL, "Seconds."),
};
static JS_TYPE(status_details, "More of a refusal.");

typedef struct status_object {
	str kind, reason, message;
	int64_t code;
	status_details details;
} status_object;
#define F(...) JS_FIELD(status_object, __VA_ARGS__)
static const js_field status_object_fields[] = {
	F(kind, JS_OPTIONAL, "Status."),
	F(reason, JS_OPTIONAL, "The machine's word."),
	F(message, JS_OPTIONAL, "A sentence.", JS_LEN(0, KUBE_REFUSAL_MAX)),
	F(code, JS_OPTIONAL, "HTTP status."),
	F(details, JS_OPTIONAL, "More.", JS_OF(status_details)),
};
#undef F
static JS_TYPE(status_object, "What the API server answers in the place of an object.");

kube_status kube_status_read(str body, arena *a)
{
	status_object s;

	if (!body.n || js_read_output(&status_object_type, body, a, &s, NULL) || !str_eq(s.kind, S("Status")))
		return (kube_status){0};
	return (kube_status){s.reason, s.message, s.code, s.details.retry_after_s};
}
