/* neighbours: the commands that one user has under `reeve-node run` on this machine, settled among themselves where no
 * daemon does it.
 *
 * Each has its folder beside the others. Whoever holds the lock there settles for all, and another takes it over when
 * that one ends. Devices are told apart by what --device says, so neighbours should name one in the same way.
 */
#pragma once
#include "base/err.h"
#include "shim/limits.h"

enum { NEIGHBOURS_PATH_MAX = 512 };

typedef struct neighbours neighbours;

/* Makes this command's folder, with these limits and fresh books. device: NULL: each device there is. */
err neighbours_join(const limits *l, const char *device, neighbours **ret, fault *f);
/* Removes it. NULL-safe. */
void neighbours_leave(neighbours *n);

const char *neighbours_folder(const neighbours *n);

/* Settles, where it is ours to do; how long until the next turn, in ns. now_ns is CLOCK_MONOTONIC. */
int64_t neighbours_turn(neighbours *n, int64_t now_ns);
