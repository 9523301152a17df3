#include "agents/node/caps.h"
#include <stdio.h>

/* "DeviceFileMinor: 12" */
static const char *cap_read(const char *devices, str path, arena *a)
{
	char text[256];
	const char *node = NULL;
	FILE *in = fopen(str_z(a, path), "re");

	while (in && fgets(text, sizeof(text), in)) {
		str line = str_from(text), key = str_split(&line, ':'), number = str_split(&line, '\n');
		uint64_t minor;
		if (str_eq(key, S("DeviceFileMinor")) && str_to_u64(str_trim(number), &minor))
			node = str_z(
				a, str_print(a, "%s/nvidia-caps/nvidia-cap%llu", devices, (unsigned long long)minor));
	}
	if (in)
		(void)fclose(in);
	return node;
}

void caps_find(const char *procfs, const char *devices, int32_t minor, int64_t gpu_instance, int64_t compute_instance,
	arena *a, const char *ret[CAPS])
{
	str at = str_print(a, "%s/driver/nvidia/capabilities/gpu%d/mig/gi%lld", procfs, minor, (long long)gpu_instance);

	ret[0] = cap_read(devices, str_print(a, STR_FMT "/access", STR_ARG(at)), a);
	ret[1] = cap_read(devices, str_print(a, STR_FMT "/ci%lld/access", STR_ARG(at), (long long)compute_instance), a);
}
