/* simulate: a cluster without hardware, behind the agent's face of a cluster.
 *
 * Its reality survives the agent, as a real cluster's would: every order is a record of a journal in the state folder,
 * and what pods do follows from the orders and from time alone. So pods that would have ended while no agent ran have
 * ended, at their own moment, when the next agent looks.
 */
#pragma once
#include "agents/cluster/cluster.h"
#include "agents/simulate/scene.h"

typedef struct simulate simulate;

/* s must outlive the simulation. Reads the journal at path (made when not there) and writes it anew. */
err simulate_open(const scene *s, const char *path, int64_t now_us, simulate **ret, fault *f) MUST_CHECK;
void simulate_close(simulate *s); /* NULL-safe; orders since the last flush are lost, as with kill -9 */
cluster_ref simulate_cluster(simulate *s);

/* From now on the nodes are those of another scene; how pods behave changes for new ones. It must outlive the
 * simulation. */
void simulate_change(simulate *s, const scene *to);

uint32_t simulate_pods(const simulate *s);      /* placements held, ended ones included */
int64_t simulate_torn_bytes(const simulate *s); /* cut off the journal at opening */
