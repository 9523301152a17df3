#include "agents/scheduling/grant.h"
#include <stdio.h>
#include "engine/fit.h"

typedef struct maker {
	stock *stock;
	const pod *pod;
	const pod_ask *ask;
	const fit_choice *choice;
	arena *a;
	grant *out;
} maker;

static const fleet_device *slice_device(const maker *m, const score_slice *s)
{
	const fleet *f = stock_fleet(m->stock);

	return &f->devices.v[f->cell_devices.v[s->cell]];
}

static str slice_uuid(const maker *m, const score_slice *s)
{
	const fleet *f = stock_fleet(m->stock);

	return f->device_uuids.v[f->cell_devices.v[s->cell]];
}

static void shares_fill(maker *m)
{
	for (int32_t i = 0; i < m->choice->n; i++) {
		const score_slice *s = &m->choice->v[i];
		m->out->shares[m->out->n_shares++] =
			(stock_share){slice_uuid(m, s), s->memory_mib, s->compute_milli, 1};
	}
}

/* What the container itself asked of the device; the slice may hold more, for one that runs before or after it. */
static int64_t memory_of(const want *w, const score_slice *s, const fleet_device *d)
{
	if (w->size)
		return s->memory_mib;
	if (w->memory_mib)
		return w->memory_mib < s->memory_mib && !s->profile ? w->memory_mib : s->memory_mib;
	return w->memory_percent ? d->memory_mib * w->memory_percent / 100 : d->memory_mib;
}

static int64_t compute_of(const want *w, const score_slice *s)
{
	int64_t milli = w->compute_milli == VENDOR_ABSENT || w->size ? s->compute_milli : w->compute_milli;
	int64_t whole = w->kind->compute_whole ? w->kind->compute_whole : 100;
	int64_t units = milli * whole / 1000;

	return w->kind->compute_is_mask ? ((int64_t)1 << units) - 1 : units;
}

static str type_of(const maker *m, const vendor *k, const fleet_device *d)
{
	stock_classes all = stock_classes_of(m->stock, k);

	for (uint32_t i = 0; k->type_is_product && i < all.n; i++)
		if (all.v[i] == d->class_id)
			return all.products[i];
	return str_from(k->word);
}

/* No word of compute, or none of it, is no cap. */
static void plan_add(const maker *m, uint32_t want_at, const score_slice *s)
{
	const pod_want *pw = &m->ask->wants.v[want_at];
	const fleet_device *d = slice_device(m, s);
	plan_container *c = &m->out->containers[pw->container];

	if (c->n == PLAN_SHARES_MAX)
		return;
	plan_share *to = &c->shares[c->n++];
	*to = (plan_share){
		.resource = str_from(pw->w.kind->resources.count ? pw->w.kind->resources.count : pw->w.kind->word),
		.uuid = slice_uuid(m, s),
		.memory_mib = memory_of(&pw->w, s, d),
		.compute_milli = s->compute_milli ? s->compute_milli : 1000,
	};
	if (s->profile && d->geometry) {
		to->profile = d->geometry->profiles[s->profile - 1].name;
		to->start = s->start;
	}
}

static void plan_begin(maker *m)
{
	grant *g = m->out;

	g->containers = ARENA_ARRAY(m->a, plan_container, m->pod->n_containers + 1);
	g->n_containers = m->pod->n_containers;
	g->is_low = false;
	for (uint32_t i = 0; i < g->n_containers; i++)
		g->containers[i] = (plan_container){.name = m->pod->containers[i].name,
			.is_init = m->pod->containers[i].is_init,
			.shares = ARENA_ARRAY(m->a, plan_share, PLAN_SHARES_MAX)};
	for (uint32_t i = 0; i < m->ask->wants.n; i++)
		g->is_low |= m->ask->wants.v[i].w.priority > 0;
}

/* The devices of one container's want: the first of its entry. */
static void container_fill(const maker *m, uint32_t want_at, assigned_container *c)
{
	const want *w = &m->ask->wants.v[want_at].w;

	c->devices = ARENA_ARRAY(m->a, assigned_device, w->count);
	for (int32_t i = 0; i < m->choice->n && c->n < (uint32_t)w->count; i++) {
		const score_slice *s = &m->choice->v[i];
		const fleet_device *d = slice_device(m, s);
		if (s->entry != m->ask->entry_of[want_at])
			continue;
		c->devices[c->n++] = (assigned_device){
			.uuid = slice_uuid(m, s),
			.type = type_of(m, w->kind, d),
			.memory_mib = memory_of(w, s, d),
			.compute = compute_of(w, s),
		};
		plan_add(m, want_at, s);
	}
}

static void pair_add(maker *m, const char *key, str value)
{
	if (key && m->out->n_annotations < GRANT_PAIRS_MAX)
		m->out->annotations[m->out->n_annotations++] = (object_pair){str_from(key), value};
}

static bool kind_write(maker *m, const vendor *k)
{
	assigned all = {ARENA_ARRAY(m->a, assigned_container, m->pod->n_containers), m->pod->n_containers};

	for (uint32_t i = 0; i < m->ask->wants.n; i++)
		if (m->ask->wants.v[i].w.kind == k)
			container_fill(m, i, &all.containers[m->ask->wants.v[i].container]);
	str text = assigned_print(&all, m->a);
	pair_add(m, k->pod.to_allocate, text);
	pair_add(m, k->pod.allocated, text);
	return text.p != NULL;
}

static bool is_first_of_kind(const pod_ask *q, uint32_t at)
{
	for (uint32_t i = 0; i < at; i++)
		if (q->wants.v[i].w.kind == q->wants.v[at].w.kind)
			return false;
	return true;
}

/* Plugins that guess the pod of an Allocate look for these. */
static void marks_write(maker *m, str node, int64_t now_us)
{
	str seconds = str_print(m->a, "%lld", (long long)(now_us / 1000000));

	pair_add(m, "hami.io/vgpu-node", node);
	pair_add(m, "hami.io/vgpu-time", seconds);
	pair_add(m, "hami.io/bind-phase", S("allocating"));
	pair_add(m, "hami.io/bind-time", seconds);
}

err grant_make(stock *s, const pod *p, const pod_ask *q, const score_tables *tables, str node, int64_t now_us, arena *a,
	grant *ret, fault *f)
{
	fit_choice *choice = ARENA_NEW(a, fit_choice);
	maker m = {s, p, q, choice, a, ret};
	int32_t at = stock_node_find(s, node);
	why_code code = WHY_NO_SUCH_CLASS;
	fit_need need;

	ret->n_shares = ret->n_annotations = 0;
	fit_prepare(&need, &q->a, &q->group, tables);
	if (at == FLEET_NONE || q->missing || !fit_choose(stock_fleet(s), &need, at, choice, &code))
		return fault_set(f, ERR_CONFLICT, NULL, "the pod does not fit on " STR_FMT " any more: %s",
			STR_ARG(node), why_title(code));
	if (!pod_ask_within(q, choice->v, choice->n))
		return fault_set(f, ERR_CONFLICT, NULL, "what is free on " STR_FMT " is over the namespace's quota",
			STR_ARG(node));
	shares_fill(&m);
	plan_begin(&m);
	for (uint32_t i = 0; i < q->wants.n; i++)
		if (is_first_of_kind(q, i) && !kind_write(&m, q->wants.v[i].w.kind))
			return fault_set(f, ERR_LIMIT, NULL, "the devices of the pod do not fit into its annotations");
	marks_write(&m, node, now_us);
	return ERR_OK;
}
