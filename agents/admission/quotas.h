/* quotas: what Kubernetes' own ResourceQuotas say of devices, which Kubernetes itself does not keep.
 *
 * As HAMi has it: `limits.<memory resource>` and `limits.<compute resource>` of a namespace, in the resource's units
 * over all devices; 0 forbids. Of several quotas of one namespace each counts, so the tightest does. What is used is
 * what the namespace's pods hold or are being bound to; a pod asks for the larger of its largest init container and the
 * sum of the others.
 */
#pragma once
#include "agents/scheduling/pod_ask.h"

enum { QUOTAS_ROWS_MAX = 100000 };

typedef struct quotas quotas;

quotas *quotas_new(void);
void quotas_free(quotas *q); /* NULL-safe */
/* A ResourceQuota as the API server tells it. ERR_BAD_FIELD: it cannot be read, and what it said before counts on;
 * ERR_LIMIT: too many. */
err quotas_put(quotas *q, str object) MUST_CHECK;
void quotas_drop(quotas *q, str space, str name);
/* Whether any stands for that namespace. */
bool quotas_has(const quotas *q, str space);

/* What a pod asks of one kind, over all its devices. */
typedef struct quota_ask {
	const vendor *kind;
	int64_t memory_mib;    /* as far as it is said in MiB */
	int64_t compute_milli; /* as far as it is said */
	stock_held held;       /* what the pods of its namespace hold of the kind */
} quota_ask;
/* Of wants, one row per kind; returns their number, at most POD_WANTS_MAX. Nothing is held yet. */
uint32_t quota_asks(const pod *p, const pod_wants *wants, quota_ask *ret);
void quota_asks_held(const stock *s, str space, quota_ask *asks, uint32_t n);

/* The quota that is most over: in the resource's units. */
typedef struct quota_gap {
	str name;             /* of the quota; lives as long as it */
	const char *resource; /* without "limits." */
	int64_t limit, used, asked;
} quota_gap;
/* Whether a pod of that namespace is within all. False fills *ret with the one that leaves least. */
bool quotas_let(const quotas *q, str space, const quota_ask *asks, uint32_t n, quota_gap *ret);

/* Brings a pod's request under the quotas of its namespace: parts of a device whose size is not known before it is
 * chosen may take what is left and no more. False: what is said in amounts is over by itself; *ret says of which. */
bool quotas_limit(const quotas *q, const stock *s, const pod *p, pod_ask *a, quota_gap *ret);
/* The same beside what asks say is held. */
bool quotas_limit_beside(const quotas *q, str space, const quota_ask *asks, uint32_t n, pod_ask *a, quota_gap *ret);

/* One limit of one namespace, in the resource's units. */
typedef struct quota_told {
	str space;
	const char *resource; /* without "limits." */
	int64_t limit, used;
} quota_told;
void quotas_each(const quotas *q, const stock *s, void (*visit)(void *arg, const quota_told *t), void *arg);
