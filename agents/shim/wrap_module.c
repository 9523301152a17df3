#include "shim/wrapped.h"

#include "shim/driver.h"
#include "shim/memory.h"
#include "shim/slice.h"

/* What code and variables take on the device is known only when they are there: by what the driver says is left before
 * and after, without what this process has booked meanwhile.
 */
typedef struct weighing {
	self *self;
	unsigned device;
	bool counts;
	uint64_t left, booked;
} weighing;

static uint64_t weighing_left(void)
{
	size_t left = 0, total;
	return DRIVER(cuMemGetInfo_v2)(&left, &total) == CUDA_SUCCESS ? left : 0;
}

static uint64_t weighing_booked(const weighing *w)
{
	const books_slot *slot = w->self->slot;
	return slot ? atomic_load(&slot->bytes[w->device]) : 0;
}

/* Libraries are loaded without a context too, and then take nothing yet. */
static weighing weighing_open(void)
{
	weighing w = {.self = self_get()};
	w.counts = self_device(w.self, &w.device) && memory_limit(w.self, w.device) != LIMITS_NONE;
	if (w.counts) {
		w.left = weighing_left();
		w.booked = weighing_booked(&w);
	}
	return w;
}

/* What neighbours take meanwhile looks like ours, and what they give back hides ours; NVML has the last word where it
 * counts this process: what is not booked yet is what was loaded, or what the driver took for itself since. It takes
 * its time, and is not asked when nothing has changed and nobody else is there.
 */
static uint64_t weighing_close(const weighing *w)
{
	uint64_t left = weighing_left(), booked = weighing_booked(w);
	int64_t grown = (int64_t)(w->left - left) - (int64_t)(booked - w->booked);
	CUdevice ordinal;
	if (!left || (grown == 0 && slice_is_alone(w->self)) || DRIVER(cuCtxGetDevice)(&ordinal) != CUDA_SUCCESS)
		return 0;
	uint64_t held = slice_of_self(w->self, ordinal);
	if (!held)
		return grown > 0 ? (uint64_t)grown : 0;
	return held > booked ? held - booked : 0;
}

/* False: it is over the limit, and must be unloaded. */
static bool module_enter(const weighing *w, holding_kind kind, const void *handle)
{
	uint64_t bytes = w->counts ? weighing_close(w) : 0;
	if (bytes == 0)
		return true;
	if (!memory_take(w->self, w->device, bytes))
		return false;
	holding entry = {.kind = (uint8_t)kind,
		.key = (uint64_t)(uintptr_t)handle,
		.bytes = bytes,
		.device = (uint8_t)w->device,
		.of = (uint64_t)(uintptr_t)self_context()};
	holding_put(w->self->holdings, &entry);
	return true;
}

#define MODULE_LOAD(symbol, kind, unload, made, parameters, arguments)                                                 \
	CUresult symbol parameters                                                                                     \
	{                                                                                                              \
		weighing w = weighing_open();                                                                          \
		CUresult answer = DRIVER(symbol) arguments;                                                            \
		if (answer != CUDA_SUCCESS || module_enter(&w, kind, *made))                                           \
			return answer;                                                                                 \
		DRIVER(unload)(*made);                                                                                 \
		*made = NULL;                                                                                          \
		return CUDA_ERROR_OUT_OF_MEMORY;                                                                       \
	}

MODULE_LOAD(cuModuleLoad, HOLDING_MODULE, cuModuleUnload, module, (CUmodule * module, const char *path), (module, path))
MODULE_LOAD(cuModuleLoadData, HOLDING_MODULE, cuModuleUnload, module, (CUmodule * module, const void *image),
	(module, image))
MODULE_LOAD(cuModuleLoadDataEx, HOLDING_MODULE, cuModuleUnload, module,
	(CUmodule * module, const void *image, unsigned int count, int *options, void **values),
	(module, image, count, options, values))
MODULE_LOAD(cuModuleLoadFatBinary, HOLDING_MODULE, cuModuleUnload, module, (CUmodule * module, const void *image),
	(module, image))
MODULE_LOAD(cuLibraryLoadData, HOLDING_LIBRARY, cuLibraryUnload, library,
	(CUlibrary * library, const void *code, int *jit, void **jit_values, unsigned int jit_count, int *options,
		void **values, unsigned int count),
	(library, code, jit, jit_values, jit_count, options, values, count))
MODULE_LOAD(cuLibraryLoadFromFile, HOLDING_LIBRARY, cuLibraryUnload, library,
	(CUlibrary * library, const char *path, int *jit, void **jit_values, unsigned int jit_count, int *options,
		void **values, unsigned int count),
	(library, path, jit, jit_values, jit_count, options, values, count))

static CUresult module_ended(holding_kind kind, const void *handle, CUresult answer)
{
	self *s = self_get();
	holding entry;
	if (answer == CUDA_SUCCESS && holding_take(s->holdings, kind, (uint64_t)(uintptr_t)handle, &entry))
		memory_give(s, entry.device, entry.bytes);
	return answer;
}

CUresult cuModuleUnload(CUmodule module)
{
	self_get();
	return module_ended(HOLDING_MODULE, module, DRIVER(cuModuleUnload)(module));
}

CUresult cuLibraryUnload(CUlibrary library)
{
	self_get();
	return module_ended(HOLDING_LIBRARY, library, DRIVER(cuLibraryUnload)(library));
}
