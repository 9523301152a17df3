#include "agents/node/instance.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "agents/file.h"
#include "agents/node/process.h"
#include "shim/abi.h"

/* NVML's declarations that are needed here; tests/shim/headers.sh holds those of the shim to the real header. */
typedef struct instance_profile {
	unsigned version, id, is_p2p, slices, count, processors, copy, decoders, encoders, jpegs, ofas;
	unsigned long long memory_mib;
	char name[96];
} instance_profile;

typedef struct instance_placement {
	unsigned start, size;
} instance_placement;

typedef struct instance_info {
	nvmlDevice_t device;
	unsigned id, profile;
	instance_placement placement;
} instance_info;

typedef struct compute_profile {
	unsigned id, slices, count, processors, copy, decoders, encoders, jpegs, ofas;
} compute_profile;

typedef struct compute_info {
	nvmlDevice_t device;
	void *gpu_instance;
	unsigned id, profile;
	instance_placement placement;
} compute_info;

enum {
	PROFILES = 0x12,
	COMPUTE_PROFILES = 0x9,
	INSTANCES_MAX = 16,
	MIG_MAX = 16,
	PLACES_MAX = 32,
	UUID_BYTES_MAX = 96,
	TAKEN = 17, /* no error of NVML's */
	NOTE_PATH_BYTES = 4096,
};
#define PROFILE_VERSION ((unsigned)sizeof(instance_profile) | 2u << 24)

#define CALLS(C)                                                                                                       \
	C(init, (void), "nvmlInit_v2")                                                                                 \
	C(device, (const char *uuid, nvmlDevice_t *device), "nvmlDeviceGetHandleByUUID")                               \
	C(profile, (nvmlDevice_t device, unsigned which, instance_profile *ret),                                       \
		"nvmlDeviceGetGpuInstanceProfileInfoV")                                                                \
	C(places, (nvmlDevice_t device, unsigned id, instance_placement *ret, unsigned *n),                            \
		"nvmlDeviceGetGpuInstancePossiblePlacements_v2")                                                       \
	C(make, (nvmlDevice_t device, unsigned id, const instance_placement *at, void **ret),                          \
		"nvmlDeviceCreateGpuInstanceWithPlacement")                                                            \
	C(list, (nvmlDevice_t device, unsigned id, void **ret, unsigned *n), "nvmlDeviceGetGpuInstances")              \
	C(info, (void *instance, instance_info *ret), "nvmlGpuInstanceGetInfo")                                        \
	C(destroy, (void *instance), "nvmlGpuInstanceDestroy")                                                         \
	C(compute_profile, (void *instance, unsigned which, unsigned engine, compute_profile *ret),                    \
		"nvmlGpuInstanceGetComputeInstanceProfileInfo")                                                        \
	C(compute_make, (void *instance, unsigned id, void **ret), "nvmlGpuInstanceCreateComputeInstance")             \
	C(compute_list, (void *instance, unsigned id, void **ret, unsigned *n), "nvmlGpuInstanceGetComputeInstances")  \
	C(compute_info, (void *compute, compute_info *ret), "nvmlComputeInstanceGetInfo_v2")                           \
	C(compute_destroy, (void *compute), "nvmlComputeInstanceDestroy")                                              \
	C(mig_handle, (nvmlDevice_t device, unsigned index, nvmlDevice_t *ret), "nvmlDeviceGetMigDeviceHandleByIndex") \
	C(mig_gpu, (nvmlDevice_t mig, unsigned *id), "nvmlDeviceGetGpuInstanceId")                                     \
	C(uuid, (nvmlDevice_t mig, char *text, unsigned size), "nvmlDeviceGetUUID")                                    \
	C(text, (int why), "nvmlErrorString")

#define MEMBER(name, arguments, symbol) int(*name) arguments;
typedef struct nvml_calls {
	CALLS(MEMBER)
} nvml_calls;

static int fail(const char *what, const char *why)
{
	printf("error %s: %s\n", what, why);
	return EXIT_SUCCESS;
}

static const char *why_of(const nvml_calls *n, int e)
{
	const char *(*text)(int);

	memcpy(&text, &n->text, sizeof(text));
	return text ? text(e) : "NVML refuses";
}

/* NULL, or the name that the library lacks. */
static const char *calls_load(const char *path, nvml_calls *ret)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return path;
#define LOAD(name, arguments, symbol)                                                                                  \
	*(void **)(void *)&ret->name = dlsym(library, symbol);                                                         \
	if (!ret->name && strcmp(symbol, "nvmlErrorString") != 0)                                                      \
		return symbol;
	CALLS(LOAD)
	return NULL;
}

/* "MIG 1g.10gb" or "NVIDIA H200 MIG 1g.18gb": the last word is the profile. */
static bool profile_is(const instance_profile *p, const char *name)
{
	const char *last = strrchr(p->name, ' ');

	return strcmp(last ? last + 1 : p->name, name) == 0;
}

static bool profile_find(const nvml_calls *n, nvmlDevice_t device, const char *name, instance_profile *ret)
{
	for (unsigned i = 0; i < PROFILES; i++) {
		*ret = (instance_profile){.version = PROFILE_VERSION};
		if (n->profile(device, i, ret) == 0 && profile_is(ret, name))
			return true;
	}
	return false;
}

/* NULL: there is none at that place. */
static void *instance_find(const nvml_calls *n, nvmlDevice_t device, unsigned profile, unsigned start)
{
	void *all[INSTANCES_MAX];
	unsigned count = INSTANCES_MAX;

	if (n->list(device, profile, all, &count))
		return NULL;
	for (unsigned i = 0; i < count && i < INSTANCES_MAX; i++) {
		instance_info info;
		if (n->info(all[i], &info) == 0 && info.placement.start == start)
			return all[i];
	}
	return NULL;
}

/* Its compute instances first. */
static int instance_remove(const nvml_calls *n, void *instance)
{
	for (unsigned which = 0; which < COMPUTE_PROFILES; which++) {
		void *all[INSTANCES_MAX];
		unsigned count = INSTANCES_MAX;
		compute_profile p = {0};
		if (n->compute_profile(instance, which, 0, &p) || n->compute_list(instance, p.id, all, &count))
			continue;
		for (unsigned i = 0; i < count && i < INSTANCES_MAX; i++) {
			int e = n->compute_destroy(all[i]);
			if (e)
				return e;
		}
	}
	return n->destroy(instance);
}

/* One compute instance that has all of it. */
static int compute_make(const nvml_calls *n, void *instance, unsigned slices, unsigned *ret_id)
{
	int e = TAKEN;

	for (unsigned which = 0; which < COMPUTE_PROFILES; which++) {
		compute_profile p = {0};
		compute_info info;
		void *made;
		if (n->compute_profile(instance, which, 0, &p) || p.slices != slices)
			continue;
		e = n->compute_make(instance, p.id, &made);
		if (e)
			continue;
		*ret_id = n->compute_info(made, &info) == 0 ? info.id : 0;
		return 0;
	}
	return e;
}

static bool mig_uuid(const nvml_calls *n, nvmlDevice_t device, unsigned gpu_instance, char uuid[UUID_BYTES_MAX])
{
	for (unsigned i = 0; i < MIG_MAX; i++) {
		nvmlDevice_t mig;
		unsigned id;
		if (n->mig_handle(device, i, &mig) == 0 && n->mig_gpu(mig, &id) == 0 && id == gpu_instance)
			return n->uuid(mig, uuid, UUID_BYTES_MAX) == 0;
	}
	return false;
}

/* The profile's place that begins at that slot. */
static bool place_find(
	const nvml_calls *n, nvmlDevice_t device, unsigned profile, unsigned start, instance_placement *ret)
{
	instance_placement all[PLACES_MAX];
	unsigned count = PLACES_MAX;

	if (n->places(device, profile, all, &count))
		return false;
	for (unsigned i = 0; i < count && i < PLACES_MAX; i++)
		if (all[i].start == start) {
			*ret = all[i];
			return true;
		}
	return false;
}

/* What this program did at one place of one device. */
typedef struct note {
	char path[NOTE_PATH_BYTES];
} note;

static bool note_at(const char *lock, char **place, note *ret)
{
	int n = snprintf(ret->path, sizeof(ret->path), "%s.%s.%s.%s", lock, place[0], place[1], place[2]);

	return n > 0 && n < (int)sizeof(ret->path) && !strchr(place[0], '/') && !strchr(place[1], '/');
}

/* gpu_instance -1: the place is empty, and what stands there next is ours. */
static bool note_put(const note *at, int64_t gpu_instance)
{
	AUTO_ARENA a = arena_new(0);
	str boot = process_boot(a);

	return file_write(at->path, 0600, str_print(a, STR_FMT " %lld\n", STR_ARG(boot), (long long)gpu_instance),
		       NULL) == ERR_OK;
}

/* False: we made nothing there. */
static bool note_read(const note *at, int64_t *ret_gpu_instance)
{
	AUTO_ARENA a = arena_new(0);
	str text;

	if (file_read(at->path, a, &text, NULL))
		return false;
	str line = str_split(&text, '\n'), boot = str_split(&line, ' ');
	return str_eq(boot, process_boot(a)) && str_to_i64(line, ret_gpu_instance);
}

static void note_drop(const note *at)
{
	(void)unlink(at->path);
}

static int made_fail(const note *at, const char *why)
{
	note_drop(at);
	return fail("make", why);
}

static int make(
	const nvml_calls *n, nvmlDevice_t device, const instance_profile *p, unsigned start, const note *at_place)
{
	instance_placement at;
	char uuid[UUID_BYTES_MAX];
	instance_info info;
	unsigned compute = 0;
	void *made;

	if (instance_find(n, device, p->id, start))
		return fail("make", "an instance of this profile stands there that this node did not make");
	if (!place_find(n, device, p->id, start, &at))
		return fail("make", "this profile cannot begin at that slot");
	if (!note_put(at_place, -1))
		return fail("make", "it cannot be written down");
	int e = n->make(device, p->id, &at, &made);
	if (e)
		return made_fail(at_place, why_of(n, e));
	e = n->info(made, &info);
	if (!e && note_put(at_place, info.id))
		e = compute_make(n, made, p->slices, &compute);
	if (e || !mig_uuid(n, device, info.id, uuid)) {
		(void)instance_remove(n, made);
		return made_fail(at_place, e ? why_of(n, e) : "the instance has no name");
	}
	printf("ok %u %u %s\n", info.id, compute, uuid);
	return EXIT_SUCCESS;
}

static bool is_ours(const nvml_calls *n, void *instance, int64_t gpu_instance, const note *at_place)
{
	instance_info info;

	if (gpu_instance < 0 && !note_read(at_place, &gpu_instance))
		return false;
	return gpu_instance < 0 || (n->info(instance, &info) == 0 && info.id == gpu_instance);
}

static int remove_one(const nvml_calls *n, nvmlDevice_t device, const instance_profile *p, unsigned start,
	int64_t gpu_instance, const note *at_place)
{
	void *found = instance_find(n, device, p->id, start);
	int e = found && is_ours(n, found, gpu_instance, at_place) ? instance_remove(n, found) : 0;

	if (e)
		return fail("remove", why_of(n, e));
	note_drop(at_place);
	printf("ok\n");
	return EXIT_SUCCESS;
}

/* Held until the process ends. */
static bool lock_take(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd >= 0 && flock(fd, LOCK_EX) == 0;
}

int instance_main(int argc, char **argv)
{
	nvml_calls n = {0};
	instance_profile p;
	nvmlDevice_t device;
	uint64_t start;
	int64_t gpu_instance;
	note at;

	if (argc < 8 || argc > 9 || !str_to_u64(str_from(argv[6]), &start) || start > INSTANCES_MAX ||
		!str_to_i64(str_from(argv[7]), &gpu_instance) || !note_at(argv[1], &argv[4], &at))
		return EXIT_FAILURE;
	if (!lock_take(argv[1]))
		return fail(argv[1], "cannot be locked");
	const char *missing = calls_load(argv[2], &n);
	if (missing)
		return fail("NVML lacks", missing);
	int e = n.init();
	if (!e)
		e = n.device(argv[4], &device);
	if (e)
		return fail(argv[4], why_of(&n, e));
	if (!profile_find(&n, device, argv[5], &p))
		return fail(argv[5], "the device has no such profile");
	return strcmp(argv[3], "make") == 0 ? make(&n, device, &p, (unsigned)start, &at)
					    : remove_one(&n, device, &p, (unsigned)start, gpu_instance, &at);
}
