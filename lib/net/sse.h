/* sse: the text/event-stream format (WHATWG HTML, 9.2), written and read. */
#pragma once
#include "base/buf.h"

/* One event: id and event may be absent; data is split at line feeds. */
void sse_event(buf *out, str id, str event, str data);
void sse_comment(buf *out, str text);
