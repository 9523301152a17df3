/* graph: memory that graphs allocate when they run.
 *
 * A node that allocates is known from when it is added or recorded; it is paid for when an instance of its graph is
 * launched, and stays paid until its address is freed or, when the same graph frees it, until the instance ends: until
 * then the driver keeps it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "shim/self.h"

/* The graph that a stream is being recorded into, or NULL. `ask` is the stream's flavour of cuStreamIsCapturing. */
CUgraph graph_of_recording(self *s, CUstream stream, CUresult (*ask)(CUstream, int *));

/* A node that allocates was added (by the driver's answer, which is returned). */
CUresult graph_recorded(
	self *s, CUgraph graph, unsigned device, CUresult answer, const CUdeviceptr *dptr, uint64_t bytes);

/* A node that frees was added: what it frees ends with the instance. */
void graph_frees(self *s, CUdeviceptr dptr);

/* The address of a node was freed by a call. */
void graph_freed(self *s, CUdeviceptr dptr);

/* An instance was made; ended; a graph was ended, and its handle may name another from now on. */
void graph_instantiated(self *s, CUgraphExec exec, CUgraph graph);
void graph_instance_ended(self *s, CUgraphExec exec);
void graph_ended(self *s, CUgraph graph);

/* Pays for what a launch of the instance will allocate. False: over the limit. */
bool graph_pay(self *s, CUgraphExec exec);
