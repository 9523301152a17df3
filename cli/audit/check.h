/* check: audit records, checkpoints and proofs held against each other, without a server.
 *
 * Every text is given twice: first for its checkpoints, then for its records, so that checkpoints may come in any order
 * and from another file. A chain's records come in order of their numbers, from 1 on or from right behind a checkpoint;
 * they may be spread over texts. A bad record is named and the rest is checked all the same.
 */
#pragma once
#include "base/vec.h"
#include "cli/audit/line.h"
#include "proof/walk.h"

enum { CHECK_WHY_MAX = 240, CHECK_NAMED_MAX = 20 };

/* What does not hold. */
typedef struct check_bad {
	const char *file; /* absent: not of one line */
	int64_t line;
	char chain;   /* 0: unknown */
	int64_t n;    /* the record, or the size of a checkpoint; 0: unknown */
	bool is_seal; /* n is a checkpoint's size */
	char why[CHECK_WHY_MAX];
} check_bad;

typedef struct check_seal {
	checkpoint by;
	merkle_hash digest; /* of its bytes */
	merkle frontier;
	const char *file;
	int64_t line;
	bool is_good, is_met; /* by itself; by the records */
} check_seal;

typedef struct check_chain {
	char name;
	bool has_begun;
	walk walk;
	int64_t first, records, bad, first_bad, bytes;
	int64_t seals_met;
	uint32_t seal; /* the next one that the records come to */
	vec(check_seal) seals;
} check_chain;

typedef struct check {
	uint8_t key[SIGNATURE_KEY];
	bool has_key;
	check_chain chains[2]; /* g, p */
	int64_t bad, proofs;
	void (*on_bad)(void *arg, const check_bad *b);
	void *arg;
	line *now; /* scratch */
} check;

/* key NULL: signatures cannot be checked, and whatever has one does not hold. */
void check_begin(check *c, const uint8_t *key, void (*on_bad)(void *arg, const check_bad *b), void *arg);
void check_seals(check *c, const char *file, str text);
/* When all texts have been through check_seals. */
void check_seals_end(check *c);
void check_records(check *c, const char *file, str text);
/* What is missing at the end; returns whether everything holds. */
bool check_end(check *c);
void check_done(check *c);
