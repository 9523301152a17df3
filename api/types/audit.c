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

#define F(...) JS_FIELD(audit_checkpoint, __VA_ARGS__)
static const js_field audit_checkpoint_fields[] = {
	F(checkpoint, JS_READ_ONLY, "What is signed, as these bytes: chain, size, root, hash, prev, at, key."),
	F(signature, JS_READ_ONLY, "Ed25519 over them, hex."),
	F(frontier, JS_READ_ONLY,
		"Roots of the complete subtrees of the tree at that size, largest first, hex: they fold to the root."),
};
#undef F
JS_TYPE(audit_checkpoint, "A signed checkpoint of a chain.");

#define F(...) JS_FIELD(audit_proof, __VA_ARGS__)
static const js_field audit_proof_fields[] = {
	F(chain, JS_READ_ONLY, "g or p."),
	F(n, JS_READ_ONLY, "The record's number; its leaf has the index n - 1."),
	F(path, JS_READ_ONLY, "Hashes from the leaf to the root, hex (RFC 9162, 2.1.3).", .always = true),
	F(checkpoint, JS_READ_ONLY, "The signed checkpoint that holds the root, as its bytes."),
	F(signature, JS_READ_ONLY, "Of the checkpoint, hex."),
	F(record, JS_READ_ONLY, "The record; its leaf is SHA-256(0x00, these bytes)."),
};
#undef F
JS_TYPE(audit_proof, "That a record is in a chain, without any other record.");

#define F(...) JS_FIELD(audit_growth, __VA_ARGS__)
static const js_field audit_growth_fields[] = {
	F(chain, JS_READ_ONLY, "g or p."),
	F(path, JS_READ_ONLY, "The consistency proof, hex (RFC 9162, 2.1.4).", .always = true),
	F(from, JS_READ_ONLY, "The older checkpoint, as its bytes."),
	F(from_signature, JS_READ_ONLY, "Hex."),
	F(to, JS_READ_ONLY, "The newer one."),
	F(to_signature, JS_READ_ONLY, "Hex."),
};
#undef F
JS_TYPE(audit_growth, "That a chain only grew between two checkpoints.");

#define F(...) JS_FIELD(audit_key, __VA_ARGS__)
static const js_field audit_key_fields[] = {
	F(key, JS_READ_ONLY, "The Ed25519 public key, hex, as checkpoints name it."),
	F(pem, JS_READ_ONLY, "The same for openssl and reeve verify-audit."),
};
#undef F
JS_TYPE(audit_key, "What checkpoints are signed by.");

#define F(...) JS_FIELD(verify_answer, __VA_ARGS__)
static const js_field verify_answer_fields[] = {
	F(is_intact, JS_READ_ONLY, "Both chains and the books hold.", .always = true),
	F(governance_records, JS_READ_ONLY, "Records of the governance chain.", .always = true),
	F(governance_pruned, JS_READ_ONLY,
		"Up to this number they are kept no longer: the chain is followed from the checkpoint of this size on. 0: all are kept.",
		.always = true),
	F(placement_records, JS_READ_ONLY, "Records of the placements chain.", .always = true),
	F(checkpoints, JS_READ_ONLY, "Signed checkpoints of both.", .always = true),
	F(first_broken, JS_READ_ONLY, "First record that does not hold; 0: none.", .always = true),
	F(broken_chain, JS_READ_ONLY, "g or p, when there is one."),
	F(broken_by, JS_READ_ONLY,
		"What shows it: number (one is missing or moved), hash, head (of the chain), checkpoint, or the column that differs from the record."),
	F(tenant_use_wrong, JS_READ_ONLY, "Totals of tenants that differ from a recomputation.", .always = true),
	F(device_use_wrong, JS_READ_ONLY, "Devices whose booked amounts differ from a recomputation.", .always = true),
	F(node_use_wrong, JS_READ_ONLY, "Nodes whose pods differ from a recomputation.", .always = true),
	F(device_over, JS_READ_ONLY, "Devices that hold more than they have.", .always = true),
	F(stream_gaps, JS_READ_ONLY, "Streams of clusters that have gaps.", .always = true),
};
#undef F
JS_TYPE(verify_answer, "Whether both chains and the books hold.");
