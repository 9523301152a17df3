#include "shim/wrapped.h"

#include <string.h>

#include "shim/driver.h"
#include "shim/self.h"

// clang-format off
#define WRAP_NVML_INFO(symbol) [AT_##symbol] = (void *)symbol,
#define WRAP_NVML_LIST(symbol) [AT_##symbol] = (void *)symbol,
#define WRAP_NVML_PASS(symbol)

static void *const wrap_nvml_calls[NVML_CALLS] = {
#define NVML(symbol, class) WRAP_NVML_##class(symbol)
#include "shim/nvml.def"
#undef NVML
};
// clang-format on

/* The first row that is not before the symbol: both tables are sorted by it. */
static int wrap_first(const call *table, int count, const char *symbol)
{
	int low = 0;
	int high = count;
	while (low < high) {
		int middle = (low + high) / 2;
		if (strcmp(call_symbol(&table[middle]), symbol) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int wrap_search(const call *table, int count, const char *symbol)
{
	int at = wrap_first(table, count, symbol);
	return at < count && strcmp(call_symbol(&table[at]), symbol) == 0 ? at : -1;
}

void *wrap_of_symbol(const char *symbol)
{
	int at = wrap_search(calls, CALLS, symbol);
	if (at >= 0 && entry_at[at]) {
		driver_late();
		return driver_has((call_id)at) ? entry_at[at] : NULL;
	}
	at = wrap_search(nvml_calls, NVML_CALLS, symbol);
	if (at < 0 || !wrap_nvml_calls[at])
		return NULL;
	nvml_late();
	return nvml_has((nvml_id)at) ? wrap_nvml_calls[at] : NULL;
}

/* What a program has asked for. */
typedef struct wrap_wanted {
	const char *name;
	int version;
	bool own_stream;
} wrap_wanted;

static bool wrap_is_named(const call *row, const wrap_wanted *wanted)
{
	const char *symbol = call_symbol(row);
	size_t n = strlen(wanted->name);
	return strncmp(symbol, wanted->name, n) == 0 && (n == row->name_bytes || symbol[n] == 0);
}

/* How well a row of the wanted name suits: the wanted flavour first, then the newest that the program may get. */
static int wrap_suits(const call *row, const wrap_wanted *wanted)
{
	bool flavoured = (row->flavour == CALL_STREAM) == wanted->own_stream;
	bool allowed = row->version <= wanted->version;
	return (allowed ? 2000000 : 0) + (flavoured ? 1000000 : 0) + (allowed ? row->version : -row->version);
}

/* A call's symbol begins with its name, so that those of one name stand together. The one which suits best: of those
 * with that address, or (real NULL) of those that the program may get. */
static int wrap_row(const wrap_wanted *wanted, const void *real)
{
	int best = -1;
	size_t n = strlen(wanted->name);
	for (int i = wrap_first(calls, CALLS, wanted->name);
		i < CALLS && !strncmp(call_symbol(&calls[i]), wanted->name, n); i++) {
		if (!wrap_is_named(&calls[i], wanted) ||
			(real ? driver_find((call_id)i) != real : calls[i].version > wanted->version))
			continue;
		if (best < 0 || wrap_suits(&calls[i], wanted) > wrap_suits(&calls[best], wanted))
			best = i;
	}
	return best;
}

/* The only row with that address: several names of one function say nothing about which of them is meant. */
static int wrap_only(const void *real)
{
	int found = -1;
	for (int i = 0; i < CALLS; i++) {
		if (driver_find((call_id)i) != real)
			continue;
		if (found >= 0)
			return -1;
		found = i;
	}
	return found;
}

/* A driver that looks its own calls up by their public names finds ours. */
static bool wrap_is_entry(const void *real)
{
	for (int i = 0; i < CALLS; i++)
		if (entry_at[i] == real)
			return true;
	return false;
}

/* Of the rows with the wanted name the address tells which it is: a driver may have one function for several calls. An
 * address that it does not export at all is told by the name, the version and the flavour, and the wrapper calls what
 * the driver gave.
 */
static void *wrap_of_answer(void *real, const wrap_wanted *wanted)
{
	if (wrap_is_entry(real))
		return real;
	int row = wrap_row(wanted, real);
	if (row < 0)
		row = wrap_only(real);
	if (row >= 0)
		return entry_at[row] ? entry_at[row] : real;
	row = wrap_row(wanted, NULL);
	if (row < 0 || !entry_at[row])
		return real;
	driver_told((call_id)row, real);
	return entry_at[row];
}

static CUresult wrap_answer(CUresult answer, void **pfn, wrap_wanted wanted)
{
	if (answer == CUDA_SUCCESS && pfn && *pfn && wanted.name)
		*pfn = wrap_of_answer(*pfn, &wanted);
	return answer;
}

static bool wrap_own(uint64_t flags)
{
	return flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM;
}

/* A driver may have only one of the two forms; what it has answers for the other as well. */
static CUresult lookup_old(const char *symbol, void **pfn, int version, uint64_t flags)
{
	if (!driver_has(AT_cuGetProcAddress) && driver_has(AT_cuGetProcAddress_v2))
		return DRIVER(cuGetProcAddress_v2)(symbol, pfn, version, flags, NULL);
	return DRIVER(cuGetProcAddress)(symbol, pfn, version, flags);
}

static CUresult lookup_new(const char *symbol, void **pfn, int version, uint64_t flags, int *status)
{
	if (driver_has(AT_cuGetProcAddress_v2) || !driver_has(AT_cuGetProcAddress))
		return DRIVER(cuGetProcAddress_v2)(symbol, pfn, version, flags, status);
	CUresult answer = DRIVER(cuGetProcAddress)(symbol, pfn, version, flags);
	if (status)
		*status = answer == CUDA_SUCCESS ? 0 : 1; /* found, or no such symbol */
	return answer;
}

CUresult cuGetProcAddress(const char *symbol, void **pfn, int version, uint64_t flags)
{
	self_get();
	return wrap_answer(
		lookup_old(symbol, pfn, version, flags), pfn, (wrap_wanted){symbol, version, wrap_own(flags)});
}

CUresult cuGetProcAddress_v2(const char *symbol, void **pfn, int version, uint64_t flags, int *status)
{
	self_get();
	return wrap_answer(
		lookup_new(symbol, pfn, version, flags, status), pfn, (wrap_wanted){symbol, version, wrap_own(flags)});
}

CUresult cuGetProcAddress_v2_ptsz(const char *symbol, void **pfn, int version, uint64_t flags, int *status)
{
	self_get();
	CUresult answer = driver_has(AT_cuGetProcAddress_v2_ptsz)
				  ? DRIVER(cuGetProcAddress_v2_ptsz)(symbol, pfn, version, flags, status)
				  : lookup_new(symbol, pfn, version,
					    flags | CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, status);
	return wrap_answer(answer, pfn, (wrap_wanted){symbol, version, true});
}
