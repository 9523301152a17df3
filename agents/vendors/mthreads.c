#include "agents/vendors/makers.h"

/* Selection annotations have another domain than the resources. */
/* clang-format off */
VENDOR_ROWS(mthreads, {
	.word = "Mthreads",
	.maker = "mthreads",
	.cut = "mthreads-sgpu",
	.resources = {
		.count = "mthreads.com/vgpu",
		.memory = "mthreads.com/sgpu-memory",
		.compute = "mthreads.com/sgpu-core",
	},
	.memory_unit_mib = 512,
	.compute_whole = 16,
	.compute_unsaid = VENDOR_ABSENT,
	.amounts_are_totals = true,
	.pod = {"hami.io/mthreads-vgpu-devices-to-allocate", "hami.io/mthreads-vgpu-devices-allocated"},
	.node = {
		.told = TOLD_AS_CAPACITY,
		.infix = "-mthreads-",
		.capacity = "mthreads.com/sgpu-core",
		.per_device = 16,
		.slots = 100,
	},
	.select = {.use_uuid = "mthreads.ai/use-gpuuuid", .no_uuid = "mthreads.ai/nouse-gpuuuid"},
	.admission = {
		.many_key = "mthreads.com/request-gpu-num",
		.many_compute = 16,
		.many_memory = 96,
		.one_too = true,
		.sizes_are_strict = true,
	},
});
