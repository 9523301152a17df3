/* shim_fuzz SEED STEPS THREADS: random calls against a model.
 *
 * Each thread makes and ends things of all kinds at random, in plain ways and wrong ones, and keeps its own list. What
 * the shim says is free, what the simulator holds and what the lists add up to must agree whenever all threads have
 * stopped. Exit 1 and the seed when they do not.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rest.h"

#define MIB    (UINT64_C(1) << 20)
#define LIMIT  (1024 * MIB)
#define THINGS 64
#define ROUNDS 8

typedef enum kind {
	NOTHING,
	PLAIN,
	MANAGED,
	PITCH,
	ASYNC,
	POOLED,
	HANDLE,
	MAPPED,
	ARRAY,
	MIPMAP,
	EXTERNAL,
	CONTEXT,
	KINDS
} kind;

typedef struct thing {
	kind kind;
	uint64_t key;
	uint64_t address; /* where it is mapped */
	uint64_t bytes;
} thing;

typedef struct worker {
	uint64_t seed;
	long steps;
	uint64_t held;
	thing list[THINGS];
	pthread_t thread;
} worker;

static CUcontext context;
static CUmemoryPool pool;
static CUfunction functions[4];
static _Atomic uint64_t next_address = 0x100000000000;

static uint64_t draw(worker *w, uint64_t below)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 7;
	w->seed ^= w->seed << 17;
	return w->seed % below;
}

static void fail(const worker *w, const char *what)
{
	printf("%s (seed %llu)\n", what, (unsigned long long)w->seed);
	fflush(stdout);
	_exit(1);
}

static CUresult make_described(thing *t, uint64_t side)
{
	CUDA_ARRAY_DESCRIPTOR plane = {side * 256, 256, 0x20, 1};
	CUDA_ARRAY3D_DESCRIPTOR levels = {side * 256, 256, 0, 0x20, 1, 0};
	CUDA_EXTERNAL_MEMORY_HANDLE_DESC desc = {.type = 1, .size = side * MIB / 4};
	CUresult answer;
	if (t->kind == ARRAY)
		answer = cuArrayCreate_v2((CUarray *)&t->key, &plane);
	else if (t->kind == MIPMAP)
		answer = cuMipmappedArrayCreate((CUmipmappedArray *)&t->key, &levels, 2);
	else
		answer = cuImportExternalMemory((CUexternalMemory *)&t->key, &desc);
	t->bytes = side * MIB / 4 + (t->kind == MIPMAP ? side * MIB / 16 : 0);
	return answer;
}

static CUresult make_physical(thing *t, uint64_t bytes)
{
	CUmemAllocationProp prop = {.type = 1, .location = {1, 0}};
	CUmemGenericAllocationHandle handle;
	CUresult answer = cuMemCreate(&handle, bytes, &prop, 0);
	if (answer != CUDA_SUCCESS)
		return answer;
	t->key = handle;
	if (t->kind == HANDLE)
		return answer;
	t->address = atomic_fetch_add(&next_address, bytes);
	if (cuMemMap(t->address, bytes, 0, handle, 0) != CUDA_SUCCESS || cuMemRelease(handle) != CUDA_SUCCESS)
		return CUDA_ERROR_INVALID_VALUE;
	return answer;
}

static CUresult make(thing *t, uint64_t n)
{
	CUdeviceptr at = 0;
	size_t pitch = 0;
	CUresult answer;
	t->bytes = n * 12345;
	switch (t->kind) {
	case PLAIN:
		answer = cuMemAlloc_v2(&at, t->bytes);
		break;
	case MANAGED:
		answer = cuMemAllocManaged(&at, t->bytes, 1);
		break;
	case PITCH:
		answer = cuMemAllocPitch_v2(&at, &pitch, 700, n * 16, 4);
		t->bytes = pitch * n * 16;
		break;
	case ASYNC:
		answer = cuMemAllocAsync(&at, t->bytes, NULL);
		break;
	case POOLED:
		answer = cuMemAllocFromPoolAsync(&at, t->bytes, pool, NULL);
		break;
	case HANDLE:
	case MAPPED:
		return make_physical(t, t->bytes);
	default:
		return make_described(t, n / 32 + 1);
	}
	t->key = at;
	return answer;
}

static CUresult end(const thing *t)
{
	switch (t->kind) {
	case ASYNC:
	case POOLED:
		return cuMemFreeAsync(t->key, NULL);
	case HANDLE:
		return cuMemRelease(t->key);
	case MAPPED:
		return cuMemUnmap(t->address, t->bytes);
	case ARRAY:
		return cuArrayDestroy((CUarray)(uintptr_t)t->key);
	case MIPMAP:
		return cuMipmappedArrayDestroy((CUmipmappedArray)(uintptr_t)t->key);
	case EXTERNAL:
		return cuDestroyExternalMemory((CUexternalMemory)(uintptr_t)t->key);
	default:
		return cuMemFree_v2(t->key);
	}
}

static void step_wrong(worker *w)
{
	CUdeviceptr at;
	size_t left, total;
	if (cuMemFree_v2(3) == CUDA_SUCCESS || cuMemRelease(5) == CUDA_SUCCESS || cuMemAlloc_v2(&at, 0) == CUDA_SUCCESS)
		fail(w, "the driver refuses this");
	if (cuMemAlloc_v2(&at, SIZE_MAX - draw(w, 1000)) != CUDA_ERROR_OUT_OF_MEMORY ||
		cuMemAlloc_v2(&at, LIMIT + 1) != CUDA_ERROR_OUT_OF_MEMORY)
		fail(w, "this is over any limit");
	if (cuMemGetInfo_v2(&left, &total) != CUDA_SUCCESS || total != LIMIT || left > LIMIT)
		fail(w, "more is free than there is");
}

static void step(worker *w)
{
	thing *t = &w->list[draw(w, THINGS)];
	if (draw(w, 50) == 0)
		step_wrong(w);
	for (uint64_t n = draw(w, 8); n > 0; n--)
		if (cuLaunchKernel(functions[draw(w, 4)], 1 + (unsigned)draw(w, 1000), 1, 1, 1, 1, 1, 0, NULL, NULL,
			    NULL) != CUDA_SUCCESS)
			fail(w, "a launch was refused");
	if (t->kind != NOTHING) {
		if (end(t) != CUDA_SUCCESS)
			fail(w, "what was made could not be ended");
		w->held -= t->bytes;
		t->kind = NOTHING;
		return;
	}
	t->kind = (kind)(1 + draw(w, CONTEXT - 1));
	CUresult answer = make(t, 1 + draw(w, 3000));
	if (answer == CUDA_SUCCESS)
		w->held += t->bytes;
	else if (answer == CUDA_ERROR_OUT_OF_MEMORY)
		t->kind = NOTHING;
	else
		fail(w, "neither made nor refused");
}

static void *run(void *arg)
{
	worker *w = arg;
	cuCtxSetCurrent(context);
	for (long i = 0; i < w->steps; i++)
		step(w);
	return NULL;
}

static void agree(const worker *list, long count)
{
	size_t left, total;
	uint64_t held = 16 * MIB;
	for (long i = 0; i < count; i++)
		held += list[i].held;
	cuMemGetInfo_v2(&left, &total);
	if (fake_held(0) != held)
		fail(list, "the simulator holds something else than was made");
	if (total - left != held)
		fail(list, "the books say something else than is held");
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	static worker list[16];
	uint64_t seed = strtoull(argv[1], NULL, 10);
	long steps = strtol(argv[2], NULL, 10), count = strtol(argv[3], NULL, 10);
	CUmemPoolProps props = {.allocType = 1, .location = {1, 0}};
	if (count < 1 || count > 16 || cuInit(0) != CUDA_SUCCESS ||
		cuDevicePrimaryCtxRetain(&context, 0) != CUDA_SUCCESS)
		return 2;
	cuCtxSetCurrent(context);
	cuMemPoolCreate(&pool, &props);
	for (int i = 0; i < 4; i++)
		cuModuleGetFunction(&functions[i], NULL, "k0");
	for (long i = 0; i < count; i++)
		list[i] = (worker){
			.seed = seed * 2654435761u + (uint64_t)i * 40503u + 1, .steps = steps / ROUNDS / count + 1};
	for (int round = 0; round < ROUNDS; round++) {
		for (long i = 0; i < count; i++)
			pthread_create(&list[i].thread, NULL, run, &list[i]);
		for (long i = 0; i < count; i++)
			pthread_join(list[i].thread, NULL);
		agree(list, count);
	}
	return 0;
}
