/* line: a line of an audit export, of the list of checkpoints, or a proof, taken apart.
 *
 * Each has one form only, byte for byte as the server writes it, so that no byte of it can be another one unseen.
 */
#pragma once
#include "proof/checkpoint.h"

typedef enum line_kind { LINE_BAD, LINE_RECORD, LINE_CHECKPOINT, LINE_PROOF, LINE_GROWTH } line_kind;

typedef struct line {
	line_kind kind;
	char chain;  /* of all but LINE_BAD */
	int64_t n;   /* RECORD: by its own bytes, 0 when they tell none; PROOF: the one that is proved */
	str record;  /* RECORD, PROOF */
	str differs; /* RECORD: the column that the server found to differ; absent: none */
	merkle_hash hash;
	/* CHECKPOINT, PROOF and GROWTH (there the newer one). */
	str body;
	checkpoint by;
	uint8_t signature[SIGNATURE_BYTES];
	merkle frontier; /* CHECKPOINT */
	/* PROOF and GROWTH */
	merkle_hash path[MERKLE_PATH_MAX];
	uint32_t path_n;
	/* GROWTH: the older one */
	str from_body;
	checkpoint from;
	uint8_t from_signature[SIGNATURE_BYTES];
} line;

/* text: without its newline, which must be there. */
void line_read(str text, line *ret);
/* Takes the next line off *rest; false at the end. *ret_ends: whether a newline ended it. */
bool line_next(str *rest, str *ret_text, bool *ret_ends);
