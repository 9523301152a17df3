#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agents/file.h"
#include "agents/node/giver.h"
#include "agents/node/process.h"

#define UUID_A "GPU-00000000-0000-0000-0000-00000000000a"
#define UUID_B "GPU-00000000-0000-0000-0000-00000000000b"

static cards machine = {
	.n = 3,
	.v =
		{
			{.uuid = UUID_A, .maker = "nvidia", .minor = 0, .numa = 0, .memory_mib = 81920},
			{.uuid = UUID_B,
				.maker = "nvidia",
				.minor = 1,
				.numa = 1,
				.memory_mib = 81920,
				.state = CARD_FAILED},
			{.uuid = "PCI-0000:3b:00.0", .maker = "amd", .minor = -1, .numa = -1},
		},
};

static const cards *on_cards(void *arg)
{
	(void)arg;
	return &machine;
}

typedef struct bench {
	char root[64], state[96], cdi[96], devices[96], proc[96];
	allocations *all;
	giver *g;
	plan_share shares[2];
	plan_container container;
	pod_container one;
	local_pod pod;
} bench;

static const char *const nodes[] = {"nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"};

static void bench_open(bench *b, giver_form form, bool has_cdi)
{
	char path[256];

	*b = (bench){0};
	(void)snprintf(b->root, sizeof(b->root), "/tmp/reeve-giver-XXXXXX");
	cr_assert(mkdtemp(b->root));
	(void)snprintf(b->state, sizeof(b->state), "%s/state", b->root);
	(void)snprintf(b->cdi, sizeof(b->cdi), "%s/cdi", b->root);
	(void)snprintf(b->devices, sizeof(b->devices), "%s/dev", b->root);
	(void)snprintf(b->proc, sizeof(b->proc), "%s/proc", b->root);
	cr_assert_eq(mkdir(b->state, 0700), 0);
	cr_assert_eq(mkdir(b->devices, 0700), 0);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", b->devices, nodes[i]);
		cr_assert_eq(file_write(path, 0644, S(""), NULL), ERR_OK);
	}
	cr_assert_eq(allocations_open(b->state, NULL, NULL, &b->all, NULL), ERR_OK);
	giver_config c = {.allocations = b->all,
		.cards = on_cards,
		.cdi_folder = has_cdi ? b->cdi : NULL,
		.cdi_folders = b->cdi,
		.libraries = "/usr/lib/reeve",
		.devices = b->devices,
		.procfs = b->proc,
		.form = form};
	b->g = giver_open(&c);
	b->shares[0] = (plan_share){S("nvidia.com/gpu"), S(UUID_A), 8000, 300, STR_NONE, 0};
	b->shares[1] = (plan_share){S("nvidia.com/gpu"), S(UUID_B), 0, 1000, STR_NONE, 0};
	b->container = (plan_container){S("main"), false, b->shares, 2};
	b->one = (pod_container){.name = S("main")};
	b->pod = (local_pod){.p = {.meta = {.space = S("default"), .name = S("p"), .uid = S("uid")},
				     .containers = &b->one,
				     .n_containers = 1},
		.has_plan = true,
		.plan = {.placement = S("plc_1"), .fence = 7, .is_low = true, .containers = &b->container, .n = 1}};
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static void bench_close(bench *b)
{
	giver_close(b->g);
	allocations_close(b->all);
	(void)nftw(b->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	arena_trim();
}

static err give(bench *b, arena *a, kubelet_gift *ret, fault *f)
{
	kubelet_wish w = {&b->pod, 0, &b->container};

	return giver_give(b->g, &w, a, ret, f);
}

Test(giver, without_cdi_the_answer_has_nodes_mounts_and_variables)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift = {0};
	fault f = {0};
	bench b;

	bench_open(&b, GIVER_REPLACE, false);
	cr_assert_eq(give(&b, a, &gift, &f), ERR_OK, "%s", f.detail);
	cr_expect_eq(gift.cdi.n, 0);
	cr_assert_eq(gift.n_nodes, 4);
	cr_expect(str_ends(str_from(gift.nodes[0].host), S("/dev/nvidia0")) &&
		  str_ends(str_from(gift.nodes[1].container), S("/dev/nvidia1")));
	cr_assert_eq(gift.n_mounts, 4);
	cr_expect_str_eq(gift.mounts[0].container, LIMITS_FOLDER);
	cr_expect(gift.mounts[0].is_read_only && !gift.mounts[1].is_read_only);
	cr_expect_str_eq(gift.mounts[1].container, LIMITS_FOLDER "/books");
	cr_expect_str_eq(gift.mounts[3].container, "/etc/ld.so.preload");
	cr_assert_eq(gift.n_variables, 1);
	cr_expect(str_eq(gift.variables[0].value, S(UUID_A "," UUID_B)));
	bench_close(&b);
}

Test(giver, nothing_is_given_before_all_of_its_device_nodes_are_there)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift = {0};
	char path[256], aside[256];
	bench b;

	bench_open(&b, GIVER_REPLACE, true);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++) {
		fault f = {0};
		(void)snprintf(path, sizeof(path), "%s/%s", b.devices, nodes[i]);
		(void)snprintf(aside, sizeof(aside), "%s/aside", b.devices);
		cr_assert_eq(rename(path, aside), 0);
		cr_expect_eq(give(&b, a, &gift, &f), ERR_UNAVAILABLE, "%s", nodes[i]);
		cr_expect(strstr(f.detail, nodes[i]), "%s", f.detail);
		cr_expect(!allocation_find(b.all, S("uid_main")));
		cr_assert_eq(rename(aside, path), 0);
	}
	cr_expect_eq(give(&b, a, &gift, NULL), ERR_OK);
	bench_close(&b);
}

static const char *path_of_share(const bench *b)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/reeve.io-share_uid_main.json", b->cdi);
	return path;
}

static void file_put(const bench *b, const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", b->root, name);
	for (char *at = path + strlen(b->root) + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = 0;
		(void)mkdir(path, 0700);
		*at = '/';
	}
	cr_assert_eq(file_write(path, 0644, str_from(text), NULL), ERR_OK, "%s", path);
}

static bool has_node(const kubelet_gift *gift, const char *ending)
{
	for (uint32_t i = 0; i < gift->n_nodes; i++)
		if (str_ends(str_from(gift->nodes[i].container), str_from(ending)))
			return true;
	return false;
}

/* The device's own node opens nothing of an instance: the driver has a node for each. */
Test(giver, an_instance_that_is_there_already_is_given_with_the_nodes_that_open_it)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift = {0};
	fault f = {0};
	bench b;

	bench_open(&b, GIVER_PRELOAD, false);
	machine.v[0].n_instances = 1;
	machine.v[0].instances[0] = (card_instance){.uuid = "MIG-1", .gpu_instance = 7, .compute_instance = 1};
	b.shares[0].uuid = S("MIG-1");
	b.container.n = 1;
	file_put(&b, "proc/driver/nvidia/capabilities/gpu0/mig/gi7/access",
		"DeviceFileMinor: 66\nDeviceFileMode: 256\nDeviceFileModify: 1\n");
	file_put(&b, "proc/driver/nvidia/capabilities/gpu0/mig/gi7/ci1/access", "DeviceFileMinor: 67\n");
	file_put(&b, "dev/nvidia-caps/nvidia-cap66", "");
	cr_expect_eq(give(&b, a, &gift, &f), ERR_UNAVAILABLE);
	cr_expect(str_ends(str_from(f.detail), S("/dev/nvidia-caps/nvidia-cap67 is not there yet")), "%s", f.detail);
	file_put(&b, "dev/nvidia-caps/nvidia-cap67", "");
	cr_assert_eq(give(&b, a, &gift, &f), ERR_OK, "%s", f.detail);
	cr_expect(has_node(&gift, "/nvidia0") && has_node(&gift, "/nvidia-cap66") && has_node(&gift, "/nvidia-cap67"));
	machine.v[0].n_instances = 0;
	bench_close(&b);
}

Test(giver, with_cdi_the_answer_is_names)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift = {0};
	char path[256];
	str text;
	bench b;

	bench_open(&b, GIVER_REPLACE, true);
	cr_assert_eq(give(&b, a, &gift, NULL), ERR_OK);
	cr_assert_eq(gift.cdi.n, 1);
	cr_expect(str_eq(gift.cdi.v[0], S("reeve.io/share=uid_main")));
	cr_expect(gift.n_mounts == 0 && gift.n_nodes == 0 && gift.n_variables == 0);
	(void)snprintf(path, sizeof(path), "%s/reeve.io-share_uid_main.json", b.cdi);
	cr_assert_eq(file_read(path, a, &text, NULL), ERR_OK);
	const char *file = str_z(a, text);
	cr_expect(strstr(file, "/dev/nvidia0") && strstr(file, "reeve-hook") && !strstr(file, "ld.so.preload"));

	/* The maker's file says what its devices are: ours says no more of them. */
	(void)snprintf(path, sizeof(path), "%s/nvidia.yaml", b.cdi);
	cr_assert_eq(file_write(path, 0644,
			     S("kind: nvidia.com/gpu\ndevices:\n- name: \"" UUID_A "\"\n- name: " UUID_B "\n"), NULL),
		ERR_OK);
	gift = (kubelet_gift){0};
	cr_assert_eq(give(&b, a, &gift, NULL), ERR_OK);
	cr_assert_eq(gift.cdi.n, 1, "what the kubelet was told at first stays so: it asks for no other name");
	cr_assert_eq(file_read(path_of_share(&b), a, &text, NULL), ERR_OK);
	cr_expect(strstr(str_z(a, text), "/dev/nvidia0"));
	cr_expect_eq(allocation_end(b.all, S("uid_main"), "test", NULL), ERR_OK);
	gift = (kubelet_gift){0};
	cr_assert_eq(give(&b, a, &gift, NULL), ERR_OK);
	cr_assert_eq(gift.cdi.n, 3);
	cr_expect(str_eq(gift.cdi.v[0], S("nvidia.com/gpu=" UUID_A)));
	cr_expect(str_eq(gift.cdi.v[2], S("reeve.io/share=uid_main")), "ours is the last");
	(void)snprintf(path, sizeof(path), "%s/reeve.io-share_uid_main.json", b.cdi);
	cr_assert_eq(file_read(path, a, &text, NULL), ERR_OK);
	cr_expect(!strstr(str_z(a, text), "/dev/nvidia0"));

	cr_expect(giver_was_given(b.g, &b.pod, 0, S("nvidia.com/gpu")));
	cr_expect_eq(giver_sweep(b.g), 0);
	cr_expect_eq(allocation_end(b.all, S("uid_main"), "test", NULL), ERR_OK);
	cr_expect(!giver_was_given(b.g, &b.pod, 0, S("nvidia.com/gpu")));
	cr_expect_eq(giver_sweep(b.g), 1);
	bench_close(&b);
}

Test(giver, the_limits_are_the_plans_and_follow_it)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift = {0};
	bench b;

	bench_open(&b, GIVER_REPLACE, true);
	cr_assert_eq(give(&b, a, &gift, NULL), ERR_OK);
	const allocation *of = allocation_find(b.all, S("uid_main"));
	cr_assert(of);
	cr_expect_str_eq(of->placement, "plc_1");
	cr_expect_str_eq(of->fence, "7");
	cr_expect_str_eq(of->namespace, "default");
	cr_expect_eq(of->lot.limits->devices[0].memory_bytes, (uint64_t)8000 << 20);
	cr_expect_eq(of->lot.limits->devices[0].compute_milli, 300);
	cr_expect_eq(of->lot.limits->devices[1].memory_bytes, LIMITS_NONE);
	cr_expect_eq(of->lot.limits->priority, LIMITS_LOW);
	cr_expect_str_eq(of->lot.limits->driver_path, GIVER_DRIVER_FOLDER "/libcuda.so.1");
	const limits *mapped = of->lot.limits;
	b.shares[0].memory_mib = 9000;
	cr_assert_eq(give(&b, a, &gift, NULL), ERR_OK);
	cr_expect_eq(mapped->devices[0].memory_bytes, (uint64_t)9000 << 20, "in the file that is mapped");
	bench_close(&b);
}

Test(giver, a_plan_from_before_is_refused_after_a_restart_too)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift = {0};
	fault f = {0};
	bench b;

	bench_open(&b, GIVER_REPLACE, true);
	cr_assert_eq(give(&b, a, &gift, NULL), ERR_OK);
	b.pod.plan.fence = 9;
	b.shares[0].memory_mib = 2000;
	cr_assert_eq(give(&b, a, &gift, NULL), ERR_OK);
	allocations_close(b.all);
	giver_close(b.g);
	cr_assert_eq(allocations_open(b.state, NULL, NULL, &b.all, NULL), ERR_OK);
	giver_config c = {.allocations = b.all,
		.cards = on_cards,
		.cdi_folder = b.cdi,
		.cdi_folders = b.cdi,
		.libraries = "/usr/lib/reeve",
		.devices = b.devices};
	b.g = giver_open(&c);
	b.pod.plan.fence = 8;
	b.shares[0].memory_mib = 8000;
	cr_expect_eq(give(&b, a, &gift, &f), ERR_PERMISSION_DENIED, "%s", f.detail);
	cr_expect_eq(allocation_find(b.all, S("uid_main"))->share.devices[0].memory_mib, 2000);
	bench_close(&b);
}

static void slot_put(const allocation *of, unsigned at, uint32_t space)
{
	books_slot slot = {.owner = UINT64_C(1) << 32 | 1, .bytes[0] = UINT64_C(6) << 30, .pid_space = space};
	uint32_t top = at + 1;

	cr_assert_eq(pwrite(of->lot.books_fd, &slot, sizeof(slot), (off_t)(offsetof(books, slots) + at * sizeof(slot))),
		(ssize_t)sizeof(slot));
	cr_assert_eq(pwrite(of->lot.books_fd, &top, sizeof(top), offsetof(books, top)), (ssize_t)sizeof(top));
}

Test(giver, a_container_that_starts_again_does_not_pay_for_what_the_ended_one_held)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift = {0};
	process_names own;
	bench b;
	books *now = aligned_alloc(64, sizeof(*now));

	bench_open(&b, GIVER_REPLACE, true);
	cr_assert_eq(give(&b, a, &gift, NULL), ERR_OK);
	allocation *of = allocation_find(b.all, S("uid_main"));
	cr_assert(process_look(getpid(), &own));
	slot_put(of, 0, 1); /* no namespace has that number */
	slot_put(of, 1, own.space);
	slot_put(of, 2, 0);
	cr_assert_eq(give(&b, a, &gift, NULL), ERR_OK);
	cr_assert(lot_read(&of->lot, now));
	cr_expect_eq(atomic_load(&now->slots[0].owner), 0u);
	cr_expect_neq(
		atomic_load(&now->slots[1].owner), 0u, "of those that live, the container sees to its dead itself");
	cr_expect_neq(atomic_load(&now->slots[2].owner), 0u, "nothing is known of it");
	free(now);
	bench_close(&b);
}

Test(giver, what_cannot_be_carried_out_is_refused)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift = {0};
	fault f = {0};
	bench b;

	bench_open(&b, GIVER_REPLACE, true);
	b.shares[1].uuid = S("GPU-elsewhere");
	cr_expect_eq(give(&b, a, &gift, &f), ERR_NOT_FOUND, "%s", f.detail);
	b.shares[1].uuid = S("PCI-0000:3b:00.0");
	cr_expect_eq(give(&b, a, &gift, &f), ERR_CONFLICT, "%s", f.detail);
	b.shares[1] = (plan_share){S("nvidia.com/gpu"), S(UUID_B), 0, 1000, S("1g.10gb"), 4};
	cr_expect_eq(give(&b, a, &gift, &f), ERR_CONFLICT, "%s", f.detail);
	cr_expect(!allocation_find(b.all, S("uid_main")), "nothing is made");
	bench_close(&b);
}

Test(giver, a_device_whose_node_is_not_known_yet_is_waited_for)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift = {0};
	fault f = {0};
	bench b;

	bench_open(&b, GIVER_REPLACE, true);
	machine.v[1].minor = -1;
	cr_expect_eq(give(&b, a, &gift, &f), ERR_UNAVAILABLE, "%s", f.detail);
	machine.v[1].minor = 1;
	bench_close(&b);
}

Test(giver, where_the_driver_went_away_devices_are_not_offered)
{
	AUTO_ARENA a = arena_new(0);
	slot_device *v;
	cards now = machine;

	now.v[0].state = CARD_UNMONITORED;
	(void)giver_slots(&now, S("nvidia.com/gpu"), 10, false, a, &v);
	cr_expect(v[0].is_healthy, "a machine that never had NVML");
	(void)snprintf(now.driver, sizeof(now.driver), "570.00");
	(void)giver_slots(&now, S("nvidia.com/gpu"), 10, false, a, &v);
	cr_expect(!v[0].is_healthy);
	now.has_nvml = true;
	now.v[0].state = CARD_OK;
	(void)giver_slots(&now, S("nvidia.com/gpu"), 10, false, a, &v);
	cr_expect(v[0].is_healthy);
}

Test(giver, devices_that_can_be_shared_are_counted)
{
	AUTO_ARENA a = arena_new(0);
	slot_device *v;

	cr_assert_eq(giver_slots(&machine, S("nvidia.com/gpu"), 10, false, a, &v), 2);
	cr_expect(str_eq(v[0].uuid, S(UUID_A)) && v[0].is_healthy && v[0].slots == 10 && v[0].numa == 0);
	cr_expect(!v[1].is_healthy && v[1].numa == 1);
}
