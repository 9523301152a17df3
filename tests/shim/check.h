/* check: one requirement on the shim, as a program would meet it. Each runs in a process of its own, under 1 GiB. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rest.h"

#define MIB (UINT64_C(1) << 20)

typedef struct check {
	const char *name;
	void (*run)(void);
} check;

/* Each file's checks, ended by a NULL name. */
extern const check checks_memory[];
extern const check checks_lookup[];
extern const check checks_process[];
extern const check checks_told[];

/* Ends the process with a failure that says what was expected. */
#define EXPECT(what)                                                                                                   \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                                      \
			fflush(stdout);                                                                                \
			_exit(1);                                                                                      \
		}                                                                                                      \
	} while (0)

/* Starts the driver and makes the primary context current. */
void check_start(void);

/* Calls make(64 MiB) until it fails, at most 64 times; its last answer. What the simulator then holds must be over what
 * a program needs to reach (half of the limit) and within the limit.
 */
CUresult check_fill(CUresult (*make)(uint64_t bytes));

CUresult check_alloc(uint64_t bytes);

/* Runs in a child; its exit status. */
int check_in_child(void (*run)(void));
