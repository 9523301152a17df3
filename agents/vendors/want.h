/* want: what one container asks of one kind of device, read from its resources by the kind's row.
 *
 * A limit counts, else a request, as the API server has it for extended resources. Where HAMi drops what it cannot read
 * and lets the pod run without a device, this refuses: `nvidia.com/gpumem: 16Gi` is 16,384 times what was meant.
 * Amounts of one device that are more than a whole are a whole one.
 */
#pragma once
#include "agents/kube/quantity.h"
#include "agents/vendors/vendor.h"

enum { WANT_COUNT_MAX = 4096 }; /* devices of one container */

typedef struct want {
	const vendor *kind;
	int32_t count;          /* 0: it asks for none of this kind */
	int64_t memory_mib;     /* of each; 0: see memory_percent */
	int32_t memory_percent; /* 1 to 100 when memory_mib is 0 and something of a memory was asked; 0: the whole */
	int32_t compute_milli;  /* of each, 0 to 1000; VENDOR_ABSENT: no word of it */
	int32_t size;           /* slices of one device that is cut to them; 0: not asked so */
	int32_t priority;       /* VENDOR_ABSENT: none */
} want;

/* limits and requests are a container's resource lists; names that the row does not have are passed over.
 * ERR_BAD_FIELD: an amount makes no sense; the fault's pointer is the resource's name, the detail says what to write.
 */
err want_read(const vendor *kind, const quantity_row *limits, uint32_t n_limits, const quantity_row *requests,
	uint32_t n_requests, want *ret, fault *f) MUST_CHECK;
