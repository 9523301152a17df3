/* sse: the text/event-stream format (WHATWG HTML, 9.2), written. */
#pragma once
#include "base/buf.h"

/* One event: id and event may be absent (line breaks in them are left out); data is split at CR, LF and CRLF. */
void sse_event(buf *out, str id, str event, str data);
void sse_comment(buf *out, str text);
