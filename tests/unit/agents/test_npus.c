#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agents/file.h"
#include "agents/node/giver.h"
#include "agents/node/npus.h"
#include "agents/node/ward.h"
#include "npu_smi_double.h"

#define BUS  "0000:c1:00.0"
#define UUID "PCI-" BUS

/* A node with one chip, as far as its devices go: what is known of it, and what is given of it. reeve-node runs the
 * tool. */
typedef struct bench {
	loop *loop;
	loop_timer *guard, *tick;
	char root[64], state[96], cdi[96], devices[96], program[512], tool[96], sys[96];
	ward *ward;
	npus *npus;
	instances *made;
	allocations *all;
	giver *g;
	uint32_t lists, silent, ticks;
	plan_share share;
	plan_container container;
	pod_container one;
	local_pod pod;
} bench;

static bench b;

static void put(const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", b.root, name);
	cr_assert_eq(file_write(path, 0700, str_from(text), NULL), ERR_OK, "%s", path);
}

static void drop(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", b.root, name);
	(void)unlink(path);
}

static void expect_there(const char *wanted)
{
	AUTO_ARENA a = arena_new(0);
	char path[256];
	str text = S("");

	(void)snprintf(path, sizeof(path), "%s/there", b.root);
	(void)!file_read(path, a, &text, NULL);
	cr_expect(str_eq(text, str_from(wanted)), "\"" STR_FMT "\", \"%s\" was expected", STR_ARG(text), wanted);
}

static void on_late(void *arg)
{
	(void)arg;
	cr_assert(false, "the loop ran too long");
}

static void on_tick(void *arg)
{
	(void)arg;
	b.ticks++;
	loop_timer_arm(b.tick, 5000);
}

static void on_list(void *arg, const vnpu_listed *list, uint32_t n)
{
	(void)arg;
	b.lists++;
	ward_take_npus(b.ward, list, n, 1000000);
	if (b.made)
		for (uint32_t i = 0; i < ward_cards(b.ward)->n; i++)
			instances_seen(b.made, &ward_cards(b.ward)->v[i]);
	loop_stop(b.loop);
}

static void on_silent(void *arg, const char *why)
{
	(void)arg, (void)why;
	b.silent++;
	ward_take_npus_silent(b.ward, 1000000);
	loop_stop(b.loop);
}

static void on_change(void *arg)
{
	(void)arg;
	loop_stop(b.loop);
}

static const cards *on_cards(void *arg)
{
	(void)arg;
	return ward_cards(b.ward);
}

static void on_step(void *arg, const allocation *of, const char *state, const char *reason)
{
	(void)arg, (void)reason;
	if (strcmp(state, "ended") == 0 && b.g)
		giver_ended(b.g, of->id);
}

static void npus_begin(int64_t timeout_ms)
{
	npus_config c = {.loop = b.loop,
		.program = b.program,
		.tool = b.tool,
		.every_ms = 30,
		.timeout_ms = timeout_ms,
		.on_list = on_list,
		.on_silent = on_silent};

	b.npus = npus_open(&c);
}

/* What a daemon that starts finds of the one before. */
static void daemon_begin(int64_t timeout_ms)
{
	instances_config i = {.loop = b.loop,
		.state_dir = b.state,
		.program = b.program,
		.word = "vnpu",
		.nvml = b.tool,
		.timeout_ms = timeout_ms,
		.again_ms = 20,
		.on_change = on_change};
	giver_config c = {.cards = on_cards,
		.cdi_folder = b.cdi,
		.cdi_folders = b.cdi,
		.libraries = "/usr/lib/reeve",
		.devices = b.devices};

	cr_assert_eq(allocations_open(b.state, on_step, NULL, &b.all, NULL), ERR_OK);
	cr_assert_eq(instances_open(&i, &b.made, NULL), ERR_OK);
	c.allocations = b.all;
	c.npus = b.made;
	b.g = giver_open(&c);
	(void)giver_sweep(b.g);
}

static void daemon_end(void)
{
	giver_close(b.g);
	b.g = NULL;
	instances_close(b.made);
	b.made = NULL;
	allocations_close(b.all);
}

static void chip_put(const char *bus_id)
{
	static const char *const files[][2] = {{"vendor", "0x19e5\n"}, {"device", "0xd500\n"}, {"class", "0x120000\n"}};
	char path[256] = "";

	(void)snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s", b.root, bus_id);
	cr_assert_eq(mkdir(path, 0700), 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		(void)snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/%s", bus_id, files[i][0]);
		put(path, files[i][1]);
	}
}

static void device_put(void)
{
	static const char *const folders[] = {"sys", "sys/bus", "sys/bus/pci", "sys/bus/pci/devices", "state", "dev"};
	char path[256] = "";

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", b.root, folders[i]);
		cr_assert_eq(mkdir(path, 0700), 0);
	}
	chip_put(BUS);
	put("dev/davinci_manager", "");
	put("dev/devmm_svm", "");
	put("dev/hisi_hdc", "");
	put("dev/davinci2", "");
}

static void bench_open(void)
{
	char own[256] = "";

	b = (bench){.loop = loop_new()};
	(void)snprintf(b.root, sizeof(b.root), "/tmp/reeve-npus-XXXXXX");
	cr_assert(mkdtemp(b.root));
	(void)snprintf(b.state, sizeof(b.state), "%s/state", b.root);
	(void)snprintf(b.cdi, sizeof(b.cdi), "%s/cdi", b.root);
	(void)snprintf(b.devices, sizeof(b.devices), "%s/dev", b.root);
	(void)snprintf(b.tool, sizeof(b.tool), "%s/npu-smi", b.root);
	(void)snprintf(b.sys, sizeof(b.sys), "%s/sys", b.root);
	cr_assert(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
	*strrchr(own, '/') = 0;
	(void)snprintf(b.program, sizeof(b.program), "%s/../bin/reeve-node", own);
	device_put();
	put("npu-smi", npu_smi_double);
	put("there", "132 vir02\n");
	b.ward = ward_new(&(pci_roots){b.sys, "/nonexistent"});
	b.guard = loop_timer_new(b.loop, on_late, NULL);
	b.tick = loop_timer_new(b.loop, on_tick, NULL);
	loop_timer_arm(b.guard, INT64_C(120000000));
	b.share = (plan_share){S("huawei.com/Ascend310P"), S(UUID), 6144, 250, S("vir02"), 0};
	b.container = (plan_container){S("main"), false, &b.share, 1};
	b.one = (pod_container){.name = S("main")};
	b.pod = (local_pod){.p = {.meta = {.space = S("default"), .name = S("p"), .uid = S("uid")},
				    .containers = &b.one,
				    .n_containers = 1},
		.has_plan = true,
		.plan = {.placement = S("plc_1"), .fence = 7, .containers = &b.container, .n = 1}};
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static void bench_close(void)
{
	npus_close(b.npus);
	ward_free(b.ward);
	loop_timer_free(b.guard);
	loop_timer_free(b.tick);
	loop_free(b.loop);
	(void)nftw(b.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	arena_trim();
}

static void until_listed(void)
{
	for (uint32_t before = b.lists; b.lists == before;)
		loop_run(b.loop);
}

static err give(arena *a, kubelet_gift *ret, fault *f)
{
	kubelet_wish w = {&b.pod, 0, &b.container};

	*ret = (kubelet_gift){0};
	return giver_give(b.g, &w, a, ret, f);
}

static const char *cdi_text(arena *a)
{
	char path[256];
	str text = S("");

	(void)snprintf(path, sizeof(path), "%s/reeve.io-share_uid_main.json", b.cdi);
	(void)!file_read(path, a, &text, NULL);
	return str_z(a, text);
}

Test(npus, a_chip_is_known_by_its_tool_and_counted)
{
	AUTO_ARENA a = arena_new(0);
	slot_device *v;

	bench_open();
	ward_take_none(b.ward, 1);
	cr_assert_eq(ward_cards(b.ward)->n, 1);
	cr_expect_eq(giver_slots(ward_cards(b.ward), S("nvidia.com/gpu"), 10, true, a, &v), 0,
		"PCI does not say what it is");
	npus_begin(30000);
	until_listed();
	const card *c = &ward_cards(b.ward)->v[0];
	cr_expect_str_eq(c->product, "Ascend310P3");
	cr_expect(c->state == CARD_OK && c->minor == 2 && c->memory_mib == 21527 && c->is_mig);
	cr_expect(c->n_instances == 1 && c->instances[0].memory_mib == 6144);
	cr_expect_str_eq(c->instances[0].uuid, "vnpu-132");
	ward_take_none(b.ward, 2);
	cr_expect_str_eq(c->product, "Ascend310P3", "a later look at the machine takes nothing from it");
	cr_assert_eq(giver_slots(ward_cards(b.ward), S("nvidia.com/gpu"), 10, true, a, &v), 1);
	cr_expect(str_eq(v[0].resource, S("huawei.com/Ascend310P")) && v[0].slots == VNPU_PER_CHIP && v[0].is_healthy);
	cr_expect_eq(giver_slots(ward_cards(b.ward), S("nvidia.com/gpu"), 10, false, a, &v), 0);
	node_item item = cards_inventory_item(ward_cards(b.ward), 10, a);
	const report_device *told = item.devices.v;
	cr_expect(str_eq(told[0].geometry, S("vnpu-310p")) && str_eq(told[0].share_mode, S("instances")));
	bench_close();
}

Test(npus, a_pod_gets_a_part_that_is_made_for_it_and_goes_with_it)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift;
	fault f = {0};

	bench_open();
	npus_begin(30000);
	until_listed();
	daemon_begin(30000);
	cr_assert_eq(give(a, &gift, &f), ERR_UNAVAILABLE, "%s", f.detail);
	while (give(a, &gift, &f) == ERR_UNAVAILABLE)
		loop_run(b.loop);
	cr_assert_eq(give(a, &gift, &f), ERR_OK, "%s", f.detail);
	expect_there("132 vir02\n133 vir02\n");
	cr_assert(gift.cdi.n == 1 && str_eq(gift.cdi.v[0], S("reeve.io/share=uid_main")));
	cr_expect(strstr(cdi_text(a), "/dev/vdavinci133\"") && strstr(cdi_text(a), "/dev/davinci133\"") &&
		  strstr(cdi_text(a), "/dev/hisi_hdc\"") && strstr(cdi_text(a), "ASCEND_VISIBLE_DEVICES=\""));
	cr_expect(!strstr(cdi_text(a), "reeve-hook") && !strstr(cdi_text(a), "/.reeve"), "no shim is between");
	cr_expect_str_eq(allocation_find(b.all, S("uid_main"))->uuids[0], "vnpu-133");
	for (int i = 0; i < 3; i++)
		until_listed();

	/* The daemon was killed, and another begins. */
	daemon_end();
	daemon_begin(30000);
	cr_assert_eq(give(a, &gift, &f), ERR_OK, "%s", f.detail);
	expect_there("132 vir02\n133 vir02\n");

	cr_assert_eq(allocation_end(b.all, S("uid_main"), "its pod is gone", NULL), ERR_OK);
	while (instances_count(b.made))
		loop_run(b.loop);
	expect_there("132 vir02\n");
	cr_expect_str_eq(cdi_text(a), "");
	daemon_end();
	bench_close();
}

static bool has_been_made(void)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/vdavinci133", b.devices);
	return access(path, F_OK) == 0;
}

Test(npus, what_was_made_and_never_given_is_removed_after_a_start)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift;

	bench_open();
	npus_begin(30000);
	until_listed();
	daemon_begin(30000);
	put("dies", "");
	cr_assert_eq(give(a, &gift, NULL), ERR_UNAVAILABLE);
	while (!has_been_made())
		loop_run(b.loop);
	drop("dies"); /* it has ended who made it, before that could say so */
	daemon_end();
	daemon_begin(30000);
	while (instances_count(b.made))
		loop_run(b.loop);
	expect_there("132 vir02\n");
	daemon_end();
	bench_close();
}

Test(npus, a_whole_chip_is_given_by_its_own_node)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift;
	fault f = {0};

	bench_open();
	npus_begin(30000);
	until_listed();
	daemon_begin(30000);
	b.share.profile = S("whole");
	cr_assert_eq(give(a, &gift, &f), ERR_OK, "%s", f.detail);
	cr_expect(strstr(cdi_text(a), "/dev/davinci2\"") && !strstr(cdi_text(a), "vdavinci"));
	expect_there("132 vir02\n");
	daemon_end();
	bench_close();
}

Test(npus, a_tool_that_hangs_holds_up_nobody_and_takes_nothing_away)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift;

	bench_open();
	npus_begin(400);
	until_listed();
	daemon_begin(400);
	put("hangs", "");
	loop_timer_arm(b.tick, 0);
	cr_assert_eq(give(a, &gift, NULL), ERR_UNAVAILABLE);
	while (b.silent < 2)
		loop_run(b.loop);
	cr_expect(b.ticks > 20, "the loop turned %u times meanwhile", b.ticks);
	cr_expect_eq(ward_cards(b.ward)->v[0].state, CARD_UNMONITORED);
	cr_expect_eq(ward_cards(b.ward)->v[0].n_instances, 1, "what is known stays");
	loop_timer_disarm(b.tick);
	daemon_end();
	npus_close(b.npus);
	drop("hangs");
	daemon_begin(30000);
	npus_begin(30000);
	until_listed();
	cr_expect_eq(ward_cards(b.ward)->v[0].state, CARD_OK);
	while (give(a, &gift, NULL) == ERR_UNAVAILABLE || instances_count(b.made) > 1)
		loop_run(b.loop);
	expect_there("132 vir02\n133 vir02\n");
	daemon_end();
	bench_close();
}

/* Its tool's calls about it do not end; about the others they do. */
Test(npus, a_chip_that_is_ill_costs_the_sight_of_that_chip)
{
	AUTO_ARENA a = arena_new(0);
	kubelet_gift gift;

	bench_open();
	chip_put("0000:c2:00.0");
	put("second", "");
	npus_begin(30000);
	until_listed();
	const cards *all = ward_cards(b.ward);
	cr_assert(all->n == 2 && all->v[0].state == CARD_OK && all->v[1].state == CARD_OK);
	put("ill", "");
	until_listed();
	until_listed();
	cr_expect_eq(b.silent, 0);
	cr_expect(all->v[0].state == CARD_OK && all->v[0].n_instances == 1);
	cr_expect(all->v[1].state == CARD_UNMONITORED && !all->v[1].is_listed);
	cr_expect_str_eq(all->v[1].product, "Ascend310P3", "it is what it was");
	daemon_begin(30000);
	while (give(a, &gift, NULL) == ERR_UNAVAILABLE)
		loop_run(b.loop);
	expect_there("132 vir02\n133 vir02\n");
	daemon_end();
	drop("ill");
	until_listed();
	until_listed();
	cr_expect_eq(all->v[1].state, CARD_OK);
	bench_close();
}
