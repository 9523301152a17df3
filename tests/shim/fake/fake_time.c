#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "rest.h"

#define GRAPH_NODES 64

/* A function is its device time: cuModuleGetFunction of "k20000" takes 20,000 ns, whatever its grid. */
struct CUfunc_st {
	int64_t ns;
};

struct CUgraph_st {
	unsigned count;
	int64_t ns[GRAPH_NODES];
	uint64_t bytes[GRAPH_NODES]; /* of nodes that allocate */
	CUdeviceptr dptr[GRAPH_NODES];
	bool freed[GRAPH_NODES];
};

struct CUgraphExec_st {
	struct CUgraph_st graph;
};

static struct {
	CUstream stream;
	CUgraph graph;
} capture;

CUresult fake_capture_alloc(CUstream stream, CUdeviceptr *dptr, size_t bytes, bool *ret_captured);

FAKE_EXPORT CUresult cuModuleGetFunction(CUfunction *f, void *module, const char *name)
{
	(void)module;
	*f = calloc(1, sizeof **f);
	(*f)->ns = strtoll(name + 1, NULL, 10);
	return CUDA_SUCCESS;
}

static _Thread_local _Atomic uint64_t launches;

static CUresult launch(int64_t ns, CUstream stream)
{
	unsigned device;
	if (!fake_device_now(&device))
		return CUDA_ERROR_INVALID_CONTEXT;
	atomic_fetch_add_explicit(&launches, 1, memory_order_relaxed);
	if (capture.graph && capture.stream == stream)
		capture.graph->ns[capture.graph->count++] = ns;
	else
		world_run(device, ns);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuLaunchKernel(CUfunction f, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx,
	unsigned int by, unsigned int bz, unsigned int shared, CUstream stream, void **params, void **extra)
{
	(void)gx, (void)gy, (void)gz, (void)bx, (void)by, (void)bz, (void)shared, (void)params, (void)extra;
	return launch(f->ns, stream);
}

FAKE_EXPORT CUresult cuLaunchKernel_ptsz(CUfunction f, unsigned int gx, unsigned int gy, unsigned int gz,
	unsigned int bx, unsigned int by, unsigned int bz, unsigned int shared, CUstream stream, void **params,
	void **extra)
{
	return cuLaunchKernel(f, gx, gy, gz, bx, by, bz, shared, stream, params, extra);
}

FAKE_EXPORT CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned int gx, unsigned int gy, unsigned int gz,
	unsigned int bx, unsigned int by, unsigned int bz, unsigned int shared, CUstream stream, void **params)
{
	return cuLaunchKernel(f, gx, gy, gz, bx, by, bz, shared, stream, params, NULL);
}

FAKE_EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction f, void **params, void **extra)
{
	(void)params, (void)extra;
	return launch(f->ns, config->hStream);
}

FAKE_EXPORT CUresult cuStreamSynchronize(CUstream stream)
{
	(void)stream;
	return cuCtxSynchronize();
}

FAKE_EXPORT CUresult cuCtxSynchronize(void)
{
	unsigned device;
	if (!fake_device_now(&device))
		return CUDA_ERROR_INVALID_CONTEXT;
	while (world_get()->timed && !world_idle(device))
		world_sleep(20000);
	return CUDA_SUCCESS;
}

/* Events: a handle is its number, from 1. */
static atomic_bool event_taken[FAKE_EVENTS];

FAKE_EXPORT CUresult cuEventCreate(CUevent *event, unsigned int flags)
{
	(void)flags;
	for (uintptr_t i = 1; i < FAKE_EVENTS; i++) {
		if (atomic_exchange(&event_taken[i], true))
			continue;
		atomic_store(&world_client()->events[i].pending, false);
		*event = (CUevent)i;
		return CUDA_SUCCESS;
	}
	return CUDA_ERROR_OUT_OF_MEMORY;
}

FAKE_EXPORT CUresult cuEventDestroy_v2(CUevent event)
{
	atomic_store(&event_taken[(uintptr_t)event], false);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuEventRecord(CUevent event, CUstream stream)
{
	unsigned device;
	if (!fake_device_now(&device))
		return CUDA_ERROR_INVALID_CONTEXT;
	if (capture.graph && capture.stream == stream)
		return 900; /* a recorded event would be a node; the shim must not do this */
	world_record(device, (uint32_t)(uintptr_t)event);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuEventRecord_ptsz(CUevent event, CUstream stream)
{
	return cuEventRecord(event, stream);
}

FAKE_EXPORT CUresult cuEventQuery(CUevent event)
{
	const fake_event *e = &world_client()->events[(uintptr_t)event];
	if (!atomic_load(&e->pending))
		return CUDA_SUCCESS;
	unsigned device;
	if (fake_device_now(&device))
		world_advance(device);
	return atomic_load(&e->pending) ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuEventSynchronize(CUevent event)
{
	while (cuEventQuery(event) == CUDA_ERROR_NOT_READY)
		world_sleep(20000);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuEventElapsedTime(float *ms, CUevent from, CUevent to)
{
	const fake_client *c = world_client();
	*ms = (float)((double)(c->events[(uintptr_t)to].at_ns - c->events[(uintptr_t)from].at_ns) / 1e6);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuStreamIsCapturing(CUstream stream, int *status)
{
	*status = capture.graph && capture.stream == stream;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuStreamIsCapturing_ptsz(CUstream stream, int *status)
{
	return cuStreamIsCapturing(stream, status);
}

FAKE_EXPORT CUresult cuStreamGetCaptureInfo_v2(
	CUstream stream, int *status, uint64_t *id, CUgraph *graph, void *after, size_t *count)
{
	(void)after, (void)count;
	*id = 1;
	*graph = capture.graph;
	return cuStreamIsCapturing(stream, status);
}

FAKE_EXPORT CUresult cuStreamBeginCapture_v2(CUstream stream, int mode)
{
	(void)mode;
	capture.stream = stream;
	return cuGraphCreate(&capture.graph, 0);
}

FAKE_EXPORT CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph)
{
	if (!capture.graph || capture.stream != stream)
		return 401;
	*graph = capture.graph;
	capture.graph = NULL;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphCreate(CUgraph *graph, unsigned flags)
{
	(void)flags;
	*graph = calloc(1, sizeof **graph);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphAddKernelNode_v2(
	CUgraphNode *node, CUgraph graph, const void *after, size_t count, const void *params)
{
	(void)after, (void)count;
	*node = (CUgraphNode)(uintptr_t)(graph->count + 1);
	graph->ns[graph->count++] = (*(const CUfunction *)params)->ns;
	return CUDA_SUCCESS;
}

static CUdeviceptr graph_alloc(CUgraph graph, uint64_t bytes)
{
	graph->dptr[graph->count] = fake_address(bytes);
	graph->bytes[graph->count] = bytes;
	return graph->dptr[graph->count++];
}

FAKE_EXPORT CUresult cuGraphAddMemAllocNode(
	CUgraphNode *node, CUgraph graph, wrap_dependencies after, size_t count, CUDA_MEM_ALLOC_NODE_PARAMS *params)
{
	(void)after, (void)count;
	params->dptr = graph_alloc(graph, params->bytesize);
	*node = (CUgraphNode)(uintptr_t)graph->count;
	return CUDA_SUCCESS;
}

CUresult fake_capture_alloc(CUstream stream, CUdeviceptr *dptr, size_t bytes, bool *ret_captured)
{
	*ret_captured = capture.graph && capture.stream == stream;
	if (*ret_captured)
		*dptr = graph_alloc(capture.graph, bytes);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags)
{
	(void)flags;
	*exec = calloc(1, sizeof **exec);
	(*exec)->graph = *graph;
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphDestroy(CUgraph graph)
{
	free(graph);
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphExecDestroy(CUgraphExec exec)
{
	free(exec);
	return CUDA_SUCCESS;
}

/* What the nodes allocate is theirs from the first run on, or from when it was seen to before. */
static CUresult graph_take_memory(CUgraphExec exec, unsigned device)
{
	fake_block block;
	for (unsigned i = 0; i < exec->graph.count; i++) {
		if (!exec->graph.bytes[i] || fake_find(exec->graph.dptr[i], &block))
			continue;
		if (!world_take(device, exec->graph.bytes[i]))
			return CUDA_ERROR_OUT_OF_MEMORY;
		fake_put(exec->graph.dptr[i], exec->graph.bytes[i], device, 0);
	}
	return CUDA_SUCCESS;
}

FAKE_EXPORT CUresult cuGraphUpload(CUgraphExec exec, CUstream stream)
{
	unsigned device;
	(void)stream;
	return fake_device_now(&device) ? graph_take_memory(exec, device) : CUDA_ERROR_INVALID_CONTEXT;
}

/* All nodes one after the other. */
FAKE_EXPORT CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream)
{
	unsigned device;
	int64_t ns = 0;
	if (!fake_device_now(&device))
		return CUDA_ERROR_INVALID_CONTEXT;
	for (unsigned i = 0; i < exec->graph.count; i++)
		ns += exec->graph.ns[i];
	CUresult answer = graph_take_memory(exec, device);
	return answer == CUDA_SUCCESS ? launch(ns, stream) : answer;
}
