#include "cli/demo/check.h"

#include <stdarg.h>
#include <stdio.h>

bool check(checks *c, bool ok, const char *what, const char *figures_fmt, ...)
{
	va_list args;

	printf("%s  %s: ", ok ? "ok    " : "FAILED", what);
	va_start(args, figures_fmt);
	vprintf(figures_fmt, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	*(ok ? &c->held : &c->failed) += 1;
	return ok;
}
