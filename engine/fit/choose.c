#include "engine/fit.h"

#include <assert.h>
#include <string.h>

#include "engine/fit/inside.h"
#include "engine/score_hami.h"

/* The best of the devices offered so far, best first. */
typedef struct best {
	int32_t n, count;
	int64_t ratings[ASK_COUNT_MAX];
	score_slice v[ASK_COUNT_MAX];
} best;

/* Its arrays are not cleared: this runs for every node. */
static void best_init(best *b, int32_t count)
{
	b->n = 0;
	b->count = count;
}

static void best_offer(best *b, int64_t rating, const score_slice *s)
{
	int32_t at = b->n < b->count ? b->n++ : b->count;

	for (; at > 0 && b->ratings[at - 1] < rating; at--) {
		if (at < b->count) {
			b->ratings[at] = b->ratings[at - 1];
			b->v[at] = b->v[at - 1];
		}
	}
	if (at < b->count) {
		b->ratings[at] = rating;
		b->v[at] = *s;
	}
}

static bool best_take(const best *b, fit_choice *chosen)
{
	if (b->n < b->count)
		return false;
	assert(chosen->n + b->n <= FIT_SLICES_MAX);
	for (int32_t i = 0; i < b->n; i++) {
		chosen->v[chosen->n++] = b->v[i];
		chosen->device_milli += b->v[i].milli;
	}
	return true;
}

static score_case case_of(
	const fleet *f, const fit_need *need, int32_t node, const score_slice *slices, int32_t n_slices)
{
	return (score_case){.f = f,
		.tables = need->tables,
		.a = need->a,
		.group = need->group,
		.view = &f->views.v[node],
		.node = node,
		.n_slices = n_slices,
		.slices = slices};
}

static const void *prepared_of(const score_case *c, ask_policy policy)
{
	return score_policies[policy].prepare ? score_policies[policy].prepare(c) : NULL;
}

/* Whether the device may serve the entry beside those of other classes. */
static bool may_join(const fleet *f, const ask_entry *e, const fleet_cell *cell)
{
	return fit_rank_of(e, cell->class_id) >= 0 && !fit_stands_alone(f, e, cell->class_id, cell->memory_mib);
}

/* What the device before offered: its neighbours are often in the same state, and places for instances are costly to
 * find. */
typedef struct last_offer {
	const geometry *geometry; /* NULL: none yet */
	geometry_state state;
	fleet_cell cell;
	score_slice slice;
	bool fits;
} last_offer;

static bool is_same_offer(const last_offer *l, const fleet_device *d, const fleet_cell *cell)
{
	return d->geometry && l->geometry == d->geometry && l->cell.class_id == cell->class_id &&
	       l->cell.memory_mib == cell->memory_mib && l->cell.free_memory_mib == cell->free_memory_mib &&
	       l->cell.free_compute_milli == cell->free_compute_milli && l->cell.is_idle == cell->is_idle &&
	       l->cell.has_slot == cell->has_slot && memcmp(&l->state, &d->state, sizeof d->state) == 0;
}

static bool offer_of(const fleet *f, const fit_need *need, const ask_entry *e, const fleet_device *d,
	const fleet_cell *cell, last_offer *last, score_slice *ret_slice)
{
	if (!is_same_offer(last, d, cell)) {
		last->fits = fit_offer(f, need, e, d, cell, &last->slice);
		last->geometry = d->geometry;
		last->state = d->state;
		last->cell = *cell;
	}
	*ret_slice = last->slice;
	return last->fits;
}

void fit_gather(const fleet *f, const fit_need *need, int32_t entry, int32_t class_id, int32_t node, ask_policy policy,
	const fit_choice *chosen, fit_candidates *ret)
{
	const ask_entry *e = &need->group->entries[entry];
	const fleet_view *v = &f->views.v[node];
	score_case c = case_of(f, need, node, chosen->v, chosen->n);
	bool is_idle_only = hami_has(need->a, policy, HAMI_MUTEX);
	last_offer last = {.geometry = NULL};

	c.device_milli = chosen->device_milli;
	c.prepared = prepared_of(&c, policy);
	ret->node = node;
	ret->n = v->n_cells;
	ret->looked_at = ret->fits = 0;
	for (int32_t i = 0; i < v->n_cells; i++) {
		int32_t device = f->cell_devices.v[v->first_cell + i];
		fleet_cell cell = f->cells.v[v->first_cell + i];
		const fleet_device *d = &f->devices.v[device];
		fleet_device with;
		bool is_wanted = class_id == FLEET_NONE ? may_join(f, e, &cell) : cell.class_id == class_id;
		if (!cell.is_open || !is_wanted || fit_is_blocked(need, cell.class_id))
			continue;
		if (chosen->n) {
			with = fit_device_with(f, device, chosen->v, chosen->n);
			d = &with;
			cell = fleet_cell_of(d);
		}
		bool fits = offer_of(f, need, e, d, &cell, &last, &ret->v[i]) && fit_may_use(f, e, device) &&
			    (cell.is_idle || !is_idle_only);
		ret->v[i].cell = v->first_cell + i;
		ret->v[i].entry = (int8_t)entry;
		ret->looked_at |= (uint64_t)1 << i;
		ret->fits |= (uint64_t)fits << i;
		ret->ratings[i] = score_policies[policy].device(&c, &cell, &ret->v[i]);
	}
}

static bool take_best(const fit_candidates *c, int32_t count, fit_choice *chosen)
{
	best b;

	best_init(&b, count);
	for (uint64_t rest = c->fits; rest; rest &= rest - 1) {
		int32_t i = __builtin_ctzll(rest);
		best_offer(&b, c->ratings[i], &c->v[i]);
	}
	return best_take(&b, chosen);
}

static bool take_set(const fit_candidates *c, uint64_t set, fit_choice *chosen)
{
	assert(chosen->n + __builtin_popcountll(set) <= FIT_SLICES_MAX);
	for (; set; set &= set - 1) {
		const score_slice *s = &c->v[__builtin_ctzll(set)];
		chosen->v[chosen->n++] = *s;
		chosen->device_milli += s->milli;
	}
	return true;
}

/* The devices of one class (FLEET_NONE: any) for one entry, appended to chosen. */
static bool choose_class(const fleet *f, const fit_need *need, int32_t entry, int32_t class_id, int32_t node,
	ask_policy policy, fit_choice *chosen)
{
	static const class_cut no_rules;
	const ask_entry *e = &need->group->entries[entry];
	const class_cut *cut = class_id == FLEET_NONE ? &no_rules : &f->classes.v[class_id].cut;
	int32_t count = fit_count(f, e, class_id, f->views.v[node].min_memory_mib);
	fit_candidates c;
	uint64_t set;

	if (count == 0)
		return false;
	fit_gather(f, need, entry, class_id, node, policy, chosen, &c);
	if (__builtin_popcountll(c.fits) < count)
		return false;
	if (!fit_wants_set(need, e, cut, policy))
		return take_best(&c, count, chosen);
	return fit_choose_set(f, need, e, cut, policy, &c, count, &set) && take_set(&c, set, chosen);
}

/* Any devices; where classes with rules are among them, or all are of one class, those of one class. */
static bool serve_any(
	const fleet *f, const fit_need *need, int32_t entry, int32_t node, ask_policy policy, fit_choice *chosen)
{
	const fleet_view *v = &f->views.v[node];
	uint64_t seen[FLEET_CLASSES_MAX / 64] = {0};

	if (v->class_id != FLEET_NONE)
		return fit_rank_of(&need->group->entries[entry], v->class_id) >= 0 &&
		       choose_class(f, need, entry, v->class_id, node, policy, chosen);
	if (choose_class(f, need, entry, FLEET_NONE, node, policy, chosen))
		return true;
	for (int32_t i = v->first_cell; v->is_ruled && i < v->first_cell + v->n_cells; i++) {
		int32_t class_id = f->cells.v[i].class_id;
		if (seen[class_id / 64] >> class_id % 64 & 1 || !f->classes.v[class_id].is_ruled)
			continue;
		seen[class_id / 64] |= (uint64_t)1 << class_id % 64;
		if (fit_rank_of(&need->group->entries[entry], class_id) >= 0 &&
			choose_class(f, need, entry, class_id, node, policy, chosen))
			return true;
	}
	return false;
}

/* Serves one entry by the first class of its list that can. */
static bool serve(
	const fleet *f, const fit_need *need, int32_t entry, int32_t node, ask_policy policy, fit_choice *chosen)
{
	const ask_entry *e = &need->group->entries[entry];

	if (e->n_classes == 0)
		return serve_any(f, need, entry, node, policy, chosen);
	for (int32_t i = 0; i < e->n_classes; i++) {
		if (fit_rank_of(e, e->classes[i]) < 0 ||
			!choose_class(f, need, entry, e->classes[i], node, policy, chosen))
			continue;
		chosen->class_rank += e->classes_equal ? 0 : i;
		return true;
	}
	return false;
}

/* Serves all entries; the one that finds no devices is told. */
static bool serve_all(
	const fleet *f, const fit_need *need, int32_t node, ask_policy policy, fit_choice *chosen, int32_t *ret_entry)
{
	chosen->n = chosen->class_rank = 0;
	chosen->device_milli = 0;
	for (int32_t i = 0; i < need->group->n_entries; i++) {
		*ret_entry = need->order[i];
		if (!serve(f, need, need->order[i], node, policy, chosen))
			return false;
	}
	return true;
}

bool fit_serve(const fleet *f, const fit_need *need, int32_t node, fit_choice *chosen, int32_t *ret_entry)
{
	if (serve_all(f, need, node, need->device_policy, chosen, ret_entry))
		return true;
	if (need->group->n_entries < 2 || need->device_policy == POLICY_BINPACK)
		return false;
	return serve_all(f, need, node, POLICY_BINPACK, chosen, ret_entry);
}

/* The slice of an entry on each device of a node of one class: the same on all, unless their memory differs. */
typedef struct slicer {
	const fleet *f;
	const fit_need *need;
	const ask_entry *e;
	int32_t memory_mib;
	score_slice slice;
} slicer;

/* NULL: the cell has no room. */
static const score_slice *slice_on(slicer *s, int32_t at)
{
	const fleet_cell *cell = &s->f->cells.v[at];

	if (!cell->has_slot)
		return NULL;
	if (cell->memory_mib != s->memory_mib) {
		s->slice = fit_slice_of(s->f, s->e, cell);
		s->memory_mib = cell->memory_mib;
	}
	s->slice.cell = at;
	return fit_has_room_for(s->f, s->need, cell, &s->slice) ? &s->slice : NULL;
}

/* One entry that names no device, on a node of one class: most pods on most nodes. */
static bool choose_simple(const fleet *f, const fit_need *need, const fleet_view *v, int32_t node, fit_choice *chosen)
{
	const score_policy *policy = &score_policies[need->device_policy];
	slicer s = {.f = f, .need = need, .e = &need->group->entries[0], .memory_mib = -1};
	score_case c = case_of(f, need, node, chosen->v, 0);
	best b;

	best_init(&b, s.e->count);
	c.prepared = prepared_of(&c, need->device_policy);
	for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++) {
		const score_slice *slice = slice_on(&s, i);
		if (slice)
			best_offer(&b, policy->device(&c, &f->cells.v[i], slice), slice);
	}
	return best_take(&b, chosen);
}

static bool is_alike(const fleet_cell *a, const fleet_cell *b)
{
	return a->free_milli == b->free_milli && a->free_memory_mib == b->free_memory_mib &&
	       a->free_compute_milli == b->free_compute_milli && a->memory_mib == b->memory_mib &&
	       a->is_idle == b->is_idle && a->has_slot == b->has_slot;
}

/* The same for one device: of those in a row that are alike the first is the best. */
static bool choose_one(const fleet *f, const fit_need *need, const fleet_view *v, int32_t node, score_slice *ret_slice)
{
	const score_policy *policy = &score_policies[need->device_policy];
	slicer s = {.f = f, .need = need, .e = &need->group->entries[0], .memory_mib = -1};
	score_case c = case_of(f, need, node, NULL, 0);
	int64_t best_rating = 0;
	bool found = false;

	c.prepared = prepared_of(&c, need->device_policy);
	for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++) {
		const fleet_cell *cell = &f->cells.v[i];
		if (i > v->first_cell && is_alike(cell - 1, cell))
			continue;
		const score_slice *slice = slice_on(&s, i);
		if (!slice)
			continue;
		int64_t rating = policy->device(&c, cell, slice);
		if (found && rating <= best_rating)
			continue;
		found = true;
		best_rating = rating;
		*ret_slice = *slice;
	}
	return found;
}

why_code fit_traits_code(const fleet_node *n, const ask_group *g)
{
	if (!traits_match(n->traits, g->selector, g->n_selector))
		return WHY_NODE_SELECTOR;
	return traits_tolerated(n->traits, g->tolerations, g->n_tolerations) ? WHY_NONE : WHY_TAINT;
}

/* The reason that the host gives, as fit_explain would tell it; WHY_NONE: it fits. */
static why_code host_code(const fleet *f, const fleet_view *v, const ask_group *g, int32_t node)
{
	const fleet_node *n = &f->nodes.v[node];

	if (v->is_tainted || g->n_selector) {
		why_code code = fit_traits_code(n, g);
		if (code)
			return code;
	}
	if (v->is_closed)
		return WHY_NODE_CLOSED;
	if (v->is_crowded)
		return WHY_NODE_PODS;
	if (v->free_cpu_milli < g->cpu_milli)
		return n->cpu_milli < g->cpu_milli ? WHY_NODE_CPU_TOTAL : WHY_NODE_CPU;
	if (v->free_memory_mib < g->memory_mib)
		return n->memory_mib < g->memory_mib ? WHY_NODE_MEMORY_TOTAL : WHY_NODE_MEMORY;
	return WHY_NONE;
}

bool fit_is_plain(const fleet_view *v, const fit_need *need)
{
	const ask_entry *e = &need->group->entries[0];

	return need->is_simple && !v->is_ruled && v->class_id != FLEET_NONE && v->n_open >= e->count &&
	       fit_memory_mib(e, v->min_memory_mib) <= v->min_memory_mib;
}

bool fit_is_hopeless(const fleet *f, const fleet_view *v, const ask_entry *e)
{
	int64_t compute_milli = fit_compute_milli(e, &f->classes.v[v->class_id]);

	if (compute_milli >= SHARE_WHOLE_MILLI)
		return v->n_idle < e->count;
	return v->max_free_compute_milli < (compute_milli > 0 ? compute_milli : 1) ||
	       v->max_free_memory_mib < fit_memory_mib(e, v->min_memory_mib);
}

/* WHY_NONE: a look at the devices of the plain node may find room. */
static why_code plain_code(const fleet *f, const fit_need *need, const fleet_view *v)
{
	const ask_entry *e = &need->group->entries[0];

	if (fit_rank_of(e, v->class_id) < 0)
		return WHY_NO_SUCH_CLASS;
	if (fit_is_blocked(need, v->class_id))
		return WHY_QUOTA_LIMIT;
	return fit_is_hopeless(f, v, e) ? WHY_NO_FITTING_DEVICE : WHY_NONE;
}

/* How far down the list the class is that the node serves. */
static int32_t plain_rank(const fit_need *need, const fleet_view *v)
{
	const ask_entry *e = &need->group->entries[0];

	return e->classes_equal ? 0 : fit_rank_of(e, v->class_id);
}

static bool choose_plain(
	const fleet *f, const fit_need *need, const fleet_view *v, int32_t node, fit_choice *chosen, why_code *ret_code)
{
	chosen->n = 0;
	chosen->device_milli = 0;
	chosen->class_rank = plain_rank(need, v);
	*ret_code = plain_code(f, need, v);
	if (*ret_code)
		return false;
	*ret_code = WHY_NO_FITTING_DEVICE;
	return choose_simple(f, need, v, node, chosen);
}

/* What is cut, mixed, partly closed or too small, and pods of several entries. Apart, so that the plain way need not
 * make room for it. */
__attribute__((noinline)) static bool choose_any(
	const fleet *f, const fit_need *need, int32_t node, why_code host, fit_choice *ret_choice, why_code *ret_code)
{
	fit_miss miss;
	int32_t entry;

	if (host == WHY_NONE && fit_serve(f, need, node, ret_choice, &entry))
		return true;
	fit_explain(f, need, node, &miss);
	*ret_code = miss.code;
	return false;
}

bool fit_choose(const fleet *f, const fit_need *need, int32_t node, fit_choice *ret_choice, why_code *ret_code)
{
	const fleet_view *v = &f->views.v[node];
	const ask_group *g = need->group;
	why_code host = host_code(f, v, g, node);

	if (g->n_entries != 1 || v->class_id == FLEET_NONE)
		return choose_any(f, need, node, host, ret_choice, ret_code);
	if (host != WHY_NONE) {
		*ret_code = fit_is_elsewhere(f, &g->entries[0], node) ? WHY_NO_SUCH_CLASS : host;
		return false;
	}
	if (fit_is_plain(v, need))
		return choose_plain(f, need, v, node, ret_choice, ret_code);
	return choose_any(f, need, node, host, ret_choice, ret_code);
}

/* The rating of a node with its devices chosen. */
static int32_t rate_chosen(const fit_need *need, const score_case *c, int32_t class_rank, uint32_t *ret_tag)
{
	const score_policy *policy = &score_policies[need->node_policy];
	int32_t score = need->a->n_weights ? score_of_node(c)
			: policy->settle   ? policy->unsettled(c, ret_tag)
					   : policy->node(c);

	assert(score >= 0 && score < SCORE_LIMIT);
	return fit_rating(score, class_rank);
}

/* One device on a plain node that the host does not speak against, without room for the choice of any other. */
static int32_t rate_one(const fleet *f, const fit_need *need, int32_t node, uint32_t *ret_tag)
{
	const fleet_view *v = &f->views.v[node];
	why_code code = plain_code(f, need, v);
	score_slice slice;

	if (code)
		return -1 - (int32_t)code;
	if (!choose_one(f, need, v, node, &slice))
		return -1 - (int32_t)WHY_NO_FITTING_DEVICE;
	score_case c = case_of(f, need, node, &slice, 1);
	c.device_milli = slice.milli;
	return rate_chosen(need, &c, plain_rank(need, v), ret_tag);
}

/* The same for a pod without devices. */
static int32_t rate_none(const fleet *f, const fit_need *need, int32_t node, uint32_t *ret_tag)
{
	score_case c = case_of(f, need, node, NULL, 0);

	return rate_chosen(need, &c, 0, ret_tag);
}

/* Apart: the room for a choice is large. */
__attribute__((noinline)) static int32_t rate_any(const fleet *f, const fit_need *need, int32_t node, uint32_t *ret_tag)
{
	fit_choice choice;
	why_code code;

	if (!fit_choose(f, need, node, &choice, &code))
		return -1 - (int32_t)code;
	score_case c = case_of(f, need, node, choice.v, choice.n);
	c.device_milli = choice.device_milli;
	return rate_chosen(need, &c, choice.class_rank, ret_tag);
}

int32_t fit_rate_unsettled(const fleet *f, const fit_need *need, int32_t node, uint32_t *ret_tag)
{
	const fleet_view *v = &f->views.v[node];
	const ask_group *g = need->group;

	*ret_tag = 0;
	if (v->is_closed && f->nodes.v[node].cluster == FLEET_NONE)
		return FIT_NO_NODE;
	if (g->n_entries > 1 || v->class_id == FLEET_NONE || host_code(f, v, g, node) != WHY_NONE)
		return rate_any(f, need, node, ret_tag);
	if (g->n_entries == 0)
		return rate_none(f, need, node, ret_tag);
	return g->entries[0].count == 1 && fit_is_plain(v, need) ? rate_one(f, need, node, ret_tag)
								 : rate_any(f, need, node, ret_tag);
}

bool fit_settles(const fit_need *need)
{
	return score_policies[need->node_policy].settle && !need->a->n_weights;
}

void fit_settle_all(const fit_need *need, int32_t n, const int32_t *unsettled, const uint32_t *tags, int32_t *ret)
{
	score_policies[need->node_policy].settle(need->tables, n, unsettled, tags, ret);
}

int32_t fit_settle(const fit_need *need, int32_t unsettled, uint32_t tag)
{
	int32_t rating = unsettled;

	if (unsettled >= 0 && fit_settles(need))
		fit_settle_all(need, 1, &unsettled, &tag, &rating);
	return rating;
}

int32_t fit_rate(const fleet *f, const fit_need *need, int32_t node)
{
	uint32_t tag;
	int32_t unsettled = fit_rate_unsettled(f, need, node, &tag);

	return fit_settle(need, unsettled, tag);
}

void fit_pick(const fleet *f, const fit_need *need, int32_t node, int32_t group, int32_t index, plan *p)
{
	fit_choice choice;
	why_code code;
	bool fits = fit_choose(f, need, node, &choice, &code);

	assert(fits);
	plan_add_pod(p, group, index, node, need->group->cpu_milli, need->group->memory_mib);
	for (int32_t i = 0; i < choice.n; i++) {
		const score_slice *s = &choice.v[i];
		plan_add_device(p, (plan_device){
					   .device = f->cell_devices.v[s->cell],
					   .entry = s->entry,
					   .memory_mib = s->memory_mib,
					   .compute_milli = s->compute_milli,
					   .charge = share_of_slice(
						   s->memory_mib, s->compute_milli, f->cells.v[s->cell].memory_mib, 1),
					   .profile = s->profile,
					   .start = s->start,
				   });
	}
}
