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

elf_span driver_inside[2];

static THREAD unsigned driver_opening;
static _Atomic(void *) driver_handle;
static _Atomic(void *) nvml_handle;

static int driver_lacks(void)
{
	return CUDA_ERROR_NOT_SUPPORTED;
}

static int nvml_lacks(void)
{
	return NVML_ERROR_FUNCTION_NOT_FOUND;
}

/* The one call of NVML that answers with text. */
static const char *nvml_says_nothing(void)
{
	return "NVML is not there";
}

static void *nvml_lack(nvml_id id)
{
	return id == AT_nvmlErrorString ? (void *)nvml_says_nothing : (void *)nvml_lacks;
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
	driver_opening++;
	void *handle = path[0] ? real(path, RTLD_LAZY | RTLD_LOCAL) : driver_loaded(real, library);
	driver_opening--;
	return handle;
}

void *driver_beside(void)
{
	dlopen_call real = (dlopen_call)driver_libc("dlopen");
	return real ? real(driver_name.name, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD) : NULL;
}

bool driver_is_opening(void)
{
	return driver_opening > 0;
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
	void *found = handle ? driver_dlsym(handle, call_symbol(row)) : NULL;
	return found ? found : lacks;
}

/* Several threads may find the same at once; what is known stays. */
static void driver_put(void **at, void *found, void *lacks)
{
	void *before = __atomic_load_n(at, __ATOMIC_RELAXED);
	if (!before || (before == lacks && found != lacks))
		__atomic_compare_exchange_n(at, &before, found, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

static bool driver_is_wanted(const call *row)
{
	return row->class != CALL_PASS && row->class != CALL_WEIGHED;
}

/* A hundred of more than a thousand: many processes may start at once. */
static void driver_fill(void *handle)
{
	void *lacks = (void *)driver_lacks;
	for (int i = 0; i < CALLS; i++)
		if (driver_is_wanted(&calls[i]) || driver_at[i])
			driver_put(&driver_at[i], driver_resolve(handle, &calls[i], lacks), lacks);
	for (size_t i = 0; i < sizeof driver_made / sizeof driver_made[0]; i++)
		driver_put(&driver_at[driver_made[i]], driver_resolve(handle, &calls[driver_made[i]], lacks), lacks);
}

static void nvml_put(void *handle, nvml_id id)
{
	void *lacks = nvml_lack(id);
	driver_put(&nvml_at[id], driver_resolve(handle, &nvml_calls[id], lacks), lacks);
}

static void nvml_fill(void *handle)
{
	for (int i = 0; i < NVML_CALLS; i++)
		if (driver_is_wanted(&nvml_calls[i]) || nvml_at[i])
			nvml_put(handle, (nvml_id)i);
	for (size_t i = 0; i < sizeof nvml_made / sizeof nvml_made[0]; i++)
		nvml_put(handle, nvml_made[i]);
}

/* Whose calls are not the program's. Last of all, since they go to the driver as they are from then on. */
static void driver_place(void *handle)
{
	elf_span own, driver;
	void *at = handle ? driver_dlsym(handle, driver_name.first) : NULL;
	if (!at || !elf_around(at, &driver) || !elf_around((void *)&driver_place, &own))
		return;
	__atomic_store_n(&driver_inside[0].from, driver.from, __ATOMIC_RELAXED);
	__atomic_store_n(&driver_inside[1].from, own.from, __ATOMIC_RELAXED);
	__atomic_store_n(&driver_inside[0].bytes, driver.bytes, __ATOMIC_RELEASE);
	__atomic_store_n(&driver_inside[1].bytes, own.bytes, __ATOMIC_RELEASE);
}

void driver_open(const char *path)
{
	if (atomic_load(&driver_handle))
		return;
	void *handle = driver_load(path, &driver_name);
	driver_fill(handle);
	driver_place(handle);
	if (handle)
		atomic_store(&driver_handle, handle);
}

static void nvml_open(const char *path)
{
	if (atomic_load(&nvml_handle))
		return;
	void *handle = driver_load(path, &nvml_name);
	nvml_fill(handle);
	if (handle)
		atomic_store(&nvml_handle, handle);
}

void *driver_find(call_id id)
{
	void *lacks = (void *)driver_lacks;
	if (!driver_at[id])
		driver_put(&driver_at[id], driver_resolve(atomic_load(&driver_handle), &calls[id], lacks), lacks);
	return driver_at[id];
}

void *nvml_find(nvml_id id)
{
	if (!nvml_at[id])
		nvml_put(atomic_load(&nvml_handle), id);
	return nvml_at[id];
}

void driver_told(call_id id, void *at)
{
	driver_put(&driver_at[id], at, (void *)driver_lacks);
}

void nvml_ready(void)
{
	static atomic_bool opened;
	if (atomic_load_explicit(&opened, memory_order_acquire))
		return;
	nvml_open(self_base()->limits->nvml_path);
	atomic_store(&opened, true);
}

void driver_late(void)
{
	driver_open(self_get()->limits->driver_path);
}

void nvml_late(void)
{
	nvml_ready();
	nvml_open(self_base()->limits->nvml_path);
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
	void *handle = atomic_load(&driver_handle);
	return handle ? driver_dlsym(handle, name) : NULL;
}

void *nvml_symbol(const char *name)
{
	void *handle = atomic_load(&nvml_handle);
	return handle ? driver_dlsym(handle, name) : NULL;
}
