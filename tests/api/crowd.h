/* crowd: many clients at once, each a process of its own, that cut their connections when they like.
 *
 * What they find out stands in memory they share with the test: plain arrays of the test's own. Random draws come from
 * a seed (REEVE_SEED, else the clock's), which is told when something breaks.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "served.h"

enum { CROWD_ANSWER_MAX = 64 << 10 };

typedef struct dice {
	uint64_t state;
} dice;

uint64_t crowd_seed(void);
dice dice_of(uint64_t seed, uint64_t who);
uint64_t dice_roll(dice *d, uint64_t sides); /* 0 ... sides - 1 */

/* Zeroed memory that all of the crowd see. */
void *crowd_memory(size_t bytes);
/* Runs one(i, arg) in n processes and waits for all; how many of them failed (did not return true). */
int crowd_run(int n, bool (*one)(int i, void *arg), void *arg);
/* Begins them without waiting; crowd_wait does. */
void crowd_begin(int n, bool (*one)(int i, void *arg), void *arg);
int crowd_wait(void);

/* One call on a connection of its own that may be cut anywhere, by the dice (NULL: it is not). The answer's status, or
 * 0 when the connection was cut; out holds the answer, NUL-terminated. */
int crowd_call(dice *d, const char *request, size_t n, char out[CROWD_ANSWER_MAX]);
