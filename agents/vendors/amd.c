#include "agents/vendors/makers.h"

/* Types in a pod's annotation are product names here, and shares of compute are given in whole compute units. */
/* clang-format off */
VENDOR_ROWS(amd, {
	.word = "AMD",
	.maker = "amd",
	.cut = "amd",
	.resources = {.count = "amd.com/gpu", .memory = "amd.com/gpumem", .compute = "amd.com/gpucores"},
	.memory_unit_mib = 1,
	.compute_whole = 100,
	.compute_unsaid = 100,
	.compute_min = 1,
	.type_is_product = true,
	.pod = {"hami.io/amd-devices-to-allocate", "hami.io/amd-devices-allocated"},
	.node = {.told = TOLD_AS_LIST, .devices = "hami.io/node-amd-register"},
	.select = {.use_type = "amd.com/use-gputype", .no_type = "amd.com/nouse-gputype", .use_uuid = "amd.com/use-gpu-uuid", .no_uuid = "amd.com/nouse-gpu-uuid"},
});
