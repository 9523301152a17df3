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

/* GET /v1/audit:verify */
typedef struct verify_answer {
	bool is_intact;
	int64_t governance_records, placement_records;
	int64_t first_broken; /* number of the first record whose hash does not follow; 0: none */
	str broken_chain;     /* g or p */
	int64_t tenant_use_wrong, device_use_wrong, node_use_wrong, device_over, stream_gaps;
} verify_answer;
JS_DECLARE(verify_answer);
