/* policy: the engine's policies by the names that people give. */
#pragma once
#include "engine/ask.h"

typedef struct policy {
	const char *name, *about;
	ask_policy node, device;
} policy;
extern const policy policies[];
extern const size_t policies_n;

/* NULL when there is none of that name. */
const policy *policy_find(const char *name);
