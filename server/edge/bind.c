#include "server/edge/bind.h"

#include <stdio.h>
#include "server/edge/dispatch.h"

enum { SENTENCE_MAX = 200 };

void *bind_new(arena *a, sql_id s)
{
	const sql_stmt *stmt = &sql_stmts[s];
	void *in = arena_alloc(a, stmt->in_size ? stmt->in_size : 1);

	for (uint16_t i = 0; i < stmt->in_n; i++)
		if (stmt->in[i].nullable)
			sql_put_null(s, in, str_from(stmt->in[i].name));
	return in;
}

str bind_tenant_path(arena *a, str s)
{
	str copy = str_dup(a, s);

	for (uint32_t i = 0; i < copy.n; i++)
		if (copy.p[i] == '~')
			((char *)copy.p)[i] = '/';
	return copy;
}

void bind_vars(const request *r, sql_id s, void *in)
{
	for (uint32_t i = 0; i < r->n_vars; i++) {
		str name = operation_var_name(r->op, i);
		bool is_tenant = str_eq(name, S("tenant"));
		sql_put_text(s, in, name, is_tenant ? bind_tenant_path(r->arena, r->vars[i]) : r->vars[i]);
	}
}

static bool is_set(const js_type *t, uint16_t mask_at, const void *value, uint16_t i)
{
	uint64_t mask;

	if (mask_at == JS_NO_MASK)
		return false;
	memcpy(&mask, (const char *)value + mask_at, sizeof(mask));
	return t->n > i && (mask >> i & 1);
}

static str text_or(const sql_field *p, str v, bool is_nulled, str otherwise)
{
	return is_nulled || (!v.p && !p->nullable) ? otherwise : v;
}

static void put(sql_id s, void *in, const js_field *row, const sql_field *p, const void *at, bool is_nulled)
{
	str name = str_from(p->name);
	static str none[1];

	switch (row->kind) {
	case JS_BOOL:
		sql_put_bool(s, in, name, *(const bool *)at);
		break;
	case JS_I64:
		sql_put_i64(s, in, name, *(const int64_t *)at);
		break;
	case JS_TIME:
		if (((const js_time *)at)->us || !p->nullable)
			sql_put_i64(s, in, name, ((const js_time *)at)->us);
		break;
	case JS_TEXT:
		sql_put_text(s, in, name, text_or(p, *(const str *)at, is_nulled, S("")));
		break;
	case JS_RAW:
		sql_put_text(s, in, name, text_or(p, ((const js_raw *)at)->json, is_nulled, S("{}")));
		break;
	case JS_TEXTS: {
		strs v = *(const strs *)at;
		if (v.n || !p->nullable)
			sql_put_texts(s, in, name, v.v ? v : (strs){none, 0});
		break;
	}
	case JS_I64S: {
		i64s v = *(const i64s *)at;
		static int64_t no_number[1];
		if (v.v || !p->nullable)
			sql_put_i64s(s, in, name, v.v ? v : (i64s){no_number, 0});
		break;
	}
	default:
		break;
	}
}

void bind_struct(sql_id s, void *in, const js_type *t, const void *value)
{
	for (uint16_t i = 0; i < t->n; i++) {
		const js_field *row = &t->fields[i];
		const sql_field *p = sql_param(s, str_of(row->name, row->name_n));
		bool is_given = t->given_at == JS_NO_MASK || is_set(t, t->given_at, value, i);
		bool is_scalar = row->kind == JS_I64 || row->kind == JS_BOOL;
		if (!p || (is_scalar && p->nullable && !is_given))
			continue;
		put(s, in, row, p, (const char *)value + row->at, is_set(t, t->nulled_at, value, i));
	}
}

void *bind_request(const request *r, sql_id s)
{
	void *in = bind_new(r->arena, s);

	if (r->query)
		bind_struct(s, in, r->route->query, r->query);
	if (r->body)
		bind_struct(s, in, r->route->body, r->body);
	bind_vars(r, s, in);
	sql_put_i64(s, in, S("if_rev"), r->if_rev);
	sql_put_bool(s, in, S("must_be_new"), r->must_be_new);
	return in;
}

static bool type_has(const js_type *t, str name)
{
	for (uint16_t i = 0; t && i < t->n; i++)
		if (str_eq(name, str_of(t->fields[i].name, t->fields[i].name_n)))
			return true;
	return false;
}

static bool is_filled(const route *t, str name, const char *const *given)
{
	static const char *const always[] = {"if_rev", "must_be_new", "rev_offset", "after", "limit", NULL};

	if (type_has(t->query, name) || type_has(t->body, name))
		return true;
	for (size_t i = 0; always[i]; i++)
		if (str_eq(name, str_from(always[i])))
			return true;
	for (size_t i = 0; given && given[i]; i++)
		if (str_eq(name, str_from(given[i])))
			return true;
	for (uint32_t i = 0; i < ROUTER_VARS_MAX; i++)
		if (str_eq(name, operation_var_name((op)(t - routes), i)))
			return true;
	return false;
}

const char *bind_check(const route *t, sql_id s, const char *const *given)
{
	static char sentence[SENTENCE_MAX];
	const sql_stmt *stmt = &sql_stmts[s];

	for (uint16_t i = 0; i < stmt->in_n; i++)
		if (!is_filled(t, str_from(stmt->in[i].name), given)) {
			snprintf(sentence, sizeof(sentence), "%s: nothing fills the parameter %s of %s", t->operation,
				stmt->in[i].name, stmt->name);
			return sentence;
		}
	return NULL;
}
