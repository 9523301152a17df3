/* stranger_check PATH [CHECK]: one requirement on the shim over a driver that it does not know (stranger.h), opened by
 * PATH. Without CHECK: their names. The limit is 1 GiB. Whoever fails says what was expected, and exits 1.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shim/books.h"
#include "shim/wrap.h"
#include "stranger.h"

#define MIB STRANGER_MIB

#define EXPECT(what)                                                                                                   \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                                      \
			fflush(stdout);                                                                                \
			_exit(1);                                                                                      \
		}                                                                                                      \
	} while (0)

extern char **environ;

static const char *path;
static void *library;
static int device = 0;

#define CALL(symbol) ((__typeof__(&symbol))found(#symbol))

CUresult cuInit(unsigned flags);
CUresult cuCtxGetId(CUcontext context, unsigned long long *id);
CUresult cuGraphCreate(CUgraph *graph, unsigned flags);

static void *found(const char *name)
{
	if (!library)
		library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	EXPECT(library);
	void *at = dlsym(library, name);
	if (!at)
		printf("no %s\n", name);
	EXPECT(at);
	return at;
}

/* The real one says what it holds; the shim may stand in its place. */
static size_t held(void)
{
	void *real = dlopen(getenv("STRANGER"), RTLD_NOW | RTLD_NOLOAD);
	EXPECT(real);
	return ((stranger_held_call)dlsym(real, STRANGER_HELD))(device);
}

static void start(void)
{
	CUcontext context;
	EXPECT(CALL(cuInit)(0) == CUDA_SUCCESS);
	EXPECT(CALL(cuDevicePrimaryCtxRetain)(&context, device) == CUDA_SUCCESS);
	EXPECT(CALL(cuCtxSetCurrent)(context) == CUDA_SUCCESS);
}

static CUresult fill(CUresult (*make)(size_t bytes))
{
	CUresult answer = CUDA_SUCCESS;
	for (int i = 0; i < 60 && answer == CUDA_SUCCESS; i++)
		answer = make(64 * MIB);
	printf("%zu MiB are held\n", held() / MIB);
	EXPECT(held() >= 512 * MIB && held() <= 1024 * MIB);
	return answer;
}

static size_t left_now(void)
{
	size_t left, total;
	EXPECT(CALL(cuMemGetInfo_v2)(&left, &total) == CUDA_SUCCESS);
	return left;
}

static CUresult make_plain(size_t bytes)
{
	CUdeviceptr at;
	return CALL(cuMemAlloc_v2)(&at, bytes);
}

static CUresult make_async(size_t bytes)
{
	CUdeviceptr at;
	return CALL(cuMemAllocAsync)(&at, bytes, NULL);
}

static CUresult make_node(size_t bytes)
{
	CUgraph graph;
	CUgraphNode node;
	CUgraphExec exec;
	CUDA_MEM_ALLOC_NODE_PARAMS params = {.poolProps = {.allocType = 1, .location = {1, device}}, .bytesize = bytes};
	EXPECT(CALL(cuGraphCreate)(&graph, 0) == CUDA_SUCCESS);
	CUresult answer = CALL(cuGraphAddMemAllocNode)(&node, graph, NULL, 0, &params);
	if (answer == CUDA_SUCCESS)
		answer = CALL(cuGraphInstantiateWithFlags)(&exec, graph, 0);
	return answer == CUDA_SUCCESS ? CALL(cuGraphLaunch)(exec, NULL) : answer;
}

static void the_limit_holds(void)
{
	start();
	EXPECT(fill(make_plain) == CUDA_ERROR_OUT_OF_MEMORY);
	EXPECT(held() == 984 * MIB);
}

/* Before it was loaded there was nothing to find. */
static void the_library_comes_later(void)
{
	CUdeviceptr at;
	if (getenv("STRANGER_LINKED") || getenv("STRANGER_PLT")) /* it is there */
		return;
	void *early = dlsym(RTLD_DEFAULT, "cuMemAlloc_v2");
	EXPECT(!early || ((__typeof__(&cuMemAlloc_v2))early)(&at, 1) == CUDA_ERROR_NOT_SUPPORTED);
	the_limit_holds();
}

static void a_context_costs_without_nvml(void)
{
	CUcontext context;
	start();
	EXPECT(left_now() == 1000 * MIB && held() == 24 * MIB);
	EXPECT(CALL(cuCtxCreate_v2)(&context, 0, device) == CUDA_SUCCESS && left_now() == 976 * MIB);
	EXPECT(CALL(cuCtxDestroy_v2)(context) == CUDA_SUCCESS);
	EXPECT(CALL(cuCtxSetCurrent)(NULL) == CUDA_SUCCESS);
	start();
	EXPECT(left_now() == 1000 * MIB && held() == 24 * MIB);
}

static void the_first_context_is_no_primary_one(void)
{
	CUcontext context;
	EXPECT(CALL(cuInit)(0) == CUDA_SUCCESS);
	EXPECT(CALL(cuCtxCreate_v2)(&context, 0, device) == CUDA_SUCCESS);
	EXPECT(left_now() == 1000 * MIB && held() == 24 * MIB);
}

static void *retain_one(void *arg)
{
	CUcontext context;
	pthread_barrier_wait(arg);
	EXPECT(CALL(cuDevicePrimaryCtxRetain)(&context, device) == CUDA_SUCCESS);
	EXPECT(CALL(cuCtxSetCurrent)(context) == CUDA_SUCCESS);
	return NULL;
}

static void retained_by_many_threads_at_once(void)
{
	pthread_t list[16];
	pthread_barrier_t begin;
	pthread_barrier_init(&begin, NULL, 16);
	EXPECT(CALL(cuInit)(0) == CUDA_SUCCESS);
	for (int i = 0; i < 16; i++)
		pthread_create(&list[i], NULL, retain_one, &begin);
	for (int i = 0; i < 16; i++)
		pthread_join(list[i], NULL);
	start();
	EXPECT(held() == 24 * MIB && left_now() == 1000 * MIB);
}

static void a_reset_context_is_paid_for_again(void)
{
	CUcontext context;
	start();
	EXPECT(make_plain(500 * MIB) == CUDA_SUCCESS && left_now() == 500 * MIB);
	EXPECT(CALL(cuDevicePrimaryCtxRetain)(&context, device) == CUDA_SUCCESS);
	EXPECT(CALL(cuDevicePrimaryCtxReset_v2)(device) == CUDA_SUCCESS && held() == 0);
	EXPECT(left_now() == 1024 * MIB);
	start();
	EXPECT(held() == 24 * MIB && left_now() == 1000 * MIB);
	EXPECT(CALL(cuDevicePrimaryCtxRelease_v2)(device) == CUDA_SUCCESS && held() == 0);
	EXPECT(left_now() == 1024 * MIB);
	EXPECT(CALL(cuDevicePrimaryCtxRelease_v2)(device) == CUDA_ERROR_INVALID_CONTEXT);
	start();
	EXPECT(held() == 24 * MIB && left_now() == 1000 * MIB);
}

static void a_graph_takes_its_memory_early(void)
{
	start();
	EXPECT(fill(make_node) == CUDA_ERROR_OUT_OF_MEMORY);
	EXPECT(left_now() == 40 * MIB);
}

static void the_own_pool_has_no_name(void)
{
	CUdeviceptr at;
	start();
	for (int i = 0; i < 100; i++) {
		EXPECT(CALL(cuMemAllocAsync)(&at, 700 * MIB, NULL) == CUDA_SUCCESS && left_now() == 300 * MIB);
		EXPECT(CALL(cuMemFreeAsync)(at, NULL) == CUDA_SUCCESS && left_now() == 1000 * MIB);
	}
	EXPECT(fill(make_async) == CUDA_ERROR_OUT_OF_MEMORY);
}

/* Whatever its handle looks like: a small number is one. */
static void a_pool_is_asked_what_it_keeps(void)
{
	CUdeviceptr at;
	CUmemoryPool pool;
	CUmemPoolProps props = {.allocType = 1, .location = {1, device}};
	start();
	EXPECT(CALL(cuMemPoolCreate)(&pool, &props) == CUDA_SUCCESS);
	EXPECT(CALL(cuMemAllocFromPoolAsync)(&at, 700 * MIB, pool, NULL) == CUDA_SUCCESS);
	EXPECT(CALL(cuMemFreeAsync)(at, NULL) == CUDA_SUCCESS && left_now() == 300 * MIB);
}

static void a_green_context_is_paid_for(void)
{
	CUdeviceptr at;
	CUgreenCtx green;
	start();
	EXPECT(CALL(cuMemAlloc_v2)(&at, 990 * MIB) == CUDA_SUCCESS && left_now() == 10 * MIB);
	EXPECT(CALL(cuGreenCtxCreate)(&green, NULL, device, 1) == CUDA_ERROR_OUT_OF_MEMORY && held() == 1014 * MIB);
	EXPECT(CALL(cuMemFree_v2)(at) == CUDA_SUCCESS && left_now() == 1000 * MIB);
	EXPECT(CALL(cuCtxSetCurrent)(NULL) == CUDA_SUCCESS);
	EXPECT(CALL(cuGreenCtxCreate)(&green, NULL, device, 1) == CUDA_SUCCESS && held() == 48 * MIB);
	start();
	EXPECT(left_now() == 976 * MIB);
	EXPECT(CALL(cuGreenCtxDestroy)(green) == CUDA_SUCCESS && left_now() == 1000 * MIB);
}

/* Then the library sees another `environ` than the program, which has its own. */
static void opened_deeply_it_finds_its_limit(void)
{
	EXPECT(environ && *environ);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
	the_limit_holds();
}

/* The limit is wider than the device. */
static void what_the_device_has_not_is_managed(void)
{
	if (!getenv("STRANGER_BEYOND"))
		return;
	start();
	for (int i = 0; i < 100; i++)
		EXPECT(make_plain(64 * MIB) == CUDA_SUCCESS && left_now() == (8192 - 24 - 64 * (size_t)(i + 1)) * MIB);
	EXPECT(held() == STRANGER_DEVICE_BYTES - 40 * MIB);
}

static void a_pool_of_the_host_is_free(void)
{
	CUdeviceptr at;
	CUmemoryPool pool;
	CUmemPoolProps props = {.allocType = 1, .location = {CU_MEM_LOCATION_TYPE_HOST, 0}};
	start();
	EXPECT(CALL(cuMemPoolCreate)(&pool, &props) == CUDA_SUCCESS);
	for (int i = 0; i < 40; i++)
		EXPECT(CALL(cuMemAllocFromPoolAsync)(&at, 64 * MIB, pool, NULL) == CUDA_SUCCESS);
	EXPECT(left_now() == 1000 * MIB);
}

static void *asked(const char *name)
{
	void *at = NULL;
	EXPECT(CALL(cuGetProcAddress_v2)(name, &at, 12000, 0, NULL) == CUDA_SUCCESS);
	return at;
}

/* What one function answers under many names is not taken for the first of them. */
static void one_function_has_many_names(void)
{
	unsigned long long id;
	if (!strstr(getenv("STRANGER"), "new"))
		return;
	start();
	EXPECT(((__typeof__(&cuCtxGetId))asked("cuCtxGetId"))((CUcontext)1, &id) == CUDA_ERROR_NOT_SUPPORTED);
	EXPECT(((__typeof__(&cuCtxGetId))asked("cuSomethingNew"))((CUcontext)1, &id) == CUDA_ERROR_NOT_SUPPORTED);
	EXPECT(asked("cuMemAdvise") == asked("cuSomethingNew") && asked("cuArray3DCreate") != asked("cuMemAdvise"));
	EXPECT(asked("cuArray3DCreate") == found("cuArray3DCreate_v2"));
	EXPECT(asked("cuMipmappedArrayDestroy") == found("cuMipmappedArrayDestroy"));
	EXPECT(asked("cuMemAlloc") == found("cuMemAlloc_v2"));
}

static CUresult make_managed(size_t bytes)
{
	CUdeviceptr at;
	return ((__typeof__(&cuMemAllocManaged))asked("cuMemAllocManaged"))(&at, bytes, 1);
}

static void a_call_is_known_by_name_alone(void)
{
	if (!strstr(getenv("STRANGER"), "new"))
		return;
	start();
	EXPECT(fill(make_managed) == CUDA_ERROR_OUT_OF_MEMORY);
}

/* In the driver's place both forms are there, whichever the driver has. */
static void either_form_of_the_lookup_will_do(void)
{
	void *at = NULL;
	int status = 7;
	if (!getenv("STRANGER_LINKED"))
		return;
	EXPECT(CALL(cuGetProcAddress_v2)("cuMemAlloc", &at, 12000, 0, &status) == CUDA_SUCCESS);
	EXPECT(status == 0 && at == found("cuMemAlloc_v2"));
	EXPECT(CALL(cuGetProcAddress)("cuMemAlloc", &at, 12000, 0) == CUDA_SUCCESS && at == found("cuMemAlloc_v2"));
	EXPECT(CALL(cuGetProcAddress_v2)("cuNone", &at, 12000, 0, &status) != CUDA_SUCCESS && status == 1);
}

/* The limit may be wider than the device. */
static void no_more_is_shown_than_there_is(void)
{
	size_t left, total;
	if (!getenv("STRANGER_WIDE"))
		return;
	start();
	EXPECT(CALL(cuMemGetInfo_v2)(&left, &total) == CUDA_SUCCESS);
	EXPECT(total == STRANGER_DEVICE_BYTES && left == STRANGER_DEVICE_BYTES - 24 * MIB);
}

/* Who asks before the driver is started gets the driver's own answer, and no wrong idea is kept of which device is
 * which: in the limits the first device is the second. */
static void asked_before_the_driver_is_started(void)
{
	size_t bytes;
	CUcontext context;
	CUdeviceptr at;
	if (!getenv("STRANGER_SWAPPED"))
		return;
	EXPECT(CALL(cuDeviceTotalMem_v2)(&bytes, 0) == CUDA_ERROR_NOT_INITIALIZED);
	EXPECT(CALL(cuDevicePrimaryCtxRetain)(&context, 0) == CUDA_ERROR_NOT_INITIALIZED);
	EXPECT(CALL(cuMemAlloc_v2)(&at, 1) == CUDA_ERROR_INVALID_CONTEXT);
	EXPECT(CALL(cuInit)(0) == CUDA_SUCCESS);
	EXPECT(CALL(cuDeviceTotalMem_v2)(&bytes, 0) == CUDA_SUCCESS && bytes == 2048 * MIB);
	EXPECT(CALL(cuDeviceTotalMem_v2)(&bytes, 1) == CUDA_SUCCESS && bytes == 1024 * MIB);
	device = 1;
	start();
	EXPECT(fill(make_plain) == CUDA_ERROR_OUT_OF_MEMORY);
}

static bool calls_itself(void)
{
	alarm(30); /* whoever waits for himself waits for ever */
	return getenv("STRANGER_PLT");
}

static void what_a_driver_calls_itself_is_booked_once(void)
{
	CUdeviceptr pitched, managed, pooled;
	size_t pitch;
	if (!calls_itself())
		return;
	start();
	size_t before = left_now();
	EXPECT(CALL(cuMemAllocPitch_v2)(&pitched, &pitch, MIB, 4, 4) == CUDA_SUCCESS);
	EXPECT(left_now() == before - 4 * MIB);
	EXPECT(CALL(cuMemAllocManaged)(&managed, 8 * MIB, 1) == CUDA_SUCCESS);
	EXPECT(left_now() == before - 12 * MIB);
	EXPECT(CALL(cuMemAllocAsync_ptsz)(&pooled, 16 * MIB, NULL) == CUDA_SUCCESS);
	EXPECT(left_now() == before - 28 * MIB && held() == 28 * MIB + STRANGER_CONTEXT_BYTES);
	EXPECT(CALL(cuMemFree_v2)(pitched) == CUDA_SUCCESS && CALL(cuMemFree_v2)(managed) == CUDA_SUCCESS);
	EXPECT(CALL(cuMemFreeAsync_ptsz)(pooled, NULL) == CUDA_SUCCESS);
	EXPECT(left_now() == before && held() == STRANGER_CONTEXT_BYTES);
	EXPECT(fill(make_plain) == CUDA_ERROR_OUT_OF_MEMORY);
}

/* Device time of the first process, as booked. */
static uint64_t booked_ns(void)
{
	int fd = open(getenv("CUDA_DEVICE_MEMORY_SHARED_CACHE"), O_RDONLY);
	EXPECT(fd >= 0);
	const books *b = mmap(NULL, sizeof *b, PROT_READ, MAP_SHARED, fd, 4096);
	EXPECT(b != MAP_FAILED && atomic_load(&b->top) == 1);
	return atomic_load(&b->slots[0].device_ns[0]);
}

static void a_launch_within_a_launch_is_paid_once(void)
{
	if (!calls_itself())
		return;
	start();
	for (int i = 0; i < 20; i++)
		EXPECT(CALL(cuLaunchKernel_ptsz)((CUfunction)path, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL) ==
			CUDA_SUCCESS);
	printf("%llu ns are booked\n", (unsigned long long)booked_ns());
	EXPECT(!getenv("CUDA_DEVICE_SM_LIMIT") || (booked_ns() >= 15000000 && booked_ns() <= 21000000));
}

static void a_driver_may_ask_itself_while_it_is_opened(void)
{
	if (!calls_itself())
		return;
	EXPECT(dlsym(RTLD_DEFAULT, "cuMemAlloc_v2"));
	start();
	EXPECT(fill(make_plain) == CUDA_ERROR_OUT_OF_MEMORY);
}

static void *open_slowly(void *unused)
{
	(void)unused;
	setenv("STRANGER_SLOW", "1", 1);
	return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

/* One thread opens a library, whose constructor calls the driver; another calls it for the first time meanwhile. */
static void nobody_waits_for_who_waits_for_the_loader(void)
{
	pthread_t other;
	void *opened;
	if (!calls_itself())
		return;
	EXPECT(pthread_create(&other, NULL, open_slowly, NULL) == 0);
	usleep(100000);
	(void)dlsym(RTLD_DEFAULT, "cuMemAlloc_v2");
	EXPECT(pthread_join(other, &opened) == 0 && opened);
	start();
	EXPECT(fill(make_plain) == CUDA_ERROR_OUT_OF_MEMORY);
}

static const struct {
	const char *name;
	void (*run)(void);
} checks[] = {
	{"the_limit_holds", the_limit_holds},
	{"the_library_comes_later", the_library_comes_later},
	{"a_context_costs_without_nvml", a_context_costs_without_nvml},
	{"the_first_context_is_no_primary_one", the_first_context_is_no_primary_one},
	{"retained_by_many_threads_at_once", retained_by_many_threads_at_once},
	{"a_reset_context_is_paid_for_again", a_reset_context_is_paid_for_again},
	{"a_graph_takes_its_memory_early", a_graph_takes_its_memory_early},
	{"the_own_pool_has_no_name", the_own_pool_has_no_name},
	{"a_pool_is_asked_what_it_keeps", a_pool_is_asked_what_it_keeps},
	{"a_green_context_is_paid_for", a_green_context_is_paid_for},
	{"opened_deeply_it_finds_its_limit", opened_deeply_it_finds_its_limit},
	{"what_the_device_has_not_is_managed", what_the_device_has_not_is_managed},
	{"a_pool_of_the_host_is_free", a_pool_of_the_host_is_free},
	{"one_function_has_many_names", one_function_has_many_names},
	{"a_call_is_known_by_name_alone", a_call_is_known_by_name_alone},
	{"either_form_of_the_lookup_will_do", either_form_of_the_lookup_will_do},
	{"what_a_driver_calls_itself_is_booked_once", what_a_driver_calls_itself_is_booked_once},
	{"a_launch_within_a_launch_is_paid_once", a_launch_within_a_launch_is_paid_once},
	{"a_driver_may_ask_itself_while_it_is_opened", a_driver_may_ask_itself_while_it_is_opened},
	{"nobody_waits_for_who_waits_for_the_loader", nobody_waits_for_who_waits_for_the_loader},
	{"no_more_is_shown_than_there_is", no_more_is_shown_than_there_is},
	{"asked_before_the_driver_is_started", asked_before_the_driver_is_started},
};

int main(int argc, char **argv)
{
	path = argc > 1 ? argv[1] : NULL;
	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
		if (argc < 3)
			puts(checks[i].name);
		else if (strcmp(argv[2], checks[i].name) == 0)
			return checks[i].run(), 0;
	}
	return argc < 3 ? 0 : 2;
}
