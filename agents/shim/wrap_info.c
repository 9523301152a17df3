#include "shim/wrapped.h"

#include "shim/driver.h"
#include "shim/memory.h"

static __attribute__((noinline, cold)) void info_measure(self *s, unsigned device)
{
	CUdevice ordinal;
	size_t bytes = 0;
	if (DRIVER(cuCtxGetDevice)(&ordinal) != CUDA_SUCCESS ||
		DRIVER(cuDeviceTotalMem_v2)(&bytes, ordinal) != CUDA_SUCCESS)
		bytes = 0;
	memory_measured(s, device, bytes);
}

static bool info_tell(self *s, uint64_t *ret_left, uint64_t *ret_limit)
{
	unsigned device;
	if (!self_device(s, &device))
		return false;
	if (UNLIKELY(!memory_is_measured(s, device)))
		info_measure(s, device);
	return memory_tell(s, device, ret_left, ret_limit);
}

CUresult cuMemGetInfo_v2(size_t *free, size_t *total)
{
	self *s = self_get();
	uint64_t left, limit;
	if (!info_tell(s, &left, &limit))
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

CUresult cuMemGetInfo(unsigned int *free, unsigned int *total)
{
	self *s = self_get();
	uint64_t left, limit;
	if (!info_tell(s, &left, &limit))
		return DRIVER(cuMemGetInfo)(free, total);
	if (free)
		*free = info_narrow(left);
	if (total)
		*total = info_narrow(limit);
	return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device)
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

CUresult cuDeviceTotalMem(unsigned int *bytes, CUdevice device)
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
