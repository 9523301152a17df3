#include "agents/vendors/makers.h"

/* clang-format off */
VENDOR_ROWS(vastai, {
	.word = "Vastai",
	.maker = "vastai",
	.cut = "vastai",
	.resources = {.count = "vastaitech.com/va"},
	.is_whole = true,
	.pod = {"hami.io/Vastai-devices-to-allocate", "hami.io/Vastai-devices-allocated"},
	.node = {
		.told = TOLD_AS_LIST,
		.devices = "hami.io/node-va-register",
		.handshake = "hami.io/node-handshake-va",
	},
	.select = {.use_type = "vastaitech.com/use-va", .no_type = "vastaitech.com/nouse-va", .use_uuid = "vastaitech.com/use-gpuuuid", .no_uuid = "vastaitech.com/nouse-gpuuuid"},
});
