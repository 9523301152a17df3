#include "server/edge/cursor.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void mac_of(str secret, str filters, str last, uint8_t out[CURSOR_MAC], arena *a)
{
	uint8_t whole[EVP_MAX_MD_SIZE];
	unsigned n;
	str all = str_print(a, "%u:" STR_FMT STR_FMT, (unsigned)filters.n, STR_ARG(filters), STR_ARG(last));

	HMAC(EVP_sha256(), secret.p, (int)secret.n, (const unsigned char *)all.p, all.n, whole, &n);
	memcpy(out, whole, CURSOR_MAC);
}

static str base64url(arena *a, str bytes)
{
	char *out = arena_alloc(a, (size_t)bytes.n * 4 / 3 + 4);
	uint32_t n = 0, bits = 0, held = 0;

	for (uint32_t i = 0; i < bytes.n; i++) {
		held = held << 8 | (unsigned char)bytes.p[i];
		for (bits += 8; bits >= 6; bits -= 6)
			out[n++] = alphabet[held >> (bits - 6) & 63];
	}
	if (bits)
		out[n++] = alphabet[held << (6 - bits) & 63];
	return (str){out, n};
}

static bool base64url_read(arena *a, str text, str *ret)
{
	char *out = arena_alloc(a, text.n + 1);
	uint32_t n = 0, bits = 0, held = 0;

	for (uint32_t i = 0; i < text.n; i++) {
		const char *at = memchr(alphabet, text.p[i], sizeof(alphabet) - 1);
		if (!at)
			return false;
		held = held << 6 | (uint32_t)(at - alphabet);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (char)(held >> bits & 255);
		}
	}
	*ret = (str){out, n};
	return true;
}

str cursor_make(arena *a, str secret, str filters, str last)
{
	char *bytes = arena_alloc(a, CURSOR_MAC + (size_t)last.n + 1);

	mac_of(secret, filters, last, (uint8_t *)bytes, a);
	memcpy(bytes + CURSOR_MAC, last.p, last.n);
	return base64url(a, str_of(bytes, CURSOR_MAC + last.n));
}

err cursor_read(arena *a, str secret, str filters, str cursor, str *ret_last, fault *f)
{
	uint8_t mac[CURSOR_MAC];
	str bytes;

	if (!base64url_read(a, cursor, &bytes) || bytes.n < CURSOR_MAC || bytes.n > CURSOR_MAC + CURSOR_LAST_MAX)
		return fault_set(f, ERR_CURSOR_MISMATCH, "cursor", "this is no cursor of this server");
	str last = str_cut(bytes, CURSOR_MAC, bytes.n);
	mac_of(secret, filters, last, mac, a);
	if (!str_eq_secret(str_cut(bytes, 0, CURSOR_MAC), str_of((const char *)mac, CURSOR_MAC)))
		return fault_set(f, ERR_CURSOR_MISMATCH, "cursor", "the cursor belongs to another query or caller");
	*ret_last = last;
	return ERR_OK;
}
