#include "shim/wrapped.h"

#include "shim/context.h"
#include "shim/driver.h"
#include "shim/green.h"
#include "shim/memory.h"

#define KEPT_LIMITS 8 /* more than there are kinds of what a context sets aside */

/* All ways to make a context differ in what stands between it and the device. */
#define CONTEXT_CREATE(symbol, parameters, arguments)                                                                  \
	CUresult symbol parameters                                                                                     \
	{                                                                                                              \
		self *s = self_get();                                                                                  \
		unsigned place = self_ordinal(s, device);                                                              \
		context_price price;                                                                                   \
		if (!context_take(s, place, &price))                                                                   \
			return CUDA_ERROR_OUT_OF_MEMORY;                                                               \
		return context_made(s, place, &price, context, DRIVER(symbol) arguments);                              \
	}

static CUresult context_made(self *s, unsigned place, const context_price *price, CUcontext *context, CUresult answer)
{
	if (answer != CUDA_SUCCESS) {
		memory_give(s, place, price->paid);
		return answer;
	}
	if (context_enter(s, *context, place, price))
		return answer;
	DRIVER(cuCtxDestroy_v2)(*context);
	*context = NULL;
	return CUDA_ERROR_OUT_OF_MEMORY;
}

CONTEXT_CREATE(cuCtxCreate, (CUcontext * context, unsigned int flags, CUdevice device), (context, flags, device))
CONTEXT_CREATE(cuCtxCreate_v2, (CUcontext * context, unsigned int flags, CUdevice device), (context, flags, device))
CONTEXT_CREATE(cuCtxCreate_v3, (CUcontext * context, void *affinity, int count, unsigned int flags, CUdevice device),
	(context, affinity, count, flags, device))
CONTEXT_CREATE(cuCtxCreate_v4, (CUcontext * context, void *params, unsigned int flags, CUdevice device),
	(context, params, flags, device))
CONTEXT_CREATE(cuGLCtxCreate, (CUcontext * context, unsigned int flags, CUdevice device), (context, flags, device))
CONTEXT_CREATE(cuGLCtxCreate_v2, (CUcontext * context, unsigned int flags, CUdevice device), (context, flags, device))

static CUresult context_destroyed(CUcontext context, CUresult answer)
{
	if (answer == CUDA_SUCCESS)
		context_end(self_get(), context);
	return answer;
}

CUresult cuCtxDestroy(CUcontext context)
{
	self_get();
	return context_destroyed(context, DRIVER(cuCtxDestroy)(context));
}

CUresult cuCtxDestroy_v2(CUcontext context)
{
	self_get();
	return context_destroyed(context, DRIVER(cuCtxDestroy_v2)(context));
}

CUresult cuCtxDetach(CUcontext context)
{
	self_get();
	return context_destroyed(context, DRIVER(cuCtxDetach)(context));
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
	self *s = self_get();
	if (!context_retain(s, device))
		return CUDA_ERROR_OUT_OF_MEMORY;
	CUresult answer = DRIVER(cuDevicePrimaryCtxRetain)(context, device);
	context_retained(s, device, answer == CUDA_SUCCESS ? *context : NULL, answer == CUDA_SUCCESS);
	return answer;
}

/* A reset may have let go of more than one hold on it; what is left the driver knows best. */
static bool primary_is_gone(CUdevice device)
{
	unsigned int flags;
	int active = 1;
	return DRIVER(cuDevicePrimaryCtxGetState)(device, &flags, &active) == CUDA_SUCCESS && !active;
}

static CUresult primary_ended(CUdevice device, CUresult answer, bool reset)
{
	if (answer == CUDA_SUCCESS)
		context_release(self_get(), device, reset, !reset && primary_is_gone(device));
	return answer;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device)
{
	self_get();
	return primary_ended(device, DRIVER(cuDevicePrimaryCtxRelease)(device), false);
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
	self_get();
	return primary_ended(device, DRIVER(cuDevicePrimaryCtxRelease_v2)(device), false);
}

CUresult cuDevicePrimaryCtxReset(CUdevice device)
{
	self_get();
	return primary_ended(device, DRIVER(cuDevicePrimaryCtxReset)(device), true);
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice device)
{
	self_get();
	return primary_ended(device, DRIVER(cuDevicePrimaryCtxReset_v2)(device), true);
}

CUresult cuGreenCtxCreate(CUgreenCtx *context, CUdevResourceDesc part, CUdevice device, unsigned int flags)
{
	self *s = self_get();
	unsigned place = self_ordinal(s, device);
	uint64_t left = green_left(s, place, device);
	CUresult answer = DRIVER(cuGreenCtxCreate)(context, part, device, flags);
	if (answer != CUDA_SUCCESS || green_enter(s, *context, place, device, left))
		return answer;
	DRIVER(cuGreenCtxDestroy)(*context);
	*context = NULL;
	return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuGreenCtxDestroy(CUgreenCtx context)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuGreenCtxDestroy)(context);
	if (answer == CUDA_SUCCESS)
		green_end(s, context);
	return answer;
}

/* Bytes of the device that a limit of so much takes: a stack is kept for every thread that the device can run. */
static uint64_t kept_bytes(int limit, CUdevice ordinal, uint64_t value)
{
	int processors = 1, threads = 1;
	uint64_t bytes;
	if (limit == CU_LIMIT_STACK_SIZE &&
		(DRIVER(cuDeviceGetAttribute)(&processors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, ordinal) !=
				CUDA_SUCCESS ||
			DRIVER(cuDeviceGetAttribute)(
				&threads, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, ordinal) != CUDA_SUCCESS))
		return 0;
	return __builtin_mul_overflow(value, (uint64_t)processors * (uint64_t)threads, &bytes) ? UINT64_MAX : bytes;
}

/* What is kept beyond what the context began with, which it has paid itself, is paid before it is set. */
static CUresult kept_set(self *s, unsigned device, CUdevice ordinal, int limit, size_t value)
{
	size_t now = 0;
	holding entry = {0};
	uint64_t key = (uint64_t)(uintptr_t)self_context() * KEPT_LIMITS + (unsigned)limit;
	if (DRIVER(cuCtxGetLimit)(&now, limit) != CUDA_SUCCESS)
		return DRIVER(cuCtxSetLimit)(limit, value);
	holding_take(s->holdings, HOLDING_KEPT, key, &entry);
	uint64_t was = kept_bytes(limit, ordinal, now), wanted = kept_bytes(limit, ordinal, value);
	uint64_t began = was > entry.bytes ? was - entry.bytes : 0, before = entry.bytes;
	uint64_t after = wanted > began ? wanted - began : 0;
	bool may = after <= before || memory_take(s, device, after - before);
	CUresult answer = may ? DRIVER(cuCtxSetLimit)(limit, value) : CUDA_ERROR_OUT_OF_MEMORY;
	uint64_t kept = answer == CUDA_SUCCESS ? after : before, paid = may && after > before ? after : before;
	memory_give(s, device, paid - kept);
	entry = (holding){.kind = HOLDING_KEPT,
		.key = key,
		.bytes = kept,
		.device = (uint8_t)device,
		.of = (uint64_t)(uintptr_t)self_context()};
	if (kept)
		holding_put(s->holdings, &entry);
	return answer;
}

CUresult cuCtxSetLimit(int limit, size_t value)
{
	self *s = self_get();
	unsigned device;
	CUdevice ordinal;
	bool keeps = limit == CU_LIMIT_STACK_SIZE || limit == CU_LIMIT_PRINTF_FIFO_SIZE ||
		     limit == CU_LIMIT_MALLOC_HEAP_SIZE;
	if (!keeps || !self_device(s, &device) || DRIVER(cuCtxGetDevice)(&ordinal) != CUDA_SUCCESS)
		return DRIVER(cuCtxSetLimit)(limit, value);
	return kept_set(s, device, ordinal, limit, value);
}
