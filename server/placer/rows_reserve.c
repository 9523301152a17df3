#include "server/placer/rows_inside.h"

#include "json/write.h"
#include "server/placer/reservation.h"

enum { OBJECT_BYTES_MAX = 8 << 20 };

static str list_or_none(str json)
{
	return json.n ? json : S("[]");
}

static str object_json(turn *t, const books *b, const reservation *x)
{
	buf out;
	js_writer w = js_writer_on(&out);

	buf_init(&out, OBJECT_BYTES_MAX);
	js_object_begin(&w);
	js_put_text(&w, "id", x->id);
	js_put_text(&w, "tenant", books_payer(b, x->tenant_key)->path);
	js_put_text(&w, "state", str_from(reservation_state_name(x->state)));
	js_put_time(&w, "starts_at", x->starts_us);
	js_put_time(&w, "ends_at", x->ends_us);
	if (x->whole.devices.n)
		js_put_text(&w, "cluster", b->site_of.v[x->whole.cluster]->name);
	js_put_raw(&w, "placed", list_or_none(x->placed));
	js_object_end(&w);
	str json = str_dup(t->a, buf_str(&out));
	buf_done(&out);
	return json;
}

static void records_put(turn *t, const books *b, turn_rows *r)
{
	uint32_t n = 0;

	vec_each (x, &t->reserved)
		n += (*x)->is_news;
	if (!n)
		return;
	sql_decision_insert_in *in = rows_tell_begin(t, r, n);
	n = 0;
	vec_each (x, &t->reserved) {
		if (!(*x)->is_news)
			continue;
		str action = str_print(t->a, "reservation.%s", reservation_state_name((*x)->state));
		rows_fact what = {action, "reservation", (*x)->id, object_json(t, b, *x), (*x)->tenant_key};
		rows_tell(t, r, in, n++, &what);
	}
}

static void row_put(const books *b, const reservation *x, sql_reservation_hold_put_in *in, uint32_t i)
{
	in->ids.v[i] = x->id;
	in->tenant_keys.v[i] = x->tenant_key;
	in->states.v[i] = str_from(reservation_state_name(x->state));
	in->cluster_keys.v[i] = x->whole.devices.n ? b->site_of.v[x->whole.cluster]->key : PG_I64_NULL;
	in->placed.v[i] = list_or_none(x->placed);
	in->blockers.v[i] = list_or_none(x->blockers);
	in->unused_device_milli.v[i] = x->unused.v[AXIS_DEVICE_MILLI];
	in->unused_memory_mib.v[i] = x->unused.v[AXIS_MEMORY_MIB];
	in->unused_compute_milli.v[i] = x->unused.v[AXIS_COMPUTE_MILLI];
}

static void rows_put(turn *t, const books *b, turn_rows *r)
{
	sql_reservation_hold_put_in *in = ARENA_NEW(t->a, sql_reservation_hold_put_in);
	uint32_t n = t->reserved.n;

	*in = (sql_reservation_hold_put_in){rows_texts(t, n), rows_numbers(t, n), rows_texts(t, n), rows_numbers(t, n),
		rows_texts(t, n), rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n),
		t->now_us};
	for (uint32_t i = 0; i < n; i++)
		row_put(b, t->reserved.v[i], in, i);
	rows_call(r, SQL_RESERVATION_HOLD_PUT, in);
}

void rows_reserve(turn *t, const books *b, turn_rows *r)
{
	sql_reservation_hold_drop_in *gone = ARENA_NEW(t->a, sql_reservation_hold_drop_in);

	records_put(t, b, r);
	if (t->reserved.n)
		rows_put(t, b, r);
	gone->ids = (strs){t->unreserved.v, t->unreserved.n};
	if (t->unreserved.n)
		rows_call(r, SQL_RESERVATION_HOLD_DROP, gone);
}
