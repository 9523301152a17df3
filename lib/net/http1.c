#include "net/http1.h"
#include <assert.h>

enum { IN_TOKEN = 1, IN_TARGET = 2, IN_HOST = 4, IN_ADDRESS = 8, IS_DIGIT = 16 };

/* clang-format off */
static const uint8_t byte_class[256] = {
	['0' ... '9'] = IN_TOKEN | IN_TARGET | IN_HOST | IN_ADDRESS | IS_DIGIT,
	['a' ... 'f'] = IN_TOKEN | IN_TARGET | IN_HOST | IN_ADDRESS, ['A' ... 'F'] = IN_TOKEN | IN_TARGET | IN_HOST | IN_ADDRESS,
	['g' ... 'z'] = IN_TOKEN | IN_TARGET | IN_HOST, ['G' ... 'Z'] = IN_TOKEN | IN_TARGET | IN_HOST,
	['!'] = IN_TOKEN | IN_TARGET | IN_HOST, ['$'] = IN_TOKEN | IN_TARGET | IN_HOST, ['%'] = IN_TOKEN | IN_TARGET | IN_HOST,
	['&'] = IN_TOKEN | IN_TARGET | IN_HOST, ['\''] = IN_TOKEN | IN_TARGET | IN_HOST, ['*'] = IN_TOKEN | IN_TARGET | IN_HOST,
	['+'] = IN_TOKEN | IN_TARGET | IN_HOST, ['-'] = IN_TOKEN | IN_TARGET | IN_HOST, ['_'] = IN_TOKEN | IN_TARGET | IN_HOST,
	['~'] = IN_TOKEN | IN_TARGET | IN_HOST, ['.'] = IN_TOKEN | IN_TARGET | IN_HOST | IN_ADDRESS,
	['^'] = IN_TOKEN | IN_TARGET, ['`'] = IN_TOKEN | IN_TARGET, ['|'] = IN_TOKEN | IN_TARGET, ['#'] = IN_TOKEN,
	['('] = IN_TARGET | IN_HOST, [')'] = IN_TARGET | IN_HOST, [','] = IN_TARGET | IN_HOST, [';'] = IN_TARGET | IN_HOST,
	['='] = IN_TARGET | IN_HOST, [':'] = IN_TARGET | IN_ADDRESS, ['/'] = IN_TARGET, ['?'] = IN_TARGET, ['@'] = IN_TARGET,
	['['] = IN_TARGET, [']'] = IN_TARGET, ['{'] = IN_TARGET, ['}'] = IN_TARGET,
};
/* clang-format on */

static bool all_are(str s, uint8_t wanted)
{
	for (uint32_t i = 0; i < s.n; i++) {
		if (!(byte_class[(uint8_t)s.p[i]] & wanted))
			return false;
	}
	return s.n > 0;
}

static str span(const char *from, const char *to)
{
	return (str){from, (uint32_t)(to - from)};
}

static http1_result refuse(http1_head *h, err e, const char *why)
{
	h->refusal = e;
	h->why = why;
	return HTTP1_REFUSED;
}

static http1_result refuse_bad(http1_head *h, const char *why)
{
	return refuse(h, ERR_BAD_REQUEST, why);
}

static bool byte_may_stand_in_value(uint8_t c)
{
	return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static bool bytes_are_clean(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!byte_may_stand_in_value((uint8_t)p[i]))
			return false;
	}
	return true;
}

/* Eight bytes at once; only a group with a control byte (or a tab) in it is looked at byte by byte. */
static bool value_is_clean(str v)
{
	const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
	uint32_t i = 0;

	for (; v.n - i >= 8; i += 8) {
		uint64_t x, del;
		memcpy(&x, v.p + i, 8);
		del = x ^ (ones * 0x7f);
		if (((((x - ones * 0x20) & ~x) | ((del - ones) & ~del)) & tops) && !bytes_are_clean(v.p + i, 8))
			return false;
	}
	return bytes_are_clean(v.p + i, v.n - i);
}

static bool host_is_valid(str v)
{
	str rest;

	if (v.n && v.p[0] == '[') {
		int64_t end = str_find(v, ']', 1);
		if (end < 3 || !all_are(str_cut(v, 1, (size_t)end), IN_ADDRESS))
			return false;
		rest = str_cut(v, (size_t)end + 1, v.n);
	} else {
		int64_t colon = str_find(v, ':', 0);
		size_t end = colon < 0 ? v.n : (size_t)colon;
		if (!all_are(str_cut(v, 0, end), IN_HOST))
			return false;
		rest = str_cut(v, end, v.n);
	}
	return rest.n == 0 || (rest.p[0] == ':' && rest.n <= 6 && all_are(str_cut(rest, 1, rest.n), IS_DIGIT));
}

static http1_result host_read(http1_head *h, str v)
{
	return host_is_valid(v) ? HTTP1_MORE : refuse_bad(h, "Host is not host[:port]");
}

static http1_result length_read(http1_head *h, str v)
{
	int64_t n = 0;

	if (v.n > HTTP1_LENGTH_DIGITS_MAX || !all_are(v, IS_DIGIT))
		return refuse_bad(h, "Content-Length is not 1 to 10 digits");
	for (uint32_t i = 0; i < v.n; i++)
		n = n * 10 + (v.p[i] - '0');
	h->content_length = n;
	return HTTP1_MORE;
}

static http1_result encoding_read(http1_head *h, str v)
{
	h->is_chunked = str_eq_nocase(v, S("chunked"));
	return h->is_chunked ? HTTP1_MORE : refuse_bad(h, "Transfer-Encoding is not \"chunked\"");
}

static http1_result connection_read(http1_head *h, str v)
{
	for (str rest = v; rest.p;) {
		str option = str_trim(str_split(&rest, ','));
		h->asks_close |= str_eq_nocase(option, S("close"));
		h->asks_keep |= str_eq_nocase(option, S("keep-alive"));
	}
	return HTTP1_MORE;
}

static http1_result expect_read(http1_head *h, str v)
{
	h->wants_continue = str_eq_nocase(v, S("100-continue"));
	return h->wants_continue ? HTTP1_MORE : refuse_bad(h, "Expect is not \"100-continue\"");
}

enum { SEEN_HOST = 1, SEEN_LENGTH = 2, MAY_REPEAT = 1u << 31 };

/* The headers that matter to framing, or that two readers must not read differently. Their lengths all differ, so the
 * length is the index. */
typedef struct known_header {
	str name;
	uint32_t seen;
	http1_result (*read)(http1_head *h, str value);
} known_header;

enum { KNOWN_MAX = 17 };
/* clang-format off */
static const known_header known[KNOWN_MAX + 1] = {
	[4]  = {{"host", 4},               SEEN_HOST,   host_read},
	[6]  = {{"expect", 6},             1u << 2,     expect_read},
	[8]  = {{"if-match", 8},           1u << 3,     NULL},
	[10] = {{"connection", 10},        MAY_REPEAT,  connection_read},
	[12] = {{"content-type", 12},      1u << 4,     NULL},
	[13] = {{"authorization", 13},     1u << 5,     NULL},
	[14] = {{"content-length", 14},    SEEN_LENGTH, length_read},
	[15] = {{"idempotency-key", 15},   1u << 6,     NULL},
	[17] = {{"transfer-encoding", 17}, 1u << 7,     encoding_read},
};
/* clang-format on */

static http1_result header_known(http1_head *h, web_header x)
{
	const known_header *k = x.name.n <= KNOWN_MAX ? &known[x.name.n] : NULL;

	if (!k || !k->name.p || !str_eq_nocase(x.name, k->name))
		return HTTP1_MORE;
	if (h->seen & k->seen & ~(uint32_t)MAY_REPEAT)
		return refuse_bad(h, "a header that must be unique appears twice");
	h->seen |= k->seen;
	return k->read ? k->read(h, x.value) : HTTP1_MORE;
}

static http1_result header_read(http1_head *h, str line)
{
	uint32_t at = 0;

	while (at < line.n && (byte_class[(uint8_t)line.p[at]] & IN_TOKEN))
		at++;
	if (at == 0 || at == line.n || line.p[at] != ':')
		return refuse_bad(
			h, at == 0 ? "a header line does not begin with a name" : "a header name is not a token");
	web_header x = {.name = str_cut(line, 0, at), .value = str_cut(line, at + 1, line.n)};
	if (!value_is_clean(x.value))
		return refuse_bad(h, "a header value holds a control byte");
	if (h->n_headers == h->headers_max)
		return refuse(h, ERR_HEAD_TOO_LARGE, "too many headers");
	x.value = str_trim(x.value);
	h->headers[h->n_headers++] = x;
	return header_known(h, x);
}

static bool method_find(str name, web_method *ret)
{
	for (int m = 0; m < WEB_METHODS; m++) {
		if (str_eq(name, str_from(web_method_name((web_method)m)))) {
			*ret = (web_method)m;
			return true;
		}
	}
	return false;
}

static http1_result target_read(http1_head *h, str target)
{
	bool is_star = str_eq(target, S("*")) && h->method == WEB_OPTIONS;

	if (target.n > h->target_max)
		return refuse(h, ERR_TARGET_TOO_LONG, "the request target is too long");
	if (!is_star && (!all_are(target, IN_TARGET) || target.p[0] != '/'))
		return refuse_bad(h, "the request target is not a path");
	const char *end = target.p + target.n;
	const char *mark = memchr(target.p, '?', target.n);
	h->target = target;
	h->path = span(target.p, mark ? mark : end);
	h->query = mark ? span(mark + 1, end) : STR_NONE;
	return HTTP1_MORE;
}

/* What a request line holds beside the target: method, version, blanks. */
enum { LINE_SLACK = 32 };

static http1_result request_line_read(http1_head *h, str line)
{
	str rest = line;
	str method = str_split(&rest, ' ');
	str target = str_split(&rest, ' ');

	if (line.n > h->target_max + LINE_SLACK)
		return refuse(h, ERR_TARGET_TOO_LONG, "the request target is too long");
	if (!all_are(method, IN_TOKEN) || !rest.p)
		return refuse_bad(h, "the request line is not method, target and version");
	h->is_1_1 = str_eq(rest, S("HTTP/1.1"));
	if (!h->is_1_1 && !str_eq(rest, S("HTTP/1.0")))
		return refuse_bad(h, "the version is not HTTP/1.1 or HTTP/1.0");
	if (!method_find(method, &h->method))
		return refuse(h, ERR_NOT_IMPLEMENTED, "the method is not supported");
	return target_read(h, target);
}

static http1_result head_end(http1_head *h)
{
	if (h->is_1_1 && !(h->seen & SEEN_HOST))
		return refuse_bad(h, "Host is missing");
	if (h->is_chunked && (h->seen & SEEN_LENGTH))
		return refuse_bad(h, "Content-Length and Transfer-Encoding are both given");
	if (h->is_chunked && !h->is_1_1)
		return refuse_bad(h, "HTTP/1.0 has no Transfer-Encoding");
	h->keeps_alive = !h->asks_close && (h->is_1_1 || h->asks_keep);
	h->wants_continue &= h->is_1_1 && (h->is_chunked || h->content_length > 0);
	return HTTP1_DONE;
}

void http1_head_init(http1_head *h, const web_limits *limits, web_header *headers)
{
	memset(h, 0, sizeof(*h));
	h->content_length = -1;
	h->headers = headers;
	h->headers_max = (uint32_t)limits->headers_max;
	h->bytes_max = (uint32_t)limits->head_bytes_max;
	h->target_max = (uint32_t)limits->target_bytes_max;
}

/* The limits of a line that is not whole yet, so that refusal does not wait for its end. */
static http1_result line_wait(http1_head *h, size_t n)
{
	h->scanned = (uint32_t)n;
	if (h->line_at == 0 && n > (size_t)h->target_max + LINE_SLACK + 1)
		return refuse(h, ERR_TARGET_TOO_LONG, "the request target is too long");
	if (n > h->bytes_max)
		return refuse(h, ERR_HEAD_TOO_LARGE, "the request head is too large");
	return HTTP1_MORE;
}

static http1_result line_read(http1_head *h, const char *p, uint32_t end)
{
	if (end == h->line_at || p[end - 1] != '\r')
		return refuse_bad(h, "a line ends without CR LF");
	str line = span(p + h->line_at, p + end - 1);
	if (h->line_at == 0)
		return request_line_read(h, line);
	if (end >= h->bytes_max)
		return refuse(h, ERR_HEAD_TOO_LARGE, "the request head is too large");
	return line.n ? header_read(h, line) : head_end(h);
}

http1_result http1_head_read(http1_head *h, const char *p, size_t n)
{
	assert(n <= UINT32_MAX);
	for (;;) {
		const char *lf = n > h->scanned ? memchr(p + h->scanned, '\n', n - h->scanned) : NULL;
		if (!lf)
			return line_wait(h, n);
		http1_result r = line_read(h, p, (uint32_t)(lf - p));
		h->scanned = h->line_at = (uint32_t)(lf - p) + 1;
		h->bytes = h->scanned;
		if (r != HTTP1_MORE)
			return r;
	}
}

enum {
	AT_SIZE,
	AT_EXTENSION,
	AT_SIZE_LF,
	AT_DATA,
	AT_DATA_CR,
	AT_DATA_LF,
	AT_TRAILER,
	AT_TRAILER_NAME,
	AT_TRAILER_VALUE,
	AT_TRAILER_LF,
	AT_END_LF,
	AT_END,
	AT_WRONG
};

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static uint8_t size_step(http1_chunks *c, uint8_t byte)
{
	int digit = hex_value(byte);

	if (digit >= 0 && c->digits < HTTP1_CHUNK_DIGITS_MAX) {
		c->left = c->left << 4 | (uint64_t)digit;
		c->digits++;
		return AT_SIZE;
	}
	if (c->digits == 0)
		return AT_WRONG;
	return byte == '\r' ? AT_SIZE_LF : byte == ';' ? AT_EXTENSION : AT_WRONG;
}

static uint8_t text_step(http1_chunks *c, uint8_t byte, uint8_t same, uint8_t after)
{
	if (byte == '\r')
		return after;
	return byte_may_stand_in_value(byte) && ++c->extra <= HTTP1_EXTRA_MAX ? same : AT_WRONG;
}

static uint8_t trailer_step(http1_chunks *c, uint8_t byte)
{
	bool is_first = c->state == AT_TRAILER;

	c->has_trailers |= byte != '\r';
	if (byte == '\r' && is_first)
		return AT_END_LF;
	if (byte == ':' && !is_first)
		return AT_TRAILER_VALUE;
	return (byte_class[byte] & IN_TOKEN) && ++c->extra <= HTTP1_EXTRA_MAX ? AT_TRAILER_NAME : AT_WRONG;
}

static uint8_t chunk_step(http1_chunks *c, uint8_t byte)
{
	switch (c->state) {
	case AT_SIZE:
		return size_step(c, byte);
	case AT_EXTENSION:
		return text_step(c, byte, AT_EXTENSION, AT_SIZE_LF);
	case AT_SIZE_LF:
		c->digits = 0;
		return byte != '\n' ? AT_WRONG : c->left ? AT_DATA : AT_TRAILER;
	case AT_DATA_CR:
		return byte == '\r' ? AT_DATA_LF : AT_WRONG;
	case AT_DATA_LF:
		return byte == '\n' ? AT_SIZE : AT_WRONG;
	case AT_TRAILER:
	case AT_TRAILER_NAME:
		return trailer_step(c, byte);
	case AT_TRAILER_VALUE:
		return text_step(c, byte, AT_TRAILER_VALUE, AT_TRAILER_LF);
	case AT_TRAILER_LF:
		return byte == '\n' ? AT_TRAILER : AT_WRONG;
	case AT_END_LF:
		return byte == '\n' ? AT_END : AT_WRONG;
	default:
		return AT_WRONG;
	}
}

http1_result http1_chunks_read(http1_chunks *c, const char *p, size_t n, size_t *ret_used, str *ret_data)
{
	size_t at = 0;

	*ret_data = STR_NONE;
	while (at < n && c->state != AT_DATA && c->state < AT_END)
		c->state = chunk_step(c, (uint8_t)p[at++]);
	if (c->state == AT_DATA && at < n) {
		size_t piece = n - at < c->left ? n - at : (size_t)c->left;
		*ret_data = (str){p + at, (uint32_t)piece};
		at += piece;
		c->left -= piece;
		if (c->left == 0)
			c->state = AT_DATA_CR;
	}
	*ret_used = at;
	if (c->state == AT_WRONG) {
		c->why = "the chunked body is not well-formed";
		return HTTP1_REFUSED;
	}
	return c->state == AT_END ? HTTP1_DONE : HTTP1_MORE;
}
