#include "server/supervisor/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* sun_path holds 108 bytes; PostgreSQL adds "/.s.PGSQL.5432.lock". */
enum { SOCKET_FOLDER_MAX = 80 };

static err folder_make(const char *path, fault *f)
{
	struct stat st;

	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return fault_set(f, ERR_IO, NULL, "cannot make the folder %s: %s", path, strerror(errno));
	if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return fault_set(f, ERR_IO, NULL, "%s is not a folder", path);
	if (access(path, W_OK) != 0)
		return fault_set(f, ERR_IO, NULL, "the folder %s cannot be written", path);
	return ERR_OK;
}

err folders_take(const char *data_dir, int *ret_lock, fault *f)
{
	char path[FOLDER_PATH_MAX];
	err e = folder_make(data_dir, f);

	if (e)
		return e;
	if (snprintf(path, sizeof(path), "%s/lock", data_dir) >= (int)sizeof(path))
		return fault_set(f, ERR_IO, NULL, "the path of the data folder is too long");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fault_set(f, ERR_IO, NULL, "cannot open %s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		return fault_set(f, ERR_IO, NULL, "another reeved runs on %s", data_dir);
	}
	*ret_lock = fd;
	return ERR_OK;
}

/* The same name at each start, so that an orphan's socket is found again; FNV-1a, 64 bits. */
static uint64_t path_number(const char *path)
{
	uint64_t h = 14695981039346656037u;

	for (; *path; path++)
		h = (h ^ (uint8_t)*path) * 1099511628211u;
	return h;
}

static err folder_is_ours(const char *path, fault *f)
{
	struct stat st;

	if (lstat(path, &st) != 0 || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return fault_set(f, ERR_IO, NULL, "%s belongs to somebody else", path);
	return ERR_OK;
}

err folders_run(const char *data_dir, char ret_run[FOLDER_PATH_MAX], fault *f)
{
	err e;
	int n = snprintf(ret_run, FOLDER_PATH_MAX, "%s/run", data_dir);

	if (n > SOCKET_FOLDER_MAX)
		snprintf(ret_run, FOLDER_PATH_MAX, "/tmp/reeve-%u-%016llx", (unsigned)geteuid(),
			(unsigned long long)path_number(data_dir));
	e = folder_make(ret_run, f);
	return e ? e : folder_is_ours(ret_run, f);
}
