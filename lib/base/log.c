#include "base/log.h"
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include "base/clock.h"

enum { LOG_LINE_MAX = 8192, LOG_VALUE_MAX = 1024 };

static const char *process_name = "-";
static log_level lowest_level = LOG_INFO;
static const char *const level_names[] = {
	[LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};

/* Not a buf: a line never costs memory, and what does not fit is left out while the rest is written. */
typedef struct line {
	char p[LOG_LINE_MAX];
	size_t n;
	bool is_full;
} line;

void log_open(const char *process, log_level lowest)
{
	process_name = process;
	lowest_level = lowest;
}

static void line_add(line *l, const char *p, size_t n)
{
	/* The last byte is for the newline. */
	if (n > sizeof(l->p) - 1 - l->n) {
		l->is_full = true;
		return;
	}
	memcpy(l->p + l->n, p, n);
	l->n += n;
}

static void line_add_z(line *l, const char *z)
{
	line_add(l, z, strlen(z));
}

/* The C1 controls (U+0080 to U+009F) are two bytes in UTF-8, and terminals obey them as they obey ESC. */
static bool begins_c1(str s, uint32_t i)
{
	return (unsigned char)s.p[i] == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0;
}

static bool is_plain(str s)
{
	for (uint32_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
			return false;
	}
	return s.n > 0;
}

static void add_hex(line *l, char c)
{
	char hex[5];
	line_add(l, hex, (size_t)snprintf(hex, sizeof(hex), "\\x%02x", (unsigned char)c));
}

static void add_quoted(line *l, str s)
{
	bool is_utf8 = str_is_utf8(s);

	line_add_z(l, "\"");
	for (uint32_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\')
			line_add(l, (char[]){'\\', (char)c}, 2);
		else if (c == '\n')
			line_add_z(l, "\\n");
		else if (c < ' ' || c == 0x7f || (c >= 0x80 && !is_utf8))
			add_hex(l, s.p[i]);
		else if (begins_c1(s, i)) {
			add_hex(l, s.p[i]);
			add_hex(l, s.p[++i]);
		} else
			line_add(l, s.p + i, 1);
	}
	line_add_z(l, "\"");
}

/* The longest beginning of s within the limit that does not split a character. */
static str cut_value(str s)
{
	uint32_t n = LOG_VALUE_MAX;

	if (s.n <= LOG_VALUE_MAX)
		return s;
	while (n > LOG_VALUE_MAX - 4 && (s.p[n] & 0xc0) == 0x80)
		n--;
	return str_cut(s, 0, n);
}

static void add_value(line *l, const log_kv *kv)
{
	char digits[24];
	str text = cut_value(kv->text);

	if (kv->is_num)
		line_add(l, digits, (size_t)snprintf(digits, sizeof(digits), "%" PRId64, kv->num));
	else if (is_plain(text))
		line_add(l, text.p, text.n);
	else if (text.p)
		add_quoted(l, text);
	if (text.n < kv->text.n)
		line_add_z(l, "...");
}

static void add_pair(line *l, const log_kv *kv)
{
	size_t before = l->n;

	line_add_z(l, before ? " " : "");
	line_add_z(l, kv->key);
	line_add_z(l, "=");
	add_value(l, kv);
	/* A pair goes in whole or not at all: half a quoted value would swallow its neighbours. */
	if (l->is_full)
		l->n = before;
}

void log_write(log_level level, const char *event, const log_kv *kv, size_t n)
{
	line l;
	char now[CLOCK_TEXT_MAX];

	if (level < lowest_level)
		return;
	l.n = 0;
	l.is_full = false;
	clock_text(clock_now_us(), now);
	add_pair(&l, &KV_Z("ts", now));
	add_pair(&l, &KV_Z("level", level_names[level]));
	add_pair(&l, &KV_Z("proc", process_name));
	add_pair(&l, &KV_Z("event", event));
	for (size_t i = 0; i < n && !l.is_full; i++)
		add_pair(&l, &kv[i]);
	l.p[l.n++] = '\n';
	/* Where the log cannot be written there is nowhere to say so. */
	if (write(STDERR_FILENO, l.p, l.n) < 0)
		return;
}
