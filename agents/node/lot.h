/* lot: the limits and books of one container, as the node holds them.
 *
 * Limits are ours: mapped, and written by the functions of shim/limits.h. Books belong to the container, which can
 * forge them and cut them short; so they are read by copies and never mapped, and nothing that stands in them is
 * believed without NVML.
 */
#pragma once
#include "base/err.h"
#include "shim/books.h"
#include "shim/limits.h"

typedef struct lot {
	limits *limits;
	int books_fd;
	bool is_watched; /* who opens its books is told (seats.h): they need not be looked at for that */
	unsigned top;    /* slots that were in use at the last reading */
} lot;

/* The folder's two files. ERR_NOT_FOUND, ERR_IO; ERR_CONFLICT: they are not what this version makes. */
err lot_open(const char *folder, lot *ret, fault *f) MUST_CHECK;
void lot_close(lot *l); /* one that is all zeros too */

/* Copies the books up to the last slot in use. Of b, only what books_sum and the like look at is written; it may be the
 * same for all lots. False: they were cut, or are of another version. */
bool lot_read(lot *l, books *b);

/* The latest launch of any process, as the books say (CLOCK_MONOTONIC), 0: none; and whether there is any process. */
int64_t lot_latest(const books *b, bool *ret_has_process);

/* Takes the room of all of the books on their disk, so that a disk that is full later harms nobody who writes them.
 * False: there is not so much. */
bool lot_fill(const lot *l);
/* Cuts books back that the container has made longer. */
void lot_cut(const lot *l);
/* Frees a slot whose owner is gone with its whole pid namespace. False: it is not there. */
bool lot_free_slot(const lot *l, unsigned slot);
/* Writes how NVML names the process of a slot. False: the slot is not there. */
bool lot_name_process(const lot *l, unsigned slot, uint32_t host_pid);
