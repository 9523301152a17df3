/* An NVML with the first versions of a few calls and nothing else. */
#include <stdio.h>

typedef struct old_memory {
	unsigned long long total, free, used;
} old_memory;

int nvmlInit(void)
{
	return 0;
}

int nvmlDeviceGetCount(unsigned *n)
{
	*n = 1;
	return 0;
}

int nvmlDeviceGetHandleByIndex(unsigned index, void **device)
{
	*device = device;
	return index ? 2 : 0;
}

int nvmlDeviceGetUUID(void *device, char *text, unsigned size)
{
	(void)device;
	snprintf(text, size, "GPU-old");
	return 0;
}

int nvmlDeviceGetMemoryInfo(void *device, old_memory *memory)
{
	(void)device;
	*memory = (old_memory){16ull << 30, (16ull << 30) - (3 << 20), 3 << 20};
	return 0;
}
