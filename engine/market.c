#include "engine/market.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "engine/fit.h"
#include "engine/fragmentation.h"

static const double TURNOVER_STEP = 0.1;

/* What one node adds to the stock. */
typedef struct holding {
	int32_t usable_milli, free_milli, capacity_milli;
	uint8_t model, hosts;
} holding;

struct market {
	mix mix;
	mix_profile learnt; /* as it was when prices were made */
	fragmentation tables;
	fragments fragments;
	score_tables score;
	stock stock;
	vec(holding) holdings; /* by node */
	const fleet *fleet;
	uint64_t log_at, next_learning, next_look, n_learnt;
	int32_t device_memory_mib[MIX_MODELS_MAX]; /* of the last one seen */
	int32_t n_models;
	int32_t n_sizes;
	prices_size sizes[PRICES_SIZES_MAX];
	bool is_expecting, has_fragments, is_anew; /* is_anew: rents are told afresh */
};

market *market_new(void)
{
	market *m = heap_new(1, sizeof *m);

	mix_init(&m->mix);
	fragmentation_init(&m->tables);
	m->tables.fragments = &m->fragments;
	m->score.fragmentation = &m->tables;
	m->next_learning = MARKET_FIRST_LEARNT;
	m->next_look = MARKET_LOOK;
	return m;
}

void market_free(market *m)
{
	if (!m)
		return;
	vec_done(&m->holdings);
	free(m);
}

score_tables *market_tables(market *m)
{
	return &m->score;
}

const mix *market_mix(const market *m)
{
	return &m->mix;
}

const stock *market_stock(const market *m)
{
	return &m->stock;
}

uint64_t market_learnt(const market *m)
{
	return m->n_learnt;
}

/* The models that the entry may use; 0: any. */
static uint32_t models_of(const market *m, const ask_entry *e)
{
	uint32_t models = 0, excluded = 0;

	for (int32_t i = 0; i < e->n_classes; i++)
		models |= 1u << m->tables.model_of[e->classes[i]];
	for (int32_t i = 0; i < e->n_classes_excluded; i++)
		excluded |= 1u << m->tables.model_of[e->classes_excluded[i]];
	excluded &= (1u << (MIX_MODELS_MAX - 1)) - 1;
	if (!excluded)
		return models;
	return models & ~excluded ? models & ~excluded : ~excluded;
}

/* On the first of its models; without one, on a device as there are most. */
static int32_t milli_of(const market *m, const fleet *f, const ask_entry *e, uint32_t models)
{
	static const fleet_class plain = {.compute_default_milli = 0};
	const fleet_class *c = e->n_classes ? &f->classes.v[e->classes[0]] : &plain;
	int32_t most = 0;

	for (int32_t i = 1; i < MIX_MODELS_MAX; i++)
		if (m->stock.model_capacity_milli[i] > m->stock.model_capacity_milli[most])
			most = i;
	int64_t device_mib = m->device_memory_mib[models ? __builtin_ctz(models) : most];
	device_mib = device_mib ? device_mib : m->device_memory_mib[most];
	int64_t memory_mib = fit_memory_mib(e, device_mib);
	if (!device_mib || memory_mib >= device_mib)
		return SHARE_WHOLE_MILLI;
	return (int32_t)share_milli(memory_mib, fit_compute_milli(e, c), device_mib);
}

/* The largest of its entries stands for all. */
static mix_kind kind_of(const market *m, const fleet *f, const ask_group *g)
{
	mix_kind kind = {
		.cpu_milli = g->cpu_milli < INT32_MAX ? (int32_t)g->cpu_milli : INT32_MAX,
		.memory_mib = g->memory_mib < INT32_MAX ? (int32_t)g->memory_mib : INT32_MAX,
	};

	for (int32_t i = 0; i < g->n_entries; i++) {
		const ask_entry *e = &g->entries[i];
		uint32_t models = models_of(m, e);
		int32_t milli = milli_of(m, f, e, models);
		if (e->count * milli <= mix_ask_milli(&kind))
			continue;
		kind.count = e->count;
		kind.milli = milli;
		kind.models = models;
	}
	return kind;
}

void market_arrive(market *m, const fleet *f, const ask *a)
{
	for (int32_t g = 0; g < a->n_groups; g++) {
		mix_kind kind = kind_of(m, f, &a->groups[g]);
		mix_arrive(&m->mix, &kind, a->groups[g].replicas);
	}
}

void market_depart(market *m, int32_t pods)
{
	for (int32_t i = 0; i < pods; i++)
		mix_depart(&m->mix);
}

/* A class gets a model of its own with its first device, while there are any. */
static void model_know(market *m, const fleet *f, const fleet_view *v)
{
	for (int32_t i = v->first_cell; i < v->first_cell + v->n_cells; i++) {
		const fleet_cell *cell = &f->cells.v[i];
		uint8_t *model = &m->tables.model_of[cell->class_id];
		if (*model == MIX_MODELS_MAX - 1 && m->n_models < MIX_MODELS_MAX - 1)
			*model = (uint8_t)m->n_models++;
		m->device_memory_mib[*model] = cell->memory_mib;
	}
}

static holding holding_of(const market *m, const fleet *f, const fleet_view *v)
{
	int32_t model;
	uint32_t models = fragmentation_models(&m->tables, f, v, &model);

	if (v->is_closed || !models)
		return (holding){0};
	return (holding){
		.usable_milli = fragmentation_usable_milli(&m->tables, f, v),
		.free_milli = v->free_device_milli,
		.capacity_milli = v->n_open * SHARE_WHOLE_MILLI,
		.model = (uint8_t)model,
		.hosts = scarcity_hosts(&m->tables.scarcity, v->free_cpu_milli, v->free_memory_mib, v->n_idle, models),
	};
}

static void holding_add(stock *k, const holding *h, int64_t by)
{
	k->free_milli += by * h->free_milli;
	k->capacity_milli += by * h->capacity_milli;
	k->model_usable_milli[h->model] += by * h->usable_milli;
	k->model_capacity_milli[h->model] += by * h->capacity_milli;
	for (uint32_t rest = h->hosts; rest; rest &= rest - 1)
		k->hosts[__builtin_ctz(rest)] += by;
}

static void node_follow(market *m, const fleet *f, int32_t node)
{
	const fleet_view *v = &f->views.v[node];
	holding *h = &m->holdings.v[node];

	holding_add(&m->stock, h, -1);
	*h = holding_of(m, f, v);
	holding_add(&m->stock, h, 1);
}

static void count_all(market *m, const fleet *f)
{
	vec_reserve(&m->holdings, f->nodes.n);
	m->holdings.n = f->nodes.n;
	m->stock = (stock){0};
	for (uint32_t i = 0; i < m->holdings.n; i++)
		m->holdings.v[i] = (__typeof__(*m->holdings.v)){0};
	for (uint32_t i = 0; i < f->nodes.n; i++) {
		model_know(m, f, &f->views.v[i]);
		node_follow(m, f, (int32_t)i);
	}
	m->log_at = f->log_n;
	m->fleet = f;
}

void market_recount(market *m)
{
	m->fleet = NULL;
}

/* A node that is built anew may bring a class; then, and where the log does not reach back, all are counted. */
static void follow(market *m, const fleet *f)
{
	if (m->fleet != f || m->log_at > f->log_n || !fleet_log_reaches(f, m->log_at) || m->holdings.n != f->nodes.n) {
		count_all(m, f);
		return;
	}
	for (; m->log_at < f->log_n; m->log_at++) {
		int32_t node = fleet_log_at(f, m->log_at);
		if (node == FLEET_NONE)
			continue;
		if (f->views.v[node].is_pristine || m->holdings.v[node].capacity_milli == 0)
			model_know(m, f, &f->views.v[node]);
		node_follow(m, f, node);
	}
}

void market_expect(market *m, const fleet *f, const ask *a)
{
	follow(m, f);
	for (int32_t g = 0; g < a->n_groups; g++) {
		mix_kind kind = kind_of(m, f, &a->groups[g]);
		mix_expect(&m->mix, &kind, a->groups[g].replicas);
	}
	m->is_expecting = true;
}

static int32_t sizes_fill(prices_size *ret, const double *demand, double all)
{
	int32_t n = 0;

	for (int32_t milli = 1; milli <= PRICES_WHOLE; milli++)
		if (demand[milli] > 0)
			ret[n++] = (prices_size){milli, demand[milli] / all};
	return n;
}

/* The rarest size counts as the next larger one until there are few enough. */
static int32_t sizes_join(prices_size *v, int32_t n)
{
	while (n > PRICES_SIZES_MAX) {
		int32_t rarest = 0;
		for (int32_t i = 1; i < n - 1; i++)
			if (v[i].demand < v[rarest].demand)
				rarest = i;
		v[rarest + 1].demand += v[rarest].demand;
		memmove(&v[rarest], &v[rarest + 1], (size_t)(n - 1 - rarest) * sizeof *v);
		n--;
	}
	return n;
}

static void prices_learn(market *m)
{
	double demand[PRICES_WHOLE + 1] = {0}, all = 0, worth[PRICES_WHOLE + 1];
	prices_size sizes[PRICES_WHOLE];

	for (uint32_t i = 0; i < m->mix.n; i++) {
		const mix_row *r = &m->mix.rows[i];
		demand[r->kind.milli] += r->weight * r->kind.count;
		all += r->weight * mix_ask_milli(&r->kind) / PRICES_WHOLE;
	}
	m->n_sizes = sizes_join(sizes, sizes_fill(sizes, demand, all));
	memcpy(m->sizes, sizes, (size_t)m->n_sizes * sizeof *sizes);
	(void)prices_find(m->sizes, m->n_sizes, worth);
	for (int32_t r = 0; r <= PRICES_WHOLE; r++)
		m->tables.worth[r] = (float)worth[r];
}

static void fragments_make(market *m)
{
	uint32_t models = ((1u << m->n_models) - 1) | 1u << (MIX_MODELS_MAX - 1);

	fragments_learn(&m->fragments, &m->mix, &m->tables.scarcity, m->sizes, m->n_sizes, models);
	m->has_fragments = true;
}

/* All that is learnt, anew. */
static void learn(market *m, const fleet *f)
{
	mix_profile_of(&m->mix, &m->learnt);
	prices_learn(m);
	fragmentation_feed(&m->tables, m->learnt.needs);
	scarcity_learn(&m->tables.scarcity, &m->mix, &m->stock);
	m->has_fragments = false;
	count_all(m, f);
	m->n_learnt++;
	m->score.epoch++;
	m->is_anew = true;
}

static bool is_due(market *m)
{
	mix_profile now;
	uint64_t seen = m->mix.seen;

	if (seen >= m->next_learning) {
		while (m->next_learning <= seen)
			m->next_learning *= MARKET_GROWTH;
		return true;
	}
	if (seen < m->next_look)
		return false;
	m->next_look = seen - seen % MARKET_LOOK + MARKET_LOOK;
	mix_profile_of(&m->mix, &now);
	return mix_has_moved(&m->learnt, &now);
}

/* In few steps: each makes every rating stale. */
static void turnover_follow(market *m)
{
	double now = mix_turnover(&m->mix), known = (double)m->tables.turnover;
	bool is_end = (now <= 0 && known > 0) || (now >= 1 && known < 1);

	if (fabs(now - known) > TURNOVER_STEP || is_end) {
		m->tables.turnover = (float)now;
		m->score.epoch++;
		m->is_anew = true;
	}
	if (m->tables.turnover > 0 && !m->has_fragments)
		fragments_make(m);
}

void market_refresh(market *m, const fleet *f)
{
	follow(m, f);
	if (m->is_expecting || is_due(m))
		learn(m, f);
	m->is_expecting = false;
	turnover_follow(m);
	if (scarcity_follow(&m->tables.scarcity, &m->stock, (double)m->tables.turnover, m->is_anew))
		m->score.moves++;
	m->is_anew = false;
}
