/* certificate: the rows of agents' certificates an edge remembers for a few seconds, so that a revoked one ends within
 * that. */
#pragma once
#include "base/id.h"

/* So long after its end a certificate may still be renewed, and nothing else (architecture, section 6). */
#define CERTIFICATE_RENEW_LATE_US ((int64_t)30 * 86400 * 1000000)

enum { CERTIFICATE_TTL_US = 5000000, CERTIFICATES_MAX = 8192, CERTIFICATE_SERIAL_MAX = 64 };

typedef struct certificate {
	char serial[CERTIFICATE_SERIAL_MAX];
	char cluster_id[ID_MAX];
	char cluster[64];
	char state[16];
	int32_t cluster_key;
	bool is_revoked;
	int64_t read_us; /* monotonic */
} certificate;

typedef struct certificates certificates;

certificates *certificates_new(void);
void certificates_free(certificates *s); /* NULL-safe */
/* NULL when it is not remembered, or too old. Valid until the next call of these. */
const certificate *certificates_find(certificates *s, str serial, int64_t now_us);
void certificates_put(certificates *s, const certificate *c);
void certificates_clear(certificates *s);
