#include "net/unix_socket.h"
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 };

static err socket_new(const char *path, struct sockaddr_un *where, int *ret_fd, fault *f)
{
	*where = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(where->sun_path))
		return fault_set(f, ERR_IO, NULL, "%s: a socket's path is shorter than %zu bytes", path,
			sizeof(where->sun_path));
	memcpy(where->sun_path, path, strlen(path));
	*ret_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return *ret_fd < 0 ? fault_set(f, ERR_IO, NULL, "no socket: %s", strerror(errno)) : ERR_OK;
}

static err socket_fail(int fd, const char *path, fault *f)
{
	int why = errno;

	(void)close(fd);
	return fault_set(f, ERR_IO, NULL, "%s: %s", path, strerror(why));
}

err unix_socket_listen(const char *path, int *ret_fd, unix_socket_mark *ret_mark, fault *f)
{
	struct sockaddr_un where;
	struct stat was;
	int fd = -1;
	err e = socket_new(path, &where, &fd, f);

	if (e)
		return e;
	if (lstat(path, &was) == 0 && S_ISSOCK(was.st_mode))
		(void)unlink(path);
	/* The mode is set before anybody can reach it. */
	if (fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&where, sizeof(where)) || listen(fd, BACKLOG) ||
		!unix_socket_mark_read(path, ret_mark))
		return socket_fail(fd, path, f);
	*ret_fd = fd;
	return ERR_OK;
}

err unix_socket_connect(const char *path, int *ret_fd, fault *f)
{
	struct sockaddr_un where;
	int fd = -1;
	err e = socket_new(path, &where, &fd, f);

	if (e)
		return e;
	if (connect(fd, (struct sockaddr *)&where, sizeof(where)))
		return socket_fail(fd, path, f);
	*ret_fd = fd;
	return ERR_OK;
}

bool unix_socket_mark_read(const char *path, unix_socket_mark *ret)
{
	struct stat there;

	if (lstat(path, &there) || !S_ISSOCK(there.st_mode))
		return false;
	*ret = (unix_socket_mark){
		there.st_dev, there.st_ino, (int64_t)there.st_ctim.tv_sec * 1000000000 + there.st_ctim.tv_nsec};
	return true;
}

bool unix_socket_is_there(const char *path, const unix_socket_mark *mark)
{
	unix_socket_mark now;

	return unix_socket_mark_read(path, &now) && now.device == mark->device && now.inode == mark->inode &&
	       now.made_ns == mark->made_ns;
}
