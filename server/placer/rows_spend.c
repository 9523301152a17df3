#include "server/placer/rows_inside.h"

#include "json/write.h"

enum { BODY_BYTES_MAX = 4096, MS_US = 1000 };

static void crossing_write(const turn_rows *r, const turn_crossing *x, str tenant, int64_t at_us, buf *out)
{
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_put_i64(&w, "n", r->after.n);
	js_put_time(&w, "at", at_us);
	js_put_i64(&w, "term", r->after.term);
	js_put_i64(&w, "tenant_key", x->tenant_key);
	js_key(&w, S("cluster_key"));
	js_null(&w);
	js_key(&w, S("cluster_rev"));
	js_null(&w);
	js_put_text(&w, "action", S("budget.threshold"));
	js_put_text(&w, "actor", S("placer"));
	js_key(&w, S("budget"));
	js_object_begin(&w);
	js_put_text(&w, "id", x->id);
	js_put_text(&w, "tenant", tenant);
	js_put_i64(&w, "threshold", x->percent);
	js_put_i64(&w, "spent_milli", x->spent_milli);
	js_put_i64(&w, "amount", x->amount);
	js_put_time(&w, "period_begin", x->begin_us);
	js_object_end(&w);
	js_object_end(&w);
}

static void record(turn *t, const books *b, turn_rows *r, sql_decision_insert_in *in, uint32_t i, buf *out)
{
	const turn_crossing *x = &t->crossed.v[i];

	r->after.n++;
	buf_clear(out);
	crossing_write(r, x, books_payer(b, x->tenant_key)->path, t->now_us - t->now_us % MS_US, out);
	in->bodies.v[i] = str_dup(t->a, buf_str(out));
	chain_link(r->after.hash, in->bodies.v[i], r->after.hash);
	in->hashes.v[i] = str_dup(t->a, (str){(const char *)r->after.hash, LEDGER_HASH});
	in->ns.v[i] = r->after.n;
	in->ats.v[i] = t->now_us - t->now_us % MS_US;
	in->tenant_keys.v[i] = x->tenant_key;
	in->placement_ids.v[i] = x->id;
	in->actions.v[i] = S("budget.threshold");
	in->cluster_keys.v[i] = in->cluster_revs.v[i] = PG_I64_NULL;
}

/* Of several thresholds of one budget the last, which is the highest. */
static void marks_put(turn *t, turn_rows *r)
{
	sql_budget_mark_put_in *in = ARENA_NEW(t->a, sql_budget_mark_put_in);
	uint32_t n = t->crossed.n, kept = 0;

	*in = (sql_budget_mark_put_in){
		rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), t->now_us};
	for (uint32_t i = 0; i < n; i++) {
		const turn_crossing *x = &t->crossed.v[i];
		kept -= kept && str_eq(in->ids.v[kept - 1], x->id);
		in->ids.v[kept] = x->id;
		in->tenant_keys.v[kept] = x->tenant_key;
		in->begin_ats.v[kept] = x->begin_us;
		in->percents.v[kept++] = x->percent;
	}
	in->ids.n = in->tenant_keys.n = in->begin_ats.n = in->percents.n = kept;
	rows_call(r, SQL_BUDGET_MARK_PUT, in);
}

void rows_spend(turn *t, const books *b, turn_rows *r)
{
	uint32_t n = t->crossed.n;
	sql_decision_insert_in *in = ARENA_NEW(t->a, sql_decision_insert_in);
	buf out;

	if (!n)
		return;
	*in = (sql_decision_insert_in){rows_numbers(t, n), r->after.term, rows_numbers(t, n), rows_numbers(t, n),
		rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_texts(t, n), rows_texts(t, n),
		rows_texts(t, n)};
	r->decisions += n;
	buf_init(&out, BODY_BYTES_MAX);
	for (uint32_t i = 0; i < n; i++)
		record(t, b, r, in, i, &out);
	buf_done(&out);
	rows_call(r, SQL_DECISION_INSERT, in);
	marks_put(t, r);
}
