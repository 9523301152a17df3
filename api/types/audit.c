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
