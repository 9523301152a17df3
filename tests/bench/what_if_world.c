/* what_if_world TENANTS SLICES WAITING: how long the worker takes to say what a policy would change, for a world of
 * that size made in memory: "built_ms N answered_ms N bytes N". The policy is the whole fleet's and makes what runs
 * impossible to evict, so that every placement is looked at again and no guarantee can be had by taking back: the
 * first half of the tenants is guaranteed all, the other half borrows. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "server/placer/load.h"
#include "server/placer/policy.h"
#include "server/worker/simulate_policy.h"
#include "server/worker/trial.h"

enum {
	TOPS = 100,
	DEVICES = 8, /* of a node */
	SLICES = 10, /* of a device */
	MEMORY_MIB = 80000,
	PAGE = 500,
	DEADLINE_S = 60,
};

typedef struct world {
	books b;
	loop *l;
	int64_t tenants, slices, waiting, nodes;
	policy_terms *terms;
	str said[2];
	int running;
} world;

static int64_t tenant_of(const world *w, int64_t n)
{
	return TOPS + 2 + n % (w->tenants - TOPS);
}

static void people(world *w, arena *a)
{
	uint32_t n = (uint32_t)w->tenants + 1;
	sql_load_tenants_row *rows = ARENA_ARRAY(a, sql_load_tenants_row, n);
	sql_load_quotas_row *quotas = ARENA_ARRAY(a, sql_load_quotas_row, TOPS);
	sql_load_classes_row class = {.name = S("gpu"),
		.model = S("gpu"),
		.patterns = S("[]"),
		.memory_mib = MEMORY_MIB,
		.slots = SLICES,
		.credit_rate_milli = 1000,
		.compute_overcommit_ppm = 1000000};
	sql_load_priorities_row normal = {.name = S("normal"), .preemptible = true, .may_preempt = true};

	for (uint32_t i = 0; i < n; i++)
		rows[i] = (sql_load_tenants_row){.key = i + 1,
			.parent_key = i <= TOPS ? 1 : 2 + i % TOPS,
			.parent_key_null = i == 0,
			.booked_parent_key_null = true,
			.path = i ? str_print(a, "t%u", i) : S(""),
			.weight = 1000,
			.credits_limit_null = true,
			.reclaim_after_s_null = true,
			.reclaim_grace_s_null = true};
	govern_classes(&w->b, &class, 1);
	govern_priorities(&w->b, &normal, 1);
	govern_tenants(&w->b, rows, n);
	for (uint32_t i = 0; i < TOPS; i++)
		quotas[i] = (sql_load_quotas_row){i + 2, S("gpu"), .guaranteed_device_milli = w->slices * 200 / TOPS,
			false, .guaranteed_memory_mib_null = true, .guaranteed_compute_milli_null = true,
			.limit_device_milli_null = true, .limit_memory_mib_null = true,
			.limit_compute_milli_null = true, .lend_limit_device_milli_null = true,
			.lend_limit_memory_mib_null = true, .lend_limit_compute_milli_null = true,
			.borrow_limit_device_milli_null = true, .borrow_limit_memory_mib_null = true,
			.borrow_limit_compute_milli_null = true, .class_limit_device_milli_null = true,
			.class_limit_memory_mib_null = true, .class_limit_compute_milli_null = true};
	govern_quotas(&w->b, quotas, TOPS / 2);
}

static void machines(world *w, load *l, arena *a)
{
	sql_load_clusters_row c = {.key = 1, .name = S("c"), .state = S("ready")};
	sql_load_nodes_row *nodes = ARENA_ARRAY(a, sql_load_nodes_row, w->nodes);
	sql_load_devices_row *devices = ARENA_ARRAY(a, sql_load_devices_row, w->nodes * DEVICES);

	for (int64_t i = 0; i < w->nodes; i++) {
		nodes[i] = (sql_load_nodes_row){.key = i + 1,
			.cluster_key = 1,
			.id = S("nod_x"),
			.name = str_print(a, "n%lld", (long long)i),
			.rank = i,
			.cpu_milli = 1000000,
			.memory_mib = 1000000,
			.pods = 1000,
			.health = S("ok")};
		for (int64_t k = i * DEVICES; k < (i + 1) * DEVICES; k++)
			devices[k] = (sql_load_devices_row){.key = k + 1,
				.id = S("dev_x"),
				.node_key = i + 1,
				.cluster_key = 1,
				.uuid = str_print(a, "u%lld", (long long)k),
				.index_no = k % DEVICES,
				.class = S("gpu"),
				.memory_mib = MEMORY_MIB,
				.slots = SLICES,
				.slots_given = SLICES,
				.health = S("ok")};
	}
	govern_clusters(&w->b, &c, 1);
	load_nodes(l, nodes, (uint32_t)w->nodes);
	load_devices(l, devices, (uint32_t)(w->nodes * DEVICES));
}

static sql_load_placements_row row_of(const world *w, int64_t n, arena *a)
{
	bool runs = n < w->slices;
	long long device = n / SLICES;
	sql_load_placements_row row = {.id = str_print(a, "plc_%08lld", (long long)n),
		.tenant_key = tenant_of(w, n),
		.cluster_key = runs,
		.cluster_key_null = !runs,
		.origin = S("api"),
		.state = runs ? S("running") : S("pending"),
		.fence_incarnation = 1,
		.fence_no = 1,
		.request = runs ? S("{\"tenant\":\"t\",\"devices\":[{\"memory_mib\":8000,\"compute_milli\":100}]}")
				: S("{\"tenant\":\"t\",\"devices\":[{\"classes\":[\"gpu\"]}]}"),
		.placed = S("[]"),
		.blockers = S("[]"),
		.charges = S("{}"),
		.created_at = 1,
		.granted_at = 1,
		.running_at = 1,
		.seq = n};

	if (!runs)
		return row;
	row.placed = str_print(a,
		"[{\"group\":\"main\",\"index\":0,\"node\":\"n%lld\",\"cpu_milli\":0,\"memory_mib\":0,\"devices\":[{\"uuid\":\"u%lld\",\"class\":"
		"\"gpu\",\"index\":0,\"memory_mib\":8000,\"compute_milli\":100}]}]",
		device / DEVICES, device);
	row.charges = S("{\"models\":[\"gpu\"],\"device_milli\":[100],\"memory_mib\":[8000],\"compute_milli\":[100]}");
	return row;
}

static void work_load(world *w, load *l)
{
	for (int64_t n = 0; n < w->slices + w->waiting;) {
		AUTO_ARENA a = arena_new(0);
		sql_load_placements_row *rows = ARENA_ARRAY(a, sql_load_placements_row, PAGE);
		uint32_t k = 0;
		while (k < PAGE && n < w->slices + w->waiting)
			rows[k++] = row_of(w, n++, a);
		load_placements(l, rows, k);
	}
}

static void build(world *w)
{
	AUTO_ARENA a = arena_new(0);
	load l;

	w->nodes = w->slices / SLICES / DEVICES + 1;
	books_init(&w->b);
	load_begin(&l, &w->b);
	people(w, a);
	machines(w, &l, a);
	work_load(w, &l);
	load_settle(&l);
	if (l.differences)
		fprintf(stderr, "%lld differences: %.*s\n", (long long)l.differences, 200, l.words.p ? l.words.p : "");
	load_done(&l);
}

static void as_it_is(void *arg, buf *out)
{
	world *w = arg;

	simulate_queue(&w->b, BOOKS_ROOT_KEY, NULL, clock_now_us(), out);
}

static void as_it_would_be(void *arg, buf *out)
{
	world *w = arg;
	policy_terms *terms = w->terms;

	w->terms = NULL;
	simulate_queue(&w->b, BOOKS_ROOT_KEY, terms, clock_now_us(), out);
}

static void keep(world *w, int which, err e, str text)
{
	if (e)
		fprintf(stderr, "a copy failed: %s\n", err_code(e));
	w->said[which] = (str){memcpy(malloc(text.n + 1), text.n ? text.p : "", text.n), text.n};
	if (--w->running == 0)
		loop_stop(w->l);
}

static void first_done(void *arg, err e, str text)
{
	keep(arg, 0, e, text);
}

static void second_done(void *arg, err e, str text)
{
	keep(arg, 1, e, text);
}

int main(int argc, char **argv)
{
	world w = {.l = loop_new()};
	sql_policy_terms_row policy = {.id = S("pol_x"), .tenant_key = BOOKS_ROOT_KEY};
	simulated_as_of as_of = {0};
	grant all = {.rights = ~(uint64_t)0};
	grants sight = {&all, 1};
	buf out;

	if (argc != 4)
		return 2;
	w.tenants = strtoll(argv[1], NULL, 10);
	w.slices = strtoll(argv[2], NULL, 10);
	w.waiting = strtoll(argv[3], NULL, 10);
	int64_t begun_us = clock_mono_us();
	build(&w);
	int64_t built_us = clock_mono_us();
	w.terms = policy_read(S("{\"node_policy\":\"spread\"}"), S("{\"preemptible\":false}"));
	w.running = 2;
	trial_begin(w.l, DEADLINE_S * 1000000LL, as_it_is, first_done, &w);
	trial_begin(w.l, DEADLINE_S * 1000000LL, as_it_would_be, second_done, &w);
	loop_run(w.l);
	buf_init(&out, TRIAL_BYTES_MAX);
	simulate_compare(&policy, w.said[0], w.said[1], &as_of, &sight, &out);
	int64_t answered_us = clock_mono_us();
	printf("built_ms %lld answered_ms %lld bytes %zu\n", (long long)(built_us - begun_us) / 1000,
		(long long)(answered_us - built_us) / 1000, out.n);
	if (getenv("SAY"))
		printf(STR_FMT "\n", STR_ARG(str_cut(buf_str(&out), 0, 4000)));
	return 0;
}
