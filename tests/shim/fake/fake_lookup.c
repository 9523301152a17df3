#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "fake.h"

/* Names with more than one symbol: which is given from which version on, and for which flavour. Others have one,
 * without a suffix. Written out by hand, not taken from the shim's table, which it is a check of.
 */
static const struct {
	const char *name;
	int version;
	bool own;
	const char *symbol;
} variants[] = {
	{"cuMemAlloc", 2000, false, "cuMemAlloc"},
	{"cuMemAlloc", 3020, false, "cuMemAlloc_v2"},
	{"cuMemFree", 3020, false, "cuMemFree_v2"},
	{"cuMemAllocPitch", 3020, false, "cuMemAllocPitch_v2"},
	{"cuMemGetInfo", 3020, false, "cuMemGetInfo_v2"},
	{"cuDeviceTotalMem", 2000, false, "cuDeviceTotalMem"},
	{"cuDeviceTotalMem", 3020, false, "cuDeviceTotalMem_v2"},
	{"cuCtxCreate", 3020, false, "cuCtxCreate_v2"},
	{"cuCtxDestroy", 4000, false, "cuCtxDestroy_v2"},
	{"cuArrayCreate", 3020, false, "cuArrayCreate_v2"},
	{"cuArray3DCreate", 3020, false, "cuArray3DCreate_v2"},
	{"cuMemAllocAsync", 11020, true, "cuMemAllocAsync_ptsz"},
	{"cuMemFreeAsync", 11020, true, "cuMemFreeAsync_ptsz"},
	{"cuLaunchKernel", 7000, true, "cuLaunchKernel_ptsz"},
	{"cuGetProcAddress", 12000, false, "cuGetProcAddress_v2"},
};

static void *own_symbol(const char *name)
{
	Dl_info info;
	if (!dladdr((void *)own_symbol, &info))
		return NULL;
	void *handle = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	return handle ? dlsym(handle, name) : NULL;
}

FAKE_EXPORT CUresult cuGetProcAddress_v2(const char *symbol, void **pfn, int version, uint64_t flags, int *status)
{
	const char *found = NULL;
	bool known = false;
	for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
		if (strcmp(variants[i].name, symbol) != 0)
			continue;
		known |= !variants[i].own;
		if (variants[i].version <= version && (!variants[i].own || (flags & 2)))
			found = variants[i].symbol;
	}
	*pfn = own_symbol(found ? found : known ? "" : symbol);
	if (status)
		*status = *pfn ? 0 : known ? 2 : 1;
	return *pfn ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}

FAKE_EXPORT CUresult cuGetProcAddress(const char *symbol, void **pfn, int version, uint64_t flags)
{
	return cuGetProcAddress_v2(symbol, pfn, version, flags, NULL);
}
