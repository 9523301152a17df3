/* walk: a chain followed record by record: numbers without gaps, each hash SHA-256(hash before || record), and the tree
 * over the records for the checkpoints on the way.
 *
 * After a record that does not hold the walk goes on: the next one may follow from the hash that stands there or from
 * the one that ought to, so that one changed byte is one record that does not hold.
 */
#pragma once
#include "proof/merkle.h"

typedef struct walk {
	int64_t n;                  /* of the last record */
	merkle_hash hash, computed; /* as it stands with that record, and as it follows from the one before */
	bool is_astray;             /* the last record did not hold: the next one's number is taken as it is */
	bool is_lost;  /* the last record could not be read: the next one's hash follows from nothing known */
	bool has_tree; /* every record from the beginning on was there */
	merkle tree;
} walk;

typedef enum walk_step {
	WALK_HOLDS,
	WALK_NUMBER /* it is not the next one */,
	WALK_HASH /* it does not follow */
} walk_step;

/* Before record 1. */
void walk_begin(walk *w);
/* Behind record n, as a checkpoint tells of it. */
void walk_resume(walk *w, int64_t n, const merkle_hash *hash, const merkle *tree);
walk_step walk_follow(walk *w, int64_t n, str record, const merkle_hash *hash);
/* The next record is there and cannot be read. */
void walk_skip(walk *w);
