/* nvml: the calls of NVML that a node needs, found by dlopen.
 *
 * Our own declarations; a call that the library lacks is NULL and what it would tell is left out. Where there are
 * several versions of a call, the newest of the list that is there is taken. Loaded by the probe's process alone
 * (probe.h): NVML can block for seconds, and it can end its process.
 */
#pragma once
#include <stdbool.h>
#include "shim/abi.h"

enum {
	NVML_TIMEOUT = 10,
	NVML_NOT_FOUND = 6,
	NVML_GONE = 15, /* ERROR_GPU_IS_LOST */
	NVML_RESET_NEEDED = 16,
	NVML_BUS_ID_BYTES = 32,
	NVML_TEXT_BYTES = 96,
	NVML_LINKS_MAX = 36,
};

/* Bits of event types. */
#define NVML_EVENT_DOUBLE_BIT  UINT64_C(0x2)
#define NVML_EVENT_XID         UINT64_C(0x8)
#define NVML_EVENT_UNAVAILABLE UINT64_C(0x4000)
#define NVML_EVENT_RECOVERY    UINT64_C(0x8000)

typedef struct nvml_pci {
	char legacy[16];
	unsigned domain, bus, device, ids, subsystem;
	char bus_id[NVML_BUS_ID_BYTES];
} nvml_pci;

typedef struct nvml_busy {
	unsigned gpu, memory; /* per cent */
} nvml_busy;

typedef struct nvml_event {
	nvmlDevice_t device;
	unsigned long long type, data;
	unsigned gpu_instance, compute_instance;
} nvml_event;

/* C(member, arguments, names from the newest to the oldest) */
#define NVML_NODE_CALLS(C)                                                                                             \
	C(init, (void), "nvmlInit_v2", "nvmlInit")                                                                     \
	C(driver_version, (char *text, unsigned size), "nvmlSystemGetDriverVersion")                                   \
	C(count, (unsigned *n), "nvmlDeviceGetCount_v2", "nvmlDeviceGetCount")                                         \
	C(handle, (unsigned index, nvmlDevice_t *device), "nvmlDeviceGetHandleByIndex_v2",                             \
		"nvmlDeviceGetHandleByIndex")                                                                          \
	C(uuid, (nvmlDevice_t device, char *text, unsigned size), "nvmlDeviceGetUUID")                                 \
	C(name, (nvmlDevice_t device, char *text, unsigned size), "nvmlDeviceGetName")                                 \
	C(pci, (nvmlDevice_t device, nvml_pci * pci), "nvmlDeviceGetPciInfo_v3", "nvmlDeviceGetPciInfo_v2")            \
	C(minor, (nvmlDevice_t device, unsigned *n), "nvmlDeviceGetMinorNumber")                                       \
	C(memory_v2, (nvmlDevice_t device, nvmlMemory_v2_t * memory), "nvmlDeviceGetMemoryInfo_v2")                    \
	C(memory, (nvmlDevice_t device, nvmlMemory_t * memory), "nvmlDeviceGetMemoryInfo")                             \
	C(busy, (nvmlDevice_t device, nvml_busy * busy), "nvmlDeviceGetUtilizationRates")                              \
	C(temperature, (nvmlDevice_t device, int sensor, unsigned *celsius), "nvmlDeviceGetTemperature")               \
	C(power, (nvmlDevice_t device, unsigned *milliwatts), "nvmlDeviceGetPowerUsage")                               \
	C(clock, (nvmlDevice_t device, int which, unsigned *mhz), "nvmlDeviceGetClockInfo")                            \
	C(mig_mode, (nvmlDevice_t device, unsigned *now, unsigned *pending), "nvmlDeviceGetMigMode")                   \
	C(mig_count, (nvmlDevice_t device, unsigned *n), "nvmlDeviceGetMaxMigDeviceCount")                             \
	C(mig_handle, (nvmlDevice_t device, unsigned index, nvmlDevice_t *mig), "nvmlDeviceGetMigDeviceHandleByIndex") \
	C(gpu_instance, (nvmlDevice_t mig, unsigned *id), "nvmlDeviceGetGpuInstanceId")                                \
	C(compute_instance, (nvmlDevice_t mig, unsigned *id), "nvmlDeviceGetComputeInstanceId")                        \
	C(ancestor, (nvmlDevice_t a, nvmlDevice_t b, int *level), "nvmlDeviceGetTopologyCommonAncestor")               \
	C(link_state, (nvmlDevice_t device, unsigned link, int *is_active), "nvmlDeviceGetNvLinkState")                \
	C(link_remote, (nvmlDevice_t device, unsigned link, nvml_pci *pci), "nvmlDeviceGetNvLinkRemotePciInfo_v2",     \
		"nvmlDeviceGetNvLinkRemotePciInfo")                                                                    \
	C(remapped,                                                                                                    \
		(nvmlDevice_t device, unsigned *correctable, unsigned *uncorrectable, unsigned *pending,               \
			unsigned *failed),                                                                             \
		"nvmlDeviceGetRemappedRows")                                                                           \
	C(compute_processes, (nvmlDevice_t device, unsigned *n, nvmlProcessInfo_v2_t *list),                           \
		"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2")                  \
	C(graphics_processes, (nvmlDevice_t device, unsigned *n, nvmlProcessInfo_v2_t *list),                          \
		"nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2")                \
	C(compute_processes_v1, (nvmlDevice_t device, unsigned *n, nvmlProcessInfo_v1_t *list),                        \
		"nvmlDeviceGetComputeRunningProcesses")                                                                \
	C(process_busy,                                                                                                \
		(nvmlDevice_t device, nvmlProcessUtilizationSample_t * list, unsigned *n,                              \
			unsigned long long since_us),                                                                  \
		"nvmlDeviceGetProcessUtilization")                                                                     \
	C(event_set, (void **set), "nvmlEventSetCreate")                                                               \
	C(event_types, (nvmlDevice_t device, unsigned long long *types), "nvmlDeviceGetSupportedEventTypes")           \
	C(event_register, (nvmlDevice_t device, unsigned long long types, void *set), "nvmlDeviceRegisterEvents")      \
	C(event_wait, (void *set, nvml_event *event, unsigned timeout_ms), "nvmlEventSetWait_v2", "nvmlEventSetWait")

typedef struct nvml {
	void *library;
#define C(member, arguments, ...) nvmlReturn_t(*member) arguments;
	NVML_NODE_CALLS(C)
#undef C
} nvml;

/* Loads and starts it. False: there is none at that path, it lacks what nothing works without, or it does not start. */
bool nvml_open(const char *path, nvml *ret);
