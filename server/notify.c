#include "server/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/log.h"

enum { TURN_DATAGRAMS_MAX = 256, NAME_MAX_BYTES = 32 };

struct notify {
	loop_watch *watch;
	loop_timer *kick; /* what is to be told leaves then */
	uint8_t telling;
	int fd, folder; /* of the folder, because its path may be longer than a socket's address */
	int edges;
	char self[NAME_MAX_BYTES];
	void (*on_look)(void *arg, int what);
	void *arg;
};

static void address(const notify *n, const char *name, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/%s.look", n->folder, name);
}

static void on_ready(void *arg, int ready)
{
	notify *n = arg;
	int what = 0;
	uint8_t kind;

	(void)ready;
	for (int i = 0; i < TURN_DATAGRAMS_MAX && recv(n->fd, &kind, 1, MSG_DONTWAIT) == 1; i++)
		what |= kind;
	if (what)
		n->on_look(n->arg, what);
}

static bool listen_at(notify *n)
{
	struct sockaddr_un at;
	char file[NAME_MAX_BYTES + 8];

	snprintf(file, sizeof file, "%s.look", n->self);
	(void)unlinkat(n->folder, file, 0);
	address(n, n->self, &at);
	return bind(n->fd, (const struct sockaddr *)&at, sizeof at) == 0;
}

static void send_to(const notify *n, const char *name, uint8_t kind)
{
	struct sockaddr_un at;

	if (strcmp(name, n->self) == 0)
		return;
	address(n, name, &at);
	(void)sendto(n->fd, &kind, 1, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&at, sizeof at);
}

static void send_to_edges(const notify *n, uint8_t kind)
{
	char name[NAME_MAX_BYTES];

	for (int i = 0; i < n->edges; i++) {
		snprintf(name, sizeof name, "edge-%d", i);
		send_to(n, name, kind);
	}
}

static void tell_kind(const notify *n, uint8_t kind)
{
	if (kind & (NOTIFY_INBOX | NOTIFY_GOVERNANCE))
		send_to(n, "placer", kind);
	if (kind & NOTIFY_ASKS)
		send_to(n, "worker", kind);
	if (kind & (NOTIFY_DECISIONS | NOTIFY_GOVERNANCE)) {
		send_to_edges(n, kind);
		send_to(n, "worker", kind);
	}
}

static void tell(void *arg)
{
	notify *n = arg;

	for (int kind = NOTIFY_INBOX; kind <= NOTIFY_ASKS; kind <<= 1)
		if (n->telling & kind)
			tell_kind(n, (uint8_t)kind);
	n->telling = 0;
}

notify *notify_new(
	loop *l, const char *run_dir, const char *self, int edges, void (*on_look)(void *arg, int what), void *arg)
{
	notify *n = heap_new(1, sizeof *n);

	n->edges = edges;
	n->on_look = on_look;
	n->arg = arg;
	snprintf(n->self, sizeof n->self, "%s", self);
	n->kick = loop_timer_new(l, tell, n);
	n->folder = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (n->folder < 0 || n->fd < 0 || !listen_at(n)) {
		log_warn("notify.deaf", KV_Z("folder", run_dir), KV_Z("why", strerror(errno)));
		return n;
	}
	n->watch = loop_watch_new(l, n->fd, LOOP_READ, on_ready, n);
	return n;
}

/* What a commit of many requests has each of them say is said once. */
void notify_send(notify *n, notify_what what)
{
	if (n->folder < 0 || n->fd < 0)
		return;
	if (!n->telling)
		loop_timer_arm(n->kick, 0);
	n->telling |= (uint8_t)what;
}

void notify_free(notify *n)
{
	if (!n)
		return;
	loop_watch_free(n->watch);
	loop_timer_free(n->kick);
	if (n->fd >= 0)
		close(n->fd);
	if (n->folder >= 0)
		close(n->folder);
	free(n);
}
