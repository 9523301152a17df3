#include "agents/vendors/makers.h"

/* Nothing tells a node's devices but its capacity, in hundredths of devices. */
/* clang-format off */
VENDOR_ROWS(cambricon, {
	.word = "MLU",
	.maker = "cambricon",
	.cut = "cambricon-smlu",
	.resources = {
		.count = "cambricon.com/vmlu",
		.memory = "cambricon.com/mlu.smlu.vmemory",
		.compute = "cambricon.com/mlu.smlu.vcore",
	},
	.memory_unit_mib = 256,
	.compute_whole = 100,
	.compute_unsaid = 100,
	.pod = {"hami.io/cambricon-mlu-devices-to-allocate", "hami.io/cambricon-mlu-devices-allocated"},
	.node = {
		.told = TOLD_AS_CAPACITY,
		.infix = "-cambricon-mlu-",
		.capacity = "cambricon.com/mlu.smlu.vcore",
		.per_device = 100,
		.slots = 100,
	},
	.select = {.use_type = "cambricon.com/use-mlutype", .no_type = "cambricon.com/nouse-mlutype", .use_uuid = "cambricon.com/use-gpuuuid", .no_uuid = "cambricon.com/nouse-gpuuuid"},
});
