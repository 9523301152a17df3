#include "shim/wrapped.h"

#include "shim/driver.h"
#include "shim/graph.h"
#include "shim/memory.h"
#include "shim/pool.h"

/* The pool that a plain asynchronous allocation comes from. A driver that does not tell has one for each device. */
static CUmemoryPool pool_current(unsigned device)
{
	CUdevice ordinal;
	CUmemoryPool pool = NULL;
	bool told = DRIVER(cuCtxGetDevice)(&ordinal) == CUDA_SUCCESS &&
		    (DRIVER(cuDeviceGetMemPool)(&pool, ordinal) == CUDA_SUCCESS ||
			    DRIVER(cuDeviceGetDefaultMemPool)(&pool, ordinal) == CUDA_SUCCESS);
	return told && pool ? pool : pool_unnamed(device);
}

static CUresult pooled_close(
	self *s, unsigned device, CUmemoryPool pool, CUresult answer, const CUdeviceptr *dptr, size_t bytes)
{
	if (answer != CUDA_SUCCESS) {
		pool_give(s, pool, bytes);
		return answer;
	}
	holding entry = {.kind = HOLDING_POOLED,
		.key = *dptr,
		.bytes = bytes,
		.of = (uint64_t)(uintptr_t)pool,
		.device = (uint8_t)device};
	holding_put(s->holdings, &entry);
	pool_settle(s, pool);
	return answer;
}

/* While the stream is recorded, the allocation becomes a node of a graph. */
#define POOL_ALLOC(symbol, asks, parameters, arguments, from)                                                          \
	CUresult symbol parameters                                                                                     \
	{                                                                                                              \
		self *s = self_get();                                                                                  \
		unsigned device;                                                                                       \
		if (!self_device(s, &device))                                                                          \
			return DRIVER(symbol) arguments;                                                               \
		CUgraph graph = graph_of_recording(s, stream, DRIVER(asks));                                           \
		if (graph) {                                                                                           \
			graph_taking taking;                                                                           \
			if (!graph_add_open(&taking, s, device, bytes))                                                \
				return CUDA_ERROR_OUT_OF_MEMORY;                                                       \
			return graph_add_close(&taking, graph, DRIVER(symbol) arguments, dptr);                        \
		}                                                                                                      \
		CUmemoryPool source = from;                                                                            \
		pool_device(s, source, &device);                                                                       \
		if (device == POOL_ELSEWHERE)                                                                          \
			return DRIVER(symbol) arguments;                                                               \
		if (!pool_take(s, source, device, bytes))                                                              \
			return CUDA_ERROR_OUT_OF_MEMORY;                                                               \
		return pooled_close(s, device, source, DRIVER(symbol) arguments, dptr, bytes);                         \
	}

POOL_ALLOC(cuMemAllocAsync, cuStreamIsCapturing, (CUdeviceptr * dptr, size_t bytes, CUstream stream),
	(dptr, bytes, stream), pool_current(device))
POOL_ALLOC(cuMemAllocAsync_ptsz, cuStreamIsCapturing_ptsz, (CUdeviceptr * dptr, size_t bytes, CUstream stream),
	(dptr, bytes, stream), pool_current(device))
POOL_ALLOC(cuMemAllocFromPoolAsync, cuStreamIsCapturing,
	(CUdeviceptr * dptr, size_t bytes, CUmemoryPool pool, CUstream stream), (dptr, bytes, pool, stream), pool)
POOL_ALLOC(cuMemAllocFromPoolAsync_ptsz, cuStreamIsCapturing_ptsz,
	(CUdeviceptr * dptr, size_t bytes, CUmemoryPool pool, CUstream stream), (dptr, bytes, pool, stream), pool)

CUresult cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *props)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuMemPoolCreate)(pool, props);
	if (answer == CUDA_SUCCESS && props)
		pool_enter(s, *pool,
			memory_is_host(props->location.type) ? POOL_ELSEWHERE : self_ordinal(s, props->location.id));
	return answer;
}

CUresult cuMemPoolDestroy(CUmemoryPool pool)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuMemPoolDestroy)(pool);
	if (answer == CUDA_SUCCESS)
		pool_end(s, pool);
	return answer;
}

CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t keep)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuMemPoolTrimTo)(pool, keep);
	if (answer == CUDA_SUCCESS)
		pool_settle(s, pool);
	return answer;
}
