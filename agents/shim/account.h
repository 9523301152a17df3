/* account: device time of a container on one device: what was charged, and when that will have been earned. */
#pragma once
#include <stdint.h>

#include "shim/self.h"

/* The share in thousandths, loans included; LIMITS_WHOLE: nothing to account. */
uint32_t account_share(const self *s, unsigned device);

/* Charges ns of device time if the container may launch now: 0; else nothing, and how long to wait at most. */
int64_t account_draw(self *s, unsigned device, int64_t ns);

/* Charges ns (or gives back, below 0) whether it may or not: what was found out afterwards. */
void account_correct(self *s, unsigned device, int64_t ns);

/* What a measured nanosecond is charged at, in thousandths: NVML knows what a container really had. */
uint32_t account_trim(self *s, unsigned device);
