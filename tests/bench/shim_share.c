/* shim_share KIND KERNEL_NS GRID WARM_MS MEASURE_MS [START_MS STOP_MS]: how much of the device a program that always
 * has work gets.
 *
 * KIND is kernel, wait (a synchronisation after each launch), ex, cooperative, graph (of five kernels), or request (one
 * kernel every 20 ms). Prints thousandths of device time in the measured span, and of the worst and the best second of
 * it; for request the 50th, 99th and 100th percentile of its answers in microseconds. With START_MS it idles until
 * then, and from STOP_MS on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rest.h"
#include "world.h"

#define SECONDS  128
#define REQUESTS 4096

static CUfunction function;
static CUgraphExec graph;
static unsigned grid_x, grid_y;

static void launch_kernel(void)
{
	cuLaunchKernel(function, grid_x, grid_y, 1, 256, 1, 1, 0, NULL, NULL, NULL);
}

static void launch_wait(void)
{
	launch_kernel();
	cuCtxSynchronize();
}

static void launch_ex(void)
{
	CUlaunchConfig config = {.gridDimX = grid_x,
		.gridDimY = grid_y,
		.gridDimZ = 1,
		.blockDimX = 256,
		.blockDimY = 1,
		.blockDimZ = 1};
	cuLaunchKernelEx(&config, function, NULL, NULL);
}

static void launch_cooperative(void)
{
	cuLaunchCooperativeKernel(function, grid_x, grid_y, 1, 256, 1, 1, 0, NULL, NULL);
}

static void launch_graph(void)
{
	cuGraphLaunch(graph, NULL);
}

static const struct {
	const char *name;
	void (*launch)(void);
} kinds[] = {
	{"kernel", launch_kernel},
	{"wait", launch_wait},
	{"ex", launch_ex},
	{"cooperative", launch_cooperative},
	{"graph", launch_graph},
	{"request", launch_wait},
};

static void make_ready(const char *ns)
{
	CUcontext context;
	CUgraph nodes;
	CUgraphNode node;
	char name[32];
	if (cuInit(0) != CUDA_SUCCESS || cuDevicePrimaryCtxRetain(&context, 0) != CUDA_SUCCESS)
		abort();
	cuCtxSetCurrent(context);
	snprintf(name, sizeof name, "k%s", ns);
	cuModuleGetFunction(&function, NULL, name);
	cuGraphCreate(&nodes, 0);
	for (int i = 0; i < 5; i++)
		cuGraphAddKernelNode_v2(&node, nodes, NULL, 0, &function);
	cuGraphInstantiateWithFlags(&graph, nodes, 0);
}

static void run(void (*launch)(void), int64_t begin, int64_t warm, int64_t span, int64_t start, int64_t stop)
{
	int64_t at[SECONDS] = {0}, served[SECONDS] = {0};
	int marks = 0;
	int64_t next = begin + warm;
	while (next <= begin + warm + span && marks < SECONDS) {
		int64_t now = world_now_ns();
		if (now >= next) {
			at[marks] = world_now_ns();
			served[marks++] = fake_served_ns(getpid(), 0);
			next += 1000000000;
		}
		if (now < begin + start || now >= begin + stop)
			world_sleep(500000);
		else
			launch();
	}
	int64_t worst = 1000, best = 0;
	for (int i = 1; i < marks; i++) {
		int64_t milli = (served[i] - served[i - 1]) * 1000 / (at[i] - at[i - 1]);
		worst = milli < worst ? milli : worst;
		best = milli > best ? milli : best;
	}
	int64_t all = marks > 1 ? (served[marks - 1] - served[0]) * 10000 / (at[marks - 1] - at[0]) : 0;
	printf("%lld.%lld %lld %lld\n", (long long)all / 10, (long long)all % 10, (long long)worst, (long long)best);
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void run_requests(int64_t begin, int64_t warm, int64_t span)
{
	static int64_t took[REQUESTS];
	int n = 0;
	for (int64_t next = begin + warm; next < begin + warm + span && n < REQUESTS; next += 20000000) {
		int64_t now = world_now_ns();
		if (next > now)
			world_sleep(next - now);
		now = world_now_ns();
		launch_wait();
		took[n++] = world_now_ns() - now;
	}
	qsort(took, (size_t)n, sizeof took[0], by_size);
	printf("%lld %lld %lld\n", (long long)took[n / 2] / 1000, (long long)took[n * 99 / 100] / 1000,
		(long long)took[n - 1] / 1000);
}

int main(int argc, char **argv)
{
	void (*launch)(void) = NULL;
	if (argc < 6)
		return 2;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kinds[i].name, argv[1]) == 0)
			launch = kinds[i].launch;
	long blocks = strtol(argv[3], NULL, 10);
	grid_x = blocks > 0 ? (unsigned)blocks : 65536; /* 0: a grid whose product does not fit into 32 bits */
	grid_y = blocks > 0 ? 1 : 65535;
	make_ready(argv[2]);
	int64_t begin = world_now_ns();
	int64_t warm = strtoll(argv[4], NULL, 10) * 1000000, span = strtoll(argv[5], NULL, 10) * 1000000;
	int64_t start = argc > 6 ? strtoll(argv[6], NULL, 10) * 1000000 : 0;
	int64_t stop = argc > 7 ? strtoll(argv[7], NULL, 10) * 1000000 : INT64_MAX / 2;
	if (!launch)
		return 2;
	if (strcmp(argv[1], "request") == 0)
		run_requests(begin, warm, span);
	else
		run(launch, begin, warm, span, start, stop);
	return 0;
}
