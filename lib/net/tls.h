/* tls: contexts for servers and clients, and who the other side is.
 *
 * TLS 1.2 and 1.3, ECDHE and AEAD only. A server context asks for a client certificate when client_ca is given and
 * accepts connections without one: routes decide whether they need it (tls_peer.is_verified). One that does not verify
 * ends the handshake, unless its only fault is that its time is over: then the connection stands, without is_verified,
 * and a route that renews certificates may look at is_expired. There are no session tickets and no renegotiation.
 */
#pragma once
#include "base/err.h"

typedef struct tls_context tls_context;

enum { TLS_NAME_MAX = 256, TLS_SERIAL_MAX = 64 };

typedef struct tls_peer {
	bool is_verified;            /* a certificate came and its chain ends in client_ca */
	bool is_expired;             /* the same, but it had ended when the connection began */
	int64_t until_us;            /* its end, UTC */
	char uri[TLS_NAME_MAX];      /* first URI of subjectAltName, or "" */
	char serial[TLS_SERIAL_MAX]; /* lower-case hex */
} tls_peer;

/* PEM files; client_ca NULL: no client certificates are asked for. */
err tls_server_new(const char *cert_file, const char *key_file, const char *client_ca_file, tls_context **ret,
	fault *f) MUST_CHECK;
/* Connections that begin from here on get this certificate; those that stand keep theirs. On failure it stays as it
 * was. */
err tls_server_renew(tls_context *t, const char *cert_file, const char *key_file, fault *f) MUST_CHECK;
/* The same for client_ca, of a context that had one. */
err tls_server_trust(tls_context *t, const char *client_ca_file, fault *f) MUST_CHECK;
void tls_context_free(tls_context *t); /* NULL-safe */
