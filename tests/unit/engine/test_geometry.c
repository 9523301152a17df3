#include "geometry_fixture.h"

Test(geometry, built_in_ones_are_sound_and_named_once)
{
	for (int32_t i = 0; geometry_at(i); i++) {
		const geometry *g = geometry_at(i);
		cr_expect(geometry_is_sound(g), "%.*s", (int)g->name.n, g->name.p);
		cr_expect_eq(geometry_find(g->name), g);
		for (int32_t p = 0; p < g->n_profiles; p++) {
			cr_expect_eq(geometry_profile_find(g, g->profiles[p].name), p);
			cr_expect(!p || g->profiles[p - 1].memory_mib <= g->profiles[p].memory_mib);
		}
	}
	cr_expect_null(geometry_find(S("none")));
	cr_expect_eq(geometry_profile_find(the("mig-a30"), S("7g.40gb")), GEOMETRY_NONE);
}

Test(geometry, data_that_cannot_be_is_not_sound)
{
	static const geometry_profile profiles[] = {
		{{"wide", 4}, 1, {1}, 1, 5, 0},
		{{"out", 3}, 1, {1}, 0x8, 2, 0},
		{{"nowhere", 7}, 1, {1}, 0, 2, 0},
		{{"free", 4}, 1, {0}, 1, 1, 0},
		{{"more", 4}, 1, {8}, 1, 1, 0},
		{{"uncounted", 9}, 1, {1, 1}, 1, 1, 0},
		{{"empty", 5}, 0, {1}, 1, 1, 0},
	};

	for (int i = 0; i < COUNT_OF(profiles); i++) {
		geometry g = {S("g"), &profiles[i], 1, 4, {7}, false};
		cr_expect(!geometry_is_sound(&g), "%s", profiles[i].name.p);
	}
	geometry_profile good = {{"good", 4}, 1, {1}, 0x7, 2, 0};
	cr_expect(geometry_is_sound(&(geometry){S("g"), &good, 1, 4, {7}, false}));
	cr_expect(!geometry_is_sound(&(geometry){S("g"), &good, 0, 4, {7}, false}));
	cr_expect(!geometry_is_sound(&(geometry){S("g"), &good, 33, 4, {7}, false}));
	cr_expect(!geometry_is_sound(&(geometry){S("g"), &good, 1, 17, {7}, false}));
	cr_expect(!geometry_is_sound(&(geometry){S("g"), &good, 1, 4, {256}, false}));
}

typedef struct room_row {
	const char *geometry, *state, *profile;
	int32_t room;
	uint32_t starts;
} room_row;

static const room_row rooms[] = {
	{"mig-a100-40g", "", "1g.5gb", 7, 0x7f},
	{"mig-a100-40g", "", "1g.5gb+me", 1, 0x7f},
	{"mig-a100-40g", "", "1g.10gb", 4, 0x55},
	{"mig-a100-40g", "", "2g.10gb", 3, 0x15},
	{"mig-a100-40g", "", "3g.20gb", 2, 0x11},
	{"mig-a100-40g", "", "4g.20gb", 1, 0x01},
	{"mig-a100-40g", "", "7g.40gb", 1, 0x01},
	{"mig-a100-40g", "3g.20gb@0 3g.20gb@4", "1g.5gb", 0, 0},
	{"mig-a100-40g", "4g.20gb@0 2g.10gb@4", "1g.5gb", 1, 0x40},
	{"mig-a100-40g", "1g.5gb+me@0", "1g.5gb+me", 0, 0},
	{"mig-a100-40g", "4g.20gb@0 3g.20gb@4", "1g.5gb", 0, 0},
	{"mig-a100-40g", "1g.5gb@0", "4g.20gb", 0, 0},
	{"mig-a100-40g", "1g.5gb@6", "4g.20gb", 1, 0x01},
	{"mig-a30", "", "2g.12gb+me", 1, 0x5},
	{"mig-a30", "1g.6gb@1", "2g.12gb", 1, 0x4},
	{"mig-rtx-pro-6000-96g", "", "1g.24gb-me", 4, 0x249},
	{"mig-rtx-pro-6000-96g", "1g.24gb+me.all@0", "1g.24gb", 0, 0},
	{"mig-rtx-pro-6000-96g", "1g.24gb+me.all@0", "2g.48gb-me", 1, 0x40},
	{"vnpu-910b3", "", "vir05_1c_16g", 4, 1},
	{"vnpu-910b3", "vir10_3c_32g", "vir05_1c_16g", 2, 1},
	{"vnpu-910b3", "vir05_1c_16g", "whole", 0, 0},
	{"vnpu-910a", "vir16 vir08 vir04", "vir02", 1, 1},
	{"vnpu-310p", "", "vir04", 1, 1},
	{"vnpu-310p", "vir04 vir02", "vir01", 1, 1},
	{"vxpu-96g", "", "24g", 4, 1},
	{"vxpu-96g", "48g", "24g", 0, 0},
	{"vxpu-96g", "48g", "48g", 1, 1},
	{"neuron-2c", "1c@1", "2c", 0, 0},
};

Test(geometry, room_and_starts_are_those_of_the_hardware)
{
	for (int i = 0; i < COUNT_OF(rooms); i++) {
		const room_row *r = &rooms[i];
		const geometry *g = the(r->geometry);
		geometry_state s = state_of(g, r->state);
		int32_t p = profile_of(g, r->profile);
		cr_expect_eq(geometry_room(g, &s, p), r->room, "%s [%s] %s: %d", r->geometry, r->state, r->profile,
			geometry_room(g, &s, p));
		cr_expect_eq(geometry_starts(g, &s, p), r->starts, "%s [%s] %s", r->geometry, r->state, r->profile);
	}
}

/* Every state that can be reached, with what an exhaustive search over the table finds. */
enum { STATES_MAX = 1 << 15 };
typedef struct state_table {
	const geometry *g;
	geometry_state v[STATES_MAX];
	int64_t rest[STATES_MAX]; /* weight of the best combination; -1: not known yet */
	int32_t at[2 * STATES_MAX];
	int32_t n;
} state_table;

static int32_t table_put(state_table *t, const geometry_state *s)
{
	uint64_t h = s->occupied * 31u + s->only;

	for (int r = 0; r < GEOMETRY_COUNTS; r++)
		h = (h * 1000003u) ^ s->used[r];
	h = (h ^ (h >> 15)) * 0x9E3779B97F4A7C15u >> 20;
	for (;; h++) {
		int32_t *slot = &t->at[h % (2 * STATES_MAX)];
		if (*slot && !state_eq(&t->v[*slot - 1], s))
			continue;
		if (*slot)
			return *slot - 1;
		cr_assert(t->n < STATES_MAX);
		t->v[t->n] = *s;
		t->rest[t->n] = -1;
		*slot = ++t->n;
		return t->n - 1;
	}
}

static state_table *table_of(const geometry *g)
{
	static state_table t;

	memset(&t, 0, sizeof t);
	t.g = g;
	table_put(&t, &(geometry_state){0});
	for (int32_t i = 0; i < t.n; i++)
		for (int32_t p = 0; p < g->n_profiles; p++)
			for (int32_t start = 0; start < GEOMETRY_SLOTS_MAX; start++) {
				geometry_state next = t.v[i];
				bool may = brute_may(g, &next, p, start);
				cr_assert_eq(geometry_may(g, &next, p, start), may, "%.*s %d@%d", (int)g->name.n,
					g->name.p, p, start);
				if (!may)
					continue;
				geometry_take(g, &next, p, start);
				geometry_state back = next;
				geometry_give(g, &back, p, start);
				cr_assert(state_eq(&back, &t.v[i]));
				table_put(&t, &next);
			}
	return &t;
}

static int32_t brute_room(const geometry *g, const geometry_state *s, int32_t p, int32_t from)
{
	int32_t most = 0;

	for (int32_t start = from; start < GEOMETRY_SLOTS_MAX; start++) {
		geometry_state next = *s;
		if (!brute_may(g, s, p, start))
			continue;
		geometry_take(g, &next, p, start);
		int32_t n = 1 + brute_room(g, &next, p, start);
		most = n > most ? n : most;
	}
	return most;
}

static int64_t brute_rest(state_table *t, int32_t i)
{
	int64_t best = 0;

	if (t->rest[i] >= 0)
		return t->rest[i];
	for (int32_t p = 0; p < t->g->n_profiles; p++)
		for (int32_t start = 0; start < GEOMETRY_SLOTS_MAX; start++) {
			geometry_state next = t->v[i];
			if (!geometry_weight_default(t->g, p) || !brute_may(t->g, &next, p, start))
				continue;
			geometry_take(t->g, &next, p, start);
			int64_t weight = geometry_weight_default(t->g, p) + brute_rest(t, table_put(t, &next));
			best = weight > best ? weight : best;
		}
	return t->rest[i] = best;
}

static int64_t brute_value(const geometry *g, const geometry_state *s)
{
	int64_t value = 0;

	for (int32_t p = 0; p < g->n_profiles; p++)
		value += geometry_weight_default(g, p) * brute_room(g, s, p, 0);
	return value;
}

static void choice_is_least_loss(const geometry *g, const geometry_state *s, int32_t p)
{
	int64_t loss = -1, least = INT64_MAX;
	int32_t start = geometry_choose(g, s, p, NULL, &loss);

	for (int32_t at = 0; at < GEOMETRY_SLOTS_MAX; at++) {
		geometry_state next = *s;
		if (!brute_may(g, s, p, at))
			continue;
		geometry_take(g, &next, p, at);
		int64_t lost = brute_value(g, s) - brute_value(g, &next);
		least = lost < least ? lost : least;
		cr_assert(at != start || lost == loss);
	}
	cr_assert_eq(start == GEOMETRY_NONE, least == INT64_MAX);
	cr_assert(start == GEOMETRY_NONE || loss == least, "%.*s %d@%d", (int)g->name.n, g->name.p, p, start);
}

static void rest_can_be_placed(const geometry *g, geometry_state s, const int32_t *counts)
{
	int32_t profiles[GEOMETRY_BATCH_MAX], starts[GEOMETRY_BATCH_MAX], n = 0;

	for (int32_t p = 0; p < g->n_profiles; p++)
		for (int32_t i = 0; i < counts[p]; i++)
			profiles[n++] = p;
	cr_assert(geometry_choose_all(g, &s, profiles, n, NULL, starts));
}

Test(geometry, every_state_of_every_built_in_one_agrees_with_brute_force)
{
	for (int32_t at = 0; geometry_at(at); at++) {
		const geometry *g = geometry_at(at);
		state_table *t = table_of(g);
		int32_t step = t->n / 500 + 1; /* legality was seen on all of them; the rest on a part */
		for (int32_t i = 0; i < t->n; i += step) {
			const geometry_state s = t->v[i];
			int32_t counts[GEOMETRY_PROFILES_MAX];
			for (int32_t p = 0; p < g->n_profiles; p++) {
				cr_assert_eq(geometry_room(g, &s, p), brute_room(g, &s, p, 0));
				choice_is_least_loss(g, &s, p);
			}
			cr_assert_eq(geometry_value(g, &s, NULL), brute_value(g, &s));
			cr_assert_eq(geometry_rest(g, &s, NULL, counts), brute_rest(t, i), "%.*s state %d",
				(int)g->name.n, g->name.p, i);
			rest_can_be_placed(g, s, counts);
		}
	}
}

Test(geometry, giving_back_in_any_order_leaves_nothing)
{
	uint64_t seed = seed_of_run(), given = seed;

	for (int32_t at = 0; geometry_at(at); at++) {
		const geometry *g = geometry_at(at);
		geometry_state s = {0};
		struct {
			int32_t profile, start;
		} live[64];
		int n = 0;
		for (int step = 0; step < 5000; step++) {
			int32_t p = (int32_t)draw_below(&seed, g->n_profiles);
			int64_t loss;
			int32_t start = geometry_choose(g, &s, p, NULL, &loss);
			if (start != GEOMETRY_NONE && draw_below(&seed, 3)) {
				geometry_take(g, &s, p, start);
				live[n].profile = p;
				live[n++].start = start;
			} else if (n) {
				int i = (int)draw_below(&seed, n);
				geometry_give(g, &s, live[i].profile, live[i].start);
				live[i] = live[--n];
			}
			cr_assert_eq(s.n, n, "seed %lu", given);
		}
		while (n--)
			geometry_give(g, &s, live[n].profile, live[n].start);
		cr_assert(state_eq(&s, &(geometry_state){0}), "seed %lu", given);
	}
}

typedef struct serve_row {
	const char *geometry, *state;
	int64_t memory_mib, percent, compute_milli;
	const char *profile; /* NULL: none */
} serve_row;

static const serve_row serve_rows[] = {
	{"mig-a100-40g", "", 4000, 0, 0, "1g.5gb"}, {"mig-a100-40g", "", 5000, 0, 0, "1g.10gb"},
	{"mig-a100-40g", "", 5000, 0, 200, "2g.10gb"}, {"mig-a100-40g", "", 0, 0, 143, "2g.10gb"},
	{"mig-a100-40g", "", 0, 0, 142, "1g.5gb"}, {"mig-a100-40g", "", 0, 25, 0, "1g.10gb"},
	{"mig-a100-40g", "", 0, 26, 0, "3g.20gb"}, {"mig-a100-40g", "", 0, 100, 0, "7g.40gb"},
	{"mig-a100-40g", "", 40193, 0, 0, NULL}, {"mig-a100-40g", "3g.20gb@0", 9000, 0, 429, NULL},
	{"mig-a100-40g", "4g.20gb@0", 19000, 0, 0, "3g.20gb"},
	{"mig-a100-40g", "1g.5gb@6 2g.10gb@0 2g.10gb@2", 8000, 0, 200, "2g.10gb"},
	{"mig-a100-40g", "2g.10gb@0 2g.10gb@2 2g.10gb@4", 9000, 0, 0, "1g.10gb"},
	{"vnpu-910b3", "", 5000, 0, 0, "vir05_1c_16g"}, {"vnpu-910b3", "", 32769, 0, 0, "whole"},
	{"vnpu-910b3", "vir05_1c_16g", 32769, 0, 0, NULL}, {"vnpu-910b3", "", 0, 50, 0, "vir10_3c_32g"},
	{"vnpu-910a", "", 2185, 0, 0, "vir04"}, {"vxpu-96g", "", 24577, 0, 0, "48g"},
	{"vxpu-96g", "48g", 24576, 0, 0, "48g"}, /* the size in use serves, one smaller is closed */
};

Test(geometry, the_smallest_profile_that_serves_is_found)
{
	for (int i = 0; i < COUNT_OF(serve_rows); i++) {
		const serve_row *r = &serve_rows[i];
		const geometry *g = the(r->geometry);
		geometry_state s = state_of(g, r->state);
		geometry_ask asked = {r->memory_mib, r->percent, r->compute_milli, 0};
		int64_t device_mib = g->profiles[g->n_profiles - 1].memory_mib;
		int32_t want = r->profile ? profile_of(g, r->profile) : GEOMETRY_NONE;
		cr_expect_eq(geometry_serve(g, &s, &asked, device_mib), want, "row %d: %d", i,
			geometry_serve(g, &s, &asked, device_mib));
	}
}

Test(geometry, a_profile_is_charged_its_memory_and_its_part_of_the_compute)
{
	const geometry *a100 = the("mig-a100-40g"), *a30 = the("mig-a30"), *npu = the("vnpu-910b3");

	for (int32_t p = 0; p < a100->n_profiles; p++) {
		const geometry_profile *q = &a100->profiles[p];
		amounts want = share_of_mig(q->memory_mib, q->takes[GEOMETRY_COMPUTE], 40960, 2);
		cr_expect(amounts_eq(geometry_charge(a100, p, 40960, 2), want));
	}
	cr_expect_eq(geometry_compute_milli(a30, profile_of(a30, "4g.24gb")), 1000);
	cr_expect_eq(geometry_compute_milli(a30, profile_of(a30, "1g.6gb")), 250);
	cr_expect(amounts_eq(
		geometry_charge(npu, profile_of(npu, "vir05_1c_16g"), 65536, 1), (amounts){{250, 16384, 250}}));
}

typedef struct steps_row {
	const char *name;
	int64_t memory_mib, memory, compute_milli, compute;
} steps_row;

static const steps_row step_rows[] = {
	{"mlu", 1, 256, 1, 10},
	{"mlu", 256, 256, 10, 10},
	{"mlu", 257, 512, 995, 1000},
	{"sgpu", 1, 1024, 1, 63},
	{"sgpu", 1025, 2048, 63, 63},
	{"sgpu", 32769, 49152, 64, 125},
	{"sgpu", 49153, 0, 1000, 1000},
	{"percent", 77, 77, 0, 0},
};

Test(geometry, shares_are_rounded_up_to_the_steps_of_the_device)
{
	for (int i = 0; i < COUNT_OF(step_rows); i++) {
		const steps_row *r = &step_rows[i];
		const share_steps *s = share_steps_find(str_from(r->name));
		cr_assert(s);
		cr_expect_eq(share_steps_memory(s, r->memory_mib), r->memory, "row %d", i);
		cr_expect_eq(share_steps_compute(s, r->compute_milli), r->compute, "row %d: %ld", i,
			share_steps_compute(s, r->compute_milli));
	}
	cr_expect_null(share_steps_find(S("none")));
	const share_steps *s = share_steps_find(S("sgpu"));
	for (int64_t milli = 0; milli <= 1000; milli++)
		cr_expect_eq(share_steps_compute(s, share_steps_compute(s, milli)), share_steps_compute(s, milli));
}

/* HAMi's cases on an A100 of 40 GiB, with the sizes and profiles that its tests use. */
static const geometry_profile hami_profiles[] = {
	{{"1g.5gb", 6}, 5120, {1}, 0x7f, 1, PROFILE_HIGH},
	{{"2g.10gb", 7}, 10240, {2}, 0x15, 2, 0},
	{{"3g.20gb", 7}, 20480, {3}, 0x11, 4, PROFILE_HIGH},
	{{"7g.40gb", 7}, 40960, {7}, 0x01, 8, 0},
};
static const geometry hami_a100 = {{"hami", 4}, hami_profiles, 4, 8, {7}, false};

typedef struct hami_row {
	int number; /* of the inventory of conformance cases */
	const char *state;
	int64_t memory_mib, percent;
	const char *profile; /* the answer; NULL: rejected */
	int32_t start;
	int64_t compute_percent;
} hami_row;

static const hami_row hami_rows[] = {
	{28, "", 20480, 0, "3g.20gb", 4, 42},
	{28, "3g.20gb@4", 10240, 0, "2g.10gb", 0, 28},
	{28, "3g.20gb@4 2g.10gb@0", 5120, 0, "1g.5gb", 3, 14},
	{28, "3g.20gb@4 2g.10gb@0 1g.5gb@3", 5120, 0, "1g.5gb", 2, 14},
	{29, "2g.10gb@0 2g.10gb@2 2g.10gb@4", 10240, 0, NULL, 0, 0},
	{29, "2g.10gb@0 2g.10gb@2 2g.10gb@4", 5120, 0, "1g.5gb", 6, 14},
	{30, "", 10000, 0, "2g.10gb", 0, 28},
	{30, "3g.20gb@4 2g.10gb@0 1g.5gb@3", 0, 25, NULL, 0, 0},
};

Test(geometry, hami_mig_cases_28_to_30)
{
	const geometry *g = &hami_a100;

	for (int i = 0; i < COUNT_OF(hami_rows); i++) {
		const hami_row *r = &hami_rows[i];
		geometry_state s = state_of(g, r->state);
		geometry_ask asked = {.memory_mib = r->percent ? share_memory_mib(r->percent, 40960) : r->memory_mib};
		int32_t p = geometry_serve(g, &s, &asked, 40960);
		int32_t want = r->profile ? profile_of(g, r->profile) : GEOMETRY_NONE;
		cr_expect_eq(p, want, "case %d row %d: %d", r->number, i, p);
		if (p == GEOMETRY_NONE)
			continue;
		cr_expect_eq(geometry_choose_hami(g, &s, p), r->start, "case %d row %d", r->number, i);
		cr_expect_eq(geometry_compute_milli(g, p) / 10, r->compute_percent, "case %d row %d", r->number, i);
	}
}

Test(geometry, hami_ascend_case_34_rounds_up_to_the_template)
{
	const geometry *g = the("vnpu-910b3");
	int32_t p = geometry_serve(g, NULL, &(geometry_ask){.memory_mib = 5000}, 65536);

	cr_expect_eq(g->profiles[p].memory_mib, 16384);
}
