#include "agents/node/lot.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOT_PATH_MAX = 4096 };

static err open_file(const char *folder, const char *name, int *ret_fd, fault *f)
{
	char path[LOT_PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return fault_set(f, ERR_LIMIT, folder, "the path is too long");
	*ret_fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (*ret_fd < 0)
		return fault_set(f, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, path, "it cannot be opened: %m");
	return ERR_OK;
}

static err map_limits(const char *folder, lot *ret, fault *f)
{
	struct stat st;
	int fd;
	err e = open_file(folder, "limits", &fd, f);

	if (e)
		return e;
	off_t size = fstat(fd, &st) == 0 ? st.st_size : 0;
	limits *l = size >= (off_t)sizeof(*l) ? mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
					      : MAP_FAILED;
	close(fd);
	if (l == MAP_FAILED)
		return fault_set(f, ERR_CONFLICT, folder, "limits is cut short");
	if (!limits_valid(l, sizeof(*l))) {
		munmap(l, sizeof(*l));
		return fault_set(f, ERR_CONFLICT, folder, "limits is damaged or of another version");
	}
	ret->limits = l;
	return ERR_OK;
}

err lot_open(const char *folder, lot *ret, fault *f)
{
	lot l = {.books_fd = -1};
	err e = map_limits(folder, &l, f);

	if (e)
		return e;
	e = open_file(folder, "books", &l.books_fd, f);
	if (e) {
		munmap(l.limits, sizeof(*l.limits));
		return e;
	}
	/* They are read fifty times a second; who may not say so pays a tenth more for it. */
	(void)fcntl(l.books_fd, F_SETFL, O_NOATIME);
	*ret = l;
	return ERR_OK;
}

void lot_close(lot *l)
{
	if (!l->limits)
		return;
	munmap(l->limits, sizeof(*l->limits));
	close(l->books_fd);
	*l = (lot){.books_fd = -1};
}

static bool read_slots(const lot *l, books *b, unsigned from, unsigned to)
{
	size_t bytes = (to - from) * sizeof(books_slot);

	return pread(l->books_fd, &b->slots[from], bytes,
		       (off_t)(offsetof(books, slots) + from * sizeof(books_slot))) == (ssize_t)bytes;
}

/* One read is enough unless a process has joined since the last time. */
bool lot_read(lot *l, books *b)
{
	size_t bytes = offsetof(books, slots) + l->top * sizeof(books_slot);

	if (pread(l->books_fd, b, bytes, 0) != (ssize_t)bytes || !books_valid(b, sizeof(*b)))
		return false;
	unsigned top = atomic_load(&b->top);
	if (top > BOOKS_SLOTS)
		return false;
	if (top > l->top && !read_slots(l, b, l->top, top))
		return false;
	l->top = top;
	return true;
}

int64_t lot_latest(const books *b, bool *ret_has_process)
{
	uint64_t latest = 0;
	unsigned top = atomic_load(&b->top);

	*ret_has_process = false;
	for (unsigned i = 0; i < top; i++) {
		if (!atomic_load(&b->slots[i].owner))
			continue;
		uint64_t at = atomic_load(&b->slots[i].launched_at_ns);
		*ret_has_process = true;
		if (at > latest && at <= INT64_MAX)
			latest = at;
	}
	return (int64_t)latest;
}

bool lot_fill(const lot *l)
{
	return posix_fallocate(l->books_fd, 0, sizeof(books)) == 0;
}

void lot_cut(const lot *l)
{
	struct stat st;

	if (fstat(l->books_fd, &st) == 0 && st.st_size > (off_t)sizeof(books))
		(void)!ftruncate(l->books_fd, sizeof(books));
}

/* Who has added up the slot's group before adds it up again. By a leap: a process may count at the same moment. */
static void group_change(const lot *l, unsigned slot)
{
	unsigned first = slot - (slot - BOOKS_NEAR) % BOOKS_GROUP;
	off_t at = (off_t)(offsetof(books, slots) + first * sizeof(books_slot) + offsetof(books_slot, changes));
	uint64_t changes = 0;

	if (pread(l->books_fd, &changes, sizeof(changes), at) != (ssize_t)sizeof(changes))
		return;
	changes += UINT64_C(1) << 32;
	(void)!pwrite(l->books_fd, &changes, sizeof(changes), at);
}

bool lot_free_slot(const lot *l, unsigned slot)
{
	off_t at = (off_t)(offsetof(books, slots) + slot * sizeof(books_slot) + offsetof(books_slot, owner));
	uint64_t nobody = 0;

	if (slot >= l->top || pwrite(l->books_fd, &nobody, sizeof(nobody), at) != (ssize_t)sizeof(nobody))
		return false;
	if (slot >= BOOKS_NEAR)
		group_change(l, slot);
	return true;
}

bool lot_name_process(const lot *l, unsigned slot, uint32_t host_pid)
{
	off_t at = (off_t)(offsetof(books, slots) + slot * sizeof(books_slot) + offsetof(books_slot, host_pid));

	return slot < l->top && pwrite(l->books_fd, &host_pid, sizeof(host_pid), at) == (ssize_t)sizeof(host_pid);
}
