/* decision_log: decisions in the judge's form, one line each, under the header "op,seq,node,gpus".
 *
 *     place,<seq>,<node>,<GPU indices joined by '-'>      fail,<seq>,,
 *     move,<seq>,<node>,<GPU indices>                     free,<seq>,,
 *
 * Writing is part of the time that is measured, so lines are made by hand in one buffer. A log without a path writes
 * nothing. A failed write is remembered and told when the log is closed.
 */
#pragma once
#include "base/err.h"

enum { DECISION_LOG_BYTES = 64 << 10 };

typedef struct decision_log {
	int fd; /* -1: no log */
	int error;
	const char *path;
	size_t n;
	char bytes[DECISION_LOG_BYTES];
} decision_log;

/* path NULL or empty: no log. An older file is overwritten. */
err decision_log_open(decision_log *l, const char *path, fault *f) MUST_CHECK;
/* ERR_IO when any line did not reach the file. */
err decision_log_close(decision_log *l, fault *f) MUST_CHECK;

/* The node's name is at most TRACE_NAME_MAX bytes, n at most TRACE_NODE_GPUS_MAX. */
void decision_log_place(decision_log *l, uint32_t seq, str node, const uint8_t *gpus, uint32_t n);
void decision_log_move(decision_log *l, uint32_t seq, str node, const uint8_t *gpus, uint32_t n);
void decision_log_fail(decision_log *l, uint32_t seq);
void decision_log_free(decision_log *l, uint32_t seq);
