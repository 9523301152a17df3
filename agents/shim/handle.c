#include "shim/handle.h"

#include <string.h>

#include "shim/driver.h"
#include "shim/visible.h"
#include "shim/wrap.h"

#define HANDLE_DEVICES 64

static bool handle_start(void)
{
	nvml_ready();
	return (nvml_has(AT_nvmlInit_v2) ? NVML_REAL(nvmlInit_v2)() : NVML_REAL(nvmlInit)()) == NVML_SUCCESS;
}

static bool handle_at(unsigned index, nvmlDevice_t *ret)
{
	nvmlReturn_t answer = nvml_has(AT_nvmlDeviceGetHandleByIndex_v2)
				      ? NVML_REAL(nvmlDeviceGetHandleByIndex_v2)(index, ret)
				      : NVML_REAL(nvmlDeviceGetHandleByIndex)(index, ret);
	return answer == NVML_SUCCESS;
}

static bool handle_by_bus(int ordinal, nvmlDevice_t *ret)
{
	char text[32];
	return DRIVER(cuDeviceGetPCIBusId)(text, sizeof text, ordinal) == CUDA_SUCCESS &&
	       NVML_REAL(nvmlDeviceGetHandleByPciBusId_v2)(text, ret) == NVML_SUCCESS;
}

static bool handle_by_uuid(int ordinal, nvmlDevice_t *ret)
{
	CUuuid own;
	char text[96];
	uint8_t uuid[16];
	CUresult answer = driver_has(AT_cuDeviceGetUuid_v2) ? DRIVER(cuDeviceGetUuid_v2)(&own, ordinal)
							    : DRIVER(cuDeviceGetUuid)(&own, ordinal);
	for (unsigned i = 0; answer == CUDA_SUCCESS && i < HANDLE_DEVICES && handle_at(i, ret); i++)
		if (NVML_REAL(nvmlDeviceGetUUID)(*ret, text, sizeof text) == NVML_SUCCESS && visible_uuid(text, uuid) &&
			memcmp(uuid, own.bytes, sizeof uuid) == 0)
			return true;
	return false;
}

bool handle_of(int ordinal, nvmlDevice_t *ret)
{
	return handle_start() &&
	       (handle_by_bus(ordinal, ret) || handle_by_uuid(ordinal, ret) || handle_at((unsigned)ordinal, ret));
}

bool handle_index(nvmlDevice_t handle, unsigned *ret_index)
{
	nvmlDevice_t other;
	if (NVML_REAL(nvmlDeviceGetIndex)(handle, ret_index) == NVML_SUCCESS)
		return true;
	for (unsigned i = 0; i < HANDLE_DEVICES && handle_at(i, &other); i++) {
		*ret_index = i;
		if (other == handle)
			return true;
	}
	return false;
}
