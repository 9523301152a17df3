#include <criterion/criterion.h>
#include "agents/vendors/inventory.h"

enum { CAPACITIES_MAX = 4 };

typedef struct made_node {
	const char *key, *value;
	const char *capacity[CAPACITIES_MAX][2];
} made_node;

static str made_annotation(void *arg, const char *key)
{
	const made_node *n = arg;

	return n->key && strcmp(key, n->key) == 0 ? str_from(n->value) : STR_NONE;
}

static bool made_capacity(void *arg, const char *resource, quantity *ret)
{
	const made_node *n = arg;

	for (int i = 0; i < CAPACITIES_MAX && n->capacity[i][0]; i++)
		if (strcmp(n->capacity[i][0], resource) == 0)
			return quantity_read(str_from(n->capacity[i][1]), ret) == ERR_OK;
	return false;
}

static err made_read(const made_node *n, const vendor *k, arena *a, inventory *ret, fault *f)
{
	inventory_node node = {.name = S("n1"), .arg = (void *)(uintptr_t)n, .annotation = made_annotation};

	node.capacity = made_capacity;
	cr_assert(k);
	return inventory_read(k, &node, a, ret, f);
}

static err told_read(const char *key, const char *value, arena *a, inventory *ret, fault *f)
{
	made_node n = {.key = key, .value = value};

	return made_read(&n, vendor_of_node_key(str_from(key)), a, ret, f);
}

Test(inventory, reads_the_list_of_today_and_the_text_of_old_as_the_same)
{
	static const char *const texts[] = {
		"[{\"id\":\"GPU-1\",\"count\":10,\"devmem\":32768,\"devcore\":100,\"type\":\"NVIDIA-Tesla V100\","
		"\"mode\":\"hami-core\",\"health\":true}]",
		"GPU-1,10,32768,100,NVIDIA-Tesla V100,0,true:",
		"GPU-1,10,32768,100,NVIDIA-Tesla V100,0,true,0,hami-core:",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		inventory all;
		fault f = {0};
		cr_assert_eq(told_read("hami.io/node-nvidia-register", texts[i], a, &all, &f), ERR_OK, "%s", f.detail);
		cr_assert_eq(all.n, 1);
		cr_expect(str_eq(all.v->uuid, S("GPU-1")) && str_eq(all.v->product, S("NVIDIA-Tesla V100")));
		cr_expect(str_eq(all.v->mode, S("hami-core")), "%zu", i);
		cr_expect(all.v->slots == 10 && all.v->memory_mib == 32768 && all.v->compute == 100);
		cr_expect(all.v->index == 0 && all.v->numa == 0 && all.v->is_healthy);
	}
}

Test(inventory, what_is_left_out_is_zero_and_not_healthy)
{
	AUTO_ARENA a = arena_new(0);
	inventory all;
	fault f = {0};

	cr_assert_eq(
		told_read("hami.io/node-register-Ascend910B3",
			"[{\"id\":\"U\",\"devmem\":65536,\"custominfo\":{\"NetworkID\":1.5},\"devicevendor\":\"x\"}]",
			a, &all, &f),
		ERR_OK, "%s %s", f.pointer, f.detail);
	cr_expect(all.n == 1 && !all.v->is_healthy && all.v->index == 0 && all.v->slots == 0);
}

Test(inventory, reads_the_profiles_of_a_device_that_is_cut)
{
	AUTO_ARENA a = arena_new(0);
	inventory all;

	cr_assert_eq(
		told_read("hami.io/node-nvidia-register",
			"[{\"id\":\"GPU-0\",\"count\":7,\"devmem\":40960,\"devcore\":100,\"type\":\"NVIDIA-A100-SXM4-40GB\","
			"\"health\":true,\"mode\":\"mig\",\"migProfiles\":[{\"name\":\"1g.5gb\",\"memoryMB\":4864,\"core\":15,"
			"\"sliceCount\":1,\"placements\":[{\"start\":6,\"size\":1},{\"size\":1}]}]}]",
			a, &all, NULL),
		ERR_OK);
	cr_assert_eq(all.v->n_profiles, 1);
	const inventory_profile *p = all.v->profiles;
	cr_expect(str_eq(p->name, S("1g.5gb")) && p->memory_mib == 4864 && p->compute == 15 && p->slices == 1);
	cr_expect(p->n_places == 2 && p->places[0].start == 6 && p->places[0].size == 1 && p->places[1].start == 0);
}

Test(inventory, reads_what_other_plugins_write)
{
	AUTO_ARENA a = arena_new(0);
	inventory all;
	fault f = {0};

	cr_assert_eq(told_read("volcano.sh/node-vgpu-register",
			     "GPU-1,1,1126,NVIDIA-NVIDIA GeForce GTX 1080 Ti,true:GPU-2,1,1126,NVIDIA-X,false:", a,
			     &all, &f),
		ERR_OK, "%s", f.detail);
	cr_expect(all.n == 2 && all.v[1].index == 1 && all.v[0].is_healthy && !all.v[1].is_healthy);
	cr_expect(all.v[0].memory_mib == 1126 && all.v[0].slots == 1);

	cr_assert_eq(
		told_read("metax-tech.com/node-gpu-devices",
			"[{\"uuid\":\"GPU-m\",\"model\":\"MXC500\",\"totalDevCount\":16,\"totalCompute\":100,\"totalVRam\":65536,"
			"\"availableVRam\":1,\"numa\":1,\"healthy\":true,\"qosPolicy\":\"best-effort\",\"linkZone\":2}]",
			a, &all, &f),
		ERR_OK, "%s", f.detail);
	cr_expect(all.n == 1 && all.v->slots == 16 && all.v->memory_mib == 65536 && all.v->numa == 1 &&
		  all.v->is_healthy);

	cr_assert_eq(
		told_read("enflame.com/gcu-drs-capacity",
			"{\"devices\":[{\"index\":\"0\",\"minor\":\"4\",\"capacity\":6},{\"index\":1,\"capacity\":\"6\"}],"
			"\"profiles\":{\"1g.8gb\":\"0\",\"6g.48gb\":\"3\",\"odd\":\"9\"},\"more\":[1]}",
			a, &all, &f),
		ERR_OK, "%s", f.detail);
	cr_assert(all.n == 2 && all.v[0].n_profiles == 2);
	cr_expect(str_eq(all.v[1].uuid, S("n1-enflame-drs-1")) && all.v[1].slots == 6 && all.v[1].memory_mib == 49152);
	cr_expect(str_eq(all.v[0].profiles[0].id, S("0")) && all.v[0].profiles[0].compute == 16);
}

typedef struct counted {
	const char *resource;
	made_node node;
	uint32_t n;
	const char *first;
	int64_t memory_mib, slots, last_numa;
} counted;

Test(inventory, makes_devices_of_capacity_where_nothing_tells_them)
{
	static const counted rows[] = {
		{"cambricon.com/vmlu",
			{.capacity = {{"cambricon.com/mlu.smlu.vcore", "400"},
				 {"cambricon.com/mlu.smlu.vmemory", "384"}}},
			4, "n1-cambricon-mlu-0", 24576, 100, 0},
		{"mthreads.com/vgpu",
			{.capacity = {{"mthreads.com/sgpu-core", "32"}, {"mthreads.com/sgpu-memory", "192"}}}, 2,
			"n1-mthreads-0", 49152, 100, 0},
		{"metax-tech.com/gpu", {.capacity = {{"metax-tech.com/gpu", "8"}}}, 8, "n1-metax-0", 65536, 1, 0},
		{"kunlunxin.com/xpu", {.capacity = {{"kunlunxin.com/xpu", "8"}}}, 8, "n1-kunlun-0", 98304, 100, 1},
		{"enflame.com/gcu", {.capacity = {{"enflame.com/gcu", "2"}}}, 2, "n1-GCU-0", 100, 1, 0},
		{"aws.amazon.com/neuron", {.capacity = {{"aws.amazon.com/neuron", "1"}}}, 1, "n1-AWSNeuron-0", 100, 2,
			0},
		{"kunlunxin.com/xpu", {.capacity = {{"cpu", "8"}}}, 0, NULL, 0, 0, 0},
		{"kunlunxin.com/xpu", {.capacity = {{"kunlunxin.com/xpu", "0"}}}, 0, NULL, 0, 0, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		inventory all;
		fault f = {0};
		cr_assert_eq(made_read(&rows[i].node, vendor_of_resource(str_from(rows[i].resource)), a, &all, &f),
			ERR_OK, "%s", f.detail);
		cr_assert_eq(all.n, rows[i].n, "%s: %u", rows[i].resource, all.n);
		if (!all.n)
			continue;
		cr_expect(str_eq(all.v->uuid, str_from(rows[i].first)), STR_FMT, STR_ARG(all.v->uuid));
		cr_expect_eq(all.v->memory_mib, rows[i].memory_mib, "%s", rows[i].resource);
		cr_expect_eq(all.v->slots, rows[i].slots);
		cr_expect_eq(all.v[all.n - 1].numa, rows[i].last_numa);
		cr_expect(all.v->is_healthy);
	}
}

Test(inventory, refuses_what_cannot_be_trusted)
{
	static const char *const bad[][2] = {
		{"hami.io/node-nvidia-register", "[{\"id\":\"a\"},{\"id\":\"a\"}]"},
		{"hami.io/node-nvidia-register", "[{\"devmem\":1}]"},
		{"hami.io/node-nvidia-register", "[{\"id\":\"a\",\"devmem\":-1}]"},
		{"hami.io/node-nvidia-register", "[{\"id\":\"a\",\"devmem\":99999999999}]"},
		{"hami.io/node-nvidia-register", "[{\"id\":\"a\",\"devmem\":1.5}]"},
		{"hami.io/node-nvidia-register", "[{\"id\":\"a\""},
		{"hami.io/node-nvidia-register", "[1]"},
		{"hami.io/node-nvidia-register", "nothing"},
		{"hami.io/node-dcu-register", "GPU-1,10,32768,100:"},
		{"hami.io/node-dcu-register", "GPU-1,ten,32768,100,DCU,0,true:"},
		{"hami.io/node-dcu-register", "GPU-1,10,32768,100,DCU,0,perhaps:"},
		{"hami.io/node-dcu-register", "GPU-1,10,32768,100,DCU,0,true,-1,hami-core:"},
		{"hami.io/node-dcu-register", "GPU-1,10,1,1,DCU,0,true,0,m,x:"},
		{"enflame.com/gcu-drs-capacity", "{\"devices\":[{\"index\":\"0\",\"capacity\":6}],\"profiles\":{}}"},
		{"enflame.com/gcu-drs-capacity", "{\"devices\":[{\"index\":\"0\"}],\"profiles\":{\"1g.8gb\":\"0\"}}"},
		{"enflame.com/gcu-drs-capacity", "[]"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		inventory all = {NULL, 42};
		fault f = {0};
		cr_expect_eq(told_read(bad[i][0], bad[i][1], a, &all, &f), ERR_BAD_FIELD, "row %zu", i);
		cr_expect_str_eq(f.pointer, bad[i][0], "row %zu", i);
		cr_expect_eq(all.n, 42, "row %zu left a mark", i);
	}
}

#define NOW_US ((int64_t)1787306400 * 1000000) /* 2026-08-21 10:00:00 */

Test(inventory, a_node_lives_while_its_handshake_is_young_or_it_has_devices)
{
	static const struct {
		const char *value;
		bool has_allocatable, is_alive, wants_request;
	} rows[] = {
		{"Requesting_2026-08-21 09:59:30", false, true, false},
		{"Requesting", false, true, false},
		{"Requesting_soon", false, true, false},
		{"Requesting_2026-08-21 09:58:00", false, false, false},
		{"Requesting_2026-08-21 09:58:00", true, true, false},
		{"Reported_2026.08.21 10:00:00", false, true, true},
		{"", false, true, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		inventory_pulse p = inventory_handshake(str_from(rows[i].value), rows[i].has_allocatable, NOW_US);
		cr_expect_eq(p.is_alive, rows[i].is_alive, "row %zu", i);
		cr_expect_eq(p.wants_request, rows[i].wants_request, "row %zu", i);
	}
}
