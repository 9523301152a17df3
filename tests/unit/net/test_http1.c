#include <criterion/criterion.h>
#include <stdio.h>
#include "net/http1.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { HEADERS = 64, MESSAGE_MAX = 64 * 1024 };

/* What one reading of a message comes to. */
typedef struct outcome {
	http1_result result;
	err refusal;
	web_method method;
	uint32_t head_bytes, n_headers, body_n;
	size_t total;
	int64_t length;
	bool is_chunked, keeps_alive, wants_continue;
	char target[256], body[256], last_value[256];
} outcome;

static void text_keep(char out[256], str s)
{
	(void)snprintf(out, 256, STR_FMT, STR_ARG(s));
}

/* Reads body[from, n) in pieces that end at the cuts the whole message would have. */
static void chunks_keep(outcome *o, const char *p, size_t from, size_t n, size_t step)
{
	http1_chunks c = {0};

	o->result = HTTP1_MORE;
	for (size_t at = from, end; at < n && o->result == HTTP1_MORE; at = end) {
		end = at + step < n ? at + step : n;
		for (size_t i = at, used; i < end && o->result == HTTP1_MORE; i += used) {
			str data;
			o->result = http1_chunks_read(&c, p + i, end - i, &used, &data);
			memcpy(o->body + o->body_n, data.p ? data.p : "", data.n);
			o->body_n += data.n;
			o->total = i + used;
		}
	}
	if (o->result == HTTP1_REFUSED) {
		o->refusal = ERR_BAD_REQUEST;
		o->total = 0;
	}
}

/* Feeds the head first `cut` bytes, then `step` more each time. */
static outcome message_read(const char *p, size_t n, size_t cut, size_t step)
{
	web_header headers[HEADERS];
	http1_head h;
	outcome o = {.result = HTTP1_MORE};

	http1_head_init(&h, &web_limits_default, headers);
	for (size_t have = cut; o.result == HTTP1_MORE; have = have + step < n ? have + step : n) {
		o.result = http1_head_read(&h, p, have);
		if (have == n)
			break;
	}
	o.refusal = o.result == HTTP1_REFUSED ? h.refusal : ERR_OK;
	if (o.result != HTTP1_DONE)
		return o;
	o.method = h.method;
	o.total = o.head_bytes = h.bytes;
	o.n_headers = h.n_headers;
	o.length = h.content_length;
	o.is_chunked = h.is_chunked;
	o.keeps_alive = h.keeps_alive;
	o.wants_continue = h.wants_continue;
	text_keep(o.target, h.target);
	if (h.n_headers)
		text_keep(o.last_value, headers[h.n_headers - 1].value);
	if (h.is_chunked)
		chunks_keep(&o, p, h.bytes, n, step);
	return o;
}

static void outcome_same(const char *name, const outcome *a, const outcome *b)
{
	cr_assert_eq(a->result, b->result, "%s: result %d and %d", name, a->result, b->result);
	cr_assert_eq(a->refusal, b->refusal, "%s: %s and %s", name, err_code(a->refusal), err_code(b->refusal));
	cr_assert(a->result == HTTP1_REFUSED || memcmp(a, b, sizeof(*a)) == 0, "%s", name);
}

/* The message whole, byte by byte, and in two at every offset. The copy has exactly its size, so that a sanitizer sees
 * a read beyond it. */
static outcome message_all_ways(const char *text, size_t n)
{
	char *p = malloc(n + 1);
	memcpy(p, text, n);
	outcome whole = message_read(p, n, n, n);

	outcome bytes = message_read(p, n, 0, 1);
	outcome_same(text, &whole, &bytes);
	for (size_t cut = 0; cut <= n; cut++) {
		outcome two = message_read(p, n, cut, n);
		outcome_same(text, &whole, &two);
	}
	free(p);
	return whole;
}

#define HOST    "Host: x\r\n"
#define GET     "GET / HTTP/1.1\r\n"
#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
#define B(text) "" text, sizeof(text) - 1

static const struct {
	const char *text;
	size_t n;
	err e;
} refused[] = {
	{B("GET / HTTP/1.1\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B(GET "Host: x\n\r\n"), ERR_BAD_REQUEST},
	{B(GET "Host: xy\nA: b\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "\n"), ERR_BAD_REQUEST},
	{B("GET / HTTP/1.1\n\n"), ERR_BAD_REQUEST},
	{B("\r\n" GET HOST "\r\n"), ERR_BAD_REQUEST},
	{B("\n" GET HOST "\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "A: b\rc: d\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "A: b\r\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "A: b\0c\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "A: b\x01\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "A: 0123456789\x1f\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "A: 01234567\x7f"
		    "89abcdef\r\n\r\n"),
		ERR_BAD_REQUEST},
	{B(GET HOST "A: 0123\t567\x0b"
		    "89abcdef\r\n\r\n"),
		ERR_BAD_REQUEST},
	{B(GET HOST "A: b\r\n c\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "A: b\r\n\tc\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET " Host: x\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET "Host : x\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST ": b\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "A b: c\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "A\x80: c\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "A(: c\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "nocolon\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"), ERR_BAD_REQUEST},
	{B(GET HOST "Content-Length: 1\r\ncontent-length: 2\r\n\r\nxx"), ERR_BAD_REQUEST},
	{B(GET HOST "Content-Length: +5\r\n\r\nhello"), ERR_BAD_REQUEST},
	{B(GET HOST "Content-Length: -1\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Content-Length: 0x5\r\n\r\nhello"), ERR_BAD_REQUEST},
	{B(GET HOST "Content-Length: 5,5\r\n\r\nhello"), ERR_BAD_REQUEST},
	{B(GET HOST "Content-Length: 5 5\r\n\r\nhello"), ERR_BAD_REQUEST},
	{B(GET HOST "Content-Length:\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Content-Length: 12345678901\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Transfer-Encoding: gzip, chunked\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Transfer-Encoding: chunked, chunked\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Transfer-Encoding: identity\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Transfer-Encoding: xchunked\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Transfer-Encoding:\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Transfer-Encoding : chunked\r\n\r\n"), ERR_BAD_REQUEST},
	{B("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET "\r\n"), ERR_BAD_REQUEST},
	{B(GET "Accept: a\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST HOST "\r\n"), ERR_BAD_REQUEST},
	{B(GET "Host:\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET "Host: a b\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET "Host: a/b\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET "Host: u@a\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET "Host: a:\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET "Host: a:b\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET "Host: a:123456\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET "Host: :80\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET "Host: [::1\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET "Host: []\r\n\r\n"), ERR_BAD_REQUEST},
	{B("GET http://x/ HTTP/1.1\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET x:80 HTTP/1.1\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET * HTTP/1.1\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET /\x80 HTTP/1.1\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET /a b HTTP/1.1\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET /a\tb HTTP/1.1\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET /a#b HTTP/1.1\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET /a\0b HTTP/1.1\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET  / HTTP/1.1\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET /  HTTP/1.1\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET / HTTP/1.1 \r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B(" GET / HTTP/1.1\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET\t/ HTTP/1.1\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET /\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET / \r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("G(T / HTTP/1.1\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET / HTTP/2.0\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET / HTTP/1.2\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET / HTTP/0.9\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET / HTTP/1.10\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("GET / http/1.1\r\n" HOST "\r\n"), ERR_BAD_REQUEST},
	{B("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ERR_BAD_REQUEST},
	{B("\x16\x03\x01\x02\x00\n"), ERR_BAD_REQUEST},
	{B("BREW / HTTP/1.1\r\n" HOST "\r\n"), ERR_NOT_IMPLEMENTED},
	{B("get / HTTP/1.1\r\n" HOST "\r\n"), ERR_NOT_IMPLEMENTED},
	{B("CONNECT x:443 HTTP/1.1\r\n" HOST "\r\n"), ERR_NOT_IMPLEMENTED},
	{B("BREW / HTTP/1.1\r\n" HOST "\r\n"), ERR_NOT_IMPLEMENTED},
	{B(GET HOST "Authorization: a\r\nauthorization: b\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Content-Type: a\r\nContent-Type: a\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "If-Match: a\r\nIf-Match: a\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Idempotency-Key: a\r\nIdempotency-Key: a\r\n\r\n"), ERR_BAD_REQUEST},
	{B(GET HOST "Expect: a-pony\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "+5\r\nhello\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "-5\r\nhello\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "0x5\r\nhello\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED " 5\r\nhello\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "5 \r\nhello\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "000000005\r\nhello\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "\r\nhello\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED ";a=b\r\nhello\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "5\nhello\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "5\rhello\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "5;a\nb\r\nhello\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "5\r\nhello0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "5\r\nhello\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "5\r\nhello!\r\n0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "g\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "0\r\n\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "0\r\n: b\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "0\r\nA b: c\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "0\r\nA: b\0\r\n\r\n"), ERR_BAD_REQUEST},
	{B(CHUNKED "0\r\n A: b\r\n\r\n"), ERR_BAD_REQUEST},
};

Test(http1, what_could_be_read_in_two_ways_is_refused)
{
	for (size_t i = 0; i < COUNT(refused); i++) {
		outcome o = message_all_ways(refused[i].text, refused[i].n);
		cr_expect_eq(o.refusal, refused[i].e, "row %zu gives %s: %s", i, err_code(o.refusal), refused[i].text);
		cr_expect_eq(o.result, refused[i].e ? HTTP1_REFUSED : HTTP1_DONE, "row %zu: %s", i, refused[i].text);
	}
}

Test(http1, a_control_byte_is_seen_wherever_it_stands)
{
	for (int byte = 0; byte < 256; byte++) {
		for (int at = 0; at < 24; at++) {
			char text[] = GET HOST "A: 012345678901234567890123\r\n\r\n";
			text[strlen(GET HOST "A: ") + (size_t)at] = (char)byte;
			bool is_control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
			outcome o = message_read(text, sizeof(text) - 1, sizeof(text) - 1, 1);
			cr_assert_eq(o.result, is_control ? HTTP1_REFUSED : HTTP1_DONE, "byte %d at %d", byte, at);
		}
	}
}

Test(http1, a_message_reads_the_same_however_it_is_cut)
{
	const struct {
		const char *text, *target, *body;
		web_method method;
		uint32_t n_headers;
		int64_t length;
		bool is_chunked, keeps_alive, wants_continue;
		size_t left; /* bytes behind the message */
	} rows[] = {
		{GET HOST "\r\n", "/", "", WEB_GET, 1, -1, false, true, false, 0},
		{GET HOST "\r\nGET /next", "/", "", WEB_GET, 1, -1, false, true, false, 9},
		{GET "hOsT:x\r\n\r\n", "/", "", WEB_GET, 1, -1, false, true, false, 0},
		{GET "Host: \t x \t \r\n\r\n", "/", "", WEB_GET, 1, -1, false, true, false, 0},
		{GET "Host: [::1]:8443\r\n\r\n", "/", "", WEB_GET, 1, -1, false, true, false, 0},
		{GET "Host: a.example:1\r\n\r\n", "/", "", WEB_GET, 1, -1, false, true, false, 0},
		{"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "*", "", WEB_OPTIONS, 1, -1, false, true, false, 0},
		{"DELETE /v1/a%20b?x=1&y={}[]|^` HTTP/1.1\r\n" HOST "\r\n", "/v1/a%20b?x=1&y={}[]|^`", "", WEB_DELETE,
			1, -1, false, true, false, 0},
		{GET HOST "Connection: close\r\n\r\n", "/", "", WEB_GET, 2, -1, false, false, false, 0},
		{GET HOST "Connection: te, Close\r\n\r\n", "/", "", WEB_GET, 2, -1, false, false, false, 0},
		{GET HOST "Connection: keep-alive\r\nConnection: close\r\n\r\n", "/", "", WEB_GET, 3, -1, false, false,
			false, 0},
		{"GET / HTTP/1.0\r\n\r\n", "/", "", WEB_GET, 0, -1, false, false, false, 0},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "/", "", WEB_GET, 1, -1, false, true, false, 0},
		{"PUT / HTTP/1.1\r\n" HOST "Content-Length: 0000000005\r\n\r\nhello", "/", "", WEB_PUT, 2, 5, false,
			true, false, 5},
		{"PATCH / HTTP/1.1\r\n" HOST "Content-Length: 9999999999\r\n\r\n", "/", "", WEB_PATCH, 2, 9999999999,
			false, true, false, 0},
		{"POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", "/", "", WEB_POST, 3,
			1, false, true, true, 0},
		{"POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n", "/", "", WEB_POST, 2, -1, false, true,
			false, 0},
		{"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", "/", "", WEB_POST, 2, 1, false,
			false, false, 0},
		{GET HOST "A:\r\nB: \xc3\xa9\ttab\r\n\r\n", "/", "", WEB_GET, 3, -1, false, true, false, 0},
		{CHUNKED "5\r\nhello\r\n0\r\n\r\n", "/", "hello", WEB_POST, 2, -1, true, true, false, 0},
		{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\nGET", "/", "", WEB_POST, 2, -1,
			true, true, false, 3},
		{CHUNKED "00000005;a=\"b\"\r\nhello\r\nA\r\n, dear you\r\n0;last\r\n\r\n", "/", "hello, dear you",
			WEB_POST, 2, -1, true, true, false, 0},
		{CHUNKED "1\r\na\r\n0\r\nSum: 1\r\nB:\r\n\r\nG", "/", "a", WEB_POST, 2, -1, true, true, false, 1},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t n = strlen(rows[i].text);
		outcome o = message_all_ways(rows[i].text, n);
		cr_assert_eq(o.result, HTTP1_DONE, "row %zu: %s", i, rows[i].text);
		cr_expect_eq(o.method, rows[i].method, "row %zu", i);
		cr_expect_str_eq(o.target, rows[i].target, "row %zu", i);
		cr_expect_str_eq(o.body, rows[i].body, "row %zu", i);
		cr_expect_eq(o.n_headers, rows[i].n_headers, "row %zu", i);
		cr_expect_eq(o.length, rows[i].length, "row %zu", i);
		cr_expect_eq(o.is_chunked, rows[i].is_chunked, "row %zu", i);
		cr_expect_eq(o.keeps_alive, rows[i].keeps_alive, "row %zu", i);
		cr_expect_eq(o.wants_continue, rows[i].wants_continue, "row %zu", i);
		cr_expect_eq(n - o.total, rows[i].left, "row %zu: %zu left", i, n - o.total);
	}
}

Test(http1, a_part_of_a_good_message_waits_for_more)
{
	const char text[] = CHUNKED "5;x\r\nhello\r\n0\r\nA: b\r\n\r\n";

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		outcome o = message_read(text, n, n, n);
		cr_assert_eq(o.result, HTTP1_MORE, "after %zu bytes", n);
	}
}

static outcome text_read(const char *format, int n, char fill)
{
	static char text[MESSAGE_MAX], filler[MESSAGE_MAX];
	memset(filler, fill, sizeof(filler));
	int all = snprintf(text, sizeof(text), format, n, filler);
	outcome whole = message_read(text, (size_t)all, (size_t)all, (size_t)all);
	outcome bytes = message_read(text, (size_t)all, 0, 1);
	outcome_same(format, &whole, &bytes);
	return whole;
}

Test(http1, limits_hold_to_the_byte)
{
	const int target = (int)web_limits_default.target_bytes_max, head = (int)web_limits_default.head_bytes_max;
	const int fixed = (int)strlen(GET HOST "A: \r\n\r\n");
	const struct {
		const char *format;
		int n;
		err e;
	} rows[] = {
		{"GET /%.*s HTTP/1.1\r\n" HOST "\r\n", target - 1, ERR_OK},
		{"GET /%.*s HTTP/1.1\r\n" HOST "\r\n", target, ERR_TARGET_TOO_LONG},
		{"GET /%.*s HTTP/1.1\r\n" HOST "\r\n", 30000, ERR_TARGET_TOO_LONG},
		{"GET /%.*s", 5000, ERR_TARGET_TOO_LONG},
		{GET HOST "A: %.*s\r\n\r\n", head - fixed, ERR_OK},
		{GET HOST "A: %.*s\r\n\r\n", head - fixed + 1, ERR_HEAD_TOO_LARGE},
		{GET HOST "A: %.*s", 30000, ERR_HEAD_TOO_LARGE},
		{CHUNKED "1;%.*s\r\na\r\n0\r\n\r\n", HTTP1_EXTRA_MAX, ERR_OK},
		{CHUNKED "1;%.*s\r\na\r\n0\r\n\r\n", HTTP1_EXTRA_MAX + 1, ERR_BAD_REQUEST},
		{CHUNKED "0\r\nA:%.*s\r\n\r\n", HTTP1_EXTRA_MAX - 1, ERR_OK},
		{CHUNKED "0\r\nA:%.*s\r\n\r\n", HTTP1_EXTRA_MAX, ERR_BAD_REQUEST},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		outcome o = text_read(rows[i].format, rows[i].n, 'a');
		cr_expect_eq(o.refusal, rows[i].e, "row %zu gives %s", i, err_code(o.refusal));
	}
}

Test(http1, one_header_too_many_is_refused)
{
	char text[4096];
	size_t n = 0;

	n += (size_t)snprintf(text, sizeof(text), GET HOST);
	for (int i = 1; i < HEADERS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "A: b\r\n");
	(void)snprintf(text + n, sizeof(text) - n, "\r\n");
	cr_expect_eq(message_read(text, n + 2, n + 2, 1).result, HTTP1_DONE);
	(void)snprintf(text + n, sizeof(text) - n, "A: b\r\n\r\n");
	cr_expect_eq(message_read(text, n + 8, n + 8, 1).refusal, ERR_HEAD_TOO_LARGE);
}
