#include "mint.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <unistd.h>

enum { P256_BYTES = 32, SIGNATURE_MAX = 1024, PEM_MAX = 8192 };

struct mint_key {
	EVP_PKEY *key;
	const char *kind, *kid;
};

static void key_end(void *key)
{
	EVP_PKEY_free(key);
}

static EVP_PKEY *key_make(const char *kind)
{
	if (strcmp(kind, "RSA") == 0)
		return EVP_RSA_gen(2048);
	return strcmp(kind, "RSA1024") == 0 ? EVP_RSA_gen(1024) : EVP_EC_gen(kind);
}

static mint_key *key_of(arena *a, EVP_PKEY *key, const char *kind, const char *kid)
{
	mint_key *k = ARENA_NEW(a, mint_key);

	assert(key);
	*k = (mint_key){key, kind, kid};
	arena_on_end(a, key_end, key);
	return k;
}

mint_key *mint_key_new(arena *a, const char *kind, const char *kid)
{
	return key_of(a, key_make(kind), kind, kid);
}

mint_key *mint_key_file(arena *a, const char *path, const char *kind, const char *kid)
{
	FILE *f = fopen(path, "r");
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : key_make(kind);

	if (!f) {
		f = fopen(path, "w");
		int done = f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
		assert(done);
	}
	fclose(f);
	return key_of(a, key, kind, kid);
}

static str encoded(arena *a, const void *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *in = p;
	char *out = arena_alloc(a, n * 4 / 3 + 4);
	uint32_t len = 0;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t left = (uint32_t)(n - i), v = (uint32_t)in[i] << 16;
		if (left > 1)
			v |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			v |= in[i + 2];
		for (uint32_t k = 0; k < (left > 2 ? 4 : left + 1); k++)
			out[len++] = digits[v >> (18 - 6 * k) & 63];
	}
	return str_of(out, len);
}

static str number_of(arena *a, const mint_key *k, const char *name, int bytes)
{
	BIGNUM *n = NULL;
	int done = EVP_PKEY_get_bn_param(k->key, name, &n);

	assert(done);
	int len = bytes ? bytes : BN_num_bytes(n);
	unsigned char *out = arena_alloc(a, (size_t)len);
	BN_bn2binpad(n, out, len);
	BN_free(n);
	return encoded(a, out, (size_t)len);
}

str mint_jwk(arena *a, const mint_key *k, const char *more)
{
	if (k->kind[0] == 'R') {
		str n = number_of(a, k, OSSL_PKEY_PARAM_RSA_N, 0), e = number_of(a, k, OSSL_PKEY_PARAM_RSA_E, 0);
		return str_print(a, "{\"kty\":\"RSA\",\"kid\":\"%s\",\"n\":\"" STR_FMT "\",\"e\":\"" STR_FMT "\"%s}",
			k->kid, STR_ARG(n), STR_ARG(e), more);
	}
	int bytes = strcmp(k->kind, "P-256") == 0 ? P256_BYTES : P256_BYTES * 3 / 2;
	str x = number_of(a, k, OSSL_PKEY_PARAM_EC_PUB_X, bytes), y = number_of(a, k, OSSL_PKEY_PARAM_EC_PUB_Y, bytes);
	return str_print(a,
		"{\"kty\":\"EC\",\"crv\":\"%s\",\"kid\":\"%s\",\"x\":\"" STR_FMT "\",\"y\":\"" STR_FMT "\"%s}", k->kind,
		k->kid, STR_ARG(x), STR_ARG(y), more);
}

str mint_jwks(arena *a, const mint_key *const *v, size_t n)
{
	str out = S("{\"keys\":[");

	for (size_t i = 0; i < n; i++) {
		str one = mint_jwk(a, v[i], "");
		out = str_print(a, STR_FMT "%s" STR_FMT, STR_ARG(out), i ? "," : "", STR_ARG(one));
	}
	return str_print(a, STR_FMT "]}", STR_ARG(out));
}

static str signature_asymmetric(arena *a, const mint_key *k, str text)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char *out = arena_alloc(a, SIGNATURE_MAX);
	size_t n = SIGNATURE_MAX;
	int done = EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, k->key) &&
		   EVP_DigestSign(c, out, &n, (const unsigned char *)text.p, text.n);

	assert(done);
	EVP_MD_CTX_free(c);
	return str_of((const char *)out, n);
}

/* From DER to r and s side by side (RFC 7518, 3.4). */
static str signature_ec(arena *a, const mint_key *k, str text)
{
	str der = signature_asymmetric(a, k, text);
	const unsigned char *p = (const unsigned char *)der.p;
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)der.n);
	unsigned char *out = arena_alloc(a, SIGNATURE_MAX);
	int bytes = strcmp(k->kind, "P-256") == 0 ? P256_BYTES : P256_BYTES * 3 / 2;

	assert(s);
	BN_bn2binpad(ECDSA_SIG_get0_r(s), out, bytes);
	BN_bn2binpad(ECDSA_SIG_get0_s(s), out + bytes, bytes);
	ECDSA_SIG_free(s);
	return str_of((const char *)out, (size_t)bytes * 2);
}

static str signature_confused(arena *a, const mint_key *k, str text)
{
	unsigned char *out = arena_alloc(a, SIGNATURE_MAX);
	unsigned int n = 0;
	char *pem;
	BIO *b = BIO_new(BIO_s_mem());

	PEM_write_bio_PUBKEY(b, k->key);
	long len = BIO_get_mem_data(b, &pem);
	HMAC(EVP_sha256(), pem, (int)len, (const unsigned char *)text.p, text.n, out, &n);
	BIO_free(b);
	return str_of((const char *)out, n);
}

str mint_parts(arena *a, str header, str claims, str signature)
{
	str h = encoded(a, header.p, header.n), c = encoded(a, claims.p, claims.n);
	str s = signature.p ? encoded(a, signature.p, signature.n) : S("");

	return str_print(a, STR_FMT "." STR_FMT "." STR_FMT, STR_ARG(h), STR_ARG(c), STR_ARG(s));
}

str mint_token(arena *a, const mint_key *k, const char *alg, const char *kid, const char *header, str claims)
{
	str named = kid ? str_print(a, ",\"kid\":\"%s\"", kid) : S("");
	str head = str_print(a, "{\"alg\":\"%s\"" STR_FMT "%s}", alg, STR_ARG(named), header);
	str whole = mint_parts(a, head, claims, STR_NONE), text = str_cut(whole, 0, whole.n - 1), signature = STR_NONE;

	if (strcmp(alg, "HS256") == 0)
		signature = signature_confused(a, k, text);
	else if (strcmp(alg, "none") != 0)
		signature = k->kind[0] == 'R' ? signature_asymmetric(a, k, text) : signature_ec(a, k, text);
	str s = signature.p ? encoded(a, signature.p, signature.n) : S("");
	return str_print(a, STR_FMT "." STR_FMT, STR_ARG(text), STR_ARG(s));
}
