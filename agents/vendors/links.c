#include "agents/kube/fields.h"
#include "agents/vendors/inventory.h"
#include "engine/link.h"

/* A matrix while it is filled. */
typedef struct filling {
	const inventory *all;
	inventory_links *out;
} filling;

/* Where the device stands in the matrix; -1: it is not one of the node's. */
static int32_t place_of(const filling *w, str uuid)
{
	for (uint32_t i = 0; i < w->all->n; i++)
		if (str_eq(w->all->v[i].uuid, uuid))
			return (int32_t)w->all->v[i].index;
	return -1;
}

static err pairs_read(pull *p, const filling *w, int32_t from)
{
	bool has_escape;
	str uuid;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &uuid, &has_escape)) {
		int32_t to = place_of(w, uuid);
		int64_t weight = 0;
		e = fields_i64(p, &weight);
		if (!e && weight < 0)
			e = ERR_BAD_FIELD;
		if (!e && from >= 0 && to >= 0)
			w->out->weight[from * w->out->n + to] =
				(uint16_t)(weight < LINK_WEIGHT_MAX ? weight : LINK_WEIGHT_MAX);
	}
	return e ? e : p->e;
}

/* {"uuid":"GPU-a","score":{"GPU-b":100}}: the name need not come first. */
static err row_read(pull *p, arena *a, const filling *w)
{
	str key, uuid = STR_NONE, score = STR_NONE;
	bool has_escape;
	pull inner;
	err e;

	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("uuid")))
			e = fields_text(p, a, &uuid);
		else
			e = str_eq(key, S("score")) ? pull_span(p, &score) : pull_skip(p);
	}
	if (e || p->e || !score.n)
		return e ? e : p->e;
	pull_init(&inner, score, OBJECT_DEPTH_MAX);
	return pairs_read(&inner, w, uuid.n ? place_of(w, uuid) : -1);
}

static err rows_read(str text, arena *a, const filling *w)
{
	pull p;
	err e;

	pull_init(&p, text, OBJECT_DEPTH_MAX);
	if (!fields_array(&p, &e))
		return e ? e : pull_finish(&p);
	while (!e && pull_item(&p))
		e = row_read(&p, a, w);
	return e ? e : pull_finish(&p);
}

/* Rows of the matrix are devices by their index: each has one of its own, or nothing can be said. */
static bool size_find(const inventory *all, int32_t *ret)
{
	uint64_t seen = 0;

	*ret = 0;
	for (uint32_t i = 0; i < all->n; i++) {
		int64_t at = all->v[i].index;
		if (at < 0 || at >= LINK_DEVICES_MAX || (seen >> at & 1))
			return false;
		seen |= (uint64_t)1 << at;
		*ret = at >= *ret ? (int32_t)at + 1 : *ret;
	}
	return true;
}

void inventory_links_read(const vendor *kind, const inventory_node *node, const inventory *all, arena *a,
	inventory_links *ret, fault *ret_f)
{
	str text = kind->node.scores ? node->annotation(node->arg, kind->node.scores) : STR_NONE;
	filling w = {all, ret};

	*ret = (inventory_links){0};
	if (!text.n || !all->n)
		return;
	if (!size_find(all, &ret->n)) {
		ret->n = 0;
		(void)fault_set(ret_f, ERR_CONFLICT, kind->node.scores, "devices have no index of their own");
		return;
	}
	ret->weight = ARENA_ARRAY(a, uint16_t, (size_t)ret->n * (size_t)ret->n);
	err e = rows_read(text, a, &w);
	if (e) {
		*ret = (inventory_links){0};
		(void)fault_set(ret_f, e, kind->node.scores, "the links of devices cannot be read");
	}
}
