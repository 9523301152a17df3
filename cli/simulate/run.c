#include "cli/simulate/run.h"

#include <assert.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "cli/simulate/prices.h"

enum { PROGRESS_NS = 100 * 1000 * 1000, SECOND_NS = 1000 * 1000 * 1000, WARM_PART = 3 };

static double end_of(const trace *t, uint32_t seq)
{
	return t->pods.v[seq].arrive_s + t->pods.v[seq].life_s;
}

/* By end, of equals the earlier pod: the order in which the judge expects them. */
static int by_end(const void *a, const void *b, void *arg)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	double x_s = end_of(arg, x), y_s = end_of(arg, y);

	if (x_s < y_s || x_s > y_s)
		return x_s < y_s ? -1 : 1;
	return (x > y) - (x < y);
}

static void tables_make(run *r, arena *a, bool has_moves)
{
	const trace *t = r->trace;
	int64_t gpus = 0;

	for (uint32_t i = 0; i < t->pods.n; i++)
		gpus += t->pods.v[i].gpus;
	r->pods = ARENA_ARRAY(a, decision, t->pods.n);
	r->gpus = ARENA_ARRAY(a, uint8_t, gpus + 1);
	if (t->is_timed || has_moves) {
		r->kept = ARENA_ARRAY(a, kept_pod, t->pods.n);
		r->kept_devices = ARENA_ARRAY(a, plan_device, gpus + 1);
	}
	if (!t->is_timed)
		return;
	r->endings = ARENA_ARRAY(a, uint32_t, t->pods.n);
	for (uint32_t i = 0; i < t->pods.n; i++)
		if (t->pods.v[i].life_s > 0)
			r->endings[r->n_endings++] = i;
	qsort_r(r->endings, r->n_endings, sizeof(*r->endings), by_end, (void *)t);
	r->usage.begin_s = t->pods.v[t->pods.n / WARM_PART].arrive_s;
}

static void usage_until(run *r, double at_s)
{
	usage *u = &r->usage;

	if (at_s > u->begin_s)
		u->area += (double)r->used_milli * (at_s - (u->now_s > u->begin_s ? u->now_s : u->begin_s));
	if (at_s > u->now_s)
		u->now_s = at_s;
}

static int64_t pod_milli(const run *r, uint32_t seq)
{
	return r->trace->pods.v[seq].gpus * r->trace->pods.v[seq].gpu_milli;
}

static void gpus_note(run *r, uint32_t seq, const plan_pod *pod, const plan_device *devices)
{
	r->pods[seq].node = r->stage.node_of.v[pod->node];
	for (uint32_t i = 0; i < pod->n; i++)
		r->gpus[r->pods[seq].first + i] = r->stage.gpu_of.v[devices[i].device];
}

/* Writes the plan of one pod down. */
static void keep(run *r, uint32_t seq, const plan *p)
{
	decision *d = &r->pods[seq];
	const plan_pod *pod = p->pods.v;

	assert(p->pods.n == 1 && pod->n == (uint32_t)r->trace->pods.v[seq].gpus && pod->first == 0);
	d->first = r->n_gpus;
	gpus_note(r, seq, pod, p->devices.v);
	r->n_gpus += pod->n;
	r->used_milli += pod_milli(r, seq);
	if (!r->kept)
		return;
	kept_pod *k = &r->kept[seq];
	k->pod = *pod;
	k->plan.cluster = p->cluster;
	k->plan.pods.v = &k->pod;
	k->plan.pods.n = k->plan.pods.cap = 1;
	k->plan.devices.v = &r->kept_devices[d->first];
	k->plan.devices.n = k->plan.devices.cap = pod->n;
	if (pod->n)
		memcpy(k->plan.devices.v, p->devices.v, pod->n * sizeof(plan_device));
	k->run = mover_begin(&r->mover, seq, &k->plan);
}

static void give_back(run *r, uint32_t seq)
{
	place_give(&r->stage.fleet, NULL, FLEET_NONE, &r->kept[seq].plan);
	mover_end(&r->mover, r->kept[seq].run);
	if (r->market)
		market_depart(r->market, 1);
	r->pods[seq].is_ended = true;
	r->used_milli -= pod_milli(r, seq);
	r->ended++;
}

/* Ends what is over when pod `seq` arrives; false when nothing was. */
static bool end_before(run *r, uint32_t seq, decision_log *log)
{
	double now_s = r->trace->pods.v[seq].arrive_s;
	bool has_ended = false;

	while (r->next_ending < r->n_endings) {
		uint32_t over = r->endings[r->next_ending];
		if (end_of(r->trace, over) > now_s || over >= seq)
			break;
		r->next_ending++;
		if (r->pods[over].node < 0)
			continue;
		usage_until(r, end_of(r->trace, over));
		give_back(r, over);
		decision_log_free(log, over);
		has_ended = true;
	}
	if (r->trace->is_timed)
		usage_until(r, now_s);
	return has_ended;
}

static str node_name(const run *r, uint32_t seq)
{
	return r->trace->nodes.v[r->pods[seq].node].name;
}

/* Moves what is in the way, if that may be done; false: the pod stays refused. */
static bool make_room(run *r, const ask *a, decision_log *log)
{
	if (!mover_find(&r->mover, a))
		return false;
	for (uint32_t i = 0; i < r->mover.plan.moves.n; i++) {
		uint32_t seq = mover_pod(&r->mover, i);
		kept_pod *k = &r->kept[seq];
		mover_apply(&r->mover, i, &k->plan);
		gpus_note(r, seq, &k->pod, k->plan.devices.v);
		decision_log_move(log, seq, node_name(r, seq), &r->gpus[r->pods[seq].first], k->pod.n);
	}
	return true;
}

static void decide(run *r, uint32_t seq, request *q, plan *p, decision_log *log)
{
	decision *d = &r->pods[seq];

	request_fill(q, &r->stage, seq);
	if (r->market) {
		market_arrive(r->market, &r->stage.fleet, &q->ask);
		market_refresh(r->market, &r->stage.fleet);
	}
	mover_arrive(&r->mover);
	bool is_placed = place_find(r->place, &r->stage.fleet, NULL, FLEET_NONE, &q->ask, p, NULL);
	if (!is_placed) {
		d->why = (uint8_t)place_reason(r->place);
		is_placed = make_room(r, &q->ask, log) &&
			    place_find(r->place, &r->stage.fleet, NULL, FLEET_NONE, &q->ask, p, NULL);
	}
	if (is_placed) {
		keep(r, seq, p);
		decision_log_place(log, seq, node_name(r, seq), &r->gpus[d->first], r->n_gpus - d->first);
	} else {
		d->node = -1;
		decision_log_fail(log, seq);
	}
	d->used_milli = r->used_milli;
}

/* The time it takes to say so is nobody's: the clock is read anew. */
static int64_t progress(run *r, uint32_t seq, int64_t now_ns)
{
	if (now_ns < r->next_progress_ns)
		return now_ns;
	fprintf(stderr, "\r%u of %u pods, %.1f %% of the GPUs allocated ", seq + 1, r->trace->pods.n,
		100.0 * (double)r->used_milli / (double)(TRACE_GPU_MILLI * r->trace->gpus));
	int64_t after_ns = clock_mono_ns();
	r->next_progress_ns = after_ns + PROGRESS_NS;
	r->total_ns -= after_ns - now_ns;
	return after_ns;
}

static int64_t cpu_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

static void decide_all(run *r, decision_log *log)
{
	request q;
	plan p;
	int64_t cpu_ns = cpu_now_ns(), begun_ns = clock_mono_ns(), at_ns = begun_ns, now_ns;

	request_init(&q, r->policy->node, r->policy->device);
	mover_init(&r->mover, &r->stage, r->place, &q, r->moves, r->moves_rate);
	plan_init(&p);
	for (uint32_t seq = 0; seq < r->trace->pods.n; seq++) {
		int64_t searched_ns = r->mover.figures.ns;
		if (end_before(r, seq, log))
			at_ns = clock_mono_ns();
		decide(r, seq, &q, &p, log);
		now_ns = clock_mono_ns();
		at_ns += r->mover.figures.ns - searched_ns;
		r->pods[seq].ns = (uint32_t)(now_ns - at_ns < UINT32_MAX ? now_ns - at_ns : UINT32_MAX);
		at_ns = progress(r, seq, now_ns);
	}
	r->total_ns += clock_mono_ns() - begun_ns - r->mover.figures.ns;
	r->cpu_ns = cpu_now_ns() - cpu_ns;
	plan_done(&p);
	if (r->next_progress_ns != INT64_MAX)
		fprintf(stderr, "\r%70s\r", "");
}

static int64_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return (int64_t)(m.uordblks + m.hblkhd);
}

static err stage_make(run *r, int64_t clusters, fault *f)
{
	AUTO_ARENA names = arena_new((size_t)1 << 30);

	return stage_open(&r->stage, names, r->trace, clusters, f);
}

/* The policy that learns: from the pods as they come, or from all of them beforehand. */
static void market_open(run *r, bool is_known)
{
	request q;

	r->market = market_new();
	place_use(r->place, market_tables(r->market));
	request_init(&q, r->policy->node, r->policy->device);
	for (uint32_t seq = 0; is_known && seq < r->trace->pods.n; seq++) {
		request_fill(&q, &r->stage, seq);
		market_expect(r->market, &r->stage.fleet, &q.ask);
	}
}

static err reference_open(run *r, const typical *mix, fault *f)
{
	err e = ERR_OK;

	r->tables.reference = reference_new();
	place_use(r->place, &r->tables);
	for (uint32_t i = 0; i < mix->pods.n && !e; i++) {
		const typical_pod *p = &mix->pods.v[i];
		class_list list;
		e = stage_classes(&r->stage, p->spec, &list, f);
		if (!e && reference_add(r->tables.reference, p->share, p->cpu_milli, (int32_t)p->gpu_milli,
				  (int32_t)p->gpus, list.v, list.n))
			e = fault_set(f, ERR_TOO_MANY_ITEMS, NULL, "more than %d typical pods", REFERENCE_PODS_MAX);
	}
	return e;
}

static err prices_open(run *r, const char *text, fault *f)
{
	r->tables.prices = r->prices;
	r->tables.n_prices = (int32_t)r->stage.fleet.classes.n;
	place_use(r->place, &r->tables);
	return prices_read(str_from(text), &r->stage.fleet, r->prices, f);
}

/* What the policy knows beforehand. */
static err tables_fill(run *r, const run_terms *terms, fault *f)
{
	switch (r->policy->node) {
	case POLICY_FRAGMENTATION:
		market_open(r, terms->is_known);
		return ERR_OK;
	case POLICY_REFERENCE:
		return reference_open(r, terms->mix, f);
	case POLICY_COST:
		return prices_open(r, terms->prices, f);
	default:
		return ERR_OK;
	}
}

err run_all(run *r, arena *a, const trace *t, const run_terms *terms, fault *f)
{
	decision_log *log = ARENA_NEW(a, decision_log);

	memset(r, 0, sizeof(*r));
	r->trace = t;
	r->policy = terms->policy;
	r->next_progress_ns = terms->has_progress ? clock_mono_ns() + PROGRESS_NS : INT64_MAX;
	r->moves = terms->moves;
	r->moves_rate = terms->moves_rate;
	tables_make(r, a, terms->moves > 0);
	arena_trim();
	int64_t before_bytes = heap_bytes();
	err e = decision_log_open(log, terms->log, f);
	if (!e)
		e = stage_make(r, terms->clusters, f);
	if (!e) {
		r->place = place_new();
		e = tables_fill(r, terms, f);
	}
	if (!e) {
		decide_all(r, log);
		arena_trim();
		r->engine_bytes = heap_bytes() - before_bytes;
	}
	int64_t begun_ns = clock_mono_ns();
	err closed = decision_log_close(log, e ? NULL : f);
	r->total_ns += clock_mono_ns() - begun_ns;
	return e ? e : closed;
}

static bool is_same(const run *r, const run *other, uint32_t seq)
{
	const decision *a = &r->pods[seq], *b = &other->pods[seq];
	size_t gpus = (size_t)r->trace->pods.v[seq].gpus;

	if (a->node != b->node || a->is_ended != b->is_ended)
		return false;
	return a->node < 0 || memcmp(&r->gpus[a->first], &other->gpus[b->first], gpus) == 0;
}

err run_take_faster(run *r, const run *other, fault *f)
{
	for (uint32_t i = 0; i < r->trace->pods.n; i++) {
		if (!is_same(r, other, i))
			return fault_set(f, ERR_CONFLICT, NULL, "pod %u: two runs decided differently", i);
		if (other->pods[i].ns < r->pods[i].ns)
			r->pods[i].ns = other->pods[i].ns;
	}
	if (other->total_ns < r->total_ns) {
		r->total_ns = other->total_ns;
		r->cpu_ns = other->cpu_ns;
	}
	return ERR_OK;
}

void run_done(run *r)
{
	mover_done(&r->mover);
	place_free(r->place);
	market_free(r->market);
	reference_free(r->tables.reference);
	stage_close(&r->stage);
}
