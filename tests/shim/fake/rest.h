/* rest: calls of the driver and of NVML that programs of tests make and the shim leaves alone. */
#pragma once
#include <stdbool.h>

#include "shim/wrap.h"

typedef struct CUipcMemHandle_st {
	char reserved[64];
} CUipcMemHandle;

CUresult cuInit(unsigned flags);
CUresult cuDriverGetVersion(int *version);
CUresult cuDeviceGet(CUdevice *device, int ordinal);
CUresult cuDeviceGetName(char *text, int size, CUdevice device);
CUresult cuGetErrorString(CUresult answer, const char **text);
CUresult cuGetErrorName(CUresult answer, const char **text);
CUresult cuCtxSetCurrent(CUcontext context);
CUresult cuMemPoolSetAttribute(CUmemoryPool pool, int attribute, void *value);
CUresult cuModuleGetFunction(CUfunction *f, void *module, const char *name);
CUresult cuIpcGetMemHandle(CUipcMemHandle *handle, CUdeviceptr at);
CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *at, CUipcMemHandle handle, unsigned int flags);
CUresult cuIpcCloseMemHandle(CUdeviceptr at);
CUresult cuStreamSynchronize(CUstream stream);
CUresult cuCtxSynchronize(void);
CUresult cuEventSynchronize(CUevent event);
CUresult cuGraphCreate(CUgraph *graph, unsigned flags);
CUresult cuGraphAddKernelNode_v2(CUgraphNode *node, CUgraph graph, const void *after, size_t count, const void *params);
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count);
nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned index, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetCount(unsigned *count);
nvmlReturn_t nvmlInit(void);
nvmlReturn_t nvmlShutdown(void);
const char *nvmlErrorString(nvmlReturn_t answer);

/* What a test asks of the simulator, not of the driver (ask.c, in the program itself): bytes of the living, and of one
 * process. */
uint64_t fake_held(unsigned device);
uint64_t fake_held_by(int pid, unsigned device);

/* Device time that a process was served, in nanoseconds; the most that was ever held since fake_watch. */
int64_t fake_served_ns(int pid, unsigned device);
void fake_watch(unsigned device);
uint64_t fake_peak(unsigned device);
