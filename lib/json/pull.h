/* pull: a JSON reader that walks bytes and builds nothing.
 *
 * The caller asks for the next token; skipping a value checks its whole syntax. For big documents of which little is
 * wanted (Kubernetes lists) and as the ground js_read stands on. Grammar: RFC 8259, with UTF-8 checked, lone surrogates
 * refused, and integers only where an integer is asked for.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"

typedef enum pull_token {
	PULL_ERROR,
	PULL_END,
	PULL_OBJECT,
	PULL_ARRAY,
	PULL_ARRAY_END,
	PULL_TEXT,
	PULL_NUMBER,
	PULL_TRUE,
	PULL_FALSE,
	PULL_NULL
} pull_token;

enum {
	PULL_DEPTH_CAP = 63,      /* depth_max may not be higher */
	PULL_EXPONENT_DIGITS = 3, /* longer exponents are refused: no database or double holds such numbers */
};

typedef struct pull {
	const char *at, *begin, *end;
	uint32_t depth, depth_max;
	uint64_t is_object; /* bit per depth */
	bool wants_comma;   /* after a value */
	bool after_key;     /* inside an object, between a key and its value */
	bool has_escape;    /* of the last text */
	err e;              /* why PULL_ERROR: MALFORMED_JSON, BAD_UTF8 (also lone surrogates) or TOO_DEEP, at `at` */
	str text;           /* of the last TEXT (raw, between the quotes) or NUMBER */
} pull;

/* The reader keeps its first error: later calls do nothing and give it again. json must outlive the reader. */
void pull_init(pull *p, str json, uint32_t depth_max);
/* The next value's first token; PULL_ARRAY_END at the end of an array; PULL_END after the document, when nothing but
 * blanks follows. Inside objects call pull_key first (it also tells their end). */
pull_token pull_next(pull *p);
/* Inside an object: true and the raw key, or false at its end (or on error: see p->e). */
bool pull_key(pull *p, str *ret_key, bool *ret_has_escape);
/* Inside an array: true when another value starts at the reader (pull_next, pull_skip or pull_span reads it), or false
 * at its end (or on error: see p->e). Not needed before pull_next. */
bool pull_item(pull *p);
/* Inside an array, a quick step for long lists of plain texts: true and the next item where it is a text of printable
 * ASCII without an escape and nothing but the due comma stands before it. Else false, and nothing was read: pull_item
 * tells what comes. */
bool pull_plain_item(pull *p, str *ret);
/* The same for who knows the bytes that come: what is left of the document from the next text's opening quote on, or
 * STR_NONE; then, of that, the bytes up to the closing quote of a later item, of all items that the caller has
 * recognised as such texts with nothing but commas between. */
str pull_plain_rest(const pull *p);
void pull_plain_take(pull *p, uint32_t n_bytes);
/* Skips the value that starts at the reader, whole. In arrays ask pull_item first: an array's end is an error here. */
err pull_skip(pull *p) MUST_CHECK;
/* Skips the next value and returns its bytes. */
err pull_span(pull *p, str *ret) MUST_CHECK;
/* Text with escapes resolved; points into the input when there are none. BAD_FIELD for U+0000, which no column holds.
 */
err pull_unescape(str raw, bool has_escape, arena *a, str *ret) MUST_CHECK;
/* Integer of a NUMBER token: no fraction, no exponent, |v| <= 2^53-1. NOT_AN_INTEGER or BAD_FIELD. */
err pull_i64(str number, int64_t *ret) MUST_CHECK;
/* After the document: only blanks may follow. */
err pull_finish(pull *p) MUST_CHECK;
