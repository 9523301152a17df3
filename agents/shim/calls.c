#include "shim/calls.h"

#include <stddef.h>

// clang-format off
/* All symbols, one after the other. */
typedef struct call_texts {
#define CALL(symbol, name, version, flavour, class, price) char symbol[sizeof #symbol];
#include "shim/calls.def"
#undef CALL
#define NVML(symbol, class) char symbol[sizeof #symbol];
#include "shim/nvml.def"
#undef NVML
} call_texts;

static const call_texts texts = {
#define CALL(symbol, name, version, flavour, class, price) #symbol,
#include "shim/calls.def"
#undef CALL
#define NVML(symbol, class) #symbol,
#include "shim/nvml.def"
#undef NVML
};

const call calls[CALLS] = {
#define CALL(symbol, name, version, flavour, class, price) \
	{offsetof(call_texts, symbol), sizeof #name - 1, CALL_##flavour, CALL_##class, version},
#include "shim/calls.def"
#undef CALL
};

const call nvml_calls[NVML_CALLS] = {
#define NVML(symbol, class) {offsetof(call_texts, symbol), sizeof #symbol - 1, CALL_PLAIN, CALL_##class, 0},
#include "shim/nvml.def"
#undef NVML
};
// clang-format on

_Static_assert(sizeof(call_texts) <= UINT16_MAX, "a row has two bytes for where its symbol stands");

const char *call_symbol(const call *row)
{
	return (const char *)&texts + row->symbol;
}
