/* slice: what NVML knows of this container's part of a device, and which device a handle of NVML's is. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shim/self.h"

/* The place in limits and books of a device of NVML's. False: not one of the container's. */
bool slice_device(self *s, nvmlDevice_t handle, unsigned *ret_device);

/* Bytes that NVML says this process has on the program's device of that number; 0 when it does not tell. */
uint64_t slice_of_self(const self *s, int ordinal);

/* Whether no other process is in the books. */
bool slice_is_alone(const self *s);

/* Thousandths of the last ns nanoseconds during which the container's processes had the device. False: not known. */
bool slice_busy(self *s, unsigned device, uint64_t ns, uint32_t *ret_milli);

/* Whether a pid of NVML's is one of the container's. */
bool slice_owns(const self *s, unsigned pid);
