/* What must hold whatever was done: a slow model that knows placements and holds alone, and counts everything anew. */
#pragma once
#include "operations_world.h"

#define HOLDS(w, what) cr_assert(what, #what ", step %ld, seed %lu", (w)->step, (w)->run_seed)

/* What placements and holds come to on one device. */
typedef struct sums {
	int64_t memory_mib, compute_milli, held_mib;
	int32_t sharers, exclusive;
	geometry_state state;
} sums;

static inline void sums_add(world *w, sums *all, const plan *p, bool is_hold)
{
	for (uint32_t i = 0; i < p->devices.n; i++) {
		const plan_device *s = &p->devices.v[i];
		sums *one = &all[s->device];
		const geometry *g = w->f.devices.v[s->device].geometry;
		one->memory_mib += s->memory_mib;
		one->compute_milli += s->compute_milli;
		one->sharers++;
		one->exclusive += s->compute_milli >= 1000;
		one->held_mib += is_hold ? s->memory_mib : 0;
		HOLDS(w, (s->profile > 0) == (g != NULL));
		if (!s->profile || is_hold || one->held_mib)
			continue;
		HOLDS(w, geometry_may(g, &one->state, s->profile - 1, s->start));
		geometry_take(g, &one->state, s->profile - 1, s->start);
	}
}

static inline void device_is_true(world *w, int32_t d, const sums *s)
{
	const fleet_device *row = &w->f.devices.v[d];
	const fleet_cell *cell = &w->f.cells.v[row->cell];

	HOLDS(w, row->used_memory_mib == s->memory_mib && row->used_compute_milli == s->compute_milli);
	HOLDS(w, row->sharers == s->sharers && row->exclusive == s->exclusive);
	HOLDS(w, cell->class_id == row->class_id && w->f.cell_devices.v[row->cell] == d);
	HOLDS(w, !cell->is_idle || s->sharers == 0);
	HOLDS(w, !reserve_device_is_over(w->reserve, &w->f, d));
	if (s->held_mib)
		return;
	HOLDS(w, s->memory_mib <= row->memory_mib && s->compute_milli <= row->compute_milli);
	HOLDS(w, s->sharers <= row->slots || row->geometry);
	HOLDS(w, s->exclusive == 0 || s->sharers == 1 || row->geometry);
	HOLDS(w, memcmp(&row->state, &s->state, sizeof s->state) == 0 && !row->is_tangled);
}

static inline void node_is_true(world *w, int32_t n, int64_t cpu_milli, int64_t memory_mib, int32_t pods)
{
	const fleet_node *row = &w->f.nodes.v[n];
	const fleet_view *v = &w->f.views.v[n];
	int32_t n_open = 0, n_idle = 0;
	int64_t most_mib = 0;

	HOLDS(w, row->used_cpu_milli == cpu_milli && row->used_memory_mib == memory_mib && row->pods == pods);
	fleet_each_device(d, &w->f, n)
	{
		const fleet_device *one = &w->f.devices.v[d];
		if (one->flags)
			continue;
		n_open++;
		n_idle += one->sharers == 0;
		int64_t free_mib = fleet_free_memory_mib(one);
		bool is_open = one->sharers < one->slots && one->class_id < PLAIN && fleet_free_compute_milli(one) > 0;
		most_mib = is_open && free_mib > most_mib ? free_mib : most_mib;
	}
	HOLDS(w, v->n_open == n_open && v->n_idle == n_idle && v->is_closed == (row->flags != 0));
	HOLDS(w, v->max_free_memory_mib >= most_mib || n_open == 0);
}

static inline void fleet_is_true(world *w)
{
	static sums all[NODES * NODE_DEVICES * 4];
	static int64_t cpu[NODES * 64], memory[NODES * 64];
	static int32_t pods[NODES * 64];

	HOLDS(w, w->f.devices.n <= NODES * NODE_DEVICES * 4 && w->f.nodes.n <= NODES * 64);
	memset(all, 0, sizeof all);
	memset(cpu, 0, sizeof cpu);
	memset(memory, 0, sizeof memory);
	memset(pods, 0, sizeof pods);
	for (int32_t i = 0; i < w->n_holds + w->n_lives; i++) {
		bool is_hold = i < w->n_holds;
		const plan *p = is_hold ? reserve_plan(w->reserve, w->holds[i]) : &w->lives[i - w->n_holds]->p;
		sums_add(w, all, p, is_hold);
		for (uint32_t k = 0; k < p->pods.n; k++) {
			cpu[p->pods.v[k].node] += p->pods.v[k].cpu_milli;
			memory[p->pods.v[k].node] += p->pods.v[k].memory_mib;
			pods[p->pods.v[k].node]++;
		}
	}
	for (int32_t d = 0; (uint32_t)d < w->f.devices.n; d++)
		if (w->f.devices.v[d].node != FLEET_NONE)
			device_is_true(w, d, &all[d]);
	for (int32_t n = 0; (uint32_t)n < w->f.nodes.n; n++)
		if (w->f.nodes.v[n].cluster != FLEET_NONE)
			node_is_true(w, n, cpu[n], memory[n], pods[n]);
}

static inline void quota_is_true(world *w)
{
	amounts own[TENANTS][CLASSES] = {0}, sum[CLASSES] = {0};

	for (int32_t i = 0; i < w->n_lives; i++) {
		const live *l = w->lives[i];
		for (uint32_t k = 0; l->is_charged && k < l->p.devices.n; k++) {
			const plan_device *s = &l->p.devices.v[k];
			int32_t model = w->f.devices.v[s->device].class_id;
			own[l->tenant][model] = amounts_add(own[l->tenant][model], s->charge);
			sum[model] = amounts_add(sum[model], s->charge);
		}
	}
	for (int32_t c = 0; c < CLASSES; c++) {
		HOLDS(w, amounts_eq(sum[c], quota_used(w->q, QUOTA_ROOT, w->classes[c])));
		for (int32_t t = 0; t < TENANTS; t++) {
			int64_t limit = quota_get(w->q, w->tenants[t], w->classes[c]).limit.v[0];
			HOLDS(w, amounts_eq(own[t][c], quota_used_own(w->q, w->tenants[t], w->classes[c])));
			HOLDS(w, quota_used(w->q, w->tenants[t], w->classes[c]).v[0] <= limit);
		}
	}
}

/* Every listed pod stands on its node, and is the one that its plan says. */
static inline void list_is_true(world *w)
{
	int64_t listed = 0, planned = 0;

	for (int32_t n = 0; (uint32_t)n < w->list.first_by_node.n; n++)
		running_each(at, &w->list, n)
		{
			const running_pod *pod = &w->list.pods.v[at];
			const plan_pod *of = &w->list.runs.v[pod->run].p->pods.v[pod->pod];
			HOLDS(w, of->node == n && pod->node == n && pod->n_devices == (int32_t)of->n);
			listed++;
		}
	for (int32_t i = 0; i < w->n_lives; i++)
		planned += w->lives[i]->p.pods.n;
	HOLDS(w, listed == planned);
}

static inline void all_is_true(world *w)
{
	fleet_is_true(w);
	quota_is_true(w);
	list_is_true(w);
}

static inline uint64_t print_add(uint64_t sum, const int64_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum = (sum ^ (uint64_t)v[i]) * 1099511628211u;
	return sum;
}

#define PRINT(sum, ...) print_add(sum, (int64_t[]){__VA_ARGS__}, sizeof(int64_t[]){__VA_ARGS__} / sizeof(int64_t))

/* All that a decision can see. */
static inline uint64_t fingerprint(const world *w)
{
	uint64_t sum = 1;

	for (uint32_t i = 0; i < w->f.devices.n; i++) {
		const fleet_device *d = &w->f.devices.v[i];
		if (d->node == FLEET_NONE)
			continue;
		const fleet_cell *c = &w->f.cells.v[d->cell];
		sum = PRINT(sum, d->used_memory_mib, d->used_compute_milli, d->sharers, d->exclusive, d->flags, d->next,
			d->state.occupied, d->state.n, d->state.only, d->state.used[0], d->is_tangled, c->free_milli,
			c->free_memory_mib, c->free_compute_milli, c->has_slot, c->is_idle, c->is_open);
	}
	for (uint32_t i = 0; i < w->f.nodes.n; i++) {
		const fleet_node *n = &w->f.nodes.v[i];
		const fleet_view *v = &w->f.views.v[i];
		sum = PRINT(sum, n->used_cpu_milli, n->used_memory_mib, n->pods, n->flags, v->free_cpu_milli,
			v->free_memory_mib, v->max_free_memory_mib, v->max_free_compute_milli, v->max_free_milli,
			v->free_device_milli, v->n_open, v->n_idle, v->is_closed, v->is_crowded, v->is_partial,
			v->is_pristine);
	}
	for (int32_t t = 0; t < TENANTS; t++)
		for (int32_t c = 0; c < CLASSES; c++) {
			amounts a = quota_used_own(w->q, w->tenants[t], w->classes[c]);
			sum = print_add(sum, a.v, AXIS_COUNT);
		}
	return sum;
}

/* Devices of the node that could take a slice of e now, of the class. Once: compute as far as the device itself has it.
 */
static inline int32_t slow_count(const fleet *f, int32_t node, const ask_entry *e, int32_t class_id, bool counts_once)
{
	int32_t n = 0;

	fleet_each_device(d, f, node)
	{
		const fleet_device *row = &f->devices.v[d];
		if (row->flags || row->class_id != class_id)
			continue;
		int64_t memory = e->memory_mib       ? e->memory_mib
				 : e->memory_percent ? row->memory_mib * e->memory_percent / 100
						     : row->memory_mib;
		bool is_whole = !e->memory_mib && !e->memory_percent;
		int64_t compute = e->compute_milli != ASK_ABSENT ? e->compute_milli
				  : is_whole                     ? 1000
								 : f->classes.v[row->class_id].compute_default_milli;
		int64_t most = counts_once && compute && compute < 1000 ? 1000 : row->compute_milli;
		bool is_full = row->exclusive || row->sharers >= row->slots || (compute == 1000 && row->sharers);
		n += !is_full && row->used_memory_mib + memory <= row->memory_mib &&
		     row->used_compute_milli + (compute ? compute : 1) <= most;
	}
	return n;
}

/* A node that shrank under its pods still takes who asks nothing of what it lacks, as kube-scheduler has it. */
static inline bool slow_host_has(int64_t wanted, int64_t free)
{
	return wanted == 0 || wanted <= free;
}

static inline bool slow_may_use(const world *w, const ask *a, int32_t node)
{
	const fleet_node *n = &w->f.nodes.v[node];
	bool is_listed = a->n_clusters == 0;

	if (n->cluster == FLEET_NONE || n->flags || w->f.clusters.v[n->cluster].flags)
		return false;
	for (int32_t i = 0; i < a->n_clusters; i++)
		is_listed |= a->clusters[i] == n->cluster;
	return is_listed && slow_host_has(a->groups[0].cpu_milli, n->cpu_milli - n->used_cpu_milli) &&
	       slow_host_has(a->groups[0].memory_mib, n->memory_mib - n->used_memory_mib) &&
	       (n->pods_max == 0 || n->pods < n->pods_max);
}

/* Of a plain ask: whether a look at every node and device finds room. */
static inline bool slow_fits(const world *w, const ask *a)
{
	const ask_entry *e = &a->groups[0].entries[0];

	for (int32_t node = 0; node < (int32_t)w->f.nodes.n; node++)
		for (int32_t c = 0; c < e->n_classes && slow_may_use(w, a, node); c++)
			if (slow_count(&w->f, node, e, e->classes[c],
				    e->classes[c] == w->classes[TWICE] && a->priority > 0) >= e->count)
				return true;
	return false;
}
