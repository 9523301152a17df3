#include "json/write.h"
#include <assert.h>
#include "base/clock.h"
#include "json/scan.h"

js_writer js_writer_on(buf *out)
{
	return (js_writer){.out = out};
}

static bool writer_in_object(const js_writer *w)
{
	return w->depth && (w->is_object >> w->depth & 1);
}

static void comma_add(js_writer *w)
{
	uint64_t bit = 1ull << w->depth;

	if (w->has_items & bit)
		buf_add_char(w->out, ',');
	w->has_items |= bit;
}

/* What comes before any value. */
static void value_begin(js_writer *w)
{
	if (w->after_key) {
		w->after_key = false;
		return;
	}
	assert(!writer_in_object(w));
	assert(w->depth || !(w->has_items & 1));
	comma_add(w);
}

static void container_begin(js_writer *w, bool is_object)
{
	value_begin(w);
	assert(w->depth < JS_WRITE_DEPTH_MAX);
	w->depth++;
	w->has_items &= ~(1ull << w->depth);
	w->is_object = (w->is_object & ~(1ull << w->depth)) | (uint64_t)is_object << w->depth;
	buf_add_char(w->out, is_object ? '{' : '[');
}

static void container_end(js_writer *w, bool is_object)
{
	assert(w->depth && !w->after_key && writer_in_object(w) == is_object);
	w->depth--;
	buf_add_char(w->out, is_object ? '}' : ']');
}

void js_object_begin(js_writer *w)
{
	container_begin(w, true);
}

void js_object_end(js_writer *w)
{
	container_end(w, true);
}

void js_array_begin(js_writer *w)
{
	container_begin(w, false);
}

void js_array_end(js_writer *w)
{
	container_end(w, false);
}

static void escape_add(buf *out, char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	char code[] = "\\u0000";

	for (size_t i = 0; i < sizeof(names) - 1; i += 2)
		if (c == names[i]) {
			code[1] = names[i + 1];
			buf_add(out, code, 2);
			return;
		}
	code[4] = hex[(unsigned char)c >> 4];
	code[5] = hex[c & 15];
	buf_add(out, code, sizeof(code) - 1);
}

static void escaped_add(buf *out, str s, const char *first_stop)
{
	const char *from = s.p, *end = s.p + s.n, *at = first_stop;

	buf_add_char(out, '"');
	for (;;) {
		buf_add(out, from, (size_t)(at - from));
		if (at == end)
			break;
		escape_add(out, *at);
		from = at + 1;
		at = scan_plain(from, end, true);
	}
	buf_add_char(out, '"');
}

/* s with its quotes, and `after` behind it unless that is 0. */
static void quoted_add(buf *out, str s, char after)
{
	const char *stop = scan_plain(s.p, s.p + s.n, true);
	size_t n = s.n + (after ? 3 : 2);

	if (stop != s.p + s.n) {
		escaped_add(out, s, stop);
		if (after)
			buf_add_char(out, after);
		return;
	}
	char *to = buf_room(out, n);
	if (!to)
		return;
	*to++ = '"';
	memcpy(to, s.p, s.n);
	to += s.n;
	*to++ = '"';
	if (after)
		*to = after;
	out->n += n;
}

void js_key(js_writer *w, str key)
{
	assert(writer_in_object(w) && !w->after_key && key.p);
	comma_add(w);
	quoted_add(w->out, key, ':');
	w->after_key = true;
}

void js_text(js_writer *w, str s)
{
	value_begin(w);
	if (s.p)
		quoted_add(w->out, s, 0);
	else
		buf_add_str(w->out, S("null"));
}

void js_i64(js_writer *w, int64_t v)
{
	value_begin(w);
	buf_add_i64(w->out, v);
}

void js_bool(js_writer *w, bool v)
{
	value_begin(w);
	buf_add_str(w->out, v ? S("true") : S("false"));
}

void js_null(js_writer *w)
{
	js_raw_value(w, S("null"));
}

void js_raw_value(js_writer *w, str json)
{
	value_begin(w);
	buf_add_str(w->out, json.p ? json : S("null"));
}

void js_time_value(js_writer *w, int64_t us)
{
	char text[CLOCK_TEXT_MAX];

	if (!us) {
		js_null(w);
		return;
	}
	int n = clock_text(us, text);
	js_text(w, (str){text, (uint32_t)n});
}

void js_put_text(js_writer *w, const char *key, str s)
{
	js_key(w, str_from(key));
	js_text(w, s);
}

void js_put_i64(js_writer *w, const char *key, int64_t v)
{
	js_key(w, str_from(key));
	js_i64(w, v);
}

void js_put_bool(js_writer *w, const char *key, bool v)
{
	js_key(w, str_from(key));
	js_bool(w, v);
}

void js_put_raw(js_writer *w, const char *key, str json)
{
	js_key(w, str_from(key));
	js_raw_value(w, json);
}

void js_put_time(js_writer *w, const char *key, int64_t us)
{
	js_key(w, str_from(key));
	js_time_value(w, us);
}
