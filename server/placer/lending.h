/* lending: who borrows from whom, as it was told last, and what of it is told next.
 *
 * The loans of a model follow from the state of the whole tree (engine/quota_loans.h) and may all move with each batch.
 * They are written for people, so they need not be told at once; but telling all of them anew would cost a batch as
 * much as thousands of placements. Here stands what was told, and a look finds what is other now (lending_look): no
 * more than LENDING_ROWS_MAX rows, borrower by borrower, where the last look that was cut short left off. The memory of
 * it follows the commit: lending_keep, or nothing.
 */
#pragma once
#include "base/vec.h"
#include "engine/quota_loans.h"

enum { LENDING_ROWS_MAX = 256 }; /* of one look, but that a borrower's are told together */

/* Tenants go by their keys: a handle may be another's when the row goes. */
typedef struct lending_row {
	int32_t borrower_key, lender_key, via_depth;
	int32_t borrower; /* handle; of rows found now alone */
	amounts a;
} lending_row;

typedef vec(lending_row) lending_rows;

/* Of one model. */
typedef struct lending {
	lending_rows told; /* by borrower, then lender */
	int32_t resume;    /* the borrower that the next look begins with */
	amounts capacity;  /* as it was told */
	bool has_capacity;
} lending;

/* What one look found; of the turn at hand. */
typedef struct lending_news {
	lending_rows found;
	lending_rows put; /* new, or with other amounts */
	lending_rows gone;
	bool is_cut; /* the rest is for another look, which resumes with the borrower `until` */
	int32_t until;
	amounts capacity;
	bool has_capacity; /* it is other than told */
} lending_news;

typedef struct lending_keys {
	int32_t (*key_of)(const void *arg, int32_t tenant); /* of a handle of the tree */
	const void *arg;
} lending_keys;

void lending_done(lending *l);
void lending_news_done(lending_news *n);
/* A row that was stored; lending_loaded is called behind the last. */
void lending_load(lending *l, lending_row row);
void lending_loaded(lending *l);
/* Share modes lend nothing: has_loans is false for them. True: there is something to tell. */
bool lending_look(
	const lending *l, const quota *q, int32_t model, bool has_loans, lending_keys keys, lending_news *ret);
/* It was committed. */
void lending_keep(lending *l, lending_news *n);
