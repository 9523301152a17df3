#include "api/types/device_class.h"

#define F(...) JS_FIELD(share_modes, __VA_ARGS__)
static const js_field share_modes_fields[] = {
	F(rules, JS_OPTIONAL, "A name of engine/cut.def; absent or empty: none.", JS_LEN(0, 63)),
};
#undef F
JS_TYPE(share_modes, "How devices of a class may be given out in parts.");

#define F(...) JS_FIELD(device_class, __VA_ARGS__)
static const js_field device_class_fields[] = {
	F(name, JS_READ_ONLY, "Named by the URL: the model, or model.mode for a sub-class.", .form = JS_CLASS_NAME,
		JS_LEN(1, 63)),
	F(model, JS_OPTIONAL, "The model whose quota it draws on; absent: the class itself.", .form = JS_CLASS_NAME,
		JS_LEN(1, 63)),
	F(vendor, JS_REQUIRED, "nvidia, huawei, cambricon, hygon, amd, ...", .form = JS_NAME, JS_LEN(1, 63)),
	F(patterns, JS_OPTIONAL, "Shell globs over the product names that vendors report.", JS_ITEMS(0, 64)),
	F(memory_mib, JS_REQUIRED, "Memory of one whole device.", JS_RANGE(0, 100000000)),
	F(slots, JS_OPTIONAL, "How many may share one device.", JS_RANGE(1, 1000), JS_INITIAL(100)),
	F(compute_overcommit_ppm, JS_OPTIONAL, "How far compute may be promised twice; 1000000: not at all.",
		JS_RANGE(COMPUTE_ONCE_PPM, COMPUTE_OVERCOMMIT_MAX_PPM), JS_INITIAL(COMPUTE_ONCE_PPM)),
	F(overcommit_priority_max, JS_OPTIONAL,
		"Work of a priority whose value is above this counts on the device itself and no more; absent: all may count on what is promised twice.",
		JS_RANGE(-PRIORITY_VALUE_MAX, PRIORITY_VALUE_MAX), JS_INITIAL(PRIORITY_VALUE_MAX)),
	F(default_compute_milli, JS_OPTIONAL,
		"Compute of a request by memory that names none; 0: no reservation and no cap.", JS_RANGE(0, 1000)),
	F(credit_rate_milli, JS_OPTIONAL, "Credits per device, so that unlike models compare.", JS_RANGE(0, 1000000),
		JS_INITIAL(1000)),
	F(share_modes, JS_OPTIONAL,
		"How its devices may be given out in parts: {\"rules\": \"nvidia-h100-80g\"} names one of the rules that are built in, with the MIG profiles or vNPU templates; {}: by any memory and compute.",
		JS_LEN(0, 1000)),
	F(revision, JS_READ_ONLY, "Rises with each change; the ETag."),
};
#undef F
JS_TYPE(device_class, "What a kind of device is called, holds and costs in credits.");
