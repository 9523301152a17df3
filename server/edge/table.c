#include "server/edge/table.h"

#include "base/clock.h"

enum { WIDTH_MAX = 48, CELL_MAX = 64, GAP = 2 };

/* Characters, as a terminal counts most of them: bytes that do not go on with one before. */
static uint32_t width_of(str s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

/* One line of one cell; number and time stand in `scratch`. */
static str cell(const row_plan *p, const db_reply *r, uint32_t row, uint16_t field, char scratch[CELL_MAX])
{
	uint32_t column = (uint32_t)p->column[field];
	buf text;

	if (db_is_null(r, row, column))
		return S("-");
	switch (p->type->fields[field].kind) {
	case JS_BOOL:
		return db_bool_at(r, row, column) ? S("yes") : S("no");
	case JS_I64:
		buf_init(&text, CELL_MAX);
		buf_add_i64(&text, db_i64_at(r, row, column));
		memcpy(scratch, text.p, text.n);
		str number = str_of(scratch, text.n);
		buf_done(&text);
		return number;
	case JS_TIME:
		return str_of(scratch, (size_t)clock_text(db_i64_at(r, row, column), scratch));
	default:
		return db_text_at(r, row, column);
	}
}

static bool is_flat(js_kind kind)
{
	return kind == JS_BOOL || kind == JS_I64 || kind == JS_TEXT || kind == JS_TIME;
}

/* 0: the column is not shown. */
static uint32_t width(const row_plan *p, const db_reply *r, uint32_t n, uint16_t field)
{
	char scratch[CELL_MAX];
	uint32_t most = 0;
	bool is_empty = n > 0;

	if (p->column[field] < 0 || !is_flat(p->type->fields[field].kind))
		return 0;
	for (uint32_t row = 0; row < n; row++) {
		uint32_t w = width_of(cell(p, r, row, field, scratch));
		is_empty &= db_is_null(r, row, (uint32_t)p->column[field]);
		most = w > most ? w : most;
	}
	if (most < p->type->fields[field].name_n)
		most = p->type->fields[field].name_n;
	return is_empty ? 0 : most < WIDTH_MAX ? most : WIDTH_MAX;
}

/* What would break the line, or move a terminal's cursor (C1 controls are two bytes), becomes a blank; what is too wide
 * is cut. */
static void pad(buf *out, str s, uint32_t to)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i], next = i + 1 < s.n ? (unsigned char)s.p[i + 1] : 0;
		bool goes_on = (c & 0xc0) == 0x80, is_c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;
		if (!goes_on && n == to)
			break;
		n += !goes_on;
		i += is_c1;
		buf_add_char(out, c < 0x20 || c == 0x7f || is_c1 ? ' ' : (char)c);
	}
	for (; n < to + GAP; n++)
		buf_add_char(out, ' ');
}

static void line_end(buf *out)
{
	while (out->n && out->p[out->n - 1] == ' ')
		out->n--;
	buf_add_char(out, '\n');
}

void table_write(buf *out, const row_plan *p, const db_reply *r, uint32_t n)
{
	uint32_t widths[JS_FIELDS_MAX];
	char scratch[CELL_MAX];

	for (uint16_t i = 0; i < p->type->n; i++)
		widths[i] = width(p, r, n, i);
	for (uint16_t i = 0; i < p->type->n; i++)
		if (widths[i])
			pad(out, str_from(p->type->fields[i].name), widths[i]);
	line_end(out);
	for (uint32_t row = 0; row < n; row++) {
		for (uint16_t i = 0; i < p->type->n; i++)
			if (widths[i])
				pad(out, cell(p, r, row, i, scratch), widths[i]);
		line_end(out);
	}
}
