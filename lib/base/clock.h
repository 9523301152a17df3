/* clock: time as 64-bit microseconds, and its text form.
 *
 * Deadlines and leases use the monotonic clock; the realtime clock is for stamps that people read. Engine code takes
 * time as an argument and never asks.
 */
#pragma once
#include "base/err.h"

int64_t clock_now_us(void);  /* UTC since 1970 */
int64_t clock_mono_us(void); /* since an arbitrary moment, never backwards */
int64_t clock_mono_ns(void); /* the same, for what takes less than a microsecond */

/* Blocks the process; for programs without a loop and for before a loop runs. A signal may end it early. */
void clock_sleep_ms(int64_t ms);

enum { CLOCK_TEXT_MAX = 32 };
/* RFC 3339, UTC, milliseconds, "Z": "2026-11-20T09:14:00.031Z". Returns the length written, without the NUL. */
int clock_text(int64_t at_us, char out[CLOCK_TEXT_MAX]);
/* RFC 3339 with 'Z' or an offset and up to 9 digits of fraction. False leaves *ret alone. */
bool clock_parse(str s, int64_t *ret_us);
/* HTTP date (RFC 9110, 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". */
int clock_http_date(int64_t at_us, char out[CLOCK_TEXT_MAX]);
