/* daemon: reeve-node as a service: one loop that keeps the inventory, the allocations, the audit, the metrics and the
 * reports. */
#pragma once
#include "agents/node/allocation.h"
#include "agents/node/inventory.h"
#include "net/loop.h"

/* Runs until it is told to stop; the exit status. */
int daemon_main(int argc, char **argv);
