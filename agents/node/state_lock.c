#include "agents/node/state_lock.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include "agents/file.h"

enum { LOCK_PATH_BYTES = 4096 };

err state_lock(const char *state_dir, int *ret_fd, fault *f)
{
	char path[LOCK_PATH_BYTES];
	err e = file_folder(state_dir, f);

	if (e)
		return e;
	if (snprintf(path, sizeof(path), "%s/lock", state_dir) >= (int)sizeof(path))
		return fault_set(f, ERR_LIMIT, "state_dir", "the path is too long");
	*ret_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*ret_fd < 0)
		return fault_set(f, ERR_IO, "state_dir", "%s: %m", path);
	if (flock(*ret_fd, LOCK_EX | LOCK_NB) != 0)
		return fault_set(f, ERR_CONFLICT, "state_dir", "another reeve-node has %s", state_dir);
	return ERR_OK;
}
