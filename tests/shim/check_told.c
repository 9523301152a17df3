#include <unistd.h>

#include "check.h"

static void memory_told(void)
{
	size_t left = 0, total = 0;
	check_start();
	EXPECT(cuMemGetInfo_v2(&left, &total) == CUDA_SUCCESS);
	EXPECT(total == 1024 * MIB && left == 1008 * MIB);
	EXPECT(check_alloc(100 * MIB) == CUDA_SUCCESS);
	EXPECT(cuMemGetInfo_v2(&left, NULL) == CUDA_SUCCESS && left == 908 * MIB);
	EXPECT(cuMemGetInfo_v2(NULL, &total) == CUDA_SUCCESS && total == 1024 * MIB);
	EXPECT(cuMemGetInfo_v2(NULL, NULL) == CUDA_SUCCESS);
	EXPECT(cuDeviceTotalMem_v2(&total, 0) == CUDA_SUCCESS && total == 1024 * MIB);
}

static void no_context_no_answer(void)
{
	size_t left, total;
	CUdeviceptr at;
	EXPECT(cuInit(0) == CUDA_SUCCESS);
	EXPECT(cuMemGetInfo_v2(&left, &total) == CUDA_ERROR_INVALID_CONTEXT);
	EXPECT(cuMemAlloc_v2(&at, MIB) == CUDA_ERROR_INVALID_CONTEXT);
}

static void nvml_shows_the_slice(void)
{
	nvmlDevice_t device;
	nvmlMemory_t memory;
	nvmlMemory_v2_t memory_v2 = {.version = 0x2000028};
	check_start();
	EXPECT(check_alloc(100 * MIB) == CUDA_SUCCESS);
	EXPECT(nvmlInit_v2() == NVML_SUCCESS);
	EXPECT(nvmlDeviceGetHandleByIndex_v2(0, &device) == NVML_SUCCESS);
	EXPECT(nvmlDeviceGetMemoryInfo(device, &memory) == NVML_SUCCESS);
	EXPECT(memory.total == 1024 * MIB && memory.used == 116 * MIB && memory.free == 908 * MIB);
	EXPECT(nvmlDeviceGetMemoryInfo_v2(device, &memory_v2) == NVML_SUCCESS);
	EXPECT(memory_v2.total == 1024 * MIB && memory_v2.used == 116 * MIB && memory_v2.free == 908 * MIB);
}

/* What is no device is none here either, and what was known of one is not taken for it. */
static void nvml_refuses_what_is_no_device(void)
{
	nvmlDevice_t device;
	nvmlMemory_t memory;
	check_start();
	EXPECT(nvmlInit_v2() == NVML_SUCCESS);
	EXPECT(nvmlDeviceGetMemoryInfo(NULL, &memory) == NVML_ERROR_INVALID_ARGUMENT);
	EXPECT(nvmlDeviceGetHandleByIndex_v2(0, &device) == NVML_SUCCESS);
	EXPECT(nvmlDeviceGetMemoryInfo(device, &memory) == NVML_SUCCESS);
	EXPECT(nvmlDeviceGetMemoryInfo(NULL, &memory) == NVML_ERROR_INVALID_ARGUMENT);
}

static void nvml_lists_the_own_processes(void)
{
	nvmlDevice_t device;
	nvmlProcessInfo_v2_t list[16];
	unsigned count = 16;
	check_start();
	EXPECT(nvmlInit_v2() == NVML_SUCCESS);
	EXPECT(nvmlDeviceGetHandleByIndex_v2(0, &device) == NVML_SUCCESS);
	EXPECT(nvmlDeviceGetComputeRunningProcesses_v3(device, &count, list) == NVML_SUCCESS);
	EXPECT(count == 1 && list[0].pid == (unsigned)getpid());
}

/* In NVML's place everything must be there that a program may be linked with. */
static void nvml_names_its_errors(void)
{
	EXPECT(nvmlErrorString(NVML_SUCCESS) && *nvmlErrorString(NVML_SUCCESS));
	EXPECT(nvmlInit_v2() == NVML_SUCCESS);
	EXPECT(*nvmlErrorString(NVML_ERROR_FUNCTION_NOT_FOUND));
}

const check checks_told[] = {
	{"memory_told", memory_told},
	{"no_context_no_answer", no_context_no_answer},
	{"nvml_shows_the_slice", nvml_shows_the_slice},
	{"nvml_refuses_what_is_no_device", nvml_refuses_what_is_no_device},
	{"nvml_lists_the_own_processes", nvml_lists_the_own_processes},
	{"nvml_names_its_errors", nvml_names_its_errors},
	{NULL, NULL},
};
