#include "api/types/plan.h"

#define F(...) JS_FIELD(plan_author, __VA_ARGS__)
static const js_field plan_author_fields[] = {
	F(who, JS_OPTIONAL, "Id of who changed it."),
	F(name, JS_OPTIONAL, "Their name, where it has one."),
	F(when, JS_OPTIONAL, "When."),
	F(request, JS_OPTIONAL, "Id of the request that did it."),
	F(record, JS_OPTIONAL, "Number of its record in the governance chain."),
};
#undef F
JS_TYPE_GIVEN(plan_author, "Who changed a field since this manager last applied it, from the audit chain.");

#define F(...) JS_FIELD(plan_field, __VA_ARGS__)
static const js_field plan_field_fields[] = {
	F(live, JS_READ_ONLY, "What it is; absent: not there."),
	F(desired, JS_READ_ONLY, "What the manifest says; absent: it shall not be there."),
	F(last_applied, JS_READ_ONLY, "What the manifest said when it was last applied."),
	F(drift_by, JS_READ_ONLY, "Who changed it since.", JS_OF(plan_author)),
};
#undef F
JS_TYPE(plan_field, "One field of a change.");

#define F(...) JS_FIELD(plan_impact, __VA_ARGS__)
static const js_field plan_impact_fields[] = {
	F(live_placements, JS_OPTIONAL, "Placements of the tenants concerned that have not ended."),
	F(running_placements_over_limit, JS_OPTIONAL,
		"Of these, how many hold a model whose use passes its new limit."),
	F(placements, JS_OPTIONAL, "The first of them, by id."),
};
#undef F
JS_TYPE_GIVEN(plan_impact, "What a change means for work that is there.");

static const char *const ops[] = {"create", "update", "delete", "move", "drift", "request", NULL};
static const char *const kinds[] = {"tenant", "quota", "binding", "budget", NULL};
#define F(...) JS_FIELD(plan_change, __VA_ARGS__)
static const js_field plan_change_fields[] = {
	F(op, JS_READ_ONLY,
		"create, update, delete, move; drift: somebody else changed it and nothing is done about it; request: somebody above has to approve it, and is asked when the plan is applied.",
		JS_VALUES(ops)),
	F(kind, JS_READ_ONLY, "Of what kind of object.", JS_VALUES(kinds)),
	F(address, JS_READ_ONLY, "Path of the tenant."),
	F(item, JS_READ_ONLY, "Of a binding its subject and role, of a budget its period."),
	F(fields, JS_READ_ONLY, "What differs, by the field's path.", JS_OF(plan_field), .form = JS_FREE_TEXT),
	F(impact, JS_READ_ONLY, "What it means for work that is there.", JS_OF(plan_impact)),
	F(code, JS_READ_ONLY, "Why it is blocked: a code of the error list. Absent: it is not."),
	F(detail, JS_READ_ONLY, "The same in words."),
	F(requires, JS_READ_ONLY, "What would let it through."),
};
#undef F
JS_TYPE(plan_change, "One object that would change.");

#define F(...) JS_FIELD(plan_summary, __VA_ARGS__)
static const js_field plan_summary_fields[] = {
	F(create, JS_READ_ONLY, "Objects that would be made.", .always = true),
	F(update, JS_READ_ONLY, "Objects that would be changed or moved.", .always = true),
	F(delete, JS_READ_ONLY, "Objects that would be removed.", .always = true),
	F(noop, JS_READ_ONLY, "Objects that are as they shall be.", .always = true),
	F(drift, JS_READ_ONLY, "Objects that somebody else changed.", .always = true),
	F(blocked, JS_READ_ONLY, "Changes that cannot be made as things are.", .always = true),
	F(request, JS_READ_ONLY, "Changes that are asked of somebody above.", .always = true),
};
#undef F
JS_TYPE(plan_summary, "How many objects of each sort.");

static const char *const states[] = {"planned", "applied", "expired", NULL};
static const char *const results[] = {"none", "changes", "drift", "blocked", NULL};
#define LINE_FIELDS                                                                                                    \
	F(plan_id, JS_READ_ONLY, "Set by the server: pln_ and a ULID."), REVISION_FIELD,                               \
		F(state, JS_READ_ONLY, "planned, applied or expired.", JS_VALUES(states)),                             \
		F(manager, JS_READ_ONLY, "The manifest's manager."),                                                   \
		F(result, JS_READ_ONLY, "none, changes, drift or blocked; also the header Plan-Result.",               \
			JS_VALUES(results)),                                                                           \
		F(created_at, JS_READ_ONLY, "When it was made."),                                                      \
		F(expires_at, JS_READ_ONLY, "Until when it can be applied."),                                          \
		F(applied_at, JS_READ_ONLY, "When it was applied."), F(created_by, JS_READ_ONLY, "Who made it."),      \
		F(applied_by, JS_READ_ONLY, "Who applied it.")

#define REVISION_FIELD F(revision, JS_OPTIONAL, "The ETag; absent when it is only tried.")
#define F(...)         JS_FIELD(plan, __VA_ARGS__)
static const js_field plan_fields[] = {
	LINE_FIELDS,
	F(etag, JS_READ_ONLY, "The ETag as If-Match wants it, with its quotes."),
	F(fingerprint, JS_READ_ONLY, "Of the manifest and of every revision that was read."),
	F(applied_revision, JS_OPTIONAL, "Number of the record of its apply; those of the effects follow it.",
		.nullable = true),
	F(summary, JS_READ_ONLY, "How many objects of each sort.", JS_OF(plan_summary)),
	F(changes, JS_READ_ONLY, "Everything that would change, tenants from the top down.", JS_OF(plan_change),
		JS_ITEMS(0, 100000), .always = true),
	F(requests, JS_OPTIONAL, "Where the raises stand that applying it asked for.", JS_ITEMS(0, 100000)),
};
#undef F
JS_TYPE_GIVEN(plan, "What applying a manifest would change, as it was found.");

#undef REVISION_FIELD
#define REVISION_FIELD F(revision, JS_READ_ONLY, "The ETag.")
#define F(...)         JS_FIELD(plan_line, __VA_ARGS__)
static const js_field plan_line_fields[] = {LINE_FIELDS};
#undef F
JS_TYPE(plan_line, "A plan in a list.");

#define F(...) JS_FIELD(export_query, __VA_ARGS__)
static const js_field export_query_fields[] = {
	F(tenant, JS_OPTIONAL, "This tenant and those below it, by path or id; absent: all in sight.",
		.form = JS_TENANT_REF),
	F(manager, JS_OPTIONAL, "The manager that the manifest shall name; absent: who keeps these objects.",
		.form = JS_NAME, JS_LEN(1, 63)),
};
#undef F
JS_TYPE(export_query, "What to export.");
