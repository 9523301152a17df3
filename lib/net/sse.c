#include "net/sse.h"

/* Every line break that a reader of the format knows (CR, LF, CRLF) begins a new line with the field's name again, so
 * that text can never start a field of its own. */
static void lines_add(buf *out, str field, str text)
{
	uint32_t at = 0;

	do {
		uint32_t from = at;
		while (at < text.n && text.p[at] != '\n' && text.p[at] != '\r')
			at++;
		buf_add_str(out, field);
		buf_add(out, text.p ? text.p + from : "", at - from);
		buf_add_char(out, '\n');
		if (at + 1 < text.n && text.p[at] == '\r' && text.p[at + 1] == '\n')
			at++;
	} while (at++ < text.n);
}

/* A name on one line: what would break it is left out. */
static void name_add(buf *out, str field, str text)
{
	if (!text.p)
		return;
	buf_add_str(out, field);
	for (uint32_t i = 0; i < text.n; i++) {
		if (text.p[i] != '\n' && text.p[i] != '\r' && text.p[i] != '\0')
			buf_add_char(out, text.p[i]);
	}
	buf_add_char(out, '\n');
}

void sse_event(buf *out, str id, str event, str data)
{
	name_add(out, S("id: "), id);
	name_add(out, S("event: "), event);
	lines_add(out, S("data: "), data);
	buf_add_char(out, '\n');
}

void sse_comment(buf *out, str text)
{
	lines_add(out, S(": "), text);
	buf_add_char(out, '\n');
}
