/* by_space: what is kept of a cluster's namespaces, under their names. */
#pragma once
#include "base/map.h"

/* What stands there, or so many zero bytes that stand there from now on, with the name behind them. free gives it back.
 */
void *by_space_at(map *m, str space, size_t bytes);
