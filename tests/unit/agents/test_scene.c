#include "fixture.h"

Test(scene, a_file_is_read_whole_and_uuids_are_the_same_each_time)
{
	arena *a = arena_new(0);
	scene s;

	MUST(scene_read(
		S("{\"cluster_uid\":\"u\",\"nodes\":[{\"name\":\"n1\",\"cpu_milli\":1,\"memory_mib\":2,\"labels\":{\"z\":"
		  "\"a\"},\"taints\":[{\"key\":\"k\",\"effect\":\"NoExecute\"}],\"links\":{\"weights\":[100,20,20]},"
		  "\"devices\":[{\"product\":\"A\",\"memory_mib\":10,\"count\":2},{\"product\":\"B\",\"memory_mib\":20,"
		  "\"uuid_prefix\":\"NPU\",\"numa\":1,\"share_mode\":\"instances\",\"geometry\":\"vnpu-910b3\"}]}]}"),
		a, &s, &must));
	js_list nodes = scene_report(&s, a);
	cr_assert_eq(nodes.n, 1u);
	const report_node *n = nodes.v;
	const report_device *d = n->devices.v;
	cr_assert_eq(n->devices.n, 3u);
	cr_expect_eq(n->pods, 110);
	cr_expect(str_eq(d[0].uuid, S("GPU-n1-0")) && str_eq(d[1].uuid, S("GPU-n1-1")) &&
		  str_eq(d[2].uuid, S("NPU-n1-2")));
	cr_expect_eq(d[2].index, 2);
	cr_expect(d[1].numa == -1 && d[2].numa == 1, "a device that does not say is on no NUMA node that is known");
	cr_expect(str_eq(d[2].share_mode, S("instances")) && str_eq(d[2].geometry, S("vnpu-910b3")));
	cr_expect(n->taints.n == 1 && n->links.weights.n == 3 && n->links.weights.v[2] == 20);
	cr_expect_eq(s.pods.start_ms, 50, "what is left out has its initial value");
	cr_expect_eq(s.pods.usage_interval_ms, 1000);
	arena_end(a);
}

Test(scene, a_wrong_file_is_refused_with_its_place)
{
	static const struct {
		const char *json;
		err e;
		const char *pointer;
	} rows[] = {
		{"{}", ERR_MISSING_FIELD, "#/cluster_uid"},
		{"{\"cluster_uid\":\"u\",\"node\":[]}", ERR_UNKNOWN_FIELD, "#/node"},
		{"{\"cluster_uid\":\"u\",\"nodes\":[{\"name\":\"n\",\"cpu_milli\":1}]}", ERR_MISSING_FIELD,
			"#/nodes/0/memory_mib"},
		{"{\"cluster_uid\":\"u\",\"pods\":{\"fail_ppm\":1000001}}", ERR_BAD_FIELD, "#/pods/fail_ppm"},
		{"{\"cluster_uid\":\"u\",\"nodes\":[{\"name\":\"n\",\"cpu_milli\":1,\"memory_mib\":1,"
		 "\"devices\":[{\"product\":\"A\",\"memory_mib\":1,\"share_mode\":\"mig\"}]}]}",
			ERR_BAD_FIELD, "#/nodes/0/devices/0/share_mode"},
		{"{\"cluster_uid\":\"u\",\"nodes\":[{\"name\":\"n\",\"cpu_milli\":1,\"memory_mib\":1},"
		 "{\"name\":\"n\",\"cpu_milli\":1,\"memory_mib\":1}]}",
			ERR_BAD_FIELD, "#/nodes"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		arena *a = arena_new(0);
		fault f = {0};
		scene s;
		cr_expect_eq(scene_read(str_from(rows[i].json), a, &s, &f), rows[i].e, "row %zu: %s", i, f.detail);
		cr_expect_str_eq(f.pointer, rows[i].pointer, "row %zu: %s", i, f.pointer);
		arena_end(a);
	}
}

Test(scene, csv_columns_are_found_by_name_and_wrong_lines_by_number)
{
	static const struct {
		const char *csv;
		const char *pointer; /* "": taken */
		uint32_t n;
	} rows[] = {
		{"sn,cpu_milli,memory_mib,gpu,model\na,1,2,0,\nb,1,2,8,V100M16\n", "", 2},
		{"sn,cpu_milli,memory_mib,gpu,model\r\nb,1,2,8,T4\r\n\r\n", "", 1},
		{"rank,model,gpu,other,memory_mib,cpu_milli,sn\n7,T4,1,x,2,1,a", "", 1},
		{"sn,cpu_milli,memory_mib,gpu\n", "line 1", 0},
		{"", "line 1", 0},
		{"sn,cpu_milli,memory_mib,gpu,model\na,1,2,0,\nb,1,2,x,T4\n", "line 3", 0},
		{"sn,cpu_milli,memory_mib,gpu,model\na,1,-2,0,\n", "line 2", 0},
		{"sn,cpu_milli,memory_mib,gpu,model\na,1,2,65,T4\n", "line 2", 0},
		{"sn,cpu_milli,memory_mib,gpu,model\na,1,2,1,\n", "line 2", 0},
		{"sn,cpu_milli,memory_mib,gpu,model\n,1,2,0,\n", "line 2", 0},
		{"sn,cpu_milli,memory_mib,gpu,model\na,1,2,0,\na,1,2,0,\n", "#/nodes", 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		arena *a = arena_new(0);
		fault f = {0};
		scene s = {.device_memory_mib = SCENE_DEVICE_MEMORY_MIB};
		err e = scene_read_csv(str_from(rows[i].csv), a, &s, &f);
		cr_expect_eq(e, *rows[i].pointer ? ERR_BAD_FIELD : ERR_OK, "row %zu: %s", i, f.detail);
		cr_expect_str_eq(f.pointer, rows[i].pointer, "row %zu: %s", i, f.pointer);
		if (!e)
			cr_expect_eq(s.nodes.n, rows[i].n, "row %zu", i);
		arena_end(a);
	}
}

Test(scene, a_csv_beside_the_file_gives_400_nodes_with_2000_devices)
{
	folder d = folder_new();
	arena *a = arena_new(0);
	char path[128], csv_path[128];
	scene s;
	buf csv;

	buf_init(&csv, 1 << 20);
	buf_add_str(&csv, S("sn,cpu_milli,memory_mib,gpu,model\n"));
	for (int i = 0; i < 400; i++)
		buf_printf(&csv, "node-%d,96000,786432,5,V100M32\n", i);
	(void)snprintf(path, sizeof(path), "%s/scene.json", d.path);
	(void)snprintf(csv_path, sizeof(csv_path), "%s/nodes.csv", d.path);
	MUST(file_write(csv_path, 0600, buf_str(&csv), &must));
	MUST(file_write(path, 0600,
		S("{\"cluster_uid\":\"u\",\"nodes_csv\":\"nodes.csv\",\"device_memory_mib\":32768}"), &must));
	MUST(scene_load(path, a, &s, &must));
	cr_assert_eq(s.nodes.n, 400u);
	js_list nodes = scene_report(&s, a);
	const report_node *n = nodes.v;
	const report_device *dev = n[399].devices.v;
	cr_assert_eq(n[399].devices.n, 5u);
	cr_expect(str_eq(dev[4].uuid, S("GPU-node-399-4")));
	cr_expect(str_eq(dev[4].class, S("v100m32")) && str_eq(dev[4].product, S("V100M32")));
	cr_expect_eq(dev[4].memory_mib, 32768);
	buf_done(&csv);
	arena_end(a);
	folder_free(&d);
}
