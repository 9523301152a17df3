/* visible: which of the machine's devices the program sees, and in what order, by CUDA_VISIBLE_DEVICES. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* The bytes of "GPU-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" or "MIG-...". */
bool visible_uuid(const char *text, uint8_t *ret_uuid);

/* The program's number of a device that NVML knows by uuid (NULL: not known) and index; -1: the program does not see
 * it. */
int visible_ordinal(const uint8_t *uuid, unsigned index);

/* Microseconds since 1970, in which NVML dates its samples. */
uint64_t visible_now_us(void);
