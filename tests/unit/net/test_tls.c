#include "web_harness.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include "base/metric.h"
#include "certs.h"

#define HOST         "Host: x\r\n"
#define LAST         "Connection: close\r\n"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { BIG = 3 << 20 };

static void on_request(void *arg, web_req *r)
{
	(void)arg;
	if (str_eq(r->path, S("/who")))
		web_reply(r, 200, S(""),
			str_print(r->arena, "[%d %s %s]", r->tls->is_verified, r->tls->uri, r->tls->serial));
	else if (str_eq(r->path, S("/big")))
		web_reply(r, 200, S(""), (str){arena_alloc(r->arena, BIG), BIG});
	else
		web_reply(r, 200, S(""), str_print(r->arena, "[%u]", r->body.n));
}

typedef struct place {
	harness h;
	certs certs;
} place;

static place *place_new(bool asks_clients)
{
	place *p = calloc(1, sizeof(*p));
	char cert[128], key[128];
	fault f = {0};

	p->certs = certs_new();
	p->h.limits = web_limits_default;
	p->h.hooks.on_request = on_request;
	strcpy(cert, certs_file(&p->certs, "server.pem"));
	strcpy(key, certs_file(&p->certs, "server.key"));
	err e = tls_server_new(cert, key, asks_clients ? certs_file(&p->certs, "ca.pem") : NULL, &p->h.tls, &f);
	cr_assert_eq(e, ERR_OK, "%s", f.detail);
	return p;
}

static void place_close(place *p)
{
	harness_stop(&p->h);
	certs_remove(&p->certs);
	free(p);
}

static SSL_CTX *client_context(place *p, const char *name)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	char file[32];

	cr_assert_eq(SSL_CTX_load_verify_locations(ctx, certs_file(&p->certs, "ca.pem"), NULL), 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (name) {
		snprintf(file, sizeof(file), "%s.pem", name);
		cr_assert_eq(SSL_CTX_use_certificate_chain_file(ctx, certs_file(&p->certs, file)), 1);
		snprintf(file, sizeof(file), "%s.key", name);
		cr_assert_eq(SSL_CTX_use_PrivateKey_file(ctx, certs_file(&p->certs, file), SSL_FILETYPE_PEM), 1);
	}
	return ctx;
}

/* Everything the server says to `text`, or NULL when it does not talk to us. */
static const char *secure_ask(place *p, SSL_CTX *ctx, const char *text, size_t n)
{
	static char answer[BIG + 4096];
	int fd = client_open(&p->h, 0);
	SSL *ssl = SSL_new(ctx);
	size_t have = 0;

	SSL_set_fd(ssl, fd);
	bool is_open = SSL_connect(ssl) == 1 && SSL_write(ssl, text, (int)n) == (int)n;
	for (int got; is_open && (got = SSL_read(ssl, answer + have, (int)(sizeof(answer) - 1 - have))) > 0;)
		have += (size_t)got;
	answer[have] = 0;
	SSL_free(ssl);
	close(fd);
	ERR_clear_error();
	return have ? answer : NULL;
}

static const char *who_ask(place *p, SSL_CTX *ctx)
{
	const char text[] = "GET /who HTTP/1.1\r\n" HOST LAST "\r\n";
	const char *answer = secure_ask(p, ctx, text, sizeof(text) - 1);

	return answer ? strstr(answer, "\r\n\r\n") + 4 : NULL;
}

Test(tls, a_client_is_known_by_its_certificate)
{
	const struct {
		const char *name, *who;
	} rows[] = {
		{NULL, "[0  ]"},
		{"client", "[1 cluster:east-1 ab12]"},
		{"plain", "[1  03]"},
		{"other", NULL},
	};
	place *p = place_new(true);

	harness_start(&p->h);
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		for (size_t i = 0; i < COUNT(rows); i++) {
			SSL_CTX *ctx = client_context(p, rows[i].name);
			SSL_CTX_set_min_proto_version(ctx, version);
			SSL_CTX_set_max_proto_version(ctx, version);
			const char *who = who_ask(p, ctx);
			cr_expect_eq(who == NULL, rows[i].who == NULL, "row %zu: %s", i, who);
			if (who && rows[i].who)
				cr_expect_str_eq(who, rows[i].who, "row %zu", i);
			SSL_CTX_free(ctx);
		}
	}
	place_close(p);
}

Test(tls, a_server_without_a_client_authority_asks_nobody)
{
	place *p = place_new(false);
	SSL_CTX *ctx = client_context(p, "client");

	harness_start(&p->h);
	cr_expect_str_eq(who_ask(p, ctx), "[0  ]");
	SSL_CTX_free(ctx);
	place_close(p);
}

Test(tls, old_protocols_and_weak_ciphers_find_no_door)
{
	place *p = place_new(false);
	SSL_CTX *old = client_context(p, NULL), *weak = client_context(p, NULL);

	harness_start(&p->h);
	SSL_CTX_set_security_level(old, 0);
	SSL_CTX_set_min_proto_version(old, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION);
	cr_expect_null(who_ask(p, old));
	SSL_CTX_set_max_proto_version(weak, TLS1_2_VERSION);
	cr_assert_eq(SSL_CTX_set_cipher_list(weak, "ECDHE-ECDSA-AES128-SHA256:AES128-GCM-SHA256"), 1);
	cr_expect_null(who_ask(p, weak));
	SSL_CTX_free(old);
	SSL_CTX_free(weak);
	place_close(p);
}

Test(tls, long_bodies_pass_both_ways)
{
	place *p = place_new(true);
	SSL_CTX *ctx = client_context(p, "client");
	static char text[1 << 20];
	const char big[] = "GET /big HTTP/1.1\r\n" HOST LAST "\r\n";

	harness_start(&p->h);
	int n = snprintf(text, sizeof(text), "PUT /x HTTP/1.1\r\n" HOST "Content-Length: 1000000\r\n\r\n");
	memset(text + n, 'x', 1000000);
	/* The end of the body and a whole request come in one record. */
	n += 1000000;
	n += snprintf(text + n, sizeof(text) - (size_t)n, "GET /x HTTP/1.1\r\n" HOST LAST "\r\n");
	const char *two = secure_ask(p, ctx, text, (size_t)n);
	cr_expect(two && strstr(two, "\r\n\r\n[1000000]") && strstr(two, "\r\n\r\n[0]"));
	n = 0;
	for (int i = 0; i < 500; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			"POST /x HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n%0100d", i);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "GET /x HTTP/1.1\r\n" HOST LAST "\r\n");
	const char *answer = secure_ask(p, ctx, text, (size_t)n);
	cr_expect_eq(text_count(answer, "\r\n\r\n[100]"), 500);
	cr_expect_eq(text_count(answer, "\r\n\r\n[0]"), 1);
	answer = secure_ask(p, ctx, big, sizeof(big) - 1);
	cr_expect(strstr(answer, "Content-Length: 3145728\r\n"));
	cr_expect_eq(strstr(answer, "\r\n\r\n")[4 + BIG - 1], 0);
	SSL_CTX_free(ctx);
	place_close(p);
}

Test(tls, who_does_not_shake_hands_is_closed_and_harms_nobody)
{
	place *p = place_new(false);
	SSL_CTX *ctx = client_context(p, NULL);

	p->h.limits.handshake_timeout_ms = 200;
	harness_start(&p->h);
	(void)client_ask(&p->h, "GET / HTTP/1.1\r\n" HOST "\r\n");
	cr_expect_str_eq(client_ask(&p->h, ""), "");
	cr_expect_str_eq(client_ask(&p->h, "\x16\x03\x01\x02"), "");
	cr_expect_eq(metric_value(METRIC_HTTP_TIMEOUTS, 0), 2);
	cr_expect_str_eq(who_ask(p, ctx), "[0  ]");
	SSL_CTX_free(ctx);
	place_close(p);
}

Test(tls, files_that_do_not_fit_are_told_by_name)
{
	const struct {
		const char *cert, *key, *ca, *word;
	} rows[] = {
		{"none.pem", "server.key", NULL, "none.pem"},
		{"server.pem", "none.key", NULL, "none.key"},
		{"server.pem", "client.key", NULL, "client.key"},
		{"server.pem", "server.key", "none.pem", "none.pem"},
		{"server.pem", "server.key", "ca.key", "ca.key"},
	};
	certs c = certs_new();

	for (size_t i = 0; i < COUNT(rows); i++) {
		char cert[128], key[128];
		tls_context *t = NULL;
		fault f = {0};
		strcpy(cert, certs_file(&c, rows[i].cert));
		strcpy(key, certs_file(&c, rows[i].key));
		err e = tls_server_new(cert, key, rows[i].ca ? certs_file(&c, rows[i].ca) : NULL, &t, &f);
		cr_expect_eq(e, ERR_TLS, "row %zu", i);
		cr_expect(strstr(f.detail, rows[i].word) && !t, "row %zu: %s", i, f.detail);
	}
	certs_remove(&c);
}
