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

/* One signed checkpoint of a chain: proof/checkpoint.h says what its bytes are. As NDJSON these members, in this order,
 * are what `reeve verify-audit` reads. */
typedef struct audit_checkpoint {
	js_raw checkpoint;
	str signature, frontier; /* hex */
} audit_checkpoint;
JS_DECLARE(audit_checkpoint);

/* GET /v1/audit/{n}/proof */
typedef struct audit_proof {
	str chain;
	int64_t n;
	strs path;
	js_raw checkpoint;
	str signature;
	js_raw record;
} audit_proof;
JS_DECLARE(audit_proof);

/* GET /v1/audit/checkpoints:consistency */
typedef struct audit_growth {
	str chain;
	strs path;
	js_raw from;
	str from_signature;
	js_raw to;
	str to_signature;
} audit_growth;
JS_DECLARE(audit_growth);

/* GET /v1/audit/key */
typedef struct audit_key {
	str key, pem;
} audit_key;
JS_DECLARE(audit_key);

/* GET /v1/audit:verify */
typedef struct verify_answer {
	bool is_intact;
	int64_t governance_records, governance_pruned, placement_records, checkpoints;
	int64_t first_broken; /* number of the first record that does not hold; 0: none */
	str broken_chain;     /* g or p */
	str broken_by;        /* number, hash, head, checkpoint, or the column that differs from the record */
	int64_t tenant_use_wrong, device_use_wrong, node_use_wrong, device_over, stream_gaps;
} verify_answer;
JS_DECLARE(verify_answer);
