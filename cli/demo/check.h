/* check: one line for each thing that must hold, with the figures it was judged by. */
#pragma once
#include "base/err.h"

typedef struct checks {
	int held, failed;
} checks;

/* Prints "ok      <what>: <figures>" or "FAILED  ...", counts it, and returns ok. */
bool check(checks *c, bool ok, const char *what, const char *figures_fmt, ...) PRINTF(4, 5);
