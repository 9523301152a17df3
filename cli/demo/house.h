/* house: what stands while a demo runs: its folder, the server, the agents. */
#pragma once
#include "cli/demo/demo.h"

/* Makes the folder, and fixes where everything in it stands: first of all. */
err house_paths(demo *d, fault *f) MUST_CHECK;
/* Takes the folder, the port and the programs; starts the server and waits until it is ready. is_new_world: throws away
 * what an earlier run left. On an error nothing runs, and the sentence says why. */
err house_open(demo *d, bool is_new_world, fault *f) MUST_CHECK;
/* Starts an agent; join_token NULL: it has joined before. */
err house_agent_start(demo *d, int cluster, int64_t start_ms, const char *join_token, fault *f) MUST_CHECK;
/* An error when the server or an agent is not there any more. */
err house_check(demo *d, fault *f) MUST_CHECK;
/* Tells shells where the server is. */
err house_announce(demo *d, fault *f) MUST_CHECK;
/* Ends everything, agents first. Safe at any point. */
void house_close(demo *d);

/* A file of the world, whole, 0600; of the first line. */
err house_write(const char *path, str text, fault *f) MUST_CHECK;
bool house_read_line(const char *path, char *out, size_t n);
