/* web_harness: a web server on a thread of its own, and blocking clients for it.
 *
 * The test's thread touches the server only through harness_do, which runs a function on the server's loop and waits
 * for it.
 */
#pragma once
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/arena.h"
#include "net/listen.h"
#include "net/web.h"

typedef struct harness {
	loop *loop;
	web_server *web;
	tls_context *tls;
	web_limits limits;
	web_hooks hooks;
	pthread_t thread;
	int port, listener, orders[2], answers[2];
	bool is_closed;
} harness;

typedef struct order {
	void (*fn)(void *arg);
	void *arg;
} order;

static inline void harness_ordered(void *arg, int what)
{
	harness *h = arg;
	order o;

	(void)what;
	cr_assert_eq(read(h->orders[0], &o, sizeof(o)), (ssize_t)sizeof(o));
	o.fn(o.arg);
	cr_assert_eq(write(h->answers[1], "", 1), 1);
}

static inline void *harness_main(void *arg)
{
	harness *h = arg;

	h->loop = loop_new();
	loop_watch *w = loop_watch_new(h->loop, h->orders[0], LOOP_READ, harness_ordered, h);
	h->web = web_open(h->loop, h->listener, h->tls, &h->limits, &h->hooks);
	loop_run(h->loop);
	loop_watch_free(w);
	if (!h->is_closed)
		web_close(h->web);
	loop_free(h->loop);
	arena_trim();
	return NULL;
}

static inline void harness_do(harness *h, void (*fn)(void *arg), void *arg)
{
	order o = {fn, arg};
	char c;

	cr_assert_eq(write(h->orders[1], &o, sizeof(o)), (ssize_t)sizeof(o));
	cr_assert_eq(read(h->answers[0], &c, 1), 1);
}

/* hooks, limits and tls are set before. */
static inline void harness_start(harness *h)
{
	char address[64];
	fault f = {0};
	err e = listen_open("127.0.0.1:0", &h->listener, &f);

	cr_assert_eq(e, ERR_OK, "%s", f.detail);
	e = listen_address(h->listener, address, sizeof(address));
	cr_assert_eq(e, ERR_OK);
	h->port = (int)strtol(strchr(address, ':') + 1, NULL, 10);
	cr_assert_eq(pipe(h->orders) | pipe(h->answers), 0);
	cr_assert_eq(pthread_create(&h->thread, NULL, harness_main, h), 0);
}

static inline void harness_halt(void *arg)
{
	harness *h = arg;

	loop_stop(h->loop);
}

static inline void harness_stop(harness *h)
{
	harness_do(h, harness_halt, h);
	pthread_join(h->thread, NULL);
	for (int i = 0; i < 2; i++) {
		close(h->orders[i]);
		close(h->answers[i]);
	}
	tls_context_free(h->tls);
}

/* receive_bytes 0: the system's buffer. A hang of 20 s is a failure, not a measurement. */
static inline int client_open(const harness *h, int receive_bytes)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)h->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval guard = {.tv_sec = 20};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	if (receive_bytes)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof(guard));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &guard, sizeof(guard));
	cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static inline bool client_send(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
		if (put <= 0)
			return false;
		p += put;
		n -= (size_t)put;
	}
	return true;
}

static inline bool client_say(int fd, const char *text)
{
	return client_send(fd, text, strlen(text));
}

/* Reads to the end of the stream, or to the first occurrence of `until`. NUL-terminated; static, so one at a time. */
static inline const char *client_hear(int fd, const char *until)
{
	static char text[1 << 20];
	size_t n = 0;

	text[0] = 0;
	while (n < sizeof(text) - 1 && !(until && strstr(text, until))) {
		ssize_t got = recv(fd, text + n, until ? 1 : sizeof(text) - 1 - n, 0);
		if (got <= 0)
			break;
		n += (size_t)got;
		text[n] = 0;
	}
	return text;
}

static inline const char *client_ask(const harness *h, const char *text)
{
	int fd = client_open(h, 0);

	client_say(fd, text);
	const char *answer = client_hear(fd, NULL);
	close(fd);
	return answer;
}

static inline int text_count(const char *text, const char *word)
{
	int n = 0;

	for (const char *at = text; (at = strstr(at, word)); at += strlen(word))
		n++;
	return n;
}

/* Until *v is at least n: what a test waits for happens on the other thread. Gives up after 20 s. */
static inline bool count_reaches(atomic_int *v, int n)
{
	for (int i = 0; i < 20000 && atomic_load(v) < n; i++)
		usleep(1000);
	return atomic_load(v) >= n;
}
