/* vnpu: one virtual NPU of a chip of Huawei's, made and removed by its maker's own tool, in a process of its own.
 *
 * `reeve-node vnpu LOCK NPU-SMI make DEVICE TEMPLATE START -1` and `... remove ... ID` are run as `reeve-node instance`
 * is (instance.h), answer as it does, and can take its place in instances.h:
 *
 *     ok ID 0 vnpu-ID       made; its device node is /dev/vdavinciID
 *     ok                    removed, or there was none
 *     error TEXT
 *
 * DEVICE is the chip's address on the bus, with or without "PCI-" before it. The ID is chosen here, among those of the
 * chip that are free, and noted beside LOCK before anything is made: so whoever finds the note knows what is to be
 * removed, whatever ended the process that made it. What has another template than the one that was asked for is
 * somebody else's. Virtual NPUs outlive a start of the machine (vnpu-cfg-recover), and so do notes.
 *
 * The forms of npu-smi's answers are those that its maker publishes and users have recorded; no such chip was at hand.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"

enum { VNPU_CHIPS_MAX = 64, VNPU_IDS = 16 };

/* A chip by the numbers that the tool goes by, and by its number among all of the machine. */
typedef struct vnpu_chip {
	int64_t npu, chip, physical;
} vnpu_chip;

/* `npu-smi info -m`: the chips that compute; how many. */
uint32_t vnpu_chips_read(str text, vnpu_chip ret[VNPU_CHIPS_MAX]);

/* `npu-smi info -t board`: whether it is at that address. */
bool vnpu_board_is(str text, str bus_id);

/* `npu-smi info -t info-vnpu`: the template of the virtual NPU of that number; absent: there is none. */
str vnpu_template(str text, int64_t id);

/* `npu-smi set`: whether it says that all is well; ret_why: what it says else. */
bool vnpu_is_well(str text, str *ret_why);

/* argv[0] is "vnpu". The exit status is 0 whenever a line was printed. */
int vnpu_main(int argc, char **argv);
