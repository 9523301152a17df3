#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "engine/fleet/inside.h"

int32_t fleet_text_find(const fleet *f, str text)
{
	int32_t id = fleet_handle(map_find(&f->text_by_name, text));

	return id == FLEET_NONE ? TRAIT_NONE : id;
}

int32_t fleet_text_put(fleet *f, str text)
{
	int32_t id = fleet_text_find(f, text);

	if (id != TRAIT_NONE)
		return id;
	id = (int32_t)f->texts.n;
	vec_push(&f->texts, fleet_name_new(text));
	map_put(&f->text_by_name, f->texts.v[id], fleet_value(id));
	return id;
}

/* By rising key, of equal keys the last given. */
static uint16_t labels_sort(trait_label *to, const trait_label *from, int32_t n)
{
	int32_t count = 0;

	for (int32_t i = 0; i < n; i++) {
		int32_t at = count;
		while (at > 0 && to[at - 1].key > from[i].key)
			at--;
		if (at > 0 && to[at - 1].key == from[i].key) {
			to[at - 1] = from[i];
			continue;
		}
		memmove(to + at + 1, to + at, (size_t)(count - at) * sizeof *to);
		to[at] = from[i];
		count++;
	}
	return (uint16_t)count;
}

void fleet_node_traits(fleet *f, int32_t node, const traits *t)
{
	fleet_node *n = &f->nodes.v[node];

	assert(f->n_trials == 0 && t->n_labels <= TRAITS_MAX && t->n_taints <= TRAITS_MAX);
	free(n->traits);
	n->traits = NULL;
	if (t->n_labels || t->n_taints) {
		/* One block: the rows stand behind the head. */
		traits *own =
			heap_new(1, sizeof *own + t->n_labels * sizeof *t->labels + t->n_taints * sizeof *t->taints);
		trait_taint *taints = (trait_taint *)(own + 1);
		trait_label *labels = (trait_label *)(taints + t->n_taints);
		if (t->n_taints)
			memcpy(taints, t->taints, t->n_taints * sizeof *taints);
		*own = (traits){labels_sort(labels, t->labels, t->n_labels), t->n_taints, labels, taints};
		n->traits = own;
	}
	fleet_view_refresh(f, node);
}

static bool is_wired(const fleet_wiring *w, const uint16_t *weight, const topology *t)
{
	size_t n = (size_t)t->n;

	if (w->n_users == 0 || w->n != t->n || !w->group != !t->group)
		return false;
	return memcmp(w->weight, weight, n * n * sizeof *weight) == 0 &&
	       (!t->group || memcmp(w->group, t->group, n * sizeof *t->group) == 0);
}

static int32_t wiring_row(fleet *f)
{
	for (uint32_t i = 0; i < f->wirings.n; i++)
		if (f->wirings.v[i].n_users == 0)
			return (int32_t)i;
	(void)vec_add(&f->wirings);
	return (int32_t)f->wirings.n - 1;
}

/* The row of this wiring, made when new, with one user more. Takes `weight`. */
static int32_t wiring_put(fleet *f, uint16_t *weight, const topology *t)
{
	for (uint32_t i = 0; i < f->wirings.n; i++) {
		if (!is_wired(&f->wirings.v[i], weight, t))
			continue;
		f->wirings.v[i].n_users++;
		free(weight);
		return (int32_t)i;
	}
	int32_t id = wiring_row(f);
	fleet_wiring *w = &f->wirings.v[id];
	*w = (fleet_wiring){.n = t->n, .n_users = 1, .weight = weight};
	if (t->group) {
		w->group = heap_new((size_t)t->n, sizeof *w->group);
		memcpy(w->group, t->group, (size_t)t->n * sizeof *w->group);
	}
	return id;
}

static void wiring_drop(fleet *f, int32_t wiring)
{
	fleet_wiring *w = wiring == FLEET_NONE ? NULL : &f->wirings.v[wiring];

	if (!w || --w->n_users > 0)
		return;
	free(w->weight);
	free(w->group);
	*w = (fleet_wiring){0};
}

void fleet_node_link(fleet *f, int32_t node, const topology *t)
{
	int32_t before = f->nodes.v[node].wiring, after = FLEET_NONE;

	assert(f->n_trials == 0);
	if (t) {
		assert(t->n >= 1 && t->n <= LINK_DEVICES_MAX);
		size_t n = (size_t)t->n;
		uint16_t *weight = heap_new(n * n, sizeof *weight);
		memcpy(weight, t->weight, n * n * sizeof *weight);
		for (size_t i = 0; i < n; i++)
			weight[i * n + i] = 0;
		(void)link_settle(weight, t->n);
		after = wiring_put(f, weight, t);
	}
	wiring_drop(f, before);
	f->nodes.v[node].wiring = after;
	fleet_view_refresh(f, node);
}

void fleet_node_bare(fleet *f, int32_t node)
{
	fleet_node *n = &f->nodes.v[node];

	free(n->traits);
	n->traits = NULL;
	wiring_drop(f, n->wiring);
	n->wiring = FLEET_NONE;
}

void fleet_wirings_done(fleet *f)
{
	vec_each (w, &f->wirings) {
		free(w->weight);
		free(w->group);
	}
	vec_done(&f->wirings);
}
