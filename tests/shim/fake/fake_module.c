#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "rest.h"

/* An image is text: the number of MiB that its code and variables take. Modules end with nothing but their unloading.
 */
static CUresult image_load(const void *image, uint64_t *ret_handle)
{
	unsigned device;
	uint64_t bytes = strtoull(image, NULL, 10) << 20;
	if (!fake_device_now(&device))
		return CUDA_ERROR_INVALID_CONTEXT;
	if (!world_take(device, bytes))
		return CUDA_ERROR_OUT_OF_MEMORY;
	*ret_handle = fake_address(512);
	fake_put(*ret_handle, bytes, device, 0);
	return CUDA_SUCCESS;
}

static CUresult image_unload(uint64_t handle)
{
	fake_block block;
	if (!fake_take(handle, &block))
		return CUDA_ERROR_INVALID_VALUE;
	world_give(block.device, block.bytes);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuModuleLoadData(CUmodule *module, const void *image)
{
	uint64_t handle = 0;
	CUresult answer = image_load(image, &handle);
	*module = (CUmodule)(uintptr_t)handle;
	return answer;
}

FAKE_EXPORT CUresult cuModuleLoadDataEx(
	CUmodule *module, const void *image, unsigned int count, int *options, void **values)
{
	(void)count, (void)options, (void)values;
	return cuModuleLoadData(module, image);
}

FAKE_EXPORT CUresult cuModuleUnload(CUmodule module)
{
	return image_unload((uint64_t)(uintptr_t)module);
}

FAKE_EXPORT CUresult cuLibraryLoadData(CUlibrary *library, const void *code, int *jit, void **jit_values,
	unsigned int jit_count, int *options, void **values, unsigned int count)
{
	uint64_t handle = 0;
	(void)jit, (void)jit_values, (void)jit_count, (void)options, (void)values, (void)count;
	CUresult answer = image_load(code, &handle);
	*library = (CUlibrary)(uintptr_t)handle;
	return answer;
}

FAKE_EXPORT CUresult cuLibraryUnload(CUlibrary library)
{
	return image_unload((uint64_t)(uintptr_t)library);
}

/* What the heap and the output of kernels take, of each device; the stack of each of its threads is not simulated. */
static size_t kept[FAKE_DEVICES][3] = {{1024, 1 << 20, 8 << 20}, {1024, 1 << 20, 8 << 20}};

FAKE_EXPORT CUresult cuCtxGetLimit(size_t *value, int limit)
{
	unsigned device;
	if (!fake_device_now(&device))
		return CUDA_ERROR_INVALID_CONTEXT;
	if (limit < 0 || limit > 2)
		return CUDA_ERROR_INVALID_VALUE;
	*value = kept[device][limit];
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuCtxSetLimit(int limit, size_t value)
{
	unsigned device;
	if (!fake_device_now(&device))
		return CUDA_ERROR_INVALID_CONTEXT;
	if (limit < 0 || limit > 2)
		return CUDA_ERROR_INVALID_VALUE;
	size_t now = kept[device][limit];
	if (limit != CU_LIMIT_STACK_SIZE && value > now && !world_take(device, value - now))
		return CUDA_ERROR_OUT_OF_MEMORY;
	if (limit != CU_LIMIT_STACK_SIZE && value < now)
		world_give(device, now - value);
	kept[device][limit] = value;
	return CUDA_SUCCESS;
}

/* Between processes: a handle is the address and its size, and importing it holds nothing of its own. */
FAKE_EXPORT CUresult cuIpcGetMemHandle(CUipcMemHandle *handle, CUdeviceptr at)
{
	fake_block block;
	if (!fake_find(at, &block))
		return CUDA_ERROR_INVALID_VALUE;
	memset(handle, 0, sizeof *handle);
	memcpy(handle, &block.bytes, sizeof block.bytes);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *at, CUipcMemHandle handle, unsigned int flags)
{
	uint64_t bytes;
	(void)flags;
	memcpy(&bytes, &handle, sizeof bytes);
	*at = fake_address(bytes);
	fake_put(*at, 0, 0, 1);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuIpcCloseMemHandle(CUdeviceptr at)
{
	fake_block block;
	return fake_take(at, &block) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
