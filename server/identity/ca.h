/* ca: the server's own certificate authority, for its TLS name and its agents.
 *
 * EC P-256 keys, SHA-256. The key lives in data_dir/ca/key.pem (0600), the certificate beside it; the server's own pair
 * in data_dir/tls. Agents get certificates of 7 days whose subjectAltName is the URI spiffe://reeve/cluster/<id>/agent
 * (architecture, section 6).
 */
#pragma once
#include "base/arena.h"

enum { CA_AGENT_DAYS = 7, CA_SERVER_DAYS = 825, CA_SERIAL_MAX = 64 };

typedef struct ca ca;

/* Makes what is missing under data_dir: the CA, and a server certificate for the names (comma-separated DNS names and
 * addresses; localhost, 127.0.0.1 and ::1 are always in), renewed when it ends within 30 days or a name is missing. */
err ca_ensure(const char *data_dir, const char *names, fault *f) MUST_CHECK;
err ca_open(const char *data_dir, ca **ret, fault *f) MUST_CHECK;
void ca_close(ca *c); /* NULL-safe */

/* The CA's certificate, PEM. Lives as long as c. */
str ca_certificate(const ca *c);

typedef struct ca_signed {
	str certificate;            /* PEM, in the arena */
	char serial[CA_SERIAL_MAX]; /* lower-case hex */
	int64_t expires_at_us;
} ca_signed;

/* Signs an agent's CSR (PEM; its self-signature is checked, its subject ignored). BAD_FIELD with a sentence for a CSR
 * that is not one or whose key is too weak (less than P-256 or RSA 2048). */
err ca_sign_agent(ca *c, str csr, str cluster_id, arena *a, ca_signed *ret, fault *f) MUST_CHECK;

/* The cluster id of an agent's URI, or STR_NONE. */
str ca_agent_cluster(str uri);
