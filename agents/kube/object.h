/* object: what every object of the API server has, read from its text without building anything. */
#pragma once
#include "base/arena.h"

enum {
	OBJECT_DEPTH_MAX = 60,
	OBJECT_NAME_MAX = 253,
	OBJECT_SPACE_MAX = 63,
	OBJECT_KEY_MAX = 2 * OBJECT_NAME_MAX + 2,
	OBJECT_VERSION_MAX = 64,
	OBJECT_UID_MAX = 128,
};

/* Whether it can be the name of a pod, node or namespace (RFC 1123: small letters, digits, '-' and '.', at most max
 * bytes): what comes from outside is asked before it goes into a path. */
bool object_is_name(str s, uint32_t max);

/* A label or an annotation. */
typedef struct object_pair {
	str key, value;
} object_pair;

typedef struct object_meta {
	str space, name;  /* space: the namespace, empty for objects of the cluster */
	str uid, version; /* version: resourceVersion: told apart, never compared by size */
	bool ends_list;   /* a bookmark that says: the initial events are all told */
} object_meta;

/* Points into the text. Names and uids that need an escape are no names: ERR_BAD_FIELD, as are objects without a name
 * or version (a bookmark has no name). */
err object_meta_read(str object, object_meta *ret) MUST_CHECK;
/* The same of one that may not be stored anywhere yet, and has no version then. */
err object_draft_read(str object, object_meta *ret) MUST_CHECK;

/* One line of a watch. Points into the line. ERR_MALFORMED_JSON or ERR_BAD_FIELD: it is none. */
typedef struct object_event {
	str type; /* ADDED, MODIFIED, DELETED, BOOKMARK, ERROR */
	str object;
} object_event;
err object_event_read(str line, object_event *ret) MUST_CHECK;

/* One page of a list: calls on_item for each of its items, in order, then fills *ret (points into the page). */
typedef struct object_page {
	str version;
	str next; /* absent: it was the last. As in JSON: escapes are not resolved, and servers send none */
	int64_t remaining;
} object_page;
err object_page_read(str page, void (*on_item)(void *arg, str item), void *arg, object_page *ret) MUST_CHECK;
