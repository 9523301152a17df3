#include "shim/graph.h"

#include "shim/driver.h"
#include "shim/memory.h"
#include "shim/slice.h"
#include "shim/wrap.h"

/* Of a node: refs is 1 while it is paid for, freed is set when its own graph frees it, of is its graph. */
typedef struct graph_walk {
	self *self;
	uint64_t graph;
	uint64_t renamed;
	unsigned device;
	uint64_t bytes;
	bool any;
} graph_walk;

/* self.graph_takes: when this driver takes the memory of a node. */
enum { GRAPH_UNKNOWN, GRAPH_BY_LAUNCH, GRAPH_BY_MAKING, GRAPH_BY_ADDING };

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
	CUresult answer = driver_has(AT_cuStreamGetCaptureInfo_v2) || !driver_has(AT_cuStreamGetCaptureInfo_v3)
				  ? DRIVER(cuStreamGetCaptureInfo_v2)(stream, &status, &id, &graph, NULL, NULL)
				  : DRIVER(cuStreamGetCaptureInfo_v3)(stream, &status, &id, &graph, NULL, NULL, NULL);
	return answer == CUDA_SUCCESS ? graph : NULL;
}

static graph_look graph_look_now(self *s, unsigned device)
{
	size_t left = 0, total;
	CUdevice ordinal;
	graph_look now = {0};
	if (DRIVER(cuMemGetInfo_v2)(&left, &total) == CUDA_SUCCESS)
		now.left = left;
	if (DRIVER(cuCtxGetDevice)(&ordinal) == CUDA_SUCCESS)
		now.held = slice_of_self(s, ordinal);
	const books_slot *slot = atomic_load(&s->slot);
	if (slot)
		now.booked = atomic_load(&slot->bytes[device]);
	return now;
}

/* Whether so many bytes are missing since, beside what other threads have booked. What neighbours take would look like
 * ours: where NVML counts this process it has the last word, and is sure.
 */
static bool graph_took(const graph_taking *taking, bool *ret_sure)
{
	const graph_look *before = &taking->before;
	*ret_sure = false;
	if (!before->left && !before->held)
		return false;
	graph_look now = graph_look_now(taking->self, taking->device);
	*ret_sure = before->held && now.held;
	if (!*ret_sure && (!before->left || !now.left))
		return false;
	int64_t grown = (int64_t)(*ret_sure ? now.held - before->held : before->left - now.left);
	return grown - (int64_t)(now.booked - before->booked) >= (int64_t)taking->bytes;
}

/* Books what the call has taken. Where that is not sure and would pass the limit it is left to the launch, which does
 * not happen then: were it a neighbour's, so much more than the limit could be had.
 */
static bool graph_book(const graph_taking *taking)
{
	bool sure;
	if (!graph_took(taking, &sure))
		return false;
	if (!sure)
		return memory_take(taking->self, taking->device, taking->bytes);
	memory_put(taking->self, taking->device, taking->bytes);
	return true;
}

/* Pays now when this driver takes memory at such a call; while that is not known, looks what is left. */
static bool graph_open(graph_taking *taking, unsigned when)
{
	unsigned takes = atomic_load(&taking->self->graph_takes);
	taking->paid = takes == when;
	if (taking->paid)
		return memory_take(taking->self, taking->device, taking->bytes);
	if (takes == GRAPH_UNKNOWN && memory_limit(taking->self, taking->device) != LIMITS_NONE)
		taking->before = graph_look_now(taking->self, taking->device);
	return true;
}

/* Whether the memory is paid for after the call. */
static bool graph_close(graph_taking *taking, unsigned when, CUresult answer)
{
	unsigned nobody = GRAPH_UNKNOWN;
	if (answer != CUDA_SUCCESS) {
		if (taking->paid)
			memory_give(taking->self, taking->device, taking->bytes);
		return false;
	}
	if (taking->paid || !graph_book(taking))
		return taking->paid;
	atomic_compare_exchange_strong(&taking->self->graph_takes, &nobody, when);
	return true;
}

bool graph_add_open(graph_taking *taking, self *s, unsigned device, uint64_t bytes)
{
	*taking = (graph_taking){.self = s, .device = device, .bytes = bytes};
	return graph_open(taking, GRAPH_BY_ADDING);
}

CUresult graph_add_close(graph_taking *taking, CUgraph graph, CUresult answer, const CUdeviceptr *dptr)
{
	bool paid = graph_close(taking, GRAPH_BY_ADDING, answer);
	if (answer != CUDA_SUCCESS)
		return answer;
	holding entry = {.kind = HOLDING_NODE,
		.key = *dptr,
		.bytes = taking->bytes,
		.of = graph_key(graph),
		.refs = paid,
		.device = (uint8_t)taking->device};
	atomic_store(&taking->self->graph_nodes, true);
	holding_put(taking->self->holdings, &entry);
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

static bool node_on_pay(holding *entry, void *arg)
{
	if (graph_is_node(entry, arg))
		entry->refs = 1;
	return false;
}

static bool node_on_any(holding *entry, void *arg)
{
	graph_walk *walk = arg;
	walk->any |= graph_is_node(entry, walk);
	return false;
}

bool graph_make_open(graph_taking *taking, self *s, CUgraph graph)
{
	graph_walk walk = {.self = s, .graph = graph_key(graph)};
	*taking = (graph_taking){.self = s};
	if (!atomic_load(&s->graph_nodes))
		return true;
	holdings_sift(s->holdings, node_on_sum, &walk);
	taking->device = walk.device;
	taking->bytes = walk.bytes;
	return !walk.bytes || graph_open(taking, GRAPH_BY_MAKING);
}

CUresult graph_make_close(graph_taking *taking, CUgraph graph, CUresult answer, const CUgraphExec *exec)
{
	self *s = taking->self;
	graph_walk walk = {.self = s, .graph = graph_key(graph)};
	if (!atomic_load(&s->graph_nodes))
		return answer;
	bool paid = taking->bytes && graph_close(taking, GRAPH_BY_MAKING, answer);
	holdings_sift(s->holdings, node_on_any, &walk);
	if (answer != CUDA_SUCCESS || !walk.any)
		return answer;
	if (paid)
		holdings_sift(s->holdings, node_on_pay, &walk);
	holding entry = {.kind = HOLDING_EXEC, .key = graph_key(*exec), .of = walk.graph};
	holding_put(s->holdings, &entry);
	atomic_fetch_add(&s->graphs, 1);
	return answer;
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

bool graph_pay(self *s, CUgraphExec exec)
{
	holding instance;
	if (!holding_find(s->holdings, HOLDING_EXEC, graph_key(exec), &instance))
		return true;
	graph_walk walk = {.self = s, .graph = instance.of};
	holdings_sift(s->holdings, node_on_sum, &walk);
	if (walk.bytes == 0)
		return true;
	unsigned nobody = GRAPH_UNKNOWN;
	if (!memory_take(s, walk.device, walk.bytes))
		return false;
	atomic_compare_exchange_strong(&s->graph_takes, &nobody, GRAPH_BY_LAUNCH);
	holdings_sift(s->holdings, node_on_pay, &walk);
	return true;
}
