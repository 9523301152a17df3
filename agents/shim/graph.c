#include "shim/graph.h"

#include "shim/driver.h"
#include "shim/memory.h"
#include "shim/wrap.h"

/* Of a node: refs is 1 while it is paid for, freed is set when its own graph frees it, of is its graph. */
typedef struct graph_walk {
	self *self;
	uint64_t graph;
	uint64_t renamed;
	unsigned device;
	uint64_t bytes;
} graph_walk;

static uint64_t graph_key(const void *handle)
{
	return (uint64_t)(uintptr_t)handle;
}

static bool graph_is_node(const holding *entry, const graph_walk *walk)
{
	return entry->kind == HOLDING_NODE && entry->of == walk->graph;
}

CUgraph graph_of_recording(self *s, CUstream stream, CUresult (*ask)(CUstream, int *))
{
	int status = 0;
	uint64_t id;
	CUgraph graph = NULL;
	if (!atomic_load_explicit(&s->captures, memory_order_relaxed) || ask(stream, &status) != CUDA_SUCCESS ||
		!status)
		return NULL;
	if (DRIVER(cuStreamGetCaptureInfo_v2)(stream, &status, &id, &graph, NULL, NULL) != CUDA_SUCCESS)
		return NULL;
	return graph;
}

CUresult graph_recorded(
	self *s, CUgraph graph, unsigned device, CUresult answer, const CUdeviceptr *dptr, uint64_t bytes)
{
	if (answer != CUDA_SUCCESS)
		return answer;
	holding entry = {
		.kind = HOLDING_NODE, .key = *dptr, .bytes = bytes, .of = graph_key(graph), .device = (uint8_t)device};
	holding_put(s->holdings, &entry);
	return answer;
}

static void node_on_frees(holding *entry, void *arg)
{
	(void)arg;
	entry->freed = true;
}

void graph_frees(self *s, CUdeviceptr dptr)
{
	holding_change(s->holdings, HOLDING_NODE, dptr, false, node_on_frees, NULL);
}

static void node_on_freed(holding *entry, void *arg)
{
	if (entry->refs)
		memory_give(arg, entry->device, entry->bytes);
	entry->refs = 0;
}

void graph_freed(self *s, CUdeviceptr dptr)
{
	holding_change(s->holdings, HOLDING_NODE, dptr, false, node_on_freed, s);
}

static bool node_on_sum(holding *entry, void *arg)
{
	graph_walk *walk = arg;
	if (graph_is_node(entry, walk) && !entry->refs) {
		walk->bytes += entry->bytes;
		walk->device = entry->device;
	}
	return false;
}

void graph_instantiated(self *s, CUgraphExec exec, CUgraph graph)
{
	graph_walk walk = {.self = s, .graph = graph_key(graph)};
	holdings_sift(s->holdings, node_on_sum, &walk);
	if (walk.bytes == 0)
		return;
	holding entry = {.kind = HOLDING_EXEC, .key = graph_key(exec), .of = walk.graph, .bytes = walk.bytes};
	holding_put(s->holdings, &entry);
	atomic_fetch_add(&s->graphs, 1);
}

static bool node_on_end(holding *entry, void *arg)
{
	graph_walk *walk = arg;
	if (graph_is_node(entry, walk) && entry->refs && entry->freed) {
		memory_give(walk->self, entry->device, entry->bytes);
		entry->refs = 0;
	}
	return false;
}

void graph_instance_ended(self *s, CUgraphExec exec)
{
	holding instance;
	if (!holding_take(s->holdings, HOLDING_EXEC, graph_key(exec), &instance))
		return;
	graph_walk walk = {.self = s, .graph = instance.of};
	atomic_fetch_sub(&s->graphs, 1);
	holdings_sift(s->holdings, node_on_end, &walk);
}

static bool entry_on_rename(holding *entry, void *arg)
{
	const graph_walk *walk = arg;
	if ((entry->kind == HOLDING_NODE || entry->kind == HOLDING_EXEC) && entry->of == walk->graph)
		entry->of = walk->renamed;
	return false;
}

void graph_ended(self *s, CUgraph graph)
{
	graph_walk walk = {.graph = graph_key(graph), .renamed = atomic_fetch_add(&s->renamed, 1) << 1 | 1};
	holdings_sift(s->holdings, entry_on_rename, &walk);
}

static bool node_on_pay(holding *entry, void *arg)
{
	if (graph_is_node(entry, arg))
		entry->refs = 1;
	return false;
}

bool graph_pay(self *s, CUgraphExec exec)
{
	holding instance;
	if (!holding_find(s->holdings, HOLDING_EXEC, graph_key(exec), &instance))
		return true;
	graph_walk walk = {.self = s, .graph = instance.of};
	holdings_sift(s->holdings, node_on_sum, &walk);
	if (walk.bytes == 0)
		return true;
	if (!memory_take(s, walk.device, walk.bytes))
		return false;
	holdings_sift(s->holdings, node_on_pay, &walk);
	return true;
}
