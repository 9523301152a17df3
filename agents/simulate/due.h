/* due: what happens next, as a binary heap over moments. */
#pragma once
#include "base/vec.h"
#include <stdbool.h>

/* Member of whatever waits; zeroed before first use. */
typedef struct due_at {
	int64_t us;
	uint64_t number; /* of equal moments the one put first comes first */
	uint32_t place;  /* in the heap, from 1; 0: does not wait */
} due_at;

typedef struct due_place {
	due_at *at;
} due_place;

typedef struct due {
	vec(due_place) heap;
	uint64_t last_number;
} due;

void due_done(due *d);
/* Waits for `us`; moves it when it waits already. */
void due_put(due *d, due_at *at, int64_t us);
void due_remove(due *d, due_at *at); /* nothing when it does not wait */
/* The earliest, or NULL. */
due_at *due_first(const due *d);
