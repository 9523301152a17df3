#include "fixture.h"

#include "engine/link.h"

#define COUNT_OF(a) (int)(sizeof(a) / sizeof *(a))

typedef struct node {
	uint16_t weight[LINK_DEVICES_MAX * LINK_DEVICES_MAX];
	int16_t numa[LINK_DEVICES_MAX], group[LINK_DEVICES_MAX];
	topology t;
} node;

static void link_pair(node *x, int a, int b, int weight)
{
	x->weight[a * x->t.n + b] = x->weight[b * x->t.n + a] = (uint16_t)weight;
}

/* n devices, all pairs alike, NUMA nodes of n / 2, every device for itself. */
static node *node_of(int n, int weight)
{
	static node x;

	memset(&x, 0, sizeof x);
	x.t = (topology){n, x.weight, x.numa, x.group};
	for (int i = 0; i < n; i++) {
		x.numa[i] = (int16_t)(i >= n / 2);
		x.group[i] = LINK_NONE;
		for (int j = 0; j < i; j++)
			link_pair(&x, i, j, weight);
	}
	return &x;
}

/* Two quads, each fully meshed by NVLink, across the bridge between. */
static node *two_quads(void)
{
	node *x = node_of(8, LINK_SCORE_CROSS_CPU);

	for (int a = 0; a < 8; a++)
		for (int b = 0; b < a; b++)
			if (a / 4 == b / 4)
				link_pair(x, a, b, LINK_SCORE_NVLINK);
	return x;
}

/* Wings of four with a cross link from each device to its like. */
static node *two_wings(void)
{
	node *x = node_of(8, 0);

	for (int a = 0; a < 8; a++)
		for (int b = 0; b < a; b++)
			if (a / 4 == b / 4)
				link_pair(x, a, b, 100);
			else if (a % 4 == b % 4)
				link_pair(x, a, b, 50);
	return x;
}

typedef struct quad_row {
	const char *rule;
	uint64_t free;
	int32_t count;
	uint64_t want;
} quad_row;

static const quad_row quad_rows[] = {
	{"a quad is given whole", 0xff, 4, 0x0f},
	{"two come from one quad", 0xff, 2, 0x03},
	{"of equal pairs the one from the broken quad", 0x3f, 2, 0x30},
	{"one device comes from the broken quad", 0x7f, 1, 0x10},
	{"one device leaves a whole quad alone", 0x1f, 1, 0x10},
	{"three come from the quad of three", 0xf7, 3, 0x07},
	{"five take a quad and one", 0xff, 5, 0x1f},
	{"all of them", 0xff, 8, 0xff},
	{"more than are free", 0x0f, 5, 0},
};

Test(link, a_set_is_well_linked_and_leaves_the_others_so)
{
	node *x = two_quads();

	for (int i = 0; i < COUNT_OF(quad_rows); i++) {
		const quad_row *r = &quad_rows[i];
		uint64_t set = 0;
		bool found = link_choose(&x->t, r->free, &(link_ask){.count = r->count}, &set);
		cr_expect_eq(found, r->want != 0, "%s", r->rule);
		cr_expect_eq(set, r->want, "%s: %lx", r->rule, set);
	}
}

Test(link, wings_and_allowed_counts_are_data)
{
	node *x = two_wings();
	link_ask asked = {.count = 2, .counts = 0x8b}; /* 1, 2, 4, 8 */
	uint64_t set = 0;

	cr_assert(link_choose(&x->t, 0xff, &asked, &set));
	cr_expect_eq(set, 0x03);
	cr_assert(link_choose(&x->t, 0x94, &asked, &set));
	cr_expect_eq(set, 0x90, "within a wing, %lx", set);
	cr_assert(link_choose(&x->t, 0x1 | 0x10 | 0x20 | 0x40, &asked, &set));
	cr_expect_eq(set, 0x60, "the two without a cross link: %lx", set);
	cr_assert(link_choose(&x->t, 0x4 | 0x10 | 0x40, &(link_ask){.count = 2, .cost = NULL}, &set));
	cr_expect_eq(set, 0x50);
	asked.count = 3;
	cr_expect(!link_choose(&x->t, 0xff, &asked, &set));
}

Test(link, the_weakest_pair_can_be_what_counts)
{
	node *x = node_of(4, 50);
	uint64_t set = 0;

	/* 0-1-2: two strong links and a weak one; 1-2-3: three of the middle. */
	link_pair(x, 0, 1, 600);
	link_pair(x, 0, 2, 600);
	link_pair(x, 1, 2, 10);
	link_pair(x, 1, 3, 100);
	link_pair(x, 2, 3, 100);
	link_pair(x, 0, 3, 20);
	cr_assert(link_choose(&x->t, 0xf, &(link_ask){.count = 3, .goal = LINK_MOST}, &set));
	cr_expect_eq(set, 0x7);
	cr_expect_eq(link_weight(&x->t, set), 1210);
	cr_assert(link_choose(&x->t, 0xf, &(link_ask){.count = 3, .goal = LINK_WORST}, &set));
	cr_expect_eq(link_weakest(&x->t, set), 20);
	cr_expect_eq(set, 0xb);
}

Test(link, cost_breaks_ties_and_hami_does_not_look_at_the_rest)
{
	static const uint16_t cost[8] = {5, 4, 5, 4, 9, 9, 9, 9};
	node *x = two_quads();
	uint64_t set = 0;

	cr_assert(link_choose(&x->t, 0xff, &(link_ask){.count = 2, .cost = cost}, &set));
	cr_expect_eq(set, 0x0a);
	cr_assert(link_choose(&x->t, 0x3f, &(link_ask){.count = 2, .cost = cost}, &set));
	cr_expect_eq(set, 0x30);
	cr_assert(link_choose(&x->t, 0x3f, &(link_ask){.count = 2, .cost = cost, .is_selfish = true}, &set));
	cr_expect_eq(set, 0x0a);
	cr_assert(link_choose(&x->t, 0x1f, &(link_ask){.count = 1, .cost = cost, .is_selfish = true}, &set));
	cr_expect_eq(set, 0x10, "one card is the worst connected, whatever it costs");
}

/* The search again without any cunning: all subsets of the right size. */
typedef struct brute {
	int64_t worth[4]; /* what is compared, in order */
	uint64_t set;
} brute;

static bool is_one_place(const topology *t, uint64_t set, link_bind bind)
{
	const int16_t *where = bind == LINK_ONE_NUMA ? t->numa : t->group;
	int first = __builtin_ctzll(set);

	if (bind == LINK_ANYWHERE || !(set & (set - 1)))
		return true;
	for (int i = 0; i < t->n; i++)
		if ((set >> i & 1) && where[i] != where[first])
			return false;
	return bind == LINK_ONE_NUMA || where[first] != LINK_NONE;
}

static bool is_of_whole_groups(const topology *t, uint64_t set, int size)
{
	for (int i = 0; i < t->n; i++) {
		int n = 0;
		if (!(set >> i & 1))
			continue;
		for (int j = 0; j < t->n; j++)
			if (j == i || (t->group[i] != LINK_NONE && t->group[i] == t->group[j])) {
				n++;
				if (!(set >> j & 1))
					return false;
			}
		if (n != size)
			return false;
	}
	return true;
}

static brute worth_of(const topology *t, uint64_t free, uint64_t set, const link_ask *asked)
{
	brute b = {.set = set};

	b.worth[0] = asked->goal == LINK_WORST ? LINK_WEIGHT_MAX : 0;
	for (int i = 0; i < t->n; i++) {
		if (!(set >> i & 1))
			continue;
		b.worth[3] -= asked->cost ? asked->cost[i] : 0;
		for (int j = 0; j < t->n; j++) {
			int64_t w = t->weight[i * t->n + j];
			if (j == i || !(free >> j & 1))
				continue;
			b.worth[2] -= asked->is_selfish ? 0 : w;
			if (!(set >> j & 1) || j < i)
				continue;
			b.worth[1] += w;
			if (asked->goal == LINK_WORST && w < b.worth[0])
				b.worth[0] = w;
		}
	}
	return b;
}

static bool is_better(const brute *a, const brute *b)
{
	for (int i = 0; i < 4; i++)
		if (a->worth[i] != b->worth[i])
			return a->worth[i] > b->worth[i];
	for (int i = 0; i < 64; i++)
		if ((a->set ^ b->set) >> i & 1)
			return a->set >> i & 1;
	return false;
}

static uint64_t brute_choose(const topology *t, uint64_t free, const link_ask *asked)
{
	brute best = {.set = 0};
	int32_t count = link_count(asked);

	for (uint64_t set = free; set && count; set = (set - 1) & free) {
		if (__builtin_popcountll(set) != count || !is_one_place(t, set, asked->bind))
			continue;
		if (asked->whole_groups > 1 && !is_of_whole_groups(t, set, asked->whole_groups))
			continue;
		brute b = worth_of(t, free, set, asked);
		if (!best.set || is_better(&b, &best))
			best = b;
	}
	return best.set;
}

static node *draw_node(uint64_t *seed, int n)
{
	static const int levels[] = {0, 10, 20, 50, 100, 600, 1800, LINK_WEIGHT_MAX};
	node *x = node_of(n, 0);
	int n_levels = 1 + (int)draw_below(seed, COUNT_OF(levels));

	for (int i = 0; i < n; i++) {
		x->numa[i] = (int16_t)draw_below(seed, 3);
		x->group[i] = (int16_t)(draw_below(seed, n / 2 + 1) - 1);
		for (int j = 0; j < i; j++)
			link_pair(x, i, j, levels[draw_below(seed, n_levels)]);
	}
	return x;
}

static void check_exact(uint64_t *seed, uint64_t given, int n)
{
	node *x = draw_node(seed, n);
	uint16_t cost[LINK_DEVICES_MAX];
	uint64_t free = draw(seed) & (((uint64_t)1 << n) - 1), set = 0;

	for (int i = 0; i < n; i++)
		cost[i] = (uint16_t)draw_below(seed, LINK_COST_MAX + 1);
	link_ask asked = {
		.count = 1 + (int32_t)draw_below(seed, n),
		.goal = (link_goal)draw_below(seed, 2),
		.bind = (link_bind)draw_below(seed, 3),
		.whole_groups = draw_below(seed, 3) ? 0 : 2,
		.cost = draw_below(seed, 2) ? cost : NULL,
	};
	bool found = link_choose(&x->t, free, &asked, &set);
	uint64_t want = brute_choose(&x->t, free, &asked);
	cr_assert_eq(found, want != 0, "seed %lu", given);
	cr_assert_eq(set, want, "n %d k %d goal %d bind %d groups %d free %lx: %lx, not %lx (seed %lu)", n, asked.count,
		asked.goal, asked.bind, asked.whole_groups, free, set, want, given);
}

Test(link, choices_are_those_of_all_subsets)
{
	uint64_t seed = seed_of_run(), given = seed;

	for (int round = 0; round < 3000; round++)
		check_exact(&seed, given, 1 + (int)draw_below(&seed, 9));
	for (int round = 0; round < 60; round++)
		check_exact(&seed, given, 10 + (int)draw_below(&seed, 4));
}

Test(link, beyond_the_exact_size_sets_are_legal_and_no_swap_is_better)
{
	uint64_t seed = seed_of_run(), given = seed;

	for (int round = 0; round < 60; round++) {
		int n = 17 + (int)draw_below(&seed, 48);
		node *x = draw_node(&seed, n);
		uint64_t all = n == 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1;
		uint64_t free = (draw(&seed) | draw(&seed)) & all, set = 0;
		link_ask asked = {.count = 1 + (int32_t)draw_below(&seed, __builtin_popcountll(free))};
		cr_assert(link_choose(&x->t, free, &asked, &set), "seed %lu", given);
		cr_assert_eq(__builtin_popcountll(set), asked.count);
		cr_assert_eq(set & ~free, 0);
		brute had = worth_of(&x->t, free, set, &asked);
		for (int out = 0; out < n; out++)
			for (int in = 0; in < n; in++) {
				if (!(set >> out & 1) || !((free & ~set) >> in & 1))
					continue;
				uint64_t other = (set & ~((uint64_t)1 << out)) | (uint64_t)1 << in;
				brute b = worth_of(&x->t, free, other, &asked);
				b.set = had.set;
				cr_assert(!is_better(&b, &had), "seed %lu", given);
			}
	}
}

Test(link, blocks_of_a_large_node_are_found_whole)
{
	node *x = node_of(64, 10);
	uint64_t set = 0;

	for (int a = 0; a < 64; a++)
		for (int b = 0; b < a; b++)
			if (a / 8 == b / 8)
				link_pair(x, a, b, 1800);
	cr_assert(link_choose(&x->t, ~(uint64_t)0xff01, &(link_ask){.count = 8}, &set));
	cr_expect_eq(set, 0xff0000, "%lx", set);
	cr_assert(link_choose(&x->t, ~(uint64_t)0, &(link_ask){.count = 8, .goal = LINK_WORST}, &set));
	cr_expect_eq(set, 0xff, "%lx", set);
}

Test(link, a_pair_told_differently_by_its_ends_is_no_link)
{
	uint16_t weight[9] = {7, 100, 50, 100, 7, 9999, 40, 9999, 7};

	cr_expect_eq(link_settle(weight, 3), 1);
	cr_expect_eq(weight[1], 100);
	cr_expect_eq(weight[2], 0);
	cr_expect_eq(weight[6], 0);
	cr_expect_eq(weight[5], LINK_WEIGHT_MAX);
	cr_expect_eq(weight[7], LINK_WEIGHT_MAX);
}

typedef struct pair_row {
	int32_t count;
	uint64_t free;
	int32_t given; /* 0: no such count */
	uint64_t want;
} pair_row;

/* Case 34: modules of two, by index / 2. */
static const pair_row pair_rows[] = {
	{1, 0xff, 2, 0x03},
	{3, 0xff, 0, 0},
	{4, 0x57, 4, 0}, /* 0 1 2 4 6 */
	{2, 0x05, 2, 0}, /* 0 2 */
	{2, 0x03, 2, 0x03},
	{4, 0xf5, 4, 0xf0},
};

Test(link, hami_case_34_pairs_are_given_whole)
{
	node *x = node_of(8, 0);

	for (int i = 0; i < 8; i++)
		x->group[i] = (int16_t)(i / 2);
	for (int i = 0; i < COUNT_OF(pair_rows); i++) {
		const pair_row *r = &pair_rows[i];
		link_ask asked = {.count = r->count, .count_min = 2, .whole_groups = 2};
		uint64_t set = 0;
		cr_expect_eq(link_count(&asked), r->given, "row %d", i);
		cr_expect_eq(link_choose(&x->t, r->free, &asked, &set), r->want != 0, "row %d", i);
		cr_expect_eq(set, r->want, "row %d: %lx", i, set);
	}
}

Test(link, one_network_is_preferred_by_weight)
{
	node *x = node_of(8, 0);
	uint64_t set = 0;

	/* 0 2 4 6 on one network, 1 3 5 7 on the other. */
	for (int a = 0; a < 8; a++)
		for (int b = 0; b < a; b++)
			link_pair(x, a, b, a % 2 == b % 2 ? 10 : 0);
	cr_assert(link_choose(&x->t, 0xeb, &(link_ask){.count = 4}, &set));
	cr_expect_eq(set, 0xaa, "%lx", set);
}

typedef struct numa_row {
	int number; /* of the inventory of conformance cases */
	const char *rule;
	int16_t numa[4];
	int64_t score[4];
	int32_t n, count;
	bool is_numa_first;
	uint64_t fits;
	uint64_t want; /* 0: no fit */
	int32_t n_dropped;
} numa_row;

static const numa_row numa_rows[] = {
	{11, "by score alone the run is broken", {0, 0, 1}, {5, 1, 3}, 3, 2, false, 7, 0, 2},
	{11, "NUMA nodes side by side keep it", {0, 0, 1}, {5, 1, 3}, 3, 2, true, 7, 0x3, 1},
	{11, "whatever the scores", {0, 0, 1}, {1, 2, 9}, 3, 2, true, 7, 0x3, 1},
	{27, "cards of another NUMA node are dropped", {0, 1, 1}, {9, 5, 4}, 3, 2, false, 7, 0x6, 1},
	{27, "a card that cannot serve drops too", {0, 1, 0}, {9, 5, 4}, 3, 2, false, 5, 0, 1},
	{27, "one card needs no second", {0, 1, 0}, {4, 5, 9}, 3, 1, false, 7, 0x4, 0},
	{0, "ties go to the higher NUMA node", {0, 1, 0, 1}, {1, 1, 1, 1}, 4, 2, false, 15, 0xa, 0},
};

Test(link, hami_numa_cases_restart_on_another_node)
{
	for (int i = 0; i < COUNT_OF(numa_rows); i++) {
		const numa_row *r = &numa_rows[i];
		topology t = {.n = r->n, .numa = r->numa};
		int32_t order[4];
		link_walk walk;
		link_order_hami(&t, r->score, r->is_numa_first, order);
		bool fits = link_walk_numa(&t, order, r->n, r->fits, r->count, &walk);
		cr_expect_eq(fits, r->want != 0, "case %d: %s", r->number, r->rule);
		cr_expect(!fits || walk.set == r->want, "case %d: %s: %lx", r->number, r->rule, walk.set);
		cr_expect_eq(walk.n_dropped, r->n_dropped, "case %d: %s: %d", r->number, r->rule, walk.n_dropped);
	}
}

Test(link, bound_to_a_numa_node_the_best_node_is_taken)
{
	node *x = two_quads();
	uint64_t set = 0;

	cr_assert(link_choose(&x->t, 0xfe, &(link_ask){.count = 4, .bind = LINK_ONE_NUMA}, &set));
	cr_expect_eq(set, 0xf0);
	cr_expect(!link_choose(&x->t, 0x77, &(link_ask){.count = 4, .bind = LINK_ONE_NUMA}, &set));
	cr_assert(link_choose(&x->t, 0x77, &(link_ask){.count = 4}, &set));
}
