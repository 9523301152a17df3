/* metric: counters, gauges and histograms from one list, as arrays of integers.
 *
 * Each process owns one slot of a shared anonymous region and writes only there, without locks; whoever prints adds the
 * slots up. So any edge can answer /metrics for the whole server. Without metric_share a process uses a slot of its
 * own.
 */
#pragma once
#include "base/buf.h"

typedef enum metric {
#define M(id, kind, name, labels, help) METRIC_##id,
#include "metrics.def"
#undef M
	METRIC_COUNT
} metric;

enum { METRIC_SLOTS = 64, METRIC_LABELS_MAX = 8 };

/* Label values of the label sets. */
enum { STATUS_1XX, STATUS_2XX, STATUS_3XX, STATUS_4XX, STATUS_5XX };
enum { DECISION_GRANTED, DECISION_WAITING, DECISION_REJECTED, DECISION_REVOKED };

/* Makes the shared region and returns its file descriptor (inherited by children), or -1. */
int metric_region_new(void);
/* Uses slot `at` of the region behind fd. Counters already in it go on (a process that was started again), gauges begin
 * at 0. ERR_IO: fd is no such region. */
err metric_share(int fd, int at) MUST_CHECK;

/* From here on nothing is counted that others see: for a copy of a process, whose work did not happen. */
void metric_leave(void);

/* Names the labels of a metric whose label set is empty at build time: the same in every process. The texts stay valid.
 */
void metric_label(metric m, const char *const *values, int n);

void metric_add(metric m, int label, int64_t n); /* counters, and gauges by difference; label 0 where there is none */
void metric_set(metric m, int64_t v);            /* gauges */
void metric_observe_us(metric m, int64_t us);    /* histograms: buckets 1-2-5 from 10 us to 60 s */
int64_t metric_value(metric m, int label);       /* summed over the slots; of a histogram, how many were observed */

/* Prometheus text exposition format 0.0.4. */
void metric_print(buf *out);
