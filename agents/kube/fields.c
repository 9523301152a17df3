#include "agents/kube/fields.h"
#include "base/clock.h"
#include "base/vec.h"

static err wrong(const pull *p)
{
	return p->e ? p->e : ERR_BAD_FIELD;
}

err fields_text(pull *p, arena *a, str *ret)
{
	pull_token t = pull_next(p);

	if (t == PULL_NULL)
		return ERR_OK;
	return t == PULL_TEXT ? pull_unescape(p->text, p->has_escape, a, ret) : wrong(p);
}

err fields_text_try(pull *p, arena *a, str *ret, bool *ret_is_lost)
{
	pull_token t = pull_next(p);

	if (t == PULL_NULL)
		return ERR_OK;
	if (t != PULL_TEXT)
		return wrong(p);
	*ret_is_lost = *ret_is_lost || pull_unescape(p->text, p->has_escape, a, ret) != ERR_OK;
	return ERR_OK;
}

err fields_word(pull *p, arena *a, str *ret)
{
	bool is_lost = false;

	return fields_text_try(p, a, ret, &is_lost);
}

err fields_i64(pull *p, int64_t *ret)
{
	pull_token t = pull_next(p);

	if (t == PULL_NULL)
		return ERR_OK;
	return t == PULL_NUMBER ? pull_i64(p->text, ret) : wrong(p);
}

err fields_bool(pull *p, bool *ret)
{
	pull_token t = pull_next(p);

	if (t != PULL_TRUE && t != PULL_FALSE && t != PULL_NULL)
		return wrong(p);
	*ret = t == PULL_TRUE;
	return ERR_OK;
}

bool fields_object(pull *p, err *ret_e)
{
	pull_token t = pull_next(p);

	*ret_e = t == PULL_OBJECT || t == PULL_NULL ? ERR_OK : wrong(p);
	return t == PULL_OBJECT;
}

bool fields_array(pull *p, err *ret_e)
{
	pull_token t = pull_next(p);

	*ret_e = t == PULL_ARRAY || t == PULL_NULL ? ERR_OK : wrong(p);
	return t == PULL_ARRAY;
}

err fields_pairs_read(pull *p, arena *a, fields_pairs *ret)
{
	vec(object_pair) all = {0};
	str key;
	bool has_escape, is_cut = false;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		object_pair one = {.value = {"", 0}};
		bool is_lost = all.n == FIELDS_PAIRS_MAX || pull_unescape(key, has_escape, a, &one.key);
		e = is_lost ? pull_skip(p) : fields_text_try(p, a, &one.value, &is_lost);
		is_cut = is_cut || is_lost;
		if (!is_lost)
			vec_push(&all, one);
	}
	if (!e)
		e = p->e;
	*ret = (fields_pairs){ARENA_ARRAY(a, object_pair, all.n), all.n, is_cut};
	if (all.n)
		memcpy(ret->v, all.v, all.n * sizeof(*all.v));
	vec_done(&all);
	return e;
}

/* False: none that we can hold. */
static bool amount_read(const pull *p, pull_token t, arena *a, quantity *ret)
{
	str text = p->text;

	if (t == PULL_TEXT && pull_unescape(p->text, p->has_escape, a, &text))
		return false;
	return quantity_read(text, ret) == ERR_OK;
}

static err amount_next(pull *p, arena *a, quantity *ret, bool *ret_is_lost)
{
	pull_token t = pull_next(p);

	if (t != PULL_NUMBER && t != PULL_TEXT)
		return wrong(p);
	*ret_is_lost = *ret_is_lost || !amount_read(p, t, a, ret);
	return ERR_OK;
}

err fields_amounts_read(pull *p, arena *a, fields_amounts *ret)
{
	vec(quantity_row) all = {0};
	str key;
	bool has_escape, is_cut = false;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		quantity_row one;
		bool is_lost = all.n == FIELDS_AMOUNTS_MAX || pull_unescape(key, has_escape, a, &one.resource);
		e = is_lost ? pull_skip(p) : amount_next(p, a, &one.q, &is_lost);
		is_cut = is_cut || is_lost;
		if (!e && !is_lost)
			vec_push(&all, one);
	}
	if (!e)
		e = p->e;
	*ret = (fields_amounts){ARENA_ARRAY(a, quantity_row, all.n), all.n, is_cut};
	if (all.n)
		memcpy(ret->v, all.v, all.n * sizeof(*all.v));
	vec_done(&all);
	return e;
}

err fields_member(pull *p, arena *a, str key, const fields_row *rows, size_t n, void *to)
{
	for (const fields_row *r = rows; r < rows + n; r++)
		if (str_eq(key, r->key))
			return r->read(p, a, (char *)to + r->at);
	return pull_skip(p);
}

err fields_rest(pull *p, arena *a, const fields_row *rows, size_t n, void *to)
{
	str key;
	bool has_escape;
	err e = ERR_OK;

	while (!e && pull_key(p, &key, &has_escape))
		e = fields_member(p, a, key, rows, n, to);
	return e ? e : p->e;
}

err fields_members(pull *p, arena *a, const fields_row *rows, size_t n, void *to)
{
	err e;

	return fields_object(p, &e) ? fields_rest(p, a, rows, n, to) : e;
}

err fields_text_into(pull *p, arena *a, void *to)
{
	return fields_text(p, a, to);
}

err fields_word_into(pull *p, arena *a, void *to)
{
	return fields_word(p, a, to);
}

err fields_i64_into(pull *p, arena *a, void *to)
{
	(void)a;
	return fields_i64(p, to);
}

err fields_bool_into(pull *p, arena *a, void *to)
{
	(void)a;
	return fields_bool(p, to);
}

err fields_pairs_into(pull *p, arena *a, void *to)
{
	return fields_pairs_read(p, a, to);
}

err fields_amounts_into(pull *p, arena *a, void *to)
{
	return fields_amounts_read(p, a, to);
}

err fields_time_into(pull *p, arena *a, void *to)
{
	int64_t *ret_us = to;
	str at = STR_NONE;
	err e = fields_word(p, a, &at);

	if (!at.n || !clock_parse(at, ret_us))
		*ret_us = 0;
	return e;
}
