#include "server/identity/facts.h"

#include "json/pull.h"

static fact_kind kind_of(str value)
{
	switch (value.p[0]) {
	case '"':
		return FACT_TEXT;
	case '[':
		return FACT_LIST;
	case '{':
		return FACT_OBJECT;
	case 'n':
		return FACT_NULL;
	case 't':
	case 'f':
		return FACT_BOOL;
	default:
		return FACT_NUMBER;
	}
}

static err text_of(str quoted, arena *a, str *ret)
{
	str raw = str_cut(quoted, 1, quoted.n - 1);

	return pull_unescape(raw, str_find(raw, '\\', 0) >= 0, a, ret);
}

static err fact_read(pull *p, str key, bool has_escape, arena *a, fact *ret)
{
	str value;
	err e = pull_unescape(key, has_escape, a, &ret->name);

	if (!e)
		e = pull_span(p, &value);
	if (e)
		return e;
	ret->kind = kind_of(value);
	ret->value = value;
	return ret->kind == FACT_TEXT ? text_of(value, a, &ret->value) : ERR_OK;
}

static err members_read(pull *p, arena *a, facts *ret, fault *f)
{
	str key;
	bool has_escape;

	while (pull_key(p, &key, &has_escape)) {
		fact one;
		err e = fact_read(p, key, has_escape, a, &one);
		if (e)
			return fault_set(f, e, "", "it is not valid JSON");
		if (facts_find(ret, one.name))
			return fault_set(f, ERR_DUPLICATE_KEY, "", "it names " STR_FMT " twice",
				STR_ARG(str_cut(one.name, 0, 64)));
		if (ret->n == FACTS_MAX)
			return fault_set(f, ERR_TOO_MANY_ITEMS, "", "it has more than %d members", FACTS_MAX);
		ret->v[ret->n++] = one;
	}
	return p->e ? p->e : pull_finish(p);
}

err facts_read(str json, arena *a, facts *ret, fault *f)
{
	facts all = {ARENA_ARRAY(a, fact, FACTS_MAX), 0};
	pull p;

	pull_init(&p, json, FACT_DEPTH_MAX);
	if (pull_next(&p) != PULL_OBJECT)
		return fault_set(f, ERR_MALFORMED_JSON, "", "it is no JSON object");
	fault why = {0};
	err e = members_read(&p, a, &all, &why);
	if (e)
		return fault_set(f, e, "", "%s", why.detail[0] ? why.detail : "it is not valid JSON");
	*ret = all;
	return ERR_OK;
}

const fact *facts_find(const facts *f, str name)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (str_eq(f->v[i].name, name))
			return &f->v[i];
	return NULL;
}

static bool is_clean(str s)
{
	for (uint32_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return s.n > 0;
}

str facts_text(const facts *f, str name)
{
	const fact *one = facts_find(f, name);

	return one && one->kind == FACT_TEXT && is_clean(one->value) ? one->value : STR_NONE;
}

bool facts_i64(const facts *f, str name, int64_t *ret)
{
	const fact *one = facts_find(f, name);

	return one && one->kind == FACT_NUMBER && pull_i64(one->value, ret) == ERR_OK;
}

static bool list_read(str list, uint32_t max, arena *a, strs *ret)
{
	pull p;
	strs all = {ARENA_ARRAY(a, str, max), 0};

	pull_init(&p, list, FACT_DEPTH_MAX);
	if (pull_next(&p) != PULL_ARRAY)
		return false;
	while (pull_item(&p)) {
		if (all.n == max || pull_next(&p) != PULL_TEXT || pull_unescape(p.text, p.has_escape, a, &all.v[all.n]))
			return false;
		all.n++;
	}
	*ret = all;
	return p.e == ERR_OK;
}

bool facts_texts(const facts *f, str name, uint32_t max, arena *a, strs *ret)
{
	const fact *one = facts_find(f, name);

	if (one && one->kind == FACT_LIST)
		return list_read(one->value, max, a, ret);
	if (!one || one->kind != FACT_TEXT)
		return false;
	*ret = (strs){ARENA_NEW(a, str), 1};
	ret->v[0] = one->value;
	return true;
}

bool facts_have(const facts *f, str name)
{
	const fact *one = facts_find(f, name);

	return one && one->kind != FACT_NULL;
}
