#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "check.h"

typedef CUresult (*alloc_call)(CUdeviceptr *, size_t);
typedef CUresult (*alloc_async_call)(CUdeviceptr *, size_t, CUstream);

static alloc_call alloc_found;
static alloc_async_call alloc_async_found;

static CUresult make_found(uint64_t bytes)
{
	CUdeviceptr at;
	return alloc_found(&at, bytes);
}

static CUresult make_found_async(uint64_t bytes)
{
	CUdeviceptr at;
	return alloc_async_found(&at, bytes, NULL);
}

static void fill_found(void *found)
{
	EXPECT(found != NULL);
	alloc_found = (alloc_call)found;
	check_start();
	EXPECT(check_fill(make_found) == CUDA_ERROR_OUT_OF_MEMORY);
}

static void *library(int flags)
{
	void *handle = dlopen("libcuda.so.1", RTLD_LAZY | flags);
	EXPECT(handle != NULL);
	return handle;
}

static void by_dlsym(void)
{
	fill_found(dlsym(library(0), "cuMemAlloc_v2"));
}

static void by_dlsym_default(void)
{
	fill_found(dlsym(RTLD_DEFAULT, "cuMemAlloc_v2"));
}

static void by_deepbind(void)
{
	fill_found(dlsym(library(RTLD_DEEPBIND | RTLD_LOCAL), "cuMemAlloc_v2"));
}

/* libc's own dlsym, asked of libc by dlsym and by dlvsym. */
static void by_libc_dlsym(void)
{
	void *(*own)(void *, const char *) = dlsym(dlopen("libc.so.6", RTLD_LAZY), "dlsym");
	EXPECT(own != NULL);
	fill_found(own(library(0), "cuMemAlloc_v2"));
}

static void by_libc_dlvsym(void)
{
	void *(*own)(void *, const char *) = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
	EXPECT(own != NULL);
	fill_found(own(library(0), "cuMemAlloc_v2"));
}

/* A program that asks the loader for another copy of the driver, beside the first. */
static void by_dlmopen(void)
{
	void *handle = dlmopen(LM_ID_NEWLM, "libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
	EXPECT(handle != NULL);
	CUresult (*init)(unsigned) = dlsym(handle, "cuInit");
	CUresult (*retain)(CUcontext *, CUdevice) = dlsym(handle, "cuDevicePrimaryCtxRetain");
	CUresult (*current)(CUcontext) = dlsym(handle, "cuCtxSetCurrent");
	CUcontext context;
	alloc_found = (alloc_call)dlsym(handle, "cuMemAlloc_v2");
	EXPECT(init(0) == CUDA_SUCCESS && retain(&context, 0) == CUDA_SUCCESS && current(context) == CUDA_SUCCESS);
	EXPECT(check_fill(make_found) == CUDA_ERROR_OUT_OF_MEMORY);
}

/* A program that reads the loaded library's symbol table itself. */
static void *walk(const char *name)
{
	const struct link_map *map = _r_debug.r_map;
	while (map && !strstr(map->l_name, "libcuda.so"))
		map = map->l_next;
	EXPECT(map != NULL);
	const ElfW(Sym) *symbols = NULL;
	const char *strings = NULL;
	const uint32_t *hash = NULL;
	for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			symbols = (const void *)d->d_un.d_ptr;
		if (d->d_tag == DT_STRTAB)
			strings = (const char *)d->d_un.d_ptr;
		if (d->d_tag == DT_GNU_HASH)
			hash = (const void *)d->d_un.d_ptr;
	}
	EXPECT(symbols && strings && hash);
	for (unsigned i = hash[1]; i < hash[1] + 4096; i++)
		if (strcmp(strings + symbols[i].st_name, name) == 0)
			return (void *)(map->l_addr + symbols[i].st_value);
	return NULL;
}

static void by_own_walk(void)
{
	fill_found(walk("cuMemAlloc_v2"));
}

static void by_get_proc_address(void)
{
	void *found = NULL;
	int status = -1;
	EXPECT(cuGetProcAddress_v2("cuMemAlloc", &found, 12000, 0, &status) == CUDA_SUCCESS);
	EXPECT(status == 0);
	fill_found(found);
}

/* The call through which other calls are found, itself found by a name. */
static void by_get_proc_address_by_dlsym(void)
{
	CUresult (*get)(const char *, void **, int, uint64_t) = dlsym(library(0), "cuGetProcAddress");
	CUresult (*get_v2)(const char *, void **, int, uint64_t, int *);
	void *found;
	EXPECT(get("cuGetProcAddress", &found, 12000, 0) == CUDA_SUCCESS);
	get_v2 = (CUresult(*)(const char *, void **, int, uint64_t, int *))found;
	EXPECT(get_v2("cuMemAlloc", &found, 12000, 0, NULL) == CUDA_SUCCESS);
	fill_found(found);
}

static void get_proc_address_keeps_versions(void)
{
	void *old = NULL, *now = NULL, *own = NULL, *plain = NULL;
	int status = -1;
	EXPECT(cuGetProcAddress_v2("cuMemAlloc", &old, 2000, 0, NULL) == CUDA_SUCCESS);
	EXPECT(cuGetProcAddress_v2("cuMemAlloc", &now, 12000, 0, NULL) == CUDA_SUCCESS);
	EXPECT(old != now && old == dlsym(library(0), "cuMemAlloc") && now == dlsym(library(0), "cuMemAlloc_v2"));
	EXPECT(cuGetProcAddress_v2("cuLaunchKernel", &own, 12000, 2, NULL) == CUDA_SUCCESS);
	EXPECT(cuGetProcAddress_v2("cuLaunchKernel", &plain, 12000, 0, NULL) == CUDA_SUCCESS);
	EXPECT(own != plain && own == dlsym(library(0), "cuLaunchKernel_ptsz"));
	EXPECT(cuGetProcAddress_v2("cuMemFree", &now, 2000, 0, &status) == CUDA_ERROR_NOT_FOUND && status == 2);
	EXPECT(cuGetProcAddress_v2("cuNoSuchCall", &now, 12000, 0, &status) == CUDA_ERROR_NOT_FOUND && status == 1 &&
		now == NULL);
}

static void get_proc_address_of_own_stream(void)
{
	void *found;
	EXPECT(cuGetProcAddress_v2("cuMemAllocAsync", &found, 12000, 2, NULL) == CUDA_SUCCESS);
	alloc_async_found = (alloc_async_call)found;
	check_start();
	EXPECT(check_fill(make_found_async) == CUDA_ERROR_OUT_OF_MEMORY);
}

/* Other names are looked up as if nobody stood between, again and again. */
static void other_names_are_left_alone(void)
{
	for (int i = 0; i < 3; i++) {
		EXPECT(dlsym(RTLD_NEXT, "malloc") != NULL);
		EXPECT(dlsym(RTLD_DEFAULT, "calloc") == dlsym(dlopen("libc.so.6", RTLD_LAZY), "calloc"));
		EXPECT(dlsym(library(0), "cuNoSuchCall") == NULL);
		EXPECT(dlsym(RTLD_DEFAULT, "no_such_name") == NULL && dlerror() != NULL);
		EXPECT(dlvsym(RTLD_NEXT, "memcpy", "GLIBC_2.14") != NULL);
	}
}

const check checks_lookup[] = {
	{"by_dlsym", by_dlsym},
	{"by_dlsym_default", by_dlsym_default},
	{"by_deepbind", by_deepbind},
	{"by_libc_dlsym", by_libc_dlsym},
	{"by_libc_dlvsym", by_libc_dlvsym},
	{"by_dlmopen", by_dlmopen},
	{"by_own_walk", by_own_walk},
	{"by_get_proc_address", by_get_proc_address},
	{"by_get_proc_address_by_dlsym", by_get_proc_address_by_dlsym},
	{"get_proc_address_keeps_versions", get_proc_address_keeps_versions},
	{"get_proc_address_of_own_stream", get_proc_address_of_own_stream},
	{"other_names_are_left_alone", other_names_are_left_alone},
	{NULL, NULL},
};
