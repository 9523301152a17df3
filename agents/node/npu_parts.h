/* npu_parts: what a container gets of NPUs: their device nodes, those of their driver, and its libraries.
 *
 * A virtual NPU's node is /dev/vdavinciID on the machine and /dev/davinciID in the container, as its maker's own
 * runtime has it. No shim is between: the chip keeps the parts of it apart itself.
 */
#pragma once
#include "agents/node/inventory.h"
#include "agents/node/parts.h"

#define NPU_MAKER "huawei"
#define NPU_WHOLE "whole" /* the template that takes all of a chip, which is none of the tool's */

/* One of them: id is a virtual one's, or the chip's own where it is whole. */
typedef struct npu_part {
	int64_t id;
	bool is_virtual;
} npu_part;

/* ERR_UNAVAILABLE: a node is not there yet. devices: "/dev". */
err npu_parts_check(const char *devices, npu_part one, fault *f) MUST_CHECK;
void npu_parts_add(const char *devices, npu_part one, parts *p, arena *a);
/* What all of them need, once. */
void npu_parts_common(const char *devices, parts *p, arena *a);
