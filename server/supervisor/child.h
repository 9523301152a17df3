/* child: one process of the server, as the supervisor sees it. */
#pragma once
#include <sys/types.h>
#include "base/err.h"

enum { CHILD_ARGS_MAX = 64, CHILD_PAUSE_MIN_MS = 100, CHILD_PAUSE_MAX_MS = 5000, CHILD_STEADY_MS = 10000 };

typedef struct child {
	const char *role; /* "edge", "placer", "worker" */
	int index;
	int listen_fd, plain_fd, metric_fd; /* -1: none */
	pid_t pid;                          /* 0: not running */
	int64_t begun_us;                   /* monotonic */
	int64_t pause_ms;                   /* before the next start; doubles while it dies young */
} child;

/* Starts it: this very program with the supervisor's argv and the role's flags; dsn goes by the environment, which
 * other users cannot read. */
err child_start(child *c, char **argv, const char *dsn, fault *f) MUST_CHECK;
/* It ended: how long to wait before the next start, ms. */
int64_t child_ended(child *c, int64_t now_us);
/* In the child, first of all: end when the supervisor ends. Its number is told, for it may be 1 (in a container) as
 * well as not. */
void child_follow_parent(pid_t supervisor);
