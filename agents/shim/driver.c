#include "shim/driver.h"

#include <dlfcn.h>
#include <stddef.h>

#include "shim/elf.h"
#include "shim/origin.h"
#include "shim/self.h"

typedef void *(*dlopen_call)(const char *, int);
typedef void *(*dlsym_call)(void *, const char *);

/* Of a library: its usual name, what others of its names begin with, and a call that the shim never defines itself. */
typedef struct library_name {
	const char *name, *stem, *first;
} library_name;

static const library_name driver_name = {"libcuda.so.1", "libcuda.so", "cuDriverGetVersion"};
static const library_name nvml_name = {"libnvidia-ml.so.1", "libnvidia-ml.so", "nvmlShutdown"};

void *driver_at[CALLS];
void *nvml_at[NVML_CALLS];

static THREAD bool driver_opening;
static void *driver_handle;
static void *nvml_handle;

static int driver_lacks(void)
{
	return CUDA_ERROR_NOT_SUPPORTED;
}

static int nvml_lacks(void)
{
	return NVML_ERROR_FUNCTION_NOT_FOUND;
}

/* Up to glibc 2.33 they stood in libdl. */
static void *driver_libc(const char *name)
{
	void *found = elf_find("libc.so", name);
	if (!found)
		found = elf_find("libdl.so", name);
	return found ? found : elf_find("libc-", name);
}

void *driver_dlsym(void *handle, const char *name)
{
	static _Atomic dlsym_call known;
	dlsym_call real = atomic_load_explicit(&known, memory_order_relaxed);
	if (!real) {
		real = (dlsym_call)driver_libc("dlsym");
		atomic_store_explicit(&known, real, memory_order_relaxed);
	}
	return real ? real(handle, name) : NULL;
}

/* The program may have loaded it under a name that the loader does not take for the usual one: by a path, without a
 * soname.
 */
static void *driver_loaded(dlopen_call real, const library_name *library)
{
	char path[ORIGIN_PATH_BYTES];
	void *handle = real(library->name, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
	if (!handle && elf_owner(library->stem, library->first, path, sizeof path))
		handle = real(path, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
	if (!handle)
		handle = real(library->name, RTLD_LAZY | RTLD_LOCAL);
	if (!handle && elf_owner("", library->first, path, sizeof path))
		handle = real(path, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
	return handle;
}

static void *driver_load(const char *path, const library_name *library)
{
	char found[ORIGIN_PATH_BYTES];
	dlopen_call real = (dlopen_call)driver_libc("dlopen");
	if (!real)
		return NULL;
	if (!path[0] && origin_replaces(library->name))
		path = origin_find(library->name, found, sizeof found) ? found : "/nonexistent";
	driver_opening = true;
	void *handle = path[0] ? real(path, RTLD_LAZY | RTLD_LOCAL) : driver_loaded(real, library);
	driver_opening = false;
	return handle;
}

bool driver_is_opening(void)
{
	return driver_opening;
}

/* What the shim calls itself without wrapping it. */
static const call_id driver_made[] = {AT_cuCtxGetCurrent, AT_cuCtxSetCurrent, AT_cuDevicePrimaryCtxGetState,
	AT_cuDeviceGetDefaultMemPool, AT_cuCtxGetDevice, AT_cuCtxGetLimit, AT_cuDeviceGetAttribute, AT_cuDeviceGetUuid,
	AT_cuDeviceGetUuid_v2, AT_cuDeviceGetCount, AT_cuDeviceGetPCIBusId, AT_cuDeviceGetMemPool,
	AT_cuMemPoolGetAttribute, AT_cuStreamIsCapturing, AT_cuStreamIsCapturing_ptsz, AT_cuStreamGetCaptureInfo_v2,
	AT_cuStreamGetCaptureInfo_v3, AT_cuEventCreate, AT_cuEventRecord, AT_cuEventRecord_ptsz, AT_cuEventQuery,
	AT_cuEventElapsedTime, AT_cuEventDestroy_v2};
static const nvml_id nvml_made[] = {AT_nvmlInit_v2, AT_nvmlInit, AT_nvmlDeviceGetHandleByIndex_v2,
	AT_nvmlDeviceGetHandleByIndex, AT_nvmlDeviceGetUUID, AT_nvmlDeviceGetIndex,
	AT_nvmlDeviceGetHandleByPciBusId_v2};

static void *driver_resolve(void *handle, const call *row, void *lacks)
{
	void *found = handle ? driver_dlsym(handle, row->symbol) : NULL;
	return found ? found : lacks;
}

/* A hundred of more than a thousand: many processes may start at once. */
static void driver_resolve_wrapped(void *handle, const call *table, void **at, int count, void *lacks)
{
	for (int i = 0; i < count; i++)
		if (table[i].class != CALL_PASS && table[i].class != CALL_WEIGHED)
			at[i] = driver_resolve(handle, &table[i], lacks);
}

bool driver_open(const char *path)
{
	driver_handle = driver_load(path, &driver_name);
	driver_resolve_wrapped(driver_handle, calls, driver_at, CALLS, (void *)driver_lacks);
	for (size_t i = 0; i < sizeof driver_made / sizeof driver_made[0]; i++)
		driver_find(driver_made[i]);
	return driver_handle != NULL;
}

bool nvml_open(const char *path)
{
	nvml_handle = driver_load(path, &nvml_name);
	driver_resolve_wrapped(nvml_handle, nvml_calls, nvml_at, NVML_CALLS, (void *)nvml_lacks);
	for (size_t i = 0; i < sizeof nvml_made / sizeof nvml_made[0]; i++)
		nvml_find(nvml_made[i]);
	return nvml_handle != NULL;
}

void *driver_find(call_id id)
{
	if (!driver_at[id])
		driver_at[id] = driver_resolve(driver_handle, &calls[id], (void *)driver_lacks);
	return driver_at[id];
}

void *nvml_find(nvml_id id)
{
	if (!nvml_at[id])
		nvml_at[id] = driver_resolve(nvml_handle, &nvml_calls[id], (void *)nvml_lacks);
	return nvml_at[id];
}

void nvml_ready(void)
{
	static atomic_bool opened;
	if (atomic_load_explicit(&opened, memory_order_acquire))
		return;
	spin_lock(&self_here.nvml_opening); /* which a child that is made meanwhile finds free */
	if (!atomic_load(&opened))
		nvml_open(self_base()->limits->nvml_path);
	atomic_store(&opened, true);
	spin_unlock(&self_here.nvml_opening);
}

static void driver_fill(void *handle, const call *table, void **at, int count, void *lacks)
{
	for (int i = 0; handle && i < count; i++)
		if (at[i] == lacks)
			at[i] = driver_resolve(handle, &table[i], lacks);
}

void driver_late(void)
{
	const self *s = self_get();
	if (driver_handle)
		return;
	spin_lock(&self_here.setting_up);
	if (!driver_handle) {
		driver_handle = driver_load(s->limits->driver_path, &driver_name);
		driver_fill(driver_handle, calls, driver_at, CALLS, (void *)driver_lacks);
	}
	spin_unlock(&self_here.setting_up);
}

void nvml_late(void)
{
	const self *s = self_base();
	nvml_ready();
	if (nvml_handle)
		return;
	spin_lock(&self_here.nvml_opening);
	if (!nvml_handle) {
		nvml_handle = driver_load(s->limits->nvml_path, &nvml_name);
		driver_fill(nvml_handle, nvml_calls, nvml_at, NVML_CALLS, (void *)nvml_lacks);
	}
	spin_unlock(&self_here.nvml_opening);
}

bool driver_has(call_id id)
{
	return driver_at[id] && driver_at[id] != (void *)driver_lacks;
}

bool nvml_has(nvml_id id)
{
	return nvml_at[id] && nvml_at[id] != (void *)nvml_lacks;
}

void *driver_symbol(const char *name)
{
	return driver_handle ? driver_dlsym(driver_handle, name) : NULL;
}

void *nvml_symbol(const char *name)
{
	return nvml_handle ? driver_dlsym(nvml_handle, name) : NULL;
}
