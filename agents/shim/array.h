/* array: what an array costs, from its description. */
#pragma once
#include <stdint.h>

/* Bytes of an array of so many levels (1: no mipmap); 0 for one that brings no memory of its own (sparse, mapped
 * later). UINT64_MAX when it does not fit into 64 bits. flags are CUDA_ARRAY3D_*.
 */
uint64_t array_bytes(uint64_t width, uint64_t height, uint64_t depth, int format, unsigned channels, unsigned flags,
	unsigned levels);

/* Bits of one channel of a format; compressed and packed formats are counted as bits of a pixel over their channels. */
unsigned array_format_bits(int format, unsigned channels);
