#include "agents/vendors/makers.h"

/* clang-format off */
VENDOR_ROWS(kunlunxin, {
	.word = "kunlun",
	.maker = "kunlunxin",
	.cut = "kunlun-xpu",
	.resources = {.count = "kunlunxin.com/xpu"},
	.is_whole = true,
	.pod = {NULL, "hami.io/kunlun-allocated"},
	.node = {
		.told = TOLD_AS_CAPACITY,
		.infix = "-kunlun-",
		.capacity = "kunlunxin.com/xpu",
		.per_device = 1,
		.slots = 100,
		.memory_mib = 98304,
		.has_halves = true,
	},
	.select = {.use_uuid = "baidu.com/use-gpuuuid", .no_uuid = "baidu.com/nouse-gpuuuid", .use_uuid_also = "hami.io/use-xpu-uuid", .no_uuid_also = "hami.io/no-use-xpu-uuid"},
}, {
	.word = "XPU",
	.maker = "kunlunxin",
	.cut = "kunlun-vxpu",
	.resources = {.count = "kunlunxin.com/vxpu", .memory = "kunlunxin.com/vxpu-memory"},
	.memory_unit_mib = 1,
	.compute_unsaid = VENDOR_ABSENT,
	.pod = {"hami.io/xpu-devices-to-allocate", "hami.io/xpu-devices-allocated"},
	.node = {
		.told = TOLD_AS_LIST,
		.devices = "hami.io/node-register-xpu",
		.handshake = "hami.io/node-handshake-xpu",
	},
	.select = {.use_uuid = "baidu.com/use-gpuuuid", .no_uuid = "baidu.com/nouse-gpuuuid", .use_uuid_also = "hami.io/use-xpu-uuid", .no_uuid_also = "hami.io/no-use-xpu-uuid"},
	.admission = {.is_raised = true},
});
