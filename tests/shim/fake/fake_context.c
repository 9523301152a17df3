#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "rest.h"

#define STACK 16

static _Thread_local fake_context *stack[STACK];
static _Thread_local unsigned depth;
static int started_pid; /* a child of a process that had started cannot use the driver */
static fake_context primaries[FAKE_DEVICES];

bool fake_started(void)
{
	return started_pid != 0 && started_pid == getpid();
}

static bool device_is(CUdevice device)
{
	return started_pid && device >= 0 && (uint32_t)device < world_get()->device_count;
}

bool fake_device_now(unsigned *ret_device)
{
	if (depth == 0)
		return false;
	*ret_device = stack[depth - 1]->device;
	return true;
}

FAKE_EXPORT CUresult cuInit(unsigned flags)
{
	(void)flags;
	if (started_pid && started_pid != getpid())
		return CUDA_ERROR_NOT_INITIALIZED;
	world_client();
	started_pid = getpid();
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDriverGetVersion(int *version)
{
	*version = 12040;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceGetCount(int *count)
{
	if (!started_pid)
		return CUDA_ERROR_NOT_INITIALIZED;
	*count = (int)world_get()->device_count;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceGet(CUdevice *device, int ordinal)
{
	if (!device_is(ordinal))
		return started_pid ? 101 : CUDA_ERROR_NOT_INITIALIZED;
	*device = ordinal;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceGetName(char *text, int size, CUdevice device)
{
	snprintf(text, (size_t)size, "Simulated %d", device);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device)
{
	(void)device;
	*value = attribute == 16 ? 132 : attribute == 39 ? 2048 : 1; /* multiprocessors, and threads of each */
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGetErrorString(CUresult answer, const char **text)
{
	*text = answer == CUDA_SUCCESS ? "no error" : "error";
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGetErrorName(CUresult answer, const char **text)
{
	return cuGetErrorString(answer, text);
}

FAKE_EXPORT CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device)
{
	if (!device_is(device))
		return 101;
	memset(uuid->bytes, 0x40 + device, sizeof uuid->bytes);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device)
{
	return cuDeviceGetUuid_v2(uuid, device);
}

FAKE_EXPORT CUresult cuDeviceGetPCIBusId(char *text, int size, CUdevice device)
{
	if (!device_is(device))
		return 101;
	snprintf(text, (size_t)size, "0000:%02x:00.0", device + 1);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device)
{
	if (!device_is(device))
		return 101;
	*bytes = world_get()->memory_bytes;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDeviceTotalMem(unsigned int *bytes, CUdevice device)
{
	*bytes = UINT32_MAX;
	return device_is(device) ? CUDA_SUCCESS : 101;
}

static CUresult context_new(fake_context *c, unsigned device)
{
	if (!world_take(device, world_get()->context_bytes))
		return CUDA_ERROR_OUT_OF_MEMORY;
	if (world_get()->context_ns)
		world_sleep(world_get()->context_ns);
	c->device = device;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuCtxCreate_v2(CUcontext *context, unsigned int flags, CUdevice device)
{
	(void)flags;
	if (!device_is(device))
		return 101;
	fake_context *c = calloc(1, sizeof *c);
	CUresult answer = context_new(c, (unsigned)device);
	if (answer != CUDA_SUCCESS) {
		free(c);
		return answer;
	}
	stack[depth++] = *context = c;
	return answer;
}

FAKE_EXPORT CUresult cuCtxDestroy_v2(CUcontext context)
{
	if (!context || context->primary)
		return CUDA_ERROR_INVALID_CONTEXT;
	if (depth && stack[depth - 1] == context)
		depth--;
	world_give(context->device, world_get()->context_bytes);
	free(context);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuCtxGetCurrent(CUcontext *context)
{
	*context = depth ? stack[depth - 1] : NULL;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuCtxSetCurrent(CUcontext context)
{
	if (!fake_started())
		return CUDA_ERROR_NOT_INITIALIZED;
	depth = context != NULL;
	stack[0] = context;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuCtxGetDevice(CUdevice *device)
{
	if (!depth)
		return CUDA_ERROR_INVALID_CONTEXT;
	*device = (CUdevice)stack[depth - 1]->device;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
	if (!device_is(device) || !fake_started())
		return CUDA_ERROR_NOT_INITIALIZED;
	fake_context *c = &primaries[device];
	c->primary = true;
	if (atomic_fetch_add(&c->references, 1) == 0 && context_new(c, (unsigned)device) != CUDA_SUCCESS) {
		atomic_fetch_sub(&c->references, 1);
		return CUDA_ERROR_OUT_OF_MEMORY;
	}
	*context = c;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
	if (!device_is(device) || atomic_load(&primaries[device].references) == 0)
		return CUDA_ERROR_INVALID_CONTEXT;
	if (atomic_fetch_sub(&primaries[device].references, 1) == 1)
		world_give((unsigned)device, world_get()->context_bytes);
	return CUDA_SUCCESS;
}
