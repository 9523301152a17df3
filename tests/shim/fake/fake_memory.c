#include <sched.h>
#include <string.h>

#include "fake.h"
#include "rest.h"

static CUresult memory_new(CUdeviceptr *dptr, uint64_t bytes, uint64_t mark)
{
	unsigned device;
	if (!fake_device_now(&device))
		return CUDA_ERROR_INVALID_CONTEXT;
	if (bytes == 0)
		return CUDA_ERROR_INVALID_VALUE;
	if (!world_take(device, bytes))
		return CUDA_ERROR_OUT_OF_MEMORY;
	*dptr = fake_address(bytes);
	fake_put(*dptr, bytes, device, mark);
	return CUDA_SUCCESS;
}

static CUresult memory_end(uint64_t key)
{
	fake_block block;
	if (!fake_take(key, &block))
		return CUDA_ERROR_INVALID_VALUE;
	world_give(block.device, block.bytes);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *dptr, size_t bytes)
{
	return memory_new(dptr, bytes, 0);
}

FAKE_EXPORT CUresult cuMemAlloc(unsigned int *dptr, unsigned int bytes)
{
	CUdeviceptr wide;
	CUresult answer = memory_new(&wide, bytes, 0);
	if (answer == CUDA_SUCCESS)
		*dptr = (unsigned int)wide;
	return answer;
}

FAKE_EXPORT CUresult cuMemAllocManaged(CUdeviceptr *dptr, size_t bytes, unsigned int flags)
{
	(void)flags;
	return memory_new(dptr, bytes, 0);
}

FAKE_EXPORT CUresult cuMemAllocPitch_v2(
	CUdeviceptr *dptr, size_t *pitch, size_t width, size_t height, unsigned int element)
{
	(void)element;
	*pitch = (width + 511) & ~(size_t)511;
	return memory_new(dptr, *pitch * height, 0);
}

FAKE_EXPORT CUresult cuMemFree_v2(CUdeviceptr dptr)
{
	return dptr ? memory_end(dptr) : CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemGetInfo_v2(size_t *free, size_t *total)
{
	unsigned device;
	if (!fake_device_now(&device))
		return CUDA_ERROR_INVALID_CONTEXT;
	*total = world_get()->memory_bytes;
	*free = *total - world_booked(device) -
		atomic_fetch_add(&world_get()->neighbour_has, world_get()->neighbour_bytes);
	return CUDA_SUCCESS;
}

/* A pool keeps nothing, unless told to keep: then until it is trimmed. */
typedef struct CUmemPoolHandle_st {
	atomic_int lock;
	unsigned device;
	_Atomic uint64_t used;
	_Atomic uint64_t reserved;
	uint64_t keep;
} fake_pool;

static void pool_lock(fake_pool *pool)
{
	while (atomic_exchange(&pool->lock, 1))
		sched_yield();
}

static void pool_unlock(fake_pool *pool)
{
	atomic_store(&pool->lock, 0);
}

static fake_pool default_pools[FAKE_DEVICES];

FAKE_EXPORT CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device)
{
	*pool = &default_pools[device];
	(*pool)->device = (unsigned)device;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *props)
{
	static fake_pool made[64];
	static atomic_uint count;
	*pool = &made[atomic_fetch_add(&count, 1) % 64];
	(*pool)->device = (unsigned)props->location.id;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemPoolSetAttribute(CUmemoryPool pool, int attribute, void *value)
{
	if (attribute == 4) /* release threshold */
		pool->keep = *(uint64_t *)value;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemPoolGetAttribute(CUmemoryPool pool, int attribute, void *value)
{
	*(uint64_t *)value = attribute == CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT ? pool->reserved : pool->used;
	return CUDA_SUCCESS;
}

static void pool_cut(fake_pool *pool, uint64_t keep)
{
	uint64_t least = pool->used > keep ? pool->used : keep;
	if (pool->reserved > least) {
		world_give(pool->device, pool->reserved - least);
		pool->reserved = least;
	}
}

FAKE_EXPORT CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t keep)
{
	pool_lock(pool);
	pool_cut(pool, keep);
	pool_unlock(pool);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemPoolDestroy(CUmemoryPool pool)
{
	pool_cut(pool, 0);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemAllocFromPoolAsync(CUdeviceptr *dptr, size_t bytes, CUmemoryPool pool, CUstream stream)
{
	(void)stream;
	if (bytes == 0)
		return CUDA_ERROR_INVALID_VALUE;
	pool_lock(pool);
	uint64_t used = pool->used + bytes;
	uint64_t more = used > pool->reserved ? used - pool->reserved : 0;
	bool taken = !more || world_take(pool->device, more);
	if (taken) {
		pool->used = used;
		pool->reserved += more;
	}
	pool_unlock(pool);
	if (!taken)
		return CUDA_ERROR_OUT_OF_MEMORY;
	*dptr = fake_address(bytes);
	fake_put(*dptr, bytes, pool->device, (uint64_t)(uintptr_t)pool);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemAllocFromPoolAsync_ptsz(CUdeviceptr *dptr, size_t bytes, CUmemoryPool pool, CUstream stream)
{
	return cuMemAllocFromPoolAsync(dptr, bytes, pool, stream);
}

CUresult fake_capture_alloc(CUstream stream, CUdeviceptr *dptr, size_t bytes, bool *ret_captured);

FAKE_EXPORT CUresult cuMemAllocAsync(CUdeviceptr *dptr, size_t bytes, CUstream stream)
{
	unsigned device;
	bool captured;
	CUresult answer = fake_capture_alloc(stream, dptr, bytes, &captured);
	if (captured)
		return answer;
	if (!fake_device_now(&device))
		return CUDA_ERROR_INVALID_CONTEXT;
	default_pools[device].device = device;
	return cuMemAllocFromPoolAsync(dptr, bytes, &default_pools[device], stream);
}

FAKE_EXPORT CUresult cuMemAllocAsync_ptsz(CUdeviceptr *dptr, size_t bytes, CUstream stream)
{
	return cuMemAllocAsync(dptr, bytes, stream);
}

FAKE_EXPORT CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream stream)
{
	(void)stream;
	fake_block block;
	if (!fake_take(dptr, &block))
		return CUDA_ERROR_INVALID_VALUE;
	fake_pool *pool = (fake_pool *)(uintptr_t)block.mark;
	if (!pool) {
		world_give(block.device, block.bytes);
		return CUDA_SUCCESS;
	}
	pool_lock(pool);
	pool->used -= block.bytes;
	pool_cut(pool, pool->keep);
	pool_unlock(pool);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemFreeAsync_ptsz(CUdeviceptr dptr, CUstream stream)
{
	return cuMemFreeAsync(dptr, stream);
}

/* Physical memory: marked by how many hold it. */
static void handle_ref(uint64_t handle, int64_t by)
{
	fake_block block;
	if (!fake_take(handle, &block))
		return;
	block.mark += (uint64_t)by;
	if (block.mark == 0)
		world_give(block.device, block.bytes);
	else
		fake_put(handle, block.bytes, block.device, block.mark);
}

FAKE_EXPORT CUresult cuMemCreate(
	CUmemGenericAllocationHandle *handle, size_t size, const CUmemAllocationProp *prop, unsigned long long flags)
{
	(void)flags;
	bool on_device = prop->location.type == CU_MEM_LOCATION_TYPE_DEVICE;
	if (on_device && !world_take((unsigned)prop->location.id, size))
		return CUDA_ERROR_OUT_OF_MEMORY;
	*handle = fake_address(512);
	fake_put(*handle, on_device ? size : 0, on_device ? (unsigned)prop->location.id : 0, 1);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemRelease(CUmemGenericAllocationHandle handle)
{
	fake_block block;
	if (!fake_find(handle, &block))
		return CUDA_ERROR_INVALID_VALUE;
	handle_ref(handle, -1);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemMap(
	CUdeviceptr at, size_t size, size_t offset, CUmemGenericAllocationHandle handle, unsigned long long flags)
{
	(void)offset, (void)flags;
	fake_block block;
	if (!fake_find(handle, &block))
		return CUDA_ERROR_INVALID_VALUE;
	handle_ref(handle, 1);
	fake_put(at, size, 0, handle);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemUnmap(CUdeviceptr at, size_t size)
{
	fake_block block;
	for (CUdeviceptr end = at + size; at < end; at += block.bytes) {
		if (!fake_take(at, &block))
			return CUDA_ERROR_INVALID_VALUE;
		handle_ref(block.mark, -1);
	}
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle, void *at)
{
	fake_block block;
	if (!fake_find((uint64_t)(uintptr_t)at, &block))
		return CUDA_ERROR_INVALID_VALUE;
	*handle = block.mark;
	handle_ref(*handle, 1);
	return CUDA_SUCCESS;
}

static uint64_t array_size(uint64_t w, uint64_t h, uint64_t d, int format, unsigned channels, unsigned levels)
{
	uint64_t one = format == 0x20 || format == 3 || format == 0x0a ? 4 : format == 1 || format == 8 ? 1 : 2;
	uint64_t bytes = 0;
	for (unsigned level = 0; level < levels; level++) {
		bytes += w * (h ? h : 1) * (d ? d : 1) * one * channels;
		w = w > 1 ? w / 2 : w;
		h = h > 1 ? h / 2 : h;
		d = d > 1 ? d / 2 : d;
	}
	return bytes;
}

FAKE_EXPORT CUresult cuArrayCreate_v2(CUarray *array, const CUDA_ARRAY_DESCRIPTOR *desc)
{
	CUdeviceptr at = 0;
	CUresult answer =
		memory_new(&at, array_size(desc->Width, desc->Height, 0, desc->Format, desc->NumChannels, 1), 0);
	*array = (CUarray)(uintptr_t)at;
	return answer;
}

FAKE_EXPORT CUresult cuArray3DCreate_v2(CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR *desc)
{
	CUdeviceptr at = 0;
	uint64_t bytes = array_size(desc->Width, desc->Height, desc->Depth, desc->Format, desc->NumChannels, 1);
	CUresult answer = memory_new(&at, bytes, 0);
	*array = (CUarray)(uintptr_t)at;
	return answer;
}

FAKE_EXPORT CUresult cuArrayDestroy(CUarray array)
{
	return memory_end((uint64_t)(uintptr_t)array);
}

FAKE_EXPORT CUresult cuMipmappedArrayCreate(
	CUmipmappedArray *array, const CUDA_ARRAY3D_DESCRIPTOR *desc, unsigned int levels)
{
	CUdeviceptr at = 0;
	uint64_t bytes = array_size(desc->Width, desc->Height, desc->Depth, desc->Format, desc->NumChannels, levels);
	CUresult answer = memory_new(&at, bytes, 0);
	*array = (CUmipmappedArray)(uintptr_t)at;
	return answer;
}

FAKE_EXPORT CUresult cuMipmappedArrayDestroy(CUmipmappedArray array)
{
	return memory_end((uint64_t)(uintptr_t)array);
}

FAKE_EXPORT CUresult cuImportExternalMemory(CUexternalMemory *memory, const CUDA_EXTERNAL_MEMORY_HANDLE_DESC *desc)
{
	CUdeviceptr at = 0;
	CUresult answer = memory_new(&at, desc->size, 0);
	*memory = (CUexternalMemory)(uintptr_t)at;
	return answer;
}

FAKE_EXPORT CUresult cuDestroyExternalMemory(CUexternalMemory memory)
{
	return memory_end((uint64_t)(uintptr_t)memory);
}
