#include "server/worker/simulate_moves.h"

#include "engine/defrag.h"
#include "json/write.h"
#include "server/placer/decide.h"
#include "server/placer/request.h"

/* One search at work. */
typedef struct mover {
	books *b;
	running list;
	vec(booking *) of; /* by handle in the list */
	arena *asking;     /* of what was asked for last */
	request_ask asked;
} mover;

/* More than any node has: of a request that cannot be read any more. */
static const ask *ask_of_nothing(void)
{
	static const ask_group group = {.replicas = 1, .min_replicas = 1, .cpu_milli = INT64_MAX};
	static const ask nothing = {.groups = &group, .n_groups = 1};

	return &nothing;
}

static const ask *asked(void *arg, int32_t run)
{
	mover *m = arg;
	const booking *k = m->of.v[run];
	placement_request q;
	reasons r;
	fault f;

	arena_end(m->asking);
	m->asking = arena_new(0);
	if (request_read(m->b, k->tenant_key, k->request, m->asking, &q, &f) ||
		!request_to_ask(m->b, &q, m->asking, &m->asked, &r) || k->held.pods.v[0].group >= m->asked.ask.n_groups)
		return ask_of_nothing();
	return &m->asked.ask;
}

static bool may_move(books *b, booking *k)
{
	decide_terms(b, k);
	return k->held.pods.n == 1 && k->terms.is_preemptible && !k->within && !k->evicted_by.n &&
	       str_eq(k->origin, S("api")) && lifecycle_may(k->now.life, LIFE_REVOKING);
}

/* All that holds devices or cores there: who does not move is in the way. */
static void list_make(mover *m, int32_t cluster)
{
	map_each (slot, &m->b->bookings) {
		booking *k = slot->value;
		if (!k->held.pods.n || k->held.cluster != cluster)
			continue;
		running_terms terms = {.tenant = books_payer(m->b, k->tenant_key)->handle,
			.lender = FLEET_NONE,
			.budget = FLEET_NONE,
			.is_movable = may_move(m->b, k),
			.move_cost = running_pod_milli(&k->held, 0) + 1};
		int32_t run = running_add(&m->list, &k->held, &terms);
		vec_reserve(&m->of, run + 1);
		m->of.v[run] = k;
	}
}

static strs uuids_of(const books *b, const plan *p, const plan_pod *pod, arena *a)
{
	str *list = ARENA_ARRAY(a, str, pod->n);

	for (uint32_t i = 0; i < pod->n; i++)
		list[i] = b->fleet.device_uuids.v[p->devices.v[pod->first + i].device];
	return (strs){list, pod->n};
}

static planned_move move_of(const mover *m, const defrag_plan *d, uint32_t i, arena *a)
{
	const booking *k = m->of.v[d->moves.v[i].run];
	const plan_pod *from = &k->held.pods.v[d->moves.v[i].pod], *to = &d->places.pods.v[i];

	return (planned_move){.placement = k->id,
		.tenant = books_payer(m->b, k->tenant_key)->path,
		.from_node = m->b->fleet.node_names.v[from->node],
		.to_node = m->b->fleet.node_names.v[to->node],
		.from_devices = uuids_of(m->b, &k->held, from, a),
		.to_devices = uuids_of(m->b, &d->places, to, a),
		.cost_milli = running_pod_milli(&k->held, d->moves.v[i].pod)};
}

static void plan_write(
	const mover *m, const defrag_plan *d, str cluster, const simulated_as_of *marks, arena *a, buf *out)
{
	planned_move *list = ARENA_ARRAY(a, planned_move, d->moves.n);
	move_plan said = {.cluster = cluster,
		.moves = {list, d->moves.n},
		.gain_milli = d->gain_milli,
		.is_cut = d->is_cut,
		.as_of = *marks};
	js_writer w = js_writer_on(out);

	for (uint32_t i = 0; i < d->moves.n; i++) {
		list[i] = move_of(m, d, i, a);
		said.cost_milli += list[i].cost_milli;
	}
	js_write(&w, &move_plan_type, &said);
}

err simulate_moves(books *b, str cluster, str body, const simulated_as_of *marks, buf *out, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	int32_t at = fleet_cluster_find(&b->fleet, cluster);
	mover m = {.b = b};
	move_terms how;
	defrag_plan d;
	err e = js_read(&move_terms_type, body, a, &how, f);

	if (e)
		return e;
	if (at == FLEET_NONE)
		return fault_set(f, ERR_NOT_FOUND, "", "the cluster has not reported yet");
	running_init(&m.list);
	defrag_plan_init(&d);
	list_make(&m, at);
	defrag *search = defrag_new();
	defrag_terms terms = {.moves_max = (int32_t)how.moves_max,
		.node_gain_milli = how.node_gain_milli,
		.gain_min_milli = 1,
		.finder = b->room,
		.asked = asked,
		.asked_arg = &m};
	defrag_cluster(search, &b->fleet, &m.list, at, &terms, &d);
	plan_write(&m, &d, cluster, marks, a, out);
	defrag_free(search);
	defrag_plan_done(&d);
	running_done(&m.list);
	vec_done(&m.of);
	arena_end(m.asking);
	return ERR_OK;
}
