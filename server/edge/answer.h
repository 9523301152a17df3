/* answer: headers that several kinds of answers carry. */
#pragma once
#include "server/edge/request.h"

/* ETag of a document with a `revision`, where the route has one. */
void answer_etag(request *r, str body);
/* Whether If-None-Match names that revision: then the answer is 304. */
bool answer_is_unchanged(const request *r, str body);
/* Location: the collection's path and the document's id. */
void answer_location(request *r, str name);
