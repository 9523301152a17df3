/* holding: a thing of the driver's that takes device memory, and what was paid for it; plain memory is a piece
 * (piece.h).
 *
 * A table from the driver's pointer or handle, in 64 stripes with a lock each, so that threads seldom meet; one lookup
 * per call. What the table does not know was not paid for here and goes to the driver as it is. Memory comes from the
 * kernel, never from malloc: the program may have its own, and may be inside it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum holding_kind {
	HOLDING_FREE,   /* no entry */
	HOLDING_POOLED, /* allocated from the pool `of` */
	HOLDING_ARRAY,
	HOLDING_MIPMAP,
	HOLDING_HANDLE,  /* physical memory; refs: of the program, and of its mappings */
	HOLDING_MAPPING, /* an address range of the handle `of` */
	HOLDING_EXTERNAL,
	HOLDING_POOL, /* bytes: booked; of: of them handed out */
	HOLDING_MODULE,
	HOLDING_LIBRARY, /* of no context */
	HOLDING_KEPT,    /* what a context sets aside (cuCtxSetLimit): key: the context and the kind of limit */
	HOLDING_CONTEXT,
	HOLDING_GREEN,
	HOLDING_PRIMARY, /* key: the device's number; refs: how often it is retained */
	HOLDING_NODE,    /* memory that a graph will allocate: key its address, of the graph */
	HOLDING_EXEC,    /* an instance of the graph `of` */
} holding_kind;

/* Of a primary context: whether what it costs is in the books. */
typedef enum holding_paid {
	HOLDING_UNPAID,
	HOLDING_PAID,     /* or somebody is about to */
	HOLDING_UNPRICED, /* it is not known what it costs */
} holding_paid;

typedef struct holding {
	uint64_t key;
	uint64_t bytes;
	uint64_t of;   /* what it ends with or belongs to: a context, a pool, a handle, a graph; of a pool: bytes handed
			  out */
	uint32_t refs; /* how many hold it; of a node: 1 while it is paid for */
	uint8_t kind;
	uint8_t device;
	union {
		bool freed;   /* of a node: by its own graph */
		uint8_t paid; /* of a primary context: holding_paid */
	};
} holding;

typedef struct holdings holdings;

/* A table is so many zeroed bytes. */
size_t holdings_bytes(void);

/* Enters it; an entry with the same kind and key is replaced. False when the kernel gives no memory. */
bool holding_put(holdings *all, const holding *what);

/* Copies an entry, or takes it out. False when there is none. */
bool holding_find(holdings *all, holding_kind kind, uint64_t key, holding *ret_found);
bool holding_take(holdings *all, holding_kind kind, uint64_t key, holding *ret_taken);

/* Changes refs by `by`. True when that ended it: then it is taken out, and in ret_ended. */
bool holding_count(holdings *all, holding_kind kind, uint64_t key, int by, holding *ret_ended);

/* Shows an entry to on_entry under its lock, to be changed in place; makes a zeroed one first when `make`. False if
 * none. */
bool holding_change(
	holdings *all, holding_kind kind, uint64_t key, bool make, void (*on_entry)(holding *, void *), void *arg);

/* Shows every entry to on_entry, to be changed in place; those for which it says true are taken out. It must not call
 * back. */
void holdings_sift(holdings *all, bool (*on_entry)(holding *, void *), void *arg);
