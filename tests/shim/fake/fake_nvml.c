#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fake.h"
#include "rest.h"

#define VALUE_BYTES 8

static void nvml_cost(void)
{
	if (world_get()->nvml_ns)
		world_sleep(world_get()->nvml_ns);
}

/* A device that hangs holds whoever asks after it; one that is deadly ends them. */
static void device_suffer(unsigned device)
{
	const fake_device *d = &world_get()->devices[device];
	if (atomic_load(&d->deadly))
		_exit(11);
	while (atomic_load(&d->is_hung))
		world_sleep(1000000);
}

bool nvml_device(nvmlDevice_t handle, unsigned *ret_device)
{
	uintptr_t n = (uintptr_t)handle;
	if (n < 0x1000 || (n - 0x1000) / 0x10 >= world_get()->device_count)
		return false;
	*ret_device = (unsigned)((n - 0x1000) / 0x10);
	device_suffer(*ret_device);
	return true;
}

static nvmlDevice_t handle_of(unsigned device)
{
	return (nvmlDevice_t)(uintptr_t)(0x1000 + 0x10 * device);
}

FAKE_EXPORT nvmlReturn_t nvmlInit_v2(void)
{
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
	*count = world_get()->device_count;
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device)
{
	*device = handle_of(index);
	return index < world_get()->device_count ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

/* Older names of the same, which some programs use. */
FAKE_EXPORT nvmlReturn_t nvmlInit(void)
{
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlShutdown(void)
{
	return NVML_SUCCESS;
}

FAKE_EXPORT const char *nvmlErrorString(nvmlReturn_t answer)
{
	return answer == NVML_SUCCESS ? "Success" : "Error";
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetCount(unsigned *count)
{
	return nvmlDeviceGetCount_v2(count);
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned index, nvmlDevice_t *device)
{
	return nvmlDeviceGetHandleByIndex_v2(index, device);
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *text, nvmlDevice_t *device)
{
	unsigned bus;
	if (sscanf(text, "0000:%x:", &bus) != 1 || bus == 0)
		return NVML_ERROR_INVALID_ARGUMENT;
	return nvmlDeviceGetHandleByIndex_v2(bus - 1, device);
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *text, unsigned int size)
{
	unsigned d, i;
	if (nvml_instance(device, &d, &i)) {
		snprintf(text, size, "MIG-%08x-0000-0000-0000-%012x", d, i);
		return NVML_SUCCESS;
	}
	if (!nvml_device(device, &d))
		return NVML_ERROR_INVALID_ARGUMENT;
	unsigned b = 0x40 + d;
	snprintf(text, size, "GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b, b, b, b, b,
		b, b, b, b, b, b, b, b, b, b, b);
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int *index)
{
	return nvml_device(device, index) ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
	unsigned d, i;
	if (nvml_instance(device, &d, &i)) {
		*memory = (nvmlMemory_t){world_get()->memory_bytes / 8, world_get()->memory_bytes / 8, 0};
		return NVML_SUCCESS;
	}
	if (!nvml_device(device, &d))
		return NVML_ERROR_INVALID_ARGUMENT;
	if (atomic_load(&world_get()->devices[d].is_lost))
		return 15;
	memory->total = world_get()->memory_bytes;
	memory->used = world_booked(d);
	memory->free = memory->total - memory->used;
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory)
{
	nvmlMemory_t plain;
	nvmlReturn_t answer = nvmlDeviceGetMemoryInfo(device, &plain);
	if (answer == NVML_SUCCESS) {
		memory->total = plain.total;
		memory->used = plain.used;
		memory->free = plain.free;
		memory->reserved = 0;
	}
	return answer;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(
	nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_v2_t *list)
{
	unsigned d;
	unsigned n = 0;
	fake_world *w = world_get();
	if (!nvml_device(device, &d))
		return NVML_ERROR_INVALID_ARGUMENT;
	nvml_cost();
	for (unsigned i = 0; i < atomic_load(&w->client_top) && n < *count; i++) {
		int pid = atomic_load(&w->clients[i].pid);
		uint64_t bytes = atomic_load(&w->clients[i].bytes[d]);
		if (pid && bytes && world_alive(pid))
			list[n++] = (nvmlProcessInfo_v2_t){(unsigned)pid, bytes, ~0u, ~0u};
	}
	*count = n;
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(
	nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_v2_t *list)
{
	return nvmlDeviceGetComputeRunningProcesses_v3(device, count, list);
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(
	nvmlDevice_t device, unsigned int *count, nvmlProcessInfo_v1_t *list)
{
	nvmlProcessInfo_v2_t all[FAKE_CLIENTS];
	unsigned most = *count < FAKE_CLIENTS ? *count : FAKE_CLIENTS;
	*count = most;
	nvmlReturn_t answer = nvmlDeviceGetComputeRunningProcesses_v3(device, count, all);
	for (unsigned i = 0; answer == NVML_SUCCESS && i < *count; i++)
		list[i] = (nvmlProcessInfo_v1_t){all[i].pid, all[i].usedGpuMemory};
	return answer;
}

/* Samples are dated by the clock since start-up; NVML dates by the calendar. */
static uint64_t calendar_us(int64_t monotonic_ns)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t now_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	return (uint64_t)(now_us - (world_now_ns() - monotonic_ns) / 1000);
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetProcessUtilization(
	nvmlDevice_t device, nvmlProcessUtilizationSample_t *list, unsigned int *count, unsigned long long since)
{
	unsigned d;
	unsigned n = 0;
	fake_world *w = world_get();
	if (!nvml_device(device, &d))
		return NVML_ERROR_INVALID_ARGUMENT;
	nvml_cost();
	world_advance(d);
	for (unsigned i = 0; i < atomic_load(&w->client_top); i++) {
		const fake_queue *q = &w->clients[i].queues[d];
		int pid = atomic_load(&w->clients[i].pid);
		unsigned have = q->sample_count < FAKE_SAMPLES ? q->sample_count : FAKE_SAMPLES;
		for (unsigned k = 0; pid && k < have && n < *count; k++) {
			const fake_sample *s = &q->samples[k];
			uint64_t at = calendar_us(s->at_ns);
			if (at > since)
				list[n++] = (nvmlProcessUtilizationSample_t){
					.pid = (unsigned)pid, .timeStamp = at, .smUtil = s->percent};
		}
	}
	*count = n;
	return NVML_SUCCESS;
}
