/* The rows alone, so that a test may put others in their place. */
#include "api/deprecation.h"

#define D(operation, since, sunset, link) {OP_##operation, since, sunset, link},
const deprecation deprecations[] = {
#include "deprecations.def"
	{0},
};
#undef D

_Static_assert(
	sizeof(deprecations) / sizeof(*deprecations) <= DEPRECATIONS_MAX + 1, "more than the metric has labels for");
