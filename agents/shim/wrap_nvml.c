#include "shim/wrap.h"

#include <string.h>

#include "shim/driver.h"
#include "shim/memory.h"
#include "shim/slice.h"

#define EXPORT __attribute__((visibility("default")))

static bool nvml_tell(nvmlDevice_t device, uint64_t *ret_free, uint64_t *ret_total)
{
	self *s = self_base();
	unsigned place;
	nvmlMemory_t has = {0};
	nvml_ready();
	if (!slice_device(s, device, &place))
		return false;
	if (UNLIKELY(!memory_is_measured(s, place) && memory_limit(s, place) != LIMITS_NONE)) {
		if (nvml_has(AT_nvmlDeviceGetMemoryInfo) &&
			NVML_REAL(nvmlDeviceGetMemoryInfo)(device, &has) != NVML_SUCCESS)
			return false; /* and what NVML says of that is the answer */
		memory_measured(s, place, has.total);
	}
	return memory_tell(s, place, ret_free, ret_total);
}

EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
	uint64_t left, limit;
	if (!memory || !nvml_tell(device, &left, &limit))
		return NVML_REAL(nvmlDeviceGetMemoryInfo)(device, memory);
	*memory = (nvmlMemory_t){.total = limit, .free = left, .used = limit - left};
	return NVML_SUCCESS;
}

/* The driver's answer first: it knows the version that is asked for. */
EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory)
{
	uint64_t left, limit;
	nvml_ready();
	nvmlReturn_t answer = NVML_REAL(nvmlDeviceGetMemoryInfo_v2)(device, memory);
	if (answer != NVML_SUCCESS || !nvml_tell(device, &left, &limit))
		return answer;
	memory->total = limit;
	memory->reserved = 0;
	memory->free = left;
	memory->used = limit - left;
	return answer;
}

/* Leaves the container's own processes in a list; entries of `size` bytes that begin with the pid. */
static unsigned list_keep(nvmlDevice_t device, void *list, unsigned count, size_t size)
{
	self *s = self_base();
	unsigned place;
	unsigned kept = 0;
	char *at = list;
	if (!slice_device(s, device, &place) || memory_limit(s, place) == LIMITS_NONE)
		return count;
	for (unsigned i = 0; i < count; i++) {
		unsigned pid;
		memcpy(&pid, at + i * size, sizeof pid);
		if (slice_owns(s, pid))
			memmove(at + kept++ * size, at + i * size, size);
	}
	return kept;
}

#define LIST_WRAP(symbol, info)                                                                                        \
	EXPORT nvmlReturn_t symbol(nvmlDevice_t device, unsigned int *count, info *list)                               \
	{                                                                                                              \
		nvml_ready();                                                                                          \
		nvmlReturn_t answer = NVML_REAL(symbol)(device, count, list);                                          \
		if (answer == NVML_SUCCESS && list)                                                                    \
			*count = list_keep(device, list, *count, sizeof *list);                                        \
		return answer;                                                                                         \
	}

LIST_WRAP(nvmlDeviceGetComputeRunningProcesses, nvmlProcessInfo_v1_t)
LIST_WRAP(nvmlDeviceGetComputeRunningProcesses_v2, nvmlProcessInfo_v2_t)
LIST_WRAP(nvmlDeviceGetComputeRunningProcesses_v3, nvmlProcessInfo_v2_t)
LIST_WRAP(nvmlDeviceGetGraphicsRunningProcesses, nvmlProcessInfo_v1_t)
LIST_WRAP(nvmlDeviceGetGraphicsRunningProcesses_v2, nvmlProcessInfo_v2_t)
LIST_WRAP(nvmlDeviceGetGraphicsRunningProcesses_v3, nvmlProcessInfo_v2_t)
LIST_WRAP(nvmlDeviceGetMPSComputeRunningProcesses, nvmlProcessInfo_v1_t)
LIST_WRAP(nvmlDeviceGetMPSComputeRunningProcesses_v2, nvmlProcessInfo_v2_t)
LIST_WRAP(nvmlDeviceGetMPSComputeRunningProcesses_v3, nvmlProcessInfo_v2_t)

EXPORT nvmlReturn_t nvmlDeviceGetProcessUtilization(
	nvmlDevice_t device, nvmlProcessUtilizationSample_t *list, unsigned int *count, unsigned long long since)
{
	nvml_ready();
	nvmlReturn_t answer = NVML_REAL(nvmlDeviceGetProcessUtilization)(device, list, count, since);
	if (answer == NVML_SUCCESS && list)
		*count = list_keep(device, list, *count, sizeof *list);
	return answer;
}

/* Two newer forms of the same: a header with a version, and a pointer to the entries. */
typedef struct list_detail {
	unsigned int version;
	unsigned int mode;
	unsigned int count;
	void *entries;
} list_detail;

typedef struct list_utilization {
	unsigned int version;
	unsigned int count;
	unsigned long long since;
	void *entries;
} list_utilization;

#define LIST_DETAIL_BYTES      40 /* pid, used memory, two instance numbers, protected memory */
#define LIST_UTILIZATION_BYTES 40 /* time stamp, pid, six utilisations */

EXPORT nvmlReturn_t nvmlDeviceGetRunningProcessDetailList(nvmlDevice_t device, void *list)
{
	nvml_ready();
	list_detail *asked = list;
	nvmlReturn_t answer = NVML_REAL(nvmlDeviceGetRunningProcessDetailList)(device, list);
	if (answer == NVML_SUCCESS && asked && asked->entries)
		asked->count = list_keep(device, asked->entries, asked->count, LIST_DETAIL_BYTES);
	return answer;
}

static unsigned list_keep_utilization(nvmlDevice_t device, char *at, unsigned count)
{
	self *s = self_base();
	unsigned place;
	unsigned kept = 0;
	if (!slice_device(s, device, &place) || memory_limit(s, place) == LIMITS_NONE)
		return count;
	for (unsigned i = 0; i < count; i++) {
		unsigned pid;
		memcpy(&pid, at + i * LIST_UTILIZATION_BYTES + 8, sizeof pid);
		if (slice_owns(s, pid))
			memmove(at + kept++ * LIST_UTILIZATION_BYTES, at + i * LIST_UTILIZATION_BYTES,
				LIST_UTILIZATION_BYTES);
	}
	return kept;
}

EXPORT nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device, void *info)
{
	nvml_ready();
	list_utilization *asked = info;
	nvmlReturn_t answer = NVML_REAL(nvmlDeviceGetProcessesUtilizationInfo)(device, info);
	if (answer == NVML_SUCCESS && asked && asked->entries)
		asked->count = list_keep_utilization(device, asked->entries, asked->count);
	return answer;
}
