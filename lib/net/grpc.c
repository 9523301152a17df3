#include "net/grpc.h"

enum { TIMEOUT_DIGITS_MAX = 8, TIMEOUT_NUMBER_MAX = 99999999 };

grpc_part grpc_message_read(str bytes, size_t max, str *ret_message, grpc_status *ret_status)
{
	const uint8_t *p = (const uint8_t *)bytes.p;

	if (bytes.n >= 1 && p[0] != 0) {
		*ret_status = p[0] == 1 ? GRPC_UNIMPLEMENTED : GRPC_INTERNAL;
		return GRPC_REFUSED;
	}
	if (bytes.n < GRPC_PREFIX)
		return GRPC_PART;
	size_t n = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
	if (n > max) {
		*ret_status = GRPC_RESOURCE_EXHAUSTED;
		return GRPC_REFUSED;
	}
	if (bytes.n - GRPC_PREFIX < n)
		return GRPC_PART;
	*ret_message = str_cut(bytes, GRPC_PREFIX, GRPC_PREFIX + n);
	return GRPC_WHOLE;
}

void grpc_prefix(uint8_t out[GRPC_PREFIX], size_t n)
{
	out[0] = 0;
	for (uint32_t i = 1; i < GRPC_PREFIX; i++)
		out[i] = (uint8_t)(n >> (8 * (GRPC_PREFIX - 1 - i)));
}

static const struct {
	char unit;
	int64_t times, parts; /* micro-seconds: number * times / parts */
} units[] = {
	{'n', 1, 1000},
	{'u', 1, 1},
	{'m', 1000, 1},
	{'S', 1000000, 1},
	{'M', 60000000, 1},
	{'H', 3600000000, 1},
};
enum { UNITS = sizeof(units) / sizeof(*units) };

bool grpc_timeout_read(str text, int64_t *ret_us)
{
	int64_t number = 0;

	if (text.n < 2 || text.n > TIMEOUT_DIGITS_MAX + 1)
		return false;
	for (uint32_t i = 0; i < text.n - 1; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		number = number * 10 + (text.p[i] - '0');
	}
	for (uint32_t i = 0; i < UNITS; i++) {
		if (units[i].unit != text.p[text.n - 1])
			continue;
		*ret_us = number * units[i].times / units[i].parts;
		return true;
	}
	return false;
}

str grpc_timeout_print(int64_t us, arena *a)
{
	uint32_t i = 1;

	while (i + 1 < UNITS && us / units[i].times > TIMEOUT_NUMBER_MAX)
		i++;
	return str_print(a, "%lld%c", (long long)(us / units[i].times), units[i].unit);
}

static bool is_plain(char c)
{
	return c >= ' ' && c <= '~' && c != '%';
}

str grpc_text_print(str text, arena *a)
{
	static const char digits[] = "0123456789ABCDEF";
	str from = str_cut(text, 0, GRPC_TEXT_MAX);
	char *out = arena_alloc(a, (size_t)from.n * 3 + 1);
	uint32_t n = 0;

	for (uint32_t i = 0; i < from.n; i++) {
		uint8_t c = (uint8_t)from.p[i];
		if (is_plain(from.p[i])) {
			out[n++] = from.p[i];
			continue;
		}
		out[n++] = '%';
		out[n++] = digits[c >> 4];
		out[n++] = digits[c & 15];
	}
	return (str){out, n};
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

str grpc_text_read(str text, arena *a)
{
	str from = str_cut(text, 0, 3 * GRPC_TEXT_MAX);
	char *out = arena_alloc(a, (size_t)from.n + 1);
	uint32_t n = 0;

	for (uint32_t i = 0; i < from.n; i++) {
		int high = from.p[i] == '%' && i + 2 < from.n ? digit_of(from.p[i + 1]) : -1;
		int low = high >= 0 ? digit_of(from.p[i + 2]) : -1;
		out[n++] = (char)(low >= 0 ? high << 4 | low : from.p[i]);
		i += low >= 0 ? 2 : 0;
	}
	return (str){out, n};
}
