/* report: the figures of a run, for people and for machines. */
#pragma once
#include <stdio.h>

#include "cli/simulate/figures.h"

typedef struct report {
	const run *run;
	const figures *figures;
	const typical *mix;
	int64_t clusters;
	const char *log; /* empty: none */
} report;

void report_print(const report *p, FILE *out);
/* One JSON object on one line; numbers are whole, units stand in the names. Absent: not known, or not asked. */
void report_print_json(const report *p, FILE *out);
