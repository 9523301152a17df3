#include "engine/fit.h"

#include <assert.h>
#include <string.h>

#include "engine/fit/inside.h"
#include "engine/score_hami.h"

void fit_block(fit_blocked *b, int32_t class_id)
{
	b->bits[class_id / 64] |= (uint64_t)1 << class_id % 64;
	b->n++;
}

bool fit_is_blocked(const fit_need *need, int32_t class_id)
{
	return need->blocked && need->blocked->n && need->blocked->bits[class_id / 64] >> class_id % 64 & 1;
}

/* Most requests: one entry of amounts, that names nothing and ties nothing together. */
static bool is_simple_entry(const ask_entry *e)
{
	return !e->uuids.n && !e->uuids_excluded.n && !e->n_only && !e->n_classes_excluded && !e->profile.n &&
	       !e->numa_bind && !e->memory_mib_most && e->topology == TOPOLOGY_NONE;
}

static bool is_simple(const fit_need *need)
{
	if (need->group->n_entries != 1 || !is_simple_entry(&need->group->entries[0]))
		return false;
	return !score_policies[need->device_policy].is_linked && !hami_has(need->a, need->device_policy, HAMI_MUTEX) &&
	       !hami_has(need->a, need->device_policy, HAMI_TOPOLOGY);
}

static bool looks_closely(ask_policy policy)
{
	return score_policies[policy].is_linked || score_policies[policy].is_hami;
}

static bool is_common(const ask *a, const ask_group *g)
{
	if (g->n_selector || looks_closely(a->node_policy) || looks_closely(a->device_policy))
		return false;
	for (int32_t i = 0; i < a->n_weights; i++)
		if (looks_closely(a->weights[i].policy))
			return false;
	return true;
}

static int64_t hardness(const ask_entry *e)
{
	int64_t compute = e->compute_milli == ASK_ABSENT && fit_is_whole(e) ? SHARE_WHOLE_MILLI : e->compute_milli;
	int64_t memory = fit_is_whole(e) ? FLEET_AMOUNT_MAX : e->memory_mib + e->memory_percent;

	/* Entries tied to devices or classes have fewer ways out than any amount leaves. */
	return (e->uuids.n || e->n_only || e->profile.n ? (int64_t)4 << 52 : 0) +
	       (e->n_classes ? (int64_t)2 << 52 : 0) + (compute >= SHARE_WHOLE_MILLI ? (int64_t)1 << 52 : 0) + memory;
}

void fit_prepare(fit_need *need, const ask *a, const ask_group *g, const score_tables *tables)
{
	assert(g->n_entries >= 0 && g->n_entries <= ASK_ENTRIES_MAX);
	need->a = a;
	need->group = g;
	need->node_policy = a->node_policy;
	need->device_policy = a->device_policy;
	need->tables = tables;
	need->blocked = NULL;
	need->is_simple = is_simple(need);
	need->is_common = (need->is_simple || g->n_entries == 0) && is_common(a, g);
	for (int32_t e = 0; e < g->n_entries; e++) {
		assert(g->entries[e].count >= 1 && g->entries[e].count <= ASK_COUNT_MAX);
		int32_t at = e;
		for (; at > 0 && hardness(&g->entries[need->order[at - 1]]) < hardness(&g->entries[e]); at--)
			need->order[at] = need->order[at - 1];
		need->order[at] = e;
	}
}

static bool names_device(const strs *uuids, str uuid)
{
	for (uint32_t i = 0; i < uuids->n; i++)
		if (str_eq(uuids->v[i], uuid))
			return true;
	return false;
}

static bool is_listed(const int32_t *v, int32_t n, int32_t device)
{
	int32_t low = 0;

	while (low < n) {
		int32_t middle = low + (n - low) / 2;
		if (v[middle] < device)
			low = middle + 1;
		else
			n = middle;
	}
	return v[low] == device;
}

bool fit_may_use(const fleet *f, const ask_entry *e, int32_t device)
{
	/* The list ends with its greatest: what is beyond it is looked for nowhere. */
	if (e->n_only && (device > e->only[e->n_only - 1] || !is_listed(e->only, e->n_only, device)))
		return false;
	if (e->uuids.n && !names_device(&e->uuids, f->device_uuids.v[device]))
		return false;
	if (e->memory_mib_most && fit_memory_mib(e, f->devices.v[device].memory_mib) > e->memory_mib_most)
		return false;
	return !e->uuids_excluded.n || !names_device(&e->uuids_excluded, f->device_uuids.v[device]);
}

static bool has_named(const fleet *f, const ask_entry *e, int32_t node)
{
	fleet_each_device(d, f, node) if (!(f->devices.v[d].flags & FLEET_GONE) && fit_may_use(f, e, d)) return true;
	return false;
}

bool fit_is_elsewhere(const fleet *f, const ask_entry *e, int32_t node)
{
	const fleet_view *v = &f->views.v[node];
	bool is_mixed = v->n_cells > 0 && v->class_id == FLEET_NONE;
	bool has_class = v->n_cells > 0 && (is_mixed || fit_rank_of(e, v->class_id) >= 0);

	return !has_class || ((e->uuids.n || e->n_only) && !has_named(f, e, node));
}

int32_t fit_rank_of(const ask_entry *e, int32_t class_id)
{
	for (int32_t i = 0; i < e->n_classes_excluded; i++)
		if (e->classes_excluded[i] == class_id)
			return -1;
	for (int32_t i = 0; i < e->n_classes; i++)
		if (e->classes[i] == class_id)
			return i;
	return e->n_classes ? -1 : 0;
}
