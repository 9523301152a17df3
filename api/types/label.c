#include "api/types/label.h"

#define F(...) JS_FIELD(label, __VA_ARGS__)
static const js_field label_fields[] = {
	F(value, JS_REQUIRED, "Any text.", JS_LEN(0, LABEL_BYTES_MAX)),
};
#undef F
JS_TYPE_BARE(label, "A label.");
