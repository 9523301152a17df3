/* facts: the members of a JSON object that somebody else wrote: the header or the claims of a token, the description of
 * an identity provider.
 *
 * Names we do not know are kept, a name that comes twice is refused: two readers could take two values. Nothing is
 * trusted here; whoever reads a fact says what it must be.
 */
#pragma once
#include "base/arena.h"

typedef enum fact_kind { FACT_TEXT, FACT_NUMBER, FACT_BOOL, FACT_NULL, FACT_LIST, FACT_OBJECT } fact_kind;

typedef struct fact {
	str name;
	fact_kind kind;
	str value; /* of a text: without its quotes and escapes; of any other: as written */
} fact;

typedef struct facts {
	fact *v;
	uint32_t n;
} facts;

enum { FACTS_MAX = 256, FACT_DEPTH_MAX = 16 };

/* Spans point into json or a. Errors as of js_read, with the pointer left empty. */
err facts_read(str json, arena *a, facts *ret, fault *f) MUST_CHECK;

const fact *facts_find(const facts *f, str name); /* NULL: absent */
/* A text that is not empty and holds no control bytes, or STR_NONE. */
str facts_text(const facts *f, str name);
/* A whole number within 53 bits. */
bool facts_i64(const facts *f, str name, int64_t *ret);
/* A text, or a list of texts, as a list. False: absent, something else in it, or more than max. */
bool facts_texts(const facts *f, str name, uint32_t max, arena *a, strs *ret);
/* Whether there is one that is not null. */
bool facts_have(const facts *f, str name);
