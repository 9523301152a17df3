#include "agents/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static err io_fault(fault *f, const char *what, const char *path)
{
	char text[128];
	int no = errno;

	return fault_set(f, no == ENOENT ? ERR_NOT_FOUND : ERR_IO, NULL, "cannot %s %s: %s", what, path,
		strerror_r(no, text, sizeof(text)));
}

static err fd_read(int fd, const char *path, arena *a, str *ret, fault *f)
{
	struct stat st;

	if (fstat(fd, &st))
		return io_fault(f, "look at", path);
	if (st.st_size > (off_t)(FILE_BYTES_MAX - (1 << 20)))
		return fault_set(f, ERR_LIMIT, NULL, "%s is larger than %zu bytes", path, FILE_BYTES_MAX - (1 << 20));
	char *p = arena_alloc(a, (size_t)st.st_size + 1);
	size_t n = 0;
	while (n < (size_t)st.st_size) {
		ssize_t got = read(fd, p + n, (size_t)st.st_size - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return io_fault(f, "read", path);
		if (!got)
			break;
		n += (size_t)got;
	}
	*ret = str_of(p, n);
	return ERR_OK;
}

err file_read(const char *path, arena *a, str *ret, fault *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return io_fault(f, "read", path);
	err e = fd_read(fd, path, a, ret, f);
	(void)close(fd);
	return e;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool write_all(int fd, str bytes, int64_t at)
{
	for (uint32_t n = 0; n < bytes.n;) {
		ssize_t put = pwrite(fd, bytes.p + n, bytes.n - n, at + n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		n += (uint32_t)put;
	}
	return true;
}

err file_append(int fd, int64_t at, str bytes, fault *f)
{
	if (write_all(fd, bytes, at) && !fdatasync(fd))
		return ERR_OK;
	int no = errno;
	if (ftruncate(fd, at))
		errno = no;
	errno = no;
	return io_fault(f, "append to", "the journal");
}

static err folder_sync(const char *path, fault *f)
{
	char copy[PATH_MAX];

	(void)snprintf(copy, sizeof(copy), "%s", path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return io_fault(f, "open the folder of", path);
	int bad = fsync(fd);
	(void)close(fd);
	return bad ? io_fault(f, "sync the folder of", path) : ERR_OK;
}

err file_write(const char *path, unsigned mode, str bytes, fault *f)
{
	char fresh[PATH_MAX];

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return fault_set(f, ERR_LIMIT, NULL, "the path %s is too long", path);
	(void)unlink(fresh);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return io_fault(f, "make", fresh);
	bool done = write_all(fd, bytes, 0) && !fsync(fd);
	done = !close(fd) && done;
	if (!done || rename(fresh, path)) {
		err e = io_fault(f, "write", path);
		(void)unlink(fresh);
		return e;
	}
	return folder_sync(path, f);
}

err file_folder(const char *path, fault *f)
{
	struct stat st;

	if (mkdir(path, 0700) && errno != EEXIST)
		return io_fault(f, "make", path);
	if (stat(path, &st) || !S_ISDIR(st.st_mode))
		return fault_set(f, ERR_IO, NULL, "%s is not a folder", path);
	return ERR_OK;
}
