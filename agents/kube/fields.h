/* fields: readers of the members that objects share. Internal to this folder. All leave the reader behind the value.
 *
 * A null stands for what is absent everywhere, as Go writes it.
 */
#pragma once
#include "agents/kube/object.h"
#include "agents/kube/quantity.h"
#include "json/pull.h"

enum { FIELDS_PAIRS_MAX = 65536, FIELDS_VARIABLES_MAX = 4096, FIELDS_AMOUNTS_MAX = 4096 };

typedef struct fields_pairs {
	object_pair *v;
	uint32_t n;
	bool is_cut; /* what is too much, or no text of ours (one with a NUL), was left out */
} fields_pairs;

typedef struct fields_amounts {
	quantity_row *v;
	uint32_t n;
	bool is_cut; /* what is too much, or no amount that we can hold, was left out */
} fields_amounts;

/* A text, unescaped into a. ERR_BAD_FIELD: another kind of value. */
err fields_text(pull *p, arena *a, str *ret) MUST_CHECK;
/* The same, but one that is no text of ours (it has a NUL) is passed over. */
err fields_text_try(pull *p, arena *a, str *ret, bool *ret_is_lost) MUST_CHECK;
/* The same, of one that then stands for none. */
err fields_word(pull *p, arena *a, str *ret) MUST_CHECK;
err fields_i64(pull *p, int64_t *ret) MUST_CHECK;
err fields_bool(pull *p, bool *ret) MUST_CHECK;
/* An object of texts, or of quantities (which come as texts or numbers). */
err fields_pairs_read(pull *p, arena *a, fields_pairs *ret) MUST_CHECK;
err fields_amounts_read(pull *p, arena *a, fields_amounts *ret) MUST_CHECK;

/* Whether the object that is next has begun: false without an error for null. Then pull_key walks it. */
bool fields_object(pull *p, err *ret_e);
/* The same for an array; then pull_item. */
bool fields_array(pull *p, err *ret_e);
