#include "db/params.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

/* Object ids from pg_type.dat; they never change. `of` is the element of an array. JSON is stored and sent as text: its
 * bytes are what was hashed, signed or answered. */
static const struct type_row {
	const char *name;
	uint32_t oid;
	pg_type of;
	bool is_array;
} types[] = {
	[PG_TEXT] = {"text", 25, PG_TEXT, false},
	[PG_JSON] = {"json", 25, PG_JSON, false},
	[PG_BYTEA] = {"bytea", 17, PG_BYTEA, false},
	[PG_INT8] = {"int8", 20, PG_INT8, false},
	[PG_INT4] = {"int4", 23, PG_INT4, false},
	[PG_BOOL] = {"bool", 16, PG_BOOL, false},
	[PG_TIME] = {"timestamptz", 1184, PG_TIME, false},
	[PG_TEXTS] = {"text[]", 1009, PG_TEXT, true},
	[PG_JSONS] = {"json[]", 1009, PG_JSON, true},
	[PG_BYTEAS] = {"bytea[]", 1001, PG_BYTEA, true},
	[PG_INT8S] = {"int8[]", 1016, PG_INT8, true},
	[PG_INT4S] = {"int4[]", 1007, PG_INT4, true},
	[PG_BOOLS] = {"bool[]", 1000, PG_BOOL, true},
	[PG_TIMES] = {"timestamptz[]", 1185, PG_TIME, true},
};

uint32_t pg_type_oid(pg_type t)
{
	return types[t].oid;
}

const char *pg_type_name(pg_type t)
{
	return types[t].name;
}

void params_init(params *b)
{
	memset(b, 0, sizeof(*b));
	buf_init(&b->bytes, PARAMS_BYTES_MAX);
	for (uint32_t i = 0; i < SQL_PARAMS_MAX; i++)
		b->formats[i] = 1;
}

void params_done(params *b)
{
	buf_done(&b->bytes);
}

static void add_u32(buf *b, uint32_t v)
{
	v = htobe32(v);
	buf_add(b, &v, sizeof(v));
}

static void add_u64(buf *b, uint64_t v)
{
	v = htobe64(v);
	buf_add(b, &v, sizeof(v));
}

static err add_number(buf *b, pg_type t, const char *name, int64_t v, fault *f)
{
	if (t == PG_INT4) {
		if (v < INT32_MIN || v > INT32_MAX)
			return fault_set(f, ERR_BAD_PARAMETER, name, "The number is out of its range.");
		add_u32(b, (uint32_t)(int32_t)v);
		return ERR_OK;
	}
	if (t == PG_TIME && __builtin_sub_overflow(v, PG_EPOCH_US, &v))
		return fault_set(f, ERR_BAD_PARAMETER, name, "The time is out of its range.");
	add_u64(b, (uint64_t)v);
	return ERR_OK;
}

/* PostgreSQL stores no NUL in text, and says so only with an error that looks like ours. */
static err check_text(pg_type t, const char *name, str s, fault *f)
{
	if (t != PG_BYTEA && s.n && memchr(s.p, 0, s.n))
		return fault_set(f, ERR_BAD_PARAMETER, name, "The text holds a NUL character.");
	return ERR_OK;
}

static err add_element(buf *b, pg_type t, const char *name, const void *v, uint32_t i, fault *f)
{
	if (t == PG_BOOL) {
		add_u32(b, 1);
		buf_add_char(b, ((const bool *)v)[i] ? 1 : 0);
		return ERR_OK;
	}
	if (t == PG_INT8 || t == PG_INT4 || t == PG_TIME) {
		int64_t n = ((const int64_t *)v)[i];
		if (n == PG_I64_NULL) {
			add_u32(b, UINT32_MAX);
			return ERR_OK;
		}
		add_u32(b, t == PG_INT4 ? 4 : 8);
		return add_number(b, t, name, n, f);
	}
	str s = ((const str *)v)[i];
	err e = check_text(t, name, s, f);
	if (e)
		return e;
	add_u32(b, s.p ? s.n : UINT32_MAX);
	buf_add_str(b, s);
	return ERR_OK;
}

static bool has_null(pg_type t, const void *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (t == PG_INT8 || t == PG_INT4 || t == PG_TIME) {
			if (((const int64_t *)v)[i] == PG_I64_NULL)
				return true;
		} else if (t != PG_BOOL && !((const str *)v)[i].p) {
			return true;
		}
	}
	return false;
}

/* array_recv: dimensions, has-null flag, element type; then length and lower bound of the one dimension; then the
 * elements. */
static err add_array(buf *b, pg_type t, const char *name, const void *v, uint32_t n, fault *f)
{
	pg_type of = types[t].of;
	add_u32(b, n ? 1 : 0);
	add_u32(b, has_null(of, v, n) ? 1 : 0);
	add_u32(b, types[of].oid);
	if (!n)
		return ERR_OK;
	add_u32(b, n);
	add_u32(b, 1);
	for (uint32_t i = 0; i < n; i++) {
		err e = add_element(b, of, name, v, i, f);
		if (e)
			return e;
	}
	return ERR_OK;
}

/* The value of one parameter: texts stay where they are, all else goes into b->bytes. While the buffer may still move,
 * values[i] holds NULL for bytes in it, at their offset in at[i]. */
static err add_value(params *b, uint32_t i, const sql_field *fd, const void *in, bool *ret_is_null, fault *f)
{
	const char *m = (const char *)in + fd->at;
	if (fd->null_at && *((const bool *)in + fd->null_at)) {
		*ret_is_null = true;
		return ERR_OK;
	}
	if (types[fd->type].is_array) {
		/* strs, i64s and bools share their layout. */
		strs list;
		memcpy(&list, m, sizeof(list));
		*ret_is_null = !list.v && fd->nullable;
		return *ret_is_null ? ERR_OK : add_array(&b->bytes, fd->type, fd->name, list.v, list.n, f);
	}
	if (fd->type == PG_BOOL) {
		buf_add_char(&b->bytes, *(const bool *)m ? 1 : 0);
		return ERR_OK;
	}
	if (fd->type == PG_INT8 || fd->type == PG_INT4 || fd->type == PG_TIME)
		return add_number(&b->bytes, fd->type, fd->name, *(const int64_t *)m, f);
	str s = *(const str *)m;
	*ret_is_null = !s.p;
	b->values[i] = s.p;
	b->lengths[i] = s.p ? (int)s.n : -1;
	return check_text(fd->type, fd->name, s, f);
}

err params_fill(params *b, sql_id id, const void *in, fault *f)
{
	assert(id > 0 && id < sql_stmts_n);
	const sql_stmt *s = &sql_stmts[id];
	size_t at[SQL_PARAMS_MAX];
	buf_clear(&b->bytes);
	b->n = s->in_n;
	b->size = 0;
	for (uint32_t i = 0; i < s->in_n; i++) {
		bool is_null = false;
		at[i] = b->bytes.n;
		b->values[i] = NULL;
		b->lengths[i] = -1;
		err e = add_value(b, i, &s->in[i], in, &is_null, f);
		if (e)
			return e;
		if (is_null && !s->in[i].nullable)
			return fault_set(f, ERR_INTERNAL, s->in[i].name, "A parameter of the statement is absent.");
		if (!is_null && !b->values[i])
			b->lengths[i] = (int)(b->bytes.n - at[i]);
		b->size += b->lengths[i] > 0 ? (size_t)b->lengths[i] : 0;
	}
	if (b->bytes.over)
		return fault_set(f, ERR_LIMIT, NULL, "The parameters are too large.");
	for (uint32_t i = 0; i < s->in_n; i++) {
		if (!b->values[i] && b->lengths[i] >= 0)
			b->values[i] = b->bytes.p ? b->bytes.p + at[i] : "";
	}
	return ERR_OK;
}
