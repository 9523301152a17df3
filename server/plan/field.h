/* field: an object as a list of paths and values, so that what it is, what it shall be and what it was said to be can
 * be compared one by one.
 *
 * "limit" of a quota is the path "models.h100-80g.limit.device_milli", a label "labels.team". A value is JSON in the
 * form our writer gives it; a field that is not there has none. A path's first name is its member.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"

typedef struct field {
	str path, value;
} field;

/* Sorted by path once fields_sort ran. */
typedef struct fields {
	field *v;
	uint32_t n, cap;
} fields;

void fields_add(fields *f, arena *a, str path, str value);
void fields_add_text(fields *f, arena *a, str path, str text);
void fields_add_i64(fields *f, arena *a, str path, int64_t value);
void fields_sort(fields *f);
/* Its value, or STR_NONE. */
str fields_find(const fields *f, str path);
/* "labels" of "labels.team". */
str field_member(str path);
bool fields_have_member(const fields *f, str member);

/* {"path": value}: how they are stored. Reading takes what fields_json wrote. */
str fields_json(const fields *f, arena *a);
fields fields_read(str json, arena *a);

/* The text of a JSON string; of anything else, as it stands. */
str field_text(str value, arena *a);
/* The number, or `otherwise` when there is none. */
int64_t field_i64(str value, int64_t otherwise);
