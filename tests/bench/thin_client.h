/* thin_client: as little of an HTTPS client as can ask an extender: one connection, kept, and one request at a time.
 *
 * For who wants to know how much a server can do on a machine that client and server share. It trusts nobody but
 * ca_file, asks by POST, and reads answers of a stated length. Whatever goes wrong ends the process.
 */
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "base/buf.h"

enum { THIN_READ_BYTES = 256 << 10, THIN_MAX = 64 << 20 };

typedef struct thin_client {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
	buf sent, got;
} thin_client;

static inline void thin_check(bool is_fine, const char *what)
{
	if (is_fine)
		return;
	(void)fprintf(stderr, "client: %s\n", what);
	exit(1);
}

/* address: 127.0.0.1:PORT. */
static inline void thin_open(thin_client *c, const char *address, const char *ca_file)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1;

	at.sin_port = htons((uint16_t)strtoul(strchr(address, ':') + 1, NULL, 10));
	buf_init(&c->sent, THIN_MAX);
	buf_init(&c->got, THIN_MAX);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	thin_check(c->fd >= 0 && !connect(c->fd, (struct sockaddr *)&at, sizeof(at)), "connect");
	thin_check(!setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), "setsockopt");
	c->ctx = SSL_CTX_new(TLS_client_method());
	thin_check(c->ctx && SSL_CTX_load_verify_file(c->ctx, ca_file) == 1, ca_file);
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_read_ahead(c->ctx, 1);
	SSL_CTX_set_default_read_buffer_len(c->ctx, THIN_READ_BYTES);
	c->ssl = SSL_new(c->ctx);
	thin_check(c->ssl && SSL_set_fd(c->ssl, c->fd) == 1 && SSL_connect(c->ssl) == 1, "the handshake");
}

static inline void thin_read(thin_client *c)
{
	char *room = buf_room(&c->got, SSL3_RT_MAX_PLAIN_LENGTH);

	thin_check(room, "the answer is too long");
	int n = SSL_read(c->ssl, room, SSL3_RT_MAX_PLAIN_LENGTH);
	thin_check(n > 0, "the connection broke");
	c->got.n += (size_t)n;
}

/* Where the body begins, or 0. */
static inline size_t thin_head(const thin_client *c)
{
	const char *end = c->got.n ? memmem(c->got.p, c->got.n, "\r\n\r\n", 4) : NULL;

	return end ? (size_t)(end - c->got.p) + 4 : 0;
}

/* The answer is c's until the next request. */
static inline str thin_ask(thin_client *c, const char *path, str body)
{
	static const char length[] = "\r\nContent-Length: ";
	size_t head;

	buf_clear(&c->sent);
	buf_printf(&c->sent,
		"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Go-http-client/1.1\r\n"
		"Content-Type: application/json\r\nAccept-Encoding: gzip\r\nContent-Length: %u\r\n\r\n",
		path, body.n);
	buf_add_str(&c->sent, body);
	thin_check(SSL_write(c->ssl, c->sent.p, (int)c->sent.n) == (int)c->sent.n, "the request is not taken");
	buf_clear(&c->got);
	do
		thin_read(c);
	while (!(head = thin_head(c)));
	thin_check(memcmp(c->got.p, "HTTP/1.1 200", 12) == 0, "the answer is not 200");
	const char *at = memmem(c->got.p, head, length, sizeof(length) - 1);
	thin_check(at, "the answer's length is not told");
	size_t whole = head + strtoul(at + sizeof(length) - 1, NULL, 10);
	while (c->got.n < whole)
		thin_read(c);
	return (str){c->got.p + head, (uint32_t)(whole - head)};
}
