/* csv: files of comma-separated values, read by the names of their columns.
 *
 * A value may stand in quotes, and then hold commas and, doubled, quotes; no value goes over the end of its line. Lines
 * may end with CR, blank ones are passed over, and so is a byte order mark.
 */
#pragma once
#include "base/arena.h"

enum { CSV_COLUMNS_MAX = 64 };

typedef struct csv {
	str rest, header[CSV_COLUMNS_MAX], fields[CSV_COLUMNS_MAX];
	uint32_t n_header, n_fields, line;
	const char *path, *bad; /* what is wrong with the row at hand; NULL: it can be read */
	arena *arena;
} csv;

/* Reads the whole file into a, which must outlive c. */
err csv_open(csv *c, arena *a, const char *path, fault *f) MUST_CHECK;
/* The next row; false at the end. */
bool csv_next(csv *c);
/* Whether the row can be read and has a value for each column. */
err csv_check(const csv *c, fault *f) MUST_CHECK;
bool csv_has(const csv *c, const char *column);
/* BAD_FIELD names the first of the columns (their names separated by blanks) that the file lacks. */
err csv_need(const csv *c, const char *columns, fault *f) MUST_CHECK;
/* The row's value, absent when there is no such column or the row is short. */
str csv_text(const csv *c, const char *column);
/* A number, perhaps with a fraction that is cut off; empty counts as 0. BAD_FIELD names the place. */
err csv_i64(const csv *c, const char *column, int64_t *ret, fault *f) MUST_CHECK;
/* The same with its fraction; it must be finite. */
err csv_double(const csv *c, const char *column, double *ret, fault *f) MUST_CHECK;
