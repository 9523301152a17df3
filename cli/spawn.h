/* spawn: a program that a verb runs beside itself, and that never outlives it.
 *
 * Its output goes to a log file, its input is empty. It stands in a process group of its own, so that a Ctrl-C reaches
 * the verb alone, which then ends all in order; when the verb dies, the kernel sends it SIGTERM. The caller's REEVE_*
 * variables are not handed on: they are meant for the verb, not for the servers it starts.
 */
#pragma once
#include <sys/types.h>
#include "base/err.h"

typedef struct spawn {
	pid_t pid;  /* 0: does not run */
	int status; /* of the last that ended, as of waitpid */
} spawn;

/* argv[0] is a path. Output is added to the file `log` (0600). ERR_IO with a sentence. */
err spawn_start(spawn *s, char *const *argv, const char *log, fault *f) MUST_CHECK;
/* Whether it has ended, or never ran; does not wait. */
bool spawn_has_ended(spawn *s);
/* Tells all n to end, and waits; SIGKILL for those that are there after grace_ms. */
void spawn_stop(spawn *all, size_t n, int64_t grace_ms);
