/* caps: the device nodes that open an instance of a cut device (MIG), as NVIDIA's driver tells them in /proc. */
#pragma once
#include "base/arena.h"

enum { CAPS = 2 }; /* its own, and its compute instance's */

/* devices: "/dev"; procfs: "/proc"; minor: of the device that is cut. NULL: the driver tells of no such node. */
void caps_find(const char *procfs, const char *devices, int32_t minor, int64_t gpu_instance, int64_t compute_instance,
	arena *a, const char *ret[CAPS]);
