/* HAMi's own vectors for scores, fit, instances and NUMA nodes, by the numbers of reference/hami.md 10.3; number 0
 * stands for what vendors add. Requests are as a decoder hands them over. */
#include "engine/geometry_choose.h"
#include "engine/score_hami.h"
#include "fixture.h"

#include <string.h>

/* Cards are "node/card=MiB" or "node/card=MiB@numa", in the order of their index from 0. Load is "card=MiB/milli",
 * "card:profile@start" or "card!flag" (c: cordoned). What is wanted: cards by index, "card:profile@start", or "-code".
 * A bar parts answers that are equally good. */
typedef struct hami_row {
	int nr;
	const char *rule, *cut, *cards, *load;
	const char *profile, *class, *uuid;
	int32_t count, percent, compute_milli;
	int64_t memory_mib;
	ask_policy nodes, devices;
	uint8_t chain[4];
	uint16_t weights[3];
	bool numa_bind, own_classes;
	ask_topology topology;
	int32_t link_min;
	int64_t limit_memory_mib, limit_compute_milli;
	int32_t slots, default_milli;
	const char *want;
} hami_row;

#define F2X2                                                                                                           \
	.cards = "node1/device1=8000 node1/device2=8000 node2/device3=8000 node2/device4=8000",                        \
	.load = "device1=2000/250 device4=6000/750"
#define Q4           .cards = "n/a=2000 n/b=8000 n/c=4000 n/d=6000"
#define AB           .cards = "n/A=1000@1 n/B=1000@0", .load = "A=100/900 B=28/14 B=28/14 B=28/14 B=28/14 B=29/14 B=29/15 B=30/15"
#define BIN          .nodes = POLICY_HAMI_BINPACK
#define SPREAD       .nodes = POLICY_HAMI_SPREAD
#define BIN_CARDS    .devices = POLICY_HAMI_BINPACK
#define SPREAD_CARDS .devices = POLICY_HAMI_SPREAD
#define A100         .cut = "hami-a100", .cards = "n/A=40960"
#define NPU                                                                                                            \
	.cut = "ascend-910c", .cards = "n/0=65536 n/1=65536 n/2=65536 n/3=65536 n/4=65536 n/5=65536 n/6=65536 n/7=65536"
#define XPU                                                                                                            \
	.cut = "kunlun-xpu", .cards = "n/0=98304 n/1=98304 n/2=98304 n/3=98304 n/4=98304 n/5=98304 n/6=98304 n/7=98304"

/* clang-format off */
static const hami_row rows[] = {
	{1, "binpack, binpack", F2X2, .count = 1, .memory_mib = 1000, .compute_milli = 200, BIN, BIN_CARDS, .want = "device4"},
	{2, "binpack, spread", F2X2, .count = 1, .memory_mib = 1000, .compute_milli = 200, BIN, SPREAD_CARDS, .want = "device3"},
	{3, "spread, binpack", F2X2, .count = 1, .memory_mib = 1000, .compute_milli = 200, SPREAD, BIN_CARDS, .want = "device1"},
	{4, "spread, spread", F2X2, .count = 1, .memory_mib = 1000, .compute_milli = 200, SPREAD, SPREAD_CARDS, .want = "device2"},
	{5, "the peak of init and app, not their sum", F2X2, .count = 1, .memory_mib = 5000, .compute_milli = 200, BIN, BIN_CARDS, .want = "device3"},
	{9, "binpack: the fuller by all three", AB, .count = 1, .percent = 40, BIN, BIN_CARDS, .want = "A"},
	{9, "spread: the emptier by all three", AB, .count = 1, .percent = 40, BIN, SPREAD_CARDS, .want = "B"},
	{9, "memory counts three times, binpack", AB, .count = 1, .percent = 40, BIN, BIN_CARDS, .weights = {1, 1, 3}, .want = "B"},
	{9, "memory counts three times, spread", AB, .count = 1, .percent = 40, BIN, SPREAD_CARDS, .weights = {1, 1, 3}, .want = "A"},
	{9, "compute counts three times, binpack", AB, .count = 1, .percent = 40, BIN, BIN_CARDS, .weights = {1, 3, 1}, .want = "A"},
	{11, "bound to a NUMA node, that comes first", AB, .count = 1, .percent = 40, BIN, BIN_CARDS, .numa_bind = true, .want = "A"},
	{11, "whatever the weights", AB, .count = 1, .percent = 40, BIN, BIN_CARDS, .weights = {1, 1, 3}, .numa_bind = true, .want = "A"},
	{11, "and the policy", AB, .count = 1, .percent = 40, BIN, SPREAD_CARDS, .numa_bind = true, .want = "A"},
	{12, "two cards within the quota", Q4, .count = 2, .memory_mib = 2000, .compute_milli = 1000, BIN, SPREAD_CARDS, .limit_memory_mib = 4000, .limit_compute_milli = 2000, .want = "b d|d b|a b|a c|a d|b c|c d"},
	{13, "two cards beyond it", Q4, .count = 2, .memory_mib = 3000, .compute_milli = 600, BIN, SPREAD_CARDS, .limit_memory_mib = 4000, .limit_compute_milli = 2000, .want = "-quota_limit"},
	{14, "a whole card: the one that the quota covers", Q4, .count = 1, .compute_milli = ASK_ABSENT, BIN, SPREAD_CARDS, .own_classes = true, .limit_memory_mib = 2000, .want = "a"},
	{14, "a whole card: none is covered", Q4, .count = 1, .compute_milli = ASK_ABSENT, BIN, SPREAD_CARDS, .own_classes = true, .limit_memory_mib = 1500, .want = "-quota_limit"},
	{27, "another type", Q4, .class = "other", .count = 1, .memory_mib = 100, .want = "-no_such_class"},
	{27, "time slices are used up", .cards = "n/a=8000", .load = "a=10/10 a=10/10", .slots = 2, .count = 1, .memory_mib = 100, .want = "-no_fitting_device"},
	{27, "memory is short", .cards = "n/a=8000", .load = "a=6000/10", .count = 1, .memory_mib = 2001, .want = "-no_fitting_device"},
	{27, "compute is short", .cards = "n/a=8000", .load = "a=6000/600", .count = 1, .memory_mib = 100, .compute_milli = 401, .want = "-no_fitting_device"},
	{27, "more than the card has", .cards = "n/a=8000", .count = 1, .memory_mib = 8001, .want = "-too_large"},
	{27, "exclusive beside others", .cards = "n/a=8000", .load = "a=10/10", .count = 1, .memory_mib = 100, .compute_milli = 1000, .want = "-no_fitting_device"},
	{27, "a full card and nothing reserved", .cards = "n/a=8000", .load = "a=10/1000", .count = 1, .memory_mib = 100, .want = "-no_fitting_device"},
	{27, "an instance of a card that is shared", .cards = "n/a=8000", .profile = "1g.5gb", .count = 1, .want = "-class_rule"},
	{27, "a share of a card that is cut: an instance", A100, .count = 1, .memory_mib = 100, .want = "A:1g.5gb@6|A:1g.5gb@0"},
	{27, "another card by name", Q4, .uuid = "z", .count = 1, .memory_mib = 100, .want = "-no_such_class"},
	{27, "a card by name", Q4, .uuid = "c", .count = 1, .memory_mib = 100, .want = "c"},
	{27, "two NUMA nodes with one card each", .cards = "n/a=8000@0 n/b=8000@1", .numa_bind = true, .count = 2, .memory_mib = 100, .want = "-numa"},
	{27, "the same in HAMi's order", .cards = "n/a=8000@0 n/b=8000@1", .numa_bind = true, .count = 2, .memory_mib = 100, SPREAD_CARDS, .want = "-numa"},
	{27, "two cards of one NUMA node", .cards = "n/a=8000@0 n/b=8000@1 n/c=8000@0", .numa_bind = true, .count = 2, .memory_mib = 100, .want = "a c"},
	{27, "the same in HAMi's order", .cards = "n/a=8000@0 n/b=8000@1 n/c=8000@0", .numa_bind = true, .count = 2, .memory_mib = 100, SPREAD_CARDS, .want = "a c"},
	{27, "cordoned", .cards = "n/a=8000", .load = "a!c", .count = 1, .memory_mib = 100, .want = "-node_closed"},
	{27, "idle cards only", .cards = "n/a=8000 n/b=8000", .load = "a=10/10", .count = 1, .memory_mib = 100, .devices = POLICY_HAMI_CHAIN, .chain = {HAMI_MUTEX, HAMI_BINPACK}, .want = "b"},
	{27, "idle cards only, and none is", .cards = "n/a=8000", .load = "a=10/10", .count = 1, .memory_mib = 100, .devices = POLICY_HAMI_CHAIN, .chain = {HAMI_MUTEX}, .want = "-no_fitting_device"},
	{28, "3g goes high", A100, .profile = "3g.20gb", .count = 1, BIN_CARDS, .want = "A:3g.20gb@4"},
	{28, "2g goes low", A100, .load = "A:3g.20gb@4", .profile = "2g.10gb", .count = 1, BIN_CARDS, .want = "A:2g.10gb@0"},
	{28, "1g goes high", A100, .load = "A:3g.20gb@4 A:2g.10gb@0", .profile = "1g.5gb", .count = 1, BIN_CARDS, .want = "A:1g.5gb@3"},
	{28, "1g goes on", A100, .load = "A:3g.20gb@4 A:2g.10gb@0 A:1g.5gb@3", .profile = "1g.5gb", .count = 1, BIN_CARDS, .want = "A:1g.5gb@2"},
	{29, "three 2g leave no fourth", A100, .load = "A:2g.10gb@0 A:2g.10gb@2 A:2g.10gb@4", .profile = "2g.10gb", .count = 1, BIN_CARDS, .want = "-profile"},
	{29, "three 2g leave a 1g", A100, .load = "A:2g.10gb@0 A:2g.10gb@2 A:2g.10gb@4", .profile = "1g.5gb", .count = 1, BIN_CARDS, .want = "A:1g.5gb@6"},
	{30, "an amount takes the smallest that serves", A100, .count = 1, .memory_mib = 10000, BIN_CARDS, .want = "A:2g.10gb@0"},
	{30, "a quarter is no 1g", A100, .load = "A:2g.10gb@0 A:2g.10gb@2 A:2g.10gb@4", .count = 1, .percent = 25, BIN_CARDS, .want = "-profile"},
	{34, "one die is raised to its module", NPU, .count = 1, .compute_milli = ASK_ABSENT, .want = "0 1"},
	{34, "three dies are refused", NPU, .count = 3, .compute_milli = ASK_ABSENT, .want = "-class_rule"},
	{34, "four of 0, 1, 2, 4 and 6", NPU, .load = "3:whole@0 5:whole@0 7:whole@0", .count = 4, .compute_milli = ASK_ABSENT, .want = "-topology"},
	{34, "two of 0 and 2", NPU, .load = "1:whole@0 3:whole@0 4:whole@0 5:whole@0 6:whole@0 7:whole@0", .count = 2, .compute_milli = ASK_ABSENT, .want = "-topology"},
	{34, "two of 0 and 1", NPU, .load = "2:whole@0 3:whole@0 4:whole@0 5:whole@0 6:whole@0 7:whole@0", .count = 2, .compute_milli = ASK_ABSENT, .want = "0 1"},
	{34, "a slice is of the next template", .cut = "ascend-910b3", .cards = "n/A=65536", .count = 1, .memory_mib = 5000, .want = "A:vir05_1c_16g@0"},
	{34, "above the largest the whole card", .cut = "ascend-910b3", .cards = "n/A=65536", .count = 1, .memory_mib = 40000, .want = "A:whole@0"},
	{34, "no slices of several cards", .cut = "ascend-910b3", .cards = "n/A=65536 n/B=65536", .count = 2, .memory_mib = 5000, .want = "-class_rule"},
	{0, "Moore Threads: two cards are whole", .cut = "mthreads-sgpu", .cards = "n/a=49152 n/b=49152", .load = "a=1024/63", .count = 2, .memory_mib = 1024, .want = "-no_fitting_device"},
	{0, "Moore Threads: one may be shared", .cut = "mthreads-sgpu", .cards = "n/a=49152 n/b=49152", .load = "a=1024/63", .count = 1, .memory_mib = 1024, .want = "a"},
	{0, "Kunlun: two of one wing", XPU, .load = "1=1/1000 2=1/1000 3=1/1000 6=1/1000", .count = 2, .compute_milli = ASK_ABSENT, .topology = TOPOLOGY_BEST_EFFORT, .want = "4 5|4 7|5 7"},
	{0, "Kunlun: across wings where they are linked", XPU, .load = "0=1/1000 1=1/1000 3=1/1000 4=1/1000 5=1/1000 7=1/1000", .count = 2, .compute_milli = ASK_ABSENT, .topology = TOPOLOGY_REQUIRED, .link_min = 50, .want = "2 6"},
	{0, "Kunlun: not where they are not", XPU, .load = "0=1/1000 1=1/1000 3=1/1000 4=1/1000 5=1/1000 6=1/1000", .count = 2, .compute_milli = ASK_ABSENT, .topology = TOPOLOGY_REQUIRED, .link_min = 50, .want = "-topology"},
	{0, "Kunlun: not in threes", XPU, .count = 3, .compute_milli = ASK_ABSENT, .want = "-class_rule"},
	{0, "Neuron: one core of two", .cut = "neuron-core", .cards = "n/a=32768", .load = "a:1c@0", .profile = "1c", .count = 1, .want = "a:1c@1"},
	{0, "Hygon: nothing said of compute takes all of it", .cut = "hygon-dcu", .cards = "n/a=8000", .load = "a=10/10", .default_milli = 1000, .count = 1, .memory_mib = 100, .compute_milli = ASK_ABSENT, .want = "-no_fitting_device"},
	{0, "vXPU: one size per card", .cut = "kunlun-vxpu", .cards = "n/a=98304", .load = "a:24g@0", .count = 1, .memory_mib = 30000, .want = "-profile"},
	{0, "vXPU: the size that is there", .cut = "kunlun-vxpu", .cards = "n/a=98304", .load = "a:24g@0", .count = 1, .memory_mib = 20000, .want = "a:24g@0"},
};

#define HAMI_PROFILE(name, mib, slices, width, starts, flags) {{name, sizeof name - 1}, mib, {slices, 0, 0}, starts, width, flags}
/* clang-format on */

/* HAMi's sizes of an A100 with 40 GiB. */
static const geometry_profile hami_profiles[] = {
	HAMI_PROFILE("1g.5gb", 5120, 1, 1, 0x7f, PROFILE_HIGH),
	HAMI_PROFILE("2g.10gb", 10240, 2, 2, 0x15, 0),
	HAMI_PROFILE("3g.20gb", 20480, 3, 4, 0x11, PROFILE_HIGH),
	HAMI_PROFILE("7g.40gb", 40960, 7, 8, 0x01, 0),
};
static const geometry hami_a100 = {{"hami-a100", 9}, hami_profiles, 4, 8, {7, 0, 0}, false};

typedef struct scene {
	const hami_row *r;
	fleet f;
	int32_t cluster;
	quota *q;
	int32_t tenant;
} scene;

static class_cut cut_of(const hami_row *r)
{
	class_cut cut = {0};

	if (r->cut && strcmp(r->cut, "hami-a100") == 0)
		return (class_cut){.geometry = &hami_a100, .mode = CUT_INSTANCES};
	cr_assert(!r->cut || cut_named(str_from(r->cut), &cut), "%s", r->cut);
	return cut;
}

static int64_t number_of(str s)
{
	int64_t n = 0;

	cr_assert(str_to_i64(s, &n), "%.*s", (int)s.n, s.p);
	return n;
}

static void card_add(scene *s, str word)
{
	str node_name = str_split(&word, '/'), name = str_split(&word, '='), mib = str_split(&word, '@');
	int32_t node = fleet_node_find(&s->f, s->cluster, node_name), device;
	node_spec host = {node_name, 64000, 262144, 0, FLEET_NONE};
	int32_t class_id = fleet_class_put(&s->f, s->r->own_classes ? name : S("NVIDIA"));
	class_cut cut = cut_of(s->r);

	if (node == FLEET_NONE)
		node = fleet_node_put(&s->f, s->cluster, &host);
	fleet_class_set(&s->f, class_id,
		(class_spec){.slots = s->r->slots ? s->r->slots : 10, .compute_default_milli = s->r->default_milli});
	fleet_class_cut(&s->f, class_id, &cut);
	device_spec spec = {
		.uuid = name,
		.class_id = class_id,
		.index = s->f.nodes.v[node].n_devices,
		.memory_mib = number_of(mib),
		.numa = word.n ? 1 + (int32_t)number_of(word) : 0,
	};
	cr_assert_eq(fleet_device_put(&s->f, node, &spec, &device), ERR_OK);
}

static void load_add(scene *s, str word)
{
	str all = word, name = str_split(&word, '=');
	plan p;

	plan_init(&p);
	p.cluster = s->cluster;
	plan_device d = {.device = FLEET_NONE};
	if (word.p) {
		d.memory_mib = number_of(str_split(&word, '/'));
		d.compute_milli = number_of(word);
	} else {
		word = all;
		name = str_split(&word, ':');
	}
	if (!d.memory_mib && !word.p) {
		word = all;
		name = str_split(&word, '!');
		fleet_device_flag(&s->f, fleet_device_find(&s->f, s->cluster, name), FLEET_CORDONED, true);
		return;
	}
	d.device = fleet_device_find(&s->f, s->cluster, name);
	cr_assert(d.device != FLEET_NONE, "%.*s", (int)all.n, all.p);
	if (!d.memory_mib) {
		const geometry *g = s->f.devices.v[d.device].geometry;
		int32_t profile = geometry_profile_find(g, str_split(&word, '@'));
		cr_assert(profile >= 0, "%.*s", (int)all.n, all.p);
		d.profile = (int16_t)(profile + 1);
		d.start = (int16_t)number_of(word);
		d.memory_mib = g->profiles[profile].memory_mib;
		d.compute_milli = geometry_compute_milli(g, profile);
	}
	plan_add_pod(&p, 0, 0, s->f.devices.v[d.device].node, 0, 0);
	plan_add_device(&p, d);
	fleet_book(&s->f, &p);
	plan_done(&p);
}

/* Modules of two; wings of four, and a link from each card to the one opposite. */
static void scene_link(scene *s)
{
	uint16_t weight[64];
	int16_t group[8];
	topology t = {8, weight, NULL, group};

	for (int a = 0; a < 8; a++) {
		group[a] = (int16_t)(a / 2);
		for (int b = 0; b < 8; b++)
			weight[a * 8 + b] = a / 4 == b / 4 ? 100 : a % 4 == b % 4 ? 50 : 0;
	}
	for (uint32_t i = 0; i < s->f.clusters.v[s->cluster].nodes.n; i++)
		fleet_node_link(&s->f, s->f.clusters.v[s->cluster].nodes.v[i], &t);
}

static void scene_open(scene *s, const hami_row *r)
{
	*s = (scene){.r = r};
	fleet_init(&s->f);
	s->cluster = fleet_cluster_put(&s->f, S("c"));
	for (str rest = str_from(r->cards); rest.n;)
		card_add(s, str_split(&rest, ' '));
	scene_link(s);
	for (str rest = str_from(r->load ? r->load : ""); rest.n;)
		load_add(s, str_split(&rest, ' '));
	if (!r->limit_memory_mib)
		return;
	s->q = quota_new();
	cr_assert_eq(quota_add(s->q, QUOTA_ROOT, &s->tenant), ERR_OK);
	for (int32_t c = 0; c < (int32_t)s->f.classes.n; c++) {
		quota_terms terms = quota_terms_unset();
		quota_set_root(s->q, c, (amounts){{100000, 100000, 100000}});
		terms.limit.v[AXIS_MEMORY_MIB] = r->limit_memory_mib;
		if (r->limit_compute_milli)
			terms.limit.v[AXIS_COMPUTE_MILLI] = r->limit_compute_milli;
		quota_set(s->q, s->tenant, c, &terms);
	}
}

static ask *ask_of(const hami_row *r, scene *s, one_ask *o, int32_t *class_id, str *uuid)
{
	ask_entry e = {.count = r->count,
		.memory_mib = r->memory_mib,
		.memory_percent = r->percent,
		.compute_milli = r->compute_milli,
		.profile = str_from(r->profile ? r->profile : ""),
		.numa_bind = r->numa_bind,
		.topology = r->topology,
		.link_min = r->link_min};

	if (r->class) {
		*class_id = fleet_class_put(&s->f, str_from(r->class));
		e.classes = class_id;
		e.n_classes = 1;
	}
	if (r->uuid) {
		*uuid = str_from(r->uuid);
		e.uuids = (strs){uuid, 1};
	}
	ask *a = ask_one(o, e, 1);
	a->node_policy = r->nodes;
	a->device_policy = r->devices;
	memcpy(a->hami.chain, r->chain, sizeof r->chain);
	memcpy(a->hami.weights, r->weights, sizeof r->weights);
	return a;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The answer in the words of `want`. */
static void answer(const scene *s, const plan *p, char *out, size_t room)
{
	char words[8][48];
	size_t at = 0;

	for (uint32_t i = 0; i < p->devices.n; i++) {
		const plan_device *d = &p->devices.v[i];
		str uuid = s->f.device_uuids.v[d->device];
		const geometry *g = s->f.devices.v[d->device].geometry;
		str profile = d->profile ? g->profiles[d->profile - 1].name : STR_NONE;
		if (d->profile && p->devices.n == 1)
			snprintf(words[i], sizeof *words, "%.*s:%.*s@%d", (int)uuid.n, uuid.p, (int)profile.n,
				profile.p, d->start);
		else
			snprintf(words[i], sizeof *words, "%.*s", (int)uuid.n, uuid.p);
	}
	qsort(words, p->devices.n, sizeof *words, by_text);
	for (uint32_t i = 0; i < p->devices.n; i++)
		at += (size_t)snprintf(out + at, room - at, "%s%s", i ? " " : "", words[i]);
}

static bool is_among(const char *wanted, const char *got)
{
	for (str rest = str_from(wanted); rest.n;)
		if (str_eq(str_split(&rest, '|'), str_from(got)))
			return true;
	return false;
}

Test(hami, its_own_vectors_come_out_as_it_has_them)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const hami_row *r = &rows[i];
		scene s;
		one_ask o;
		plan p;
		why reasons;
		char got[256] = "";
		int32_t class_id;
		str uuid;
		place *w = place_new();

		scene_open(&s, r);
		plan_init(&p);
		ask *a = ask_of(r, &s, &o, &class_id, &uuid);
		if (place_find(w, &s.f, s.q, s.tenant, a, &p, &reasons))
			answer(&s, &p, got, sizeof got);
		else
			snprintf(got, sizeof got, "-%s", why_name(reasons.v[0].code));
		cr_expect(is_among(r->want, got), "case %d, %s: %s, not %s", r->nr, r->rule, got, r->want);
		plan_done(&p);
		place_free(w);
		quota_free(s.q);
		fleet_done(&s.f);
	}
}

typedef struct score_row {
	int nr;
	int64_t used[3], total[3];
	uint16_t weights[3];
	float want;
} score_row;

/* Slots, compute, memory; used counts the request. */
static const score_row scores[] = {
	{2, {1, 20, 1000}, {10, 100, 8000}, {0}, 4.25F},
	{2, {2, 95, 7000}, {10, 100, 8000}, {0}, 20.25F},
	{6, {2, 1, 2048}, {10, 4, 8192}, {0}, 7.0F},
	{7, {3, 2, 3072}, {10, 4, 8192}, {0}, 11.75F},
	{8, {1, 2, 5000}, {10, 10, 10000}, {0}, 8.0F},
	{9, {2, 90, 50}, {10, 100, 100}, {0}, 16.0F},
	{9, {8, 10, 60}, {10, 100, 100}, {0}, 15.0F},
	{9, {2, 90, 50}, {10, 100, 100}, {1, 1, 3}, 26.0F},
	{9, {8, 10, 60}, {10, 100, 100}, {1, 1, 3}, 27.0F},
	{9, {2, 90, 50}, {10, 100, 100}, {1, 3, 1}, 34.0F},
	{9, {8, 10, 60}, {10, 100, 100}, {1, 3, 1}, 17.0F},
	{6, {2, 1, 2048}, {10, 0, 8192}, {0}, 0},
};

Test(hami, scores_are_its_scores)
{
	for (size_t i = 0; i < sizeof scores / sizeof *scores; i++) {
		const score_row *r = &scores[i];
		hami_load l;
		memcpy(l.used, r->used, sizeof l.used);
		memcpy(l.total, r->total, sizeof l.total);
		float got = hami_score(&l, r->weights);
		cr_expect(got > r->want - 1e-4F && got < r->want + 1e-4F, "case %d: %f, not %f", r->nr, (double)got,
			(double)r->want);
	}
}
