#include "cli/show.h"

#include "base/arena.h"
#include "json/pull.h"

enum { INDENT = 2, COLUMNS_MAX = 64 };

static void indent(buf *out, uint32_t depth)
{
	for (uint32_t i = 0; i < depth * INDENT; i++)
		buf_add_char(out, ' ');
}

static bool is_empty(str json)
{
	return str_eq(json, S("{}")) || str_eq(json, S("[]"));
}

static bool is_plain(str json)
{
	return !json.n || (json.p[0] != '{' && json.p[0] != '[') || is_empty(json);
}

/* C1 controls are two bytes in UTF-8: c2 80 to c2 9f. */
static uint32_t control_at(str s, uint32_t i, unsigned *ret_code)
{
	unsigned char c = (unsigned char)s.p[i], next = i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0;

	*ret_code = c == 0xc2 ? next : c;
	if (c < 0x20 || c == 0x7f)
		return 1;
	return c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

void show_text(buf *out, str text)
{
	unsigned code;

	for (uint32_t i = 0; i < text.n;) {
		uint32_t n = control_at(text, i, &code);
		if (!n)
			buf_add_char(out, text.p[i]);
		else if (code == '\n' || code == '\t')
			buf_add_str(out, code == '\n' ? S("\\n") : S("\\t"));
		else
			buf_printf(out, "\\x%02x", code);
		i += n ? n : 1;
	}
}

static str plain_text(str json, arena *a)
{
	str text = json;

	if (json.n < 2 || json.p[0] != '"')
		return json;
	str raw = str_cut(json, 1, json.n - 1);
	return pull_unescape(raw, memchr(raw.p, '\\', raw.n) != NULL, a, &text) ? S("") : text;
}

static void plain_show(buf *out, str json)
{
	AUTO_ARENA a = arena_new(0);

	show_text(out, plain_text(json, a));
}

static void value_show(buf *out, str json, uint32_t depth);

static void object_show(buf *out, pull *p, uint32_t depth, bool is_first_inline)
{
	str key, value;
	bool has_escape;

	while (pull_key(p, &key, &has_escape) && !pull_span(p, &value)) {
		if (!is_first_inline)
			indent(out, depth);
		is_first_inline = false;
		show_text(out, key);
		buf_add_str(out, is_plain(value) ? S(": ") : S(":\n"));
		value_show(out, value, depth + 1);
		if (is_plain(value))
			buf_add_char(out, '\n');
	}
}

static void list_show(buf *out, pull *p, uint32_t depth)
{
	str value;

	while (pull_item(p) && !pull_span(p, &value)) {
		pull inner;
		indent(out, depth);
		buf_add_str(out, S("- "));
		if (is_plain(value) || value.p[0] == '[') {
			plain_show(out, value);
			buf_add_char(out, '\n');
			continue;
		}
		pull_init(&inner, value, PULL_DEPTH_CAP);
		(void)pull_next(&inner);
		object_show(out, &inner, depth + 1, true);
	}
}

static void value_show(buf *out, str json, uint32_t depth)
{
	pull p;

	if (is_plain(json)) {
		plain_show(out, json);
		return;
	}
	pull_init(&p, json, PULL_DEPTH_CAP);
	if (pull_next(&p) == PULL_OBJECT)
		object_show(out, &p, depth, false);
	else
		list_show(out, &p, depth);
}

void show_json(buf *out, str json)
{
	value_show(out, json, 0);
	if (is_plain(json))
		buf_add_char(out, '\n');
}

/* Calls fn for each item of "items". */
static void items_each(str list, void (*fn)(void *arg, str item), void *arg)
{
	pull p, q;
	str key, value;
	bool has_escape;

	pull_init(&p, list, PULL_DEPTH_CAP);
	if (pull_next(&p) != PULL_OBJECT)
		return;
	while (pull_key(&p, &key, &has_escape) && !pull_span(&p, &value)) {
		if (!str_eq(key, S("items")))
			continue;
		pull_init(&q, value, PULL_DEPTH_CAP);
		if (pull_next(&q) != PULL_ARRAY)
			return;
		while (pull_item(&q) && !pull_span(&q, &value))
			fn(arg, value);
	}
}

typedef struct columns {
	str v[COLUMNS_MAX];
	uint32_t n;
	buf *out;
} columns;

static void columns_gather(void *arg, str item)
{
	columns *c = arg;
	pull p;
	str key, value;
	bool has_escape;

	pull_init(&p, item, PULL_DEPTH_CAP);
	if (pull_next(&p) != PULL_OBJECT)
		return;
	while (pull_key(&p, &key, &has_escape) && !pull_span(&p, &value)) {
		bool is_known = false;
		for (uint32_t i = 0; i < c->n; i++)
			is_known |= str_eq(c->v[i], key);
		if (!is_known && c->n < COLUMNS_MAX)
			c->v[c->n++] = key;
	}
}

/* Spreadsheets run a text that begins so; a number may be below zero. */
static bool is_formula(str json, str s)
{
	return s.n && json.p[0] == '"' && memchr("=+-@\t\r", s.p[0], 6);
}

static void cell_show(buf *out, str json)
{
	AUTO_ARENA a = arena_new(0);
	str s = plain_text(json, a);
	bool is_quoted = is_formula(json, s);

	for (uint32_t i = 0; i < s.n; i++)
		is_quoted |= strchr(",\"\r\n", s.p[i]) != NULL;
	if (is_quoted)
		buf_add_char(out, '"');
	if (is_formula(json, s))
		buf_add_char(out, '\'');
	for (uint32_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buf_add_char(out, '"');
		buf_add_char(out, s.p[i]);
	}
	if (is_quoted)
		buf_add_char(out, '"');
}

static str member_of(str item, str name)
{
	pull p;
	str key, value;
	bool has_escape;

	pull_init(&p, item, PULL_DEPTH_CAP);
	if (pull_next(&p) == PULL_OBJECT)
		while (pull_key(&p, &key, &has_escape) && !pull_span(&p, &value))
			if (str_eq(key, name))
				return value;
	return S("");
}

static void row_show(void *arg, str item)
{
	const columns *c = arg;

	for (uint32_t i = 0; i < c->n; i++) {
		if (i)
			buf_add_char(c->out, ',');
		cell_show(c->out, member_of(item, c->v[i]));
	}
	buf_add_str(c->out, S("\r\n"));
}

void show_csv(buf *out, str list)
{
	columns c = {.out = out};

	items_each(list, columns_gather, &c);
	for (uint32_t i = 0; i < c.n; i++)
		buf_printf(out, "%s" STR_FMT, i ? "," : "", STR_ARG(c.v[i]));
	buf_add_str(out, S("\r\n"));
	items_each(list, row_show, &c);
}
