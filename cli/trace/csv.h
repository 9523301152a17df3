/* csv: files of comma-separated values without quotes, read by the names of their columns. */
#pragma once
#include "base/arena.h"

enum { CSV_COLUMNS_MAX = 32 };

typedef struct csv {
	str rest, header[CSV_COLUMNS_MAX], fields[CSV_COLUMNS_MAX];
	uint32_t n_header, n_fields, line;
	const char *path;
} csv;

/* Reads the whole file into a. */
err csv_open(csv *c, arena *a, const char *path, fault *f) MUST_CHECK;
/* The next row; false at the end. */
bool csv_next(csv *c);
bool csv_has(const csv *c, const char *column);
/* BAD_FIELD names the first of the columns (their names separated by blanks) that the file lacks. */
err csv_need(const csv *c, const char *columns, fault *f) MUST_CHECK;
/* The row's value, absent when there is no such column or the row is short. */
str csv_text(const csv *c, const char *column);
/* A number, perhaps with a fraction that is cut off; empty counts as 0. BAD_FIELD names the place. */
err csv_i64(const csv *c, const char *column, int64_t *ret, fault *f) MUST_CHECK;
/* The same with its fraction; it must be finite. */
err csv_double(const csv *c, const char *column, double *ret, fault *f) MUST_CHECK;
