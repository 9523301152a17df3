/* stranger: a driver that was not written beside the shim, to see what of the other one the shim leans on.
 *
 * It has no NVML, one function for all that it does not do, few of the usual calls, and other moments at which it takes
 * memory. Its devices are of one process. Its builds differ:
 *
 *     OLD   a file called libcuda.so, without a soname; cuGetProcAddress in its first form alone; an instance of a
 * graph takes the memory of its nodes when it is made; a reset of the primary context forgets who retains it NEW
 * libcuda.so.1; cuGetProcAddress_v2 alone, which knows calls that are not exported; a node takes its memory when it is
 * added
 *     PLT   as OLD, and what it exports it calls by its public name, which the loader leads to whoever is first in the
 * program; so it does while it is opened
 */
#pragma once
#include "shim/abi.h"

#define STRANGER_MIB           ((size_t)1 << 20)
#define STRANGER_CONTEXT_BYTES (24 * STRANGER_MIB)
#define STRANGER_DEVICES       2
#define STRANGER_DEVICE_BYTES  (4096 * STRANGER_MIB)

/* What it holds of a device; a name that no driver has. */
typedef size_t (*stranger_held_call)(int device);
#define STRANGER_HELD "stranger_held"
