#include "shim/wrap.h"

#include "shim/context.h"
#include "shim/driver.h"
#include "shim/memory.h"

/* All ways to make a context differ in what stands between it and the device. */
#define CONTEXT_CREATE(symbol, parameters, arguments)                                                                  \
	EXPORT CUresult symbol parameters                                                                              \
	{                                                                                                              \
		self *s = self_get();                                                                                  \
		unsigned place = self_ordinal(s, device);                                                              \
		uint64_t paid;                                                                                         \
		if (!context_take(s, place, &paid))                                                                    \
			return CUDA_ERROR_OUT_OF_MEMORY;                                                               \
		return context_made(s, place, paid, context, DRIVER(symbol) arguments);                                \
	}

static CUresult context_made(self *s, unsigned place, uint64_t paid, CUcontext *context, CUresult answer)
{
	if (answer != CUDA_SUCCESS)
		memory_give(s, place, paid);
	else
		context_enter(s, *context, place, paid);
	return answer;
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

EXPORT CUresult cuCtxDestroy(CUcontext context)
{
	self_get();
	return context_destroyed(context, DRIVER(cuCtxDestroy)(context));
}

EXPORT CUresult cuCtxDestroy_v2(CUcontext context)
{
	self_get();
	return context_destroyed(context, DRIVER(cuCtxDestroy_v2)(context));
}

EXPORT CUresult cuCtxDetach(CUcontext context)
{
	self_get();
	return context_destroyed(context, DRIVER(cuCtxDetach)(context));
}

EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
	self *s = self_get();
	if (!context_retain(s, device))
		return CUDA_ERROR_OUT_OF_MEMORY;
	CUresult answer = DRIVER(cuDevicePrimaryCtxRetain)(context, device);
	context_retained(s, device, answer == CUDA_SUCCESS ? *context : NULL, answer == CUDA_SUCCESS);
	return answer;
}

static CUresult primary_ended(CUdevice device, CUresult answer, bool reset)
{
	if (answer == CUDA_SUCCESS)
		context_release(self_get(), device, reset);
	return answer;
}

EXPORT CUresult cuDevicePrimaryCtxRelease(CUdevice device)
{
	self_get();
	return primary_ended(device, DRIVER(cuDevicePrimaryCtxRelease)(device), false);
}

EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
	self_get();
	return primary_ended(device, DRIVER(cuDevicePrimaryCtxRelease_v2)(device), false);
}

EXPORT CUresult cuDevicePrimaryCtxReset(CUdevice device)
{
	self_get();
	return primary_ended(device, DRIVER(cuDevicePrimaryCtxReset)(device), true);
}

EXPORT CUresult cuDevicePrimaryCtxReset_v2(CUdevice device)
{
	self_get();
	return primary_ended(device, DRIVER(cuDevicePrimaryCtxReset_v2)(device), true);
}
