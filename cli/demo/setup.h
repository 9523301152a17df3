/* setup: makes clusters, tenants, quotas and tokens on a server that is up. */
#pragma once
#include "cli/demo/demo.h"

/* In a new world makes everything; in one that was made before, starts its agents again. Returns when the server knows
 * every device of every cluster. start_ms: how long a simulated pod takes to start. */
err setup_world(demo *d, int64_t start_ms, fault *f) MUST_CHECK;
