#include "agents/vendors/makers.h"

/* clang-format off */
VENDOR_ROWS(hygon, {
	.word = "DCU",
	.maker = "hygon",
	.cut = "hygon-dcu",
	.resources = {
		.count = "hygon.com/dcunum",
		.memory = "hygon.com/dcumem",
		.compute = "hygon.com/dcucores",
	},
	.memory_unit_mib = 1,
	.compute_whole = 100,
	.compute_unsaid = 100,
	.pod = {"hami.io/dcu-devices-to-allocate", "hami.io/dcu-devices-allocated"},
	.node = {.told = TOLD_AS_LIST, .devices = "hami.io/node-dcu-register", .handshake = "hami.io/node-handshake-dcu"},
	.select = {.use_type = "hygon.com/use-dcutype", .no_type = "hygon.com/nouse-dcutype", .use_uuid = "hygon.com/use-gpuuuid", .no_uuid = "hygon.com/nouse-gpuuuid"},
});
