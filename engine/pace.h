/* pace: how often each of many things is asked for, in a small table.
 *
 * A thing's pace is the mean number of questions from one about it to the next, recent ones counting more: 1 is asked
 * all the time, 100 every hundredth time. What comes once starts as if it were rare. The table forgets what was not
 * asked for longest where room is short, and two things whose hashes agree are counted as one: a pace says what is
 * worth while, never what is true.
 */
#pragma once
#include <stdint.h>

enum {
	PACE_SETS = 1024, /* a power of two */
	PACE_WAYS = 4,
	PACE_FIRST = 1024, /* of what was not there */
	PACE_WEIGHT = 4,   /* the newest of so many */
};

typedef struct pace_row {
	uint32_t print; /* of the hash; 0: free */
	uint32_t asked; /* the question that was about it last */
	uint32_t mean;
} pace_row;

/* All zero at the beginning. */
typedef struct pace {
	uint32_t questions; /* may wrap */
	pace_row rows[PACE_SETS][PACE_WAYS];
} pace;

/* A question about the thing of this hash: its pace from now on. */
uint32_t pace_note(pace *p, uint64_t hash);
