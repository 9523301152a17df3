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

/* A member of an object: how it is read, and where what it says goes. */
typedef struct fields_row {
	str key;
	err (*read)(pull *p, arena *a, void *to);
	size_t at; /* of what is filled */
} fields_row;
#define FIELDS_ROW(T, name, member, reader)                                                                            \
	{                                                                                                              \
		{name, sizeof(name) - 1}, reader, offsetof(T, member)                                                  \
	}
#define FIELDS_ALL(name, reader)                                                                                       \
	{                                                                                                              \
		{name, sizeof(name) - 1}, reader, 0                                                                    \
	}
#define FIELDS_ROWS(v) v, sizeof(v) / sizeof(*(v))

/* What stands behind that key, if a row names it; else it is passed over. */
err fields_member(pull *p, arena *a, str key, const fields_row *rows, size_t n, void *to) MUST_CHECK;
/* All members, likewise. fields_rest: of an object that has begun. */
err fields_rest(pull *p, arena *a, const fields_row *rows, size_t n, void *to) MUST_CHECK;
err fields_members(pull *p, arena *a, const fields_row *rows, size_t n, void *to) MUST_CHECK;
/* The readers above, for rows. */
err fields_text_into(pull *p, arena *a, void *to) MUST_CHECK;
err fields_word_into(pull *p, arena *a, void *to) MUST_CHECK;
err fields_i64_into(pull *p, arena *a, void *to) MUST_CHECK;
err fields_bool_into(pull *p, arena *a, void *to) MUST_CHECK;
err fields_pairs_into(pull *p, arena *a, void *to) MUST_CHECK;
err fields_amounts_into(pull *p, arena *a, void *to) MUST_CHECK;
/* A time, as microseconds; one that cannot be read is 0. */
err fields_time_into(pull *p, arena *a, void *to) MUST_CHECK;

/* Whether the object that is next has begun: false without an error for null. Then pull_key walks it. */
bool fields_object(pull *p, err *ret_e);
/* The same for an array; then pull_item. */
bool fields_array(pull *p, err *ret_e);
