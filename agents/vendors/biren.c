#include "agents/vendors/makers.h"

/* clang-format off */
VENDOR_ROWS(biren, {
	.word = "Biren",
	.maker = "biren",
	.cut = "biren",
	.resources = {.count = "birentech.com/gpu"},
	.is_whole = true,
	.pod = {"hami.io/Biren-devices-to-allocate", "hami.io/Biren-devices-allocated"},
	.node = {
		.told = TOLD_AS_LIST,
		.devices = "hami.io/node-biren-register",
		.handshake = "hami.io/node-handshake-biren",
	},
	.select = {.use_type = "birentech.com/use-biren", .no_type = "birentech.com/nouse-biren", .use_uuid = "birentech.com/use-gpuuuid", .no_uuid = "birentech.com/nouse-gpuuuid"},
});
