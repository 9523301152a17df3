/* gauges: what the agent says of its cluster to Prometheus (text format 0.0.4).
 *
 * HAMi's names stand beside ours, so that dashboards and alerts made for it go on: its series, labels and units, with
 * zone="vGPU"; those it had before 2.10 on request. What is said is read off the stock: there are no counters of it to
 * go wrong. gauges.def has the series.
 */
#pragma once
#include "agents/admission/admission.h"

typedef struct gauges {
	const stock *stock;
	const quotas *quotas;       /* may be NULL */
	const admission *admission; /* may be NULL */
	const char *version;
	bool is_leading, has_legacy;
	uint32_t waiting; /* pods that wait for quota or a node */
} gauges;

void gauges_print(const gauges *e, buf *out);
