#include "net/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

enum { PATH_BYTES = 4096, PEM_BYTES_MAX = 16 * 1024 };

struct signing_key {
	EVP_PKEY *pair;
};

static void pair_auto_free(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
static void bio_auto_free(BIO **b)
{
	BIO_free_all(*b);
}
static void sum_auto_free(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}
#define AUTO_PAIR __attribute__((cleanup(pair_auto_free))) EVP_PKEY *
#define AUTO_BIO  __attribute__((cleanup(bio_auto_free))) BIO *
#define AUTO_SUM  __attribute__((cleanup(sum_auto_free))) EVP_MD_CTX *

static err io_fail(fault *f, const char *path)
{
	ERR_clear_error();
	return fault_set(f, ERR_IO, NULL, "%s: %s", path, errno ? strerror(errno) : "is no Ed25519 key");
}

/* Written beside and linked into place: of two that make one, one wins and the other reads it. */
static err pair_write(EVP_PKEY *pair, const char *path, fault *f)
{
	char beside[PATH_BYTES];

	if (snprintf(beside, sizeof(beside), "%s.%d", path, (int)getpid()) >= (int)sizeof(beside))
		return fault_set(f, ERR_IO, NULL, "the path of %s is too long", path);
	int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out)
		return io_fail(f, beside);
	bool ok = PEM_write_PKCS8PrivateKey(out, pair, NULL, NULL, 0, NULL, NULL) == 1 && fflush(out) == 0 &&
		  fsync(fd) == 0;
	ok = fclose(out) == 0 && ok;
	ok = ok && (link(beside, path) == 0 || errno == EEXIST);
	unlink(beside);
	return ok ? ERR_OK : io_fail(f, path);
}

err signing_key_ensure(const char *path, fault *f)
{
	if (access(path, F_OK) == 0)
		return ERR_OK;
	AUTO_PAIR pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return pair ? pair_write(pair, path, f) : fault_set(f, ERR_TLS, NULL, "cannot make an Ed25519 key");
}

err signing_key_open(const char *path, signing_key **ret, fault *f)
{
	FILE *in = fopen(path, "re");

	if (!in)
		return io_fail(f, path);
	EVP_PKEY *pair = PEM_read_PrivateKey(in, NULL, NULL, NULL);
	fclose(in);
	errno = 0;
	if (!pair || !EVP_PKEY_is_a(pair, "ED25519")) {
		EVP_PKEY_free(pair);
		return io_fail(f, path);
	}
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		abort();
	(*ret)->pair = pair;
	return ERR_OK;
}

void signing_key_close(signing_key *k)
{
	if (!k)
		return;
	EVP_PKEY_free(k->pair);
	free(k);
}

void signing_key_public(const signing_key *k, uint8_t ret_key[SIGNATURE_KEY])
{
	size_t n = SIGNATURE_KEY;

	if (EVP_PKEY_get_raw_public_key(k->pair, ret_key, &n) != 1 || n != SIGNATURE_KEY)
		abort();
}

void signing_key_sign(const signing_key *k, str text, uint8_t ret_signature[SIGNATURE_BYTES])
{
	AUTO_SUM c = EVP_MD_CTX_new();
	size_t n = SIGNATURE_BYTES;

	if (!c || EVP_DigestSignInit(c, NULL, NULL, NULL, k->pair) != 1 ||
		EVP_DigestSign(c, ret_signature, &n, (const unsigned char *)text.p, text.n) != 1 ||
		n != SIGNATURE_BYTES)
		abort();
}

bool signature_holds(const uint8_t key[SIGNATURE_KEY], str text, const uint8_t signature[SIGNATURE_BYTES])
{
	AUTO_PAIR pair = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, SIGNATURE_KEY);
	AUTO_SUM c = EVP_MD_CTX_new();
	bool ok = pair && c && EVP_DigestVerifyInit(c, NULL, NULL, NULL, pair) == 1 &&
		  EVP_DigestVerify(c, signature, SIGNATURE_BYTES, (const unsigned char *)text.p, text.n) == 1;

	ERR_clear_error();
	return ok;
}

str public_key_pem(const uint8_t key[SIGNATURE_KEY], arena *a)
{
	AUTO_PAIR pair = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, SIGNATURE_KEY);
	AUTO_BIO out = BIO_new(BIO_s_mem());
	char *p;

	if (!pair || !out || PEM_write_bio_PUBKEY(out, pair) != 1)
		abort();
	long n = BIO_get_mem_data(out, &p);
	return str_dup(a, str_of(p, (size_t)n));
}

bool public_key_read(str pem, uint8_t ret_key[SIGNATURE_KEY])
{
	AUTO_BIO in = pem.n && pem.n <= PEM_BYTES_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	AUTO_PAIR pair = in ? PEM_read_bio_PUBKEY(in, NULL, NULL, NULL) : NULL;
	size_t n = SIGNATURE_KEY;
	bool ok = pair && EVP_PKEY_is_a(pair, "ED25519") && EVP_PKEY_get_raw_public_key(pair, ret_key, &n) == 1;

	ERR_clear_error();
	return ok && n == SIGNATURE_KEY;
}
