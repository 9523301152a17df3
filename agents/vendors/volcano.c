#include "agents/vendors/makers.h"

/* NVIDIA's devices by the plugin made for Volcano, which has names of its own. */
/* clang-format off */
VENDOR_ROWS(volcano, {
	.word = "NVIDIA",
	.maker = "nvidia",
	.resources = {
		.count = "volcano.sh/vgpu-number",
		.memory = "volcano.sh/vgpu-memory",
		.memory_percent = "volcano.sh/vgpu-memory-percentage",
		.compute = "volcano.sh/vgpu-cores",
	},
	.memory_unit_mib = 1,
	.compute_whole = 100,
	.compute_unsaid = VENDOR_ABSENT,
	.pod = {"volcano.sh/devices-to-allocate", "volcano.sh/vgpu-ids-new"},
	.node = {.told = TOLD_AS_LIST, .devices = "volcano.sh/node-vgpu-register"},
});
