#include "shim/region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shim/alive.h"
#include "shim/beside.h"
#include "shim/deleted.h"
#include "shim/look.h"
#include "shim/setting.h"

#define REGION_PATH_BYTES 512
#define REGION_BOOKS_AT   4096 /* in a file that holds both */
#define REGION_FILE_BYTES (REGION_BOOKS_AT + sizeof(books))

#define REGION_LOCK_NAP_NS 2000000
#define REGION_LOCK_TRIES  500 /* a second in all */

_Static_assert(sizeof(limits) <= REGION_BOOKS_AT, "limits fit before the books");

/* Bytes of a file or of nothing (fd -1); NULL when it is shorter or the kernel has none. */
static void *region_map(int fd, off_t at, size_t size, int protection)
{
	int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED; /* which can be mapped twice (self.c) */
	if (fd >= 0 && lseek(fd, 0, SEEK_END) < at + (off_t)size)
		return NULL;
	void *found = mmap(NULL, size, protection, flags, fd, at);
	return found == MAP_FAILED ? NULL : found;
}

static bool region_valid(const region *r)
{
	return r->limits && r->books && limits_valid(r->limits, sizeof *r->limits) &&
	       books_valid(r->books, sizeof *r->books);
}

/* Of this process alone: no limit, or nothing at all. */
static bool region_private(region *r, bool closed)
{
	limits *l = region_map(-1, 0, sizeof *l, PROT_READ | PROT_WRITE);
	r->books = region_map(-1, 0, sizeof *r->books, PROT_READ | PROT_WRITE);
	if (!l || !r->books)
		return false;
	limits_init(l, LIMITS_DEVICES);
	for (unsigned d = 0; closed && d < LIMITS_DEVICES; d++)
		limits_set_memory(l, d, 0);
	books_init(r->books);
	r->limits = l;
	return true;
}

/* Keeps a descriptor out of the program's way: others find the file by it when its name has been removed (deleted.h).
 */
static int region_open_file(const char *path, int flags, size_t least_bytes)
{
	int fd = open(path, flags | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		fd = deleted_open(path, flags);
	if (fd < 0)
		return -1;
	if (lseek(fd, 0, SEEK_END) < (off_t)least_bytes) {
		close(fd);
		return -1; /* and nobody may take it for one that is used */
	}
	int high = fcntl(fd, F_DUPFD_CLOEXEC, DELETED_FIRST);
	if (high < 0)
		return fd;
	close(fd);
	return high;
}

static bool region_from_two(const char *limits_path, const char *books_path, region *r)
{
	int fd = region_open_file(limits_path, O_RDONLY, sizeof *r->limits);
	if (fd >= 0)
		r->limits = region_map(fd, 0, sizeof *r->limits, PROT_READ);
	fd = region_open_file(books_path, O_RDWR, sizeof *r->books);
	if (fd >= 0)
		r->books = region_map(fd, 0, sizeof *r->books, PROT_READ | PROT_WRITE);
	return region_valid(r);
}

/* Two files in a folder, as the node and region_create make them. */
static bool region_from_folder(const char *folder, region *r)
{
	char limits_path[REGION_PATH_BYTES], books_path[REGION_PATH_BYTES];
	snprintf(limits_path, sizeof limits_path, "%s/limits", folder);
	snprintf(books_path, sizeof books_path, "%s/books", folder);
	return region_from_two(limits_path, books_path, r);
}

static bool region_from_file(const char *path, region *r)
{
	int fd = region_open_file(path, O_RDWR, REGION_FILE_BYTES);
	if (fd < 0)
		return false;
	r->limits = region_map(fd, 0, sizeof *r->limits, PROT_READ);
	r->books = region_map(fd, REGION_BOOKS_AT, sizeof *r->books, PROT_READ | PROT_WRITE);
	return region_valid(r);
}

static const char *region_setting(const setting_source *from, const char *name, unsigned device)
{
	char numbered[64];
	snprintf(numbered, sizeof numbered, "%s_%u", name, device);
	const char *value = setting_get(from, numbered);
	return value ? value : setting_get(from, name);
}

/* Into limits that may be in use by others who start at the same moment: each value by itself. */
static void region_read_variables(const setting_source *from, limits *l)
{
	const char *policy = setting_get(from, "GPU_CORE_UTILIZATION_POLICY");
	const char *over = setting_get(from, "CUDA_OVERSUBSCRIBE");
	const char *priority = setting_get(from, "CUDA_TASK_PRIORITY");
	bool compute = !policy || (strcmp(policy, "disable") != 0 && strcmp(policy, "DISABLE") != 0);
	for (unsigned d = 0; d < LIMITS_DEVICES; d++) {
		uint64_t bytes;
		uint32_t milli;
		bool has_bytes = setting_bytes(region_setting(from, "CUDA_DEVICE_MEMORY_LIMIT", d), &bytes);
		bool has_milli = compute && setting_milli(region_setting(from, "CUDA_DEVICE_SM_LIMIT", d), &milli);
		limits_set_memory(l, d, has_bytes ? bytes : LIMITS_NONE);
		limits_set_compute(l, d, has_milli ? milli : LIMITS_WHOLE);
	}
	limits_set_priority(l, priority && priority[0] != '0' ? LIMITS_LOW : LIMITS_HIGH);
	uint32_t flags = over && strcmp(over, "true") == 0 ? LIMITS_OVERSUBSCRIBE : 0;
	if (l->flags != flags) {
		l->flags = flags;
		limits_seal(l);
	}
}

static bool region_fill(int fd, const setting_source *from)
{
	if (ftruncate(fd, (off_t)REGION_FILE_BYTES) != 0)
		return false;
	limits *l = region_map(fd, 0, sizeof *l, PROT_READ | PROT_WRITE);
	books *b = region_map(fd, REGION_BOOKS_AT, sizeof *b, PROT_READ | PROT_WRITE);
	if (l && b) {
		books_init(b);
		limits_init(l, LIMITS_DEVICES);
		region_read_variables(from, l);
	}
	if (l)
		munmap(l, sizeof *l);
	if (b)
		munmap(b, sizeof *b);
	return l && b;
}

static bool region_is_same(int fd, const look *file)
{
	char path[40];
	look at;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return look_at(path, &at) && at.inode == file->inode && at.device == file->device;
}

/* False: who has the lock does not let go of it; a program must not hang for that. */
static bool region_lock(int fd)
{
	for (unsigned i = 0; i < REGION_LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		nanosleep(&(struct timespec){0, REGION_LOCK_NAP_NS}, NULL);
	}
	return false;
}

/* Somebody has made an empty file to be used, or has emptied one that is in use, which is then damaged. One of those
 * who find it puts a filled one in its place.
 */
static void region_take_empty(const char *part, const char *path)
{
	look at;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	if (region_lock(fd) && lseek(fd, 0, SEEK_END) == 0 && look_at(path, &at) && region_is_same(fd, &at) &&
		!deleted_is_held(&at))
		(void)!rename(part, path);
	close(fd);
}

/* Filled under a name of its own and then linked, so that nobody ever sees half of it; the first one's stays. */
static void region_make_file(const char *path, const setting_source *from)
{
	char part[REGION_PATH_BYTES + 32];
	snprintf(part, sizeof part, "%s.%d", path, (int)getpid());
	int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	if (region_fill(fd, from) && link(part, path) != 0 && errno == EEXIST)
		region_take_empty(part, path);
	unlink(part);
	close(fd);
}

static void region_usual_path(char *path, size_t size)
{
	snprintf(path, size, "/tmp/reeve-shim-%u", (unsigned)geteuid());
}

/* Whether nobody of this container uses it any more. */
static bool region_is_idle(const region *r)
{
	unsigned top = atomic_load(&r->books->top);
	books_sweep(r->books, alive_space());
	for (unsigned i = 0; i < top && i < BOOKS_SLOTS; i++)
		if (atomic_load(&r->books->slots[i].owner))
			return false;
	return true;
}

/* What lies in the usual place may be left from another day: who comes first has the word again. */
static void region_renew(const char *path, const setting_source *from, const region *r)
{
	int fd = region_is_idle(r) ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
	limits *l = fd >= 0 ? region_map(fd, 0, sizeof *l, PROT_READ | PROT_WRITE) : NULL;
	if (l) {
		region_read_variables(from, l);
		munmap(l, sizeof *l);
	}
	if (fd >= 0)
		close(fd);
}

static bool region_from_variables(const setting_source *from, region *r)
{
	char path[REGION_PATH_BYTES];
	const char *named = setting_get(from, "CUDA_DEVICE_MEMORY_SHARED_CACHE");
	if (named)
		snprintf(path, sizeof path, "%s", named);
	else
		region_usual_path(path, sizeof path);
	r->by_variables = true;
	if (region_from_file(path, r)) {
		if (!named)
			region_renew(path, from, r);
		return true;
	}
	region_make_file(path, from);
	return region_from_file(path, r);
}

/* For who is told nothing, a file in the usual place counts while somebody uses it. */
static bool region_from_usual(region *r, bool *ret_named)
{
	look at;
	char path[REGION_PATH_BYTES];
	region_usual_path(path, sizeof path);
	*ret_named = look_at(path, &at) && at.owner == geteuid();
	if (!*ret_named)
		return false;
	r->by_variables = true;
	bool found = region_from_file(path, r);
	*ret_named = !found || !region_is_idle(r);
	return found && *ret_named;
}

static bool region_from_beside(region *r, bool *ret_named)
{
	beside found;
	*ret_named = beside_find(&found);
	if (!*ret_named)
		return false;
	r->by_variables = strcmp(found.limits, found.books) == 0;
	return r->by_variables ? region_from_file(found.limits, r) : region_from_two(found.limits, found.books, r);
}

/* What is named; *ret_named says whether anything was. */
static bool region_find(region *r, bool *ret_named)
{
	look at;
	*ret_named = true;
	if (look_at(region_mount, &at))
		return region_from_folder(region_mount, r);
	setting_source from;
	if (setting_open(&from)) {
		const char *folder = setting_get(&from, "REEVE_SHIM_REGION");
		bool found = folder ? region_from_folder(folder, r) : region_from_variables(&from, r);
		setting_done(&from);
		return found;
	}
	bool found = region_from_usual(r, ret_named);
	if (*ret_named)
		return found;
	*r = (region){0};
	return region_from_beside(r, ret_named);
}

bool region_open(region *ret_region)
{
	bool named;
	*ret_region = (region){0};
	if (region_find(ret_region, &named))
		return true;
	*ret_region = (region){0};
	return region_private(ret_region, named);
}

static bool region_write(
	const char *folder, const char *name, mode_t mode, const void *start, size_t start_bytes, size_t size)
{
	char path[REGION_PATH_BYTES];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return false;
	bool written = fchmod(fd, mode) == 0 && ftruncate(fd, (off_t)size) == 0 &&
		       write(fd, start, start_bytes) == (ssize_t)start_bytes;
	close(fd);
	return written;
}

bool region_create(const char *folder, const limits *l)
{
	static const books fresh = {
		.magic = BOOKS_MAGIC, .version = BOOKS_VERSION, .slot_count = BOOKS_SLOTS, .size_bytes = sizeof(books)};
	if (mkdir(folder, 0755) != 0 && errno != EEXIST)
		return false;
	return region_write(folder, "books", 0666, &fresh, offsetof(books, devices), sizeof fresh) &&
	       region_write(folder, "limits", 0644, l, sizeof *l, sizeof *l);
}
