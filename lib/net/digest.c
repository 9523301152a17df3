#include "net/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* Looked up once: the lookup costs more than the digest of a short text. */
static EVP_MD *sha256;
static EVP_MD_CTX *context;

static void digest_open(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	context = EVP_MD_CTX_new();
	if (!sha256 || !context)
		abort();
}

__attribute__((destructor)) static void digest_close(void)
{
	EVP_MD_CTX_free(context);
	EVP_MD_free(sha256);
}

void digest_sha256(const str *parts, size_t n, uint8_t ret_digest[DIGEST_BYTES])
{
	if (!context)
		digest_open();
	int ok = EVP_DigestInit_ex2(context, sha256, NULL);
	for (size_t i = 0; ok && i < n; i++)
		ok = EVP_DigestUpdate(context, parts[i].p ? parts[i].p : "", parts[i].n);
	if (!ok || !EVP_DigestFinal_ex(context, ret_digest, NULL))
		abort();
}
