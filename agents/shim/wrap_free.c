#include "shim/wrapped.h"

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

static CUresult refund_close_memory(const refund *r, CUresult answer, CUdeviceptr dptr)
{
	if (!r->known && answer == CUDA_SUCCESS)
		graph_freed(r->self, dptr);
	return refund_close(r, answer);
}

static CUresult piece_freed(self *s, piece paid, CUdeviceptr dptr, CUresult answer)
{
	if (__builtin_expect(answer == CUDA_SUCCESS, 1))
		memory_give(s, paid.device, paid.bytes);
	else
		piece_put(s->pieces, dptr, paid);
	return answer;
}

/* Plain memory, or what a pool or a graph made: the driver takes either in either call. What is likelier is looked for
 * first.
 */
#define FREE_PLAIN(symbol, type)                                                                                       \
	CUresult symbol(type dptr)                                                                                     \
	{                                                                                                              \
		self *s = self_get();                                                                                  \
		piece paid;                                                                                            \
		if (__builtin_expect(piece_take(s->pieces, dptr, &paid), 1))                                           \
			return piece_freed(s, paid, dptr, DRIVER(symbol)(dptr));                                       \
		refund r = refund_open(HOLDING_POOLED, dptr);                                                          \
		return refund_close_memory(&r, DRIVER(symbol)(dptr), dptr);                                            \
	}

FREE_PLAIN(cuMemFree_v2, CUdeviceptr)
FREE_PLAIN(cuMemFree, unsigned int)

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

#define FREE_ASYNC(symbol, asks)                                                                                       \
	CUresult symbol(CUdeviceptr dptr, CUstream stream)                                                             \
	{                                                                                                              \
		self *s = self_get();                                                                                  \
		piece paid;                                                                                            \
		if (free_is_recorded(s, stream, DRIVER(asks)))                                                         \
			return free_recorded(dptr, DRIVER(symbol)(dptr, stream));                                      \
		refund r = refund_open(HOLDING_POOLED, dptr);                                                          \
		if (!r.known && piece_take(s->pieces, dptr, &paid))                                                    \
			return piece_freed(s, paid, dptr, DRIVER(symbol)(dptr, stream));                               \
		return refund_close_memory(&r, DRIVER(symbol)(dptr, stream), dptr);                                    \
	}

FREE_ASYNC(cuMemFreeAsync, cuStreamIsCapturing)
FREE_ASYNC(cuMemFreeAsync_ptsz, cuStreamIsCapturing_ptsz)

CUresult cuArrayDestroy(CUarray array)
{
	refund r = refund_open(HOLDING_ARRAY, (uint64_t)(uintptr_t)array);
	return refund_close(&r, DRIVER(cuArrayDestroy)(array));
}

CUresult cuMipmappedArrayDestroy(CUmipmappedArray array)
{
	refund r = refund_open(HOLDING_MIPMAP, (uint64_t)(uintptr_t)array);
	return refund_close(&r, DRIVER(cuMipmappedArrayDestroy)(array));
}

CUresult cuDestroyExternalMemory(CUexternalMemory memory)
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

CUresult cuMemRelease(CUmemGenericAllocationHandle handle)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuMemRelease)(handle);
	if (answer == CUDA_SUCCESS)
		handle_drop(s, handle);
	return answer;
}

CUresult cuMemMap(
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
CUresult cuMemUnmap(CUdeviceptr at, size_t size)
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

CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle, void *at)
{
	self *s = self_get();
	holding unused;
	CUresult answer = DRIVER(cuMemRetainAllocationHandle)(handle, at);
	if (answer == CUDA_SUCCESS)
		holding_count(s->holdings, HOLDING_HANDLE, *handle, 1, &unused);
	return answer;
}
