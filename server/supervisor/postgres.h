/* postgres: a private PostgreSQL under the data folder, for installations that bring none.
 *
 * Reachable by a unix socket only, made, tuned and upgraded in place by nobody but this server. It is a child of the
 * supervisor and ends with it: fast shutdown on SIGTERM, and also when the supervisor is killed. After a crash of
 * either the next start recovers.
 */
#pragma once
#include <sys/types.h>
#include "base/err.h"

enum { POSTGRES_DSN_MAX = 512, POSTGRES_PATH_MAX = 512 };

typedef struct postgres {
	char bin[POSTGRES_PATH_MAX];    /* folder of the programs */
	char data[POSTGRES_PATH_MAX];   /* <data-dir>/postgres */
	char socket[POSTGRES_PATH_MAX]; /* folder of the socket; short enough for sockaddr_un */
	char log[POSTGRES_PATH_MAX];    /* <data-dir>/postgres.log */
	char dsn[POSTGRES_DSN_MAX];
	bool has_fsync;
	int connections_max;
	pid_t pid; /* 0: not running */
} postgres;

/* Finds the programs (bin: a folder, or "" to search) and fixes the paths. SETTING with a sentence when there is no
 * PostgreSQL 15 or newer, IO when the folder cannot be used (root, too little space). */
err postgres_init(postgres *pg, const char *data_dir, const char *run_dir, const char *bin, bool has_fsync,
	int connections_max, fault *f) MUST_CHECK;
/* Makes the cluster when there is none (seconds), then starts it and waits until it takes connections. */
err postgres_start(postgres *pg, fault *f) MUST_CHECK;
/* Starts it without waiting, for a supervisor whose loop runs. False: a predecessor is still shutting down, or no
 * process could be made; try again soon. That it ended is for whoever reaps children. */
bool postgres_spawn(postgres *pg);
/* Fast shutdown; waits for the end. */
void postgres_stop(postgres *pg);
