#include "shim/calls.h"

// clang-format off
const call calls[CALLS] = {
#define CALL(symbol, name, version, flavour, class, price) {#symbol, #name, version, CALL_##flavour, CALL_##class},
#include "shim/calls.def"
#undef CALL
};

const call nvml_calls[NVML_CALLS] = {
#define NVML(symbol, class) {#symbol, #symbol, 0, CALL_PLAIN, CALL_##class},
#include "shim/nvml.def"
#undef NVML
};
// clang-format on
