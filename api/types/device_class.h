/* device_class: what a kind of device is called, holds and costs in credits. A class is a model; share modes are its
 * sub-classes. */
#pragma once
#include "json/js.h"

enum { COMPUTE_ONCE_PPM = 1000000, COMPUTE_OVERCOMMIT_MAX_PPM = 10000000, PRIORITY_VALUE_MAX = 1000000 };

typedef struct share_modes {
	str rules; /* of engine/cut.def */
} share_modes;
JS_DECLARE(share_modes);

typedef struct device_class {
	str name;
	str model;
	str vendor;
	strs patterns;
	int64_t memory_mib;
	int64_t slots;
	int64_t compute_overcommit_ppm;
	int64_t overcommit_priority_max;
	int64_t default_compute_milli;
	int64_t credit_rate_milli;
	js_raw share_modes; /* a share_modes */
	int64_t revision;
} device_class;
JS_DECLARE(device_class);
