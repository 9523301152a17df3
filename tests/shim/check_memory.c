#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static CUresult make_managed(uint64_t bytes)
{
	CUdeviceptr at;
	return cuMemAllocManaged(&at, bytes, 1);
}

static CUresult make_pitch(uint64_t bytes)
{
	CUdeviceptr at;
	size_t pitch;
	return cuMemAllocPitch_v2(&at, &pitch, 1000, bytes / 1024, 4);
}

static CUresult make_async(uint64_t bytes)
{
	CUdeviceptr at;
	return cuMemAllocAsync(&at, bytes, NULL);
}

static CUresult make_async_own(uint64_t bytes)
{
	CUdeviceptr at;
	return cuMemAllocAsync_ptsz(&at, bytes, NULL);
}

static CUmemoryPool pool_made(void)
{
	static CUmemoryPool pool;
	CUmemPoolProps props = {.allocType = 1, .location = {1, 0}};
	if (!pool)
		EXPECT(cuMemPoolCreate(&pool, &props) == CUDA_SUCCESS);
	return pool;
}

static CUresult make_from_pool(uint64_t bytes)
{
	CUdeviceptr at;
	return cuMemAllocFromPoolAsync(&at, bytes, pool_made(), NULL);
}

static CUresult make_handle(uint64_t bytes)
{
	CUmemGenericAllocationHandle handle;
	CUmemAllocationProp prop = {.type = 1, .location = {1, 0}};
	return cuMemCreate(&handle, bytes, &prop, 0);
}

static CUresult make_array(uint64_t bytes)
{
	CUarray array;
	CUDA_ARRAY_DESCRIPTOR desc = {bytes / 4 / 1024, 1024, 0x20, 1};
	return cuArrayCreate_v2(&array, &desc);
}

static CUresult make_array_3d(uint64_t bytes)
{
	CUarray array;
	CUDA_ARRAY3D_DESCRIPTOR desc = {bytes / 2 / 1024 / 32, 1024, 8, 0x10, 4, 0};
	return cuArray3DCreate_v2(&array, &desc);
}

static CUresult make_mipmap(uint64_t bytes)
{
	CUmipmappedArray array;
	CUDA_ARRAY3D_DESCRIPTOR desc = {bytes / 4 / 1024, 1024, 0, 0x20, 1, 0};
	return cuMipmappedArrayCreate(&array, &desc, 8);
}

static CUresult make_external(uint64_t bytes)
{
	CUexternalMemory memory;
	CUDA_EXTERNAL_MEMORY_HANDLE_DESC desc = {.type = 1, .size = bytes};
	return cuImportExternalMemory(&memory, &desc);
}

static const char *image_of(uint64_t bytes)
{
	static char text[32];
	snprintf(text, sizeof text, "%llu", (unsigned long long)(bytes / MIB));
	return text;
}

static CUresult make_module(uint64_t bytes)
{
	CUmodule module;
	return cuModuleLoadData(&module, image_of(bytes));
}

static CUresult make_module_ex(uint64_t bytes)
{
	CUmodule module;
	return cuModuleLoadDataEx(&module, image_of(bytes), 0, NULL, NULL);
}

static CUresult make_library(uint64_t bytes)
{
	CUlibrary library;
	return cuLibraryLoadData(&library, image_of(bytes), NULL, NULL, 0, NULL, NULL, 0);
}

static CUresult make_heap(uint64_t bytes)
{
	size_t now;
	EXPECT(cuCtxGetLimit(&now, CU_LIMIT_MALLOC_HEAP_SIZE) == CUDA_SUCCESS);
	return cuCtxSetLimit(CU_LIMIT_MALLOC_HEAP_SIZE, now + bytes);
}

static CUresult graph_run(CUgraph graph)
{
	CUgraphExec exec;
	EXPECT(cuGraphInstantiateWithFlags(&exec, graph, 0) == CUDA_SUCCESS);
	return cuGraphLaunch(exec, NULL);
}

static CUresult make_graph_node(uint64_t bytes)
{
	CUgraph graph;
	CUgraphNode node;
	CUDA_MEM_ALLOC_NODE_PARAMS params = {.poolProps = {.allocType = 1, .location = {1, 0}}, .bytesize = bytes};
	EXPECT(cuGraphCreate(&graph, 0) == CUDA_SUCCESS);
	EXPECT(cuGraphAddMemAllocNode(&node, graph, NULL, 0, &params) == CUDA_SUCCESS);
	return graph_run(graph);
}

/* An instance that is uploaded and never launched. */
static CUresult make_uploaded(uint64_t bytes)
{
	CUgraph graph;
	CUgraphNode node;
	CUgraphExec exec;
	CUDA_MEM_ALLOC_NODE_PARAMS params = {.poolProps = {.allocType = 1, .location = {1, 0}}, .bytesize = bytes};
	EXPECT(cuGraphCreate(&graph, 0) == CUDA_SUCCESS);
	EXPECT(cuGraphAddMemAllocNode(&node, graph, NULL, 0, &params) == CUDA_SUCCESS);
	EXPECT(cuGraphInstantiateWithFlags(&exec, graph, 0) == CUDA_SUCCESS);
	return cuGraphUpload(exec, NULL);
}

static uint64_t told_free(void)
{
	size_t left = 0, total;
	EXPECT(cuMemGetInfo_v2(&left, &total) == CUDA_SUCCESS);
	return left;
}

/* Whatever a neighbour takes while a node is added and an instance is made: the launch takes the memory. */
static void what_a_neighbour_takes_is_not_a_graphs(void)
{
	CUgraph graph;
	CUgraphNode node;
	CUgraphExec exec;
	CUDA_MEM_ALLOC_NODE_PARAMS params = {.poolProps = {.allocType = 1, .location = {1, 0}}, .bytesize = 32 * MIB};
	setenv("FAKE_NEIGHBOUR_MIB", "64", 1);
	check_start();
	uint64_t before = told_free();
	EXPECT(cuGraphCreate(&graph, 0) == CUDA_SUCCESS);
	EXPECT(cuGraphAddMemAllocNode(&node, graph, NULL, 0, &params) == CUDA_SUCCESS);
	EXPECT(cuGraphInstantiateWithFlags(&exec, graph, 0) == CUDA_SUCCESS);
	EXPECT(told_free() == before);
	EXPECT(cuGraphLaunch(exec, NULL) == CUDA_SUCCESS);
	EXPECT(told_free() == before - 32 * MIB);
}

static CUresult make_recorded(uint64_t bytes)
{
	CUgraph graph;
	CUdeviceptr at;
	CUstream stream = (CUstream)0x1000;
	EXPECT(cuStreamBeginCapture_v2(stream, 0) == CUDA_SUCCESS);
	EXPECT(cuMemAllocAsync(&at, bytes, stream) == CUDA_SUCCESS);
	EXPECT(cuStreamEndCapture(stream, &graph) == CUDA_SUCCESS);
	return graph_run(graph);
}

static CUresult make_context(uint64_t bytes)
{
	CUcontext context;
	(void)bytes;
	return cuCtxCreate_v2(&context, 0, 0);
}

#define FILL(name)                                                                                                     \
	static void fill_##name(void)                                                                                  \
	{                                                                                                              \
		check_start();                                                                                         \
		EXPECT(check_fill(make_##name) == CUDA_ERROR_OUT_OF_MEMORY);                                           \
	}

FILL(managed)
FILL(pitch)
FILL(async)
FILL(async_own)
FILL(from_pool)
FILL(handle)
FILL(array)
FILL(array_3d)
FILL(mipmap)
FILL(external)
FILL(module)
FILL(module_ex)
FILL(library)
FILL(heap)
FILL(graph_node)
FILL(uploaded)
FILL(recorded)

static void fill_alloc(void)
{
	check_start();
	EXPECT(check_fill(check_alloc) == CUDA_ERROR_OUT_OF_MEMORY);
	EXPECT(fake_held(0) == 976 * MIB); /* the context, and fifteen pieces */
}

static void contexts_on_a_full_limit(void)
{
	check_start();
	check_fill(check_alloc);
	for (int i = 0; i < 8; i++)
		make_context(0);
	EXPECT(fake_held(0) <= 1024 * MIB);
	EXPECT(make_context(0) == CUDA_ERROR_OUT_OF_MEMORY);
}

static void to_the_last_byte(void)
{
	CUdeviceptr at;
	check_start();
	EXPECT(cuMemAlloc_v2(&at, 1008 * MIB) == CUDA_SUCCESS);
	EXPECT(check_alloc(1) == CUDA_ERROR_OUT_OF_MEMORY);
	EXPECT(cuMemFree_v2(at) == CUDA_SUCCESS);
	EXPECT(cuMemAlloc_v2(&at, 1008 * MIB + 1) == CUDA_ERROR_OUT_OF_MEMORY);
	EXPECT(cuMemAlloc_v2(&at, SIZE_MAX) == CUDA_ERROR_OUT_OF_MEMORY);
	EXPECT(cuMemAlloc_v2(&at, 1008 * MIB) == CUDA_SUCCESS);
}

static void free_gives_back(void)
{
	CUdeviceptr at;
	size_t before, after, total;
	check_start();
	cuMemGetInfo_v2(&before, &total);
	for (int i = 0; i < 1000; i++) {
		EXPECT(cuMemAlloc_v2(&at, 700 * MIB) == CUDA_SUCCESS);
		EXPECT(cuMemFree_v2(at) == CUDA_SUCCESS);
		EXPECT(cuMemAllocAsync(&at, 700 * MIB, NULL) == CUDA_SUCCESS);
		EXPECT(cuMemFreeAsync(at, NULL) == CUDA_SUCCESS);
	}
	cuMemGetInfo_v2(&after, &total);
	EXPECT(before == after);
	EXPECT(cuMemFree_v2(0x1234) != CUDA_SUCCESS);
	EXPECT(cuMemFree_v2(at) != CUDA_SUCCESS);
	cuMemGetInfo_v2(&after, &total);
	EXPECT(before == after);
}

static void refused_by_the_driver_costs_nothing(void)
{
	size_t before, after, total;
	check_start();
	cuMemGetInfo_v2(&before, &total);
	EXPECT(check_alloc(0) == CUDA_ERROR_INVALID_VALUE);
	EXPECT(make_async(0) == CUDA_ERROR_INVALID_VALUE);
	cuMemGetInfo_v2(&after, &total);
	EXPECT(before == after);
}

/* The mapping keeps the memory after the handle is released. */
static void mapping_holds_its_memory(void)
{
	CUmemGenericAllocationHandle handle;
	CUmemAllocationProp prop = {.type = 1, .location = {1, 0}};
	check_start();
	EXPECT(cuMemCreate(&handle, 700 * MIB, &prop, 0) == CUDA_SUCCESS);
	EXPECT(cuMemMap(0x10000000, 700 * MIB, 0, handle, 0) == CUDA_SUCCESS);
	EXPECT(cuMemRelease(handle) == CUDA_SUCCESS);
	EXPECT(check_alloc(700 * MIB) == CUDA_ERROR_OUT_OF_MEMORY);
	EXPECT(cuMemUnmap(0x10000000, 700 * MIB) == CUDA_SUCCESS);
	EXPECT(check_alloc(700 * MIB) == CUDA_SUCCESS);
}

static uint64_t left_now(void)
{
	size_t left, total;
	EXPECT(cuMemGetInfo_v2(&left, &total) == CUDA_SUCCESS);
	return left;
}

static void modules_give_back(void)
{
	CUmodule module, refused;
	CUlibrary library;
	check_start();
	for (int i = 0; i < 100; i++) {
		EXPECT(cuModuleLoadData(&module, "300") == CUDA_SUCCESS && left_now() == 708 * MIB);
		EXPECT(cuLibraryLoadData(&library, "500", NULL, NULL, 0, NULL, NULL, 0) == CUDA_SUCCESS);
		EXPECT(left_now() == 208 * MIB && check_alloc(209 * MIB) == CUDA_ERROR_OUT_OF_MEMORY);
		EXPECT(cuModuleLoadData(&refused, "209") == CUDA_ERROR_OUT_OF_MEMORY && refused == NULL);
		EXPECT(left_now() == 208 * MIB && fake_held(0) == 816 * MIB);
		EXPECT(cuLibraryUnload(library) == CUDA_SUCCESS && left_now() == 708 * MIB);
		EXPECT(cuModuleUnload(module) == CUDA_SUCCESS && left_now() == 1008 * MIB);
		EXPECT(cuModuleUnload(module) != CUDA_SUCCESS && left_now() == 1008 * MIB);
	}
}

/* What a context keeps aside comes back when it keeps less, and no more than that. */
static void kept_memory_comes_back(void)
{
	check_start();
	EXPECT(cuCtxSetLimit(CU_LIMIT_MALLOC_HEAP_SIZE, 508 * MIB) == CUDA_SUCCESS && left_now() == 508 * MIB);
	EXPECT(cuCtxSetLimit(CU_LIMIT_MALLOC_HEAP_SIZE, 2048 * MIB) == CUDA_ERROR_OUT_OF_MEMORY);
	EXPECT(cuCtxSetLimit(CU_LIMIT_PRINTF_FIFO_SIZE, 101 * MIB) == CUDA_SUCCESS && left_now() == 408 * MIB);
	EXPECT(cuCtxSetLimit(CU_LIMIT_MALLOC_HEAP_SIZE, 8 * MIB) == CUDA_SUCCESS && left_now() == 908 * MIB);
	EXPECT(cuCtxSetLimit(CU_LIMIT_PRINTF_FIFO_SIZE, 1 * MIB) == CUDA_SUCCESS && left_now() == 1008 * MIB);
	EXPECT(cuCtxSetLimit(77, 1) == CUDA_ERROR_INVALID_VALUE && left_now() == 1008 * MIB);
}

/* Whoever exports has paid; who imports holds nothing of its own. */
static void imports_between_processes_are_free(void)
{
	CUdeviceptr at, there;
	CUipcMemHandle handle;
	check_start();
	EXPECT(cuMemAlloc_v2(&at, 900 * MIB) == CUDA_SUCCESS);
	EXPECT(cuIpcGetMemHandle(&handle, at) == CUDA_SUCCESS);
	EXPECT(cuIpcOpenMemHandle_v2(&there, handle, 1) == CUDA_SUCCESS && left_now() == 108 * MIB);
	EXPECT(cuIpcCloseMemHandle(there) == CUDA_SUCCESS && left_now() == 108 * MIB);
	EXPECT(cuMemFree_v2(at) == CUDA_SUCCESS && left_now() == 1008 * MIB);
}

static void host_memory_is_not_counted(void)
{
	CUmemGenericAllocationHandle handle;
	CUmemAllocationProp prop = {.type = 1, .location = {2, 77}};
	check_start();
	for (int i = 0; i < 64; i++)
		EXPECT(cuMemCreate(&handle, 64 * MIB, &prop, 0) == CUDA_SUCCESS);
}

/* A pool that keeps what is freed holds memory; it gives way when the limit needs it. */
static void pool_keeps_and_gives_way(void)
{
	CUdeviceptr at;
	uint64_t always = UINT64_MAX;
	CUmemoryPool pool;
	size_t left, total;
	check_start();
	EXPECT(cuDeviceGetMemPool(&pool, 0) == CUDA_SUCCESS);
	EXPECT(cuMemPoolSetAttribute(pool, 4, &always) == CUDA_SUCCESS);
	EXPECT(cuMemAllocAsync(&at, 800 * MIB, NULL) == CUDA_SUCCESS);
	EXPECT(cuMemFreeAsync(at, NULL) == CUDA_SUCCESS);
	cuMemGetInfo_v2(&left, &total);
	EXPECT(left == 208 * MIB);
	EXPECT(make_async(800 * MIB) == CUDA_SUCCESS);
	EXPECT(fake_held(0) == 816 * MIB);
	EXPECT(check_alloc(300 * MIB) == CUDA_ERROR_OUT_OF_MEMORY);
}

static void pool_gives_way(void)
{
	CUdeviceptr at;
	uint64_t always = UINT64_MAX;
	CUmemoryPool pool;
	check_start();
	cuDeviceGetMemPool(&pool, 0);
	cuMemPoolSetAttribute(pool, 4, &always);
	cuMemAllocAsync(&at, 800 * MIB, NULL);
	cuMemFreeAsync(at, NULL);
	EXPECT(check_alloc(900 * MIB) == CUDA_SUCCESS);
	EXPECT(fake_held(0) == 916 * MIB);
}

static void *hammer(void *arg)
{
	CUcontext context = arg;
	CUdeviceptr at[8];
	cuCtxSetCurrent(context);
	for (int i = 0; i < 3000; i++) {
		int made = 0;
		while (made < 8 && cuMemAlloc_v2(&at[made], 96 * MIB) == CUDA_SUCCESS)
			made++;
		while (made > 0)
			EXPECT(cuMemFree_v2(at[--made]) == CUDA_SUCCESS);
	}
	return NULL;
}

static void threads_keep_the_limit(void)
{
	pthread_t list[4];
	CUcontext context;
	size_t left, total;
	fake_watch(0);
	check_start();
	cuCtxGetCurrent(&context);
	for (int i = 0; i < 4; i++)
		pthread_create(&list[i], NULL, hammer, context);
	for (int i = 0; i < 4; i++)
		pthread_join(list[i], NULL);
	EXPECT(fake_peak(0) > 512 * MIB && fake_peak(0) <= 1024 * MIB);
	cuMemGetInfo_v2(&left, &total);
	EXPECT(left == 1008 * MIB);
}

/* Others may have taken all that there is, so that for a moment there is no room for a context. */
static void hammer_alone(void)
{
	CUcontext context;
	CUresult answer = cuInit(0);
	while ((answer = cuDevicePrimaryCtxRetain(&context, 0)) == CUDA_ERROR_OUT_OF_MEMORY)
		usleep(1000);
	EXPECT(answer == CUDA_SUCCESS);
	hammer(context);
	EXPECT(cuDevicePrimaryCtxRelease_v2(0) == CUDA_SUCCESS);
}

static void processes_keep_the_limit(void)
{
	pid_t list[6];
	int status;
	EXPECT(check_in_child(check_start) == 0); /* now it is known what a context costs */
	fake_watch(0);
	for (int i = 0; i < 6; i++) {
		list[i] = fork();
		if (list[i] == 0) {
			hammer_alone();
			_exit(0);
		}
	}
	for (int i = 0; i < 6; i++) {
		EXPECT(waitpid(list[i], &status, 0) == list[i]);
		EXPECT(status == 0);
	}
	EXPECT(fake_peak(0) > 512 * MIB && fake_peak(0) <= 1024 * MIB);
	check_start();
	EXPECT(check_alloc(1008 * MIB) == CUDA_SUCCESS);
}

static void context_takes_its_memory_along(void)
{
	CUcontext context;
	check_start();
	EXPECT(cuCtxCreate_v2(&context, 0, 0) == CUDA_SUCCESS);
	EXPECT(check_alloc(900 * MIB) == CUDA_SUCCESS);
	size_t left, total;
	cuMemGetInfo_v2(&left, &total);
	EXPECT(left == 92 * MIB);
	EXPECT(cuCtxDestroy_v2(context) == CUDA_SUCCESS);
	cuMemGetInfo_v2(&left, &total);
	EXPECT(left == 1008 * MIB);
}

/* The node's hand, by SHIM_RESIZE: a command that takes the new limit in MiB. Only where the test says how. */
static void resize(unsigned mib)
{
	char command[1024];
	snprintf(command, sizeof command, "LD_PRELOAD= LD_LIBRARY_PATH= %s %u", getenv("SHIM_RESIZE"), mib);
	EXPECT(system(command) == 0);
}

static void resized_while_it_runs(void)
{
	size_t left, total;
	if (!getenv("SHIM_RESIZE"))
		return;
	check_start();
	EXPECT(check_alloc(500 * MIB) == CUDA_SUCCESS);
	resize(600);
	EXPECT(cuMemGetInfo_v2(&left, &total) == CUDA_SUCCESS && total == 600 * MIB && left == 84 * MIB);
	EXPECT(check_alloc(100 * MIB) == CUDA_ERROR_OUT_OF_MEMORY);
	resize(300);
	EXPECT(cuMemGetInfo_v2(&left, &total) == CUDA_SUCCESS && total == 300 * MIB && left == 0);
	EXPECT(check_alloc(1) == CUDA_ERROR_OUT_OF_MEMORY);
	resize(2048);
	EXPECT(check_alloc(1500 * MIB) == CUDA_SUCCESS);
}

static void oversubscribed(void)
{
	size_t left, total;
	if (!getenv("SHIM_RESIZE"))
		return;
	check_start();
	EXPECT(check_alloc(900 * MIB) == CUDA_SUCCESS);
	EXPECT(check_alloc(900 * MIB) == CUDA_SUCCESS);
	EXPECT(cuMemGetInfo_v2(&left, &total) == CUDA_SUCCESS && left == 108 * MIB);
	EXPECT(make_async(900 * MIB) == CUDA_ERROR_OUT_OF_MEMORY);
}

const check checks_memory[] = {
	{"fill_alloc", fill_alloc},
	{"fill_managed", fill_managed},
	{"fill_pitch", fill_pitch},
	{"fill_async", fill_async},
	{"fill_async_own", fill_async_own},
	{"fill_from_pool", fill_from_pool},
	{"fill_handle", fill_handle},
	{"fill_array", fill_array},
	{"fill_array_3d", fill_array_3d},
	{"fill_mipmap", fill_mipmap},
	{"fill_external", fill_external},
	{"fill_module", fill_module},
	{"fill_module_ex", fill_module_ex},
	{"fill_library", fill_library},
	{"fill_heap", fill_heap},
	{"fill_graph_node", fill_graph_node},
	{"fill_uploaded", fill_uploaded},
	{"fill_recorded", fill_recorded},
	{"what_a_neighbour_takes_is_not_a_graphs", what_a_neighbour_takes_is_not_a_graphs},
	{"contexts_on_a_full_limit", contexts_on_a_full_limit},
	{"to_the_last_byte", to_the_last_byte},
	{"free_gives_back", free_gives_back},
	{"refused_by_the_driver_costs_nothing", refused_by_the_driver_costs_nothing},
	{"mapping_holds_its_memory", mapping_holds_its_memory},
	{"modules_give_back", modules_give_back},
	{"kept_memory_comes_back", kept_memory_comes_back},
	{"imports_between_processes_are_free", imports_between_processes_are_free},
	{"host_memory_is_not_counted", host_memory_is_not_counted},
	{"pool_keeps_and_gives_way", pool_keeps_and_gives_way},
	{"pool_gives_way", pool_gives_way},
	{"threads_keep_the_limit", threads_keep_the_limit},
	{"processes_keep_the_limit", processes_keep_the_limit},
	{"context_takes_its_memory_along", context_takes_its_memory_along},
	{"resized_while_it_runs", resized_while_it_runs},
	{"oversubscribed", oversubscribed},
	{NULL, NULL},
};
