/* process: what one role of reeved gets to run with. */
#pragma once
#include "net/loop.h"
#include "server/notify.h"
#include "server/settings.h"

typedef struct process {
	const server_settings *settings;
	loop *loop;
	const char *dsn;     /* of the database, for every connection */
	const char *run_dir; /* data_dir/run */
	int edges;           /* how many there are */
	notify *notify;      /* opened and freed by the role itself */
} process;

/* Each opens what it needs, runs the loop until SIGTERM (drains, then stops) and returns the exit status. A child exits
 * when its supervisor dies. */
int edge_run(process *p);
int placer_run(process *p);
int worker_run(process *p);
