/* How nodes and devices are built, through the placer: instances of profiles, links, NUMA nodes, labels and taints.
 * What agents report counts, and a start from the tables knows it again. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "realm.h"

#define HOLDS(r)                                                                                                       \
	do {                                                                                                           \
		const char *wrong_ = realm_check(r);                                                                   \
		cr_expect(!wrong_, "%s", wrong_ ? wrong_ : "");                                                        \
	} while (0)
#define STATE_IS(r, number, state) cr_expect_str_eq(realm_state(r, number), state, "plc_%d", number)

#define PROFILE(name) "\"devices\":[{\"classes\":[\"h100-80g\"],\"mig_profile\":\"" name "\"}]"
#define ONE_NODE      "\"name\":\"m1\",\"cpu_milli\":64000,\"memory_mib\":262144"
#define CUT_DEVICE(uuid, index)                                                                                        \
	"{\"uuid\":\"" uuid "\",\"index\":" index                                                                      \
	",\"product\":\"NVIDIA H100 80GB HBM3\",\"memory_mib\":81559,\"share_mode\":\"instances\","                    \
	"\"geometry\":\"mig-h100-80g\"}"
#define INVENTORY(node, devices)                                                                                       \
	"{\"kind\":\"inventory\",\"is_whole\":true,\"nodes\":[{" node ",\"devices\":[" devices "]}]},"                 \
	"{\"kind\":\"running\",\"is_whole\":true}"
/* Four devices, two and two on a NUMA node and linked by NVLink, the pairs by a switch alone. */
#define PAIRED(index, numa)                                                                                            \
	"{\"uuid\":\"p" index "\",\"index\":" index                                                                    \
	",\"product\":\"NVIDIA H100 80GB HBM3\",\"memory_mib\":81559,\"numa\":" numa "}"
#define PAIRS                                                                                                          \
	INVENTORY(ONE_NODE ",\"links\":{\"weights\":[400,20,20,20,20,400]}",                                           \
		PAIRED("0", "0") "," PAIRED("1", "0") "," PAIRED("2", "1") "," PAIRED("3", "1"))

/* The realm with one node in c1, which is as `items` say. */
static void open_as(realm *r, const char *name, const char *items)
{
	realm_open(r, name, NULL);
	realm_start(r);
	cr_assert(placer_is_serving(r->placer));
	realm_report(r, "c1", items);
	realm_settle(r);
	cr_assert_eq(
		realm_int(r, "SELECT count(*) FROM node n JOIN cluster c ON c.key = cluster_key WHERE c.name = 'c1'"),
		1);
}

static int place(realm *r, const char *body)
{
	int k = realm_place(r, "d", body);

	realm_settle(r);
	return k;
}

/* "uuid profile@start": what its nth device is. */
static const char *given(realm *r, int number, int device)
{
	return realm_text(r,
		"SELECT concat_ws(' ', d->>'uuid', (d->>'mig_profile') || '@' || (d->>'start')) FROM placement, "
		"LATERAL (SELECT placed::json->0->'devices'->%d AS d) x WHERE id = 'plc_%d'",
		device, number);
}

static const char *blocker(realm *r, int number)
{
	return realm_text(r,
		"SELECT concat_ws(' ', b->>'code', b->>'class', b->>'need', b->>'free') FROM placement, "
		"LATERAL (SELECT blockers::json->0 AS b) x WHERE id = 'plc_%d'",
		number);
}

static const char *use(realm *r, const char *model)
{
	return realm_text(r,
		"SELECT concat_ws(' ', device_milli, memory_mib, compute_milli) FROM tenant_use u JOIN tenant t ON t.key = tenant_key "
		"WHERE path = 'd' AND model = '%s'",
		model);
}

static void restart(realm *r)
{
	realm_stop(r);
	realm_start(r);
	cr_assert(placer_is_serving(r->placer), "the books differ");
	realm_settle(r);
}

Test(placer_shape, an_instance_lives)
{
	static const char *const steps[] = {"delivered", "accepted", "bound", "running"};
	realm r;
	open_as(&r, "instance", INVENTORY(ONE_NODE, CUT_DEVICE("m1-0", "0") "," CUT_DEVICE("m1-1", "1")));
	int k = place(&r, PROFILE("3g.40gb"));
	STATE_IS(&r, k, "granted");
	cr_expect_str_eq(given(&r, k, 0), "m1-0 3g.40gb@4");
	/* 40,448 of 81,559 MiB and 3 of 7 slices. */
	cr_expect_str_eq(use(&r, "h100-80g"), "496 40448 428");
	cr_expect_str_eq(use(&r, "h100-80g.mig-3g.40gb"), "496 40448 428");
	for (size_t i = 0; i < 4; i++) {
		realm_step(&r, k, steps[i]);
		realm_settle(&r);
	}
	HOLDS(&r);
	restart(&r);
	HOLDS(&r);
	/* What is left of the first device is known again, and so are its positions: 3g at 0 leaves no place for 4g. */
	int beside = place(&r, PROFILE("mig-3g.40gb")), other = place(&r, PROFILE("4g.40gb"));
	cr_expect_str_eq(given(&r, beside, 0), "m1-0 3g.40gb@0");
	cr_expect_str_eq(given(&r, other, 0), "m1-1 4g.40gb@0");
	int waits = place(&r, PROFILE("7g.80gb"));
	STATE_IS(&r, waits, "pending");
	cr_expect_str_eq(blocker(&r, waits), "profile h100-80g 81152 40448");
	realm_release(&r, beside);
	realm_step(&r, k, "done");
	realm_settle(&r);
	realm_step(&r, beside, "revoked");
	realm_settle(&r);
	cr_expect_str_eq(given(&r, waits, 0), "m1-0 7g.80gb@0", "what waited for the whole of it has it");
	cr_expect_str_eq(use(&r, "h100-80g.mig-3g.40gb"), "0 0 0");
	HOLDS(&r);
	realm_release(&r, other);
	realm_release(&r, waits);
	realm_settle(&r);
	realm_step(&r, other, "revoked");
	realm_step(&r, waits, "revoked");
	realm_settle(&r);
	cr_expect_eq(realm_int(&r, "SELECT sum(device_milli + memory_mib + compute_milli) FROM tenant_use"), 0);
	cr_expect_eq(realm_int(&r, "SELECT sum(used_slots + used_memory_mib + used_compute_milli) FROM device"), 0);
	HOLDS(&r);
	restart(&r);
	realm_close(&r);
}

/* Its sub-class is a name for requests and for limits. */
Test(placer_shape, a_share_mode_has_its_own_limit)
{
	realm r;
	open_as(&r, "mode", INVENTORY(ONE_NODE, CUT_DEVICE("m1-0", "0")));
	realm_govern(&r, "quota",
		"INSERT INTO quota (tenant_key, model, class_limit_memory_mib) SELECT key, 'h100-80g.mig-1g.10gb', 20000 FROM tenant WHERE path = 'd'");
	realm_settle(&r);
	int a = place(&r, "\"devices\":[{\"classes\":[\"h100-80g.mig-1g.10gb\"]}]"), b = place(&r, PROFILE("1g.10gb"));
	STATE_IS(&r, a, "granted");
	STATE_IS(&r, b, "granted");
	int c = place(&r, PROFILE("1g.10gb"));
	cr_expect_str_eq(blocker(&r, c), "class_limit h100-80g.mig-1g.10gb 9984 32");
	STATE_IS(&r, place(&r, PROFILE("2g.20gb")), "granted");
	restart(&r);
	cr_expect_str_eq(blocker(&r, c), "class_limit h100-80g.mig-1g.10gb 9984 32");
	/* A class may be set that is called as the mode, for its price: the mode stays what is charged. */
	realm_govern(&r, "device_class",
		"INSERT INTO device_class (name, model, vendor, memory_mib) VALUES ('h100-80g.mig-1g.10gb', 'h100-80g', 'nvidia', 9984)");
	realm_settle(&r);
	realm_release(&r, a);
	realm_settle(&r);
	realm_step(&r, a, "revoked");
	realm_settle(&r);
	STATE_IS(&r, c, "granted");
	HOLDS(&r);
	restart(&r);
	realm_close(&r);
}

/* Each row: a request that no device can serve as it is, and the reason that is named. */
Test(placer_shape, what_is_not_there_is_named)
{
	static const struct {
		const char *body, *blocker;
	} rows[] = {
		{PROFILE("9g.90gb"), "no_such_class 9g.90gb 1000 0"},
		{"\"devices\":[{\"classes\":[\"l40s\"],\"mig_profile\":\"3g.40gb\"}]", "no_such_class 3g.40gb 1000 0"},
		{"\"devices\":[{\"classes\":[\"h100-80g.mig-9g.90gb\"]}]", "no_such_class h100-80g.mig-9g.90gb 1000 0"},
		{"\"devices\":[{\"count\":2,\"classes\":[\"h100-80g\"],\"mig_profile\":\"7g.80gb\"}]",
			"too_large h100-80g 2000 1000"},
		{"\"devices\":[{\"classes_excluded\":[\"h100-80g\"]}],\"clusters\":[\"c1\"]", "no_such_class 1000 0"},
		{PROFILE("3g.40gb") ",\"node_selector\":{\"zone\":\"b\"}", "node_selector 1 0"},
	};
	realm r;
	open_as(&r, "named", INVENTORY(ONE_NODE, CUT_DEVICE("m1-0", "0")));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int k = place(&r, rows[i].body);
		STATE_IS(&r, k, "pending");
		cr_expect_str_eq(blocker(&r, k), rows[i].blocker, "%s: %s", rows[i].body, blocker(&r, k));
	}
	realm_close(&r);
}

/* Nobody can tell what has room on a device that is cut in another way than its class says, or that is told to be
 * shared while an instance stands on it. */
Test(placer_shape, a_device_whose_cut_changes_takes_nothing_until_it_is_known)
{
	realm r;
	open_as(&r, "recut", INVENTORY(ONE_NODE, CUT_DEVICE("m1-0", "0")));
	int k = place(&r, PROFILE("1g.10gb"));
	realm_report(&r, "c1",
		INVENTORY(ONE_NODE,
			"{\"uuid\":\"m1-0\",\"index\":0,\"product\":\"NVIDIA H100 80GB HBM3\",\"memory_mib\":81920,\"share_mode\":\"shares\"}"));
	realm_settle(&r);
	int shared = place(&r, "\"devices\":[{\"classes\":[\"h100-80g\"],\"memory_mib\":1000}]");
	STATE_IS(&r, shared, "pending");
	HOLDS(&r);
	/* What it was charged stays, though the device has another size now. */
	restart(&r);
	HOLDS(&r);
	STATE_IS(&r, shared, "pending");
	realm_release(&r, k);
	realm_settle(&r);
	realm_step(&r, k, "revoked");
	realm_settle(&r);
	STATE_IS(&r, shared, "granted");
	realm_release(&r, shared);
	realm_settle(&r);
	realm_step(&r, shared, "revoked");
	/* Cut by what its class does not know. */
	realm_report(&r, "c1",
		INVENTORY(ONE_NODE,
			"{\"uuid\":\"m1-0\",\"index\":0,\"product\":\"NVIDIA H100 80GB HBM3\",\"memory_mib\":81559,\"share_mode\":\"instances\",\"geometry\":\"mig-h100-94g\"}"));
	realm_settle(&r);
	int waits = place(&r, PROFILE("1g.10gb"));
	cr_expect_str_eq(blocker(&r, waits), "node_closed h100-80g 1000 0");
	realm_govern(&r, "device_class",
		"UPDATE device_class SET share_modes = '{\"rules\":\"nvidia-h100-94g\"}' WHERE name = 'h100-80g'");
	realm_settle(&r);
	cr_expect_str_eq(realm_text(&r, "SELECT cut FROM device WHERE uuid = 'm1-0'"), "mig-h100-94g");
	int now = place(&r, PROFILE("1g.12gb"));
	STATE_IS(&r, now, "granted");
	HOLDS(&r);
	restart(&r);
	realm_close(&r);
}

Test(placer_shape, links_decide_which_devices)
{
	static const struct {
		const char *asked, *first, *second; /* devices, or the blocker and NULL */
	} rows[] = {
		{"\"topology\":\"required\",\"devices\":[{\"count\":3,\"classes\":[\"h100-80g\"]}]",
			"topology h100-80g 3000 2000", NULL},
		{"\"topology\":\"required\",\"devices\":[{\"count\":2,\"classes\":[\"h100-80g\"]}]", "p0", "p1"},
		{"\"devices\":[{\"count\":2,\"classes\":[\"h100-80g\"],\"numa_bind\":true}]", "p2", "p3"},
	};
	realm r;
	open_as(&r, "links", PAIRS);
	/* One of the first pair is taken: without regard for links the next two would be of both pairs. */
	int one = place(&r, "\"devices\":[{\"classes\":[\"h100-80g\"],\"uuids\":[\"p0\"]}]");
	int best = place(&r, "\"topology\":\"best_effort\",\"devices\":[{\"count\":2,\"classes\":[\"h100-80g\"]}]");
	char pair[16];
	snprintf(pair, sizeof pair, "%s", given(&r, best, 0));
	cr_expect_str_eq(pair, "p2");
	cr_expect_str_eq(given(&r, best, 1), "p3");
	realm_release(&r, one);
	realm_release(&r, best);
	realm_settle(&r);
	realm_step(&r, one, "revoked");
	realm_step(&r, best, "revoked");
	realm_settle(&r);
	restart(&r); /* links and NUMA nodes come from the tables */
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int k = place(&r, rows[i].asked);
		if (!rows[i].second) {
			cr_expect_str_eq(blocker(&r, k), rows[i].first);
			continue;
		}
		snprintf(pair, sizeof pair, "%s", given(&r, k, 0));
		cr_expect_str_eq(pair, rows[i].first, "%s", rows[i].asked);
		cr_expect_str_eq(given(&r, k, 1), rows[i].second, "%s", rows[i].asked);
	}
	HOLDS(&r);
	realm_close(&r);
}

Test(placer_shape, a_pair_over_two_numa_nodes_is_none)
{
	realm r;
	open_as(&r, "numa", PAIRS);
	int a = place(&r, "\"devices\":[{\"uuids\":[\"p0\"]}]"), b = place(&r, "\"devices\":[{\"uuids\":[\"p2\"]}]");
	STATE_IS(&r, a, "granted");
	STATE_IS(&r, b, "granted");
	int k = place(&r, "\"devices\":[{\"count\":2,\"classes\":[\"h100-80g\"],\"numa_bind\":true}]");
	cr_expect_str_eq(blocker(&r, k), "numa h100-80g 2000 1000");
	int any = place(&r, "\"devices\":[{\"count\":2,\"classes\":[\"h100-80g\"]}]");
	STATE_IS(&r, any, "granted");
	realm_close(&r);
}

Test(placer_shape, labels_and_taints_choose_nodes)
{
	realm r;
	open_as(&r, "labels",
		INVENTORY(ONE_NODE
			",\"labels\":{\"zone\":\"a\",\"odd\":7},\"taints\":[{\"key\":\"gpu\",\"value\":\"only\",\"effect\":\"NoSchedule\"},"
			"{\"key\":\"old\",\"effect\":\"PreferNoSchedule\"}]",
			CUT_DEVICE("m1-0", "0")));
	int shy = place(&r, PROFILE("1g.10gb"));
	cr_expect_str_eq(blocker(&r, shy), "taint 1 0");
	int wrong = place(&r, PROFILE("1g.10gb") ",\"tolerations\":[{\"key\":\"gpu\",\"value\":\"all\"}]");
	cr_expect_str_eq(blocker(&r, wrong), "taint 1 0");
	restart(&r);
	STATE_IS(&r,
		place(&r, PROFILE("1g.10gb") ",\"tolerations\":[{\"key\":\"gpu\"}],\"node_selector\":{\"zone\":\"a\"}"),
		"granted");
	STATE_IS(&r, place(&r, PROFILE("1g.10gb") ",\"tolerations\":[{\"value\":\"only\",\"effect\":\"NoSchedule\"}]"),
		"granted");
	int elsewhere = place(&r, PROFILE("1g.10gb") ",\"tolerations\":[{}],\"node_selector\":{\"zone\":\"b\"}");
	cr_expect_str_eq(blocker(&r, elsewhere), "node_selector 1 0");
	/* The taint goes, the label changes: both that wait for it are looked at again. */
	realm_report(&r, "c1", INVENTORY(ONE_NODE ",\"labels\":{\"zone\":\"b\"}", CUT_DEVICE("m1-0", "0")));
	realm_settle(&r);
	STATE_IS(&r, shy, "granted");
	STATE_IS(&r, elsewhere, "granted");
	HOLDS(&r);
	realm_close(&r);
}
