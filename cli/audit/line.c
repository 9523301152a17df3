#include "cli/audit/line.h"

static bool take(str *s, str expected)
{
	if (!str_starts(*s, expected))
		return false;
	*s = str_cut(*s, expected.n, s->n);
	return true;
}

static bool take_hex(str *s, void *ret, size_t n)
{
	if (s->n < 2 * n || !hex_read(str_cut(*s, 0, 2 * n), ret, n))
		return false;
	*s = str_cut(*s, 2 * n, s->n);
	return true;
}

/* Checkpoints hold no braces but their own. */
static bool take_checkpoint(str *s, str *ret_body, checkpoint *ret)
{
	int64_t end = str_find(*s, '}', 0);

	if (end < 0)
		return false;
	*ret_body = str_cut(*s, 0, (size_t)end + 1);
	*s = str_cut(*s, (size_t)end + 1, s->n);
	return checkpoint_read(*ret_body, ret);
}

static bool take_signature(str *s, str before, uint8_t ret[SIGNATURE_BYTES])
{
	return take(s, before) && take_hex(s, ret, SIGNATURE_BYTES) && take(s, S("\""));
}

/* "h","h",... up to the bracket. */
static bool take_path(str *s, line *l)
{
	if (!take(s, S("\"path\":[")))
		return false;
	while (!take(s, S("]"))) {
		if (l->path_n == MERKLE_PATH_MAX || (l->path_n && !take(s, S(","))))
			return false;
		if (!take(s, S("\"")) || !take_hex(s, l->path[l->path_n++].v, MERKLE_HASH) || !take(s, S("\"")))
			return false;
	}
	return true;
}

/* The number that a record begins with. */
static int64_t number_of(str record)
{
	int64_t n = 0;

	if (!take(&record, S("{\"n\":")) || !str_to_i64(str_split(&record, ','), &n) || n < 1)
		return 0;
	return n;
}

static bool record_read(str s, line *l)
{
	if (take(&s, S("\"differs\":\""))) {
		l->differs = str_split(&s, '"');
		if (!l->differs.n || !take(&s, S(",")))
			return false;
	}
	if (!take(&s, S("\"hash\":\"")) || !take_hex(&s, l->hash.v, MERKLE_HASH) || !take(&s, S("\",\"record\":")))
		return false;
	if (s.n < 2 || s.p[s.n - 1] != '}')
		return false;
	l->record = str_cut(s, 0, s.n - 1);
	l->n = number_of(l->record);
	return true;
}

static bool proof_read(str s, line *l)
{
	if (!take(&s, S("\"n\":")) || !str_to_i64(str_split(&s, ','), &l->n) || !take_path(&s, l))
		return false;
	if (!take(&s, S(",\"checkpoint\":")) || !take_checkpoint(&s, &l->body, &l->by))
		return false;
	if (!take_signature(&s, S(",\"signature\":\""), l->signature) || !take(&s, S(",\"record\":")))
		return false;
	if (s.n < 2 || s.p[s.n - 1] != '}')
		return false;
	l->record = str_cut(s, 0, s.n - 1);
	return l->by.chain == l->chain && number_of(l->record) == l->n;
}

static bool growth_read(str s, line *l)
{
	return take_path(&s, l) && take(&s, S(",\"from\":")) && take_checkpoint(&s, &l->from_body, &l->from) &&
	       take_signature(&s, S(",\"from_signature\":\""), l->from_signature) && take(&s, S(",\"to\":")) &&
	       take_checkpoint(&s, &l->body, &l->by) && take_signature(&s, S(",\"to_signature\":\""), l->signature) &&
	       str_eq(s, S("}")) && l->from.chain == l->chain && l->by.chain == l->chain;
}

static bool checkpoint_line(str s, line *l)
{
	merkle_hash frontier[MERKLE_LEVELS];
	size_t n = 0;

	if (!take_checkpoint(&s, &l->body, &l->by) || !take_signature(&s, S(",\"signature\":\""), l->signature) ||
		!take(&s, S(",\"frontier\":\"")))
		return false;
	while (n < MERKLE_LEVELS && take_hex(&s, frontier[n].v, MERKLE_HASH))
		n++;
	l->chain = l->by.chain;
	return str_eq(s, S("\"}")) && merkle_resume(&l->frontier, l->by.size, frontier, n);
}

/* What begins with its chain. */
static line_kind of_chain(str s, line *l)
{
	l->chain = s.n ? *s.p : 0;
	s = str_cut(s, 1, s.n);
	if ((l->chain != 'g' && l->chain != 'p') || !take(&s, S("\",")))
		return LINE_BAD;
	if (str_starts(s, S("\"n\":")))
		return proof_read(s, l) ? LINE_PROOF : LINE_BAD;
	if (str_starts(s, S("\"path\":")))
		return growth_read(s, l) ? LINE_GROWTH : LINE_BAD;
	return record_read(s, l) ? LINE_RECORD : LINE_BAD;
}

void line_read(str text, line *ret)
{
	ret->kind = LINE_BAD;
	ret->path_n = 0;
	ret->differs = STR_NONE;
	if (take(&text, S("{\"chain\":\"")))
		ret->kind = of_chain(text, ret);
	else if (take(&text, S("{\"checkpoint\":")))
		ret->kind = checkpoint_line(text, ret) ? LINE_CHECKPOINT : LINE_BAD;
}

bool line_next(str *rest, str *ret_text, bool *ret_ends)
{
	if (!rest->n)
		return false;
	const char *end = memchr(rest->p, '\n', rest->n);
	size_t n = end ? (size_t)(end - rest->p) : rest->n;
	*ret_text = str_cut(*rest, 0, n);
	*ret_ends = end != NULL;
	*rest = str_cut(*rest, n + (end != NULL), rest->n);
	return true;
}
