/* audit: one record of the governance chain. */
#pragma once
#include "json/js.h"

typedef struct audit_record {
	int64_t n;
	js_time at;
	str actor;
	str action;
	str object_kind;
	str object_id;
	str tenant;
	str request_id;
	str outcome;
	js_raw record;
	str hash;
} audit_record;
JS_DECLARE(audit_record);
