#include "cli/trace/csv.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { CSV_BYTES_MAX = 256 << 20, NUMBER_MAX = 64 };

static err file_read(arena *a, const char *path, str *ret, fault *f)
{
	FILE *in = fopen(path, "re");
	long n = -1;

	if (!in)
		return fault_set(f, ERR_IO, NULL, "cannot read %s: %s", path, strerror(errno));
	if (fseek(in, 0, SEEK_END) == 0)
		n = ftell(in);
	rewind(in);
	if (n < 0 || n > CSV_BYTES_MAX) {
		fclose(in);
		return fault_set(f, ERR_IO, NULL, "%s is not a file of a sane size", path);
	}
	char *p = arena_alloc(a, (size_t)n + 1);
	size_t got = fread(p, 1, (size_t)n, in);
	fclose(in);
	*ret = str_of(p, got);
	return ERR_OK;
}

/* What stands between the quotes at the beginning of *rest, which then goes on behind them; two quotes stand for one.
 */
static str quoted_take(csv *c, str *rest)
{
	char *out = arena_alloc(c->arena, rest->n);
	uint32_t n = 0, i = 1;

	for (; i < rest->n; i++) {
		if (rest->p[i] == '"' && (i + 1 == rest->n || rest->p[i + 1] != '"'))
			break;
		i += rest->p[i] == '"';
		out[n++] = rest->p[i];
	}
	if (i == rest->n)
		c->bad = "a quote is not closed";
	*rest = str_cut(*rest, (size_t)i + 1, rest->n);
	return str_of(out, n);
}

static str field_take(csv *c, str *line)
{
	str from = str_trim(*line);

	if (!str_starts(from, S("\"")))
		return str_trim(str_split(line, ','));
	*line = from;
	str field = quoted_take(c, line);
	if (!str_is_empty(str_trim(str_split(line, ','))))
		c->bad = "a value goes on behind its closing quote";
	return str_trim(field);
}

static uint32_t split(csv *c, str line, str out[CSV_COLUMNS_MAX])
{
	uint32_t n = 0;

	c->bad = NULL;
	while (line.p && n < CSV_COLUMNS_MAX)
		out[n++] = field_take(c, &line);
	if (line.p)
		c->bad = "it has too many values";
	return n;
}

static str line_take(csv *c)
{
	str line = str_split(&c->rest, '\n');

	c->line++;
	return str_ends(line, S("\r")) ? str_cut(line, 0, line.n - 1) : line;
}

static err bad_line(const csv *c, const char *what, fault *f)
{
	return fault_set(f, ERR_BAD_FIELD, NULL, "%s line %u: %s", c->path, c->line, what);
}

static err header_check(const csv *c, fault *f)
{
	if (c->bad)
		return bad_line(c, c->bad, f);
	for (uint32_t i = 0; i < c->n_header; i++)
		for (uint32_t k = 0; k < i; k++)
			if (c->header[i].n && str_eq(c->header[i], c->header[k]))
				return fault_set(f, ERR_BAD_FIELD, NULL,
					"%s line %u: the column " STR_FMT " stands there twice", c->path, c->line,
					STR_ARG(c->header[i]));
	return ERR_OK;
}

err csv_open(csv *c, arena *a, const char *path, fault *f)
{
	static const str byte_order_mark = S("\xef\xbb\xbf");

	memset(c, 0, sizeof(*c));
	c->path = path;
	c->arena = a;
	err e = file_read(a, path, &c->rest, f);
	if (e)
		return e;
	if (str_starts(c->rest, byte_order_mark))
		c->rest = str_cut(c->rest, byte_order_mark.n, c->rest.n);
	if (str_is_empty(c->rest))
		return fault_set(f, ERR_BAD_FIELD, NULL, "%s is empty", path);
	c->n_header = split(c, line_take(c), c->header);
	return header_check(c, f);
}

bool csv_next(csv *c)
{
	while (c->rest.p && c->rest.n) {
		str line = line_take(c);
		if (str_is_empty(str_trim(line)))
			continue;
		c->n_fields = split(c, line, c->fields);
		return true;
	}
	return false;
}

err csv_check(const csv *c, fault *f)
{
	if (c->bad)
		return bad_line(c, c->bad, f);
	if (c->n_fields != c->n_header)
		return fault_set(f, ERR_BAD_FIELD, NULL, "%s line %u: it has %u values, and there are %u columns",
			c->path, c->line, c->n_fields, c->n_header);
	return ERR_OK;
}

static int column_find(const csv *c, str column)
{
	for (uint32_t i = 0; i < c->n_header; i++)
		if (str_eq(c->header[i], column))
			return (int)i;
	return -1;
}

bool csv_has(const csv *c, const char *column)
{
	return column_find(c, str_from(column)) >= 0;
}

str csv_text(const csv *c, const char *column)
{
	int i = column_find(c, str_from(column));

	return i >= 0 && (uint32_t)i < c->n_fields ? c->fields[i] : STR_NONE;
}

err csv_need(const csv *c, const char *columns, fault *f)
{
	str rest = str_from(columns);

	while (rest.p) {
		str column = str_split(&rest, ' ');
		if (column_find(c, column) < 0)
			return fault_set(f, ERR_BAD_FIELD, NULL, "%s line 1: there is no column " STR_FMT, c->path,
				STR_ARG(column));
	}
	return ERR_OK;
}

static err not_a_number(const csv *c, const char *column, str s, fault *f)
{
	return fault_set(f, ERR_BAD_FIELD, NULL, "%s line %u: %s is not a number: " STR_FMT, c->path, c->line, column,
		STR_ARG(s));
}

static bool is_digits(str s)
{
	for (uint32_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

err csv_i64(const csv *c, const char *column, int64_t *ret, fault *f)
{
	str s = csv_text(c, column), whole = s;
	int64_t dot = str_find(s, '.', 0);

	if (dot >= 0)
		whole = str_cut(s, 0, (size_t)dot);
	*ret = 0;
	if (str_is_empty(s))
		return ERR_OK;
	if (str_to_i64(whole, ret) && is_digits(str_cut(s, whole.n + (dot >= 0), s.n)))
		return ERR_OK;
	return not_a_number(c, column, s, f);
}

err csv_double(const csv *c, const char *column, double *ret, fault *f)
{
	char z[NUMBER_MAX], *end = z;
	str s = csv_text(c, column);

	*ret = 0;
	if (str_is_empty(s))
		return ERR_OK;
	if (s.n < sizeof(z)) {
		memcpy(z, s.p, s.n);
		z[s.n] = 0;
		*ret = strtod(z, &end);
	}
	if (end == z || *end || !isfinite(*ret))
		return not_a_number(c, column, s, f);
	return ERR_OK;
}
