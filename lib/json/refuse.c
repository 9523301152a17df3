#include "json/reader.h"
#include <stdarg.h>
#include <stdio.h>
#include "json/form.h"

/* The largest n' <= n at which no UTF-8 sequence is cut. */
static uint32_t cut_before(str s, uint32_t n)
{
	while (n && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

shown shown_text(str s)
{
	shown out;
	uint32_t n = s.n <= SHOWN_BYTES ? s.n : cut_before(s, SHOWN_BYTES);
	char *to = out.p;

	*to++ = '"';
	for (uint32_t i = 0; i < n; i++)
		*to++ = (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : s.p[i];
	*to = '\0';
	(void)snprintf(to, sizeof(out.p) - (size_t)(to - out.p), "%s\"", n < s.n ? "..." : "");
	return out;
}

shown shown_token(const pull *p, pull_token k)
{
	static const char *const names[] = {[PULL_OBJECT] = "an object",
		[PULL_ARRAY] = "a list",
		[PULL_TEXT] = "a text",
		[PULL_TRUE] = "true",
		[PULL_FALSE] = "false",
		[PULL_NULL] = "null"};
	shown out;

	if (k == PULL_NUMBER)
		(void)snprintf(out.p, sizeof(out.p), "%.*s%s", (int)(p->text.n < SHOWN_BYTES ? p->text.n : SHOWN_BYTES),
			p->text.p, p->text.n > SHOWN_BYTES ? "..." : "");
	else
		(void)snprintf(out.p, sizeof(out.p), "%s", names[k]);
	return out;
}

err refuse(reader *r, err e, const char *fmt, ...)
{
	char pointer[FAULT_POINTER_MAX], detail[FAULT_DETAIL_MAX];
	va_list args;

	if (!r->f)
		return e;
	va_start(args, fmt);
	(void)vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	place_print(&r->at, pointer);
	return fault_set(r->f, e, pointer, "%s", detail);
}

err refuse_syntax(reader *r)
{
	const pull *p = &r->p;
	size_t at = p->begin ? (size_t)(p->at - p->begin) : 0;

	if (p->e == ERR_TOO_DEEP)
		return refuse(r, p->e, "more than %d levels at byte %zu", JS_DEPTH_MAX, at);
	if (p->e == ERR_BAD_UTF8)
		return refuse(r, p->e, "byte %zu begins no valid character", at);
	if (p->at == p->end)
		return refuse(r, p->e, "ends too early, at byte %zu", at);
	if (*p->at > ' ' && *p->at < 0x7f)
		return refuse(r, p->e, "'%c' may not stand at byte %zu", *p->at, at);
	return refuse(r, p->e, "code %d may not stand at byte %zu", (unsigned char)*p->at, at);
}

err refuse_unknown(reader *r, const js_type *t)
{
	char names[FAULT_DETAIL_MAX / 2] = "";
	size_t n = 0;
	uint32_t i = 0;

	for (; i < t->n && n + t->fields[i].name_n + 3 < sizeof(names); i++)
		if (t->fields[i].use == JS_REQUIRED || t->fields[i].use == JS_OPTIONAL)
			n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n ? ", " : "", t->fields[i].name);
	return refuse(r, ERR_UNKNOWN_FIELD, "is not a field of %s, which takes %s%s", t->name, n ? names : "none",
		i < t->n ? ", ..." : "");
}

err refuse_kind(reader *r, const js_field *f, pull_token found)
{
	static const char *const names[] = {[JS_BOOL] = "true or false",
		[JS_I64] = "an integer",
		[JS_TEXT] = "a text",
		[JS_TEXTS] = "a text",
		[JS_I64S] = "an integer",
		[JS_TIME] = "a time as text (RFC 3339)",
		[JS_RAW] = "a value",
		[JS_OBJECT] = "an object",
		[JS_LIST] = "a list",
		[JS_MAP] = "an object"};

	if (found == PULL_ERROR)
		return refuse_syntax(r);
	return refuse(r, ERR_WRONG_TYPE, "must be %s, is %s", names[f->kind], shown_token(&r->p, found).p);
}

static err refuse_enum(reader *r, const char *const *values, str found)
{
	char list[FAULT_DETAIL_MAX / 2] = "";
	size_t n = 0;

	for (; *values && n + strlen(*values) + 8 < sizeof(list); values++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "", *values);
	return refuse(
		r, ERR_BAD_FIELD, "must be one of %s%s, is %s", list, *values ? ", ..." : "", shown_text(found).p);
}

err refuse_form(reader *r, const js_field *f, js_text_form form, str found)
{
	if (form == JS_ENUM)
		return refuse_enum(r, f->values, found);
	return refuse(r, ERR_BAD_FIELD, "must be %s, is %s", js_form_row_of(form)->what, shown_text(found).p);
}

js_range js_range_of(const js_field *f)
{
	if (f->min || f->max)
		return (js_range){f->min, f->max};
	switch (f->kind) {
	case JS_I64:
		return (js_range){-JS_INT_MAX, JS_INT_MAX};
	case JS_TEXT:
		return (js_range){0, JS_TEXT_BYTES};
	case JS_RAW:
		return (js_range){0, JS_RAW_BYTES};
	default:
		return (js_range){0, JS_ITEMS_COUNT};
	}
}
