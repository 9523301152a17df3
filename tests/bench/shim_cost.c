/* shim_cost CALL [THREADS [LIVE]]: processor time of a call of the driver, in tenths of a nanosecond.
 *
 * The best of several rounds, each over all threads: what is measured is what the call costs, not what else the machine
 * did. A pair (alloc and free) counts as one. LIVE allocations stand while pairs are made.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rest.h"

#define ROUNDS 7

static CUcontext context;
static CUfunction function;
static nvmlDevice_t handle;
static long repeats = 200000;

static void call_pass(long n)
{
	CUdevice device;
	while (n--)
		cuCtxGetDevice(&device);
}

static void call_launch(long n)
{
	while (n--)
		cuLaunchKernel(function, 132, 1, 1, 256, 1, 1, 0, NULL, NULL, NULL);
}

static void call_alloc(long n)
{
	CUdeviceptr at;
	while (n--) {
		if (cuMemAlloc_v2(&at, 4096) != CUDA_SUCCESS)
			abort();
		cuMemFree_v2(at);
	}
}

static void call_async(long n)
{
	CUdeviceptr at;
	while (n--) {
		if (cuMemAllocAsync(&at, 4096, NULL) != CUDA_SUCCESS)
			abort();
		cuMemFreeAsync(at, NULL);
	}
}

static void call_meminfo(long n)
{
	size_t left, total;
	while (n--)
		cuMemGetInfo_v2(&left, &total);
}

static void call_nvml(long n)
{
	nvmlMemory_t memory;
	while (n--)
		nvmlDeviceGetMemoryInfo(handle, &memory);
}

static const struct {
	const char *name;
	void (*run)(long);
} call_list[] = {
	{"pass", call_pass},
	{"launch", call_launch},
	{"alloc", call_alloc},
	{"async", call_async},
	{"meminfo", call_meminfo},
	{"nvml", call_nvml},
};

static void (*call_now)(long);
static pthread_barrier_t start;

static double cpu_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *thread(void *arg)
{
	double *ret_best = arg;
	cuCtxSetCurrent(context);
	call_now(repeats / 20);
	for (int round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&start);
		double from = cpu_ns();
		call_now(repeats);
		double took = (cpu_ns() - from) / (double)repeats;
		if (round == 0 || took < *ret_best)
			*ret_best = took;
	}
	return NULL;
}

static void make_ready(long live)
{
	CUdevice device;
	CUdeviceptr at;
	if (cuInit(0) != CUDA_SUCCESS || cuDeviceGet(&device, 0) != CUDA_SUCCESS ||
		cuDevicePrimaryCtxRetain(&context, device) != CUDA_SUCCESS)
		abort();
	cuCtxSetCurrent(context);
	cuModuleGetFunction(&function, NULL, "k0");
	nvmlInit_v2();
	nvmlDeviceGetHandleByIndex_v2(0, &handle);
	while (live--)
		if (cuMemAlloc_v2(&at, 4096) != CUDA_SUCCESS)
			abort();
}

int main(int argc, char **argv)
{
	int threads = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;
	pthread_t list[64];
	double best[64] = {0}, sum = 0;
	for (size_t i = 0; argc > 1 && i < sizeof call_list / sizeof call_list[0]; i++)
		if (strcmp(call_list[i].name, argv[1]) == 0)
			call_now = call_list[i].run;
	if (!call_now || threads < 1 || threads > 64)
		return 2;
	make_ready(argc > 3 ? strtol(argv[3], NULL, 10) : 0);
	repeats /= threads;
	pthread_barrier_init(&start, NULL, (unsigned)threads);
	for (int i = 0; i < threads; i++)
		pthread_create(&list[i], NULL, thread, &best[i]);
	for (int i = 0; i < threads; i++) {
		pthread_join(list[i], NULL);
		sum += best[i];
	}
	printf("%.0f\n", sum / threads * 10);
	return 0;
}
