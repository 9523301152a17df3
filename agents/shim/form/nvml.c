/* The form that takes the place of libnvidia-ml.so.1; see cuda.c. */
#include "shim/driver.h"
#include "shim/origin.h"
#include "shim/self.h"
#include "shim/form/trampoline.h"

const char origin_taken[] = "libnvidia-ml.so.1";

TRAMPOLINE_BEGIN(nvml)
// clang-format off
#define NVML(symbol, class) TRAMPOLINE_##class(symbol)
#include "shim/nvml.def"
#undef NVML
// clang-format on
TRAMPOLINE_END(nvml)

void *trampoline_resolve(unsigned long place);

__attribute__((used)) void *trampoline_resolve(unsigned long place)
{
	nvml_ready();
	trampoline_at[place] = nvml_find((nvml_id)place);
	return trampoline_at[place];
}
