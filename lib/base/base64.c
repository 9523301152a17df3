#include "base/base64.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

str base64_print(str bytes, arena *a)
{
	uint32_t n = (bytes.n + 2) / 3 * 4;
	char *out = arena_alloc(a, n + 1);

	for (uint32_t i = 0, o = 0; i < bytes.n; i += 3, o += 4) {
		uint32_t left = bytes.n - i;
		uint32_t v = (uint32_t)(unsigned char)bytes.p[i] << 16;
		v |= left > 1 ? (uint32_t)(unsigned char)bytes.p[i + 1] << 8 : 0;
		v |= left > 2 ? (uint32_t)(unsigned char)bytes.p[i + 2] : 0;
		out[o] = letters[v >> 18];
		out[o + 1] = letters[v >> 12 & 63];
		out[o + 2] = left > 1 ? letters[v >> 6 & 63] : '=';
		out[o + 3] = left > 2 ? letters[v & 63] : '=';
	}
	return (str){out, n};
}

static int32_t letter_value(char c)
{
	const char *at = c ? strchr(letters, c) : NULL;

	return at ? (int32_t)(at - letters) : -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool base64_read(str text, arena *a, str *ret)
{
	char *out = arena_alloc(a, (size_t)text.n / 4 * 3 + 4);
	uint32_t n = 0, n_padding = 0, bits = 0, n_bits = 0;

	for (uint32_t i = 0; i < text.n; i++) {
		int32_t v = letter_value(text.p[i]);
		if (is_blank(text.p[i]))
			continue;
		if (text.p[i] == '=') {
			n_padding++;
			continue;
		}
		if (v < 0 || n_padding)
			return false;
		bits = bits << 6 | (uint32_t)v;
		n_bits += 6;
		if (n_bits < 8)
			continue;
		n_bits -= 8;
		out[n++] = (char)(bits >> n_bits & 0xff);
	}
	/* 2 or 4 bits are left of the last letter; they are zero in what anybody wrote. */
	if (n_bits == 6 || n_padding != n_bits / 2 || bits & ((1u << n_bits) - 1))
		return false;
	*ret = (str){out, n};
	return true;
}
