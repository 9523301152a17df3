/* audit: what NVML says that processes hold and use, against what the books of their containers say and what they may.
 *
 * The shim is in the program's own address space, so that a program can go round it or write into its books. NVML's
 * count is the driver's. What a container holds beyond its books is written into its limits as used
 * (limits.correction_bytes), so that it gains nothing; what is beyond the limits is a finding, and the process that is
 * not in the books is stopped or ended when the policy says so. A finding needs two samples in a row, so that an
 * allocation between two readings is none.
 */
#pragma once
#include "agents/node/probe.h"
#include "agents/node/whose.h"

enum {
	AUDIT_MEMORY_SLACK_MIB = 32,     /* of what the driver takes itself; and */
	AUDIT_MEMORY_SLACK_MILLI = 20,   /* so much of the limit */
	AUDIT_COMPUTE_SLACK_MILLI = 150, /* NVML's samples of a process are rough */
	AUDIT_STRAY_MIB = 64,            /* what nobody's process may hold unnoticed */
	AUDIT_AGAIN_S = 60,              /* a finding that lasts is told again after so long */
};

typedef enum audit_policy { AUDIT_REPORT, AUDIT_HOLD, AUDIT_KILL } audit_policy;

/* In the order of node_finding_kinds. */
typedef enum audit_kind {
	AUDIT_MEMORY_OVER,
	AUDIT_COMPUTE_OVER,
	AUDIT_UNBOOKED,
	AUDIT_BOOKS_FORGED,
	AUDIT_STRAY,
	AUDIT_KINDS
} audit_kind;

typedef struct audit_finding {
	audit_kind kind;
	audit_policy action;     /* what was done */
	const allocation *of;    /* NULL: nobody's */
	const char *device;      /* uuid */
	int32_t pid;             /* 0: all of the container together */
	int64_t found, expected; /* MiB, or thousandths of device time */
} audit_finding;

/* What a container did in the samples since audit_use_take. */
typedef struct audit_use {
	int64_t samples, memory_mib_sum, memory_mib_max, compute_milli_sum;
	uint64_t refused; /* of all time, by its books */
	uint64_t refused_told;
	uint64_t turned_away; /* of all time, by its books */
	/* Now, by place in its limits. */
	int64_t memory_bytes[LIMITS_DEVICES], books_bytes[LIMITS_DEVICES], compute_milli[LIMITS_DEVICES];
	uint32_t processes;
	int64_t launched_at_ns;
} audit_use;

typedef struct audit audit;

audit *audit_new(
	allocations *all, audit_policy policy, void (*on_finding)(void *arg, const audit_finding *f), void *arg);
void audit_free(audit *a); /* NULL-safe */

/* One device's sample; c is its card. After the last of a round, audit_turn settles the round. now_us may be of any
 * clock that goes on evenly. Of a device without a sample nothing can be checked, and use is what the books say. */
void audit_take(audit *a, const card *c, const probe_sample *s);
/* The round will not be finished: what was taken of it counts for nothing. */
void audit_break_off(audit *a);
void audit_turn(audit *a, int64_t now_us);

/* Of an allocation; NULL: it has been in no round yet. */
const audit_use *audit_use_of(const audit *a, const allocation *of);
/* Fills *ret with what was since the last take and begins anew. False: nothing was. */
bool audit_use_take(audit *a, const allocation *of, node_usage *ret);
/* Whether any process used a device in the last round, or stands in any books. */
bool audit_is_busy(const audit *a);
/* Findings of a kind since the start. */
uint64_t audit_count(const audit *a, audit_kind kind);
