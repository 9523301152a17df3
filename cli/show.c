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

static void plain_show(buf *out, str json)
{
	AUTO_ARENA a = arena_new(0);
	str text;

	if (json.n < 2 || json.p[0] != '"') {
		buf_add_str(out, json);
		return;
	}
	str raw = str_cut(json, 1, json.n - 1);
	if (!pull_unescape(raw, memchr(raw.p, '\\', raw.n) != NULL, a, &text))
		buf_add_str(out, text);
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
		buf_printf(out, STR_FMT ":%s", STR_ARG(key), is_plain(value) ? " " : "\n");
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

static void cell_show(buf *out, str json)
{
	buf text;

	buf_init(&text, out->max);
	if (is_plain(json))
		plain_show(&text, json);
	else
		buf_add_str(&text, json);
	str s = buf_str(&text);
	bool is_quoted = false;
	for (uint32_t i = 0; i < s.n; i++)
		is_quoted |= strchr(",\"\r\n", s.p[i]) != NULL;
	if (is_quoted)
		buf_add_char(out, '"');
	for (uint32_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buf_add_char(out, '"');
		buf_add_char(out, s.p[i]);
	}
	if (is_quoted)
		buf_add_char(out, '"');
	buf_done(&text);
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
