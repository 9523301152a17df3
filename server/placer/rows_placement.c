#include <assert.h>
#include <stdlib.h>

#include "server/placer/rows_inside.h"

enum { ARRAY_BYTES_MAX = 8 << 20 };

/* A plan as the arrays of a placement's row, in PostgreSQL's text form. */
typedef struct plan_texts {
	str node_keys, device_keys, device_memory_mib, device_compute_milli;
	str charge_models, charge_device_milli, charge_memory_mib, charge_compute_milli;
} plan_texts;

#define NOTHING S("{}")

typedef int64_t (*number_of)(const books *b, const plan *p, uint32_t i);

static int64_t node_key(const books *b, const plan *p, uint32_t i)
{
	return b->nodes.v[p->pods.v[i].node].key;
}

static int64_t device_key(const books *b, const plan *p, uint32_t i)
{
	return b->devices.v[p->devices.v[i].device].key;
}

static int64_t device_memory(const books *b, const plan *p, uint32_t i)
{
	(void)b;
	return p->devices.v[i].memory_mib;
}

static int64_t device_compute(const books *b, const plan *p, uint32_t i)
{
	(void)b;
	return p->devices.v[i].compute_milli;
}

static str array_text(const books *b, const plan *p, uint32_t n, number_of number, arena *a, buf *out)
{
	if (!n)
		return NOTHING;
	buf_clear(out);
	for (uint32_t i = 0; i < n; i++) {
		buf_add_char(out, i ? ',' : '{');
		buf_add_i64(out, number(b, p, i));
	}
	buf_add_char(out, '}');
	return str_dup(a, buf_str(out));
}

static int32_t model_of(const books *b, const plan *p, uint32_t i)
{
	return b->fleet.devices.v[p->devices.v[i].device].class_id;
}

static bool is_first_of_model(const books *b, const plan *p, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (model_of(b, p, j) == model_of(b, p, i))
			return false;
	return true;
}

/* An element of an array in quotes: a name may read like a word of that form, as null does. */
static void quoted(buf *out, str s)
{
	buf_add_char(out, '"');
	for (uint32_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, s.p[i]);
	}
	buf_add_char(out, '"');
}

/* One charge per model. */
static str charge_text(const books *b, const plan *p, int which, arena *a, buf *out)
{
	buf_clear(out);
	buf_add_char(out, '{');
	for (uint32_t i = 0; i < p->devices.n; i++) {
		if (!is_first_of_model(b, p, i))
			continue;
		int32_t model = model_of(b, p, i);
		if (out->n > 1)
			buf_add_char(out, ',');
		if (which < 0)
			quoted(out, b->fleet.classes.v[model].name);
		else
			buf_add_i64(out, plan_charge(&b->fleet, p, model).v[which]);
	}
	buf_add_char(out, '}');
	return str_dup(a, buf_str(out));
}

static plan_texts plan_as_texts(const books *b, const plan *p, arena *a, buf *out)
{
	plan_texts x = {NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING};

	x.node_keys = array_text(b, p, p->pods.n, node_key, a, out);
	if (!p->devices.n)
		return x;
	x.device_keys = array_text(b, p, p->devices.n, device_key, a, out);
	x.device_memory_mib = array_text(b, p, p->devices.n, device_memory, a, out);
	x.device_compute_milli = array_text(b, p, p->devices.n, device_compute, a, out);
	x.charge_models = charge_text(b, p, -1, a, out);
	x.charge_device_milli = charge_text(b, p, AXIS_DEVICE_MILLI, a, out);
	x.charge_memory_mib = charge_text(b, p, AXIS_MEMORY_MIB, a, out);
	x.charge_compute_milli = charge_text(b, p, AXIS_COMPUTE_MILLI, a, out);
	assert(!out->over);
	return x;
}

static int64_t or_null(int64_t v)
{
	return v ? v : PG_I64_NULL;
}

static str list_or_none(str json)
{
	return json.n ? json : S("[]");
}

static str text_or_empty(str s)
{
	return s.p ? s : S("");
}

static str state_of(const booking *k)
{
	return str_from(lifecycle_name(k->now.life));
}

/* The in-structs have equal members; only a macro can name them for both. */
#define plan_fill(in, i, x)                                                                                            \
	do {                                                                                                           \
		(in)->node_keys.v[i] = (x).node_keys;                                                                  \
		(in)->device_keys.v[i] = (x).device_keys;                                                              \
		(in)->device_memory_mib.v[i] = (x).device_memory_mib;                                                  \
		(in)->device_compute_milli.v[i] = (x).device_compute_milli;                                            \
		(in)->charge_models.v[i] = (x).charge_models;                                                          \
		(in)->charge_device_milli.v[i] = (x).charge_device_milli;                                              \
		(in)->charge_memory_mib.v[i] = (x).charge_memory_mib;                                                  \
		(in)->charge_compute_milli.v[i] = (x).charge_compute_milli;                                            \
	} while (0)

static void insert_fill(sql_placement_insert_in *in, uint32_t i, const touch *x, int64_t n)
{
	const booking *k = x->b;

	in->ids.v[i] = k->id;
	in->tenant_keys.v[i] = k->tenant_key;
	in->cluster_keys.v[i] = or_null(k->now.cluster_key);
	in->names.v[i] = k->name;
	in->origins.v[i] = k->origin;
	in->states.v[i] = state_of(k);
	in->fence_incarnations.v[i] = k->now.fence_incarnation;
	in->fence_nos.v[i] = k->now.fence_no;
	in->requests.v[i] = k->request;
	in->placed.v[i] = list_or_none(k->now.placed);
	in->blockers.v[i] = list_or_none(x->blockers);
	in->reasons.v[i] = text_or_empty(k->now.reason);
	in->created_bys.v[i] = k->created_by;
	in->created_ats.v[i] = k->created_at_us;
	in->granted_ats.v[i] = or_null(k->now.granted_at_us);
	in->ended_ats.v[i] = or_null(k->now.ended_at_us);
	in->seqs.v[i] = k->seq;
	in->revs.v[i] = n;
}

static sql_placement_insert_in *insert_new(turn *t, uint32_t n)
{
	sql_placement_insert_in *in = ARENA_NEW(t->a, sql_placement_insert_in);

	*in = (sql_placement_insert_in){rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_texts(t, n),
		rows_texts(t, n), rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_texts(t, n),
		rows_texts(t, n), rows_texts(t, n), rows_texts(t, n), rows_texts(t, n), rows_texts(t, n),
		rows_texts(t, n), rows_texts(t, n), rows_texts(t, n), rows_texts(t, n), rows_texts(t, n),
		rows_texts(t, n), rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n),
		rows_numbers(t, n), rows_numbers(t, n)};
	return in;
}

static void update_fill(sql_placement_update_in *in, uint32_t i, const touch *x, int64_t n)
{
	const booking *k = x->b;

	in->ids.v[i] = k->id;
	in->cluster_keys.v[i] = or_null(k->now.cluster_key);
	in->states.v[i] = state_of(k);
	in->fence_incarnations.v[i] = k->now.fence_incarnation;
	in->fence_nos.v[i] = k->now.fence_no;
	in->placed.v[i] = list_or_none(k->now.placed);
	in->blockers.v[i] = list_or_none(x->blockers);
	in->reasons.v[i] = text_or_empty(k->now.reason);
	in->granted_ats.v[i] = or_null(k->now.granted_at_us);
	in->running_ats.v[i] = or_null(k->now.running_at_us);
	in->ended_ats.v[i] = or_null(k->now.ended_at_us);
	in->revs.v[i] = n;
}

static sql_placement_update_in *update_new(turn *t, uint32_t n)
{
	sql_placement_update_in *in = ARENA_NEW(t->a, sql_placement_update_in);

	*in = (sql_placement_update_in){rows_texts(t, n), rows_numbers(t, n), rows_texts(t, n), rows_numbers(t, n),
		rows_numbers(t, n), rows_texts(t, n), rows_texts(t, n), rows_texts(t, n), rows_texts(t, n),
		rows_texts(t, n), rows_texts(t, n), rows_texts(t, n), rows_texts(t, n), rows_texts(t, n),
		rows_texts(t, n), rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n),
		rows_numbers(t, n), n};
	return in;
}

static void step_fill(sql_placement_step_in *in, uint32_t i, const touch *x, int64_t n)
{
	const booking *k = x->b;

	in->ids.v[i] = k->id;
	in->states.v[i] = state_of(k);
	in->reasons.v[i] = text_or_empty(k->now.reason);
	in->running_ats.v[i] = or_null(k->now.running_at_us);
	in->ended_ats.v[i] = or_null(k->now.ended_at_us);
	in->revs.v[i] = n;
}

static sql_placement_step_in *step_new(turn *t, uint32_t n)
{
	sql_placement_step_in *in = ARENA_NEW(t->a, sql_placement_step_in);

	*in = (sql_placement_step_in){rows_texts(t, n), rows_texts(t, n), rows_texts(t, n), rows_numbers(t, n),
		rows_numbers(t, n), rows_numbers(t, n), n};
	return in;
}

typedef enum row_kind { ROW_INSERT, ROW_UPDATE, ROW_STEP, ROW_KINDS } row_kind;

/* A step keeps what the row says of plan and fence: what ended keeps telling where it stood and what it was charged. */
static row_kind kind_of(const touch *x)
{
	if (x->is_new)
		return ROW_INSERT;
	bool is_attempt = x->b->now.life == LIFE_PENDING || x->before.life == LIFE_PENDING ||
			  x->b->now.fence_no != x->before.fence_no;
	return is_attempt ? ROW_UPDATE : ROW_STEP;
}

void rows_placements(turn *t, const books *b, turn_rows *r, int64_t first)
{
	uint32_t n[ROW_KINDS] = {0}, at[ROW_KINDS] = {0};
	buf out;

	buf_init(&out, ARRAY_BYTES_MAX);
	vec_each (x, &t->touches)
		n[kind_of(x)]++;
	sql_placement_insert_in *insert = insert_new(t, n[ROW_INSERT]);
	sql_placement_update_in *update = update_new(t, n[ROW_UPDATE]);
	sql_placement_step_in *step = step_new(t, n[ROW_STEP]);
	for (uint32_t i = 0; i < t->touches.n; i++) {
		const touch *x = &t->touches.v[i];
		row_kind kind = kind_of(x);
		uint32_t to = at[kind]++;
		if (kind == ROW_STEP) {
			step_fill(step, to, x, first + i);
			continue;
		}
		plan_texts texts = plan_as_texts(b, &x->b->held, t->a, &out);
		if (kind == ROW_INSERT) {
			insert_fill(insert, to, x, first + i);
			plan_fill(insert, to, texts);
		} else {
			update_fill(update, to, x, first + i);
			plan_fill(update, to, texts);
		}
	}
	buf_done(&out);
	if (n[ROW_INSERT])
		rows_call(r, SQL_PLACEMENT_INSERT, insert);
	if (n[ROW_UPDATE])
		rows_call(r, SQL_PLACEMENT_UPDATE, update);
	if (n[ROW_STEP])
		rows_call(r, SQL_PLACEMENT_STEP, step);
}
