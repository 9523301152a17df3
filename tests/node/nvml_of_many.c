/* An NVML whose one device has more processes on it than fit on a page or two; the last in its list is whoever started
 * us, and holds 200 MiB.
 */
#include <stdio.h>
#include <unistd.h>

#define MANY 3000

typedef struct process {
	unsigned pid;
	unsigned long long bytes;
	unsigned gpu_instance, compute_instance;
} process;

int nvmlInit_v2(void)
{
	return 0;
}

int nvmlDeviceGetCount_v2(unsigned *n)
{
	*n = 1;
	return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device)
{
	*device = device;
	return index ? 2 : 0;
}

int nvmlDeviceGetUUID(void *device, char *text, unsigned size)
{
	(void)device;
	snprintf(text, size, "GPU-many");
	return 0;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *n, process *list)
{
	unsigned room = *n;
	(void)device;
	*n = MANY;
	if (room < MANY)
		return 7; /* insufficient size */
	for (unsigned i = 0; i < MANY; i++)
		list[i] = (process){4000000 + i, 1 << 20, ~0u, ~0u};
	list[MANY - 1] = (process){(unsigned)getppid(), 200 << 20, ~0u, ~0u};
	return 0;
}
