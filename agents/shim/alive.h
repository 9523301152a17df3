/* alive: the name of a process that no later process can have, and whether it still lives.
 *
 * A process whose threads have all ended is dead, also while it waits to be reaped.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Of the calling process: its pid above 32 bits of its start time. Never 0; the top bit is free. */
uint64_t alive_self(void);

/* What the calling process runs: another value after each exec, the same in all of its libraries; 0: it cannot be told.
 */
uint32_t alive_image(void);

/* Whether the process of that name lives, and still runs that image (0: whichever). In doubt, yes. */
bool alive_check(uint64_t name, uint32_t image);

/* The namespace in which pids of the calling process have a meaning; 0 when it cannot be told. */
uint32_t alive_space(void);
