/* label: what people hang on tenants, clusters and placements: an object of texts, kept as it was written. */
#pragma once
#include "json/js.h"

typedef struct label {
	str key;
	str value;
} label;
JS_DECLARE(label);

enum { LABEL_BYTES_MAX = 1000, LABELS_BYTES_MAX = 8192 };

/* Of a row for `js_raw labels`. */
#define LABELS JS_OF(label), .form = JS_LABEL_KEY, JS_LEN(0, LABELS_BYTES_MAX)
