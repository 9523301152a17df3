#include "agents/vendors/makers.h"

/* clang-format off */
#define ILUVATAR(chip) { \
	.word = chip, \
	.maker = "iluvatar", \
	.cut = "iluvatar", \
	.resources = { \
		.count = "iluvatar.ai/" chip "-vgpu", \
		.memory = "iluvatar.ai/" chip ".vMem", \
		.compute = "iluvatar.ai/" chip ".vCore", \
	}, \
	.memory_unit_mib = 256, \
	.compute_whole = 100, \
	.compute_unsaid = VENDOR_ABSENT, \
	.pod = {"hami.io/" chip "-devices-to-allocate", "hami.io/" chip "-devices-allocated"}, \
	.node = { \
		.told = TOLD_AS_LIST, \
		.devices = "hami.io/node-" chip "-register", \
		.handshake = "hami.io/node-handshake-" chip, \
	}, \
	.select = {.use_uuid = "hami.io/use-" chip "-uuid", .no_uuid = "hami.io/no-use-" chip "-uuid"}, \
	/* The variable's name is as the makers' plugin looks for it. */ \
	.admission = {.name_env = "SOL_CONTINER_NAME", .many_compute = 100}, \
}

VENDOR_ROWS(iluvatar, ILUVATAR("MR-V100"), ILUVATAR("MR-V50"), ILUVATAR("BI-V150"), ILUVATAR("BI-V100"));
