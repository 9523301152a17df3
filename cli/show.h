/* show: JSON for people: a member a line, indented, lists with dashes; or a list as CSV. */
#pragma once
#include "base/buf.h"

void show_json(buf *out, str json);
/* Text on a terminal: what would move its cursor or begin a line is told as \n, \t or \x1b. */
void show_text(buf *out, str text);
/* The items of a list answer ({"items": [...]}) as CSV (RFC 4180): the columns are what any of them has, in the order
 * in which they first appear; what is no plain value stands as JSON. */
void show_csv(buf *out, str list);
