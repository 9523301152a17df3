/* member: one member of a JSON object whose text we have, without building anything. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

/* The bytes of the member's value (a text with its quotes), or STR_NONE. `doc` must be an object that was checked
 * before. */
str member_find(str doc, str name);
/* A text member without escapes, or STR_NONE. */
str member_text(str doc, str name);
/* An integer member, or `otherwise`. */
int64_t member_i64(str doc, str name, int64_t otherwise);
/* Writes doc without the member of that name; nothing when doc is no object. */
void member_leave_out(buf *out, str doc, str name);
