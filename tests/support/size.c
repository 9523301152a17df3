#include "size.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZE_NAME_MAX = 64 };

int64_t size_get(const char *name)
{
	char variable[SIZE_NAME_MAX];
	int n = snprintf(variable, sizeof(variable), "REEVE_SIZE_%s", name);
	assert(n > 0 && n < SIZE_NAME_MAX);

	const char *text = getenv(variable);
	if (!text)
		fprintf(stderr, "%s is not set: run this test with ./dev test, or by tests/support/run_test.sh\n",
			variable);
	assert(text);

	char *end;
	int64_t value = strtoll(text, &end, 10);
	assert(end != text && !*end && value > 0);
	return value;
}
