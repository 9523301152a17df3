#include "json/pull.h"
#include <assert.h>
#include "json/js.h"
#include "json/scan.h"

static bool pull_fail(pull *p, err e)
{
	if (!p->e)
		p->e = e;
	return false;
}

static bool pull_in_object(const pull *p)
{
	return p->depth && (p->is_object >> p->depth & 1);
}

static bool blanks_skip(pull *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
		p->at++;
	return p->at < p->end;
}

/* Whether a byte is left behind the blanks; most often there are none. */
static inline bool pull_blanks(pull *p)
{
	if (p->at < p->end && (unsigned char)*p->at > ' ')
		return true;
	return blanks_skip(p);
}

/* The next byte after blanks, or 0 (which no rule of the grammar takes) at the end. */
static inline char pull_peek(pull *p)
{
	return pull_blanks(p) ? *p->at : '\0';
}

/* Length of the UTF-8 sequence (RFC 3629, section 4) of a byte outside ASCII, or 0. */
static size_t utf8_length(const char *at, const char *end)
{
	const unsigned char *s = (const unsigned char *)at;
	size_t n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (s[0] < 0xc2 || s[0] > 0xf4 || (size_t)(end - at) < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	/* overlong forms, surrogates and what lies beyond U+10FFFF */
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
		(s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The unit of "\uXXXX" at `at`, or -1. */
static int32_t unit_read(const char *at, const char *end)
{
	int32_t unit = 0;

	if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		int digit = hex_digit(at[i]);
		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* The code point of the escape at `at` and its length; a length of 0 comes with the reason. */
static size_t escape_read(const char *at, const char *end, int32_t *ret_point, err *ret_e)
{
	static const char names[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
	int32_t high, low;

	*ret_e = ERR_MALFORMED_JSON;
	if (end - at < 2)
		return 0;
	for (size_t i = 0; i < sizeof(names) - 1; i += 2)
		if (at[1] == names[i]) {
			*ret_point = (unsigned char)names[i + 1];
			return 2;
		}
	high = unit_read(at, end);
	if (high < 0)
		return 0;
	*ret_point = high;
	if (high < 0xd800 || high > 0xdfff)
		return 6;
	low = high < 0xdc00 ? unit_read(at + 6, end) : -1;
	*ret_e = ERR_BAD_UTF8;
	if (low < 0xdc00 || low > 0xdfff)
		return 0;
	*ret_point = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	return 12;
}

/* Length of what ended a plain run, or 0 with the reason. */
static size_t stop_length(pull *p, const char *at)
{
	err e = ERR_MALFORMED_JSON;
	size_t n = 0;
	int32_t point;

	if (*at == '\\') {
		p->has_escape = true;
		n = escape_read(at, p->end, &point, &e);
	} else if ((unsigned char)*at >= 0x80) {
		e = ERR_BAD_UTF8;
		n = utf8_length(at, p->end);
	}
	if (!n) {
		p->at = at;
		(void)pull_fail(p, e);
	}
	return n;
}

/* The reader stands behind the opening quote. */
static bool text_read(pull *p)
{
	const char *from = p->at, *at = from;

	p->has_escape = false;
	for (;;) {
		at = scan_plain(at, p->end, false);
		if (at == p->end) {
			p->at = at;
			return pull_fail(p, ERR_MALFORMED_JSON);
		}
		if (*at == '"')
			break;
		size_t n = stop_length(p, at);
		if (!n)
			return false;
		at += n;
	}
	p->text = (str){from, (uint32_t)(at - from)};
	p->at = at + 1;
	return true;
}

static size_t digits_skip(pull *p)
{
	const char *from = p->at;

	while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
		p->at++;
	return (size_t)(p->at - from);
}

static bool byte_take(pull *p, char c)
{
	if (p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

static bool exponent_read(pull *p)
{
	if (!byte_take(p, '+'))
		(void)byte_take(p, '-');
	size_t n = digits_skip(p);
	return n > 0 && n <= PULL_EXPONENT_DIGITS;
}

static bool number_read(pull *p)
{
	const char *from = p->at;

	(void)byte_take(p, '-');
	if (!byte_take(p, '0') && !digits_skip(p))
		return pull_fail(p, ERR_MALFORMED_JSON);
	if (byte_take(p, '.') && !digits_skip(p))
		return pull_fail(p, ERR_MALFORMED_JSON);
	if ((byte_take(p, 'e') || byte_take(p, 'E')) && !exponent_read(p))
		return pull_fail(p, ERR_MALFORMED_JSON);
	p->text = (str){from, (uint32_t)(p->at - from)};
	return true;
}

static bool word_read(pull *p, str word)
{
	if ((size_t)(p->end - p->at) < word.n || memcmp(p->at, word.p, word.n) != 0)
		return pull_fail(p, ERR_MALFORMED_JSON);
	p->at += word.n;
	return true;
}

static bool container_open(pull *p, bool is_object)
{
	if (p->depth == p->depth_max)
		return pull_fail(p, ERR_TOO_DEEP);
	p->at++;
	p->depth++;
	p->is_object = (p->is_object & ~(1ull << p->depth)) | (uint64_t)is_object << p->depth;
	p->wants_comma = false;
	return true;
}

static void container_close(pull *p)
{
	p->at++;
	p->depth--;
	p->wants_comma = true;
}

/* Scalars are read whole, containers opened. The reader stands on the value's first byte. */
static pull_token value_read(pull *p)
{
	char first = *p->at;

	p->after_key = false;
	p->wants_comma = true;
	switch (first) {
	case '{':
		return container_open(p, true) ? PULL_OBJECT : PULL_ERROR;
	case '[':
		return container_open(p, false) ? PULL_ARRAY : PULL_ERROR;
	case '"':
		p->at++;
		return text_read(p) ? PULL_TEXT : PULL_ERROR;
	case 't':
		return word_read(p, S("true")) ? PULL_TRUE : PULL_ERROR;
	case 'f':
		return word_read(p, S("false")) ? PULL_FALSE : PULL_ERROR;
	case 'n':
		return word_read(p, S("null")) ? PULL_NULL : PULL_ERROR;
	default:
		return number_read(p) ? PULL_NUMBER : PULL_ERROR;
	}
}

/* A key with its colon; the reader may stand on blanks. */
static bool key_read(pull *p)
{
	if (pull_peek(p) != '"')
		return pull_fail(p, ERR_MALFORMED_JSON);
	p->at++;
	if (!text_read(p))
		return false;
	if (pull_peek(p) != ':')
		return pull_fail(p, ERR_MALFORMED_JSON);
	p->at++;
	p->wants_comma = false;
	p->after_key = true;
	return true;
}

/* Steps over a due comma. */
static bool comma_take(pull *p)
{
	if (!p->wants_comma)
		return true;
	if (pull_peek(p) != ',')
		return pull_fail(p, ERR_MALFORMED_JSON);
	p->at++;
	p->wants_comma = false;
	return true;
}

void pull_init(pull *p, str json, uint32_t depth_max)
{
	assert(depth_max <= PULL_DEPTH_CAP);
	*p = (pull){.at = json.p, .begin = json.p, .depth_max = depth_max};
	p->end = json.p ? json.p + json.n : NULL;
}

bool pull_item(pull *p)
{
	if (p->e)
		return false;
	assert(p->depth && !pull_in_object(p));
	if (pull_peek(p) == ']') {
		container_close(p);
		return false;
	}
	if (!p->wants_comma)
		return true;
	if (!comma_take(p))
		return false;
	return pull_peek(p) != ']' || pull_fail(p, ERR_MALFORMED_JSON);
}

str pull_plain_rest(const pull *p)
{
	const char *at = p->at;

	if (p->e || at == p->end)
		return STR_NONE;
	assert(p->depth && !pull_in_object(p));
	if (p->wants_comma && *at++ != ',')
		return STR_NONE;
	return at == p->end || *at != '"' ? STR_NONE : (str){at, (uint32_t)(p->end - at)};
}

void pull_plain_take(pull *p, uint32_t n_bytes)
{
	p->at += p->wants_comma;
	assert(n_bytes >= 2 && *p->at == '"' && p->at[n_bytes - 1] == '"');
	p->at += n_bytes;
	p->wants_comma = true;
}

bool pull_plain_item(pull *p, str *ret)
{
	str rest = pull_plain_rest(p);

	if (!rest.p)
		return false;
	const char *from = rest.p + 1, *at = scan_plain(from, p->end, false);
	if (at == p->end || *at != '"')
		return false;
	*ret = (str){from, (uint32_t)(at - from)};
	p->at = at + 1;
	p->wants_comma = true;
	return true;
}

bool pull_key(pull *p, str *ret_key, bool *ret_has_escape)
{
	if (p->e)
		return false;
	assert(pull_in_object(p) && !p->after_key);
	if (pull_peek(p) == '}') {
		container_close(p);
		return false;
	}
	if (!comma_take(p) || !key_read(p))
		return false;
	*ret_key = p->text;
	*ret_has_escape = p->has_escape;
	return true;
}

/* Brings the reader onto the first byte of a value. False: an array ended here, the document is over, or p->e is set.
 */
static bool value_find(pull *p)
{
	if (p->e)
		return false;
	if (pull_in_object(p))
		assert(p->after_key);
	else if (p->depth && !pull_item(p))
		return false;
	else if (!p->depth && p->wants_comma)
		return false;
	return pull_blanks(p) || pull_fail(p, ERR_MALFORMED_JSON);
}

pull_token pull_next(pull *p)
{
	bool in_array = p->depth > 0;

	if (value_find(p))
		return value_read(p);
	if (p->e)
		return PULL_ERROR;
	if (in_array)
		return PULL_ARRAY_END;
	return pull_finish(p) ? PULL_ERROR : PULL_END;
}

/* After a value inside a skipped container: steps out of what ends here, then over the comma and, in objects, the next
 * key. False on error; true with depth == floor when the outermost ended. */
static bool skip_on(pull *p, uint32_t floor)
{
	while (p->depth > floor) {
		bool is_object = p->is_object >> p->depth & 1;
		char c = pull_peek(p);

		if (c == (is_object ? '}' : ']')) {
			container_close(p);
			continue;
		}
		return comma_take(p) && (!is_object || key_read(p));
	}
	return true;
}

err pull_skip(pull *p)
{
	uint32_t floor = p->depth;

	if (!value_find(p)) {
		(void)pull_fail(p, ERR_MALFORMED_JSON);
		return p->e;
	}
	do {
		if (!pull_blanks(p))
			(void)pull_fail(p, ERR_MALFORMED_JSON);
		else if (value_read(p) != PULL_ERROR)
			(void)skip_on(p, floor);
	} while (!p->e && p->depth > floor);
	return p->e;
}

err pull_span(pull *p, str *ret)
{
	if (!value_find(p)) {
		(void)pull_fail(p, ERR_MALFORMED_JSON);
		return p->e;
	}
	const char *from = p->at;
	err e = pull_skip(p);
	if (!e)
		*ret = (str){from, (uint32_t)(p->at - from)};
	return e;
}

/* Writes a code point as UTF-8 and returns its length. */
static size_t utf8_write(int32_t point, char *out)
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	size_t n = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, point >>= 6)
		out[i] = (char)(0x80 | (point & 0x3f));
	out[0] = (char)((0xf00 >> n & 0xff) | point);
	return n;
}

err pull_unescape(str raw, bool has_escape, arena *a, str *ret)
{
	if (!has_escape) {
		*ret = raw;
		return ERR_OK;
	}
	/* No escape is shorter than what it stands for. */
	char *out = arena_alloc(a, raw.n ? raw.n : 1), *to = out;
	const char *at = raw.p, *end = raw.p + raw.n;

	while (at < end) {
		const char *slash = memchr(at, '\\', (size_t)(end - at));
		size_t plain = (size_t)((slash ? slash : end) - at);
		int32_t point;
		err e;

		memcpy(to, at, plain);
		to += plain;
		at += plain;
		if (at == end)
			break;
		size_t n = escape_read(at, end, &point, &e);
		if (!n)
			return e;
		if (!point)
			return ERR_BAD_FIELD;
		to += utf8_write(point, to);
		at += n;
	}
	*ret = (str){out, (uint32_t)(to - out)};
	return ERR_OK;
}

err pull_i64(str number, int64_t *ret)
{
	bool is_negative = number.n && number.p[0] == '-';
	uint32_t i = is_negative;
	int64_t v = 0;
	bool is_over = false;

	assert(number.n > i);
	for (; i < number.n; i++) {
		if (number.p[i] < '0' || number.p[i] > '9')
			return ERR_NOT_AN_INTEGER;
		v = v * 10 + (number.p[i] - '0');
		if (v > JS_INT_MAX) {
			is_over = true;
			v = 0;
		}
	}
	if (is_over)
		return ERR_BAD_FIELD;
	*ret = is_negative ? -v : v;
	return ERR_OK;
}

err pull_finish(pull *p)
{
	if (!p->e && (p->depth || !p->wants_comma || pull_blanks(p)))
		(void)pull_fail(p, ERR_MALFORMED_JSON);
	return p->e;
}
