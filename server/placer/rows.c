#include "server/placer/rows.h"

#include <assert.h>

#include "engine/charge.h"
#include "server/placer/claim.h"
#include "server/placer/rows_inside.h"

void rows_call(turn_rows *r, sql_id stmt, const void *in)
{
	assert(r->n < ROWS_CALLS_MAX);
	r->calls[r->n++] = (db_call){stmt, in};
}

strs rows_texts(turn *t, uint32_t n)
{
	return (strs){ARENA_ARRAY(t->a, str, n), n};
}

i64s rows_numbers(turn *t, uint32_t n)
{
	return (i64s){ARENA_ARRAY(t->a, int64_t, n), n};
}

/* Sums that came to nothing and never grew are left out; returns how many stay. */
static uint32_t sums_shrink(turn_sums *s)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < s->v.n; i++) {
		const turn_sum *x = &s->v.v[i];
		bool has_moved = x->v[0] || x->v[1] || x->v[2];
		bool has_grown = x->grown[0] || x->grown[1] || x->grown[2];
		if (has_moved || has_grown)
			s->v.v[kept++] = *x;
	}
	return s->v.n = kept;
}

static void nodes_used(turn *t, turn_rows *r)
{
	uint32_t n = sums_shrink(&t->node_sums);
	sql_node_use_in *in = ARENA_NEW(t->a, sql_node_use_in);

	if (!n)
		return;
	*in = (sql_node_use_in){rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), n};
	for (uint32_t i = 0; i < n; i++) {
		const turn_sum *s = &t->node_sums.v.v[i];
		in->keys.v[i] = s->key;
		in->cpu_milli.v[i] = s->v[0];
		in->memory_mib.v[i] = s->v[1];
		in->pods.v[i] = s->v[2];
	}
	rows_call(r, SQL_NODE_USE, in);
}

static void devices_used(turn *t, turn_rows *r)
{
	uint32_t n = sums_shrink(&t->device_sums);
	sql_device_use_in *in = ARENA_NEW(t->a, sql_device_use_in);

	if (!n)
		return;
	*in = (sql_device_use_in){rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), n};
	for (uint32_t i = 0; i < n; i++) {
		const turn_sum *s = &t->device_sums.v.v[i];
		in->keys.v[i] = s->key;
		in->memory_mib.v[i] = s->v[0];
		in->compute_milli.v[i] = s->v[1];
		in->slots.v[i] = s->v[2];
	}
	rows_call(r, SQL_DEVICE_USE, in);
}

static void tenants_used(turn *t, const books *b, turn_rows *r)
{
	uint32_t n = sums_shrink(&t->tenant_sums);
	sql_tenant_use_add_in *in = ARENA_NEW(t->a, sql_tenant_use_add_in);
	char room[CHARGE_NAME_MAX];

	if (!n)
		return;
	*in = (sql_tenant_use_add_in){rows_numbers(t, n), rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n),
		rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), n};
	for (uint32_t i = 0; i < n; i++) {
		const turn_sum *s = &t->tenant_sums.v.v[i];
		in->tenant_keys.v[i] = s->key;
		in->models.v[i] = str_dup(t->a, charge_name(&b->fleet, s->class_id, room));
		in->device_milli.v[i] = s->v[AXIS_DEVICE_MILLI];
		in->memory_mib.v[i] = s->v[AXIS_MEMORY_MIB];
		in->compute_milli.v[i] = s->v[AXIS_COMPUTE_MILLI];
		in->grown_device_milli.v[i] = s->grown[AXIS_DEVICE_MILLI];
		in->grown_memory_mib.v[i] = s->grown[AXIS_MEMORY_MIB];
		in->grown_compute_milli.v[i] = s->grown[AXIS_COMPUTE_MILLI];
	}
	rows_call(r, SQL_TENANT_USE_ADD, in);
}

static uint32_t escrows_shrink(turn *t)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < t->escrows.n; i++)
		if (!amounts_eq(t->escrows.v[i].by, (amounts){{0}}))
			t->escrows.v[kept++] = t->escrows.v[i];
	return t->escrows.n = kept;
}

static void escrows_add(turn *t, const books *b, turn_rows *r)
{
	uint32_t n = escrows_shrink(t);
	sql_escrow_add_in *in = ARENA_NEW(t->a, sql_escrow_add_in);

	if (!n)
		return;
	*in = (sql_escrow_add_in){rows_numbers(t, n), rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n),
		rows_numbers(t, n), rows_numbers(t, n), n};
	for (uint32_t i = 0; i < n; i++) {
		const turn_escrow *e = &t->escrows.v[i];
		in->tenant_keys.v[i] = e->tenant_key;
		in->models.v[i] = str_dup(t->a, b->fleet.classes.v[e->model].name);
		in->cluster_keys.v[i] = b->site_of.v[e->cluster]->key;
		in->device_milli.v[i] = e->by.v[AXIS_DEVICE_MILLI];
		in->memory_mib.v[i] = e->by.v[AXIS_MEMORY_MIB];
		in->compute_milli.v[i] = e->by.v[AXIS_COMPUTE_MILLI];
	}
	rows_call(r, SQL_ESCROW_ADD, in);
}

static void nodes_put(turn *t, turn_rows *r)
{
	uint32_t n = t->nodes.n;
	sql_node_put_in *in = ARENA_NEW(t->a, sql_node_put_in);

	if (!n)
		return;
	*in = (sql_node_put_in){rows_numbers(t, n), rows_texts(t, n), rows_numbers(t, n), rows_texts(t, n),
		rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_texts(t, n),
		rows_texts(t, n), rows_texts(t, n), rows_texts(t, n), t->now_us};
	for (uint32_t i = 0; i < n; i++) {
		const turn_node *x = &t->nodes.v[i];
		in->keys.v[i] = x->key;
		in->ids.v[i] = x->id;
		in->cluster_keys.v[i] = x->cluster_key;
		in->names.v[i] = x->name;
		in->ranks.v[i] = x->rank;
		in->cpu_milli.v[i] = x->cpu_milli;
		in->memory_mib.v[i] = x->memory_mib;
		in->pods.v[i] = x->pods;
		in->labels.v[i] = x->labels;
		in->healths.v[i] = x->health;
		in->taints.v[i] = x->taints;
		in->links.v[i] = x->links;
	}
	rows_call(r, SQL_NODE_PUT, in);
}

static void device_fill(sql_device_put_in *in, uint32_t i, const turn_device *x)
{
	in->keys.v[i] = x->key;
	in->ids.v[i] = x->id;
	in->node_keys.v[i] = x->node_key;
	in->cluster_keys.v[i] = x->cluster_key;
	in->uuids.v[i] = x->uuid;
	in->index_nos.v[i] = x->index;
	in->classes.v[i] = x->class_name;
	in->products.v[i] = x->product;
	in->memory_mib.v[i] = x->memory_mib;
	in->compute_milli.v[i] = x->compute_milli;
	in->slots.v[i] = x->slots;
	in->slots_given.v[i] = x->slots_given;
	in->healths.v[i] = x->health;
	in->numas.v[i] = x->numa;
	in->share_modes.v[i] = x->share_mode.p ? x->share_mode : S("");
	in->geometries.v[i] = x->geometry.p ? x->geometry : S("");
	in->cuts.v[i] = x->cut;
}

static void devices_put(turn *t, turn_rows *r)
{
	uint32_t n = t->devices.n;
	sql_device_put_in *in = ARENA_NEW(t->a, sql_device_put_in);

	if (!n)
		return;
	*in = (sql_device_put_in){rows_numbers(t, n), rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n),
		rows_texts(t, n), rows_numbers(t, n), rows_texts(t, n), rows_texts(t, n), rows_numbers(t, n),
		rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_texts(t, n), rows_numbers(t, n),
		rows_texts(t, n), rows_texts(t, n), rows_texts(t, n), t->now_us};
	for (uint32_t i = 0; i < n; i++)
		device_fill(in, i, &t->devices.v[i]);
	rows_call(r, SQL_DEVICE_PUT, in);
}

static i64s gone_keys(turn *t, const turn_gone *v, uint32_t n)
{
	i64s keys = rows_numbers(t, n);

	for (uint32_t i = 0; i < n; i++)
		keys.v[i] = v[i].key;
	return keys;
}

static void gone_delete(turn *t, turn_rows *r)
{
	sql_node_gone_in *nodes = ARENA_NEW(t->a, sql_node_gone_in);
	sql_device_gone_in *devices = ARENA_NEW(t->a, sql_device_gone_in);

	devices->device_keys = gone_keys(t, t->devices_gone.v, t->devices_gone.n);
	if (t->devices_gone.n)
		rows_call(r, SQL_DEVICE_GONE, devices);
	nodes->node_keys = gone_keys(t, t->nodes_gone.v, t->nodes_gone.n);
	if (t->nodes_gone.n)
		rows_call(r, SQL_NODE_GONE, nodes);
}

/* Those that are gone at the end of the turn still; a later item may have brought them back. */
static void gone_mark(turn *t, const books *b, turn_rows *r)
{
	sql_inventory_mark_in *in = ARENA_NEW(t->a, sql_inventory_mark_in);

	if (!t->nodes_marked.n && !t->devices_marked.n)
		return;
	*in = (sql_inventory_mark_in){rows_numbers(t, t->nodes_marked.n), rows_numbers(t, t->devices_marked.n)};
	in->node_keys.n = in->device_keys.n = 0;
	vec_each (node, &t->nodes_marked)
		if (b->fleet.nodes.v[*node].flags & FLEET_GONE)
			in->node_keys.v[in->node_keys.n++] = b->nodes.v[*node].key;
	vec_each (device, &t->devices_marked)
		if (b->fleet.devices.v[*device].flags & FLEET_GONE)
			in->device_keys.v[in->device_keys.n++] = b->devices.v[*device].key;
	rows_call(r, SQL_INVENTORY_MARK, in);
}

static void segments_open(turn *t, turn_rows *r)
{
	uint32_t n = t->opened.n;
	sql_segment_open_in *in = ARENA_NEW(t->a, sql_segment_open_in);

	if (!n)
		return;
	*in = (sql_segment_open_in){rows_texts(t, n), rows_numbers(t, n), rows_texts(t, n), rows_numbers(t, n),
		rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n),
		rows_numbers(t, n)};
	for (uint32_t i = 0; i < n; i++) {
		const turn_segment *s = &t->opened.v[i];
		in->placement_ids.v[i] = s->placement;
		in->fence_nos.v[i] = s->fence_no;
		in->classes.v[i] = s->class_name;
		in->tenant_keys.v[i] = s->tenant_key;
		in->cluster_keys.v[i] = s->cluster_key;
		in->devices.v[i] = s->devices;
		in->device_milli.v[i] = s->charge.v[AXIS_DEVICE_MILLI];
		in->memory_mib.v[i] = s->charge.v[AXIS_MEMORY_MIB];
		in->compute_milli.v[i] = s->charge.v[AXIS_COMPUTE_MILLI];
		in->started_ats.v[i] = s->started_at_us;
	}
	rows_call(r, SQL_SEGMENT_OPEN, in);
}

static void segments_close(turn *t, turn_rows *r)
{
	uint32_t n = t->closed.n;
	sql_segment_close_in *in = ARENA_NEW(t->a, sql_segment_close_in);

	if (!n)
		return;
	*in = (sql_segment_close_in){rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n)};
	for (uint32_t i = 0; i < n; i++) {
		in->placement_ids.v[i] = t->closed.v[i].placement;
		in->fence_nos.v[i] = t->closed.v[i].fence_no;
		in->ended_ats.v[i] = t->closed.v[i].ended_at_us;
	}
	rows_call(r, SQL_SEGMENT_CLOSE, in);
}

static i64s learned_keys(turn *t, const books *b, bool is_learning)
{
	i64s keys = rows_numbers(t, t->learned.n);

	keys.n = 0;
	vec_each (key, &t->learned)
		if (books_site(b, *key)->is_learning == is_learning)
			keys.v[keys.n++] = *key;
	return keys;
}

static void clusters_learned(turn *t, const books *b, turn_rows *r)
{
	sql_cluster_learning_add_in *begun = ARENA_NEW(t->a, sql_cluster_learning_add_in);
	sql_cluster_learned_in *ended = ARENA_NEW(t->a, sql_cluster_learned_in);

	begun->keys = learned_keys(t, b, true);
	if (begun->keys.n)
		rows_call(r, SQL_CLUSTER_LEARNING_ADD, begun);
	ended->keys = learned_keys(t, b, false);
	if (ended->keys.n)
		rows_call(r, SQL_CLUSTER_LEARNED, ended);
}

static void waiting_retell(turn *t, turn_rows *r)
{
	sql_placement_retell_in *in = ARENA_NEW(t->a, sql_placement_retell_in);

	if (!t->retold.n)
		return;
	*in = (sql_placement_retell_in){rows_texts(t, t->retold.n), rows_texts(t, t->retold.n)};
	for (uint32_t i = 0; i < t->retold.n; i++) {
		in->ids.v[i] = t->retold.v[i].placement;
		in->blockers.v[i] = t->retold.v[i].blockers;
	}
	rows_call(r, SQL_PLACEMENT_RETELL, in);
}

static void holds_put(turn *t, const books *b, turn_rows *r)
{
	uint32_t n = t->claimed.n;
	sql_hold_put_in *in = ARENA_NEW(t->a, sql_hold_put_in);

	if (!n)
		return;
	*in = (sql_hold_put_in){rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_texts(t, n),
		rows_texts(t, n), rows_numbers(t, n), rows_numbers(t, n)};
	for (uint32_t i = 0; i < n; i++) {
		const booking *k = t->claimed.v[i];
		const plan *p = reserve_plan(b->reserve, k->claim->hold);
		in->placement_ids.v[i] = k->id;
		in->tenant_keys.v[i] = k->tenant_key;
		in->cluster_keys.v[i] = b->site_of.v[p->cluster]->key;
		in->kinds.v[i] = str_from(claim_kind_name(k->claim->kind));
		in->placed.v[i] = k->claim->placed;
		in->from_ats.v[i] = k->claim->from_us;
		in->until_ats.v[i] = k->claim->until_us;
	}
	rows_call(r, SQL_HOLD_PUT, in);
}

static void holds_drop(turn *t, turn_rows *r)
{
	sql_hold_drop_in *in = ARENA_NEW(t->a, sql_hold_drop_in);

	in->placement_ids = (strs){t->unclaimed.v, t->unclaimed.n};
	if (t->unclaimed.n)
		rows_call(r, SQL_HOLD_DROP, in);
}

static void evictions_put(turn *t, turn_rows *r)
{
	uint32_t n = t->evicted.n;
	sql_eviction_put_in *in = ARENA_NEW(t->a, sql_eviction_put_in);

	if (!n)
		return;
	*in = (sql_eviction_put_in){rows_texts(t, n), rows_numbers(t, n), rows_texts(t, n), t->now_us};
	for (uint32_t i = 0; i < n; i++) {
		in->placement_ids.v[i] = t->evicted.v[i]->id;
		in->tenant_keys.v[i] = t->evicted.v[i]->tenant_key;
		in->by_placement_ids.v[i] = t->evicted.v[i]->evicted_by;
	}
	rows_call(r, SQL_EVICTION_PUT, in);
}

static void evictions_drop(turn *t, turn_rows *r)
{
	sql_eviction_drop_in *in = ARENA_NEW(t->a, sql_eviction_drop_in);

	in->placement_ids = (strs){t->departed.v, t->departed.n};
	if (t->departed.n)
		rows_call(r, SQL_EVICTION_DROP, in);
}

static void hints_put(turn *t, turn_rows *r)
{
	uint32_t n = t->hints.n;
	sql_advice_put_in *in = ARENA_NEW(t->a, sql_advice_put_in);

	if (!n)
		return;
	*in = (sql_advice_put_in){rows_texts(t, n), rows_numbers(t, n), t->now_us, rows_numbers(t, n), rows_texts(t, n),
		rows_numbers(t, n), rows_texts(t, n), rows_texts(t, n)};
	for (uint32_t i = 0; i < n; i++) {
		const turn_hint *h = &t->hints.v[i];
		in->placement_ids.v[i] = h->of->id;
		in->tenant_keys.v[i] = h->of->tenant_key;
		in->positions.v[i] = h->position ? h->position : PG_I64_NULL;
		in->ahead_owns.v[i] = h->ahead_own;
		in->ahead_others.v[i] = h->ahead_others >= 0 ? h->ahead_others : PG_I64_NULL;
		in->quotas.v[i] = h->quota;
		in->changes.v[i] = h->changes;
	}
	rows_call(r, SQL_ADVICE_PUT, in);
}

static void hints_drop(turn *t, turn_rows *r)
{
	sql_advice_drop_in *in = ARENA_NEW(t->a, sql_advice_drop_in);

	in->placement_ids = (strs){t->unhinted.v, t->unhinted.n};
	if (t->unhinted.n)
		rows_call(r, SQL_ADVICE_DROP, in);
}

static void inbox_consume(turn *t, turn_rows *r)
{
	sql_inbox_consume_in *in = ARENA_NEW(t->a, sql_inbox_consume_in);

	if (!t->consumed.n)
		return;
	in->seqs = (i64s){t->consumed.v, t->consumed.n};
	rows_call(r, SQL_INBOX_CONSUME, in);
}

static void inbox_put_aside(turn *t, turn_rows *r)
{
	sql_inbox_put_aside_in *in = ARENA_NEW(t->a, sql_inbox_put_aside_in);

	if (!t->aside.seq)
		return;
	*in = (sql_inbox_put_aside_in){t->aside.seq, t->aside.why};
	rows_call(r, SQL_INBOX_PUT_ASIDE, in);
}

static void leader_advance(turn *t, turn_rows *r, const head *h, sql_leader_advance_in *in)
{
	*in = (sql_leader_advance_in){.term = h->term,
		.batch = r->after.batch,
		.n = r->after.n,
		.hash = {ARENA_ARRAY(t->a, char, LEDGER_HASH), LEDGER_HASH},
		.old_n = h->n,
		.g_seen = h->g_seen};
	memcpy((char *)in->hash.p, r->after.hash, LEDGER_HASH);
}

turn_rows *rows_build(turn *t, books *b, const head *h)
{
	turn_rows *r = ARENA_NEW(t->a, turn_rows);
	sql_leader_advance_in *lead = ARENA_NEW(t->a, sql_leader_advance_in);

	r->after = *h;
	r->after.batch++;
	rows_call(r, SQL_LEADER_ADVANCE, lead);
	nodes_put(t, r);
	devices_put(t, r);
	rows_decide(t, b, r);
	rows_spend(t, b, r);
	rows_reserve(t, b, r);
	devices_used(t, r);
	nodes_used(t, r);
	tenants_used(t, b, r);
	escrows_add(t, b, r);
	rows_standing(t, b, r);
	rows_lend(t, b, r);
	segments_open(t, r);
	segments_close(t, r);
	gone_mark(t, b, r);
	gone_delete(t, r);
	waiting_retell(t, r);
	hints_drop(t, r);
	hints_put(t, r);
	holds_drop(t, r);
	holds_put(t, b, r);
	evictions_put(t, r);
	evictions_drop(t, r);
	clusters_learned(t, b, r);
	inbox_consume(t, r);
	inbox_put_aside(t, r);
	leader_advance(t, r, h, lead);
	return r;
}
