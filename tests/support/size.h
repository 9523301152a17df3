/* size: how much a test does, as named in the table of tests/sizes.sh.
 *
 * ./dev test and tests/support/run_test.sh put the rows into the environment; no test carries a number of its own.
 */
#pragma once
#include <stdint.h>

/* The row's value for the battery that runs, short or full. A name that is not in the table is our mistake and asserts.
 */
int64_t size_get(const char *name);
