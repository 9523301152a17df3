#include "shim/green.h"

#include "shim/context.h"
#include "shim/driver.h"
#include "shim/memory.h"
#include "shim/wrap.h"

/* By the primary context, where the thread has none of that device. */
static uint64_t green_left_there(self *s, CUdevice ordinal)
{
	holding primary;
	CUcontext before = NULL;
	uint64_t left = 0;
	if (!holding_find(s->holdings, HOLDING_PRIMARY, (uint64_t)ordinal, &primary) || !primary.of ||
		DRIVER(cuCtxGetCurrent)(&before) != CUDA_SUCCESS)
		return 0;
	if (DRIVER(cuCtxSetCurrent)((CUcontext)(uintptr_t)primary.of) == CUDA_SUCCESS)
		left = context_left();
	DRIVER(cuCtxSetCurrent)(before);
	return left;
}

uint64_t green_left(self *s, unsigned device, CUdevice ordinal)
{
	unsigned current;
	if (memory_limit(s, device) == LIMITS_NONE)
		return 0;
	return self_device(s, &current) && current == device ? context_left() : green_left_there(s, ordinal);
}

bool green_enter(self *s, CUgreenCtx context, unsigned device, CUdevice ordinal, uint64_t left)
{
	holding entry = {.kind = HOLDING_GREEN, .key = (uint64_t)(uintptr_t)context, .device = (uint8_t)device};
	uint64_t most = context_known(s, device);
	uint64_t took = left ? context_between(left, green_left(s, device, ordinal)) : 0;
	entry.bytes = most && took > most ? most : took;
	if (entry.bytes && !memory_take(s, device, entry.bytes))
		return false;
	if (entry.bytes)
		holding_put(s->holdings, &entry);
	return true;
}

void green_end(self *s, CUgreenCtx context)
{
	holding entry;
	if (holding_take(s->holdings, HOLDING_GREEN, (uint64_t)(uintptr_t)context, &entry))
		memory_give(s, entry.device, entry.bytes);
}
