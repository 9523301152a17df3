#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static const check *const lists[] = {checks_memory, checks_lookup, checks_process, checks_told};

void check_start(void)
{
	CUdevice device;
	CUcontext context;
	EXPECT(cuInit(0) == CUDA_SUCCESS);
	EXPECT(cuDeviceGet(&device, 0) == CUDA_SUCCESS);
	EXPECT(cuDevicePrimaryCtxRetain(&context, device) == CUDA_SUCCESS);
	EXPECT(cuCtxSetCurrent(context) == CUDA_SUCCESS);
}

CUresult check_alloc(uint64_t bytes)
{
	CUdeviceptr at;
	return cuMemAlloc_v2(&at, bytes);
}

CUresult check_fill(CUresult (*make)(uint64_t bytes))
{
	CUresult answer = CUDA_SUCCESS;
	for (int i = 0; i < 64 && answer == CUDA_SUCCESS; i++)
		answer = make(64 * MIB);
	EXPECT(fake_held(0) >= 512 * MIB);
	EXPECT(fake_held(0) <= 1024 * MIB);
	return answer;
}

int check_in_child(void (*run)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		run();
		_exit(0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		for (const check *c = lists[i]; c->name; c++) {
			if (argc < 2)
				puts(c->name);
			else if (strcmp(argv[1], c->name) == 0)
				return c->run(), 0;
		}
	}
	return argc < 2 ? 0 : 2;
}
