#include "agents/vendors/makers.h"

/* clang-format off */
#define ASCEND(word_, cut_) { \
	.word = word_, \
	.maker = "huawei", \
	.cut = cut_, \
	.resources = { \
		.count = "huawei.com/" word_, \
		.memory = "huawei.com/" word_ "-memory", \
		.compute = "huawei.com/" word_ "-core", \
	}, \
	.memory_unit_mib = 1, \
	.compute_whole = 100, \
	.compute_unsaid = VENDOR_ABSENT, \
	.pod = {"hami.io/" word_ "-devices-to-allocate", "hami.io/" word_ "-devices-allocated"}, \
	.node = { \
		.told = TOLD_AS_LIST, \
		.devices = "hami.io/node-register-" word_, \
		.handshake = "hami.io/node-handshake-" word_, \
	}, \
	.select = {.use_uuid = "hami.io/use-" word_ "-uuid", .no_uuid = "hami.io/no-use-" word_ "-uuid"}, \
	.admission = { \
		.hidden_env = "ASCEND_VISIBLE_DEVICES", \
		.hidden_value = "", \
		.is_raised = true, \
		.parts_are_single = true, \
		.soft_key = "huawei.com/vnpu-mode", \
		.soft_value = "hami-core", \
	}, \
}

VENDOR_ROWS(ascend,
	ASCEND("Ascend910A",    "ascend-910a"),
	ASCEND("Ascend910B2",   "ascend-910b2"),
	ASCEND("Ascend910B3",   "ascend-910b3"),
	ASCEND("Ascend910B4",   "ascend-910b4"),
	ASCEND("Ascend910B4-1", "ascend-910b3"),
	ASCEND("Ascend910C",    "ascend-910c"),
	ASCEND("Ascend310P",    "ascend-310p"),
);
