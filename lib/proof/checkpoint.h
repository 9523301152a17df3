/* checkpoint: what a chain was when it had so many records, signed.
 *
 * The signed bytes are one JSON object in one form only,
 * {"chain":"g","size":4096,"root":R,"hash":H,"prev":P,"at":T,"key":K}
 * root: the tree hash of the records 1 to size (proof/merkle.h); hash: the chain's hash of record `size`; prev: SHA-256
 * of the signed bytes of the chain's checkpoint before, null for the first; key: the Ed25519 public key that signs. All
 * hashes are lower-case hex. Beside them travels the tree's frontier, which needs no signature: it folds to the root.
 */
#pragma once
#include "base/buf.h"
#include "net/signature.h"
#include "proof/merkle.h"

enum { CHECKPOINT_BYTES_MAX = 512 };

typedef struct checkpoint {
	char chain; /* g or p */
	int64_t size;
	merkle_hash root, hash, prev;
	bool has_prev;
	int64_t at_us; /* whole milliseconds */
	uint8_t key[SIGNATURE_KEY];
} checkpoint;

void checkpoint_write(const checkpoint *c, buf *out);
/* Only bytes that checkpoint_write could have written. */
bool checkpoint_read(str body, checkpoint *ret);
/* What the next checkpoint names as prev. */
void checkpoint_digest(str body, merkle_hash *ret);

/* Lower-case hex, and back: exactly 2 n digits; capitals are refused. */
void hex_add(buf *out, const void *bytes, size_t n);
bool hex_read(str text, void *ret_bytes, size_t n);
