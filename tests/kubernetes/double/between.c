#include "between.h"
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "agents/file.h"
#include "net/listen.h"

enum {
	HEAD_BYTES = 5,        /* RFC 8446, section 5.1: type, version, length */
	TYPE_APPLICATION = 23, /* also what follows the first flight of a handshake */
	RECORD_BYTES_MAX = HEAD_BYTES + (1 << 14) + 256,
	HOST_MAX = 128,
};

typedef struct pair pair;

/* One direction of a connection. */
typedef struct way {
	pair *of;
	int from, to;
	loop_watch *watch;
	size_t n;
	unsigned char bytes[RECORD_BYTES_MAX];
} way;

struct pair {
	between *of;
	way up, down;
	pair *next, *prev;
};

struct between {
	loop *loop;
	int fd;
	loop_watch *watch;
	struct addrinfo *target;
	pair *pairs;
	int64_t count, hurt_at; /* 0: never */
	pid_t pid;
	bool is_after;
};

static void pair_free(pair *p)
{
	*(p->prev ? &p->prev->next : &p->of->pairs) = p->next;
	if (p->next)
		p->next->prev = p->prev;
	loop_watch_free(p->up.watch);
	loop_watch_free(p->down.watch);
	(void)close(p->up.from);
	(void)close(p->up.to);
	free(p);
}

static bool pass(const way *w, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t sent = send(w->to, w->bytes + at, n - at, MSG_NOSIGNAL);
		if (sent < 0 && errno != EINTR)
			return false;
		at += sent > 0 ? (size_t)sent : 0;
	}
	return true;
}

/* One whole record. False: the connection ends here. */
static bool record_pass(const way *w, size_t n)
{
	between *b = w->of->of;
	bool is_counted = w->bytes[0] == TYPE_APPLICATION;

	b->count += is_counted;
	bool is_moment = is_counted && b->hurt_at && b->count >= b->hurt_at;
	bool is_passed = (!is_moment || b->is_after) && pass(w, n);
	if (!is_moment)
		return is_passed;
	b->hurt_at = 0;
	if (b->pid)
		(void)kill(b->pid, SIGKILL);
	return false;
}

static bool records_pass(way *w)
{
	while (w->n >= HEAD_BYTES) {
		size_t length = HEAD_BYTES + ((size_t)w->bytes[3] << 8 | w->bytes[4]);
		if (w->n < length)
			break;
		if (!record_pass(w, length))
			return false;
		w->n -= length;
		memmove(w->bytes, w->bytes + length, w->n);
	}
	return w->n < sizeof(w->bytes);
}

static void on_bytes(void *arg, int what)
{
	way *w = arg;

	(void)what;
	ssize_t n = recv(w->from, w->bytes + w->n, sizeof(w->bytes) - w->n, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	w->n += n > 0 ? (size_t)n : 0;
	if (n <= 0 || !records_pass(w))
		pair_free(w->of);
}

static void pair_begin(between *b, int client, int server)
{
	pair *p = calloc(1, sizeof(*p));

	assert(p);
	p->of = b;
	p->up.of = p->down.of = p;
	p->up.from = p->down.to = client;
	p->up.to = p->down.from = server;
	p->next = b->pairs;
	if (b->pairs)
		b->pairs->prev = p;
	b->pairs = p;
	p->up.watch = loop_watch_new(b->loop, client, LOOP_READ, on_bytes, &p->up);
	p->down.watch = loop_watch_new(b->loop, server, LOOP_READ, on_bytes, &p->down);
}

static void on_client(void *arg, int what)
{
	between *b = arg;

	(void)what;
	int client = accept4(b->fd, NULL, NULL, SOCK_CLOEXEC);
	if (client < 0)
		return;
	int server = socket(b->target->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server >= 0 && connect(server, b->target->ai_addr, b->target->ai_addrlen) == 0) {
		pair_begin(b, client, server);
		return;
	}
	(void)close(client);
	if (server >= 0)
		(void)close(server);
}

static err target_find(between *b, const char *target, fault *f)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET};
	const char *port = strrchr(target, ':');
	char host[HOST_MAX];

	if (!port)
		return fault_set(f, ERR_SETTING, NULL, "%s is no host:port", target);
	(void)snprintf(host, sizeof(host), "%.*s", (int)(port - target), target);
	return getaddrinfo(host, port + 1, &hints, &b->target)
		       ? fault_set(f, ERR_SETTING, NULL, "%s is not found", target)
		       : ERR_OK;
}

err between_open(loop *l, const char *address_file, const char *target, between **ret, fault *f)
{
	between *b = calloc(1, sizeof(*b));
	char address[64];

	assert(b);
	b->loop = l;
	b->fd = -1;
	err e = target_find(b, target, f);
	if (!e)
		e = listen_open("127.0.0.1:0", &b->fd, f);
	if (!e)
		e = listen_address(b->fd, address, sizeof(address));
	if (!e)
		e = file_write(address_file, 0644, str_from(address), f);
	if (e) {
		between_close(b);
		return e;
	}
	b->watch = loop_watch_new(l, b->fd, LOOP_READ, on_client, b);
	*ret = b;
	return ERR_OK;
}

void between_close(between *b)
{
	if (!b)
		return;
	while (b->pairs)
		pair_free(b->pairs);
	loop_watch_free(b->watch);
	if (b->fd >= 0)
		(void)close(b->fd);
	if (b->target)
		freeaddrinfo(b->target);
	free(b);
}

void between_hurt(between *b, pid_t pid, int64_t n, bool is_after)
{
	b->pid = pid;
	b->hurt_at = n ? b->count + n : 0;
	b->is_after = is_after;
}

int64_t between_count(const between *b)
{
	return b->count;
}
