/* Storms of requests on a small fleet: room is made for guarantees and priorities, and it ends. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "engine/fleet.h"
#include "server/placer/claim.h"
#include "server/placer/decide.h"
#include "server/placer/govern.h"
#include "server/placer/reclaim.h"
#include "server/placer/report.h"
#include "server/placer/rows.h"
#include "server/placer/use.h"
#include "size.h"

enum { NODES = 4, PER_NODE = 4, DEVICES = NODES * PER_NODE, ROUNDS_MAX = 60, MIN_RUNTIME_S = 20, STORM = 40 };
#define SECOND_US ((int64_t)1000000)

typedef struct storm {
	books b;
	turn t;
	head head;
	arena *a; /* of texts that outlive turns */
	int64_t now_us, seq, evictions;
	int placed;
} storm;

static uint64_t seed = 31;

static int pick(int n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (int)(seed % (uint64_t)n);
}

static sql_load_quotas_row guarantee(int64_t key, int64_t milli)
{
	return (sql_load_quotas_row){.tenant_key = key,
		.model = S("big"),
		.guaranteed_device_milli = milli,
		.guaranteed_memory_mib_null = true,
		.guaranteed_compute_milli_null = true,
		.limit_device_milli_null = true,
		.limit_memory_mib_null = true,
		.limit_compute_milli_null = true,
		.lend_limit_device_milli_null = true,
		.lend_limit_memory_mib_null = true,
		.lend_limit_compute_milli_null = true,
		.borrow_limit_device_milli_null = true,
		.borrow_limit_memory_mib_null = true,
		.borrow_limit_compute_milli_null = true,
		.class_limit_device_milli_null = true,
		.class_limit_memory_mib_null = true,
		.class_limit_compute_milli_null = true};
}

static sql_load_tenants_row tenant(int64_t key, int64_t parent, const char *path, int64_t weight)
{
	return (sql_load_tenants_row){.key = key,
		.parent_key = parent,
		.parent_key_null = !parent,
		.booked_parent_key_null = true,
		.path = str_from(path),
		.weight = weight,
		.credits_limit_null = true,
		.reclaim_after_s_null = true,
		.reclaim_grace_s_null = true};
}

/* a (guaranteed 6) over a/b (2) and a/c; d (4); e without anything. */
static void world(storm *s)
{
	const sql_load_classes_row classes[] = {{.name = S("big"),
		.model = S("big"),
		.patterns = S("[]"),
		.memory_mib = 80000,
		.slots = 10,
		.compute_overcommit_ppm = 1000000,
		.credit_rate_milli = 1000}};
	const sql_load_priorities_row priorities[] = {
		{S("low"), -1, true, false, 600, MIN_RUNTIME_S, 30},
		{S("normal"), 0, true, true, 600, MIN_RUNTIME_S, 30},
		{S("high"), 1, true, true, 600, MIN_RUNTIME_S, 30},
	};
	const sql_load_tenants_row tenants[] = {tenant(1, 0, "", 1000), tenant(2, 1, "a", 1000),
		tenant(3, 2, "a/b", 2000), tenant(4, 2, "a/c", 1000), tenant(5, 1, "d", 1000), tenant(6, 1, "e", 500)};
	const sql_load_quotas_row quotas[] = {guarantee(2, 6000), guarantee(3, 2000), guarantee(5, 4000)};
	const sql_load_clusters_row clusters[] = {{.key = 1, .name = S("one"), .state = S("ready")}};

	govern_classes(&s->b, classes, 1);
	govern_priorities(&s->b, priorities, 3);
	govern_tenants(&s->b, tenants, 6);
	govern_quotas(&s->b, quotas, 3);
	govern_clusters(&s->b, clusters, 1);
}

static void hear(storm *s, const char *item)
{
	fault f = {0};
	sql_inbox_next_row row = {.seq = ++s->seq,
		.kind = S("report"),
		.object_id = S("s:1"),
		.tenant_key = 1,
		.cluster_key = 1,
		.actor = S("agent"),
		.body = str_print(s->t.a, "{\"session\":\"s\",\"seq\":1,\"items\":[%s]}", item),
		.at = s->now_us};

	cr_assert_eq(report_apply(&s->t, &s->b, &row, &f), ERR_OK, "%s %s", f.pointer, f.detail);
}

static void commit(storm *s)
{
	turn_rows *r = rows_build(&s->t, &s->b, &s->head);

	rows_keep(r);
	s->head = r->after;
	s->evictions += s->t.evictions;
	turn_keep(&s->t, &s->b);
}

static void open_storm(storm *s)
{
	*s = (storm){.now_us = 1000 * SECOND_US, .a = arena_new(0)};
	books_init(&s->b);
	s->b.incarnation = 1;
	turn_init(&s->t);
	world(s);
	turn_begin(&s->t, s->now_us);
	for (int n = 0; n < NODES; n++) {
		str node = str_print(s->t.a,
			"{\"kind\":\"inventory\",\"nodes\":[{\"name\":\"n%d\",\"cpu_milli\":9000,\"memory_mib\":9000,\"devices\":[",
			n);
		for (int d = 0; d < PER_NODE; d++)
			node = str_print(s->t.a,
				STR_FMT
				"%s{\"uuid\":\"u%d%d\",\"index\":%d,\"product\":\"\",\"class\":\"big\",\"memory_mib\":80000}",
				STR_ARG(node), d ? "," : "", n, d, d);
		hear(s, str_z(s->t.a, str_print(s->t.a, STR_FMT "]}]}", STR_ARG(node))));
	}
	commit(s);
}

static void close_storm(storm *s)
{
	turn_done(&s->t);
	books_done(&s->b);
	arena_end(s->a);
}

static booking *at(storm *s, int number)
{
	char name[32];
	int n = snprintf(name, sizeof name, "plc_%d", number);

	return books_booking(&s->b, str_of(name, (size_t)n));
}

static void arrive(storm *s)
{
	static const char *const ranks[] = {"low", "normal", "high"};
	sql_inbox_next_row row = {.seq = ++s->seq,
		.kind = S("place"),
		.object_id = str_print(s->a, "plc_%d", ++s->placed),
		.tenant_key = 2 + pick(5),
		.actor = S("tok"),
		.request_id = S("req"),
		.at = s->now_us};

	row.body = str_print(s->a,
		"{\"tenant\":\"a\",\"priority\":\"%s\",\"preemptible\":%s,\"replicas\":%d,\"devices\":[{\"count\":%d,\"classes\":[\"big\"]}]}",
		ranks[pick(3)], pick(6) ? "true" : "false", 1 + pick(2), 1 + pick(4));
	decide_place(&s->t, &s->b, &row);
}

static void tell(storm *s, const booking *k, const char *state)
{
	hear(s, str_z(s->t.a, str_print(s->t.a,
				      "{\"kind\":\"step\",\"placement\":\"" STR_FMT
				      "\",\"fence\":\"1.%lld\",\"state\":\"%s\"}",
				      STR_ARG(k->id), (long long)k->now.fence_no, state)));
}

/* Whoever is told to go goes; whoever was granted runs. */
static void agents_turn(storm *s)
{
	for (int i = 1; i <= s->placed; i++) {
		booking *k = at(s, i);
		if (k && k->now.life == LIFE_GRANTED)
			tell(s, k, "running");
		else if (k && k->now.life == LIFE_REVOKING && pick(2))
			tell(s, k, "revoked");
	}
}

/* Nobody was told to go who may stay, or who had hardly begun. */
static void evictions_check(storm *s)
{
	vec_each (x, &s->t.evicted) {
		const booking *k = *x;
		if (!k->evicted_by.n)
			continue; /* gone in the same turn */
		cr_assert(k->terms.is_preemptible);
		cr_assert_geq(s->now_us - k->now.granted_at_us, MIN_RUNTIME_S * SECOND_US);
	}
}

static int64_t booked(const books *b, int32_t device)
{
	int64_t mib = 0;

	map_each (slot, &b->bookings) {
		const booking *k = slot->value;
		for (uint32_t i = 0; i < k->held.devices.n; i++)
			mib += k->held.devices.v[i].device == device ? k->held.devices.v[i].memory_mib : 0;
	}
	return mib;
}

static void books_check(const storm *s)
{
	for (int32_t d = 0; d < (int32_t)s->b.fleet.devices.n; d++) {
		cr_assert_leq(booked(&s->b, d), s->b.fleet.devices.v[d].memory_mib, "two work on device %d", d);
		cr_assert(!reserve_device_is_over(s->b.reserve, &s->b.fleet, d));
	}
}

static bool is_quiet(storm *s)
{
	for (int i = 1; i <= s->placed; i++) {
		const booking *k = at(s, i);
		if (k && (k->now.life == LIFE_REVOKING || k->now.life == LIFE_GRANTED))
			return false;
	}
	return s->b.claims.n == 0;
}

/* Turns until nothing moves any more. Returns how many. */
static int settle(storm *s)
{
	int rounds = 0, quiet = 0;

	for (; quiet < 4 && rounds < ROUNDS_MAX; rounds++) {
		s->now_us += (RECLAIM_AGAIN_S + 1) * SECOND_US;
		turn_begin(&s->t, s->now_us);
		agents_turn(s);
		change_all(&s->b.changes);
		while (decide_waiting(&s->t, &s->b) && s->b.is_walking)
			;
		evictions_check(s);
		books_check(s);
		bool is_still = !s->t.evictions;
		commit(s);
		quiet = is_still && is_quiet(s) ? quiet + 1 : 0;
	}
	return rounds;
}

/* Each arrival may move a chain of others, each weaker than the one before it, and no more than the fleet holds for
 * each link. */
Test(placer_storm, room_is_made_without_loops)
{
	long storms = 10 + size_get("PROPERTY_CASES") / 1000;
	int64_t evictions = 0, most = 0;

	for (long n = 0; n < storms; n++) {
		storm s;
		open_storm(&s);
		for (int i = 0; i < STORM; i++) {
			int64_t before = s.evictions;
			turn_begin(&s.t, s.now_us);
			arrive(&s);
			booking *ends = at(&s, 1 + pick(s.placed));
			if (ends && ends->now.life == LIFE_RUNNING && pick(3) == 0)
				tell(&s, ends, "done");
			commit(&s);
			int rounds = settle(&s);
			int64_t moved = s.evictions - before;
			cr_assert_lt(rounds, ROUNDS_MAX, "storm %ld, arrival %d: it does not end", n, i);
			cr_assert_leq(moved, DEVICES * 3, "storm %ld, arrival %d", n, i);
			most = moved > most ? moved : most;
		}
		evictions += s.evictions;
		close_storm(&s);
	}
	cr_expect_gt(evictions, storms, "%ld", (long)evictions);
	cr_log_info("%ld evictions, at most %ld for one arrival", (long)evictions, (long)most);
}
