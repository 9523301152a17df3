#include "shim/wrap.h"

#include "shim/driver.h"
#include "shim/graph.h"
#include "shim/memory.h"
#include "shim/pool.h"

/* Taken out before the driver is asked, since the address may be another thread's right after; put back when it
 * refuses. */
typedef struct refund {
	self *self;
	bool known;
	holding entry;
} refund;

static refund refund_open(holding_kind kind, uint64_t key)
{
	refund r = {.self = self_get()};
	r.known = holding_take(r.self->holdings, kind, key, &r.entry);
	return r;
}

static CUresult refund_close(const refund *r, CUresult answer)
{
	if (!r->known)
		return answer;
	if (answer != CUDA_SUCCESS)
		holding_put(r->self->holdings, &r->entry);
	else if (r->entry.kind == HOLDING_POOLED)
		pool_give(r->self, (CUmemoryPool)(uintptr_t)r->entry.of, r->entry.bytes);
	else
		memory_give(r->self, r->entry.device, r->entry.bytes);
	return answer;
}

/* Plain memory, or what a pool or a graph made: the driver takes either in either call. */
static refund refund_open_memory(uint64_t key)
{
	refund r = refund_open(HOLDING_MEMORY, key);
	return r.known ? r : refund_open(HOLDING_POOLED, key);
}

static CUresult refund_close_memory(const refund *r, CUresult answer, CUdeviceptr dptr)
{
	if (!r->known && answer == CUDA_SUCCESS)
		graph_freed(r->self, dptr);
	return refund_close(r, answer);
}

EXPORT CUresult cuMemFree_v2(CUdeviceptr dptr)
{
	refund r = refund_open_memory(dptr);
	return refund_close_memory(&r, DRIVER(cuMemFree_v2)(dptr), dptr);
}

EXPORT CUresult cuMemFree(unsigned int dptr)
{
	refund r = refund_open_memory(dptr);
	return refund_close_memory(&r, DRIVER(cuMemFree)(dptr), dptr);
}

/* A free that is recorded frees when the graph runs. */
static bool free_is_recorded(const self *s, CUstream stream, CUresult (*ask)(CUstream, int *))
{
	int status = 0;
	return atomic_load_explicit(&s->captures, memory_order_relaxed) && ask(stream, &status) == CUDA_SUCCESS &&
	       status;
}

static CUresult free_recorded(CUdeviceptr dptr, CUresult answer)
{
	if (answer == CUDA_SUCCESS)
		graph_frees(self_get(), dptr);
	return answer;
}

EXPORT CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream stream)
{
	if (free_is_recorded(self_get(), stream, DRIVER(cuStreamIsCapturing)))
		return free_recorded(dptr, DRIVER(cuMemFreeAsync)(dptr, stream));
	refund r = refund_open_memory(dptr);
	return refund_close_memory(&r, DRIVER(cuMemFreeAsync)(dptr, stream), dptr);
}

EXPORT CUresult cuMemFreeAsync_ptsz(CUdeviceptr dptr, CUstream stream)
{
	if (free_is_recorded(self_get(), stream, DRIVER(cuStreamIsCapturing_ptsz)))
		return free_recorded(dptr, DRIVER(cuMemFreeAsync_ptsz)(dptr, stream));
	refund r = refund_open_memory(dptr);
	return refund_close_memory(&r, DRIVER(cuMemFreeAsync_ptsz)(dptr, stream), dptr);
}

EXPORT CUresult cuArrayDestroy(CUarray array)
{
	refund r = refund_open(HOLDING_ARRAY, (uint64_t)(uintptr_t)array);
	return refund_close(&r, DRIVER(cuArrayDestroy)(array));
}

EXPORT CUresult cuMipmappedArrayDestroy(CUmipmappedArray array)
{
	refund r = refund_open(HOLDING_MIPMAP, (uint64_t)(uintptr_t)array);
	return refund_close(&r, DRIVER(cuMipmappedArrayDestroy)(array));
}

EXPORT CUresult cuDestroyExternalMemory(CUexternalMemory memory)
{
	refund r = refund_open(HOLDING_EXTERNAL, (uint64_t)(uintptr_t)memory);
	return refund_close(&r, DRIVER(cuDestroyExternalMemory)(memory));
}

/* Physical memory ends with the last of: the program's references, and its mappings. */
static void handle_drop(self *s, CUmemGenericAllocationHandle handle)
{
	holding ended;
	if (holding_count(s->holdings, HOLDING_HANDLE, handle, -1, &ended))
		memory_give(s, ended.device, ended.bytes);
}

EXPORT CUresult cuMemRelease(CUmemGenericAllocationHandle handle)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuMemRelease)(handle);
	if (answer == CUDA_SUCCESS)
		handle_drop(s, handle);
	return answer;
}

EXPORT CUresult cuMemMap(
	CUdeviceptr at, size_t size, size_t offset, CUmemGenericAllocationHandle handle, unsigned long long flags)
{
	self *s = self_get();
	holding unused;
	CUresult answer = DRIVER(cuMemMap)(at, size, offset, handle, flags);
	if (answer != CUDA_SUCCESS || !holding_find(s->holdings, HOLDING_HANDLE, handle, &unused))
		return answer;
	holding entry = {.kind = HOLDING_MAPPING, .key = at, .bytes = size, .of = handle};
	holding_count(s->holdings, HOLDING_HANDLE, handle, 1, &unused);
	holding_put(s->holdings, &entry);
	return answer;
}

/* One call may end several mappings that lie side by side. */
EXPORT CUresult cuMemUnmap(CUdeviceptr at, size_t size)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuMemUnmap)(at, size);
	holding mapping;
	for (CUdeviceptr end = at + size; answer == CUDA_SUCCESS && at < end; at += mapping.bytes) {
		if (!holding_take(s->holdings, HOLDING_MAPPING, at, &mapping) || mapping.bytes == 0)
			break;
		handle_drop(s, mapping.of);
	}
	return answer;
}

EXPORT CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle, void *at)
{
	self *s = self_get();
	holding unused;
	CUresult answer = DRIVER(cuMemRetainAllocationHandle)(handle, at);
	if (answer == CUDA_SUCCESS)
		holding_count(s->holdings, HOLDING_HANDLE, *handle, 1, &unused);
	return answer;
}
