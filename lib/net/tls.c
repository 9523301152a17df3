#include "net/tls.h"
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "net/wire.h"

struct tls_context {
	SSL_CTX *ctx;
};

#define CIPHERS_1_2                                                                                                    \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"                     \
	"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

/* The shorter key first: it is enough (RFC 8446, section 9.1), and long answers cost a fifth less. */
#define CIPHERS_1_3 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

enum { AWAIT_MAX = 256 << 10 };

/* Takes the reason off OpenSSL's per-thread queue, which must be empty before the next call that looks at it. */
static err tls_refuse(fault *f, const char *what, const char *file)
{
	char text[160] = "no reason given";
	unsigned long code = ERR_peek_last_error();

	if (code)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	return fault_set(f, ERR_TLS, NULL, "%s %s: %s", what, file ? file : "", text);
}

/* Only the end of the client's own certificate is let pass; an error that comes behind it still refuses. */
static int verify(int is_fine, X509_STORE_CTX *c)
{
	bool is_old = X509_STORE_CTX_get_error(c) == X509_V_ERR_CERT_HAS_EXPIRED;

	return is_fine || (is_old && X509_STORE_CTX_get_error_depth(c) == 0);
}

/* A certificate that does not verify must not end the handshake silently as "no certificate": OpenSSL refuses it with
 * an alert. One that is absent is the routes' concern. */
static err tls_ask_clients(SSL_CTX *ctx, const char *client_ca_file, fault *f)
{
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(client_ca_file);
	X509_STORE *store = X509_STORE_new();

	assert(store);
	if (!names || !X509_STORE_load_file(store, client_ca_file)) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		X509_STORE_free(store);
		return tls_refuse(f, "cannot read the client CA", client_ca_file);
	}
	SSL_CTX_set_client_CA_list(ctx, names);
	SSL_CTX_set_cert_store(ctx, store);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, verify);
	return ERR_OK;
}

/* No tickets and no session cache: their keys would have to be shared by the edges and rotated, and clients keep their
 * connections. Buffers are given back while a connection is silent. */
static void tls_restrict(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
					 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(
		ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	bool done = SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1;
	done = done && SSL_CTX_set_num_tickets(ctx, 0) == 1;
	done = done && SSL_CTX_set_cipher_list(ctx, CIPHERS_1_2) == 1;
	done = done && SSL_CTX_set_ciphersuites(ctx, CIPHERS_1_3) == 1;
	assert(done);
}

static err tls_certify(SSL_CTX *ctx, const char *cert_file, const char *key_file, fault *f)
{
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1)
		return tls_refuse(f, "cannot read the certificate", cert_file);
	if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1)
		return tls_refuse(f, "cannot use the key", key_file);
	return ERR_OK;
}

err tls_server_renew(tls_context *t, const char *cert_file, const char *key_file, fault *f)
{
	SSL_CTX *trial = SSL_CTX_new(TLS_server_method());

	/* A pair that does not match would leave the context with half of it. */
	assert(trial);
	err e = tls_certify(trial, cert_file, key_file, f);
	SSL_CTX_free(trial);
	return e ? e : tls_certify(t->ctx, cert_file, key_file, f);
}

err tls_server_trust(tls_context *t, const char *client_ca_file, fault *f)
{
	return tls_ask_clients(t->ctx, client_ca_file, f);
}

err tls_server_new(const char *cert_file, const char *key_file, const char *client_ca_file, tls_context **ret, fault *f)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	assert(ctx);
	tls_restrict(ctx);
	err e = tls_certify(ctx, cert_file, key_file, f);
	if (!e && client_ca_file)
		e = tls_ask_clients(ctx, client_ca_file, f);
	if (e) {
		SSL_CTX_free(ctx);
		return e;
	}
	*ret = calloc(1, sizeof(**ret));
	assert(*ret);
	(*ret)->ctx = ctx;
	return ERR_OK;
}

void tls_context_free(tls_context *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

void wire_open(wire *w, int fd, tls_context *tls)
{
	*w = (wire){.fd = fd};
	if (!tls)
		return;
	w->ssl = SSL_new(tls->ctx);
	assert(w->ssl);
	SSL_set_accept_state(w->ssl);
	int done = SSL_set_fd(w->ssl, fd);
	assert(done);
}

void wire_close(wire *w)
{
	if (w->fd < 0)
		return;
	SSL_free(w->ssl);
	(void)close(w->fd);
	*w = (wire){.fd = -1};
}

static int ssl_result(wire *w, int n)
{
	int why = SSL_get_error(w->ssl, n);

	if (why == SSL_ERROR_WANT_READ)
		return WIRE_WANTS_READ;
	if (why == SSL_ERROR_WANT_WRITE)
		return WIRE_WANTS_WRITE;
	bool is_end =
		why == SSL_ERROR_ZERO_RETURN || ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
	ERR_clear_error();
	return is_end ? WIRE_END : WIRE_BROKEN;
}

int wire_handshake(wire *w)
{
	if (!w->ssl)
		return 1;
	ERR_clear_error();
	int n = SSL_do_handshake(w->ssl);
	return n == 1 ? 1 : ssl_result(w, n);
}

static ssize_t socket_result(ssize_t n, int wants)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? wants : WIRE_BROKEN;
}

/* Records are at most 16 KiB, and a larger count would not fit SSL_read's int. */
static int ssl_count(size_t n)
{
	return n > SSL3_RT_MAX_PLAIN_LENGTH ? SSL3_RT_MAX_PLAIN_LENGTH : (int)n;
}

ssize_t wire_read(wire *w, void *p, size_t n)
{
	if (!w->ssl)
		return socket_result(recv(w->fd, p, n, 0), WIRE_WANTS_READ);
	ERR_clear_error();
	int got = SSL_read(w->ssl, p, ssl_count(n));
	return got > 0 ? got : ssl_result(w, got);
}

ssize_t wire_write(wire *w, const void *p, size_t n)
{
	if (!w->ssl)
		return socket_result(send(w->fd, p, n, MSG_NOSIGNAL), WIRE_WANTS_WRITE);
	ERR_clear_error();
	int put = SSL_write(w->ssl, p, ssl_count(n));
	int result = put > 0 ? put : ssl_result(w, put);
	return result == WIRE_END ? WIRE_BROKEN : result;
}

bool wire_has_pending(const wire *w)
{
	return w->ssl && SSL_pending(w->ssl) > 0;
}

/* Of a record that has come in part, the TLS layer holds bytes that the socket no longer has. */
void wire_await(wire *w, size_t n)
{
	size_t held = w->ssl && SSL_has_pending(w->ssl) ? SSL3_RT_MAX_ENCRYPTED_LENGTH : 0;
	int low = n <= held + 1 ? 1 : n - held < AWAIT_MAX ? (int)(n - held) : AWAIT_MAX;

	if (low == w->low || (low == 1 && !w->low))
		return;
	w->low = low;
	(void)setsockopt(w->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low));
}

void wire_gather(const wire *w, bool gathers)
{
	int on = gathers;

	(void)setsockopt(w->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

void wire_finish(wire *w)
{
	if (w->ssl && SSL_is_init_finished(w->ssl)) {
		(void)SSL_shutdown(w->ssl);
		ERR_clear_error();
	}
	(void)shutdown(w->fd, SHUT_WR);
}

ssize_t wire_discard(wire *w, void *scratch, size_t n)
{
	return socket_result(recv(w->fd, scratch, n, 0), WIRE_WANTS_READ);
}

void wire_abort(wire *w)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

static void peer_uri(X509 *cert, tls_peer *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		if (g->type != GEN_URI)
			continue;
		size_t n = (size_t)ASN1_STRING_length(g->d.uniformResourceIdentifier);
		const void *text = ASN1_STRING_get0_data(g->d.uniformResourceIdentifier);
		/* A name that is cut short or hides behind a NUL would be somebody else's. */
		if (n < sizeof(out->uri) && !memchr(text, 0, n))
			memcpy(out->uri, text, n);
		break;
	}
	GENERAL_NAMES_free(names);
}

static void peer_serial(X509 *cert, tls_peer *out)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = number ? BN_bn2hex(number) : NULL;
	size_t n = hex ? strlen(hex) : 0;

	if (n < sizeof(out->serial)) {
		for (size_t i = 0; i < n; i++)
			out->serial[i] = (char)(hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] | 0x20 : hex[i]);
	}
	OPENSSL_free(hex);
	BN_free(number);
}

static int64_t peer_until_us(const X509 *cert)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;
	bool is_read = epoch && ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(cert)) == 1;

	ASN1_TIME_free(epoch);
	return is_read ? ((int64_t)days * 86400 + seconds) * 1000000 : 0;
}

void wire_peer(const wire *w, tls_peer *out)
{
	memset(out, 0, sizeof(*out));
	X509 *cert = w->ssl ? SSL_get1_peer_certificate(w->ssl) : NULL;
	if (!cert)
		return;
	long result = SSL_get_verify_result(w->ssl);
	out->is_verified = result == X509_V_OK;
	out->is_expired = result == X509_V_ERR_CERT_HAS_EXPIRED;
	out->until_us = peer_until_us(cert);
	peer_uri(cert, out);
	peer_serial(cert, out);
	X509_free(cert);
}
