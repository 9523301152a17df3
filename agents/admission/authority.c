#include "agents/admission/authority.h"
#include <stdio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { SERIAL_BITS = 159, SAN_MAX = 4096 };
#define BEGIN_EARLIER_US ((int64_t)3600 * 1000000) /* clocks differ */

/* An authority, or a leaf. */
typedef struct pair {
	X509 *cert;
	EVP_PKEY *key;
	int64_t from_us, until_us;
} pair;

/* What a leaf is for. */
typedef struct leaf_form {
	const char *title, *usage;
	const str *names;
	uint32_t n;
	int64_t live_us;
} leaf_form;

typedef struct pairs {
	pair v[AUTHORITIES_MAX];
	uint32_t n;
} pairs;

static err refuse(fault *f, const char *what)
{
	char text[160] = "no reason given";
	unsigned long code = ERR_peek_last_error();

	if (code)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return fault_set(f, ERR_TLS, NULL, "%s: %s", what, text);
}

static void pair_done(pair *p)
{
	X509_free(p->cert);
	EVP_PKEY_free(p->key);
	*p = (pair){0};
}

static int64_t time_us(const ASN1_TIME *t)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;
	bool is_read = epoch && ASN1_TIME_diff(&days, &seconds, epoch, t) == 1;

	ASN1_TIME_free(epoch);
	return is_read ? ((int64_t)days * 86400 + seconds) * 1000000 : 0;
}

static BIO *bio_of(str text)
{
	return BIO_new_mem_buf(text.p ? text.p : "", (int)text.n);
}

static void times_read(pair *p)
{
	p->from_us = time_us(X509_get0_notBefore(p->cert));
	p->until_us = time_us(X509_get0_notAfter(p->cert));
}

bool certificate_times(str pem, int64_t *ret_from_us, int64_t *ret_until_us)
{
	BIO *in = bio_of(pem);
	pair p = {.cert = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL};
	bool is_one = p.cert != NULL;

	if (is_one) {
		times_read(&p);
		*ret_from_us = p.from_us;
		*ret_until_us = p.until_us;
	}
	pair_done(&p);
	BIO_free(in);
	ERR_clear_error();
	return is_one;
}

/* Certificates and keys, one by one, as far as they belong together. */
static void pairs_read(str certificates, str keys, int64_t now_us, pairs *ret)
{
	BIO *certs = bio_of(certificates), *secrets = bio_of(keys);

	*ret = (pairs){0};
	while (certs && secrets && ret->n < AUTHORITIES_MAX) {
		pair p = {PEM_read_bio_X509(certs, NULL, NULL, NULL),
			PEM_read_bio_PrivateKey(secrets, NULL, NULL, NULL), 0, 0};
		bool is_one = p.cert && p.key && X509_check_private_key(p.cert, p.key) == 1;
		if (is_one)
			times_read(&p);
		if (is_one && p.until_us > now_us)
			ret->v[ret->n++] = p;
		else
			pair_done(&p);
		if (!is_one)
			break;
	}
	BIO_free(certs);
	BIO_free(secrets);
	ERR_clear_error();
}

static bool serial_set(X509 *c)
{
	BIGNUM *n = BN_new();
	bool is_done = n && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
		       BN_to_ASN1_INTEGER(n, X509_get_serialNumber(c));

	BN_free(n);
	return is_done;
}

static bool extension_add(X509 *c, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX x;

	X509V3_set_ctx(&x, issuer, c, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &x, nid, value);
	bool is_done = e && X509_add_ext(c, e, -1) == 1;
	X509_EXTENSION_free(e);
	return is_done;
}

/* A certificate for a key of its own, without an issuer yet. */
static bool pair_begin(pair *p, const char *name, int64_t now_us, int64_t live_us)
{
	*p = (pair){X509_new(), EVP_EC_gen("P-256"), now_us - BEGIN_EARLIER_US, now_us + live_us};
	X509_NAME *subject = p->cert ? X509_get_subject_name(p->cert) : NULL;

	return p->key && subject && X509_set_version(p->cert, X509_VERSION_3) == 1 && serial_set(p->cert) &&
	       ASN1_TIME_set(X509_getm_notBefore(p->cert), p->from_us / 1000000) &&
	       ASN1_TIME_set(X509_getm_notAfter(p->cert), p->until_us / 1000000) &&
	       X509_set_pubkey(p->cert, p->key) == 1 &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1;
}

static bool pair_sign(pair *p, const pair *issuer)
{
	return X509_set_issuer_name(p->cert, X509_get_subject_name(issuer->cert)) == 1 &&
	       X509_sign(p->cert, issuer->key, EVP_sha256()) > 0;
}

/* Authorities need names of their own: a verifier looks an issuer up by its name. */
static bool authority_make(pair *p, int64_t now_us)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "Reeve agent %lld", (long long)(now_us / 1000000));
	return pair_begin(p, name, now_us, AUTHORITY_LIVE_US) &&
	       extension_add(p->cert, p->cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	       extension_add(p->cert, p->cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	       extension_add(p->cert, p->cert, NID_subject_key_identifier, "hash") && pair_sign(p, p);
}

static bool is_address(str name)
{
	for (uint32_t i = 0; i < name.n; i++)
		if (name.p[i] != '.' && name.p[i] != ':' && (name.p[i] < '0' || name.p[i] > '9'))
			return false;
	return name.n > 0;
}

static bool names_print(const str *names, uint32_t n, char out[SAN_MAX])
{
	int at = 0;

	for (uint32_t i = 0; i < n && at < SAN_MAX; i++)
		at += snprintf(out + at, (size_t)(SAN_MAX - at), "%s%s:" STR_FMT, i ? "," : "",
			is_address(names[i]) ? "IP" : "DNS", STR_ARG(names[i]));
	return n > 0 && at < SAN_MAX;
}

static bool leaf_make(pair *p, const pair *issuer, const leaf_form *form, int64_t now_us)
{
	int64_t left_us = issuer->until_us - now_us;
	char san[SAN_MAX];

	return names_print(form->names, form->n, san) &&
	       pair_begin(p, form->title, now_us, left_us < form->live_us ? left_us : form->live_us) &&
	       extension_add(p->cert, issuer->cert, NID_basic_constraints, "critical,CA:FALSE") &&
	       extension_add(p->cert, issuer->cert, NID_key_usage, "critical,digitalSignature") &&
	       extension_add(p->cert, issuer->cert, NID_ext_key_usage, form->usage) &&
	       extension_add(p->cert, issuer->cert, NID_authority_key_identifier, "keyid") &&
	       extension_add(p->cert, issuer->cert, NID_subject_alt_name, san) && pair_sign(p, issuer);
}

/* The oldest as long as it has time left; then the newest that everybody knows by now. The only one is known to those
 * who came later. */
static const pair *signer_of(const pairs *all, int64_t now_us)
{
	for (uint32_t i = all->n; i-- > 0;)
		if (all->v[i].until_us - now_us >= AUTHORITY_TURN_US)
			return &all->v[i];
	for (uint32_t i = 0; i < all->n; i++)
		if (now_us - all->v[i].from_us >= AUTHORITY_TOLD_US)
			return &all->v[i];
	return &all->v[all->n - 1];
}

static bool has_name(X509 *c, str name, arena *a)
{
	const char *z = str_z(a, name);

	return (is_address(name) ? X509_check_ip_asc(c, z, 0) : X509_check_host(c, z, 0, 0, NULL)) == 1;
}

static bool leaf_is_good(const pair *leaf, const pair *signer, const leaf_form *form, int64_t now_us, arena *a)
{
	EVP_PKEY *key = X509_get0_pubkey(signer->cert);
	bool is_good = leaf->until_us - now_us > LEAF_LEFT_US && X509_verify(leaf->cert, key) == 1;

	for (uint32_t i = 0; i < form->n && is_good; i++)
		is_good = has_name(leaf->cert, form->names[i], a);
	ERR_clear_error();
	return is_good;
}

static str text_of(BIO *out, arena *a)
{
	char *p = NULL;
	long n = out ? BIO_get_mem_data(out, &p) : 0;

	return n > 0 ? str_dup(a, str_of(p, (size_t)n)) : STR_NONE;
}

static bool pairs_print(const pair *v, uint32_t n, arena *a, str *ret_certificates, str *ret_keys)
{
	BIO *certs = BIO_new(BIO_s_mem()), *keys = BIO_new(BIO_s_mem());
	bool is_done = certs && keys;

	for (uint32_t i = 0; i < n && is_done; i++)
		is_done = PEM_write_bio_X509(certs, v[i].cert) == 1 &&
			  PEM_write_bio_PKCS8PrivateKey(keys, v[i].key, NULL, NULL, 0, NULL, NULL) == 1;
	*ret_certificates = text_of(certs, a);
	*ret_keys = text_of(keys, a);
	BIO_free(certs);
	BIO_free(keys);
	return is_done && ret_certificates->p && ret_keys->p;
}

static bool is_new_due(const pairs *all, int64_t now_us)
{
	return !all->n || all->v[0].until_us - now_us < AUTHORITY_LEFT_US;
}

static bool newest_add(pairs *all, int64_t now_us)
{
	pair fresh;
	bool is_made = authority_make(&fresh, now_us);

	if (!is_made) {
		pair_done(&fresh);
		return false;
	}
	if (all->n == AUTHORITIES_MAX)
		pair_done(&all->v[--all->n]);
	memmove(&all->v[1], &all->v[0], all->n * sizeof(all->v[0]));
	all->v[0] = fresh;
	all->n++;
	return true;
}

/* The text of a leaf and of its key, made anew when they are not as the form says. */
static err leaf_tend(str *text, str *key, const pair *signer, const leaf_form *form, int64_t now_us, arena *mem,
	bool *ret_changed, fault *f)
{
	pairs old;
	pair leaf = {0};

	pairs_read(*text, *key, now_us, &old);
	bool is_good = old.n == 1 && leaf_is_good(&old.v[0], signer, form, now_us, mem);
	for (uint32_t i = 0; i < old.n; i++)
		pair_done(&old.v[i]);
	if (is_good)
		return ERR_OK;
	bool is_made = leaf_make(&leaf, signer, form, now_us) && pairs_print(&leaf, 1, mem, text, key);
	pair_done(&leaf);
	*ret_changed = true;
	return is_made ? ERR_OK : refuse(f, "cannot make a certificate");
}

static err leaves_tend(authority *a, const pairs *all, const str *names, uint32_t n, int64_t now_us, arena *mem,
	bool *ret_changed, fault *f)
{
	static const str scheduler[] = {{"reeve-scheduler", sizeof("reeve-scheduler") - 1}};
	const leaf_form own = {"reeve-agent", "serverAuth,clientAuth", names, n, LEAF_LIVE_US};
	const leaf_form client = {"reeve-scheduler", "clientAuth", scheduler, 1, AUTHORITY_LIVE_US};
	const pair *signer = signer_of(all, now_us);
	err e = leaf_tend(&a->leaf, &a->leaf_key, signer, &own, now_us, mem, ret_changed, f);

	return e ? e : leaf_tend(&a->client, &a->client_key, signer, &client, now_us, mem, ret_changed, f);
}

err authority_tend(authority *a, const str *names, uint32_t n, int64_t now_us, arena *mem, bool *ret_changed, fault *f)
{
	pairs all;
	str certificates, keys;
	err e = ERR_OK;

	*ret_changed = false;
	pairs_read(a->certificates, a->keys, now_us, &all);
	bool is_made = !is_new_due(&all, now_us) || newest_add(&all, now_us);
	if (!is_made || !pairs_print(all.v, all.n, mem, &certificates, &keys))
		e = refuse(f, "cannot make an authority");
	if (!e) {
		*ret_changed = !str_eq(certificates, a->certificates);
		a->certificates = certificates;
		a->keys = keys;
		e = leaves_tend(a, &all, names, n, now_us, mem, ret_changed, f);
	}
	for (uint32_t i = 0; i < all.n; i++)
		pair_done(&all.v[i]);
	return e;
}
