#include "server/identity/token.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdio.h>

static const struct {
	const char *head, *id_prefix;
} kinds[] = {
	[TOKEN_PAT] = {"rv_pat_", "tok"},
	[TOKEN_JOIN] = {"rv_join_", "jtk"},
	[TOKEN_CI] = {"rv_ci_", "cit"},
	[TOKEN_SESSION] = {"rv_ses_", "ses"},
};

enum { CRC_POLYNOMIAL = (int)0xedb88320, BASE = 62 };

static uint32_t crc32_of(str s)
{
	uint32_t crc = ~0u;

	for (uint32_t i = 0; i < s.n; i++) {
		crc ^= (unsigned char)s.p[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) ? (uint32_t)CRC_POLYNOMIAL : 0);
	}
	return ~crc;
}

static void check_print(str before, char out[TOKEN_CHECK])
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint32_t crc = crc32_of(before);

	for (int i = TOKEN_CHECK - 1; i >= 0; i--) {
		out[i] = digits[crc % BASE];
		crc /= BASE;
	}
}

static void secret_hash(str secret, uint8_t out[TOKEN_HASH])
{
	SHA256((const unsigned char *)secret.p, secret.n, out);
}

token_made token_make(token_kind k)
{
	token_made t = {.id = id_make(kinds[k].id_prefix)};
	char secret[TOKEN_SECRET + 1];
	const char *ulid = t.id.p + strlen(kinds[k].id_prefix) + 1;

	random_text(secret, TOKEN_SECRET);
	int n = snprintf(t.text, sizeof(t.text), "%s%s_%s", kinds[k].head, ulid, secret);
	assert(n > 0 && (size_t)n + TOKEN_CHECK < sizeof(t.text));
	check_print(str_of(t.text, (size_t)n), t.text + n);
	t.text[n + TOKEN_CHECK] = '\0';
	secret_hash(str_of(secret, TOKEN_SECRET), t.hash);
	return t;
}

bool token_parse(token_kind k, str text, token_parsed *ret)
{
	str head = str_from(kinds[k].head);
	size_t body = head.n + ID_ULID + 1 + TOKEN_SECRET;
	char check[TOKEN_CHECK];

	if (text.n != body + TOKEN_CHECK || !str_starts(text, head) || text.p[head.n + ID_ULID] != '_')
		return false;
	check_print(str_cut(text, 0, body), check);
	if (memcmp(check, text.p + body, TOKEN_CHECK) != 0)
		return false;
	snprintf(ret->id.p, sizeof(ret->id.p), "%s_%.*s", kinds[k].id_prefix, ID_ULID, text.p + head.n);
	if (!id_is(id_str(&ret->id), kinds[k].id_prefix))
		return false;
	secret_hash(str_cut(text, body - TOKEN_SECRET, body), ret->hash);
	return true;
}

bool token_matches(const token_parsed *t, str hash)
{
	return str_eq_secret(str_of((const char *)t->hash, TOKEN_HASH), hash);
}
