/* What a node asks of NVML beyond what programs do: kinds, places, links, gauges, events. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "rest.h"

#define FAKE_LINKS 2 /* from each device to its neighbour: 0 to 1, 2 to 3 */

typedef struct fake_pci {
	char legacy[16];
	unsigned domain, bus, device, ids, subsystem;
	char bus_id[32];
} fake_pci;

typedef struct fake_busy {
	unsigned gpu, memory;
} fake_busy;

typedef struct fake_told {
	nvmlDevice_t device;
	unsigned long long type, data;
	unsigned gpu_instance, compute_instance;
} fake_told;

nvmlReturn_t nvmlSystemGetDriverVersion(char *text, unsigned size);
nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *text, unsigned size);
nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, fake_pci *pci);
nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *number);
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, fake_busy *busy);
nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned *celsius);
nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *milliwatts);
nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t a, nvmlDevice_t b, int *level);
nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t device, unsigned link, int *active);
nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo_v2(nvmlDevice_t device, unsigned link, fake_pci *pci);
nvmlReturn_t nvmlDeviceGetRemappedRows(
	nvmlDevice_t device, unsigned *correctable, unsigned *uncorrectable, unsigned *pending, unsigned *failed);
nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *now, unsigned *pending);
nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned *n);
nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned index, nvmlDevice_t *mig);
nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t mig, unsigned *id);
nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t mig, unsigned *id);
nvmlReturn_t nvmlEventSetCreate(void **set);
nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, void *set);
nvmlReturn_t nvmlEventSetWait_v2(void *set, fake_told *told, unsigned timeout_ms);

static void pci_of(unsigned d, fake_pci *pci)
{
	memset(pci, 0, sizeof *pci);
	pci->bus = d + 1;
	snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:%02X:00.0", d + 1);
}

FAKE_EXPORT nvmlReturn_t nvmlSystemGetDriverVersion(char *text, unsigned size)
{
	snprintf(text, size, "570.00");
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *text, unsigned size)
{
	unsigned d, i;
	snprintf(text, size, "NVIDIA H200 MIG 1g.18gb");
	if (nvml_instance(device, &d, &i))
		return NVML_SUCCESS;
	snprintf(text, size, "NVIDIA H200");
	return nvml_device(device, &d) ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, fake_pci *pci)
{
	unsigned d;
	if (!nvml_device(device, &d))
		return NVML_ERROR_INVALID_ARGUMENT;
	pci_of(d, pci);
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *number)
{
	return nvml_device(device, number) ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, fake_busy *busy)
{
	unsigned d;
	*busy = (fake_busy){37, 5};
	return nvml_device(device, &d) ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned *celsius)
{
	unsigned d;
	(void)sensor;
	*celsius = 41;
	return nvml_device(device, &d) ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *milliwatts)
{
	unsigned d;
	*milliwatts = 120500;
	return nvml_device(device, &d) ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t a, nvmlDevice_t b, int *level)
{
	unsigned x, y;
	if (!nvml_device(a, &x) || !nvml_device(b, &y))
		return NVML_ERROR_INVALID_ARGUMENT;
	*level = x / 2 == y / 2 ? 40 : 50;
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t device, unsigned link, int *active)
{
	unsigned d;
	if (!nvml_device(device, &d))
		return NVML_ERROR_INVALID_ARGUMENT;
	*active = link < FAKE_LINKS && (d ^ 1) < world_get()->device_count;
	return link < 18 ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo_v2(nvmlDevice_t device, unsigned link, fake_pci *pci)
{
	unsigned d;
	if (!nvml_device(device, &d) || link >= FAKE_LINKS)
		return NVML_ERROR_INVALID_ARGUMENT;
	pci_of(d ^ 1, pci);
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetRemappedRows(
	nvmlDevice_t device, unsigned *correctable, unsigned *uncorrectable, unsigned *pending, unsigned *failed)
{
	unsigned d;
	if (!nvml_device(device, &d))
		return NVML_ERROR_INVALID_ARGUMENT;
	*correctable = *uncorrectable = *failed = 0;
	*pending = atomic_load(&world_get()->devices[d].rows_pending);
	return NVML_SUCCESS;
}

bool nvml_instance(nvmlDevice_t handle, unsigned *ret_device, unsigned *ret_instance)
{
	uintptr_t n = (uintptr_t)handle;
	*ret_device = (unsigned)(n - 0x8000) / 0x100;
	*ret_instance = (unsigned)(n & 0xff) / 0x10;
	return n >= 0x8000 && *ret_device < world_get()->device_count;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *now, unsigned *pending)
{
	unsigned d;
	if (!nvml_device(device, &d))
		return NVML_ERROR_INVALID_ARGUMENT;
	*now = *pending = atomic_load(&world_get()->devices[d].instances) > 0;
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned *n)
{
	(void)device;
	*n = 7;
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned index, nvmlDevice_t *mig)
{
	unsigned d;
	if (!nvml_device(device, &d) || index >= atomic_load(&world_get()->devices[d].instances))
		return 6;
	*mig = (nvmlDevice_t)(uintptr_t)(0x8000 + 0x100 * d + 0x10 * index);
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t mig, unsigned *id)
{
	unsigned d, i;
	bool is = nvml_instance(mig, &d, &i);
	*id = 7 + i;
	return is ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t mig, unsigned *id)
{
	*id = 0;
	return mig ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

/* Which XIDs of each device this process has been told, and the handles it has registered. */
static struct {
	nvmlDevice_t handle;
	unsigned told;
} registered[FAKE_DEVICES];

FAKE_EXPORT nvmlReturn_t nvmlEventSetCreate(void **set)
{
	*set = registered;
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, void *set)
{
	unsigned d;
	if (!nvml_device(device, &d) || set != registered || !(types & 8))
		return NVML_ERROR_INVALID_ARGUMENT;
	registered[d].handle = device;
	registered[d].told = atomic_load(&world_get()->devices[d].xids);
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlEventSetWait_v2(void *set, fake_told *told, unsigned timeout_ms)
{
	(void)set;
	for (unsigned waited = 0; waited <= timeout_ms; waited += 10) {
		for (unsigned d = 0; d < world_get()->device_count; d++) {
			const fake_device *device = &world_get()->devices[d];
			if (!registered[d].handle || registered[d].told == atomic_load(&device->xids))
				continue;
			registered[d].told++;
			*told = (fake_told){registered[d].handle, 8, atomic_load(&device->xid), ~0u, ~0u};
			return NVML_SUCCESS;
		}
		world_sleep(10000000);
	}
	return 10;
}
