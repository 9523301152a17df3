#include <criterion/criterion.h>
#include "agents/vendors/want.h"

enum { ASKED_MAX = 4 };

typedef struct row {
	const char *kind; /* a resource of it */
	const char *asked[ASKED_MAX][2];
	int32_t count;
	int64_t memory_mib;
	int32_t memory_percent, compute_milli, size, priority;
} row;

static const row rows[] = {
	/* HAMi's cases of reading a request. */
	{"nvidia.com/gpu", {{"nvidia.com/gpu", "1"}}, 1, 0, 0, -1, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/gpu", "2"}, {"nvidia.com/gpumem", "4096"}}, 2, 4096, 0, -1, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem", "8k"}}, 1, 8000, 0, -1, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem-percentage", "50"}}, 1, 0, 50, -1, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem-percentage", "150"}}, 1, 0, 100, -1, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem-percentage", "101"}}, 1, 0, 100, -1, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem-percentage", "0"}}, 1, 0, 0, -1, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem-percentage", "-1"}}, 1, 0, 0, -1, 0, -1},
	{"nvidia.com/gpu",
		{{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem-percentage", "0"}, {"nvidia.com/gpumem", "2000"}}, 1,
		2000, 0, -1, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem", "0"}}, 1, 0, 0, -1, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/gpu", "1"}, {"nvidia.com/gpucores", "30"}}, 1, 0, 0, 300, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/gpu", "1"}, {"nvidia.com/gpucores", "130"}}, 1, 0, 0, 1000, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/gpu", "1"}, {"nvidia.com/gpucores", "0"}}, 1, 0, 0, 0, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/gpu", "1"}, {"nvidia.com/priority", "1"}}, 1, 0, 0, -1, 0, 1},
	{"nvidia.com/gpu", {{"nvidia.com/gpumem", "3000"}}, 1, 3000, 0, -1, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/gpucores", "30"}}, 1, 0, 0, 300, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/priority", "1"}}, 0, 0, 0, -1, 0, -1},
	{"nvidia.com/gpu", {{"nvidia.com/gpu", "0"}, {"nvidia.com/gpumem", "3000"}}, 0, 0, 0, -1, 0, -1},
	{"nvidia.com/gpu", {{"cpu", "4"}, {"amd.com/gpu", "1"}}, 0, 0, 0, -1, 0, -1},
	{"volcano.sh/vgpu-number", {{"volcano.sh/vgpu-memory", "3000"}}, 0, 0, 0, -1, 0, -1},
	{"volcano.sh/vgpu-number", {{"volcano.sh/vgpu-number", "1"}, {"volcano.sh/vgpu-memory", "3k"}}, 1, 3000, 0, -1,
		0, -1},
	{"huawei.com/Ascend910B3", {{"huawei.com/Ascend910B3", "1"}, {"huawei.com/Ascend910B3-memory", "5k"}}, 1, 5000,
		0, -1, 0, -1},
	{"cambricon.com/vmlu",
		{{"cambricon.com/vmlu", "1"}, {"cambricon.com/mlu.smlu.vmemory", "20"},
			{"cambricon.com/mlu.smlu.vcore", "10"}},
		1, 5120, 0, 100, 0, -1},
	{"cambricon.com/vmlu", {{"cambricon.com/vmlu", "1"}}, 1, 0, 0, 1000, 0, -1},
	{"hygon.com/dcunum", {{"hygon.com/dcunum", "1"}, {"hygon.com/dcumem", "2k"}}, 1, 2000, 0, 1000, 0, -1},
	{"hygon.com/dcunum", {{"hygon.com/dcunum", "1"}, {"hygon.com/dcucores", "60"}}, 1, 0, 0, 600, 0, -1},
	{"metax-tech.com/sgpu", {{"metax-tech.com/sgpu", "1"}, {"metax-tech.com/vmemory", "4"}}, 1, 4096, 0, 1000, 0,
		-1},
	{"metax-tech.com/sgpu",
		{{"metax-tech.com/sgpu", "1"}, {"metax-tech.com/vmemory", "4Gi"}, {"metax-tech.com/vcore", "60"}}, 1,
		4096, 0, 600, 0, -1},
	{"metax-tech.com/gpu", {{"metax-tech.com/gpu", "4"}}, 4, 0, 0, -1, 0, -1},
	{"mthreads.com/vgpu",
		{{"mthreads.com/vgpu", "1"}, {"mthreads.com/sgpu-memory", "32"}, {"mthreads.com/sgpu-core", "8"}}, 1,
		16384, 0, 500, 0, -1},
	{"mthreads.com/vgpu",
		{{"mthreads.com/vgpu", "2"}, {"mthreads.com/sgpu-memory", "192"}, {"mthreads.com/sgpu-core", "32"}}, 2,
		49152, 0, 1000, 0, -1},
	{"iluvatar.ai/BI-V100-vgpu",
		{{"iluvatar.ai/BI-V100-vgpu", "1"}, {"iluvatar.ai/BI-V100.vMem", "64"},
			{"iluvatar.ai/BI-V100.vCore", "50"}},
		1, 16384, 0, 500, 0, -1},
	{"kunlunxin.com/vxpu", {{"kunlunxin.com/vxpu", "1"}, {"kunlunxin.com/vxpu-memory", "24576"}}, 1, 24576, 0, -1,
		0, -1},
	{"enflame.com/drs-gcu", {{"enflame.com/drs-gcu", "3"}}, 1, 0, 0, -1, 3, -1},
	{"enflame.com/drs-gcu", {{"enflame.com/gcu-memory", "20480"}, {"enflame.com/gcu-core", "40"}}, 1, 20480, 0, 400,
		0, -1},
	{"enflame.com/drs-gcu", {{"enflame.com/gcu-memory", "16"}}, 1, 16384, 0, -1, 0, -1},
	{"aws.amazon.com/neuron", {{"aws.amazon.com/neuron", "2"}}, 2, 0, 0, 1000, 0, -1},
	{"aws.amazon.com/neuron", {{"aws.amazon.com/neuroncore", "1"}}, 1, 0, 0, 500, 0, -1},
	{"aws.amazon.com/neuron", {{"aws.amazon.com/neuroncore", "2"}}, 1, 0, 0, 1000, 0, -1},
	{"aws.amazon.com/neuron", {{"aws.amazon.com/neuroncore", "6"}}, 3, 0, 0, 1000, 0, -1},
	{"amd.com/gpu", {{"amd.com/gpu", "1"}, {"amd.com/gpucores", "1"}}, 1, 0, 0, 10, 0, -1},
	{"amd.com/gpu", {{"amd.com/gpu", "1"}, {"amd.com/gpumem", "8k"}}, 1, 8000, 0, 1000, 0, -1},
};

static uint32_t amounts_read(const row *r, quantity_row *out)
{
	uint32_t n = 0;

	for (; n < ASKED_MAX && r->asked[n][0]; n++) {
		out[n].resource = str_from(r->asked[n][0]);
		cr_assert_eq(quantity_read(str_from(r->asked[n][1]), &out[n].q), ERR_OK);
	}
	return n;
}

static err row_read(const row *r, bool as_requests, want *ret, fault *f)
{
	const vendor *k = vendor_of_resource(str_from(r->kind));
	quantity_row v[ASKED_MAX];
	uint32_t n = amounts_read(r, v);

	cr_assert(k);
	return as_requests ? want_read(k, NULL, 0, v, n, ret, f) : want_read(k, v, n, NULL, 0, ret, f);
}

Test(want, is_read_in_the_units_of_each_kind)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const row *r = &rows[i];
		for (int as_requests = 0; as_requests < 2; as_requests++) {
			want w;
			fault f = {0};
			cr_assert_eq(row_read(r, as_requests, &w, &f), ERR_OK, "row %zu: %s", i, f.detail);
			cr_expect_eq(w.count, r->count, "row %zu: count %d", i, w.count);
			cr_expect_eq(w.memory_mib, r->memory_mib, "row %zu: %lld MiB", i, (long long)w.memory_mib);
			cr_expect_eq(w.memory_percent, r->memory_percent, "row %zu: %d %%", i, w.memory_percent);
			cr_expect_eq(w.compute_milli, r->compute_milli, "row %zu: %d milli", i, w.compute_milli);
			cr_expect_eq(w.size, r->size, "row %zu: size %d", i, w.size);
			cr_expect_eq(w.priority, r->priority, "row %zu: priority %d", i, w.priority);
		}
	}
}

typedef struct bad_row {
	const char *asked[ASKED_MAX][2];
	const char *pointer, *says;
} bad_row;

Test(want, refuses_loudly_what_cannot_be_meant)
{
	static const bad_row bad[] = {
		{{{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem", "16Gi"}}, "nvidia.com/gpumem", "write 16384"},
		{{{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem", "-1"}}, "nvidia.com/gpumem", "not -1"},
		{{{"nvidia.com/gpu", "1"}, {"nvidia.com/gpumem", "1500m"}}, "nvidia.com/gpumem", "whole number"},
		{{{"nvidia.com/gpu", "-1"}}, "nvidia.com/gpu", "0 to 4096"},
		{{{"nvidia.com/gpu", "500m"}}, "nvidia.com/gpu", "whole number"},
		{{{"nvidia.com/gpu", "1"}, {"nvidia.com/gpucores", "-5"}}, "nvidia.com/gpucores", "not -5"},
		{{{"nvidia.com/gpu", "1"}, {"nvidia.com/gpucores", "99E"}}, "nvidia.com/gpucores", "not 99E"},
		{{{"cambricon.com/vmlu", "1"}, {"cambricon.com/mlu.smlu.vmemory", "8Gi"}},
			"cambricon.com/mlu.smlu.vmemory", "write 32"},
		{{{"aws.amazon.com/neuroncore", "3"}}, "aws.amazon.com/neuroncore", "multiple"},
		{{{"amd.com/gpu", "1"}, {"amd.com/gpucores", "0"}}, "amd.com/gpucores", "1 to"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		row r = {.kind = bad[i].asked[0][0]};
		want w = {.count = 77};
		fault f = {0};
		memcpy(r.asked, bad[i].asked, sizeof(r.asked));
		cr_expect_eq(row_read(&r, false, &w, &f), ERR_BAD_FIELD, "row %zu", i);
		cr_expect_str_eq(f.pointer, bad[i].pointer, "row %zu", i);
		cr_expect(strstr(f.detail, bad[i].says), "row %zu: %s", i, f.detail);
		cr_expect_eq(w.count, 77, "row %zu left a mark", i);
	}
}

Test(want, a_limit_goes_before_a_request)
{
	quantity_row limit = {S("nvidia.com/gpu"), {0}}, request = {S("nvidia.com/gpu"), {0}};
	want w;

	limit.q = quantity_of(2, QUANTITY_DECIMAL);
	request.q = quantity_of(5, QUANTITY_DECIMAL);
	cr_assert_eq(want_read(vendor_of_resource(limit.resource), &limit, 1, &request, 1, &w, NULL), ERR_OK);
	cr_expect_eq(w.count, 2);
}
