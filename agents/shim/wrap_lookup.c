#include "shim/wrap.h"

#include <string.h>

#include "shim/driver.h"
#include "shim/self.h"

// clang-format off
#define WRAP_ALLOC(symbol)   [AT_##symbol] = (void *)symbol,
#define WRAP_FREE(symbol)    [AT_##symbol] = (void *)symbol,
#define WRAP_HOLD(symbol)    [AT_##symbol] = (void *)symbol,
#define WRAP_IMPORT(symbol)  [AT_##symbol] = (void *)symbol,
#define WRAP_CONTEXT(symbol) [AT_##symbol] = (void *)symbol,
#define WRAP_MODULE(symbol)  [AT_##symbol] = (void *)symbol,
#define WRAP_POOL(symbol)    [AT_##symbol] = (void *)symbol,
#define WRAP_GRAPH(symbol)   [AT_##symbol] = (void *)symbol,
#define WRAP_LAUNCH(symbol)  [AT_##symbol] = (void *)symbol,
#define WRAP_CAPTURE(symbol) [AT_##symbol] = (void *)symbol,
#define WRAP_INFO(symbol)    [AT_##symbol] = (void *)symbol,
#define WRAP_LOOKUP(symbol)  [AT_##symbol] = (void *)symbol,
#define WRAP_WEIGHED(symbol)
#define WRAP_PASS(symbol)

static void *const wrap_calls[CALLS] = {
#define CALL(symbol, name, version, flavour, class, price) WRAP_##class(symbol)
#include "shim/calls.def"
#undef CALL
};

#define WRAP_NVML_INFO(symbol) [AT_##symbol] = (void *)symbol,
#define WRAP_NVML_LIST(symbol) [AT_##symbol] = (void *)symbol,
#define WRAP_NVML_PASS(symbol)

static void *const wrap_nvml_calls[NVML_CALLS] = {
#define NVML(symbol, class) WRAP_NVML_##class(symbol)
#include "shim/nvml.def"
#undef NVML
};
// clang-format on

/* Both tables are sorted by symbol. */
static int wrap_search(const call *table, int count, const char *symbol)
{
	int low = 0;
	int high = count - 1;
	while (low <= high) {
		int middle = (low + high) / 2;
		int order = strcmp(symbol, table[middle].symbol);
		if (order == 0)
			return middle;
		if (order < 0)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return -1;
}

void *wrap_of_address(void *real)
{
	for (int i = 0; i < CALLS; i++)
		if (wrap_calls[i] && driver_at[i] == real && driver_has((call_id)i))
			return wrap_calls[i];
	return real;
}

void *wrap_of_symbol(const char *symbol)
{
	int at = wrap_search(calls, CALLS, symbol);
	if (at >= 0 && wrap_calls[at]) {
		self_get();
		return driver_has((call_id)at) ? wrap_calls[at] : NULL;
	}
	at = wrap_search(nvml_calls, NVML_CALLS, symbol);
	if (at < 0 || !wrap_nvml_calls[at])
		return NULL;
	nvml_ready();
	return nvml_has((nvml_id)at) ? wrap_nvml_calls[at] : NULL;
}

/* The newest call of that name and flavour that a program of that version may get. */
static int wrap_best(const char *name, int version, call_flavour flavour)
{
	int best = -1;
	for (int i = 0; i < CALLS; i++) {
		if (strcmp(calls[i].name, name) != 0 || calls[i].flavour != flavour || calls[i].version > version)
			continue;
		if (best < 0 || calls[i].version > calls[best].version)
			best = i;
	}
	return best;
}

/* A driver may answer with an address that it does not export. Then the name, the version and the flavour tell which it
 * is, and the wrapper calls what the driver gave.
 */
static void *wrap_of_answer(void *real, const char *name, int version, uint64_t flags)
{
	void *wrapper = wrap_of_address(real);
	if (wrapper != real)
		return wrapper;
	bool own = flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM;
	int best = own ? wrap_best(name, version, CALL_STREAM) : -1;
	if (best < 0)
		best = wrap_best(name, version, CALL_PLAIN);
	if (best < 0 || !wrap_calls[best])
		return real;
	for (int i = 0; i < CALLS; i++)
		if (!wrap_calls[i] && driver_find((call_id)i) == real)
			return real; /* another call, which needs no wrapper */
	if (!driver_has((call_id)best))
		driver_at[best] = real;
	return wrap_calls[best];
}

EXPORT CUresult cuGetProcAddress(const char *symbol, void **pfn, int version, uint64_t flags)
{
	self_get();
	CUresult answer = DRIVER(cuGetProcAddress)(symbol, pfn, version, flags);
	if (answer == CUDA_SUCCESS && pfn && *pfn)
		*pfn = wrap_of_answer(*pfn, symbol, version, flags);
	return answer;
}

EXPORT CUresult cuGetProcAddress_v2(const char *symbol, void **pfn, int version, uint64_t flags, int *status)
{
	self_get();
	CUresult answer = DRIVER(cuGetProcAddress_v2)(symbol, pfn, version, flags, status);
	if (answer == CUDA_SUCCESS && pfn && *pfn)
		*pfn = wrap_of_answer(*pfn, symbol, version, flags);
	return answer;
}

EXPORT CUresult cuGetProcAddress_v2_ptsz(const char *symbol, void **pfn, int version, uint64_t flags, int *status)
{
	self_get();
	CUresult answer = DRIVER(cuGetProcAddress_v2_ptsz)(symbol, pfn, version, flags, status);
	if (answer == CUDA_SUCCESS && pfn && *pfn)
		*pfn = wrap_of_answer(*pfn, symbol, version, flags | CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM);
	return answer;
}
