#include "server/audit/columns.h"

#include "json/write.h"
#include "server/edge/member.h"

enum { VALUE_BYTES_MAX = 64 * 1024, MS_US = 1000 };

/* Where the records of a chain hold what a column holds: a member, or a member of a member. */
typedef struct place {
	const char *column, *outer, *inner;
} place;

static const place g_places[] = {
	{"n", "n", NULL},
	{"at", "at", NULL},
	{"actor", "actor", NULL},
	{"action", "action", NULL},
	{"object_kind", "object_kind", NULL},
	{"object_id", "object_id", NULL},
	{"tenant_key", "tenant_key", NULL},
	{"request_id", "request_id", NULL},
	{"outcome", "outcome", NULL},
	{NULL, NULL, NULL},
};

static const place p_places[] = {
	{"n", "n", NULL},
	{"at", "at", NULL},
	{"term", "term", NULL},
	{"action", "action", NULL},
	{"tenant_key", "tenant_key", NULL},
	{"cluster_key", "cluster_key", NULL},
	{"cluster_rev", "cluster_rev", NULL},
	{"placement_id", "placement", "id"},
	{NULL, NULL, NULL},
};

/* As the record's writer would have written it. */
static void value_write(buf *out, const db_reply *r, uint32_t row, const sql_field *f)
{
	js_writer w = js_writer_on(out);

	if (db_is_null(r, row, (uint32_t)(f - sql_stmts[r->stmt].out)))
		js_null(&w);
	else if (f->type == PG_TEXT)
		js_text(&w, db_text(r, row, f->name));
	else if (f->type == PG_TIME)
		js_time_value(&w, db_i64(r, row, f->name));
	else
		js_i64(&w, db_i64(r, row, f->name));
}

static bool is_same(const db_reply *r, uint32_t row, const sql_field *f, str told)
{
	buf out;

	/* Records tell milliseconds. */
	if (f->type == PG_TIME && db_i64(r, row, f->name) % MS_US)
		return false;
	buf_init(&out, VALUE_BYTES_MAX);
	value_write(&out, r, row, f);
	bool ok = !out.over && str_eq(buf_str(&out), told);
	buf_done(&out);
	return ok;
}

static str member_of(str record, const place *p)
{
	str at = member_find(record, str_from(p->outer));

	return at.p && p->inner ? member_find(at, str_from(p->inner)) : at;
}

const char *columns_wrong(char chain, const db_reply *r, uint32_t i)
{
	str record = db_text(r, i, sql_column(r->stmt, S("body")) ? "body" : "record");
	bool is_whole = member_find(record, S("tenant_key")).p != NULL;

	for (const place *p = chain == 'g' ? g_places : p_places; p->column; p++) {
		const sql_field *f = sql_column(r->stmt, str_from(p->column));
		str told = member_of(record, p);
		if (!f || (!is_whole && (!told.p || f->type == PG_TIME)))
			continue;
		if (!is_same(r, i, f, told))
			return f->name;
	}
	return NULL;
}
