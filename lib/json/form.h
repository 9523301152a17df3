/* form: what texts must look like beyond their length, as one table for the reader, its messages and the schema.
 * For this room, and for texts of a URL that hold such a form within.
 */
#pragma once
#include "json/js.h"

typedef struct js_form_row {
	const char *what;    /* "must be <what>" */
	const char *pattern; /* ECMA 262, anchored; NULL: none */
	bool (*fits)(str s, const char *const *values);
} js_form_row;

/* The row of a form; `fits` is NULL for JS_ANY_TEXT. */
const js_form_row *js_form_row_of(js_text_form form);
/* Map keys: JS_ANY_TEXT stands for JS_CLASS_NAME. */
js_text_form js_key_form(const js_field *map);
