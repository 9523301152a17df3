#include "agents/vendors/makers.h"

/* clang-format off */
VENDOR_ROWS(nvidia, {
	.word = "NVIDIA",
	.maker = "nvidia",
	.resources = {
		.count = "nvidia.com/gpu",
		.memory = "nvidia.com/gpumem",
		.memory_percent = "nvidia.com/gpumem-percentage",
		.compute = "nvidia.com/gpucores",
		.priority = "nvidia.com/priority",
	},
	.memory_unit_mib = 1,
	.compute_whole = 100,
	.compute_unsaid = VENDOR_ABSENT,
	.may_lack_count = true,
	.pod = {"hami.io/vgpu-devices-to-allocate", "hami.io/vgpu-devices-allocated"},
	.node = {
		.told = TOLD_AS_LIST,
		.devices = "hami.io/node-nvidia-register",
		.handshake = "hami.io/node-handshake",
		.scores = "hami.io/node-nvidia-score",
	},
	.select = {"nvidia.com/use-gputype", "nvidia.com/nouse-gputype", "nvidia.com/use-gpuuuid", "nvidia.com/nouse-gpuuuid"},
});
