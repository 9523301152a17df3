#include "net/listen.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HOST_MAX = 256, PORT_TEXT_MAX = 6, BACKLOG = 4096 };

/* "host:port" or "[v6]:port" into two C strings. */
static bool address_split(const char *address, char host[HOST_MAX], char port[PORT_TEXT_MAX])
{
	str all = str_from(address);
	const char *colon = address ? strrchr(address, ':') : NULL;
	if (!colon)
		return false;
	str name = str_cut(all, 0, (size_t)(colon - address));
	str number = str_cut(all, name.n + 1, all.n);
	uint64_t value;

	if (name.n >= 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
		name = str_cut(name, 1, name.n - 1);
	else if (str_find(name, ':', 0) >= 0)
		return false;
	if (name.n == 0 || name.n >= HOST_MAX || !str_to_u64(number, &value) || value > 65535)
		return false;
	(void)snprintf(host, HOST_MAX, STR_FMT, STR_ARG(name));
	(void)snprintf(port, PORT_TEXT_MAX, STR_FMT, STR_ARG(number));
	return true;
}

static int socket_bind(const struct sockaddr *where, socklen_t n)
{
	int on = 1;
	int fd = socket(where->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) || bind(fd, where, n) ||
		listen(fd, BACKLOG)) {
		int e = errno;
		(void)close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

/* SO_REUSEPORT lets a second server of the same user share a taken port in silence; a first plain bind finds that out.
 */
static bool port_is_taken(const struct sockaddr *where, socklen_t n)
{
	int on = 1;
	int fd = socket(where->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_taken;

	if (fd < 0)
		return false;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	is_taken = bind(fd, where, n) != 0 && errno == EADDRINUSE;
	(void)close(fd);
	return is_taken;
}

err listen_open(const char *address, int *ret_fd, fault *f)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found;
	char host[HOST_MAX], port[PORT_TEXT_MAX];

	if (!address_split(address, host, port))
		return fault_set(f, ERR_IO, NULL, "\"%s\" is not host:port or [v6]:port", address ? address : "");
	int missing = getaddrinfo(host, port, &hints, &found);
	if (missing)
		return fault_set(f, ERR_IO, NULL, "host %s is not known: %s", host, gai_strerror(missing));

	bool is_taken = port_is_taken(found->ai_addr, found->ai_addrlen);
	int fd = is_taken ? -1 : socket_bind(found->ai_addr, found->ai_addrlen);
	int why = errno;
	freeaddrinfo(found);
	if (is_taken || (fd < 0 && why == EADDRINUSE))
		return fault_set(f, ERR_IO, NULL, "port %s on %s is taken", port, host);
	if (fd < 0)
		return fault_set(f, ERR_IO, NULL, "cannot listen on %s: %s", address, strerror(why));
	*ret_fd = fd;
	return ERR_OK;
}

err listen_again(int fd, int *ret_fd, fault *f)
{
	struct sockaddr_storage where = {0};
	socklen_t n = sizeof(where);

	if (getsockname(fd, (struct sockaddr *)&where, &n))
		return fault_set(f, ERR_IO, NULL, "the socket has no address: %s", strerror(errno));
	int again = socket_bind((struct sockaddr *)&where, n);
	if (again < 0)
		return fault_set(f, ERR_IO, NULL, "cannot share the address: %s", strerror(errno));
	*ret_fd = again;
	return ERR_OK;
}

err listen_address(int fd, char *out, size_t n)
{
	struct sockaddr_storage where = {0};
	socklen_t len = sizeof(where);
	char host[INET6_ADDRSTRLEN], port[PORT_TEXT_MAX];

	if (getsockname(fd, (struct sockaddr *)&where, &len) ||
		getnameinfo((struct sockaddr *)&where, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return ERR_IO;
	int used = snprintf(out, n, where.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return used > 0 && (size_t)used < n ? ERR_OK : ERR_LIMIT;
}
