#include "shim/wrap.h"

#include "shim/driver.h"
#include "shim/memory.h"

EXPORT CUresult cuMemGetInfo_v2(size_t *free, size_t *total)
{
	self *s = self_get();
	unsigned device;
	uint64_t left, limit;
	if (!self_device(s, &device) || !memory_tell(s, device, &left, &limit))
		return DRIVER(cuMemGetInfo_v2)(free, total);
	if (free)
		*free = left;
	if (total)
		*total = limit;
	return CUDA_SUCCESS;
}

static unsigned int info_narrow(uint64_t bytes)
{
	return bytes < UINT32_MAX ? (unsigned int)bytes : UINT32_MAX;
}

EXPORT CUresult cuMemGetInfo(unsigned int *free, unsigned int *total)
{
	self *s = self_get();
	unsigned device;
	uint64_t left, limit;
	if (!self_device(s, &device) || !memory_tell(s, device, &left, &limit))
		return DRIVER(cuMemGetInfo)(free, total);
	if (free)
		*free = info_narrow(left);
	if (total)
		*total = info_narrow(limit);
	return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuDeviceTotalMem_v2)(bytes, device);
	if (answer != CUDA_SUCCESS || !bytes)
		return answer;
	uint64_t limit = memory_limit(s, self_ordinal(s, device));
	if (limit < *bytes)
		*bytes = limit;
	return answer;
}

EXPORT CUresult cuDeviceTotalMem(unsigned int *bytes, CUdevice device)
{
	self *s = self_get();
	CUresult answer = DRIVER(cuDeviceTotalMem)(bytes, device);
	if (answer != CUDA_SUCCESS || !bytes)
		return answer;
	uint64_t limit = memory_limit(s, self_ordinal(s, device));
	if (limit < *bytes)
		*bytes = info_narrow(limit);
	return answer;
}
