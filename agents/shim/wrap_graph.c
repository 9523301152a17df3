#include "shim/wrap.h"

#include "shim/driver.h"
#include "shim/graph.h"

static void graph_note_alloc(self *s, CUgraph graph, const CUDA_MEM_ALLOC_NODE_PARAMS *params)
{
	unsigned device = self_ordinal(s, params->poolProps.location.id);
	graph_recorded(s, graph, device, CUDA_SUCCESS, &params->dptr, params->bytesize);
}

EXPORT CUresult cuGraphAddMemAllocNode(
	CUgraphNode *node, CUgraph graph, wrap_dependencies after, size_t count, CUDA_MEM_ALLOC_NODE_PARAMS *params)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuGraphAddMemAllocNode)(node, graph, after, count, params);
	if (answer == CUDA_SUCCESS)
		graph_note_alloc(s, graph, params);
	return answer;
}

EXPORT CUresult cuGraphAddMemFreeNode(
	CUgraphNode *node, CUgraph graph, wrap_dependencies after, size_t count, CUdeviceptr dptr)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuGraphAddMemFreeNode)(node, graph, after, count, dptr);
	if (answer == CUDA_SUCCESS)
		graph_frees(s, dptr);
	return answer;
}

static CUresult graph_added(CUgraph graph, const CUgraphNodeParams *params, CUresult answer)
{
	self *s = self_get();
	if (answer == CUDA_SUCCESS && params->type == CU_GRAPH_NODE_TYPE_MEM_ALLOC)
		graph_note_alloc(s, graph, &params->alloc);
	else if (answer == CUDA_SUCCESS && params->type == CU_GRAPH_NODE_TYPE_MEM_FREE)
		graph_frees(s, params->free);
	return answer;
}

EXPORT CUresult cuGraphAddNode(
	CUgraphNode *node, CUgraph graph, wrap_dependencies after, size_t count, CUgraphNodeParams *params)
{
	self_get();
	return graph_added(graph, params, DRIVER(cuGraphAddNode)(node, graph, after, count, params));
}

EXPORT CUresult cuGraphAddNode_v2(CUgraphNode *node, CUgraph graph, wrap_dependencies after, const void *edges,
	size_t count, CUgraphNodeParams *params)
{
	self_get();
	return graph_added(graph, params, DRIVER(cuGraphAddNode_v2)(node, graph, after, edges, count, params));
}

EXPORT CUresult cuGraphAddNode_v3(CUgraphNode *node, CUgraph graph, wrap_dependencies after, const void *edges,
	size_t count, CUgraphNodeParams *params)
{
	self_get();
	return graph_added(graph, params, DRIVER(cuGraphAddNode_v3)(node, graph, after, edges, count, params));
}

static CUresult graph_made(const CUgraphExec *exec, CUgraph graph, CUresult answer)
{
	if (answer == CUDA_SUCCESS)
		graph_instantiated(self_get(), *exec, graph);
	return answer;
}

EXPORT CUresult cuGraphInstantiate(CUgraphExec *exec, CUgraph graph, CUgraphNode *node, char *log, size_t size)
{
	self_get();
	return graph_made(exec, graph, DRIVER(cuGraphInstantiate)(exec, graph, node, log, size));
}

EXPORT CUresult cuGraphInstantiate_v2(CUgraphExec *exec, CUgraph graph, CUgraphNode *node, char *log, size_t size)
{
	self_get();
	return graph_made(exec, graph, DRIVER(cuGraphInstantiate_v2)(exec, graph, node, log, size));
}

EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long flags)
{
	self_get();
	return graph_made(exec, graph, DRIVER(cuGraphInstantiateWithFlags)(exec, graph, flags));
}

EXPORT CUresult cuGraphInstantiateWithParams(CUgraphExec *exec, CUgraph graph, void *params)
{
	self_get();
	return graph_made(exec, graph, DRIVER(cuGraphInstantiateWithParams)(exec, graph, params));
}

EXPORT CUresult cuGraphInstantiateWithParams_ptsz(CUgraphExec *exec, CUgraph graph, void *params)
{
	self_get();
	return graph_made(exec, graph, DRIVER(cuGraphInstantiateWithParams_ptsz)(exec, graph, params));
}

EXPORT CUresult cuGraphExecDestroy(CUgraphExec exec)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuGraphExecDestroy)(exec);
	if (answer == CUDA_SUCCESS)
		graph_instance_ended(s, exec);
	return answer;
}

EXPORT CUresult cuGraphDestroy(CUgraph graph)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuGraphDestroy)(graph);
	if (answer == CUDA_SUCCESS)
		graph_ended(s, graph);
	return answer;
}
