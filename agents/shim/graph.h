/* graph: memory that graphs allocate when they run.
 *
 * A node that allocates is known from when it is added or recorded; it is paid for when an instance of its graph is
 * uploaded or launched (or earlier, by a driver that takes memory earlier), and stays paid until its address is freed
 * or, when the same graph frees it, until the instance ends: until then the driver keeps it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shim/self.h"

/* The graph that a stream is being recorded into, or NULL. `ask` is the stream's flavour of cuStreamIsCapturing. */
CUgraph graph_of_recording(self *s, CUstream stream, CUresult (*ask)(CUstream, int *));

/* Bytes of a device that the driver says are left, that NVML says this process has (0: not told), and that it has
 * booked.
 */
typedef struct graph_look {
	uint64_t left, held, booked;
} graph_look;

/* Memory that a call may take: none but the launch should, yet drivers differ, and what is there before and after the
 * first of each kind of call tells.
 */
typedef struct graph_taking {
	self *self;
	unsigned device;
	uint64_t bytes;
	graph_look before;
	bool paid;
} graph_taking;

/* Around the call that adds a node of so many bytes; false: this driver takes them now, and they are over the limit.
 * The driver's answer is returned.
 */
bool graph_add_open(graph_taking *taking, self *s, unsigned device, uint64_t bytes);
CUresult graph_add_close(graph_taking *taking, CUgraph graph, CUresult answer, const CUdeviceptr *dptr);

/* A node that frees was added: what it frees ends with the instance. */
void graph_frees(self *s, CUdeviceptr dptr);

/* The address of a node was freed by a call. */
void graph_freed(self *s, CUdeviceptr dptr);

/* The same around a call that makes an instance of the graph. */
bool graph_make_open(graph_taking *taking, self *s, CUgraph graph);
CUresult graph_make_close(graph_taking *taking, CUgraph graph, CUresult answer, const CUgraphExec *exec);

/* An instance has ended; a graph, and its handle may name another from now on. */
void graph_instance_ended(self *s, CUgraphExec exec);
void graph_ended(self *s, CUgraph graph);

/* Pays for what a launch or an upload of the instance will allocate. False: over the limit. */
bool graph_pay(self *s, CUgraphExec exec);
