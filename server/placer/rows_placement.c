#include "server/placer/body.h"
#include "server/placer/rows_inside.h"

/* The plans of many rows, one behind the other; row i has the elements from .. to of each list, counted from 1 as SQL
 * does. */
typedef struct plan_lists {
	i64s node_from, node_to, node_keys;
	i64s device_from, device_to, device_keys, device_memory_mib, device_compute_milli;
	i64s charge_from, charge_to; /* one charge per model */
	strs charge_models, charge_modes;
	i64s charges[AXIS_COUNT];
} plan_lists;

typedef struct plan_sizes {
	uint32_t rows, pods, devices;
} plan_sizes;

static plan_lists lists_new(turn *t, plan_sizes n)
{
	plan_lists l = {rows_numbers(t, n.rows), rows_numbers(t, n.rows), rows_numbers(t, n.pods),
		rows_numbers(t, n.rows), rows_numbers(t, n.rows), rows_numbers(t, n.devices),
		rows_numbers(t, n.devices), rows_numbers(t, n.devices), rows_numbers(t, n.rows),
		rows_numbers(t, n.rows), rows_texts(t, n.devices), rows_texts(t, n.rows), {{0}}};

	for (int i = 0; i < AXIS_COUNT; i++)
		l.charges[i] = rows_numbers(t, n.devices);
	l.node_keys.n = l.device_keys.n = l.charge_models.n = 0;
	return l;
}

static void nodes_add(plan_lists *l, const books *b, const plan *p, uint32_t row)
{
	l->node_from.v[row] = l->node_keys.n + 1;
	for (uint32_t i = 0; i < p->pods.n; i++)
		l->node_keys.v[l->node_keys.n++] = b->nodes.v[p->pods.v[i].node].key;
	l->node_to.v[row] = l->node_keys.n;
}

static void devices_add(plan_lists *l, const books *b, const plan *p, uint32_t row)
{
	l->device_from.v[row] = l->device_keys.n + 1;
	for (uint32_t i = 0; i < p->devices.n; i++) {
		const plan_device *d = &p->devices.v[i];
		uint32_t at = l->device_keys.n++;
		l->device_keys.v[at] = b->devices.v[d->device].key;
		l->device_memory_mib.v[at] = d->memory_mib;
		l->device_compute_milli.v[at] = d->compute_milli;
	}
	l->device_to.v[row] = l->device_keys.n;
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

static void charges_add(plan_lists *l, const books *b, const plan *p, uint32_t row)
{
	l->charge_from.v[row] = l->charge_models.n + 1;
	for (uint32_t i = 0; i < p->devices.n; i++) {
		if (!is_first_of_model(b, p, i))
			continue;
		int32_t model = model_of(b, p, i);
		amounts charge = plan_charge(&b->fleet, p, model);
		uint32_t at = l->charge_models.n++;
		l->charge_models.v[at] = b->fleet.classes.v[model].name;
		for (int k = 0; k < AXIS_COUNT; k++)
			l->charges[k].v[at] = charge.v[k];
	}
	l->charge_to.v[row] = l->charge_models.n;
}

static void plan_add(turn *t, plan_lists *l, const books *b, const plan *p, uint32_t row)
{
	str modes = body_modes(b, p, t->a);

	nodes_add(l, b, p, row);
	devices_add(l, b, p, row);
	charges_add(l, b, p, row);
	l->charge_modes.v[row] = modes.n ? modes : S("");
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

/* The lists are as long as what was added, not as what there was room for. The in-structs have equal members; only a
 * macro can name them for both. */
#define plan_set(in, l)                                                                                                \
	do {                                                                                                           \
		(in)->node_from = (l)->node_from;                                                                      \
		(in)->node_to = (l)->node_to;                                                                          \
		(in)->node_keys = (l)->node_keys;                                                                      \
		(in)->device_from = (l)->device_from;                                                                  \
		(in)->device_to = (l)->device_to;                                                                      \
		(in)->device_keys = (l)->device_keys;                                                                  \
		(in)->device_memory_mib = (i64s){(l)->device_memory_mib.v, (l)->device_keys.n};                        \
		(in)->device_compute_milli = (i64s){(l)->device_compute_milli.v, (l)->device_keys.n};                  \
		(in)->charge_from = (l)->charge_from;                                                                  \
		(in)->charge_to = (l)->charge_to;                                                                      \
		(in)->charge_models = (l)->charge_models;                                                              \
		(in)->charge_modes = (l)->charge_modes;                                                                \
		(in)->charge_device_milli = (i64s){(l)->charges[AXIS_DEVICE_MILLI].v, (l)->charge_models.n};           \
		(in)->charge_memory_mib = (i64s){(l)->charges[AXIS_MEMORY_MIB].v, (l)->charge_models.n};               \
		(in)->charge_compute_milli = (i64s){(l)->charges[AXIS_COMPUTE_MILLI].v, (l)->charge_models.n};         \
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

	*in = (sql_placement_insert_in){.ids = rows_texts(t, n),
		.tenant_keys = rows_numbers(t, n),
		.cluster_keys = rows_numbers(t, n),
		.names = rows_texts(t, n),
		.origins = rows_texts(t, n),
		.states = rows_texts(t, n),
		.fence_incarnations = rows_numbers(t, n),
		.fence_nos = rows_numbers(t, n),
		.requests = rows_texts(t, n),
		.placed = rows_texts(t, n),
		.blockers = rows_texts(t, n),
		.reasons = rows_texts(t, n),
		.created_bys = rows_texts(t, n),
		.created_ats = rows_numbers(t, n),
		.granted_ats = rows_numbers(t, n),
		.ended_ats = rows_numbers(t, n),
		.seqs = rows_numbers(t, n),
		.revs = rows_numbers(t, n)};
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

	*in = (sql_placement_update_in){.ids = rows_texts(t, n),
		.cluster_keys = rows_numbers(t, n),
		.states = rows_texts(t, n),
		.fence_incarnations = rows_numbers(t, n),
		.fence_nos = rows_numbers(t, n),
		.placed = rows_texts(t, n),
		.blockers = rows_texts(t, n),
		.reasons = rows_texts(t, n),
		.granted_ats = rows_numbers(t, n),
		.running_ats = rows_numbers(t, n),
		.ended_ats = rows_numbers(t, n),
		.revs = rows_numbers(t, n),
		.n = n};
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

static void sizes_count(turn *t, plan_sizes sizes[ROW_KINDS])
{
	vec_each (x, &t->touches) {
		plan_sizes *n = &sizes[kind_of(x)];
		n->rows++;
		n->pods += x->b->held.pods.n;
		n->devices += x->b->held.devices.n;
	}
}

void rows_placements(turn *t, const books *b, turn_rows *r, int64_t first)
{
	plan_sizes n[ROW_KINDS] = {0};
	uint32_t at[ROW_KINDS] = {0};

	sizes_count(t, n);
	sql_placement_insert_in *insert = insert_new(t, n[ROW_INSERT].rows);
	sql_placement_update_in *update = update_new(t, n[ROW_UPDATE].rows);
	sql_placement_step_in *step = step_new(t, n[ROW_STEP].rows);
	plan_lists lists[] = {[ROW_INSERT] = lists_new(t, n[ROW_INSERT]), [ROW_UPDATE] = lists_new(t, n[ROW_UPDATE])};
	for (uint32_t i = 0; i < t->touches.n; i++) {
		const touch *x = &t->touches.v[i];
		row_kind kind = kind_of(x);
		uint32_t to = at[kind]++;
		if (kind == ROW_STEP) {
			step_fill(step, to, x, first + i);
			continue;
		}
		plan_add(t, &lists[kind], b, &x->b->held, to);
		if (kind == ROW_INSERT)
			insert_fill(insert, to, x, first + i);
		else
			update_fill(update, to, x, first + i);
	}
	plan_set(insert, &lists[ROW_INSERT]);
	plan_set(update, &lists[ROW_UPDATE]);
	if (n[ROW_INSERT].rows)
		rows_call(r, SQL_PLACEMENT_INSERT, insert);
	if (n[ROW_UPDATE].rows)
		rows_call(r, SQL_PLACEMENT_UPDATE, update);
	if (n[ROW_STEP].rows)
		rows_call(r, SQL_PLACEMENT_STEP, step);
}
