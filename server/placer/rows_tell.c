#include "server/placer/rows_inside.h"

#include "json/write.h"

enum { RECORD_BYTES_MAX = 16 << 20, MS_US = 1000 };

sql_decision_insert_in *rows_tell_begin(turn *t, turn_rows *r, uint32_t n)
{
	sql_decision_insert_in *in = ARENA_NEW(t->a, sql_decision_insert_in);

	*in = (sql_decision_insert_in){rows_numbers(t, n), r->after.term, rows_numbers(t, n), rows_numbers(t, n),
		rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_texts(t, n), rows_texts(t, n),
		rows_texts(t, n)};
	r->decisions += n;
	rows_call(r, SQL_DECISION_INSERT, in);
	return in;
}

static void record_write(const turn_rows *r, const rows_fact *what, int64_t at_us, buf *out)
{
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_put_i64(&w, "n", r->after.n);
	js_put_time(&w, "at", at_us);
	js_put_i64(&w, "term", r->after.term);
	js_put_i64(&w, "tenant_key", what->tenant_key);
	js_key(&w, S("cluster_key"));
	js_null(&w);
	js_key(&w, S("cluster_rev"));
	js_null(&w);
	js_put_text(&w, "action", what->action);
	js_put_text(&w, "actor", S("placer"));
	js_put_raw(&w, what->kind, what->object);
	js_object_end(&w);
}

void rows_tell(turn *t, turn_rows *r, sql_decision_insert_in *in, uint32_t i, const rows_fact *what)
{
	int64_t at_us = t->now_us - t->now_us % MS_US;
	buf out;

	r->after.n++;
	buf_init(&out, RECORD_BYTES_MAX);
	record_write(r, what, at_us, &out);
	in->bodies.v[i] = str_dup(t->a, buf_str(&out));
	buf_done(&out);
	chain_link(r->after.hash, in->bodies.v[i], r->after.hash);
	in->hashes.v[i] = str_dup(t->a, (str){(const char *)r->after.hash, LEDGER_HASH});
	in->ns.v[i] = r->after.n;
	in->ats.v[i] = at_us;
	in->tenant_keys.v[i] = what->tenant_key;
	in->placement_ids.v[i] = what->id;
	in->actions.v[i] = what->action;
	in->cluster_keys.v[i] = in->cluster_revs.v[i] = PG_I64_NULL;
}
