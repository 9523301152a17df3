/* share: what a slice of a device counts as, in the three axes of quota.
 *
 * `device_milli` is the larger of the slice's two shares (memory, compute), in thousandths of one device, rounded up:
 * half the memory of a card is half a card, whether or not compute was asked. The other two axes are the amounts
 * themselves. Every slice stores what it was charged, so that a release gives back exactly that.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef enum axis { AXIS_DEVICE_MILLI, AXIS_MEMORY_MIB, AXIS_COMPUTE_MILLI, AXIS_COUNT } axis;

/* Amounts along the axes, totals over devices. */
typedef struct amounts {
	int64_t v[AXIS_COUNT];
} amounts;

enum { SHARE_WHOLE_MILLI = 1000, SHARE_MIG_SLICES = 7 };

/* "device_milli", "memory_mib", "compute_milli". */
const char *axis_name(axis a);

amounts amounts_add(amounts a, amounts b); /* saturating at the ends of int64 */
amounts amounts_sub(amounts a, amounts b);
amounts amounts_times(amounts a, int64_t n);
bool amounts_eq(amounts a, amounts b);

/* The charge of `count` equal slices of devices that hold device_memory_mib (> 0). All arguments are >= 0; memory is at
 * most the device's, compute at most 1000. device_milli never passes 1000 per device. */
amounts share_of_slice(int64_t memory_mib, int64_t compute_milli, int64_t device_memory_mib, int64_t count);

/* device_milli of one such slice. */
int64_t share_milli(int64_t memory_mib, int64_t compute_milli, int64_t device_memory_mib);

/* The charge of `count` MIG instances: the profile's own MiB and floor(1000 x slices / 7) of compute, slices 1 to 7. */
amounts share_of_mig(int64_t memory_mib, int64_t slices, int64_t device_memory_mib, int64_t count);

/* memory_percent (1 to 100) of a card, rounded down to MiB. */
int64_t share_memory_mib(int64_t memory_percent, int64_t device_memory_mib);
