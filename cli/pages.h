/* pages: a list of the API as one, however many pages the server tells it in. */
#pragma once
#include "cli/command.h"

enum { PAGE_ITEMS_MAX = 1000 };

/* GETs the list at `path` (with its filters, without limit and cursor) page by page, until it ends or `most` items were
 * asked for (0: until it ends), into out: tables one below the other under the first one's head, JSON as one list.
 * *ret_more: there are more. The fault says what a server or the way to it refused; url: what that is called there. */
err pages_get(client *c, const char *url, const char *path, const char *accept, int64_t most, buf *out, bool *ret_more,
	fault *f) MUST_CHECK;
