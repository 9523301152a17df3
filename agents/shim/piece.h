/* piece: plain device memory that was paid for: from an address to its size, its device and the context it ends with.
 *
 * Most of what a program holds is of this kind, so an entry is two words, that a table of many takes little of the
 * processor's cache: 64 stripes with a lock each, by open addressing, so that threads seldom meet. All other kinds are
 * holdings (holding.h). What the table does not know was not paid for here and goes to the driver as it is. Memory
 * comes from the kernel, never from malloc: the program may have its own, and may be inside it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIECE_CONTEXTS 4096 /* that are told apart; 0: none of them, so that the piece ends with no context */

typedef struct piece {
	uint64_t bytes;   /* at most 2^48 - 1 */
	unsigned device;  /* below 16 */
	unsigned context; /* below PIECE_CONTEXTS */
} piece;

typedef struct pieces pieces;

/* A table is so many zeroed bytes. */
size_t pieces_bytes(void);

/* Enters it; one at the same address, which is not 0, is replaced. False when the kernel gives no memory. */
bool piece_put(pieces *all, uint64_t at, piece what);

/* Takes it out. False when there is none. */
bool piece_take(pieces *all, uint64_t at, piece *ret_taken);

/* Takes out all of a context, after showing each to on_piece, which must not call back. */
void pieces_end(pieces *all, unsigned context, void (*on_piece)(piece, void *), void *arg);
