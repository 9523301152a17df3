#include "agents/node/mounts.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"

enum { PROC_PATH_BYTES = 64, LIST_BYTES_MAX = 8 << 20 };

/* "36 35 8:1 /root /place options ...": proc(5). */
typedef struct mount_line {
	str id, device, root, place;
} mount_line;

static mount_line line_read(str line)
{
	mount_line m = {.id = str_split(&line, ' ')};

	(void)str_split(&line, ' ');
	m.device = str_split(&line, ' ');
	m.root = str_split(&line, ' ');
	m.place = str_split(&line, ' ');
	return m;
}

/* A file of /proc says that it has no size. One that is longer than any is cut: then nothing is found. */
static str proc_read(const char *path, arena *a)
{
	buf out;
	char part[16 << 10];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return STR_NONE;
	buf_init(&out, LIST_BYTES_MAX);
	while ((n = read(fd, part, sizeof(part))) > 0)
		buf_add(&out, part, (size_t)n);
	close(fd);
	str text = out.over ? STR_NONE : str_dup(a, buf_str(&out));
	buf_done(&out);
	return text;
}

static str list_read(pid_t pid, arena *a)
{
	char path[PROC_PATH_BYTES];

	(void)snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)pid);
	return proc_read(path, a);
}

/* In which mount a file stands: "mnt_id:\t36". */
static str mount_id(int fd, arena *a)
{
	char path[PROC_PATH_BYTES];

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	str text = proc_read(path, a);
	while (text.p) {
		str line = str_split(&text, '\n'), key = str_split(&line, ':');
		if (str_eq(key, S("mnt_id")))
			return str_trim(line);
	}
	return STR_NONE;
}

static bool home_fill(const mount_line *m, const char *folder, mounts_home *ret)
{
	str path = str_from(folder);
	bool is_root = str_eq(m->place, S("/"));

	if (!is_root && !str_starts(path, m->place))
		return false;
	str rest = is_root ? path : str_cut(path, m->place.n, path.n);
	str above = str_eq(m->root, S("/")) ? S("") : m->root;
	int n = snprintf(ret->device, sizeof(ret->device), STR_FMT, STR_ARG(m->device));
	int k = snprintf(ret->root, sizeof(ret->root), STR_FMT STR_FMT, STR_ARG(above), STR_ARG(rest));
	return n > 0 && n < (int)sizeof(ret->device) && k > 0 && k < (int)sizeof(ret->root);
}

bool mounts_home_find(const char *folder, mounts_home *ret)
{
	AUTO_ARENA a = arena_new(0);
	char path[PATH_MAX];
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_known = fd >= 0 && realpath(folder, path);
	str id = is_known ? mount_id(fd, a) : STR_NONE;

	if (fd >= 0)
		close(fd);
	str list = id.p ? list_read(getpid(), a) : STR_NONE;
	while (list.p) {
		mount_line m = line_read(str_split(&list, '\n'));
		if (str_eq(m.id, id))
			return home_fill(&m, path, ret);
	}
	return false;
}

/* The folder is mounted, or a file in it. */
static str name_of(const mount_line *m, const mounts_home *home)
{
	str root = str_from(home->root);

	if (!str_eq(m->device, str_from(home->device)) || !str_starts(m->root, root) || m->root.n <= root.n + 1 ||
		m->root.p[root.n] != '/')
		return STR_NONE;
	str rest = str_cut(m->root, root.n + 1, m->root.n);
	return str_split(&rest, '/');
}

str mounts_allocation(str list, const mounts_home *home)
{
	str found = STR_NONE;

	while (list.p) {
		mount_line m = line_read(str_split(&list, '\n'));
		str name = name_of(&m, home);
		if (!name.p)
			continue;
		if (found.p && !str_eq(found, name))
			return STR_NONE;
		found = name;
	}
	return found;
}

str mounts_of_process(pid_t pid, const mounts_home *home, arena *a)
{
	return mounts_allocation(list_read(pid, a), home);
}
