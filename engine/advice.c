#include "engine/advice.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"

static const char *const names[ADVICE_COUNT_OF_KINDS] = {
	[ADVICE_CLUSTER] = "cluster",
	[ADVICE_CLASS] = "class",
	[ADVICE_MEMORY_MIB] = "memory_mib",
	[ADVICE_MEMORY_PERCENT] = "memory_percent",
	[ADVICE_COMPUTE_MILLI] = "compute_milli",
	[ADVICE_COUNT] = "count",
	[ADVICE_HOST_CPU_MILLI] = "host.cpu_milli",
	[ADVICE_HOST_MEMORY_MIB] = "host.memory_mib",
	[ADVICE_REPLICAS] = "replicas",
	[ADVICE_QUOTA] = "quota",
	[ADVICE_UUIDS] = "uuids",
	[ADVICE_NUMA_BIND] = "numa_bind",
	[ADVICE_TOPOLOGY] = "topology",
	[ADVICE_SELECTOR] = "node_selector",
	[ADVICE_TOLERATIONS] = "tolerations",
};

const char *advice_name(advice_kind k)
{
	return names[k];
}

/* The request, in memory of our own so that it can be changed. */
typedef struct work {
	place *place;
	fleet *f;
	quota *q;
	int32_t tenant;
	int32_t tries, tries_max;
	advices *out;
	plan plan;
	ask ask;
	ask_group groups[ASK_GROUPS_MAX];
	ask_entry entries[ASK_GROUPS_MAX][ASK_ENTRIES_MAX];
} work;

static void work_init(work *w, const ask *a)
{
	w->ask = *a;
	w->ask.groups = w->groups;
	for (int32_t g = 0; g < a->n_groups; g++) {
		w->groups[g] = a->groups[g];
		w->groups[g].entries = w->entries[g];
		for (int32_t e = 0; e < a->groups[g].n_entries; e++)
			w->entries[g][e] = a->groups[g].entries[e];
	}
}

/* Whether the request as it is now changed would be placed. */
static bool would_fit(work *w)
{
	if (w->tries == w->tries_max) {
		w->out->is_cut = true;
		return false;
	}
	w->tries++;
	if (!place_find(w->place, w->f, w->q, w->tenant, &w->ask, &w->plan, NULL))
		return false;
	place_give(w->f, w->q, w->tenant, &w->plan);
	return true;
}

static void say(work *w, advice a)
{
	if (w->out->n == ADVICES_MAX)
		w->out->is_cut = true;
	else
		w->out->v[w->out->n++] = a;
}

static void set_wide(void *field, int64_t v)
{
	*(int64_t *)field = v;
}

static void set_narrow(void *field, int64_t v)
{
	*(int32_t *)field = (int32_t)v;
}

static void set_replicas(void *group, int64_t v)
{
	ask_group *g = group;

	g->min_replicas = g->replicas = (int32_t)v;
}

/* Says the most below `asked` with which it fits. What fits with more fits with less. */
static void try_amount(work *w, advice what, void (*set)(void *field, int64_t v), void *field, int64_t asked)
{
	int64_t low = 1, high = asked - 1;

	while (low <= high) {
		int64_t middle = low + (high - low) / 2;
		set(field, middle);
		if (would_fit(w)) {
			what.most = middle;
			low = middle + 1;
		} else {
			high = middle - 1;
		}
	}
	set(field, asked);
	if (what.most)
		say(w, what);
}

/* The request is without something. */
static void try_as_is(work *w, advice what)
{
	if (would_fit(w))
		say(w, what);
}

/* What the entry says of its devices beside class and amounts. */
static void try_rules(work *w, int32_t group, int32_t entry)
{
	ask_entry *e = &w->entries[group][entry], asked = *e;
	advice what = {ADVICE_UUIDS, group, entry, FLEET_NONE, 0};

	if (e->uuids.n || e->uuids_excluded.n) {
		e->uuids = e->uuids_excluded = (strs){NULL, 0};
		try_as_is(w, what);
		*e = asked;
	}
	what.kind = ADVICE_NUMA_BIND;
	if (e->numa_bind) {
		e->numa_bind = false;
		try_as_is(w, what);
		*e = asked;
	}
	what.kind = ADVICE_TOPOLOGY;
	if (e->topology == TOPOLOGY_REQUIRED) {
		e->topology = TOPOLOGY_BEST_EFFORT;
		try_as_is(w, what);
		*e = asked;
	}
}

/* Labels and taints of nodes. */
static void try_traits(work *w, int32_t group)
{
	static const trait_toleration all = {.key = TRAIT_ANY, .value = TRAIT_ANY};
	ask_group *g = &w->groups[group], asked = *g;
	advice what = {ADVICE_SELECTOR, group, FLEET_NONE, FLEET_NONE, 0};

	if (g->n_selector) {
		g->n_selector = 0;
		try_as_is(w, what);
		*g = asked;
	}
	what.kind = ADVICE_TOLERATIONS;
	g->tolerations = &all;
	g->n_tolerations = 1;
	try_as_is(w, what);
	*g = asked;
}

static bool lists(const int32_t *handles, int32_t n, int32_t handle)
{
	for (int32_t i = 0; i < n; i++)
		if (handles[i] == handle)
			return true;
	return false;
}

static bool is_allowed(const ask *a, int32_t cluster)
{
	return (a->n_clusters == 0 || lists(a->clusters, a->n_clusters, cluster)) &&
	       !lists(a->clusters_excluded, a->n_clusters_excluded, cluster);
}

static void try_clusters(work *w, const ask *asked)
{
	int32_t found = 0;

	for (int32_t c = 0; c < (int32_t)w->f->clusters.n; c++) {
		if (is_allowed(asked, c) || !w->f->clusters.v[c].is_live)
			continue;
		if (found == ADVICE_CLUSTERS_MAX) {
			w->out->is_cut = true;
			break;
		}
		w->ask.clusters = &c;
		w->ask.n_clusters = 1;
		w->ask.n_clusters_excluded = 0;
		if (would_fit(w)) {
			say(w, (advice){ADVICE_CLUSTER, FLEET_NONE, FLEET_NONE, c, 0});
			found++;
		}
	}
	w->ask.clusters = asked->clusters;
	w->ask.n_clusters = asked->n_clusters;
	w->ask.n_clusters_excluded = asked->n_clusters_excluded;
}

static void try_classes(work *w, int32_t group, int32_t entry)
{
	ask_entry *e = &w->entries[group][entry], asked = *e;
	int32_t found = 0;

	for (int32_t c = 0; c < (int32_t)w->f->classes.n && e->n_classes; c++) {
		if (lists(asked.classes, asked.n_classes, c) || w->f->classes.v[c].n_devices == 0)
			continue;
		if (found == ADVICE_CLASSES_MAX) {
			w->out->is_cut = true;
			break;
		}
		e->classes = &c;
		e->n_classes = 1;
		if (would_fit(w)) {
			say(w, (advice){ADVICE_CLASS, group, entry, c, 0});
			found++;
		}
		*e = asked;
	}
}

static void try_entry(work *w, int32_t group, int32_t entry)
{
	ask_entry *e = &w->entries[group][entry];
	advice what = {ADVICE_MEMORY_MIB, group, entry, FLEET_NONE, 0};

	if (e->memory_mib) {
		try_amount(w, what, set_wide, &e->memory_mib, e->memory_mib);
	} else if (e->memory_percent) {
		what.kind = ADVICE_MEMORY_PERCENT;
		try_amount(w, what, set_narrow, &e->memory_percent, e->memory_percent);
	}
	what.kind = ADVICE_COMPUTE_MILLI;
	if (e->compute_milli != ASK_ABSENT)
		try_amount(w, what, set_narrow, &e->compute_milli, e->compute_milli);
	what.kind = ADVICE_COUNT;
	try_amount(w, what, set_narrow, &e->count, e->count);
}

static void try_group(work *w, int32_t group)
{
	ask_group *g = &w->groups[group], asked = *g;
	advice what = {ADVICE_HOST_CPU_MILLI, group, FLEET_NONE, FLEET_NONE, 0};

	try_amount(w, what, set_wide, &g->cpu_milli, g->cpu_milli);
	what.kind = ADVICE_HOST_MEMORY_MIB;
	try_amount(w, what, set_wide, &g->memory_mib, g->memory_mib);
	what.kind = ADVICE_REPLICAS;
	try_amount(w, what, set_replicas, g, g->min_replicas);
	*g = asked;
}

static int by_place(const void *a, const void *b)
{
	const advice *x = a, *y = b;
	int32_t keys[][2] = {{(int32_t)x->kind, (int32_t)y->kind}, {x->group, y->group}, {x->entry, y->entry},
		{x->handle, y->handle}};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1] ? -1 : 1;
	return 0;
}

static void try_all(work *w, const ask *a)
{
	quota *q = w->q;

	if (would_fit(w))
		return;
	if (q) {
		w->q = NULL;
		if (would_fit(w))
			say(w, (advice){ADVICE_QUOTA, FLEET_NONE, FLEET_NONE, FLEET_NONE, 0});
		w->q = q;
	}
	try_clusters(w, a);
	/* What takes one try each comes before the searches for amounts. */
	for (int32_t g = 0; g < a->n_groups; g++) {
		for (int32_t e = 0; e < a->groups[g].n_entries; e++) {
			try_classes(w, g, e);
			try_rules(w, g, e);
		}
		try_traits(w, g);
	}
	for (int32_t g = 0; g < a->n_groups; g++) {
		for (int32_t e = 0; e < a->groups[g].n_entries; e++)
			try_entry(w, g, e);
		try_group(w, g);
	}
}

void advise_within(place *room, fleet *f, quota *q, int32_t tenant, const ask *a, int32_t tries_max, advices *ret)
{
	work *w = heap_new(1, sizeof *w);

	*ret = (advices){0};
	w->place = room;
	w->f = f;
	w->q = q;
	w->tenant = tenant;
	w->tries_max = tries_max;
	w->out = ret;
	plan_init(&w->plan);
	work_init(w, a);
	try_all(w, a);
	qsort(ret->v, (size_t)ret->n, sizeof *ret->v, by_place);
	plan_done(&w->plan);
	free(w);
}

void advise(place *room, fleet *f, quota *q, int32_t tenant, const ask *a, advices *ret)
{
	advise_within(room, f, q, tenant, a, ADVICE_TRIES_MAX, ret);
}

static free_block *block_of(free_block *out, int32_t n_max, int32_t *n, int32_t class_id)
{
	int32_t at = 0;

	while (at < *n && out[at].class_id < class_id)
		at++;
	if (at < *n && out[at].class_id == class_id)
		return &out[at];
	if (*n == n_max)
		return NULL;
	memmove(out + at + 1, out + at, (size_t)(*n - at) * sizeof *out);
	out[at] = (free_block){class_id, FLEET_NONE, FLEET_NONE, 0, 0, 0};
	++*n;
	return &out[at];
}

static void block_offer(free_block *b, const fleet *f, int32_t cell)
{
	const fleet_cell *c = &f->cells.v[cell];
	bool is_larger = c->free_memory_mib > b->memory_mib ||
			 (c->free_memory_mib == b->memory_mib && c->free_compute_milli > b->compute_milli);

	if (!c->has_slot || c->free_compute_milli == 0 || c->free_memory_mib == 0 || !is_larger)
		return;
	b->memory_mib = c->free_memory_mib;
	b->compute_milli = c->free_compute_milli;
	b->device = f->cell_devices.v[cell];
}

static int32_t idle_of(const fleet *f, const fleet_view *v, int32_t class_id)
{
	int32_t n = 0;

	for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++)
		n += f->cells.v[i].is_idle && f->cells.v[i].class_id == class_id;
	return n;
}

int32_t free_blocks(const fleet *f, free_block *out, int32_t n_max)
{
	int32_t n = 0;

	for (uint32_t node = 0; node < f->views.n; node++) {
		const fleet_view *v = &f->views.v[node];
		bool is_open = !v->is_closed && !v->is_crowded && !f->clusters.v[f->nodes.v[node].cluster].flags;
		for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++) {
			free_block *b = f->cells.v[i].is_gone ? NULL : block_of(out, n_max, &n, f->cells.v[i].class_id);
			if (!b || !is_open)
				continue;
			block_offer(b, f, i);
			int32_t idle = f->cells.v[i].is_idle ? idle_of(f, v, b->class_id) : 0;
			if (idle > b->idle_devices) {
				b->idle_devices = idle;
				b->node = (int32_t)node;
			}
		}
	}
	return n;
}
