#include "api/types/audit.h"

#define F(...) JS_FIELD(audit_record, __VA_ARGS__)
static const js_field audit_record_fields[] = {
	F(n, JS_READ_ONLY, "Its number in the chain, without gaps."),
	F(at, JS_READ_ONLY, "When it was committed."),
	F(actor, JS_READ_ONLY, "Who did it."),
	F(action, JS_READ_ONLY, "What was done: tenant.create, quota.update, ..."),
	F(object_kind, JS_READ_ONLY, "To what kind of object."),
	F(object_id, JS_READ_ONLY, "To which."),
	F(tenant, JS_READ_ONLY, "Path of the tenant it belongs to."),
	F(request_id, JS_READ_ONLY, "The request that asked for it."),
	F(outcome, JS_READ_ONLY, "done, or the code of the refusal."),
	F(record, JS_READ_ONLY, "The whole record; hash = SHA-256(previous hash, these bytes)."),
	F(hash, JS_READ_ONLY, "Lower-case hex."),
};
#undef F
JS_TYPE(audit_record, "A record of the governance chain.");

#define F(...) JS_FIELD(verify_answer, __VA_ARGS__)
static const js_field verify_answer_fields[] = {
	F(is_intact, JS_READ_ONLY, "Both chains and the books hold.", .always = true),
	F(governance_records, JS_READ_ONLY, "Records of the governance chain.", .always = true),
	F(placement_records, JS_READ_ONLY, "Records of the placements chain.", .always = true),
	F(first_broken, JS_READ_ONLY, "First record whose hash does not follow from the one before; 0: none.",
		.always = true),
	F(broken_chain, JS_READ_ONLY, "g or p, when there is one."),
	F(tenant_use_wrong, JS_READ_ONLY, "Totals of tenants that differ from a recomputation.", .always = true),
	F(device_use_wrong, JS_READ_ONLY, "Devices whose booked amounts differ from a recomputation.", .always = true),
	F(node_use_wrong, JS_READ_ONLY, "Nodes whose pods differ from a recomputation.", .always = true),
	F(device_over, JS_READ_ONLY, "Devices that hold more than they have.", .always = true),
	F(stream_gaps, JS_READ_ONLY, "Streams of clusters that have gaps.", .always = true),
};
#undef F
JS_TYPE(verify_answer, "Whether both chains and the books hold.");
