/* fake_ca: a certificate for a server on 127.0.0.1 that signs agents, too. */
#pragma once
#include <criterion/criterion.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "base/arena.h"
#include "base/clock.h"

typedef struct fake_ca {
	EVP_PKEY *key;
	X509 *cert;
	str key_pem, cert_pem;
} fake_ca;

static inline str bio_take(BIO *b, arena *a)
{
	char *p;
	long n = BIO_get_mem_data(b, &p);
	str text = str_dup(a, str_of(p, (size_t)n));

	BIO_free(b);
	return text;
}

static inline void cert_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	cr_assert(e);
	X509_add_ext(cert, e, -1);
	X509_EXTENSION_free(e);
}

static inline X509 *cert_new(EVP_PKEY *key, const char *name, long serial, long seconds)
{
	X509 *cert = X509_new();

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), seconds);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(
		X509_get_subject_name(cert), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	return cert;
}

static inline str cert_print(X509 *cert, arena *a)
{
	BIO *b = BIO_new(BIO_s_mem());

	PEM_write_bio_X509(b, cert);
	return bio_take(b, a);
}

static inline fake_ca fake_ca_new(arena *a)
{
	fake_ca ca = {.key = EVP_EC_gen("P-256")};
	BIO *b = BIO_new(BIO_s_mem());

	ca.cert = cert_new(ca.key, "fake ca", 1, 86400);
	X509_set_issuer_name(ca.cert, X509_get_subject_name(ca.cert));
	cert_extend(ca.cert, ca.cert, NID_basic_constraints, "critical,CA:TRUE");
	cert_extend(ca.cert, ca.cert, NID_subject_alt_name, "IP:127.0.0.1");
	cr_assert(X509_sign(ca.cert, ca.key, EVP_sha256()));
	PEM_write_bio_PKCS8PrivateKey(b, ca.key, NULL, NULL, 0, NULL, NULL);
	ca.key_pem = bio_take(b, a);
	ca.cert_pem = cert_print(ca.cert, a);
	return ca;
}

static inline void fake_ca_free(fake_ca *ca)
{
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
}

/* Signs whatever is asked, for so many seconds. */
static inline str fake_ca_sign(fake_ca *ca, str csr, arena *a, long seconds)
{
	BIO *b = BIO_new_mem_buf(csr.p, (int)csr.n);
	X509_REQ *q = PEM_read_bio_X509_REQ(b, NULL, NULL, NULL);

	cr_assert(q);
	BIO_free(b);
	X509 *cert = cert_new(X509_REQ_get0_pubkey(q), "agent", 2, seconds);
	X509_set_issuer_name(cert, X509_get_subject_name(ca->cert));
	cert_extend(cert, ca->cert, NID_subject_alt_name, "URI:spiffe://reeve/cluster/cls_1/agent");
	cr_assert(X509_sign(cert, ca->key, EVP_sha256()));
	str pem = cert_print(cert, a);
	X509_free(cert);
	X509_REQ_free(q);
	return pem;
}
