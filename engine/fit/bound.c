#include "engine/fit/inside.h"

static int32_t refusal_of(why_code code)
{
	return -1 - (int32_t)code;
}

/* Amounts of a fleet end there, so that more is as good as that. */
static int32_t cut_amount(int64_t amount)
{
	return amount < INT32_MAX ? (int32_t)amount : INT32_MAX;
}

/* Residues are whole thousandths of the scarcer axis. */
static int32_t least_residue(const fleet_class *c, const lane_group *g, const score_many *m)
{
	int64_t by_memory = (int64_t)m->memory_mib * SHARE_WHOLE_MILLI / g->device_memory_mib;
	int64_t by_compute = (int64_t)m->compute_milli * FLEET_OVERCOMMIT_ONE / c->overcommit_ppm;

	return (int32_t)(by_memory < by_compute ? by_memory : by_compute);
}

/* What the entry takes of each device, and what must be free for it. False: it is not told for all nodes alike. */
static bool devices_begin(fit_bounds *b, const lane_group *g)
{
	const fit_need *need = b->need;
	const fleet *f = b->f;
	const ask_entry *e = &need->group->entries[0];
	fleet_cell cell = {.class_id = (int16_t)g->class_id, .memory_mib = g->device_memory_mib};
	int32_t rank = fit_rank_of(e, g->class_id);

	if (!need->is_simple || fit_memory_mib(e, g->device_memory_mib) > g->device_memory_mib)
		return false;
	score_slice slice = fit_slice_of(f, e, &cell);
	bool is_whole = slice.compute_milli >= SHARE_WHOLE_MILLI;
	b->many.count = e->count;
	b->many.milli = slice.milli;
	b->many.memory_mib = is_whole ? INT32_MAX : slice.memory_mib;
	b->many.compute_milli = slice.compute_milli > 0 ? slice.compute_milli : 1;
	b->many.least_milli = least_residue(&f->classes.v[g->class_id], g, &b->many);
	b->least_idle = e->count;
	b->refusal = rank < 0 ? refusal_of(WHY_NO_SUCH_CLASS) : 0;
	b->refusal_by_devices = refusal_of(WHY_NO_FITTING_DEVICE);
	if (fit_is_blocked(need, g->class_id)) {
		b->least_idle = b->many.memory_mib = INT32_MAX;
		b->refusal_by_devices = refusal_of(WHY_QUOTA_LIMIT);
	}
	b->above = fit_rating(0, e->classes_equal || rank < 0 ? 0 : rank);
	return true;
}

bool fit_bounds_by_policy(const fit_need *need)
{
	return score_policies[need->node_policy].bound && !need->a->n_weights;
}

void fit_bounds_init(fit_bounds *b, const fleet *f, const fit_need *need)
{
	b->f = f;
	b->need = need;
	b->policy = fit_bounds_by_policy(need) ? &score_policies[need->node_policy] : NULL;
	b->many.tables = need->tables;
	b->many.host_cpu_milli = cut_amount(need->group->cpu_milli);
	b->many.host_memory_mib = cut_amount(need->group->memory_mib);
	b->is_prepared = false;
}

/* Most groups differ in their class alone. */
static void policy_prepare(fit_bounds *b, int32_t count_before, int32_t milli_before, int32_t least_before)
{
	score_many *m = &b->many;
	bool is_same = m->count == count_before && m->milli == milli_before && m->least_milli == least_before;

	if (!b->is_prepared || !is_same)
		b->policy->bound_prepare(m);
	b->is_prepared = true;
}

void fit_bounds_begin(fit_bounds *b, const lane_group *g)
{
	int32_t n_entries = b->need->group->n_entries;
	int32_t count = b->many.count, milli = b->many.milli, least_milli = b->many.least_milli;

	b->refusal = b->refusal_by_devices = b->least_idle = 0;
	b->above = fit_rating(0, 0);
	b->many.class_id = g->class_id;
	b->many.count = b->many.milli = b->many.least_milli = 0;
	b->tells = g->class_id != FLEET_NONE && n_entries <= 1;
	b->tells = b->tells && (n_entries == 0 || devices_begin(b, g));
	if (!b->tells || b->refusal)
		b->is_prepared = false;
	else if (b->policy)
		policy_prepare(b, count, milli, least_milli);
}

/* What the amounts say against each node, in the order of fit_choose; 0: nothing. Returns the nodes that are left. What
 * is needed is copied, so that the compiler knows that the columns do not overlap it. */
static int32_t refuse(const fit_bounds *b, lane_block *l)
{
	const int32_t cpu = refusal_of(WHY_NODE_CPU), cpu_total = refusal_of(WHY_NODE_CPU_TOTAL);
	const int32_t memory = refusal_of(WHY_NODE_MEMORY), memory_total = refusal_of(WHY_NODE_MEMORY_TOTAL);
	const int32_t cpu_milli = b->many.host_cpu_milli, memory_mib = b->many.host_memory_mib;
	const int32_t shared_mib = b->many.memory_mib, shared_milli = b->many.compute_milli;
	const int32_t idle = b->least_idle, devices = b->refusal_by_devices;
	int32_t n = 0;

	for (int32_t i = 0; i < LANES; i++) {
		int32_t shares = (l->shared_memory_mib[i] >= shared_mib) & (l->shared_compute_milli[i] >= shared_milli);
		int32_t most = (l->n_idle[i] >= idle) | shares ? 0 : devices;
		int32_t by_memory = l->memory_total_mib[i] < memory_mib ? memory_total : memory;
		int32_t by_cpu = l->cpu_total_milli[i] < cpu_milli ? cpu_total : cpu;
		most = l->memory_mib[i] < memory_mib ? by_memory : most;
		most = l->cpu_milli[i] < cpu_milli ? by_cpu : most;
		l->most[i] = most;
		n += most == 0;
	}
	return n;
}

static void rate_most(const fit_bounds *b, lane_block *l)
{
	const int32_t above = b->above;
	int32_t scores[LANES];

	for (int32_t i = 0; i < LANES; i++)
		scores[i] = SCORE_LIMIT - 1;
	if (b->policy)
		b->policy->bound(&b->many, l, scores);
	for (int32_t i = 0; i < LANES; i++)
		l->most[i] = l->most[i] < 0 ? l->most[i] : above + scores[i];
}

/* What devices there are, and what the state says, against the bound by amounts. */
static int32_t state_most(const fit_bounds *b, const lane_block *l, int32_t i, int32_t state)
{
	static const int32_t refusals[] = {
		[LANE_EMPTY] = FIT_NO_NODE,
		[LANE_CLOSED] = -1 - (int32_t)WHY_NODE_CLOSED,
		[LANE_CROWDED] = -1 - (int32_t)WHY_NODE_PODS,
	};

	if (state != LANE_OPEN)
		return refusals[state];
	return l->n_open[i] < b->many.count ? FIT_NOT_TOLD : l->most[i];
}

static int32_t state_behind(const fleet_view *v)
{
	if (v->is_closed)
		return LANE_CLOSED;
	return v->is_crowded ? LANE_CROWDED : LANE_OPEN;
}

/* Labels and taints come before all else. */
static int32_t traits_most(const fit_bounds *b, const lane_block *l, int32_t i)
{
	why_code code = fit_traits_code(&b->f->nodes.v[l->node[i]], b->need->group);

	if (code)
		return refusal_of(code);
	return state_most(b, l, i, state_behind(&b->f->views.v[l->node[i]]));
}

/* Where more than amounts counts. */
static void states_look(const fit_bounds *b, lane_block *l)
{
	bool selects = b->need->group->n_selector > 0;

	for (int32_t i = 0; i < LANES; i++) {
		bool has_say = selects ? l->state[i] != LANE_EMPTY : l->state[i] == LANE_TAINTED;
		l->most[i] = has_say ? traits_most(b, l, i) : state_most(b, l, i, l->state[i]);
	}
}

static bool is_plain(const fit_bounds *b, const lane_block *l)
{
	const int32_t count = b->many.count;
	int32_t n = 0;

	for (int32_t i = 0; i < LANES; i++)
		n += (l->state[i] == LANE_OPEN) & (l->n_open[i] >= count);
	return n == LANES && b->need->group->n_selector == 0;
}

static int32_t highest(const lane_block *l)
{
	int32_t most = INT32_MIN;

	for (int32_t i = 0; i < LANES; i++)
		most = l->most[i] > most ? l->most[i] : most;
	return most;
}

static void fill(lane_block *l, int32_t most)
{
	for (int32_t i = 0; i < LANES; i++)
		l->most[i] = l->state[i] == LANE_EMPTY ? FIT_NO_NODE : most;
}

int32_t fit_bound(const fit_bounds *b, lane_block *l)
{
	if (!b->tells || b->refusal) {
		fill(l, b->tells ? b->refusal : FIT_NOT_TOLD);
		return highest(l);
	}
	if (refuse(b, l))
		rate_most(b, l);
	if (!is_plain(b, l))
		states_look(b, l);
	return highest(l);
}
