/* reader: what js_read carries along, and how it says no. Internal to this room. */
#pragma once
#include "json/place.h"
#include "json/pull.h"

typedef struct reader {
	pull p;
	arena *a;
	fault *f;
	bool is_output;    /* js_read_output: lenient */
	size_t item_bytes; /* given to lists and maps so far */
	size_t item_bytes_max;
	place at;
} reader;

/* A piece of the body as it may stand in a detail: quoted, cut, without control bytes. */
enum { SHOWN_BYTES = 64, SHOWN_MAX = SHOWN_BYTES + 8 };
typedef struct shown {
	char p[SHOWN_MAX];
} shown;
shown shown_text(str s);
shown shown_token(const pull *p, pull_token k); /* "a text", "1.5", ... as found */

/* Writes place and detail into r->f and returns e. */
err refuse(reader *r, err e, const char *fmt, ...) PRINTF(3, 4) MUST_CHECK;
/* The reader's own error, with the byte it stopped at. */
err refuse_syntax(reader *r) MUST_CHECK;
err refuse_unknown(reader *r, const js_type *t) MUST_CHECK;
err refuse_kind(reader *r, const js_field *f, pull_token found) MUST_CHECK;
err refuse_form(reader *r, const js_field *f, js_text_form form, str found) MUST_CHECK;

/* The range of a row, its kind's where the row has none. */
typedef struct js_range {
	int64_t min, max;
} js_range;
js_range js_range_of(const js_field *f);
