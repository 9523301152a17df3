/* session: a person who is signed in, as shown to themselves and to the platform. */
#pragma once
#include "json/js.h"

typedef struct session {
	str id, subject, name;
	strs groups;
	js_time created_at, seen_at, expires_at;
} session;
JS_DECLARE(session);

typedef struct session_query {
	uint64_t given;
	str subject;
	strs sort;
	int64_t limit;
	str cursor;
} session_query;
JS_DECLARE(session_query);
