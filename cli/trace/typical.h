/* typical: the mix of pods that fragmentation is measured against.
 *
 * Groups of pods by what they ask, most frequent first, until they cover 95 % of all pods; the shares of those taken
 * sum to 1. Memory is no part of a group (the study's definition, reference placement 1.5). An order folder carries
 * them as typical.csv (share,cpu_milli,gpu_milli,num_gpu,gpu_spec), counted from the list that its pods were drawn
 * from; otherwise they are counted from the pods at hand.
 */
#pragma once
#include "cli/trace/trace.h"

enum { TYPICAL_COUNTED_MAX = 1000 }; /* groups counted from a trace, even if they cover less */

typedef struct typical_pod {
	double share;
	int64_t cpu_milli, gpu_milli, gpus;
	str spec; /* models joined by '|', empty for any */
} typical_pod;

typedef struct typical {
	vec(typical_pod) pods;
	bool is_counted; /* from the trace's own pods */
} typical;

/* path empty: typical.csv beside the pods file, or counted when there is none. Texts live in a or with the trace. */
err typical_read(typical *t, arena *a, const trace *of, const char *path, fault *f) MUST_CHECK;
void typical_done(typical *t);
