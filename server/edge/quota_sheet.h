/* quota_sheet: the quota of one tenant as rows of numbers: what quota_put takes, what a merge patch edits. */
#pragma once
#include "api/types/quota.h"
#include "json/write.h"

enum { SHEET_ROWS_MAX = 128, SHEET_NONE = -1, SHEET_KINDS = 5, SHEET_MODEL_KINDS = 4, SHEET_AXES = 3 };

extern const char
	*const sheet_kinds[SHEET_KINDS]; /* guaranteed, limit, lend_limit, borrow_limit: of models; class_limit */
extern const char *const sheet_axes[SHEET_AXES]; /* device_milli, memory_mib, compute_milli */

typedef struct sheet_row {
	str model;
	int64_t v[SHEET_KINDS][SHEET_AXES]; /* SHEET_NONE: not named */
} sheet_row;

typedef struct sheet {
	sheet_row rows[SHEET_ROWS_MAX + 1];
	uint32_t n;
	int64_t weight;
	int64_t credits_limit;                    /* SHEET_NONE: none */
	int64_t reclaim_after_s, reclaim_grace_s; /* SHEET_NONE: none, both */
} sheet;

void sheet_init(sheet *s);
/* RFC 7396: members that are null go, members that are given replace, all else stays. A whole body is a patch of an
 * empty sheet. TOO_MANY_ITEMS when the result has more than SHEET_ROWS_MAX models and classes. */
err sheet_merge(sheet *s, const tenant_quota *patch, fault *f) MUST_CHECK;
/* Takes away rows that name nothing. */
void sheet_trim(sheet *s);
/* The members models, classes, weight, credits_limit and reclaim, inside an object the caller opened. */
void sheet_write(js_writer *w, const sheet *s);
