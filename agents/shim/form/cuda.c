/* The form that takes the place of libcuda.so.1: every call that has no wrapper is a jump to the real one. The first
 * time, the jump goes by a resolver that finds the address, with all registers that may hold arguments kept.
 */
#include "shim/driver.h"
#include "shim/origin.h"
#include "shim/self.h"
#include "shim/form/trampoline.h"

const char origin_taken[] = "libcuda.so.1";

TRAMPOLINE_BEGIN(cuda)
// clang-format off
#define CALL(symbol, name, version, flavour, class, price) TRAMPOLINE_##class(symbol)
#include "shim/calls.def"
#undef CALL
// clang-format on
TRAMPOLINE_END(cuda)

void *trampoline_resolve(unsigned long place);

__attribute__((used)) void *trampoline_resolve(unsigned long place)
{
	self_get();
	trampoline_at[place] = driver_find((call_id)place);
	return trampoline_at[place];
}
