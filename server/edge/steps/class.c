#include "api/types/device_class.h"

#include "db/sql.h"
#include "engine/cut.h"
#include "json/write.h"
#include "server/edge/bind.h"
#include "server/edge/dispatch.h"
#include "server/edge/govern.h"

enum { PATTERNS_MAX = 512 * 1024 };

static str patterns_json(arena *a, strs v)
{
	buf out;

	buf_init(&out, PATTERNS_MAX);
	js_writer w = js_writer_on(&out);
	js_array_begin(&w);
	for (uint32_t i = 0; i < v.n; i++)
		js_text(&w, v.v[i]);
	js_array_end(&w);
	str text = str_dup(a, buf_str(&out));
	buf_done(&out);
	return text;
}

static int32_t class_answer(ledger_op *entry, const db_reply *reply, int64_t revision, int64_t at_us, buf *out)
{
	request *r = entry->arg;
	js_writer w = js_writer_on(out);
	size_t at = out->n;
	sql_class_put_row row;
	fault f;

	(void)revision;
	(void)at_us;
	row_write(&w, operation_plan(r->op), reply, 0);
	govern_record(entry, reply, str_of(out->p + at, out->n - at));
	return !db_row(reply, 0, &row, &f) && row.was_new ? 201 : 200;
}

/* Words that stand for no class, or none yet. */
static bool is_reserved(str name)
{
	return str_eq(name, S("null")) || str_eq(name, S("unclassified"));
}

/* What the class says must be among the rules that are built in. */
static err share_modes_check(str json, arena *a, fault *f)
{
	share_modes read = {0};
	class_cut unused;
	err e = json.n ? js_read(&share_modes_type, json, a, &read, f) : ERR_OK;

	if (!e && read.rules.n && !cut_named(read.rules, &unused))
		e = fault_set(f, ERR_BAD_FIELD, "#/rules", "there are no rules of this name");
	if (e)
		fault_prefix(f, S("share_modes"));
	return e;
}

step class_put_ask(request *r)
{
	const device_class *c = r->body;
	sql_class_put_in *in;

	if (!str_is_class_name(r->vars[0]))
		return request_fail_at(r, ERR_BAD_PARAMETER, "class", "this is no name of a class");
	if (is_reserved(r->vars[0]))
		return request_fail_at(r, ERR_BAD_FIELD, "class", "no class can have this name");
	err e = share_modes_check(c->share_modes.json, r->arena, &r->fault);
	if (e)
		return request_fail(r, e);
	if (!r->must_be_new && !web_header_find(r->web, S("If-Match")).p)
		return request_fail_at(r, ERR_IF_MATCH_REQUIRED, "If-Match",
			"send If-None-Match: * to make the class, If-Match to change it");
	in = bind_request(r, SQL_CLASS_PUT);
	in->name = r->vars[0];
	in->patterns = patterns_json(r->arena, c->patterns);
	govern_begin(r, SQL_CLASS_PUT, in)->on_row = class_answer;
	return request_govern(r, STEP_class_put_reply);
}

/* The class has no id: its place is the request's own. */
step class_put_reply(request *r)
{
	const ledger_answer *a = r->answer;

	if (!a->e && a->status == 201 && !r->is_dry)
		request_header(r, "Location", r->web->path);
	return govern_reply(r);
}
