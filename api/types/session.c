#include "api/types/session.h"

#include "api/types/query.h"

#define F(...) JS_FIELD(session, __VA_ARGS__)
static const js_field session_fields[] = {
	F(id, JS_READ_ONLY, "ses_ and a ULID; not the secret."),
	F(subject, JS_READ_ONLY, "user: and what the identity provider calls them."),
	F(name, JS_READ_ONLY, "For people."),
	F(groups, JS_READ_ONLY, "The groups they were in when they signed in.", .always = true, JS_ITEMS(0, 64)),
	F(created_at, JS_READ_ONLY, "When they signed in."),
	F(seen_at, JS_READ_ONLY, "When it was last used, to a minute; an hour after that it ends."),
	F(expires_at, JS_READ_ONLY, "When it ends at the latest."),
};
#undef F
JS_TYPE(session, "Somebody who is signed in with a browser.");

static const char *const session_sorts[] = {SORT("subject"), SORT("created_at"), SORT("seen_at"), NULL};

#define F(...) JS_FIELD(session_query, __VA_ARGS__)
static const js_field session_query_fields[] = {
	F(subject, JS_OPTIONAL, "Only those of this person.", JS_LEN(1, 159)),
	SORT_FIELD(session_sorts),
	PAGE_FIELDS,
};
#undef F
JS_TYPE_GIVEN(session_query, "Whose sessions.");
