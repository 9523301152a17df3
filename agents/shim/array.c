#include "shim/array.h"

#include <stdbool.h>

#include "shim/abi.h"

/* Formats whose pixels are not channels times a plain size: bits per pixel. */
static const struct {
	int first, last;
	unsigned pixel_bits;
} array_formats[] = {
	{0x91, 0x92, 4},                                      /* BC1 */
	{0x93, 0x96, 8},                                      /* BC2, BC3 */
	{0x97, 0x98, 4},                                      /* BC4 */
	{0x99, 0x9e, 8},                                      /* BC5 to BC7 */
	{0x9f, 0x9f, 24},                                     /* P010 */
	{0xa1, 0xa1, 24},                                     /* P016 */
	{0xa2, 0xa2, 16},                                     /* NV16 */
	{0xa3, 0xa4, 32},                                     /* P210, P216 */
	{0xa5, 0xa5, 16},                                     /* YUY2 */
	{0xa6, 0xa7, 32},                                     /* Y210, Y216 */
	{0xa8, 0xa9, 32},                                     /* AYUV, Y410 */
	{0xb1, 0xb1, 64},                                     /* Y416 */
	{0xb0, 0xb0, 12},                                     /* NV12 */
	{0xb2, 0xb2, 24},                                     /* planar 4:4:4, 8 bits */
	{0xb3, 0xb3, 48},                                     /* likewise, 10 bits in 16 */
	{0xb4, 0xb4, 24},                                     /* semi-planar */
	{0xb5, 0xb5, 48}, {0xc0, 0xc0, 8},                    /* normed, 8 bits, 1 channel */
	{0xc1, 0xc1, 16}, {0xc2, 0xc2, 32}, {0xc3, 0xc3, 16}, /* 16 bits */
	{0xc4, 0xc4, 32}, {0xc5, 0xc5, 64}, {0xc6, 0xc6, 8},  /* signed */
	{0xc7, 0xc7, 16}, {0xc8, 0xc8, 32}, {0xc9, 0xc9, 16}, {0xca, 0xca, 32}, {0xcb, 0xcb, 64},
	{0x50, 0x50, 32}, /* 10, 10, 10, 2 */
	{0x51, 0x5e, 48}, /* newer video formats: the largest of them */
};

static unsigned array_channel_bits(int format)
{
	switch (format) {
	case 0x01: /* 8 bits, unsigned and signed */
	case 0x08:
		return 8;
	case 0x02: /* 16 bits, and half floats */
	case 0x09:
	case 0x10:
		return 16;
	default: /* 32 bits, and what is newer than this table */
		return 32;
	}
}

unsigned array_format_bits(int format, unsigned channels)
{
	for (unsigned i = 0; i < sizeof array_formats / sizeof array_formats[0]; i++)
		if (format >= array_formats[i].first && format <= array_formats[i].last)
			return array_formats[i].pixel_bits;
	return array_channel_bits(format) * (channels ? channels : 1);
}

static uint64_t array_times(uint64_t a, uint64_t b)
{
	uint64_t product;
	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

static uint64_t array_half(uint64_t n)
{
	return n > 1 ? n / 2 : n;
}

uint64_t array_bytes(
	uint64_t width, uint64_t height, uint64_t depth, int format, unsigned channels, unsigned flags, unsigned levels)
{
	uint64_t bits = 0;
	if (flags & (CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING))
		return 0;
	bool layered = flags & (CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_CUBEMAP);
	for (unsigned level = 0; level < (levels ? levels : 1) && level < 64; level++) {
		uint64_t pixels = array_times(array_times(width, height ? height : 1), depth ? depth : 1);
		uint64_t level_bits = array_times(pixels, array_format_bits(format, channels));
		if (level_bits == UINT64_MAX || __builtin_add_overflow(bits, level_bits, &bits))
			return UINT64_MAX;
		if (width <= 1 && height <= 1 && (layered || depth <= 1))
			break;
		width = array_half(width);
		height = array_half(height);
		depth = layered ? depth : array_half(depth);
	}
	return bits / 8 + (bits % 8 != 0);
}
