/* What a program in a container gets of the device: how many MiB, a MiB at a time, until it is refused.
 *
 *     container_share fill            takes what there is, says how much
 *     container_share hold MIB FILE   takes so much, says so by making FILE, and keeps it until FILE is gone
 *     container_share total           what the driver says the device has
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct CUctx_st *CUcontext;
typedef unsigned long long CUdeviceptr;
int cuInit(unsigned flags);
int cuDeviceGet(int *device, int ordinal);
int cuCtxCreate_v2(CUcontext *context, unsigned flags, int device);
int cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes);
int cuMemGetInfo_v2(size_t *free_bytes, size_t *total);

enum { MIB = 1 << 20, WAIT_US = 20000, WAITS_MAX = 3000 };

static long take(long most)
{
	CUdeviceptr p;
	long n = 0;

	while (n < most && cuMemAlloc_v2(&p, MIB) == 0)
		n++;
	return n;
}

static int hold(long mib, const char *file)
{
	if (take(mib) != mib)
		return 1;
	int fd = open(file, O_WRONLY | O_CREAT, 0644);
	if (fd < 0)
		return 1;
	(void)close(fd);
	for (int i = 0; i < WAITS_MAX && access(file, F_OK) == 0; i++)
		(void)usleep(WAIT_US);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "fill";
	CUcontext context;
	size_t left, total;
	int device;

	if (cuInit(0) || cuDeviceGet(&device, 0) || cuCtxCreate_v2(&context, 0, device)) {
		printf("no device\n");
		return 1;
	}
	if (strcmp(what, "hold") == 0 && argc == 4)
		return hold(strtol(argv[2], NULL, 10), argv[3]);
	if (strcmp(what, "total") == 0)
		printf("%ld\n", cuMemGetInfo_v2(&left, &total) ? -1L : (long)(total / MIB));
	else
		printf("%ld\n", take(1L << 20));
	return 0;
}
