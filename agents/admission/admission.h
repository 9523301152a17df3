/* admission: what the API server asks before it takes a pod or a binding, answered from memory.
 *
 *     POST <prefix>/mutate     pods, CREATE            rules.h
 *     POST <prefix>/validate   pods/binding, CREATE    guard.h
 *                              pods, UPDATE            records.h
 *
 * Nothing is made or changed by an answer, so dry runs get the same. What is neither is let through.
 */
#pragma once
#include "agents/admission/guard.h"
#include "agents/admission/records.h"
#include "agents/admission/rules.h"

enum { ADMISSION_BODY_MAX = 8 << 20 }; /* two objects of 1.5 MiB, and their managed fields */

typedef struct admission_counts {
	int64_t asked, refused[REFUSAL_COUNT], changed;
} admission_counts;

typedef struct admission {
	rules_spec rules;
	guard_spec guard;
	records_spec records;
	admission_counts counts;
} admission;

/* False: the body is no review, and gets status 400. */
bool admission_mutate(admission *x, str body, buf *out) MUST_CHECK;
bool admission_validate(admission *x, str body, buf *out) MUST_CHECK;
/* By the path's end. False: it is neither. *ret_is_bad as above. */
bool admission_answer(admission *x, str path, str body, buf *out, bool *ret_is_bad) MUST_CHECK;
