/* fake: what the parts of the fake driver share. Handles are small numbers or addresses that nobody may follow. */
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "world.h"

#include "shim/abi.h"
#include "shim/wrap.h"

#define FAKE_EXPORT __attribute__((visibility("default")))

typedef struct CUctx_st {
	unsigned device;
	_Atomic unsigned references;
	bool primary;
} fake_context;

/* The current context's device; false: none is current. */
bool fake_device_now(unsigned *ret_device);

bool fake_started(void);

/* A table from address to size, owner device and a mark, for what was made. */
typedef struct fake_block {
	uint64_t key;
	uint64_t bytes;
	uint64_t mark;
	unsigned device;
} fake_block;

void fake_put(uint64_t key, uint64_t bytes, unsigned device, uint64_t mark);
bool fake_take(uint64_t key, fake_block *ret_block);
bool fake_find(uint64_t key, fake_block *ret_block);

/* NVML's handle; waits while the device hangs. */
bool nvml_device(nvmlDevice_t handle, unsigned *ret_device);

/* A handle of an instance of a device, which is another kind of handle. */
bool nvml_instance(nvmlDevice_t handle, unsigned *ret_device, unsigned *ret_instance);

/* An address that was never given before. */
uint64_t fake_address(uint64_t bytes);
