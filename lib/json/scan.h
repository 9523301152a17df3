/* scan: finding the end of a plain run of text, 16 bytes at a time.
 *
 * Shared by the reader (a run ends at a quote, a backslash, a control byte or a byte outside ASCII) and the writer (the
 * same, but bytes outside ASCII stand as they are). Internal to this room.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static inline bool scan_is_plain(unsigned char c, bool high_is_plain)
{
	return c != '"' && c != '\\' && c >= 0x20 && (high_is_plain || c < 0x80);
}

#if defined(__SSE2__)
/* Bit i: byte i ends the run. */
static inline unsigned scan_stops_16(const char *at, bool high_is_plain)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i marks = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));

	/* The signed comparison takes bytes from 0x80 on along with control bytes; the unsigned one (by min) does not.
	 */
	if (high_is_plain)
		marks = _mm_or_si128(marks, _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v));
	else
		marks = _mm_or_si128(marks, _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)));
	return (unsigned)_mm_movemask_epi8(marks);
}
#endif

/* Whether one of 8 bytes ends the run. Exact: a borrow can only start at a byte that is a stop itself. */
static inline bool scan_has_stop_8(const char *at, bool high_is_plain)
{
	const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
	uint64_t v, quote, slash, stops;

	memcpy(&v, at, sizeof(v));
	quote = v ^ (ones * '"');
	slash = v ^ (ones * '\\');
	stops = ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((v - ones * 0x20) & ~v);
	if (!high_is_plain)
		stops |= v;
	return (stops & tops) != 0;
}

/* The first byte in [at, end) that ends the run, or end. */
static inline const char *scan_plain(const char *at, const char *end, bool high_is_plain)
{
#if defined(__SSE2__)
	for (; end - at >= 16; at += 16) {
		unsigned stops = scan_stops_16(at, high_is_plain);
		if (stops)
			return at + __builtin_ctz(stops);
	}
#endif
	while (end - at >= 8 && !scan_has_stop_8(at, high_is_plain))
		at += 8;
	while (at < end && scan_is_plain((unsigned char)*at, high_is_plain))
		at++;
	return at;
}
