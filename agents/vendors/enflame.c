#include "agents/vendors/makers.h"

/* clang-format off */
VENDOR_ROWS(enflame, {
	.word = "GCU",
	.maker = "enflame",
	.cut = "enflame-gcu",
	.resources = {.count = "enflame.com/gcu"},
	.is_whole = true,
	.pod = {"hami.io/enflame-gcu-devices-to-allocate", "hami.io/enflame-gcu-devices-allocated"},
	.node = {
		.told = TOLD_AS_CAPACITY,
		.infix = "-GCU-",
		.capacity = "enflame.com/gcu",
		.per_device = 1,
		.slots = 1,
		.memory_mib = 100,
	},
	.select = {.use_uuid = "enflame.com/use-gpuuuid", .no_uuid = "enflame.com/nouse-gpuuuid"},
}, {
	.word = "Enflame",
	.maker = "enflame",
	.resources = {
		.memory = "enflame.com/gcu-memory",
		.compute = "enflame.com/gcu-core",
		.size = "enflame.com/drs-gcu",
	},
	.memory_unit_mib = 1024,
	.memory_mib_from = 1024,
	.compute_whole = 100,
	.compute_unsaid = VENDOR_ABSENT,
	.may_lack_count = true,
	.pod = {NULL, "hami.io/enflame-vgpu-devices-allocated"},
	.node = {.told = TOLD_AS_PROFILES, .devices = "enflame.com/gcu-drs-capacity", .infix = "-enflame-drs-"},
	.select = {.use_uuid = "enflame.com/use-gpuuuid", .no_uuid = "enflame.com/nouse-gpuuuid"},
});
