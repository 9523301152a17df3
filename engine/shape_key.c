#include "engine/shape_key.h"

#include <string.h>

static void key_add(shape_key *k, const void *p, size_t n)
{
	if (k->n + n > sizeof k->v) {
		k->is_cut = true;
		return;
	}
	memcpy(k->v + k->n, p, n);
	k->n += (uint32_t)n;
}

static void key_add_ids(shape_key *k, const int32_t *ids, int32_t n)
{
	if (n)
		key_add(k, ids, (size_t)n * sizeof *ids);
}

/* What few requests ask. Lengths come before what they count, so that no two requests have one key. */
static void key_add_pod(shape_key *k, const fit_need *need)
{
	const ask_group *g = need->group;
	const ask *a = need->a;

	for (int32_t i = 0; i < g->n_selector; i++) {
		const trait_term *t = &g->selector[i];
		int32_t row[] = {t->key, (int32_t)t->op, t->n_values};
		key_add(k, row, sizeof row);
		key_add_ids(k, t->values, t->n_values);
	}
	for (int32_t i = 0; i < g->n_tolerations; i++) {
		const trait_toleration *t = &g->tolerations[i];
		int32_t row[] = {t->key, t->value, (int32_t)t->effects};
		key_add(k, row, sizeof row);
	}
	for (int32_t i = 0; i < a->n_weights; i++) {
		int32_t row[] = {(int32_t)a->weights[i].policy, a->weights[i].weight};
		key_add(k, row, sizeof row);
	}
	if (!score_policies[need->device_policy].is_hami)
		return;
	key_add(k, a->hami.chain, sizeof a->hami.chain);
	key_add(k, a->hami.weights, sizeof a->hami.weights);
	key_add(k, &a->hami.without_request, sizeof a->hami.without_request);
}

/* Quota stands in the way of these for now; gangs ask for the rest of the classes pod by pod. */
static void key_add_blocked(shape_key *k, const fit_blocked *blocked)
{
	for (int32_t i = 0; i < FLEET_CLASSES_MAX / 64; i++) {
		uint64_t row[] = {(uint64_t)i, blocked->bits[i]};
		if (row[1])
			key_add(k, row, sizeof row);
	}
}

static void key_add_entry(shape_key *k, const ask_entry *e)
{
	int64_t lists = (int64_t)e->n_classes | (int64_t)e->n_classes_excluded << 16 | (int64_t)e->profile.n << 32;
	int64_t flags = (int64_t)e->classes_equal | (int64_t)e->numa_bind << 1 | (int64_t)e->is_exclusive << 2 |
			(int64_t)e->topology << 3 | (int64_t)e->link_min << 8;
	int64_t row[] = {e->memory_mib, e->count | (int64_t)e->memory_percent << 32, e->compute_milli, lists, flags};

	k->is_cut |= e->uuids.n || e->uuids_excluded.n || e->n_only || e->memory_mib_most;
	key_add(k, row, sizeof row);
	key_add_ids(k, e->classes, e->n_classes);
	key_add_ids(k, e->classes_excluded, e->n_classes_excluded);
	if (e->profile.n)
		key_add(k, e->profile.p, e->profile.n);
}

void shape_key_of(shape_key *k, const fleet *f, const fit_need *need)
{
	const ask_group *g = need->group;
	int64_t policies = (int64_t)need->node_policy | (int64_t)need->device_policy << 16 |
			   (int64_t)fleet_bands_past(f, need->a->priority) << 32;
	int64_t blocked = need->blocked ? need->blocked->n : 0;
	int64_t lists = g->n_entries | (int64_t)g->n_selector << 8 | (int64_t)g->n_tolerations << 24 |
			(int64_t)need->a->n_weights << 40 | blocked << 48;
	int64_t head[] = {g->cpu_milli, g->memory_mib, policies, lists};

	k->n = 0;
	k->is_cut = false;
	key_add(k, head, sizeof head);
	if (blocked)
		key_add_blocked(k, need->blocked);
	key_add_pod(k, need);
	for (int32_t i = 0; i < g->n_entries; i++)
		key_add_entry(k, &g->entries[i]);
}

/* FNV over words, then mixed: keys differ in few bits. */
uint64_t shape_key_hash(const shape_key *k)
{
	uint64_t h = 14695981039346656037u, word;
	uint32_t i = 0;

	for (; i + sizeof word <= k->n; i += sizeof word) {
		memcpy(&word, k->v + i, sizeof word);
		h = (h ^ word) * 1099511628211u;
		h ^= h >> 29;
	}
	for (; i < k->n; i++)
		h = (h ^ k->v[i]) * 1099511628211u;
	h ^= h >> 32;
	return h | 1;
}
