/* memory: paying for device memory before it is made, and giving back. Devices are places in limits and books. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shim/self.h"

#define MEMORY_MOST (((uint64_t)1 << 48) - 1) /* a larger request is never met, and could wrap a sum */

static inline bool memory_is_host(int location_type)
{
	return location_type >= CU_MEM_LOCATION_TYPE_HOST && location_type <= CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT;
}

/* Adds bytes to what this process holds. False, with nothing changed, when the container would then hold more than its
 * limit. */
bool memory_take(self *s, unsigned device, uint64_t bytes);

/* Gives back what memory_take added. */
void memory_give(self *s, unsigned device, uint64_t bytes);

/* Adds bytes that are there already, over the limit or not. */
void memory_put(self *s, unsigned device, uint64_t bytes);

/* What the container holds, as the node sees it, and its limit. */
uint64_t memory_used(self *s, unsigned device);
uint64_t memory_limit(const self *s, unsigned device);

/* Free and total as the container sees them; false when nothing limits it. Dead processes are looked for now and then.
 */
bool memory_tell(self *s, unsigned device, uint64_t *ret_free, uint64_t *ret_total);

/* What the device has is known from now on: a slice shows no more than that, however wide its limit. */
void memory_measured(self *s, unsigned device, uint64_t bytes);
bool memory_is_measured(const self *s, unsigned device);
