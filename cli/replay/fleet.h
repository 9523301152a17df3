/* fleet: makes a trace's cluster real on a server: classes, tenants, clusters, and an agent process for each.
 *
 * Everything gets names with a run's own suffix, so that runs do not meet. Agents run as long as the replay; one that
 * dies is started again.
 */
#pragma once
#include "cli/command.h"
#include "cli/trace/trace.h"
#include "cli/spawn.h"

enum { FLEET_CLUSTERS_MAX = 16, FLEET_TENANTS_MAX = 64, FLEET_NAME_MAX = 64 };

typedef struct replay_fleet {
	client *client;
	const client_settings *server;
	const trace *trace;
	const char *agent;  /* program */
	const char *folder; /* for scenes and agents' state */
	char run[16];       /* suffix of all names */
	int64_t clusters, tenants;
	char root[FLEET_NAME_MAX];
	char tenant[FLEET_TENANTS_MAX][FLEET_NAME_MAX]; /* paths */
	char cluster[FLEET_CLUSTERS_MAX][FLEET_NAME_MAX];
	char join[FLEET_CLUSTERS_MAX][128];
	spawn agents[FLEET_CLUSTERS_MAX];
} replay_fleet;

/* Makes everything and waits until the server knows every device, at most timeout_ms. */
err replay_fleet_open(replay_fleet *w, int64_t timeout_ms, fault *f) MUST_CHECK;
/* Starts again the agents that ended. */
void replay_fleet_tend(replay_fleet *w);
void replay_fleet_close(replay_fleet *w);
