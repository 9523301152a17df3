#include "server/placer/lend.h"
#include "server/placer/rows_inside.h"

static void amounts_fill(i64s *const axes[AXIS_COUNT], uint32_t i, amounts a)
{
	for (int x = 0; x < AXIS_COUNT; x++)
		axes[x]->v[i] = a.v[x];
}

static void lease_fill(const books *b, sql_lease_put_in *in, uint32_t i, const lent *x)
{
	in->tenant_keys.v[i] = x->tenant_key;
	in->models.v[i] = b->fleet.classes.v[x->model].name;
	in->cluster_keys.v[i] = b->site_of.v[x->cluster]->key;
	in->modes.v[i] = str_from(lease_mode_name(x->mode));
	in->offline_s.v[i] = x->offline_s;
	in->seqs.v[i] = x->l.seq;
	in->moved.v[i] = x->moved;
	amounts_fill((i64s *[]){&in->granted_device_milli, &in->granted_memory_mib, &in->granted_compute_milli}, i,
		x->l.granted);
	amounts_fill((i64s *[]){&in->reserved_device_milli, &in->reserved_memory_mib, &in->reserved_compute_milli}, i,
		x->l.reserved);
	amounts_fill((i64s *[]){&in->headroom_device_milli, &in->headroom_memory_mib, &in->headroom_compute_milli}, i,
		x->headroom);
}

static void leases_put(turn *t, const books *b, turn_rows *r)
{
	uint32_t n = t->lents.n;
	sql_lease_put_in *in = ARENA_NEW(t->a, sql_lease_put_in);

	if (!n)
		return;
	*in = (sql_lease_put_in){rows_numbers(t, n), rows_texts(t, n), rows_numbers(t, n), rows_texts(t, n),
		rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n),
		rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n),
		rows_numbers(t, n), rows_numbers(t, n)};
	for (uint32_t i = 0; i < n; i++)
		lease_fill(b, in, i, t->lents.v[i]);
	rows_call(r, SQL_LEASE_PUT, in);
}

/* The last that was told of one counts: a statement takes no row twice. */
static bool is_last(const turn *t, uint32_t i)
{
	for (uint32_t k = i + 1; k < t->pods.n; k++)
		if (str_eq(t->pods.v[k].placement, t->pods.v[i].placement))
			return false;
	return true;
}

static void pods_put(turn *t, turn_rows *r)
{
	uint32_t n = 0;
	sql_pod_put_in *in = ARENA_NEW(t->a, sql_pod_put_in);

	if (!t->pods.n)
		return;
	*in = (sql_pod_put_in){
		rows_texts(t, t->pods.n), rows_numbers(t, t->pods.n), rows_numbers(t, t->pods.n), t->now_us};
	for (uint32_t i = 0; i < t->pods.n; i++) {
		if (!is_last(t, i))
			continue;
		in->placement_ids.v[n] = t->pods.v[i].placement;
		in->tenant_keys.v[n] = t->pods.v[i].tenant_key;
		in->is_lent.v[n++] = t->pods.v[i].is_lent;
	}
	in->placement_ids.n = in->tenant_keys.n = in->is_lent.n = n;
	rows_call(r, SQL_POD_PUT, in);
}

/* Whose row was inserted with this very turn: that tells no beginning. */
static void begun_put(turn *t, turn_rows *r)
{
	uint32_t n = 0;
	sql_placement_began_in *in = ARENA_NEW(t->a, sql_placement_began_in);

	if (!t->pods.n)
		return;
	*in = (sql_placement_began_in){rows_texts(t, t->touches.n), rows_numbers(t, t->touches.n)};
	for (uint32_t i = 0; i < t->touches.n; i++) {
		const booking *k = t->touches.v[i].b;
		if (!t->touches.v[i].is_new || !k->now.running_at_us)
			continue;
		in->ids.v[n] = k->id;
		in->running_ats.v[n++] = k->now.running_at_us;
	}
	in->ids.n = in->running_ats.n = n;
	if (n)
		rows_call(r, SQL_PLACEMENT_BEGAN, in);
}

static void drift_put(turn *t, turn_rows *r)
{
	vec_each (at, &t->drifted) {
		sql_cluster_drift_put_in *in = ARENA_NEW(t->a, sql_cluster_drift_put_in);
		site *s = *at;
		*in = (sql_cluster_drift_put_in){s->key, s->drift_n, rows_numbers(t, s->n_drifted)};
		memcpy(in->buckets.v, s->drifted, s->n_drifted * sizeof *s->drifted);
		rows_call(r, SQL_CLUSTER_DRIFT_PUT, in);
	}
}

void rows_lend(turn *t, const books *b, turn_rows *r)
{
	sql_pod_forget_in *gone = ARENA_NEW(t->a, sql_pod_forget_in);

	leases_put(t, b, r);
	drift_put(t, r);
	pods_put(t, r);
	begun_put(t, r);
	gone->placement_ids = (strs){t->pods_gone.v, t->pods_gone.n};
	if (t->pods_gone.n)
		rows_call(r, SQL_POD_FORGET, gone);
}
