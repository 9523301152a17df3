/* supervisor: the process a person starts. It sets the house up, starts one process per role, and starts again what
 * ends.
 *
 * It opens the listening sockets and keeps them, one per edge: connections that wait in the queue of an edge that died
 * are served by its successor. It holds no other state, serves nothing itself, and when it dies its children end too.
 */
#pragma once
#include "server/settings.h"

/* Runs until SIGTERM or SIGINT; returns the exit status. argv is handed to the children with their role added. */
int supervisor_run(const server_settings *s, char **argv);
/* Runs one role in a process that the supervisor started. */
int supervisor_child(server_settings *s);
