#include "shim/wrapped.h"

#include "shim/driver.h"
#include "shim/graph.h"

static bool node_open(graph_taking *taking, const CUDA_MEM_ALLOC_NODE_PARAMS *params)
{
	self *s = self_get();
	return graph_add_open(taking, s, self_ordinal(s, params->poolProps.location.id), params->bytesize);
}

CUresult cuGraphAddMemAllocNode(
	CUgraphNode *node, CUgraph graph, wrap_dependencies after, size_t count, CUDA_MEM_ALLOC_NODE_PARAMS *params)
{
	graph_taking taking = {0};
	self_get();
	if (!params)
		return DRIVER(cuGraphAddMemAllocNode)(node, graph, after, count, params);
	if (!node_open(&taking, params))
		return CUDA_ERROR_OUT_OF_MEMORY;
	return graph_add_close(
		&taking, graph, DRIVER(cuGraphAddMemAllocNode)(node, graph, after, count, params), &params->dptr);
}

CUresult cuGraphAddMemFreeNode(
	CUgraphNode *node, CUgraph graph, wrap_dependencies after, size_t count, CUdeviceptr dptr)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuGraphAddMemFreeNode)(node, graph, after, count, dptr);
	if (answer == CUDA_SUCCESS)
		graph_frees(s, dptr);
	return answer;
}

static bool params_allocate(const CUgraphNodeParams *params)
{
	return params && params->type == CU_GRAPH_NODE_TYPE_MEM_ALLOC;
}

static CUresult node_added(graph_taking *taking, CUgraph graph, const CUgraphNodeParams *params, CUresult answer)
{
	if (params_allocate(params))
		return graph_add_close(taking, graph, answer, &params->alloc.dptr);
	if (answer == CUDA_SUCCESS && params && params->type == CU_GRAPH_NODE_TYPE_MEM_FREE)
		graph_frees(self_get(), params->free);
	return answer;
}

/* The forms differ in what else they are told. */
#define GRAPH_ADD(symbol, parameters, arguments)                                                                       \
	CUresult symbol parameters                                                                                     \
	{                                                                                                              \
		graph_taking taking = {0};                                                                             \
		self_get();                                                                                            \
		if (params_allocate(params) && !node_open(&taking, &params->alloc))                                    \
			return CUDA_ERROR_OUT_OF_MEMORY;                                                               \
		return node_added(&taking, graph, params, DRIVER(symbol) arguments);                                   \
	}

GRAPH_ADD(cuGraphAddNode,
	(CUgraphNode * node, CUgraph graph, wrap_dependencies after, size_t count, CUgraphNodeParams *params),
	(node, graph, after, count, params))
GRAPH_ADD(cuGraphAddNode_v2,
	(CUgraphNode * node, CUgraph graph, wrap_dependencies after, const void *edges, size_t count,
		CUgraphNodeParams *params),
	(node, graph, after, edges, count, params))
GRAPH_ADD(cuGraphAddNode_v3,
	(CUgraphNode * node, CUgraph graph, wrap_dependencies after, const void *edges, size_t count,
		CUgraphNodeParams *params),
	(node, graph, after, edges, count, params))

#define GRAPH_MAKE(symbol, parameters, arguments)                                                                      \
	CUresult symbol parameters                                                                                     \
	{                                                                                                              \
		graph_taking taking;                                                                                   \
		if (!graph_make_open(&taking, self_get(), graph))                                                      \
			return CUDA_ERROR_OUT_OF_MEMORY;                                                               \
		return graph_make_close(&taking, graph, DRIVER(symbol) arguments, exec);                               \
	}

GRAPH_MAKE(cuGraphInstantiate, (CUgraphExec * exec, CUgraph graph, CUgraphNode *node, char *log, size_t size),
	(exec, graph, node, log, size))
GRAPH_MAKE(cuGraphInstantiate_v2, (CUgraphExec * exec, CUgraph graph, CUgraphNode *node, char *log, size_t size),
	(exec, graph, node, log, size))
GRAPH_MAKE(cuGraphInstantiateWithFlags, (CUgraphExec * exec, CUgraph graph, unsigned long long flags),
	(exec, graph, flags))
GRAPH_MAKE(cuGraphInstantiateWithParams, (CUgraphExec * exec, CUgraph graph, void *params), (exec, graph, params))
GRAPH_MAKE(cuGraphInstantiateWithParams_ptsz, (CUgraphExec * exec, CUgraph graph, void *params), (exec, graph, params))

/* Memory is there from the upload on, whether a launch follows or not. */
CUresult cuGraphUpload(CUgraphExec exec, CUstream stream)
{
	self *s = self_get();
	return graph_pay(s, exec) ? DRIVER(cuGraphUpload)(exec, stream) : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuGraphUpload_ptsz(CUgraphExec exec, CUstream stream)
{
	self *s = self_get();
	return graph_pay(s, exec) ? DRIVER(cuGraphUpload_ptsz)(exec, stream) : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuGraphExecDestroy(CUgraphExec exec)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuGraphExecDestroy)(exec);
	if (answer == CUDA_SUCCESS)
		graph_instance_ended(s, exec);
	return answer;
}

CUresult cuGraphDestroy(CUgraph graph)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuGraphDestroy)(graph);
	if (answer == CUDA_SUCCESS)
		graph_ended(s, graph);
	return answer;
}
