#include "server/placer/rows_inside.h"

#include "json/write.h"

enum { BODY_BYTES_MAX = 4096 };

static str crossing_json(turn *t, const books *b, const turn_crossing *x)
{
	buf out;
	js_writer w = js_writer_on(&out);

	buf_init(&out, BODY_BYTES_MAX);
	js_object_begin(&w);
	js_put_text(&w, "id", x->id);
	js_put_text(&w, "tenant", books_payer(b, x->tenant_key)->path);
	js_put_i64(&w, "threshold", x->percent);
	js_put_i64(&w, "spent_milli", x->spent_milli);
	js_put_i64(&w, "amount", x->amount);
	js_put_time(&w, "period_begin", x->begin_us);
	js_object_end(&w);
	str json = str_dup(t->a, buf_str(&out));
	buf_done(&out);
	return json;
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

	if (!n)
		return;
	sql_decision_insert_in *in = rows_tell_begin(t, r, n);
	for (uint32_t i = 0; i < n; i++) {
		const turn_crossing *x = &t->crossed.v[i];
		rows_fact what = {S("budget.threshold"), "budget", x->id, crossing_json(t, b, x), x->tenant_key};
		rows_tell(t, r, in, i, &what);
	}
	marks_put(t, r);
}
