#include "agents/vendors/makers.h"

/* clang-format off */
VENDOR_ROWS(metax, {
	.word = "Metax-GPU",
	.maker = "metax",
	.cut = "metax-gpu",
	.resources = {.count = "metax-tech.com/gpu"},
	.is_whole = true,
	.pod = {"hami.io/metax-gpu-devices-to-allocate", "hami.io/metax-gpu-devices-allocated"},
	.node = {
		.told = TOLD_AS_CAPACITY,
		.infix = "-metax-",
		.capacity = "metax-tech.com/gpu",
		.per_device = 1,
		.slots = 1,
		.memory_mib = 65536,
	},
}, {
	.word = "Metax-SGPU",
	.maker = "metax",
	.cut = "metax-sgpu",
	.resources = {
		.count = "metax-tech.com/sgpu",
		.memory = "metax-tech.com/vmemory",
		.compute = "metax-tech.com/vcore",
	},
	.memory_unit_mib = 1024,
	.memory_bytes_from = 1 << 20,
	.compute_whole = 100,
	.compute_unsaid = 100,
	.pod = {"hami.io/metax-sgpu-devices-to-allocate", "hami.io/metax-sgpu-devices-allocated"},
	.node = {.told = TOLD_AS_CARDS, .devices = "metax-tech.com/node-gpu-devices"},
	.select = {.use_uuid = "metax-tech.com/use-gpuuuid", .no_uuid = "metax-tech.com/nouse-gpuuuid"},
	.admission = {
		.quality = {
			"metax-tech.com/sgpu-qos-policy",
			{"best-effort", "fixed-share", "burst-share"},
			"best-effort",
		},
		.role = {.key = "metax-tech.com/sgpu-app-class", .values = {"online", "offline"}},
	},
});
