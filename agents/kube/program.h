/* program: a program that is run for what it prints, on the loop.
 *
 * For credential plugins of kubeconfigs: its own environment plus ours, standard input empty, standard error passed on,
 * standard output read up to a maximum. It is killed at the deadline. No shell is between.
 */
#pragma once
#include "base/arena.h"
#include "net/loop.h"

enum { PROGRAM_OUT_MAX = 1 << 20, PROGRAM_ARGS_MAX = 64, PROGRAM_ENV_MAX = 64 };

typedef struct program program;

typedef struct program_spec {
	str command; /* looked up in PATH when it has no slash */
	strs args;
	strs env; /* "NAME=value", before ours */
	int64_t timeout_ms;
	/* Once, from the loop. out is valid during the call only; ERR_IO, ERR_TIMEOUT or ERR_LIMIT come with a reason.
	 */
	void (*on_done)(void *arg, err e, str out, const char *why);
	void *arg;
} program_spec;

/* NULL: it cannot be started, and on_done will not run; f says why. */
program *program_start(loop *l, const program_spec *s, fault *f);
/* Kills it; on_done does not run. NULL-safe. */
void program_stop(program *p);
