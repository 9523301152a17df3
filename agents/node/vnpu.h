/* vnpu: one virtual NPU of a chip of Huawei's, made and removed by its maker's own tool, in a process of its own.
 *
 * `reeve-node vnpu LOCK NPU-SMI make DEVICE TEMPLATE START -1 WHOSE` and `... remove ... ID WHOSE` are run as
 * `reeve-node instance` is (instance.h), answer as it does, and can take its place in instances.h:
 *
 *     ok ID 0 vnpu-ID       made; its device node is /dev/vdavinciID
 *     ok                    removed, or there was none
 *     error TEXT
 *
 * `reeve-node vnpu LOCK NPU-SMI list` tells what there is, the devices by their address in sysfs' form
 * (vnpu_list_read); a chip of which the tool does not tell all, or not within five seconds, is left out:
 *
 *     chip DEVICE NUMBER PRODUCT      its device node is /dev/davinciNUMBER
 *     vnpu DEVICE ID TEMPLATE         of the chip before
 *     end
 *
 * DEVICE is the chip's address on the bus, with or without "PCI-" before it. The ID is chosen here, among those of the
 * chip that are free, and noted beside LOCK, under a name that WHOSE is part of, before anything is made: so whoever
 * finds the note knows what is to be removed, whatever ended the process that made it, and takes nobody else's. What
 * has another template than the one that was asked for is somebody else's. Virtual NPUs outlive a start of the machine
 * (vnpu-cfg-recover), and so do notes.
 *
 * The forms of npu-smi's answers are those that its maker publishes and users have recorded; no such chip was at hand.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"

enum {
	VNPU_CHIPS_MAX = 64,
	VNPU_IDS = 16,     /* numbers that a chip has; and */
	VNPU_PER_CHIP = 8, /* of them are given, from the first on */
	VNPU_TEXT = 32,
	VNPU_BUS = 16,
};

/* A chip by the numbers that the tool goes by, by its number among all of the machine, and what it is called. */
typedef struct vnpu_chip {
	int64_t npu, chip, physical;
	char name[VNPU_TEXT]; /* without blanks: "Ascend310P3" */
} vnpu_chip;

/* A chip as `list` tells it. */
typedef struct vnpu_listed {
	char bus_id[VNPU_BUS]; /* 0000:c1:00.0 */
	char product[VNPU_TEXT];
	int64_t number;
	uint32_t n;
	struct vnpu_one {
		int64_t id;
		char template[VNPU_TEXT];
	} v[VNPU_PER_CHIP];
} vnpu_listed;

/* `npu-smi info -m`: the chips that compute; how many. */
uint32_t vnpu_chips_read(str text, vnpu_chip ret[VNPU_CHIPS_MAX]);

/* `npu-smi info -t board`: its address; absent: it is not told. */
str vnpu_board_bus(str text);
/* Whether it is at that address. */
bool vnpu_board_is(str text, str bus_id);

/* What `list` has printed, at most VNPU_CHIPS_MAX; false: it was broken off, or is none. */
bool vnpu_list_read(str text, vnpu_listed ret[VNPU_CHIPS_MAX], uint32_t *ret_n);

/* `npu-smi info -t info-vnpu`: the template of the virtual NPU of that number; absent: there is none. */
str vnpu_template(str text, int64_t id);

/* `npu-smi set`: whether it says that all is well; ret_why: what it says else. */
bool vnpu_is_well(str text, str *ret_why);

/* argv[0] is "vnpu". The exit status is 0 whenever a line was printed. */
int vnpu_main(int argc, char **argv);
