#include "engine/fit.h"

#include <assert.h>
#include <string.h>

#include "engine/fit/inside.h"

static bool is_whole(const ask_entry *e)
{
	return e->memory_mib == 0 && (e->memory_percent == 0 || e->memory_percent == 100);
}

int64_t fit_memory_mib(const ask_entry *e, int64_t device_memory_mib)
{
	if (e->memory_mib)
		return e->memory_mib;
	return is_whole(e) ? device_memory_mib : share_memory_mib(e->memory_percent, device_memory_mib);
}

int64_t fit_compute_milli(const ask_entry *e, const fleet_class *c)
{
	if (e->compute_milli != ASK_ABSENT)
		return e->compute_milli;
	return is_whole(e) ? SHARE_WHOLE_MILLI : c->compute_default_milli;
}

void fit_block(fit_blocked *b, int32_t class_id)
{
	b->bits[class_id / 64] |= (uint64_t)1 << class_id % 64;
	b->n++;
}

bool fit_is_blocked(const fit_need *need, int32_t class_id)
{
	return need->blocked && need->blocked->n && need->blocked->bits[class_id / 64] >> class_id % 64 & 1;
}

static int64_t hardness(const ask_entry *e)
{
	int64_t compute = e->compute_milli == ASK_ABSENT && is_whole(e) ? SHARE_WHOLE_MILLI : e->compute_milli;
	int64_t memory = is_whole(e) ? FLEET_AMOUNT_MAX : e->memory_mib + e->memory_percent;

	/* Entries tied to devices or classes have fewer ways out than any amount leaves. */
	return (e->uuids.n ? (int64_t)4 << 52 : 0) + (e->n_classes ? (int64_t)2 << 52 : 0) +
	       (compute >= SHARE_WHOLE_MILLI ? (int64_t)1 << 52 : 0) + memory;
}

void fit_prepare(fit_need *need, const ask *a, const ask_group *g, const score_tables *tables)
{
	assert(g->n_entries >= 0 && g->n_entries <= ASK_ENTRIES_MAX);
	need->group = g;
	need->node_policy = a->node_policy;
	need->device_policy = a->device_policy;
	need->tables = tables;
	need->blocked = NULL;
	need->is_simple = g->n_entries == 1 && !g->entries[0].uuids.n && !g->entries[0].uuids_excluded.n;
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

bool fit_may_use(const fleet *f, const ask_entry *e, int32_t device)
{
	if (e->uuids.n && !names_device(&e->uuids, f->device_uuids.v[device]))
		return false;
	return !e->uuids_excluded.n || !names_device(&e->uuids_excluded, f->device_uuids.v[device]);
}

int32_t fit_rank_of(const ask_entry *e, int32_t class_id)
{
	for (int32_t i = 0; i < e->n_classes; i++)
		if (e->classes[i] == class_id)
			return i;
	return e->n_classes ? -1 : 0;
}

fleet_device fit_device_with(const fleet *f, int32_t device, const score_slice *slices, int32_t n)
{
	fleet_device d = f->devices.v[device];

	for (int32_t i = 0; i < n; i++) {
		const score_slice *s = &slices[i];
		if (s->cell != d.cell)
			continue;
		d.used_memory_mib += s->memory_mib;
		d.used_compute_milli += s->compute_milli;
		d.sharers++;
		d.exclusive += s->compute_milli >= SHARE_WHOLE_MILLI;
	}
	return d;
}

score_slice fit_slice_of(const fleet *f, const ask_entry *e, const fleet_cell *cell)
{
	int64_t memory_mib = fit_memory_mib(e, cell->memory_mib);
	int64_t compute_milli = fit_compute_milli(e, &f->classes.v[cell->class_id]);

	if (memory_mib > cell->memory_mib) /* larger than the device: only that it is counts */
		return (score_slice){.memory_mib = INT32_MAX, .compute_milli = (int32_t)compute_milli};
	amounts share = share_of_slice(memory_mib, compute_milli, cell->memory_mib, 1);
	return (score_slice){
		.memory_mib = (int32_t)memory_mib,
		.compute_milli = (int32_t)compute_milli,
		.milli = (int32_t)share.v[AXIS_DEVICE_MILLI],
	};
}

/* A slice without a reservation still needs some compute that nobody has reserved: else it would never run. */
bool fit_has_room(const fleet_cell *cell, const score_slice *s)
{
	if (!cell->has_slot || cell->free_memory_mib < s->memory_mib)
		return false;
	if (s->compute_milli >= SHARE_WHOLE_MILLI)
		return cell->is_idle;
	return cell->free_compute_milli >= (s->compute_milli > 0 ? s->compute_milli : 1);
}

/* The best of the devices offered so far, best first. */
typedef struct best {
	int32_t n, count;
	int64_t ratings[ASK_COUNT_MAX];
	score_slice v[ASK_COUNT_MAX];
} best;

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

static score_case case_of(const fleet *f, const fit_need *need, int32_t node, const fit_choice *chosen)
{
	return (score_case){.f = f,
		.tables = need->tables,
		.group = need->group,
		.view = &f->views.v[node],
		.node = node,
		.n_slices = chosen->n,
		.slices = chosen->v,
		.device_milli = chosen->device_milli};
}

/* The devices of one class (FLEET_NONE: any) for one entry, appended to chosen. */
static bool choose_class(const fleet *f, const fit_need *need, int32_t entry, int32_t class_id, int32_t node,
	ask_policy policy, fit_choice *chosen)
{
	const ask_entry *e = &need->group->entries[entry];
	const fleet_view *v = &f->views.v[node];
	score_case c = case_of(f, need, node, chosen);
	best b = {.n = 0, .count = e->count};

	for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++) {
		int32_t device = f->cell_devices.v[i];
		fleet_cell cell = f->cells.v[i];
		if (!cell.is_open || (class_id != FLEET_NONE && cell.class_id != class_id) ||
			fit_is_blocked(need, cell.class_id) || !fit_may_use(f, e, device))
			continue;
		if (chosen->n) {
			fleet_device with = fit_device_with(f, device, chosen->v, chosen->n);
			cell = fleet_cell_of(&with);
		}
		score_slice s = fit_slice_of(f, e, &cell);
		s.cell = i;
		s.entry = entry;
		if (fit_has_room(&cell, &s))
			best_offer(&b, score_policies[policy].device(&c, &cell, &s), &s);
	}
	return best_take(&b, chosen);
}

/* Serves one entry by the first class of its list that can. */
static bool serve(
	const fleet *f, const fit_need *need, int32_t entry, int32_t node, ask_policy policy, fit_choice *chosen)
{
	const ask_entry *e = &need->group->entries[entry];

	if (e->n_classes == 0)
		return choose_class(f, need, entry, FLEET_NONE, node, policy, chosen);
	for (int32_t i = 0; i < e->n_classes; i++) {
		if (!choose_class(f, need, entry, e->classes[i], node, policy, chosen))
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

/* One entry that names no device, on a node of one class: most pods on most nodes. The slice is the same on all
 * devices, unless their memory differs. */
static bool choose_simple(const fleet *f, const fit_need *need, const fleet_view *v, int32_t node, fit_choice *chosen)
{
	const ask_entry *e = &need->group->entries[0];
	int64_t (*rate)(const score_case *, const fleet_cell *, const score_slice *) =
		score_policies[need->device_policy].device;
	score_case c = case_of(f, need, node, chosen);
	score_slice s = {.memory_mib = -1};
	int32_t memory_mib = -1;
	best b = {.n = 0, .count = e->count};

	for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++) {
		const fleet_cell *cell = &f->cells.v[i];
		if (!cell->has_slot)
			continue;
		if (cell->memory_mib != memory_mib) {
			s = fit_slice_of(f, e, cell);
			memory_mib = cell->memory_mib;
		}
		if (!fit_has_room(cell, &s))
			continue;
		s.cell = i;
		best_offer(&b, rate(&c, cell, &s), &s);
	}
	return best_take(&b, chosen);
}

/* The reason that the host gives, as fit_explain would tell it; WHY_NONE: it fits. */
static why_code host_code(const fleet *f, const fleet_view *v, const ask_group *g, int32_t node)
{
	const fleet_node *n = &f->nodes.v[node];

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

/* Nodes of one class, all devices open and large enough: what is missing there can only be free devices. */
static bool is_plain(const fleet_view *v, const fit_need *need)
{
	const ask_entry *e = &need->group->entries[0];

	return need->is_simple && v->class_id != FLEET_NONE && v->n_open >= e->count &&
	       fit_memory_mib(e, v->min_memory_mib) <= v->min_memory_mib;
}

/* Whether no device of a plain node can have room: told without a look at them. */
static bool is_hopeless(const fleet *f, const fleet_view *v, const ask_entry *e)
{
	int64_t compute_milli = fit_compute_milli(e, &f->classes.v[v->class_id]);

	if (compute_milli >= SHARE_WHOLE_MILLI)
		return v->n_idle < e->count;
	return v->max_free_compute_milli < (compute_milli > 0 ? compute_milli : 1) ||
	       v->max_free_memory_mib < fit_memory_mib(e, v->min_memory_mib);
}

static bool choose_plain(
	const fleet *f, const fit_need *need, const fleet_view *v, int32_t node, fit_choice *chosen, why_code *ret_code)
{
	const ask_entry *e = &need->group->entries[0];
	int32_t rank = fit_rank_of(e, v->class_id);

	chosen->n = 0;
	chosen->device_milli = 0;
	chosen->class_rank = e->classes_equal ? 0 : rank;
	*ret_code = WHY_NO_SUCH_CLASS;
	if (rank < 0)
		return false;
	*ret_code = WHY_QUOTA_LIMIT;
	if (fit_is_blocked(need, v->class_id))
		return false;
	*ret_code = WHY_NO_FITTING_DEVICE;
	return !is_hopeless(f, v, e) && choose_simple(f, need, v, node, chosen);
}

bool fit_choose(const fleet *f, const fit_need *need, int32_t node, fit_choice *ret_choice, why_code *ret_code)
{
	const fleet_view *v = &f->views.v[node];
	const ask_group *g = need->group;
	why_code host = host_code(f, v, g, node);
	fit_miss miss;
	int32_t entry;

	if (host == WHY_NONE && g->n_entries == 1 && is_plain(v, need))
		return choose_plain(f, need, v, node, ret_choice, ret_code);
	if (host == WHY_NONE && fit_serve(f, need, node, ret_choice, &entry))
		return true;
	/* Few nodes come here: what is closed, mixed or too small, and what the host lacks. */
	if (host != WHY_NONE && g->n_entries == 1 && v->class_id != FLEET_NONE) {
		*ret_code = fit_rank_of(&g->entries[0], v->class_id) < 0 ? WHY_NO_SUCH_CLASS : host;
		return false;
	}
	fit_explain(f, need, node, &miss);
	*ret_code = miss.code;
	return false;
}

int32_t fit_rate_unsettled(const fleet *f, const fit_need *need, int32_t node, uint16_t *ret_tag)
{
	enum { RANK_MAX = 127 };
	const score_policy *policy = &score_policies[need->node_policy];
	fit_choice choice;
	why_code code;

	*ret_tag = 0;
	if (f->nodes.v[node].cluster == FLEET_NONE)
		return FIT_NO_NODE;
	if (!fit_choose(f, need, node, &choice, &code))
		return -1 - (int32_t)code;
	score_case c = case_of(f, need, node, &choice);
	int32_t rank = choice.class_rank < RANK_MAX ? choice.class_rank : RANK_MAX;
	int32_t score = policy->node(&c);
	assert(score >= 0 && score < SCORE_LIMIT);
	if (policy->tag)
		*ret_tag = policy->tag(&c);
	return (RANK_MAX - rank) * SCORE_LIMIT + score;
}

int32_t fit_settle(const fit_need *need, int32_t unsettled, uint16_t tag)
{
	const score_policy *policy = &score_policies[need->node_policy];

	if (unsettled < 0 || !policy->settle)
		return unsettled;
	int32_t score = policy->settle(need->tables, need->group, unsettled % SCORE_LIMIT, tag);
	assert(score >= 0 && score < SCORE_LIMIT);
	return unsettled - unsettled % SCORE_LIMIT + score;
}

int32_t fit_rate(const fleet *f, const fit_need *need, int32_t node)
{
	uint16_t tag;
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
				   });
	}
}
