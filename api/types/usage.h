/* usage: GPU time by tenant, class and day, from the billed segments. */
#pragma once
#include "json/js.h"

typedef struct usage_line {
	str tenant;
	str class;
	str day;
	int64_t gpu_seconds;
	int64_t gpu_milli_seconds;
	int64_t memory_mib_seconds;
	int64_t segments;
} usage_line;
JS_DECLARE(usage_line);
