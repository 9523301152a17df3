/* shim_storm kill|stop|start COUNT: processes that are killed, stopped or started at random moments, and one that goes
 * on.
 *
 * kill, stop: each moment falls into a child that starts, allocates and frees as fast as it can; meanwhile this process
 * does the same. Prints the longest time that a pair of its calls took in microseconds, and how many bytes the books
 * were wrong by in the end. Under SHIM_LIMIT_MIB of memory (1024). start: COUNT children at once; prints the mean and
 * the longest time from before cuInit to after the primary context, in microseconds.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rest.h"
#include "world.h"

#define MIB (UINT64_C(1) << 20)

static uint64_t seed = 88172645463325252u;

static uint64_t draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static CUresult begin(void)
{
	CUcontext context;
	CUresult answer = cuInit(0);
	while (answer == CUDA_SUCCESS && (answer = cuDevicePrimaryCtxRetain(&context, 0)) == CUDA_ERROR_OUT_OF_MEMORY) {
		world_sleep(100000);
		answer = CUDA_SUCCESS;
		continue;
	}
	return answer == CUDA_SUCCESS ? cuCtxSetCurrent(context) : answer;
}

static void pair(uint64_t bytes)
{
	CUdeviceptr at;
	if (cuMemAlloc_v2(&at, bytes) == CUDA_SUCCESS)
		cuMemFree_v2(at);
}

static void victim(uint64_t from)
{
	seed = from | 1;
	if (begin() != CUDA_SUCCESS)
		_exit(3);
	for (;;)
		pair((1 + draw(64)) * MIB);
}

/* Works for so long; the longest pair so far in ns. */
static int64_t work(int64_t ns, int64_t longest)
{
	int64_t until = world_now_ns() + ns;
	for (int64_t now = world_now_ns(); now < until;) {
		pair((1 + draw(64)) * MIB);
		int64_t then = world_now_ns();
		longest = then - now > longest ? then - now : longest;
		now = then;
	}
	return longest;
}

/* All that the limit leaves must be there for the taking, and not a byte more. */
static int64_t wrong_by(void)
{
	CUdeviceptr at;
	const char *limit = getenv("SHIM_LIMIT_MIB");
	uint64_t most = (limit ? strtoull(limit, NULL, 10) : 1024) * MIB - fake_held(0);
	if (cuMemAlloc_v2(&at, most) != CUDA_SUCCESS)
		return -1;
	if (cuMemAlloc_v2(&at, 1) == CUDA_SUCCESS)
		return 1;
	return 0;
}

static int storm(long count, int signal)
{
	int64_t longest = 0;
	pid_t before = 0;
	if (begin() != CUDA_SUCCESS)
		return 1;
	for (long i = 0; i < count; i++) {
		uint64_t from = draw(UINT64_MAX);
		pid_t pid = fork();
		if (pid == 0)
			victim(from);
		longest = work((int64_t)draw(3000000), longest);
		kill(pid, signal);
		longest = work(200000, longest);
		if (signal == SIGSTOP)
			kill(pid, SIGKILL);
		if (before) /* each stays a zombie for a while */
			waitpid(before, NULL, 0);
		before = pid;
	}
	waitpid(before, NULL, 0);
	int64_t wrong = wrong_by();
	printf("%lld %lld\n", (long long)longest / 1000, (long long)wrong);
	return wrong != 0;
}

static int start(long count)
{
	int64_t *took = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int gate[2];
	char byte;
	if (took == MAP_FAILED || count < 1 || count > 256 || pipe(gate) != 0)
		return 2;
	for (long i = 0; i < count; i++) {
		if (fork() != 0)
			continue;
		close(gate[1]);
		(void)!read(gate[0], &byte, 1);
		int64_t from = world_now_ns();
		if (begin() != CUDA_SUCCESS)
			_exit(3);
		took[i] = world_now_ns() - from;
		_exit(0);
	}
	close(gate[1]);
	int64_t sum = 0, most = 0;
	while (wait(NULL) > 0 || errno == EINTR)
		;
	for (long i = 0; i < count; i++) {
		sum += took[i];
		most = took[i] > most ? took[i] : most;
	}
	printf("%lld %lld\n", (long long)(sum / count / 1000), (long long)most / 1000);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	long count = strtol(argv[2], NULL, 10);
	if (strcmp(argv[1], "start") == 0)
		return start(count);
	return storm(count, strcmp(argv[1], "stop") == 0 ? SIGSTOP : SIGKILL);
}
