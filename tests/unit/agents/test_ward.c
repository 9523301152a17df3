#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agents/file.h"
#include "agents/node/nvml.h"
#include "agents/node/ward.h"

#define S_US INT64_C(1000000)

static char root[64];
static ward *w;
static const int16_t links[] = {210, 10, 10};

static void file_put(const char *dir, const char *name, const char *text)
{
	fault f = {0};
	char path[256];

	snprintf(path, sizeof(path), "%s/%s/%s", root, dir, name);
	cr_assert_eq(file_write(path, 0644, str_from(text), &f), ERR_OK, "%s", f.detail);
}

static void folder(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", root, name);
	for (char *at = path + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = 0;
		mkdir(path, 0755);
		*at = '/';
	}
	mkdir(path, 0755);
}

/* A device in the tree, and the link that sysfs has to it. */
static void device_put(const char *tree, const char *bus_id, const char *vendor, const char *class, const char *numa)
{
	char dir[128], target[256], path[256];

	snprintf(dir, sizeof(dir), "sys/devices/%s/%s", tree, bus_id);
	folder(dir);
	file_put(dir, "vendor", vendor);
	file_put(dir, "device", "0x2330\n");
	file_put(dir, "class", class);
	file_put(dir, "numa_node", numa);
	folder("sys/bus/pci/devices");
	snprintf(target, sizeof(target), "%s/%s", root, dir);
	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s", root, bus_id);
	cr_assert_eq(symlink(target, path), 0);
}

static char sys[80], proc[80];

static void begin(void)
{
	snprintf(root, sizeof(root), "/tmp/ward-XXXXXX");
	cr_assert(mkdtemp(root));
	snprintf(sys, sizeof(sys), "%s/sys", root);
	snprintf(proc, sizeof(proc), "%s/proc", root);
	w = ward_new(&(pci_roots){sys, proc});
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static void end(void)
{
	ward_free(w);
	nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(ward, .init = begin, .fini = end);

static card told(int32_t index, const char *uuid, const char *bus_id)
{
	card c = {.maker = "nvidia", .index = index, .minor = index, .numa = -1, .memory_mib = 81559};

	snprintf(c.uuid, sizeof(c.uuid), "%s", uuid);
	snprintf(c.product, sizeof(c.product), "NVIDIA H100 80GB HBM3");
	snprintf(c.bus_id, sizeof(c.bus_id), "%s", bus_id);
	return c;
}

static void three_told(int64_t now_us)
{
	card list[] = {
		told(0, "GPU-a", "0000:01:00.0"), told(1, "GPU-b", "0000:02:00.0"), told(2, "GPU-c", "0000:03:00.0")};

	ward_take_cards(w, list, 3, links, "570.1", now_us);
}

static card_state state_of(const char *uuid)
{
	return card_of_uuid(ward_cards(w), uuid)->state;
}

Test(ward, a_device_that_is_gone_keeps_its_place_and_comes_back_to_it)
{
	const cards *all = ward_cards(w);
	card two[] = {told(0, "GPU-a", "0000:01:00.0"), told(1, "GPU-c", "0000:03:00.0")};
	probe_sample fine = {.index = 1};

	three_told(S_US);
	cr_assert_eq(all->n, 3u);
	uint64_t generation = all->generation;
	three_told(2 * S_US);
	cr_expect_eq(all->generation, generation, "nothing is new");
	ward_take_cards(w, two, 2, links, "570.1", 3 * S_US);
	cr_expect(all->n == 3 && state_of("GPU-b") == CARD_FAILED);
	cr_expect_eq(card_of_uuid(all, "GPU-c")->index, 2, "NVML counts anew, we do not");
	cr_expect(ward_card_of_index(w, 1) == card_of_uuid(all, "GPU-b") ||
		  ward_card_of_index(w, 1) == card_of_uuid(all, "GPU-c"));
	three_told(4 * S_US);
	ward_take_sample(w, &fine, 5 * S_US);
	cr_expect_eq(state_of("GPU-b"), CARD_FAILED, "not at once");
	ward_take_sample(w, &fine, 100 * S_US);
	cr_expect_eq(state_of("GPU-b"), CARD_OK);
}

Test(ward, samples_go_to_the_device_that_nvml_means_now)
{
	card two[] = {told(0, "GPU-a", "0000:01:00.0"), told(1, "GPU-c", "0000:03:00.0")};
	probe_sample s = {.index = 1, .busy_percent = 77};

	three_told(S_US);
	ward_take_cards(w, two, 2, links, "570.1", 2 * S_US);
	ward_take_sample(w, &s, 3 * S_US);
	const probe_sample *of = ward_sample(w, card_of_uuid(ward_cards(w), "GPU-c"));
	cr_assert(of);
	cr_expect_eq(of->busy_percent, 77);
	cr_expect_null(ward_sample(w, card_of_uuid(ward_cards(w), "GPU-b")));
}

Test(ward, links_are_nvmls_and_else_by_the_tree)
{
	const cards *all = ward_cards(w);

	device_put("pci0000:00/0000:00:01.0", "0000:05:00.0", "0x10de\n", "0x030200\n", "0\n");
	device_put("pci0000:00/0000:00:01.0", "0000:06:00.0", "0x10de\n", "0x030200\n", "0\n");
	device_put("pci0000:00/0000:00:02.0", "0000:07:00.0", "0x10de\n", "0x030200\n", "0\n");
	device_put("pci0000:40/0000:40:01.0", "0000:41:00.0", "0x10de\n", "0x030200\n", "0\n");
	device_put("pci0000:80/0000:80:01.0", "0000:81:00.0", "0x10de\n", "0x030200\n", "1\n");
	device_put("pci0000:80/0000:80:02.0", "0000:82:00.0", "0x8086\n", "0x020000\n", "1\n");
	ward_take_none(w, S_US);
	cr_assert_eq(all->n, 5u, "a network card is none");
	cr_expect(card_link(all, 0, 1) == 50 && card_link(all, 1, 0) == 50, "one switch");
	cr_expect_eq(card_link(all, 0, 2), 30, "one root complex");
	cr_expect_eq(card_link(all, 0, 3), 20, "one NUMA node");
	cr_expect_eq(card_link(all, 0, 4), 10);
	cr_expect(all->v[4].numa == 1 && all->v[0].state == CARD_UNMONITORED);
	cr_expect_str_eq(all->v[0].product, "NVIDIA H100 80GB HBM3");
}

Test(ward, a_device_that_nvml_does_not_name_does_not_answer)
{
	device_put("pci0000:00", "0000:01:00.0", "0x10de\n", "0x030200\n", "0\n");
	device_put("pci0000:00", "0000:02:00.0", "0x10de\n", "0x030200\n", "0\n");
	device_put("pci0000:00", "0000:03:00.0", "0x10de\n", "0x030200\n", "1\n");
	device_put("pci0000:00", "0000:09:00.0", "0x10de\n", "0x030200\n", "1\n");
	device_put("pci0000:00", "0000:0a:00.0", "0x1002\n", "0x038000\n", "1\n");
	file_put("sys/devices/pci0000:00/0000:0a:00.0", "unique_id", "8c4a0f1e22d3b701\n");
	file_put("sys/devices/pci0000:00/0000:0a:00.0", "mem_info_vram_total", "206141652992\n");
	folder("proc/driver/nvidia/gpus/0000:09:00.0");
	file_put("proc/driver/nvidia/gpus/0000:09:00.0", "information",
		"Model: \t\t NVIDIA H100\nGPU UUID: \t GPU-d\nDevice Minor: \t 3\n");
	three_told(S_US);
	const cards *all = ward_cards(w);
	cr_assert_eq(all->n, 5u);
	cr_expect_eq(state_of("GPU-d"), CARD_FAILED);
	cr_expect_eq(card_of_uuid(all, "GPU-d")->minor, 3);
	cr_expect_eq(state_of("GPU-8c4a0f1e22d3b701"), CARD_UNMONITORED, "another maker's is only not asked");
	cr_expect_eq(card_of_uuid(all, "GPU-8c4a0f1e22d3b701")->memory_mib, 196592);
	cr_expect_eq(card_of_uuid(all, "GPU-c")->numa, 1);
	cr_expect(card_link(all, 0, 1) == 210 && card_link(all, 0, 2) == 10);
	ward_take_none(w, 2 * S_US);
	cr_expect_eq(state_of("GPU-a"), CARD_UNMONITORED);
	three_told(3 * S_US);
	cr_expect_eq(state_of("GPU-a"), CARD_OK, "NVML is there again");
}

/* Nobody answers for them, so that what a look at the machine says anew is nothing. */
Test(ward, a_look_at_devices_that_nobody_answers_for_changes_nothing)
{
	vnpu_listed chip = {.bus_id = "0000:0b:00.0", .product = "Ascend310P3", .number = 2};

	device_put("pci0000:00", "0000:01:00.0", "0x10de\n", "0x030200\n", "0\n");
	device_put("pci0000:00", "0000:0a:00.0", "0x1002\n", "0x038000\n", "1\n");
	device_put("pci0000:00", "0000:0b:00.0", "0x19e5\n", "0x120000\n", "1\n");
	ward_take_none(w, S_US);
	ward_take_npus(w, &chip, 1, S_US);
	const cards *all = ward_cards(w);
	uint64_t facts = all->generation, states = all->health_generation;
	for (int64_t s = 2; s < 5; s++) {
		ward_take_none(w, s * S_US);
		ward_take_npus(w, &chip, 1, s * S_US);
	}
	cr_expect(all->generation == facts && all->health_generation == states);
	cr_expect_eq(state_of("PCI-0000:0b:00.0"), CARD_OK);
	for (uint32_t i = 0; i < all->n; i++)
		cr_expect_eq(all->v[i].since_us, S_US, "%s", all->v[i].uuid);
}

static void link_move(const char *from, const char *to)
{
	char source[160], target[160];

	snprintf(source, sizeof(source), "%s/%s", sys, from);
	snprintf(target, sizeof(target), "%s/%s", sys, to);
	cr_assert_eq(rename(source, target), 0);
}

static void both_look(int64_t now_us)
{
	vnpu_listed chip = {.bus_id = "0000:0b:00.0", .product = "Ascend310P3", .number = 2};

	ward_take_none(w, now_us);
	ward_take_npus(w, &chip, 1, now_us);
}

static void expect_both(card_state nvidia, card_state npu, const char *when)
{
	cr_expect_eq(state_of("PCI-0000:01:00.0"), nvidia, "%s", when);
	cr_expect_eq(state_of("PCI-0000:0b:00.0"), npu, "%s", when);
}

Test(ward, without_nvml_a_device_that_leaves_the_bus_is_lost_until_it_is_back)
{
	device_put("pci0000:00", "0000:01:00.0", "0x10de\n", "0x030200\n", "0\n");
	device_put("pci0000:00", "0000:0b:00.0", "0x19e5\n", "0x120000\n", "1\n");
	both_look(S_US);
	expect_both(CARD_UNMONITORED, CARD_OK, "at first");
	link_move("bus", "aside");
	both_look(2 * S_US);
	expect_both(CARD_UNMONITORED, CARD_OK, "while sysfs cannot be read");
	link_move("aside", "bus");
	link_move("bus/pci/devices/0000:01:00.0", "a");
	link_move("bus/pci/devices/0000:0b:00.0", "b");
	both_look(3 * S_US);
	expect_both(CARD_FAILED, CARD_FAILED, "off the bus");
	cr_expect_eq(ward_cards(w)->n, 2u);
	link_move("a", "bus/pci/devices/0000:01:00.0");
	link_move("b", "bus/pci/devices/0000:0b:00.0");
	both_look(4 * S_US);
	expect_both(CARD_FAILED, CARD_FAILED, "not at once");
	both_look(100 * S_US);
	expect_both(CARD_UNMONITORED, CARD_OK, "back");
}

Test(ward, without_nvml_what_the_log_says_of_a_device_lasts_as_long_as_it_can_be_believed)
{
	device_put("pci0000:00", "0000:01:00.0", "0x10de\n", "0x030200\n", "0\n");
	device_put("pci0000:00", "0000:02:00.0", "0x10de\n", "0x030200\n", "0\n");
	ward_take_none(w, S_US);
	ward_take_log(w, S("NVRM: Xid (PCI:0000:01:00): 94, pid=1"), 2 * S_US);
	ward_take_log(w, S("NVRM: Xid (PCI:0000:02:00): 79, pid=1"), 2 * S_US);
	cr_expect(state_of("PCI-0000:01:00.0") == CARD_DEGRADED && state_of("PCI-0000:02:00.0") == CARD_FAILED);
	ward_take_none(w, 100 * S_US);
	cr_expect_eq(state_of("PCI-0000:01:00.0"), CARD_DEGRADED);
	ward_take_none(w, 4000 * S_US);
	cr_expect_eq(state_of("PCI-0000:01:00.0"), CARD_UNMONITORED, "nothing more was said of it");
	cr_expect_eq(state_of("PCI-0000:02:00.0"), CARD_FAILED, "nobody can say that it is well");
}

Test(ward, events_name_the_device_or_an_instance_of_it)
{
	card c = told(0, "GPU-a", "0000:01:00.0");
	probe_event e = {.type = NVML_EVENT_XID, .data = 94};

	c.is_mig = true;
	c.n_instances = 1;
	snprintf(c.instances[0].uuid, sizeof(c.instances[0].uuid), "MIG-1");
	ward_take_cards(w, &c, 1, links, "570.1", S_US);
	snprintf(e.uuid, sizeof(e.uuid), "GPU-z");
	ward_take_event(w, &e, S_US);
	cr_expect_eq(state_of("GPU-a"), CARD_OK);
	snprintf(e.uuid, sizeof(e.uuid), "MIG-1");
	ward_take_event(w, &e, S_US);
	cr_expect_eq(state_of("GPU-a"), CARD_DEGRADED);
	cr_expect_eq(ward_xid(w, &ward_cards(w)->v[0]), 94);
	ward_take_log(w, S("NVRM: Xid (PCI:0000:01:00): 79, pid=1"), 2 * S_US);
	cr_expect_eq(state_of("GPU-a"), CARD_FAILED);
}

Test(ward, its_items_are_what_the_agent_reads)
{
	AUTO_ARENA a = arena_new(0);
	card c = told(0, "GPU-a", "0000:01:00.0");

	c.is_mig = true;
	ward_take_cards(w, &c, 1, links, "570.1", S_US);
	node_item item = cards_inventory_item(ward_cards(w), 10, a);
	const report_device *d = item.devices.v;
	cr_assert_eq(item.devices.n, 1u);
	cr_expect(str_eq(d->share_mode, S("instances")) && str_eq(d->geometry, S("mig-h100-80g")) && d->slots == 10);
	cr_expect(str_eq(item.driver, S("570.1")) && str_eq(d->health, S("ok")));
	node_item states = cards_health_item(ward_cards(w), 1000 * S_US, a);
	cr_assert_eq(states.health.n, 1u);
	const node_health *h = states.health.v;
	cr_expect_eq(h->since.us, 1001 * S_US, "what is counted by a clock of ours is told by everybody's");
}
