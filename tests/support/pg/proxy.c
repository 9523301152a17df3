#include "pg/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINKS_MAX = 16, PIECE_BYTES = 65536, BACKLOG = 16, FOLDER_MAX = 64 };
#define SOCKET_NAME ".s.PGSQL.5432"

typedef struct link_side {
	struct proxy_link *link;
	int fd;
	loop_watch *watch;
	proxy_way way; /* of what is read here */
} link_side;

typedef struct proxy_link {
	proxy *owner;
	bool is_open, is_first;
	link_side side[2]; /* by way: the client's side sends PROXY_TO_SERVER */
} proxy_link;

struct proxy {
	loop *l;
	int fd;
	loop_watch *watch;
	char folder[FOLDER_MAX];
	proxy_way cut_way;
	int64_t cut_at, bytes[2];
	bool was_cut, takes_first;
	proxy_link links[LINKS_MAX];
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void link_close(proxy_link *k)
{
	k->is_open = false;
	for (int i = 0; i < 2; i++) {
		loop_watch_free(k->side[i].watch);
		close(k->side[i].fd);
	}
}

static bool write_all(int fd, const char *p, ssize_t n)
{
	while (n > 0) {
		ssize_t done = send(fd, p, (size_t)n, MSG_NOSIGNAL);
		if (done <= 0)
			return false;
		p += done;
		n -= done;
	}
	return true;
}

static void side_ready(void *arg, int what)
{
	static char piece[PIECE_BYTES];
	link_side *s = arg;
	proxy_link *k = s->link;
	proxy *p = k->owner;
	(void)what;
	bool is_watched = k->is_first && p->cut_at >= 0 && s->way == p->cut_way;
	size_t most = sizeof(piece);
	int64_t left = p->cut_at - p->bytes[s->way];
	if (is_watched && left < (int64_t)most)
		most = (size_t)left;
	ssize_t n = most ? recv(s->fd, piece, most, 0) : 0;
	if (k->is_first && n > 0)
		p->bytes[s->way] += n;
	bool is_cut = is_watched && p->bytes[s->way] >= p->cut_at;
	if (n > 0 && !write_all(k->side[1 - s->way].fd, piece, n))
		n = 0;
	if (is_cut)
		p->was_cut = true;
	if (n <= 0 || is_cut)
		link_close(k);
}

static int server_connect(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	snprintf(to.sun_path, sizeof(to.sun_path), "%s/%s", getenv("REEVE_TEST_PG"), SOCKET_NAME);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		die(to.sun_path);
	return fd;
}

static void accept_ready(void *arg, int what)
{
	proxy *p = arg;
	int fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC);
	(void)what;
	if (fd < 0)
		return;
	proxy_link *k = p->links;
	while (k->is_open)
		if (++k == p->links + LINKS_MAX)
			die("too many connections");
	*k = (proxy_link){.owner = p, .is_open = true, .is_first = p->takes_first};
	p->takes_first = false;
	int fds[2] = {fd, server_connect()};
	for (int i = 0; i < 2; i++) {
		k->side[i] = (link_side){.link = k, .fd = fds[i], .way = (proxy_way)i};
		k->side[i].watch = loop_watch_new(p->l, fds[i], LOOP_READ, side_ready, &k->side[i]);
	}
}

proxy *proxy_new(loop *l)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	proxy *p = calloc(1, sizeof(*p));
	if (!p)
		die("memory");
	snprintf(p->folder, sizeof(p->folder), "/tmp/reeve-proxy-%d", (int)getpid());
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s", p->folder, SOCKET_NAME);
	if (mkdir(p->folder, 0700) != 0)
		die(p->folder);
	p->l = l;
	p->cut_at = -1;
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0 || bind(p->fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(p->fd, BACKLOG) != 0)
		die(at.sun_path);
	p->watch = loop_watch_new(l, p->fd, LOOP_READ, accept_ready, p);
	return p;
}

void proxy_free(proxy *p)
{
	char path[FOLDER_MAX + 32];
	for (int i = 0; i < LINKS_MAX; i++) {
		if (p->links[i].is_open)
			link_close(&p->links[i]);
	}
	loop_watch_free(p->watch);
	close(p->fd);
	snprintf(path, sizeof(path), "%s/%s", p->folder, SOCKET_NAME);
	unlink(path);
	rmdir(p->folder);
	free(p);
}

const char *proxy_folder(const proxy *p)
{
	return p->folder;
}

void proxy_cut(proxy *p, proxy_way way, int64_t at)
{
	/* Who knocked before does not count: a client of the run before that went away. */
	for (int fd; (fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0;)
		close(fd);
	p->cut_way = way;
	p->cut_at = at;
	p->bytes[0] = p->bytes[1] = 0;
	p->was_cut = false;
	p->takes_first = true;
}

int64_t proxy_bytes(const proxy *p, proxy_way way)
{
	return p->bytes[way];
}

bool proxy_was_cut(const proxy *p)
{
	return p->was_cut;
}
