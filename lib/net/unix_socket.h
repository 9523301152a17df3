/* unix_socket: stream sockets by path. Non-blocking, close-on-exec. */
#pragma once
#include "base/err.h"

/* Which file a path leads to, so that another's in its place is told apart. */
typedef struct unix_socket_mark {
	uint64_t device, inode;
	int64_t made_ns;
} unix_socket_mark;

/* Bound and listening, reachable for our user alone. What stood there of a process before is removed. ERR_IO with a
 * sentence. */
err unix_socket_listen(const char *path, int *ret_fd, unix_socket_mark *ret_mark, fault *f) MUST_CHECK;
err unix_socket_connect(const char *path, int *ret_fd, fault *f) MUST_CHECK;
/* False: there is no socket. */
bool unix_socket_mark_read(const char *path, unix_socket_mark *ret);
/* Whether path still leads to the very socket that was made there. */
bool unix_socket_is_there(const char *path, const unix_socket_mark *mark);
