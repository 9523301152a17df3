/* links: which calls an answer leads to (OpenAPI links), found by the routes' paths.
 *
 * What a POST on a collection made is the subject of every call on {collection}/{it} and below; what a PUT made, or a
 * GET showed, of every other call on its own path and below. The answer's ETag is the If-Match of calls that need one.
 */
#pragma once
#include "api/routes.h"
#include "json/write.h"

/* The member "links" of an answer with that status; nothing when it leads nowhere. */
void links_put(js_writer *w, op from, int status);
