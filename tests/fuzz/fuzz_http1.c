/* Any bytes as an HTTP/1.1 message. Held: the outcome does not depend on how the bytes were cut, and what we accept
 * http_parser accepts with the same method, target, framing and end. Not the other way round: we are the stricter one.
 */
#include <assert.h>
#include <http_parser.h>
#include <stdlib.h>
#include "net/http1.h"

enum { HEADERS = 64 };

typedef struct reading {
	http1_result result;
	http1_head head;
	web_header headers[HEADERS];
	bool has_trailers;
	size_t total; /* of head and chunks */
	uint32_t body_n, body_sum;
} reading;

typedef struct witness {
	bool has_head, is_done, is_chunked;
	uint32_t target_n, body_n, body_sum;
	uint64_t content_length;
	unsigned method;
} witness;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static uint32_t sum_add(uint32_t sum, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum = sum * 31 + (uint8_t)p[i];
	return sum;
}

static void chunks_read(reading *r, const char *p, size_t n, size_t step)
{
	http1_chunks c = {0};

	r->result = HTTP1_MORE;
	for (size_t at = r->head.bytes, end, used; at < n && r->result == HTTP1_MORE; at += used) {
		str data;
		end = at + step < n ? at + step : n;
		r->result = http1_chunks_read(&c, p + at, end - at, &used, &data);
		assert(used <= end - at && data.n <= used && (used > 0 || r->result != HTTP1_MORE));
		r->body_n += data.n;
		r->body_sum = sum_add(r->body_sum, data.p, data.n);
		r->total = at + used;
	}
	r->has_trailers = c.has_trailers;
}

static void message_read(reading *r, const char *p, size_t n, size_t step)
{
	*r = (reading){.result = HTTP1_MORE};
	http1_head_init(&r->head, &web_limits_default, r->headers);
	for (size_t have = 0; r->result == HTTP1_MORE && have < n;) {
		have = have + step < n ? have + step : n;
		r->result = http1_head_read(&r->head, p, have);
	}
	if (r->result == HTTP1_REFUSED)
		assert(r->head.refusal && r->head.why);
	if (r->result != HTTP1_DONE)
		return;
	assert(r->head.bytes <= n && r->head.n_headers <= HEADERS && r->head.path.n <= r->head.target.n);
	r->total = r->head.bytes;
	if (r->head.is_chunked)
		chunks_read(r, p, n, step);
}

static void readings_same(const reading *a, const reading *b)
{
	assert(a->result == b->result && a->head.refusal == b->head.refusal);
	if (a->result == HTTP1_REFUSED)
		return;
	assert(a->head.bytes == b->head.bytes && a->head.content_length == b->head.content_length);
	assert(a->total == b->total && a->body_n == b->body_n && a->body_sum == b->body_sum);
	assert(a->head.n_headers == b->head.n_headers && a->head.target.n == b->head.target.n);
}

static int on_url(http_parser *h, const char *p, size_t n)
{
	witness *w = h->data;

	(void)p;
	w->target_n += (uint32_t)n;
	return 0;
}

static int on_head(http_parser *h)
{
	witness *w = h->data;

	w->has_head = true;
	w->method = h->method;
	w->is_chunked = (h->flags & F_CHUNKED) != 0;
	w->content_length = h->content_length;
	return 0;
}

static int on_body(http_parser *h, const char *p, size_t n)
{
	witness *w = h->data;

	w->body_n += (uint32_t)n;
	w->body_sum = sum_add(w->body_sum, p, n);
	return 0;
}

static int on_done(http_parser *h)
{
	witness *w = h->data;

	w->is_done = true;
	http_parser_pause(h, 1);
	return 0;
}

static size_t witness_read(witness *w, const char *p, size_t n)
{
	const http_parser_settings settings = {
		.on_url = on_url,
		.on_headers_complete = on_head,
		.on_body = on_body,
		.on_message_complete = on_done,
	};
	http_parser h;

	*w = (witness){0};
	http_parser_init(&h, HTTP_REQUEST);
	h.data = w;
	size_t used = http_parser_execute(&h, &settings, p, n);
	enum http_errno e = HTTP_PARSER_ERRNO(&h);
	assert(e == HPE_OK || e == HPE_PAUSED);
	return used;
}

static void head_same(const reading *r, const witness *w)
{
	static const unsigned methods[WEB_METHODS] = {
		HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS};

	assert(w->has_head && w->method == methods[r->head.method]);
	assert(w->target_n == r->head.target.n && w->is_chunked == r->head.is_chunked);
	assert(r->head.content_length >= 0 ? w->content_length == (uint64_t)r->head.content_length
					   : w->content_length == UINT64_MAX || w->is_chunked);
}

/* http_parser counts no tab as a blank behind a length or a coding, reads lengths in trailers, which we drop, and takes
 * every name that begins with Transfer-Encoding for that one. */
static bool is_known_difference(const reading *r, const char *p)
{
	if (memchr(p, '\t', r->head.bytes) || r->has_trailers)
		return true;
	for (uint32_t i = 0; i < r->head.n_headers; i++) {
		str name = r->headers[i].name;
		if (name.n > 17 && str_eq_nocase(str_cut(name, 0, 17), S("transfer-encoding")))
			return true;
	}
	return false;
}

static void oracle_ask(const reading *r, const char *p, size_t n)
{
	uint64_t length = r->head.content_length > 0 ? (uint64_t)r->head.content_length : 0;
	uint64_t end = r->head.is_chunked ? r->total : r->head.bytes + length;
	bool is_whole = r->result == HTTP1_DONE && end <= n;
	witness w;

	if (is_known_difference(r, p))
		return;
	size_t used = witness_read(&w, p, end < n ? (size_t)end : n);
	head_same(r, &w);
	assert(w.is_done == is_whole);
	if (!is_whole)
		return;
	assert(used == end);
	if (r->head.is_chunked)
		assert(w.body_n == r->body_n && w.body_sum == r->body_sum);
	else
		assert(w.body_n == length);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static reading whole, single, seven;
	const char *p = (const char *)bytes;

	message_read(&whole, p, n, n ? n : 1);
	message_read(&single, p, n, 1);
	message_read(&seven, p, n, 7);
	readings_same(&whole, &single);
	readings_same(&whole, &seven);
	if (whole.head.bytes && !whole.head.refusal && whole.result != HTTP1_REFUSED && whole.total)
		oracle_ask(&whole, p, n);
	return 0;
}
