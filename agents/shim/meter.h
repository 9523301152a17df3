/* meter: what was launched, told in the books, and compared now and then with what NVML says the device did. */
#pragma once
#include "shim/self.h"

/* ns of device time were charged. */
void meter_add(self *s, unsigned device, int64_t ns);

/* A launch has passed the gate. */
void meter_launched(self *s, unsigned device);
