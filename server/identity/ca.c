#include "server/identity/ca.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/id.h"

enum {
	PATH_BYTES = 4096,
	PEM_BYTES_MAX = 64 * 1024,
	RENEW_BEFORE_DAYS = 30,
	CA_DAYS = 3650,
	SERIAL_BITS = 159,
	DAY_S = 86400
};

static const char agent_uri_prefix[] = "spiffe://reeve/cluster/";
static const char agent_uri_suffix[] = "/agent";

struct ca {
	X509 *cert;
	EVP_PKEY *key;
	arena *mem;
	str pem;
};

static void key_auto_free(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
static void cert_auto_free(X509 **c)
{
	X509_free(*c);
}
static void csr_auto_free(X509_REQ **c)
{
	X509_REQ_free(*c);
}
static void bio_auto_free(BIO **b)
{
	BIO_free_all(*b);
}
static void file_auto_close(FILE **f)
{
	if (*f)
		fclose(*f);
}
#define AUTO_KEY  __attribute__((cleanup(key_auto_free))) EVP_PKEY *
#define AUTO_CERT __attribute__((cleanup(cert_auto_free))) X509 *
#define AUTO_CSR  __attribute__((cleanup(csr_auto_free))) X509_REQ *
#define AUTO_BIO  __attribute__((cleanup(bio_auto_free))) BIO *
#define AUTO_FILE __attribute__((cleanup(file_auto_close))) FILE *

static err tls_fail(fault *f, const char *what)
{
	char why[160] = "unknown reason";

	ERR_error_string_n(ERR_get_error(), why, sizeof(why));
	ERR_clear_error();
	return fault_set(f, ERR_TLS, NULL, "%s: %s", what, why);
}

static err path_join(char out[PATH_BYTES], const char *dir, const char *name, fault *f)
{
	int n = snprintf(out, PATH_BYTES, "%s/%s", dir, name);

	return n > 0 && n < PATH_BYTES ? ERR_OK : fault_set(f, ERR_IO, NULL, "the path of %s is too long", name);
}

static err folder_make(const char *path, fault *f)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return ERR_OK;
	return fault_set(f, ERR_IO, NULL, "cannot make the folder %s: %s", path, strerror(errno));
}

/* Writes beside and renames, so that a crash leaves the old file or the new one. */
static err file_replace(const char *path, mode_t mode, int (*print)(FILE *out, void *what), void *what, fault *f)
{
	char beside[PATH_BYTES + 8];
	int fd;

	snprintf(beside, sizeof(beside), "%s.new", path);
	unlink(beside);
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out)
		return fault_set(f, ERR_IO, NULL, "cannot write %s: %s", beside, strerror(errno));
	bool ok = print(out, what) == 1 && fflush(out) == 0 && fsync(fd) == 0;
	ok = fclose(out) == 0 && ok;
	if (!ok || rename(beside, path) != 0)
		return fault_set(f, ERR_IO, NULL, "cannot write %s: %s", path, strerror(errno));
	return ERR_OK;
}

static int print_key(FILE *out, void *key)
{
	return PEM_write_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
}

static int print_cert(FILE *out, void *cert)
{
	return PEM_write_X509(out, cert);
}

static err key_read(const char *path, EVP_PKEY **ret, fault *f)
{
	AUTO_FILE in = fopen(path, "re");

	if (!in)
		return fault_set(f, ERR_IO, NULL, "cannot read %s: %s", path, strerror(errno));
	*ret = PEM_read_PrivateKey(in, NULL, NULL, NULL);
	return *ret ? ERR_OK : tls_fail(f, path);
}

static err cert_read(const char *path, X509 **ret, fault *f)
{
	AUTO_FILE in = fopen(path, "re");

	if (!in)
		return fault_set(f, ERR_IO, NULL, "cannot read %s: %s", path, strerror(errno));
	*ret = PEM_read_X509(in, NULL, NULL, NULL);
	return *ret ? ERR_OK : tls_fail(f, path);
}

static bool extension_add(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (!ext)
		return false;
	bool ok = X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static bool serial_set(X509 *cert)
{
	BIGNUM *n = BN_new();
	bool ok = n && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
		  BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));

	BN_free(n);
	return ok;
}

/* An unsigned certificate for key; begins an hour ago, so that clocks may differ. */
static X509 *cert_begin(EVP_PKEY *key, const char *common_name, int days)
{
	X509 *c = X509_new();

	if (!c)
		return NULL;
	X509_NAME *name = X509_get_subject_name(c);
	bool ok = X509_set_version(c, X509_VERSION_3) == 1 && serial_set(c) &&
		  X509_gmtime_adj(X509_getm_notBefore(c), -3600) &&
		  X509_time_adj_ex(X509_getm_notAfter(c), days, 0, NULL) && X509_set_pubkey(c, key) == 1 &&
		  X509_NAME_add_entry_by_txt(
			  name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0) == 1;
	if (!ok) {
		X509_free(c);
		return NULL;
	}
	return c;
}

static bool cert_sign(X509 *c, X509 *issuer, EVP_PKEY *issuer_key)
{
	return X509_set_issuer_name(c, X509_get_subject_name(issuer)) == 1 &&
	       X509_sign(c, issuer_key, EVP_sha256()) > 0;
}

static err authority_make(const char *key_path, const char *cert_path, fault *f)
{
	AUTO_KEY key = EVP_EC_gen("P-256");
	AUTO_CERT cert = key ? cert_begin(key, "Reeve CA", CA_DAYS) : NULL;
	err e;

	if (!cert || !extension_add(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
		!extension_add(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
		!extension_add(cert, cert, NID_subject_key_identifier, "hash") || !cert_sign(cert, cert, key))
		return tls_fail(f, "cannot make a CA");
	e = file_replace(key_path, 0600, print_key, key, f);
	return e ? e : file_replace(cert_path, 0644, print_cert, cert, f);
}

/* "DNS:localhost,IP:127.0.0.1,..." for the subjectAltName extension. */
static str names_extension(const char *names, arena *a)
{
	str rest = str_from(names);
	str out = S("DNS:localhost,IP:127.0.0.1,IP:::1");

	while (rest.p && rest.n) {
		str name = str_trim(str_split(&rest, ','));
		if (str_is_empty(name))
			continue;
		const char *z = str_z(a, name);
		ASN1_OCTET_STRING *address = a2i_IPADDRESS(z);
		bool is_address = address != NULL;
		ASN1_OCTET_STRING_free(address);
		out = str_print(a, STR_FMT ",%s:%s", STR_ARG(out), is_address ? "IP" : "DNS", z);
	}
	return out;
}

static bool cert_serves(X509 *cert, X509 *authority, str names)
{
	str rest = names;

	if (X509_cmp_time(X509_get0_notAfter(cert), &(time_t){time(NULL) + RENEW_BEFORE_DAYS * DAY_S}) < 0)
		return false;
	if (X509_verify(cert, X509_get0_pubkey(authority)) != 1)
		return false;
	while (rest.p) {
		char name[256];
		str one = str_split(&rest, ',');
		uint32_t skip = str_starts(one, S("IP:")) ? 3 : 4;
		snprintf(name, sizeof(name), STR_FMT, STR_ARG(str_cut(one, skip, one.n)));
		int ok = skip == 3 ? X509_check_ip_asc(cert, name, 0) : X509_check_host(cert, name, 0, 0, NULL);
		if (ok != 1)
			return false;
	}
	return true;
}

static err server_make(const ca *c, const char *key_path, const char *cert_path, const char *names, fault *f)
{
	AUTO_KEY key = EVP_EC_gen("P-256");
	AUTO_CERT cert = key ? cert_begin(key, "reeved", CA_SERVER_DAYS) : NULL;
	err e;

	if (!cert || !extension_add(cert, c->cert, NID_basic_constraints, "critical,CA:FALSE") ||
		!extension_add(cert, c->cert, NID_key_usage, "critical,digitalSignature") ||
		!extension_add(cert, c->cert, NID_ext_key_usage, "serverAuth") ||
		!extension_add(cert, c->cert, NID_authority_key_identifier, "keyid") ||
		!extension_add(cert, c->cert, NID_subject_alt_name, names) || !cert_sign(cert, c->cert, c->key))
		return tls_fail(f, "cannot make a server certificate (check --public-names)");
	e = file_replace(key_path, 0600, print_key, key, f);
	return e ? e : file_replace(cert_path, 0644, print_cert, cert, f);
}

/* Whether what is there can go on serving. A crash between the two renames leaves a pair that does not belong together.
 */
static bool pair_serves(const char *key_path, const char *cert_path, X509 *authority, str names)
{
	EVP_PKEY *read_key = NULL;
	X509 *read_cert = NULL;
	fault ignored;
	bool is_read = key_read(key_path, &read_key, &ignored) == ERR_OK &&
		       cert_read(cert_path, &read_cert, &ignored) == ERR_OK;
	AUTO_KEY key = read_key;
	AUTO_CERT cert = read_cert;
	bool is_pair = is_read && X509_check_private_key(cert, key) == 1;

	ERR_clear_error();
	return is_pair && cert_serves(cert, authority, names);
}

static err server_ensure(const ca *c, const char *data_dir, const char *names, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	char dir[PATH_BYTES], key_path[PATH_BYTES], cert_path[PATH_BYTES];
	str wanted = names_extension(names, a);
	err e = path_join(dir, data_dir, "tls", f);

	if (!e)
		e = folder_make(dir, f);
	if (!e)
		e = path_join(key_path, dir, "key.pem", f);
	if (!e)
		e = path_join(cert_path, dir, "cert.pem", f);
	if (e)
		return e;
	bool is_good = pair_serves(key_path, cert_path, c->cert, wanted);
	return is_good ? ERR_OK : server_make(c, key_path, cert_path, str_z(a, wanted), f);
}

static err authority_paths(const char *data_dir, char key[PATH_BYTES], char cert[PATH_BYTES], fault *f)
{
	err e = path_join(key, data_dir, "ca/key.pem", f);

	return e ? e : path_join(cert, data_dir, "ca/cert.pem", f);
}

err ca_ensure(const char *data_dir, const char *names, fault *f)
{
	char dir[PATH_BYTES], key[PATH_BYTES], cert[PATH_BYTES];
	ca *c = NULL;
	err e = path_join(dir, data_dir, "ca", f);

	if (!e)
		e = folder_make(dir, f);
	if (!e)
		e = authority_paths(data_dir, key, cert, f);
	if (!e && access(cert, F_OK) != 0)
		e = authority_make(key, cert, f);
	if (!e)
		e = ca_open(data_dir, &c, f);
	if (!e)
		e = server_ensure(c, data_dir, names, f);
	ca_close(c);
	return e;
}

static str cert_pem(X509 *cert, arena *a)
{
	AUTO_BIO out = BIO_new(BIO_s_mem());
	char *p;

	if (!out || PEM_write_bio_X509(out, cert) != 1)
		return STR_NONE;
	long n = BIO_get_mem_data(out, &p);
	return n > 0 ? str_dup(a, str_of(p, (size_t)n)) : STR_NONE;
}

err ca_open(const char *data_dir, ca **ret, fault *f)
{
	char key[PATH_BYTES], cert[PATH_BYTES];
	ca *c = calloc(1, sizeof(*c));
	err e;

	assert(c);
	c->mem = arena_new(0);
	e = authority_paths(data_dir, key, cert, f);
	if (!e)
		e = key_read(key, &c->key, f);
	if (!e)
		e = cert_read(cert, &c->cert, f);
	if (!e && X509_check_private_key(c->cert, c->key) != 1)
		e = tls_fail(f, "the CA's key and certificate do not belong together");
	if (e) {
		ca_close(c);
		return e;
	}
	c->pem = cert_pem(c->cert, c->mem);
	*ret = c;
	return ERR_OK;
}

void ca_close(ca *c)
{
	if (!c)
		return;
	X509_free(c->cert);
	EVP_PKEY_free(c->key);
	arena_end(c->mem);
	free(c);
}

str ca_certificate(const ca *c)
{
	return c->pem;
}

static err csr_read(str pem, X509_REQ **ret, EVP_PKEY **ret_key, fault *f)
{
	AUTO_BIO in = pem.n <= PEM_BYTES_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
	X509_REQ *csr = in ? PEM_read_bio_X509_REQ(in, NULL, NULL, NULL) : NULL;
	EVP_PKEY *key = csr ? X509_REQ_get0_pubkey(csr) : NULL;

	ERR_clear_error();
	if (!key) {
		X509_REQ_free(csr);
		return fault_set(f, ERR_BAD_FIELD, "#/csr", "is not a PKCS #10 request in PEM form");
	}
	*ret = csr;
	*ret_key = key;
	if (X509_REQ_verify(csr, key) != 1)
		return fault_set(f, ERR_BAD_FIELD, "#/csr", "is not signed by its own key");
	int bits = EVP_PKEY_get_security_bits(key);
	return bits >= 112
		       ? ERR_OK
		       : fault_set(f, ERR_BAD_FIELD, "#/csr", "has a key of %d bits of security; 112 are needed", bits);
}

static bool agent_fill(X509 *cert, X509 *issuer, const char *uri)
{
	return extension_add(cert, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
	       extension_add(cert, issuer, NID_key_usage, "critical,digitalSignature") &&
	       extension_add(cert, issuer, NID_ext_key_usage, "clientAuth") &&
	       extension_add(cert, issuer, NID_authority_key_identifier, "keyid") &&
	       extension_add(cert, issuer, NID_subject_alt_name, uri);
}

static void serial_text(X509 *cert, char out[CA_SERIAL_MAX])
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = n ? BN_bn2hex(n) : NULL;

	out[0] = 0;
	for (size_t i = 0; hex && hex[i] && i + 1 < CA_SERIAL_MAX; i++) {
		out[i] = hex[i] >= 'A' && hex[i] <= 'F' ? (char)(hex[i] - 'A' + 'a') : hex[i];
		out[i + 1] = 0;
	}
	OPENSSL_free(hex);
	BN_free(n);
}

err ca_sign_agent(ca *c, str csr, str cluster_id, arena *a, ca_signed *ret, fault *f)
{
	X509_REQ *parsed = NULL;
	EVP_PKEY *key = NULL;
	err e = csr_read(csr, &parsed, &key, f);
	AUTO_CSR request = parsed; /* owns key too */

	if (e)
		return e;
	const char *uri =
		str_z(a, str_print(a, "URI:%s" STR_FMT "%s", agent_uri_prefix, STR_ARG(cluster_id), agent_uri_suffix));
	AUTO_CERT cert = cert_begin(key, "reeve-agent", CA_AGENT_DAYS);
	if (!cert || !agent_fill(cert, c->cert, uri) || !cert_sign(cert, c->cert, c->key))
		return tls_fail(f, "cannot sign an agent's certificate");
	ret->certificate = cert_pem(cert, a);
	serial_text(cert, ret->serial);
	ret->expires_at_us = clock_now_us() + (int64_t)CA_AGENT_DAYS * DAY_S * 1000000;
	return ERR_OK;
}

str ca_agent_cluster(str uri)
{
	str prefix = str_from(agent_uri_prefix), suffix = str_from(agent_uri_suffix);

	if (!str_starts(uri, prefix) || !str_ends(uri, suffix) || uri.n <= prefix.n + suffix.n)
		return STR_NONE;
	return str_cut(uri, prefix.n, uri.n - suffix.n);
}
