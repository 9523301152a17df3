#include "shim/slice.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shim/driver.h"
#include "shim/handle.h"
#include "shim/visible.h"
#include "shim/wrap.h"

#define SLICE_LISTED  256 /* processes on one device that are looked at */
#define SLICE_HANDLES 64

/* Handles whose device is known; NVML's handles do not change. */
static struct {
	_Atomic uintptr_t handle;
	_Atomic int device;
} slice_known[SLICE_HANDLES];

static unsigned slice_place(nvmlDevice_t handle)
{
	return (unsigned)(((uintptr_t)handle >> 4) * 0x9e3779b1u >> 8) % SLICE_HANDLES;
}

static bool slice_find(self *s, nvmlDevice_t handle, unsigned *ret_device)
{
	char text[96];
	uint8_t uuid[16];
	unsigned index;
	bool is_told =
		NVML_REAL(nvmlDeviceGetUUID)(handle, text, sizeof text) == NVML_SUCCESS && visible_uuid(text, uuid);
	for (unsigned d = 0; is_told && d < s->limits->device_count; d++) {
		if (memcmp(s->limits->devices[d].uuid, uuid, sizeof uuid) == 0) {
			*ret_device = d;
			return true;
		}
	}
	if (!handle_index(handle, &index))
		return false;
	int ordinal = visible_ordinal(is_told ? uuid : NULL, index);
	if (ordinal < 0)
		return false;
	*ret_device = self_ordinal(s, ordinal);
	return true;
}

bool slice_device(self *s, nvmlDevice_t handle, unsigned *ret_device)
{
	unsigned place = slice_place(handle);
	if (handle && atomic_load_explicit(&slice_known[place].handle, memory_order_acquire) == (uintptr_t)handle) {
		*ret_device = (unsigned)atomic_load_explicit(&slice_known[place].device, memory_order_relaxed);
		return true;
	}
	uintptr_t nobody = 0;
	if (!slice_find(s, handle, ret_device))
		return false;
	if (atomic_load(&slice_known[place].handle) == 0) {
		atomic_store(&slice_known[place].device, (int)*ret_device);
		atomic_compare_exchange_strong(&slice_known[place].handle, &nobody, (uintptr_t)handle);
	}
	return true;
}

/* By the host's number of it, when the node has told. */
static unsigned slice_own_pid(const self *s)
{
	const books_slot *slot = s->slot;
	uint32_t told = slot ? atomic_load(&slot->host_pid) : 0;
	return told ? told : (unsigned)getpid();
}

bool slice_is_alone(const self *s)
{
	unsigned top = atomic_load(&s->books->top), owners = 0;
	for (unsigned i = 0; i < top && i < BOOKS_SLOTS; i++)
		owners += atomic_load(&s->books->slots[i].owner) != 0;
	return owners == 1;
}

/* The processes on a device; the oldest form of the call has shorter entries. Returns how many. */
static unsigned slice_list(nvmlDevice_t handle, nvmlProcessInfo_v2_t list[SLICE_LISTED])
{
	nvmlProcessInfo_v1_t old[SLICE_LISTED];
	unsigned count = SLICE_LISTED;
	nvmlReturn_t answer;
	if (nvml_has(AT_nvmlDeviceGetComputeRunningProcesses_v3))
		answer = NVML_REAL(nvmlDeviceGetComputeRunningProcesses_v3)(handle, &count, list);
	else if (nvml_has(AT_nvmlDeviceGetComputeRunningProcesses_v2))
		answer = NVML_REAL(nvmlDeviceGetComputeRunningProcesses_v2)(handle, &count, list);
	else {
		answer = NVML_REAL(nvmlDeviceGetComputeRunningProcesses)(handle, &count, old);
		for (unsigned i = 0; answer == NVML_SUCCESS && i < count && i < SLICE_LISTED; i++)
			list[i] = (nvmlProcessInfo_v2_t){.pid = old[i].pid, .usedGpuMemory = old[i].usedGpuMemory};
	}
	return answer == NVML_SUCCESS && count <= SLICE_LISTED ? count : 0;
}

/* Within a namespace of process numbers NVML's may be unknown here: then the only process there is may be meant. */
uint64_t slice_of_self(const self *s, int ordinal)
{
	nvmlProcessInfo_v2_t list[SLICE_LISTED];
	nvmlDevice_t handle;
	if (!handle_of(ordinal, &handle))
		return 0;
	unsigned own = slice_own_pid(s), count = slice_list(handle, list);
	bool is_only = count == 1 && slice_is_alone(s);
	for (unsigned i = 0; i < count; i++)
		if (list[i].pid == own || is_only)
			return list[i].usedGpuMemory < ((uint64_t)1 << 40) ? list[i].usedGpuMemory : 0;
	return 0;
}

bool slice_owns(const self *s, unsigned pid)
{
	unsigned top = atomic_load(&s->books->top);
	for (unsigned i = 0; i < top && i < BOOKS_SLOTS; i++) {
		const books_slot *slot = &s->books->slots[i];
		uint64_t owner = atomic_load(&slot->owner);
		uint32_t host = atomic_load(&slot->host_pid);
		if (owner && (host ? host == pid : (unsigned)(books_name(owner) >> 32) == pid))
			return true;
	}
	return false;
}

static int slice_ordinal_of(self *s, unsigned device)
{
	for (int ordinal = 0; ordinal < SELF_ORDINALS; ordinal++)
		if (atomic_load(&s->index_of[ordinal]) == (signed char)(device + 1))
			return ordinal;
	return -1;
}

/* Samples stand for a sixth of a second or so each; those of one process are averaged, those of several added up. */
bool slice_busy(self *s, unsigned device, uint64_t ns, uint32_t *ret_milli)
{
	nvmlProcessUtilizationSample_t list[SLICE_LISTED];
	unsigned count = SLICE_LISTED;
	nvmlDevice_t handle;
	int ordinal = slice_ordinal_of(s, device);
	if (ordinal < 0 || !handle_of(ordinal, &handle))
		return false;
	uint64_t since = visible_now_us() - ns / 1000;
	if (NVML_REAL(nvmlDeviceGetProcessUtilization)(handle, list, &count, since) != NVML_SUCCESS ||
		count > SLICE_LISTED)
		return false;
	uint32_t sum = 0;
	bool known = false;
	for (unsigned i = 0; i < count; i++) {
		unsigned samples = 0, util = 0;
		for (unsigned j = 0; j < count; j++) {
			if (list[j].pid != list[i].pid)
				continue;
			if (j < i)
				break; /* this process was counted */
			util += list[j].smUtil;
			samples++;
		}
		if (!samples || !slice_owns(s, list[i].pid))
			continue;
		sum += util * 10 / samples;
		known = true;
	}
	*ret_milli = sum;
	return known;
}
