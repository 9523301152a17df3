/* Instances of a cut device, made and removed as NVML does it: two profiles, and FAKE_MIG_MS that it takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "rest.h"

enum { INSTANCES = 7, NOT_SUPPORTED = 3, NO_ROOM = 15, PROFILE_1G = 19, PROFILE_3G = 9 };

typedef struct fake_profile {
	unsigned version, id, is_p2p, slices, count, processors, copy, decoders, encoders, jpegs, ofas;
	unsigned long long memory_mib;
	char name[96];
} fake_profile;

typedef struct fake_place {
	unsigned start, size;
} fake_place;

typedef struct fake_info {
	nvmlDevice_t device;
	unsigned id, profile;
	fake_place place;
} fake_info;

typedef struct fake_compute_profile {
	unsigned id, slices, count, processors, copy, decoders, encoders, jpegs, ofas;
} fake_compute_profile;

typedef struct fake_compute_info {
	nvmlDevice_t device;
	void *instance;
	unsigned id, profile;
	fake_place place;
} fake_compute_info;

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t mig, unsigned *id);
nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfoV(nvmlDevice_t device, unsigned which, fake_profile *ret);
nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements_v2(
	nvmlDevice_t device, unsigned id, fake_place *ret, unsigned *n);
nvmlReturn_t nvmlDeviceCreateGpuInstanceWithPlacement(
	nvmlDevice_t device, unsigned id, const fake_place *at, void **ret);
nvmlReturn_t nvmlDeviceGetGpuInstances(nvmlDevice_t device, unsigned id, void **ret, unsigned *n);
nvmlReturn_t nvmlGpuInstanceGetInfo(void *instance, fake_info *ret);
nvmlReturn_t nvmlGpuInstanceDestroy(void *instance);
nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfo(
	void *instance, unsigned which, unsigned engine, fake_compute_profile *ret);
nvmlReturn_t nvmlGpuInstanceCreateComputeInstance(void *instance, unsigned id, void **ret);
nvmlReturn_t nvmlGpuInstanceGetComputeInstances(void *instance, unsigned id, void **ret, unsigned *n);
nvmlReturn_t nvmlComputeInstanceGetInfo_v2(void *compute, fake_compute_info *ret);
nvmlReturn_t nvmlComputeInstanceDestroy(void *compute);

static const fake_profile profiles[] = {
	{.id = PROFILE_1G, .slices = 1, .count = 7, .memory_mib = 9728, .name = "MIG 1g.10gb"},
	{.id = PROFILE_3G, .slices = 3, .count = 2, .memory_mib = 40192, .name = "MIG 3g.40gb"},
};

static fake_device *cut_of(void *instance, unsigned *ret_place)
{
	unsigned d, i;
	if (!nvml_instance(instance, &d, &i))
		return NULL;
	*ret_place = atomic_load(&world_get()->devices[d].places[i]);
	return &world_get()->devices[d];
}

static void take_time(void)
{
	const char *text = getenv("FAKE_MIG_MS");
	if (text)
		(void)usleep((useconds_t)strtoul(text, NULL, 10) * 1000);
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
	for (unsigned i = 0; i < world_get()->device_count; i++) {
		char text[96];
		if (nvmlDeviceGetHandleByIndex_v2(i, device) == NVML_SUCCESS &&
			nvmlDeviceGetUUID(*device, text, sizeof text) == NVML_SUCCESS && strcmp(text, uuid) == 0)
			return NVML_SUCCESS;
	}
	return NVML_ERROR_INVALID_ARGUMENT;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfoV(nvmlDevice_t device, unsigned which, fake_profile *ret)
{
	(void)device;
	if (ret->version != (sizeof *ret | 2u << 24) || (which != 0 && which != 2))
		return NVML_ERROR_INVALID_ARGUMENT;
	*ret = profiles[which / 2];
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements_v2(
	nvmlDevice_t device, unsigned id, fake_place *ret, unsigned *n)
{
	(void)device;
	*n = id == PROFILE_1G ? 7 : 2;
	for (unsigned i = 0; i < *n; i++)
		ret[i] = id == PROFILE_1G ? (fake_place){i, 1} : (fake_place){4 * i, 4};
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceCreateGpuInstanceWithPlacement(
	nvmlDevice_t device, unsigned id, const fake_place *at, void **ret)
{
	unsigned d;
	if (!nvml_device(device, &d) || at->size != (id == PROFILE_1G ? 1 : 4))
		return NVML_ERROR_INVALID_ARGUMENT;
	fake_device *cut = &world_get()->devices[d];
	unsigned k = atomic_load(&cut->instances);
	if (k == INSTANCES)
		return NO_ROOM;
	take_time();
	atomic_store(&cut->places[k], id << 8 | (at->start + 1));
	atomic_store(&cut->instances, k + 1);
	*ret = (void *)(uintptr_t)(0x8000 + 0x100 * d + 0x10 * k);
	take_time();
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlDeviceGetGpuInstances(nvmlDevice_t device, unsigned id, void **ret, unsigned *n)
{
	unsigned d;
	if (!nvml_device(device, &d))
		return NVML_ERROR_INVALID_ARGUMENT;
	*n = 0;
	for (unsigned k = 0; k < atomic_load(&world_get()->devices[d].instances); k++)
		if (atomic_load(&world_get()->devices[d].places[k]) >> 8 == id)
			ret[(*n)++] = (void *)(uintptr_t)(0x8000 + 0x100 * d + 0x10 * k);
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlGpuInstanceGetInfo(void *instance, fake_info *ret)
{
	unsigned place;
	if (!cut_of(instance, &place))
		return NVML_ERROR_INVALID_ARGUMENT;
	*ret = (fake_info){.profile = place >> 8, .place = {(place & 0xff) - 1, 1}};
	return nvmlDeviceGetGpuInstanceId(instance, &ret->id);
}

/* The last one takes its place. */
FAKE_EXPORT nvmlReturn_t nvmlGpuInstanceDestroy(void *instance)
{
	unsigned d, k, place;
	fake_device *cut = cut_of(instance, &place);
	if (!cut || !nvml_instance(instance, &d, &k))
		return NVML_ERROR_INVALID_ARGUMENT;
	take_time();
	unsigned last = atomic_load(&cut->instances) - 1;
	atomic_store(&cut->places[k], atomic_load(&cut->places[last]));
	atomic_store(&cut->instances, last);
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfo(
	void *instance, unsigned which, unsigned engine, fake_compute_profile *ret)
{
	(void)instance;
	if (engine || (which != 0 && which != 2))
		return NOT_SUPPORTED;
	*ret = (fake_compute_profile){.id = which, .slices = which + 1, .count = 1};
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlGpuInstanceCreateComputeInstance(void *instance, unsigned id, void **ret)
{
	unsigned place;
	if (!cut_of(instance, &place) || (place >> 8 == PROFILE_1G) != (id == 0))
		return NVML_ERROR_INVALID_ARGUMENT;
	*ret = instance;
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlGpuInstanceGetComputeInstances(void *instance, unsigned id, void **ret, unsigned *n)
{
	unsigned place;
	*n = cut_of(instance, &place) && (place >> 8 == PROFILE_1G) == (id == 0);
	ret[0] = instance;
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlComputeInstanceGetInfo_v2(void *compute, fake_compute_info *ret)
{
	*ret = (fake_compute_info){.instance = compute};
	return NVML_SUCCESS;
}

FAKE_EXPORT nvmlReturn_t nvmlComputeInstanceDestroy(void *compute)
{
	(void)compute;
	return NVML_SUCCESS;
}
