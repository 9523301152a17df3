#include "agents/cluster/credential.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include "agents/file.h"

enum { COMMON_NAME_MAX = 64 }; /* ub-common-name, RFC 5280, appendix A.1 */

static err ssl_fault(fault *f, const char *what)
{
	char text[160] = "no reason given";
	unsigned long code = ERR_peek_last_error();

	if (code)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return fault_set(f, ERR_TLS, NULL, "%s: %s", what, text);
}

static str bio_text(BIO *b)
{
	char *p;
	long n = BIO_get_mem_data(b, &p);

	return str_of(p, n > 0 ? (size_t)n : 0);
}

static err key_make(const char *path, fault *f)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	BIO *b = BIO_new(BIO_s_mem());
	err e;

	if (key && b && PEM_write_bio_PKCS8PrivateKey(b, key, NULL, NULL, 0, NULL, NULL))
		e = file_write(path, 0600, bio_text(b), f);
	else
		e = ssl_fault(f, "cannot make a key");
	BIO_free(b);
	EVP_PKEY_free(key);
	return e;
}

static err key_load(const char *path, EVP_PKEY **ret, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	str pem;

	err e = file_read(path, a, &pem, f);
	if (e)
		return e;
	BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
	EVP_PKEY *key = b ? PEM_read_bio_PrivateKey(b, NULL, NULL, NULL) : NULL;
	BIO_free(b);
	if (!key)
		return ssl_fault(f, "key.pem holds no private key");
	*ret = key;
	return ERR_OK;
}

err credential_key(const char *key_path, fault *f)
{
	EVP_PKEY *key;

	if (!file_exists(key_path))
		return key_make(key_path, f);
	err e = key_load(key_path, &key, f);
	if (!e)
		EVP_PKEY_free(key);
	return e;
}

static bool request_sign(X509_REQ *q, EVP_PKEY *key, str common_name)
{
	X509_NAME *name = X509_NAME_new();
	int n = common_name.n > COMMON_NAME_MAX ? COMMON_NAME_MAX : (int)common_name.n;

	bool done = name &&
		    X509_NAME_add_entry_by_NID(
			    name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)common_name.p, n, -1, 0) &&
		    X509_REQ_set_version(q, X509_REQ_VERSION_1) && X509_REQ_set_subject_name(q, name) &&
		    X509_REQ_set_pubkey(q, key) && X509_REQ_sign(q, key, EVP_sha256());
	X509_NAME_free(name);
	return done;
}

err credential_request(const char *key_path, str common_name, arena *a, str *ret_pem, fault *f)
{
	EVP_PKEY *key;

	err e = key_load(key_path, &key, f);
	if (e)
		return e;
	X509_REQ *q = X509_REQ_new();
	BIO *b = BIO_new(BIO_s_mem());
	if (q && b && request_sign(q, key, common_name) && PEM_write_bio_X509_REQ(b, q))
		*ret_pem = str_dup(a, bio_text(b));
	else
		e = ssl_fault(f, "cannot make a certificate request");
	BIO_free(b);
	X509_REQ_free(q);
	EVP_PKEY_free(key);
	return e;
}

static err until_read(const X509 *cert, int64_t *ret_until_us, fault *f)
{
	int days, seconds;

	/* The difference to the epoch: mktime and friends would ask the local time zone. */
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	bool done = epoch && ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(cert));
	ASN1_TIME_free(epoch);
	if (!done)
		return ssl_fault(f, "the certificate's end cannot be read");
	*ret_until_us = ((int64_t)days * 86400 + seconds) * 1000000;
	return ERR_OK;
}

err credential_check(str cert_pem, const char *key_path, int64_t *ret_until_us, fault *f)
{
	EVP_PKEY *key;

	err e = key_load(key_path, &key, f);
	if (e)
		return e;
	BIO *b = BIO_new_mem_buf(cert_pem.p ? cert_pem.p : "", (int)cert_pem.n);
	X509 *cert = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;
	if (!cert || X509_check_private_key(cert, key) != 1)
		e = ssl_fault(f, cert ? "the certificate is not for this key" : "this is no certificate");
	else
		e = until_read(cert, ret_until_us, f);
	X509_free(cert);
	BIO_free(b);
	EVP_PKEY_free(key);
	return e;
}
