/* handle: NVML's handle of a device that the program knows by a number: by its place on the bus, by its uuid, or by the
 * number itself, as far as driver and NVML tell.
 */
#pragma once
#include <stdbool.h>

#include "shim/abi.h"

/* Starts NVML. False: there is none, or it does not know the device. */
bool handle_of(int ordinal, nvmlDevice_t *ret);

/* NVML's number of a handle; false when it does not tell. */
bool handle_index(nvmlDevice_t handle, unsigned *ret_index);
