#include "api/types/usage.h"

#define F(...) JS_FIELD(usage_line, __VA_ARGS__)
static const js_field usage_line_fields[] = {
	F(tenant, JS_READ_ONLY, "Path of the tenant."),
	F(class, JS_READ_ONLY, "Device class."),
	F(day, JS_READ_ONLY, "UTC day, YYYY-MM-DD."),
	F(gpu_seconds, JS_READ_ONLY, "Seconds of whole devices (dominant share), rounded down.", .always = true),
	F(gpu_milli_seconds, JS_READ_ONLY, "The same in thousandths, rounded down.", .always = true),
	F(memory_mib_seconds, JS_READ_ONLY, "MiB of device memory times seconds, rounded down.", .always = true),
	F(segments, JS_READ_ONLY, "Billed intervals that touch the day.", .always = true),
};
#undef F
JS_TYPE(usage_line, "GPU time of one tenant, class and day.");
