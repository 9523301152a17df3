#include "json/yaml.h"

#include <yaml.h>
#include "base/map.h"
#include "json/write.h"

/* One level of the document that is open. */
typedef struct level {
	bool is_map, wants_key;
	uint32_t items;
	str key; /* in the arena */
	map keys;
} level;

typedef struct reader {
	yaml_parser_t parser;
	js_writer w;
	arena *a;
	fault *f;
	level levels[YAML_DEPTH_MAX];
	uint32_t depth;
} reader;

static void place_put(reader *r)
{
	for (uint32_t i = r->depth; i-- > 0;) {
		const level *l = &r->levels[i];
		if (l->is_map && l->key.p)
			fault_prefix(r->f, l->key);
		else if (!l->is_map)
			fault_prefix(r->f, str_print(r->a, "%u", l->items ? l->items - 1 : 0));
	}
}

static err refuse(reader *r, err e, const yaml_mark_t *at, const char *why)
{
	fault_set(r->f, e, "", "line %zu, column %zu: %s", at->line + 1, at->column + 1, why);
	place_put(r);
	if (!r->f->pointer[0])
		fault_set(r->f, e, "#", "line %zu, column %zu: %s", at->line + 1, at->column + 1, why);
	return e;
}

static err parser_refuse(reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *why = p->problem ? p->problem : "it cannot be read";

	return refuse(r, p->error == YAML_READER_ERROR ? ERR_BAD_UTF8 : ERR_MALFORMED_YAML, &p->problem_mark, why);
}

static bool is_decimal(str s)
{
	int64_t n;

	return str_to_i64(s, &n);
}

/* Plain words that some reader or other takes for more than a text. */
static bool is_doubtful(str s)
{
	static const char *const words[] = {"~", "yes", "no", "on", "off", "y", "n", "true", "false", "null", ".inf",
		"-.inf", "+.inf", ".nan", "<<", "="};
	bool starts_number =
		s.n && ((s.p[0] >= '0' && s.p[0] <= '9') || ((s.p[0] == '-' || s.p[0] == '+' || s.p[0] == '.') &&
								    s.n > 1 && s.p[1] >= '0' && s.p[1] <= '9'));

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (str_eq_nocase(s, str_from(words[i])))
			return true;
	/* 0x10, 010, 1_000, 1e3, 1.5, 12:30, 2026-01-01: a name such as 3d-models is none of these. */
	for (uint32_t i = 0; starts_number && i < s.n; i++)
		if (!strchr("0123456789abcdefABCDEFxXo_.:+-eETZ ", s.p[i]))
			return false;
	return starts_number;
}

static err key_take(reader *r, str key, const yaml_event_t *ev)
{
	level *l = &r->levels[r->depth - 1];
	bool is_plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	l->key = str_dup(r->a, key);
	if (is_plain && (is_decimal(key) || is_doubtful(key)))
		return refuse(r, ERR_MALFORMED_YAML, &ev->start_mark, "a key that may be more than a text: quote it");
	if (map_put(&l->keys, l->key, l))
		return refuse(r, ERR_DUPLICATE_KEY, &ev->start_mark, "the key stands twice");
	js_key(&r->w, key);
	l->wants_key = false;
	return ERR_OK;
}

static err plain_take(reader *r, str s, const yaml_event_t *ev)
{
	if (!s.n || str_eq(s, S("null")))
		js_null(&r->w);
	else if (str_eq(s, S("true")) || str_eq(s, S("false")))
		js_bool(&r->w, s.n == 4);
	else if (is_decimal(s))
		js_raw_value(&r->w, s);
	else if (is_doubtful(s))
		return refuse(r, ERR_MALFORMED_YAML, &ev->start_mark,
			"neither a text nor a decimal integer for sure: quote it, or write it out");
	else
		js_text(&r->w, s);
	return ERR_OK;
}

/* A value began: counts it where it stands. */
static void value_begins(reader *r)
{
	if (!r->depth)
		return;
	level *l = &r->levels[r->depth - 1];
	l->items++;
	l->wants_key = l->is_map;
}

static err scalar_take(reader *r, const yaml_event_t *ev)
{
	str s = str_of((const char *)ev->data.scalar.value, ev->data.scalar.length);
	bool is_plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	if (ev->data.scalar.anchor)
		return refuse(r, ERR_MALFORMED_YAML, &ev->start_mark, "anchors are not taken");
	if (ev->data.scalar.tag)
		return refuse(r, ERR_MALFORMED_YAML, &ev->start_mark, "tags are not taken");
	if (r->depth && r->levels[r->depth - 1].is_map && r->levels[r->depth - 1].wants_key)
		return key_take(r, s, ev);
	value_begins(r);
	if (is_plain)
		return plain_take(r, s, ev);
	js_text(&r->w, s);
	return ERR_OK;
}

static err level_open(reader *r, const yaml_event_t *ev, bool is_map)
{
	const yaml_char_t *anchor = is_map ? ev->data.mapping_start.anchor : ev->data.sequence_start.anchor;
	const yaml_char_t *tag = is_map ? ev->data.mapping_start.tag : ev->data.sequence_start.tag;

	if (anchor || tag)
		return refuse(r, ERR_MALFORMED_YAML, &ev->start_mark,
			anchor ? "anchors are not taken" : "tags are not taken");
	if (r->depth && r->levels[r->depth - 1].is_map && r->levels[r->depth - 1].wants_key)
		return refuse(r, ERR_MALFORMED_YAML, &ev->start_mark, "keys are texts");
	if (r->depth == YAML_DEPTH_MAX)
		return refuse(r, ERR_TOO_DEEP, &ev->start_mark, "too many levels");
	value_begins(r);
	r->levels[r->depth++] = (level){.is_map = is_map, .wants_key = is_map};
	if (is_map)
		js_object_begin(&r->w);
	else
		js_array_begin(&r->w);
	return ERR_OK;
}

static void level_close(reader *r)
{
	level *l = &r->levels[--r->depth];

	map_done(&l->keys);
	if (l->is_map)
		js_object_end(&r->w);
	else
		js_array_end(&r->w);
}

static err event_take(reader *r, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return scalar_take(r, ev);
	case YAML_ALIAS_EVENT:
		return refuse(r, ERR_MALFORMED_YAML, &ev->start_mark, "aliases are not taken");
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		return level_open(r, ev, ev->type == YAML_MAPPING_START_EVENT);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		level_close(r);
		return ERR_OK;
	default:
		return ERR_OK;
	}
}

/* One document: a second one is refused, and so is none. */
static err document_check(reader *r, const yaml_event_t *ev, uint32_t *documents)
{
	if (ev->type == YAML_DOCUMENT_START_EVENT && (*documents)++)
		return refuse(r, ERR_MALFORMED_YAML, &ev->start_mark, "one document, not several");
	if (ev->type == YAML_STREAM_END_EVENT && !*documents)
		return refuse(r, ERR_MALFORMED_YAML, &ev->start_mark, "there is no document");
	return ERR_OK;
}

static err events_take(reader *r)
{
	uint32_t documents = 0;
	bool is_over = false;
	err e = ERR_OK;

	while (!e && !is_over) {
		yaml_event_t ev;
		if (!yaml_parser_parse(&r->parser, &ev))
			return parser_refuse(r);
		is_over = ev.type == YAML_STREAM_END_EVENT;
		e = document_check(r, &ev, &documents);
		if (!e)
			e = event_take(r, &ev);
		yaml_event_delete(&ev);
	}
	return e;
}

err yaml_to_json(str text, buf *out, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	reader *r = ARENA_NEW(a, reader);

	if (text.n > YAML_BYTES_MAX)
		return fault_set(f, ERR_BODY_TOO_LARGE, "", "at most %d bytes of YAML", YAML_BYTES_MAX);
	if (!str_is_utf8(text))
		return fault_set(f, ERR_BAD_UTF8, "#", "the text is not UTF-8");
	r->a = a;
	r->f = f;
	r->w = js_writer_on(out);
	if (!yaml_parser_initialize(&r->parser))
		return fault_set(f, ERR_INTERNAL, "", "no memory");
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, (const unsigned char *)text.p, text.n);
	err e = events_take(r);
	yaml_parser_delete(&r->parser);
	while (r->depth)
		map_done(&r->levels[--r->depth].keys);
	return e;
}
