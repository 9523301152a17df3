#include "agents/node/nvml.h"
#include <dlfcn.h>
#include <string.h>

static void find(void *library, const char *const *names, void *ret_call)
{
	void *at = NULL;

	for (; *names && !at; names++)
		at = dlsym(library, *names);
	memcpy(ret_call, &at, sizeof(at)); /* C has no cast from data to function */
}

bool nvml_open(const char *path, nvml *ret)
{
	*ret = (nvml){.library = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
	if (!ret->library)
		return false;
#define C(member, arguments, ...) find(ret->library, (const char *const[]){__VA_ARGS__, NULL}, &ret->member);
	NVML_NODE_CALLS(C)
#undef C
	return ret->init && ret->count && ret->handle && ret->uuid && ret->init() == NVML_SUCCESS;
}
