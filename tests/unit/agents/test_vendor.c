#include <criterion/criterion.h>
#include "agents/vendors/vendor.h"
#include "engine/cut.h"

Test(vendor, every_resource_of_the_peers_is_somebodys)
{
	static const char *const rows[][2] = {
		{"nvidia.com/gpu", "NVIDIA"},
		{"nvidia.com/gpumem", "NVIDIA"},
		{"nvidia.com/gpumem-percentage", "NVIDIA"},
		{"nvidia.com/gpucores", "NVIDIA"},
		{"nvidia.com/priority", "NVIDIA"},
		{"volcano.sh/vgpu-number", "NVIDIA"},
		{"volcano.sh/vgpu-memory-percentage", "NVIDIA"},
		{"huawei.com/Ascend910A", "Ascend910A"},
		{"huawei.com/Ascend910B2-memory", "Ascend910B2"},
		{"huawei.com/Ascend910B3", "Ascend910B3"},
		{"huawei.com/Ascend910B4", "Ascend910B4"},
		{"huawei.com/Ascend910B4-1", "Ascend910B4-1"},
		{"huawei.com/Ascend910C", "Ascend910C"},
		{"huawei.com/Ascend310P-core", "Ascend310P"},
		{"cambricon.com/vmlu", "MLU"},
		{"cambricon.com/mlu.smlu.vmemory", "MLU"},
		{"hygon.com/dcunum", "DCU"},
		{"metax-tech.com/gpu", "Metax-GPU"},
		{"metax-tech.com/sgpu", "Metax-SGPU"},
		{"metax-tech.com/vcore", "Metax-SGPU"},
		{"mthreads.com/sgpu-core", "Mthreads"},
		{"iluvatar.ai/MR-V100-vgpu", "MR-V100"},
		{"iluvatar.ai/MR-V50.vMem", "MR-V50"},
		{"iluvatar.ai/BI-V150.vCore", "BI-V150"},
		{"iluvatar.ai/BI-V100-vgpu", "BI-V100"},
		{"kunlunxin.com/xpu", "kunlun"},
		{"kunlunxin.com/vxpu-memory", "XPU"},
		{"enflame.com/gcu", "GCU"},
		{"enflame.com/drs-gcu", "Enflame"},
		{"enflame.com/gcu-memory", "Enflame"},
		{"aws.amazon.com/neuron", "AWSNeuron"},
		{"aws.amazon.com/neuroncore", "AWSNeuron"},
		{"birentech.com/gpu", "Biren"},
		{"vastaitech.com/va", "Vastai"},
		{"amd.com/gpucores", "AMD"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const vendor *k = vendor_of_resource(str_from(rows[i][0]));
		cr_assert(k, "nobody has %s", rows[i][0]);
		cr_expect_str_eq(k->word, rows[i][1], "%s", rows[i][0]);
	}
	cr_expect_null(vendor_of_resource(S("cpu")));
	cr_expect_null(vendor_of_resource(S("nvidia.com/")));
	cr_expect_null(vendor_of_resource(STR_NONE));
}

static void names_of(const vendor *k, const char *out[8])
{
	const char *const all[8] = {k->resources.count, k->resources.memory, k->resources.memory_percent,
		k->resources.compute, k->resources.priority, k->resources.parts, k->resources.size, k->node.devices};

	memcpy(out, all, sizeof(all));
}

Test(vendor, no_name_stands_for_two_things)
{
	const char *mine[8], *other[8];

	for (uint32_t i = 0; vendor_at(i); i++) {
		names_of(vendor_at(i), mine);
		for (uint32_t k = 0; k <= i; k++) {
			names_of(vendor_at(k), other);
			for (int m = 0; m < 8; m++)
				for (int o = 0; o < 8; o++)
					if (mine[m] && other[o] && !(i == k && m == o))
						cr_expect_str_neq(mine[m], other[o], "%s", vendor_at(i)->word);
		}
	}
}

Test(vendor, every_row_can_be_worked_with)
{
	uint32_t n = 0;

	for (; vendor_at(n); n++) {
		const vendor *k = vendor_at(n);
		class_cut cut;
		cr_expect(k->word && k->maker && k->pod.allocated, "row %u", n);
		cr_expect(!k->cut || cut_named(str_from(k->cut), &cut), "%s: no rules %s", k->word, k->cut);
		cr_expect(!k->resources.memory || k->memory_unit_mib > 0, "%s: unit of memory", k->word);
		cr_expect(!k->resources.compute || k->compute_whole > 0, "%s: unit of compute", k->word);
		cr_expect(!k->resources.parts || k->compute_whole > 0, "%s: parts of a device", k->word);
		cr_expect(k->resources.count || k->resources.size, "%s: how it is asked for", k->word);
		if (k->node.told == TOLD_AS_CAPACITY)
			cr_expect(k->node.capacity && k->node.infix && k->node.per_device > 0 && k->node.slots > 0 &&
					  (k->node.memory_mib > 0 || k->resources.memory),
				"%s: what its capacity means", k->word);
		else
			cr_expect_eq(vendor_of_node_key(str_from(k->node.devices)), k, "%s", k->word);
	}
	cr_expect_eq(n, 26);
}
