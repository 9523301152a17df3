#include "agents/scheduling/gauges.h"
#include "cluster_fixture.h"

#define DEVICE_1 "node=\"node1\",device_uuid=\"device1\",device_index=\"0\""

static void has(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	cr_expect(at && at[strlen(line)] == '\n' && (at == text || at[-1] == '\n'), "%s", line);
}

/* Every line is a comment, or a name with labels and a number; every name has its type before. */
static void is_sound(const char *text)
{
	AUTO_ARENA a = arena_new(0);
	str rest = str_from(text);

	while (rest.n) {
		str line = str_split(&rest, '\n');
		if (!line.n || line.p[0] == '#')
			continue;
		str name = line;
		name = str_cut(name, 0,
			(size_t)(str_find(name, '{', 0) >= 0 ? str_find(name, '{', 0) : str_find(name, ' ', 0)));
		const char *type = str_z(a, str_print(a, "# TYPE " STR_FMT " ", STR_ARG(name)));
		cr_expect(strstr(text, type) && strstr(text, type) < line.p, STR_FMT, STR_ARG(line));
	}
}

static const char *printed(const gauges *e, arena *a)
{
	buf out;

	buf_init(&out, 1 << 20);
	gauges_print(e, &out);
	const char *text = str_z(a, buf_str(&out));
	buf_done(&out);
	return text;
}

Test(gauges, hamis_series_say_what_is_so)
{
	AUTO_ARENA a = arena_new(0);
	stock *s = f2x2_new();
	quotas *q = quotas_new();
	gauges e = {.stock = s, .quotas = q, .version = "1.2"};

	cr_assert_eq(quotas_put(q,
			     S("{\"metadata\":{\"name\":\"q\",\"namespace\":\"d\",\"resourceVersion\":\"1\"},\"spec\":{"
			       "\"hard\":{\"limits.nvidia.com/gpumem\":\"10k\"}}}")),
		ERR_OK);
	const char *text = printed(&e, a);
	is_sound(text);
	has(text, "hami_gpu_memory_limit_bytes{" DEVICE_1 ",device_type=\"NVIDIA\",zone=\"vGPU\"} 8388608000");
	has(text, "hami_gpu_core_limit_ratio{" DEVICE_1 ",device_type=\"NVIDIA\",zone=\"vGPU\"} 100");
	has(text, "hami_gpu_memory_allocated_bytes{" DEVICE_1
		  ",device_cores=\"100\",device_type=\"NVIDIA\",zone=\"vGPU\"} 2097152000");
	has(text, "hami_gpu_shared_count{" DEVICE_1 ",device_type=\"NVIDIA\",zone=\"vGPU\"} 1");
	has(text, "hami_gpu_core_allocated_ratio{" DEVICE_1 ",device_type=\"NVIDIA\",zone=\"vGPU\"} 25");
	has(text,
		"hami_node_gpu_overview{" DEVICE_1
		",device_cores=\"100\",device_memory_limit=\"8000\",device_type=\"NVIDIA\",zone=\"vGPU\"} 2097152000");
	has(text, "hami_node_gpu_memory_allocated_ratio{" DEVICE_1 ",device_type=\"NVIDIA\",zone=\"vGPU\"} 0.250000");
	has(text, "hami_vgpu_memory_allocated_bytes{namespace=\"d\",node=\"node2\",pod=\"pod2\",container_index=\"0\","
		  "device_uuid=\"device4\",zone=\"vGPU\"} 6291456000");
	has(text, "hami_vgpu_core_allocated_ratio{namespace=\"d\",node=\"node2\",pod=\"pod2\",container_index=\"0\","
		  "device_uuid=\"device4\",zone=\"vGPU\"} 75");
	has(text,
		"hami_resource_quota_used{namespace=\"d\",quota_name=\"nvidia.com/gpumem\",limit=\"10000\",zone=\"vGPU\"} 8000");
	has(text, "hami_resource_quota_limit{namespace=\"d\",quota_name=\"nvidia.com/gpumem\",zone=\"vGPU\"} 10000");
	cr_expect(!strstr(text, "nodeGPUOverview"));
	quotas_free(q);
	stock_free(s);
}

Test(gauges, those_of_old_come_on_request)
{
	AUTO_ARENA a = arena_new(0);
	stock *s = f2x2_new();
	admission x = {.counts = {.asked = 3, .refused = {[REFUSAL_PRIVILEGED] = 2}}};
	gauges e = {
		.stock = s, .admission = &x, .version = "1.2", .has_legacy = true, .is_leading = true, .waiting = 7};
	const char *text = printed(&e, a);

	is_sound(text);
	has(text,
		"GPUDeviceMemoryLimit{nodeid=\"node1\",deviceuuid=\"device1\",deviceidx=\"0\",devicetype=\"NVIDIA\",zone=\"vGPU\"} "
		"8388608000");
	has(text,
		"nodeGPUMemoryPercentage{nodeid=\"node1\",deviceuuid=\"device1\",deviceidx=\"0\",zone=\"vGPU\"} 0.250000");
	has(text,
		"vGPUCoreAllocated{podnamespace=\"d\",nodename=\"node1\",podname=\"pod1\",containeridx=\"0\",deviceuuid=\"device1\","
		"zone=\"vGPU\"} 25");
	has(text, "reeve_agent_admission_refused_total{code=\"privileged\"} 2");
	has(text, "reeve_agent_admission_reviews_total 3");
	has(text, "reeve_agent_leading 1");
	has(text, "reeve_agent_waiting_pods 7");
	stock_free(s);
}

Test(gauges, names_from_outside_cannot_forge_lines)
{
	AUTO_ARENA a = arena_new(0);
	stock *s = stock_new();
	gauges e = {.stock = s, .version = "1.2"};

	node_tell(s, NODE("n", CARD("a\\\\\\\"\\\\n\\\\\\\\b", "8000", "10")));
	const char *text = printed(&e, a);
	is_sound(text);
	cr_expect(strstr(text, "device_uuid=\"a\\\"\\n\\\\b\""), "%s", text);
	stock_free(s);
}
