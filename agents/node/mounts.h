/* mounts: which allocation is mounted where a process runs, by the kernel's own list (/proc/PID/mountinfo).
 *
 * The list names what is mounted by its filesystem and its place there, not by a path of the container, so that no path
 * is walked that the container can bend: what it renames, links or covers changes nothing.
 */
#pragma once
#include <sys/types.h>
#include "base/arena.h"

/* Where the folder of all allocations stands, as that list names it. */
typedef struct mounts_home {
	char device[32]; /* "8:1" */
	char root[4096]; /* in that filesystem */
} mounts_home;

/* False: /proc does not tell. */
bool mounts_home_find(const char *folder, mounts_home *ret);

/* The name of the allocation that is mounted where the process runs; absent: none, several, or we may not look. In a.
 */
str mounts_of_process(pid_t pid, const mounts_home *home, arena *a);

/* The part of it that reads the list's bytes. */
str mounts_allocation(str list, const mounts_home *home);
