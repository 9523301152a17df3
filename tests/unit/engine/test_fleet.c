#include "fixture.h"

Test(fleet, names_find_handles_and_classes_are_interned)
{
	fleet f;
	fleet_init(&f);
	int32_t par = fleet_cluster_put(&f, S("par-1")), ams = fleet_cluster_put(&f, S("ams-1"));
	int32_t node = add_gpus(&f, par, "gpu-1", 2, "h100-80g", 81920);
	int32_t twin = add_gpus(&f, ams, "gpu-1", 1, "l40s", 46068);

	cr_expect_eq(fleet_cluster_find(&f, S("ams-1")), ams);
	cr_expect_eq(fleet_cluster_put(&f, S("par-1")), par);
	cr_expect_eq(fleet_cluster_find(&f, S("nowhere")), FLEET_NONE);
	cr_expect_eq(fleet_node_find(&f, par, S("gpu-1")), node);
	cr_expect_eq(fleet_node_find(&f, ams, S("gpu-1")), twin);
	cr_expect_eq(fleet_device_find(&f, par, S("gpu-1-1")), f.devices.v[f.nodes.v[node].first_device].next);
	cr_expect_eq(fleet_device_find(&f, ams, S("gpu-1-1")), FLEET_NONE);
	cr_expect_eq(fleet_class_put(&f, S("l40s")), fleet_class_find(&f, S("l40s")));
	cr_expect_eq(fleet_class_find(&f, S("b200")), FLEET_NONE);
	fleet_done(&f);
}

Test(fleet, summary_of_a_node_follows_its_devices)
{
	fleet f;
	fleet_init(&f);
	int32_t node = add_gpus(&f, fleet_cluster_put(&f, S("c")), "n", 2, "h100", 1000);
	int32_t first = f.nodes.v[node].first_device, second = f.devices.v[first].next;
	plan p;
	plan_init(&p);
	p.cluster = 0;
	plan_add_pod(&p, 0, 0, node, 500, 100);
	plan_add_device(&p, (plan_device){first, 0, 600, 300, {{600, 600, 300}}});

	cr_expect_eq(f.views.v[node].n_idle, 2);
	cr_expect_eq(f.views.v[node].free_device_milli, 2000);
	fleet_book(&f, &p);
	cr_expect_eq(f.views.v[node].n_idle, 1);
	cr_expect_eq(f.views.v[node].free_device_milli, 1400);
	cr_expect_eq(f.nodes.v[node].used_cpu_milli, 500);
	fleet_device_flag(&f, second, FLEET_CORDONED, true);
	cr_expect_eq(f.views.v[node].n_idle, 0);
	cr_expect_eq(f.views.v[node].max_free_memory_mib, 400);
	cr_expect_eq(f.views.v[node].max_free_compute_milli, 700);
	fleet_unbook(&f, &p);
	fleet_device_flag(&f, second, FLEET_CORDONED, false);
	cr_expect_eq(f.views.v[node].free_device_milli, 2000);
	cr_expect_eq(f.nodes.v[node].pods, 0);
	plan_done(&p);
	fleet_done(&f);
}

Test(fleet, what_is_removed_while_booked_stays_until_its_last_booking_goes)
{
	fleet f;
	fleet_init(&f);
	int32_t c = fleet_cluster_put(&f, S("c")), node = add_gpus(&f, c, "n", 1, "h100", 1000);
	int32_t device = f.nodes.v[node].first_device;
	plan p;
	plan_init(&p);
	p.cluster = c;
	plan_add_pod(&p, 0, 0, node, 0, 0);
	plan_add_device(&p, (plan_device){device, 0, 600, 0, {{600, 600, 0}}});
	fleet_book(&f, &p);

	fleet_node_remove(&f, node);
	cr_expect(f.nodes.v[node].flags & FLEET_GONE);
	cr_expect_eq(f.views.v[node].n_open, 0);
	cr_expect_eq(f.classes.v[0].n_devices, 0);
	cr_expect_eq(add_gpus(&f, c, "other", 1, "h100", 1000) == node, false, "the handle is not used again");
	fleet_unbook(&f, &p);
	cr_expect_eq(fleet_node_find(&f, c, S("n")), FLEET_NONE);
	cr_expect_eq(fleet_device_find(&f, c, S("n-0")), FLEET_NONE);
	cr_expect_eq(add_gpus(&f, c, "third", 1, "h100", 1000), node, "now it is");
	plan_done(&p);
	fleet_done(&f);
}

Test(fleet, what_comes_back_while_booked_keeps_handle_and_bookings)
{
	fleet f;
	fleet_init(&f);
	int32_t c = fleet_cluster_put(&f, S("c")), node = add_gpus(&f, c, "n", 1, "h100", 1000);
	int32_t device = f.nodes.v[node].first_device;
	plan p;
	plan_init(&p);
	p.cluster = c;
	plan_add_pod(&p, 0, 0, node, 0, 0);
	plan_add_device(&p, (plan_device){device, 0, 600, 0, {{600, 600, 0}}});
	fleet_book(&f, &p);
	fleet_cluster_remove(&f, c);
	cr_expect(!f.clusters.v[c].is_live);
	cr_expect_eq(fleet_cluster_put(&f, S("c")), c);
	node_spec back = {S("n"), 64000, 262144, 0, FLEET_NONE};
	device_spec same = {S("n-0"), 0, 0, 1000, 2};
	int32_t again = FLEET_NONE;
	cr_expect_eq(fleet_node_put(&f, c, &back), node);
	cr_expect_eq(fleet_device_put(&f, node, &same, &again), ERR_OK);
	cr_expect_eq(again, device);
	cr_expect_eq(f.views.v[node].max_free_memory_mib, 400);
	cr_expect_eq(f.classes.v[0].n_devices, 1);
	fleet_unbook(&f, &p);
	cr_expect_eq(f.views.v[node].max_free_memory_mib, 1000);
	plan_done(&p);
	fleet_done(&f);
}

Test(fleet, a_device_moves_between_nodes_only_while_nothing_is_booked)
{
	fleet f;
	fleet_init(&f);
	int32_t c = fleet_cluster_put(&f, S("c")), a = add_gpus(&f, c, "a", 1, "h100", 1000),
		b = add_node(&f, c, "b", 1, 1);
	int32_t device = f.nodes.v[a].first_device, got = FLEET_NONE;
	plan p;
	plan_init(&p);
	p.cluster = c;
	plan_add_pod(&p, 0, 0, a, 0, 0);
	plan_add_device(&p, (plan_device){device, 0, 1, 0, {{1, 1, 0}}});
	device_spec moved = {S("a-0"), 0, 0, 1000, 2};

	fleet_book(&f, &p);
	cr_expect_eq(fleet_device_put(&f, b, &moved, &got), ERR_CONFLICT);
	fleet_unbook(&f, &p);
	cr_expect_eq(fleet_device_put(&f, b, &moved, &got), ERR_OK);
	cr_expect_eq(got, device);
	cr_expect_eq(f.nodes.v[a].first_device, FLEET_NONE);
	cr_expect_eq(f.views.v[b].n_idle, 1);
	plan_done(&p);
	fleet_done(&f);
}

Test(fleet, a_node_holds_a_bounded_number_of_devices)
{
	fleet f;
	fleet_init(&f);
	int32_t node = add_gpus(&f, fleet_cluster_put(&f, S("c")), "n", FLEET_NODE_DEVICES_MAX, "h100", 1000), got = 7;
	device_spec more = {S("one-more"), 0, 99, 1000, 1};

	cr_expect_eq(fleet_device_put(&f, node, &more, &got), ERR_TOO_MANY_ITEMS);
	cr_expect_eq(got, 7);
	fleet_done(&f);
}

Test(fleet, healthy_capacity_counts_cordoned_devices_but_not_broken_ones)
{
	fleet f;
	amounts got[1];
	fleet_init(&f);
	int32_t c = fleet_cluster_put(&f, S("c")), a = add_gpus(&f, c, "a", 2, "h100", 1000),
		b = add_gpus(&f, c, "b", 2, "h100", 1000);

	fleet_capacity(&f, got, 1);
	cr_expect(amounts_eq(got[0], (amounts){{4000, 4000, 4000}}));
	fleet_node_flag(&f, a, FLEET_CORDONED, true);
	fleet_device_flag(&f, f.nodes.v[b].first_device, FLEET_UNHEALTHY, true);
	fleet_class_set(&f, 0, (class_spec){.overcommit_ppm = 1500000});
	fleet_capacity(&f, got, 1);
	cr_expect(amounts_eq(got[0], (amounts){{3000, 3000, 4500}}));
	fleet_cluster_flag(&f, c, FLEET_UNHEALTHY, true);
	fleet_capacity(&f, got, 1);
	cr_expect(amounts_eq(got[0], (amounts){{0, 0, 0}}));
	fleet_done(&f);
}

Test(fleet, a_report_may_book_past_capacity_and_then_nothing_is_free)
{
	fleet f;
	fleet_init(&f);
	int32_t node = add_gpus(&f, fleet_cluster_put(&f, S("c")), "n", 1, "h100", 1000),
		device = f.nodes.v[node].first_device;
	plan p;
	plan_init(&p);
	p.cluster = 0;
	plan_add_pod(&p, 0, 0, node, 0, 0);
	plan_add_device(&p, (plan_device){device, 0, 1600, 300, {{1000, 1600, 300}}});
	fleet_book(&f, &p);
	cr_expect(fleet_device_is_over(&f, device));
	cr_expect_eq(f.views.v[node].max_free_memory_mib, 0);
	cr_expect_eq(f.views.v[node].free_device_milli, 0);
	fleet_unbook(&f, &p);
	cr_expect(!fleet_device_is_over(&f, device));
	plan_done(&p);
	fleet_done(&f);
}

Test(fleet, nodes_stand_in_order_of_rank)
{
	fleet f;
	fleet_init(&f);
	int32_t c = fleet_cluster_put(&f, S("c"));
	static const int32_t ranks[] = {5, 3, FLEET_NONE, 4, 0};
	static const int32_t want[] = {4, 1, 3, 0, 2};
	for (int i = 0; i < 5; i++) {
		node_spec spec = {text("n%d", i), 1, 1, 0, ranks[i]};
		fleet_node_put(&f, c, &spec);
	}
	for (int i = 0; i < 5; i++)
		cr_expect_eq(f.clusters.v[c].nodes.v[i], want[i], "place %d", i);
	fleet_done(&f);
}
