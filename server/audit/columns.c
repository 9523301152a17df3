#include "server/audit/columns.h"

#include "json/pull.h"
#include "json/write.h"
#include "server/edge/member.h"

enum { VALUE_BYTES_MAX = 64 * 1024, MS_US = 1000, PLACES_MAX = 16 };

/* Where the records of a chain hold what a column holds: a member, or a member of a member. */
typedef struct place {
	const char *column, *outer, *inner;
	const char *others[2]; /* in the place of outer, in records of other kinds of objects */
} place;

static const place g_places[] = {
	{"n", "n", NULL, {NULL}},
	{"at", "at", NULL, {NULL}},
	{"actor", "actor", NULL, {NULL}},
	{"action", "action", NULL, {NULL}},
	{"object_kind", "object_kind", NULL, {NULL}},
	{"object_id", "object_id", NULL, {NULL}},
	{"tenant_key", "tenant_key", NULL, {NULL}},
	{"request_id", "request_id", NULL, {NULL}},
	{"outcome", "outcome", NULL, {NULL}},
	{NULL, NULL, NULL, {NULL}},
};

static const place p_places[] = {
	{"n", "n", NULL, {NULL}},
	{"at", "at", NULL, {NULL}},
	{"term", "term", NULL, {NULL}},
	{"action", "action", NULL, {NULL}},
	{"tenant_key", "tenant_key", NULL, {NULL}},
	{"cluster_key", "cluster_key", NULL, {NULL}},
	{"cluster_rev", "cluster_rev", NULL, {NULL}},
	{"placement_id", "placement", "id", {"budget", "reservation"}},
	{NULL, NULL, NULL, {NULL}},
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

static bool is_same(const db_reply *r, uint32_t row, const sql_field *f, str told, buf *scratch)
{
	/* Records tell milliseconds. */
	if (f->type == PG_TIME && db_i64(r, row, f->name) % MS_US)
		return false;
	buf_clear(scratch);
	value_write(scratch, r, row, f);
	return !scratch->over && str_eq(buf_str(scratch), told);
}

static bool stands_at(const place *at, str key)
{
	bool is_there = str_eq(key, str_from(at->outer));

	for (size_t i = 0; i < sizeof at->others / sizeof *at->others; i++)
		is_there |= at->others[i] && str_eq(key, str_from(at->others[i]));
	return is_there;
}

/* What the record says at each place; absent where it has no such member. One walk over it. */
static void places_read(str record, const place *places, str told[PLACES_MAX])
{
	pull p;
	str key, value;
	bool has_escape;

	for (int i = 0; i < PLACES_MAX; i++)
		told[i] = STR_NONE;
	pull_init(&p, record, PULL_DEPTH_CAP);
	if (pull_next(&p) != PULL_OBJECT)
		return;
	while (pull_key(&p, &key, &has_escape) && !pull_span(&p, &value))
		for (int i = 0; places[i].column; i++)
			if (stands_at(&places[i], key))
				told[i] = places[i].inner ? member_find(value, str_from(places[i].inner)) : value;
}

const char *columns_wrong(char chain, const db_reply *r, uint32_t i)
{
	str record = db_text(r, i, sql_column(r->stmt, S("body")) ? "body" : "record"), told[PLACES_MAX];
	const place *places = chain == 'g' ? g_places : p_places;
	const char *wrong = NULL;
	bool is_whole = false;
	buf scratch;

	places_read(record, places, told);
	for (int k = 0; places[k].column; k++)
		is_whole |= told[k].p && strcmp(places[k].column, "tenant_key") == 0;
	buf_init(&scratch, VALUE_BYTES_MAX);
	for (int k = 0; places[k].column && !wrong; k++) {
		const sql_field *f = sql_column(r->stmt, str_from(places[k].column));
		if (!f || (!is_whole && (!told[k].p || f->type == PG_TIME)))
			continue;
		if (!is_same(r, i, f, told[k], &scratch))
			wrong = f->name;
	}
	buf_done(&scratch);
	return wrong;
}
