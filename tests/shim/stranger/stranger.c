#include "stranger.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHOWN         __attribute__((visibility("default")))
#define STUBS(symbol) extern SHOWN __typeof__(stranger_cannot) symbol __attribute__((alias("stranger_cannot")));
#define THINGS        65536

typedef struct thing {
	atomic_bool used;
	int device;
	size_t bytes;
} thing;

typedef struct CUctx_st {
	int device;
	bool primary;
} context;

typedef struct CUmemPoolHandle_st {
	bool on_host;
	size_t used;
} pool;

typedef struct CUgraph_st {
	size_t wanted;
	CUdeviceptr at;
} graph;

static atomic_bool started;
static _Atomic size_t held[STRANGER_DEVICES];
static thing things[THINGS];
static atomic_uint next_thing = 1;
static context primaries[STRANGER_DEVICES];
static atomic_int retained[STRANGER_DEVICES];
static pool pools[64];
static atomic_uint next_pool;
static graph graphs[512];
static atomic_uint next_graph;
static _Thread_local context *current;

/* Everything that is not simulated: one function, under many names. */
int stranger_cannot(void);
int stranger_cannot(void)
{
	return CUDA_ERROR_NOT_SUPPORTED;
}

SHOWN size_t stranger_held(int device);
size_t stranger_held(int device)
{
	return atomic_load(&held[device]);
}

static CUresult take(int device, size_t bytes, CUdeviceptr *ret_at)
{
	if (bytes == 0)
		return CUDA_ERROR_INVALID_VALUE;
	size_t now = atomic_fetch_add(&held[device], bytes) + bytes;
	unsigned at = now <= STRANGER_DEVICE_BYTES ? atomic_fetch_add(&next_thing, 1) : THINGS;
	if (at >= THINGS) {
		atomic_fetch_sub(&held[device], bytes);
		return CUDA_ERROR_OUT_OF_MEMORY;
	}
	things[at].device = device;
	things[at].bytes = bytes;
	atomic_store(&things[at].used, true);
	*ret_at = (CUdeviceptr)at << 32;
	return CUDA_SUCCESS;
}

static CUresult give(CUdeviceptr at)
{
	thing *t = at >> 32 < THINGS ? &things[at >> 32] : things;
	bool used = true;
	if ((unsigned)at || !atomic_compare_exchange_strong(&t->used, &used, false))
		return CUDA_ERROR_INVALID_VALUE;
	atomic_fetch_sub(&held[t->device], t->bytes);
	return CUDA_SUCCESS;
}

SHOWN CUresult cuInit(unsigned flags)
{
	(void)flags;
	started = true;
	return CUDA_SUCCESS;
}

SHOWN CUresult cuDriverGetVersion(int *version)
{
	*version = 11040;
	return CUDA_SUCCESS;
}

/* Before cuInit nothing is known of any device. */
static CUresult device_ask(CUdevice device)
{
	if (!started)
		return CUDA_ERROR_NOT_INITIALIZED;
	return device >= 0 && device < STRANGER_DEVICES ? CUDA_SUCCESS : 101;
}

SHOWN CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device)
{
	*bytes = STRANGER_DEVICE_BYTES;
	return device_ask(device);
}

/* The first device is the one whose uuid is of 2s. */
SHOWN CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device)
{
	memset(uuid, 2 - device, sizeof *uuid);
	return device_ask(device);
}

SHOWN CUresult cuCtxGetCurrent(CUcontext *ret)
{
	*ret = current;
	return started ? CUDA_SUCCESS : CUDA_ERROR_NOT_INITIALIZED;
}

SHOWN CUresult cuCtxSetCurrent(CUcontext c)
{
	current = c;
	return CUDA_SUCCESS;
}

SHOWN CUresult cuCtxGetDevice(CUdevice *device)
{
	if (!current)
		return CUDA_ERROR_INVALID_CONTEXT;
	*device = current->device;
	return CUDA_SUCCESS;
}

SHOWN CUresult cuCtxCreate_v2(CUcontext *ret, unsigned flags, CUdevice device)
{
	static context made[256];
	static atomic_uint next;
	(void)flags;
	if (device_ask(device) != CUDA_SUCCESS)
		return device_ask(device);
	atomic_fetch_add(&held[device], STRANGER_CONTEXT_BYTES);
	context *c = &made[atomic_fetch_add(&next, 1) % 256];
	c->device = device;
	*ret = current = c;
	return CUDA_SUCCESS;
}

SHOWN CUresult cuCtxDestroy_v2(CUcontext c)
{
	if (!c || c->primary)
		return CUDA_ERROR_INVALID_CONTEXT;
	atomic_fetch_sub(&held[c->device], STRANGER_CONTEXT_BYTES);
	if (current == c)
		current = NULL;
	return CUDA_SUCCESS;
}

SHOWN CUresult cuDevicePrimaryCtxRetain(CUcontext *ret, CUdevice device)
{
	if (device_ask(device) != CUDA_SUCCESS)
		return device_ask(device);
	if (atomic_fetch_add(&retained[device], 1) == 0)
		atomic_fetch_add(&held[device], STRANGER_CONTEXT_BYTES);
	nanosleep(&(struct timespec){0, 20000000}, NULL); /* as long as it takes, many ask for it */
	primaries[device] = (context){device, true};
	*ret = &primaries[device];
	return CUDA_SUCCESS;
}

static void primary_end(CUdevice device)
{
	atomic_store(&held[device], 0);
	for (unsigned i = 0; i < THINGS; i++)
		if (things[i].device == device)
			atomic_store(&things[i].used, false);
}

SHOWN CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
	int before = atomic_load(&retained[device]);
	if (before == 0)
		return CUDA_ERROR_INVALID_CONTEXT;
	if (atomic_fetch_sub(&retained[device], 1) == 1)
		primary_end(device);
	return CUDA_SUCCESS;
}

SHOWN CUresult cuDevicePrimaryCtxReset_v2(CUdevice device)
{
	atomic_store(&retained[device], 0);
	primary_end(device);
	return CUDA_SUCCESS;
}

SHOWN CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active)
{
	*flags = 0;
	*active = atomic_load(&retained[device]) > 0;
	return CUDA_SUCCESS;
}

/* A part of a device costs here what a context does. */
SHOWN CUresult cuGreenCtxCreate(CUgreenCtx *ret, CUdevResourceDesc part, CUdevice device, unsigned flags)
{
	CUdeviceptr at;
	(void)part, (void)flags;
	CUresult answer = take(device, STRANGER_CONTEXT_BYTES, &at);
	*ret = (CUgreenCtx)(uintptr_t)at;
	return answer;
}

SHOWN CUresult cuGreenCtxDestroy(CUgreenCtx made)
{
	return give((CUdeviceptr)(uintptr_t)made);
}

SHOWN CUresult cuMemGetInfo_v2(size_t *left, size_t *total)
{
	if (!current)
		return CUDA_ERROR_INVALID_CONTEXT;
	*total = STRANGER_DEVICE_BYTES;
	*left = *total - atomic_load(&held[current->device]);
	return CUDA_SUCCESS;
}

SHOWN CUresult cuMemAlloc_v2(CUdeviceptr *at, size_t bytes)
{
	return current ? take(current->device, bytes, at) : CUDA_ERROR_INVALID_CONTEXT;
}

SHOWN CUresult cuMemFree_v2(CUdeviceptr at)
{
	return give(at);
}

/* The device's own pool has no name here. */
SHOWN CUresult cuMemAllocAsync(CUdeviceptr *at, size_t bytes, CUstream stream)
{
	(void)stream;
	return current ? take(current->device, bytes, at) : CUDA_ERROR_INVALID_CONTEXT;
}

SHOWN CUresult cuMemFreeAsync(CUdeviceptr at, CUstream stream)
{
	(void)stream;
	return give(at);
}

/* A handle is a pointer, or a number. */
static pool *pool_of(CUmemoryPool handle)
{
#ifdef STRANGER_NEW
	return (uintptr_t)handle - 1 < 64 ? &pools[(uintptr_t)handle - 1] : NULL;
#else
	return handle;
#endif
}

SHOWN CUresult cuMemPoolCreate(CUmemoryPool *ret, const CUmemPoolProps *props)
{
	unsigned at = atomic_fetch_add(&next_pool, 1) % 64;
	pools[at].on_host = props->location.type == CU_MEM_LOCATION_TYPE_HOST;
#ifdef STRANGER_NEW
	*ret = (CUmemoryPool)(uintptr_t)(at + 1);
#else
	*ret = &pools[at];
#endif
	return CUDA_SUCCESS;
}

SHOWN CUresult cuMemAllocFromPoolAsync(CUdeviceptr *at, size_t bytes, CUmemoryPool from, CUstream stream)
{
	(void)stream;
	pool_of(from)->used += bytes;
	*at = 0x1234;
	return pool_of(from)->on_host ? CUDA_SUCCESS : take(current->device, bytes, at);
}

/* It believes what it is given. A pool keeps for ever what it has once had. */
SHOWN CUresult cuMemPoolGetAttribute(CUmemoryPool of, int attribute, void *value)
{
	const pool *asked = pool_of(of);
	*(uint64_t *)value = asked && attribute == CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT ? asked->used : 0;
	return asked ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

#if defined STRANGER_OLD && !defined STRANGER_PLT
/* Managed memory moves out of the device when that is short. */
SHOWN CUresult cuMemAllocManaged(CUdeviceptr *at, size_t bytes, unsigned flags)
{
	static _Atomic CUdeviceptr next = (CUdeviceptr)1 << 56;
	(void)flags;
	*at = atomic_fetch_add(&next, bytes);
	return CUDA_SUCCESS;
}
#endif

SHOWN CUresult cuGraphCreate(CUgraph *ret, unsigned flags)
{
	(void)flags;
	*ret = &graphs[atomic_fetch_add(&next_graph, 1) % 512];
	(*ret)->wanted = 0;
	return CUDA_SUCCESS;
}

SHOWN CUresult cuGraphAddMemAllocNode(
	CUgraphNode *node, CUgraph to, const void *after, size_t count, CUDA_MEM_ALLOC_NODE_PARAMS *params)
{
	(void)node, (void)after, (void)count;
	to->wanted = params->bytesize;
#ifdef STRANGER_NEW
	return take(params->poolProps.location.id, params->bytesize, &params->dptr);
#else
	params->dptr = (CUdeviceptr)(uintptr_t)to;
	return CUDA_SUCCESS;
#endif
}

SHOWN CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph from, unsigned long long flags)
{
	(void)flags;
	*exec = (CUgraphExec)from;
#ifdef STRANGER_NEW
	return CUDA_SUCCESS;
#else
	return from->wanted ? take(current->device, from->wanted, &from->at) : CUDA_SUCCESS;
#endif
}

SHOWN CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream)
{
	(void)exec, (void)stream;
	return CUDA_SUCCESS;
}

#ifdef STRANGER_PLT
/* What it exports it calls by its public name, as its last act or not. */
SHOWN CUresult cuMemAllocPitch_v2(CUdeviceptr *at, size_t *pitch, size_t width, size_t height, unsigned element)
{
	(void)element;
	*pitch = width;
	CUresult answer = cuMemAlloc_v2(at, width * height);
	return answer == CUDA_ERROR_OUT_OF_MEMORY ? CUDA_ERROR_OUT_OF_MEMORY : answer;
}

SHOWN CUresult cuMemAllocManaged(CUdeviceptr *at, size_t bytes, unsigned flags)
{
	(void)flags;
	return cuMemAlloc_v2(at, bytes);
}

SHOWN CUresult cuMemAllocAsync_ptsz(CUdeviceptr *at, size_t bytes, CUstream stream)
{
	return cuMemAllocAsync(at, bytes, stream);
}

SHOWN CUresult cuMemFreeAsync_ptsz(CUdeviceptr at, CUstream stream)
{
	return cuMemFreeAsync(at, stream);
}

SHOWN CUresult cuEventCreate(CUevent *event, unsigned flags)
{
	(void)flags;
	*event = (CUevent)event;
	return CUDA_SUCCESS;
}

SHOWN CUresult cuEventRecord(CUevent event, CUstream stream)
{
	(void)event, (void)stream;
	return CUDA_SUCCESS;
}

SHOWN CUresult cuEventRecord_ptsz(CUevent event, CUstream stream)
{
	return cuEventRecord(event, stream);
}

SHOWN CUresult cuEventQuery(CUevent event)
{
	(void)event;
	return CUDA_SUCCESS;
}

SHOWN CUresult cuEventElapsedTime(float *ms, CUevent from, CUevent to)
{
	(void)from, (void)to;
	*ms = 1;
	return CUDA_SUCCESS;
}

SHOWN CUresult cuEventDestroy_v2(CUevent event)
{
	(void)event;
	return CUDA_SUCCESS;
}

SHOWN CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
	unsigned bz, unsigned shared, CUstream stream, void **params, void **extra)
{
	(void)f, (void)gx, (void)gy, (void)gz, (void)bx, (void)by, (void)bz, (void)shared, (void)stream, (void)params;
	(void)extra;
	return CUDA_SUCCESS;
}

SHOWN CUresult cuLaunchKernel_ptsz(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
	unsigned bz, unsigned shared, CUstream stream, void **params, void **extra)
{
	return cuLaunchKernel(f, gx, gy, gz, bx, by, bz, shared, stream, params, extra);
}

/* It is asked something before it is there at all, by itself. */
__attribute__((constructor)) static void begin(void)
{
	size_t left, total;
	if (getenv("STRANGER_SLOW"))
		nanosleep(&(struct timespec){0, 300000000}, NULL);
	(void)!cuMemGetInfo_v2(&left, &total);
}
#endif

STUBS(cuArrayCreate_v2)
STUBS(cuArray3DCreate_v2)
STUBS(cuArrayDestroy)
STUBS(cuMipmappedArrayCreate)
STUBS(cuMipmappedArrayDestroy)
STUBS(cuCtxGetId)
STUBS(cuCtxSetLimit)
STUBS(cuMemAdvise)

#ifdef STRANGER_NEW
/* Known by name alone. */
static CUresult alloc_managed(CUdeviceptr *at, size_t bytes, unsigned flags)
{
	(void)flags;
	return cuMemAlloc_v2(at, bytes);
}

static const struct {
	const char *name;
	void *at;
} names[] = {
	{"cuMemAlloc", (void *)cuMemAlloc_v2},
	{"cuMemAllocManaged", (void *)alloc_managed},
	{"cuArray3DCreate", (void *)stranger_cannot},
	{"cuMipmappedArrayDestroy", (void *)stranger_cannot},
	{"cuCtxGetId", (void *)stranger_cannot},
	{"cuMemAdvise", (void *)stranger_cannot},
	{"cuSomethingNew", (void *)stranger_cannot},
};

SHOWN CUresult cuGetProcAddress_v2(const char *name, void **pfn, int version, uint64_t flags, int *status)
{
	(void)version, (void)flags;
	*pfn = NULL;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i].name, name) == 0)
			*pfn = names[i].at;
	if (status)
		*status = *pfn ? 0 : 1;
	return *pfn ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}
#else
SHOWN CUresult cuGetProcAddress(const char *name, void **pfn, int version, uint64_t flags)
{
	(void)version, (void)flags;
	*pfn = strcmp(name, "cuMemAlloc") == 0 ? (void *)cuMemAlloc_v2 : NULL;
	return *pfn ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
#endif
