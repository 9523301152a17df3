#include "shim/wrapped.h"

#include "shim/driver.h"
#include "shim/self.h"

/* Only how many streams are being recorded is kept: while none is, nobody need ask the driver. */
static CUresult capture_began(CUresult answer)
{
	if (answer == CUDA_SUCCESS)
		atomic_fetch_add(&self_get()->captures, 1);
	return answer;
}

/* A recording that failed has ended too; one that another thread must end, or that never began, has not. */
static CUresult capture_ended(CUresult answer)
{
	self *s = self_get();
	bool ended = answer == CUDA_SUCCESS || answer == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED ||
		     answer == CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
	unsigned before = ended ? atomic_load(&s->captures) : 0;
	while (before > 0 && !atomic_compare_exchange_weak(&s->captures, &before, before - 1))
		;
	return answer;
}

#define CAPTURE_BEGIN(symbol, parameters, arguments)                                                                   \
	CUresult symbol parameters                                                                                     \
	{                                                                                                              \
		self_get();                                                                                            \
		return capture_began(DRIVER(symbol) arguments);                                                        \
	}

CAPTURE_BEGIN(cuStreamBeginCapture, (CUstream stream), (stream))
CAPTURE_BEGIN(cuStreamBeginCapture_ptsz, (CUstream stream), (stream))
CAPTURE_BEGIN(cuStreamBeginCapture_v2, (CUstream stream, int mode), (stream, mode))
CAPTURE_BEGIN(cuStreamBeginCapture_v2_ptsz, (CUstream stream, int mode), (stream, mode))
CAPTURE_BEGIN(cuStreamBeginCaptureToGraph,
	(CUstream stream, CUgraph graph, wrap_dependencies after, const void *edges, size_t count, int mode),
	(stream, graph, after, edges, count, mode))
CAPTURE_BEGIN(cuStreamBeginCaptureToGraph_ptsz,
	(CUstream stream, CUgraph graph, wrap_dependencies after, const void *edges, size_t count, int mode),
	(stream, graph, after, edges, count, mode))

CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph)
{
	self_get();
	return capture_ended(DRIVER(cuStreamEndCapture)(stream, graph));
}

CUresult cuStreamEndCapture_ptsz(CUstream stream, CUgraph *graph)
{
	self_get();
	return capture_ended(DRIVER(cuStreamEndCapture_ptsz)(stream, graph));
}
