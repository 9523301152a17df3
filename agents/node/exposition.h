/* exposition: the node's metrics as text: Prometheus 0.0.4 or OpenMetrics 1.0. The list is metrics.def. */
#pragma once
#include "agents/node/audit.h"
#include "agents/node/ward.h"
#include "base/buf.h"

typedef struct exposition {
	const char *node;
	const ward *ward;
	allocations *allocations;
	const audit *audit;
	int64_t mono_ns; /* now, CLOCK_MONOTONIC */
	uint64_t probe_failures, reports, reports_dropped;
	uint64_t plugins, refused, instances; /* of Kubernetes (station.h) */
} exposition;

/* What a scraper takes; out's own limit bounds it. */
void exposition_print(const exposition *e, bool is_openmetrics, buf *out);

/* Whether an Accept header asks for OpenMetrics. */
bool exposition_wants_openmetrics(str accept);
