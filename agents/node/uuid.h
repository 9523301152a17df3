/* uuid: the names of devices: "GPU-" or "MIG-" and a UUID outside, 16 bytes in limits. */
#pragma once
#include <stdint.h>
#include "base/str.h"

enum { UUID_BYTES = 16, UUID_TEXT_MAX = 48 };

/* The bytes of a name with any prefix that ends in '-', or none; false (and zeros) when it is no UUID: other makers
 * have names of other kinds. */
bool uuid_read(str name, uint8_t ret[UUID_BYTES]);
