/* reeve-hook: what a container runtime runs before a container's first program (OCI runtime specification, hooks).
 *
 *     reeve-hook createContainer|createRuntime [--allocation FOLDER] [--libraries FOLDER]
 *
 * --allocation mounts the node's limits, which the container can only read, and its books. --libraries puts the shim in
 * the place of every file that a name libcuda.so* or libnvidia-ml.so* leads to where the container's loader looks, and
 * the real one under /run/reeve/driver, where the shim looks.
 *
 * The runtime runs it with the rights of the host, in a tree that came with an image: so it is one static program, its
 * environment is thrown away, and nothing inside is followed outside. Where it makes something each step of a path is
 * opened by itself and a symbolic link ends the walk; where it looks for libraries the kernel walks, with the
 * container's root as the root (openat2). Mounts go to what was opened, not to a name. Whatever fails keeps the
 * container from starting.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "json/pull.h"

enum {
	STATE_BYTES_MAX = 1 << 20,
	CONFIG_BYTES_MAX = 16 << 20,
	PATH_BYTES = 4096,
	NAME_BYTES = 256,
	LINKS_MAX = 4,
	JSON_DEPTH = 32,
	FD_PATH_BYTES = 64,
};

#define SHIM_FOLDER   "/.reeve"
#define DRIVER_FOLDER "/run/reeve/driver"

static const struct library {
	const char *name, *stem, *ours; /* stem: what all names of it begin with */
} libraries[] = {
	{"libcuda.so.1", "libcuda.so", "libreeve-shim-cuda.so"},
	{"libnvidia-ml.so.1", "libnvidia-ml.so", "libreeve-shim-nvml.so"},
};

/* Where loaders look. */
static const char *const loader_folders[] = {
	"/usr/lib/x86_64-linux-gnu",
	"/usr/lib/aarch64-linux-gnu",
	"/usr/lib64",
	"/usr/lib",
	"/usr/local/lib",
	"/usr/local/lib64",
	"/usr/local/nvidia/lib",
	"/usr/local/nvidia/lib64",
	"/usr/local/cuda/compat",
	"/lib/x86_64-linux-gnu",
	"/lib/aarch64-linux-gnu",
	"/lib64",
	"/lib",
};

typedef struct asked {
	const char *stage, *allocation, *libraries;
} asked;

static void fail(const char *what, const char *on)
{
	(void)fprintf(stderr, "reeve-hook: %s %s: %s\n", what, on, strerror(errno));
	exit(1);
}

static void refuse(const char *why)
{
	(void)fprintf(stderr, "reeve-hook: %s\n", why);
	exit(1);
}

static str fd_text(int fd, size_t max, arena *a)
{
	char *bytes = arena_alloc(a, max);
	size_t n = 0;

	for (ssize_t got = 1; got > 0 && n < max; n += (size_t)got) {
		got = read(fd, bytes + n, max - n);
		if (got < 0)
			fail("read", "the state");
	}
	if (n == max)
		refuse("the state is longer than any that a runtime writes");
	return str_of(bytes, n);
}

/* The member of an object, as its bytes; absent: there is none. */
static str member(str object, str name)
{
	str key, span = STR_NONE;
	bool has_escape;
	pull p;

	pull_init(&p, object, JSON_DEPTH);
	if (pull_next(&p) != PULL_OBJECT)
		refuse("the state is not JSON");
	while (pull_key(&p, &key, &has_escape)) {
		str value;
		if (pull_span(&p, &value))
			refuse("the state is not JSON");
		if (str_eq(key, name))
			span = value;
	}
	return span;
}

static const char *text_member(str object, str name, arena *a)
{
	str span = member(object, name), text = STR_NONE;
	pull p;

	if (!span.p)
		refuse("the state lacks a member");
	pull_init(&p, span, 1);
	if (pull_next(&p) != PULL_TEXT || pull_unescape(p.text, p.has_escape, a, &text))
		refuse("a member of the state is no text");
	return str_z(a, text);
}

static const char *root_path(const char *bundle, arena *a)
{
	const char *path = str_z(a, str_print(a, "%s/config.json", bundle));
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail("open", path);
	str config = fd_text(fd, CONFIG_BYTES_MAX, a);
	(void)close(fd);
	str root = member(config, S("root"));
	if (!root.p)
		refuse("the bundle has no root");
	const char *at = text_member(root, S("path"), a);
	return at[0] == '/' ? at : str_z(a, str_print(a, "%s/%s", bundle, at));
}

/* At the stage createRuntime we are outside: the container's mounts are its process's. */
static void enter_mounts(str state, arena *a)
{
	int64_t pid = 0;

	if (!str_to_i64(member(state, S("pid")), &pid) || pid <= 0)
		refuse("the state names no process");
	const char *path = str_z(a, str_print(a, "/proc/%lld/ns/mnt", (long long)pid));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNS))
		fail("enter", path);
	(void)close(fd);
}

/* One step of a path, by itself; -1: it is not there, or is no folder. */
static int step_open(int at, const char *name, bool may_make)
{
	int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT || !may_make)
		return fd;
	if (mkdirat(at, name, 0755) && errno != EEXIST)
		return -1;
	return openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int folder_open(int root, const char *path, bool may_make)
{
	str rest = str_from(path + 1);
	int at = dup(root);

	while (at >= 0 && rest.p) {
		char name[NAME_BYTES];
		str step = str_split(&rest, '/');
		(void)snprintf(name, sizeof(name), STR_FMT, STR_ARG(step));
		int next = step_open(at, name, may_make);
		(void)close(at);
		at = next;
	}
	return at;
}

/* The regular file that a name in this folder comes to by links that stay in it; -1: none. */
static int file_open(int folder, const char *name)
{
	char now[NAME_BYTES];
	struct stat st;

	(void)snprintf(now, sizeof(now), "%s", name);
	for (int links = 0; links <= LINKS_MAX; links++) {
		char next[NAME_BYTES];
		int fd = openat(folder, now, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return -1;
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
			return fd;
		(void)close(fd);
		ssize_t n = readlinkat(folder, now, next, sizeof(next) - 1);
		if (n <= 0)
			return -1;
		next[n] = 0;
		if (strchr(next, '/') || strcmp(next, "..") == 0 || strcmp(next, ".") == 0)
			return -1;
		memcpy(now, next, (size_t)n + 1);
	}
	return -1;
}

/* Something to mount a file on. */
static int file_make(int folder, const char *name)
{
	int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0) {
		fd = openat(folder, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
		if (fd < 0)
			fail("make", name);
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		refuse("something that is no file stands where a file is to be mounted");
	return fd;
}

static const char *fd_path(int fd, char out[FD_PATH_BYTES])
{
	(void)snprintf(out, FD_PATH_BYTES, "/proc/self/fd/%d", fd);
	return out;
}

/* Mounts one opened thing over another; reopen gives the thing as it is then, of which the flags are set. */
static void bind(int from, int to, unsigned long flags, int (*reopen)(void *arg), void *arg)
{
	char source[FD_PATH_BYTES], target[FD_PATH_BYTES];

	if (mount(fd_path(from, source), fd_path(to, target), NULL, MS_BIND, NULL))
		fail("mount", "what the node gives");
	int now = reopen(arg);
	if (now < 0 || mount(NULL, fd_path(now, target), NULL, MS_REMOUNT | MS_BIND | flags, NULL))
		fail("protect", "what is mounted");
	(void)close(now);
}

typedef struct place {
	int root, folder;
	const char *path; /* of a folder; and */
	const char *name; /* of a file in folder */
} place;

static int reopen_folder(void *arg)
{
	const place *p = arg;

	return folder_open(p->root, p->path, false);
}

static int reopen_file(void *arg)
{
	const place *p = arg;

	return file_open(p->folder, p->name);
}

static int source_open(const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		fail("open", path);
	return fd;
}

static void allocation_mount(int root, const char *allocation)
{
	char path[PATH_BYTES];
	int from = source_open(allocation), to = folder_open(root, SHIM_FOLDER, true);
	place all = {.root = root, .path = SHIM_FOLDER};

	if (to < 0)
		fail("make", SHIM_FOLDER);
	bind(from, to, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, reopen_folder, &all);
	(void)close(from);
	(void)close(to);
	(void)snprintf(path, sizeof(path), "%s/books", allocation);
	place books = {.root = root, .folder = folder_open(root, SHIM_FOLDER, false), .name = "books"};
	from = source_open(path);
	to = file_open(books.folder, "books");
	if (to < 0)
		refuse("the allocation has no books");
	bind(from, to, MS_NOSUID | MS_NODEV | MS_NOEXEC, reopen_file, &books);
	(void)close(from);
	(void)close(to);
	(void)close(books.folder);
}

/* The first real one found is the one that the shim calls. */
static void driver_keep(int root, int real, const char *name)
{
	place kept = {.root = root, .folder = folder_open(root, DRIVER_FOLDER, true), .name = name};
	struct stat st, own;

	if (kept.folder < 0)
		fail("make", DRIVER_FOLDER);
	int there = file_open(kept.folder, name);
	bool is_kept = there >= 0 && fstat(there, &st) == 0 && st.st_size > 0;
	if (there >= 0)
		(void)close(there);
	if (!is_kept && fstat(real, &own) == 0) {
		int to = file_make(kept.folder, name);
		bind(real, to, MS_RDONLY | MS_NOSUID | MS_NODEV, reopen_file, &kept);
		(void)close(to);
	}
	(void)close(kept.folder);
}

static bool is_same(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int resolve(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

	return (int)syscall(SYS_openat2, root, path + 1, &how, sizeof(how));
}

/* A file in one of the loader's folders, wherever its name leads. An older kernel cannot walk for us: then links that
 * leave the folder are refused. -1: there is none. */
static int library_open(const place *at)
{
	char path[PATH_BYTES];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", at->path, at->name);
	int fd = resolve(at->root, path, O_PATH);
	if (fd < 0 && errno == ENOSYS) {
		fd = file_open(at->folder, at->name);
		if (fd < 0 && fstatat(at->folder, at->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			refuse("a library of the image is a link that this kernel cannot follow safely");
	} else if (fd < 0 && errno != ENOENT && errno != ENOTDIR) {
		fail("follow", path);
	}
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static int reopen_library(void *arg)
{
	return library_open(arg);
}

/* Two names may be one file, and two folders one, by links or by a mount of the image's maker. */
static void library_cover(place *at, const char *kept_name, int ours)
{
	int real = library_open(at);

	if (real >= 0 && !is_same(real, ours)) {
		driver_keep(at->root, real, kept_name);
		bind(ours, real, MS_RDONLY | MS_NOSUID | MS_NODEV, reopen_library, at);
	}
	if (real >= 0)
		(void)close(real);
}

static bool is_named(const char *name, const char *stem)
{
	size_t n = strlen(stem);

	return strncmp(name, stem, n) == 0 && (name[n] == 0 || name[n] == '.');
}

/* The name that is loaded comes first: what it leads to is the real one that is kept. */
static void library_replace(int root, const char *folder, const struct library *l, int ours)
{
	int fd = resolve(root, folder, O_RDONLY | O_DIRECTORY);

	if (fd < 0 && errno == ENOSYS) {
		int at = folder_open(root, folder, false);
		fd = at < 0 ? -1 : openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(at);
	}
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	if (!list)
		return;
	place at = {.root = root, .folder = fd, .path = folder, .name = l->name};
	library_cover(&at, l->name, ours);
	for (const struct dirent *entry; (entry = readdir(list));) {
		at.name = entry->d_name;
		if (is_named(at.name, l->stem))
			library_cover(&at, l->name, ours);
	}
	(void)closedir(list);
}

static void libraries_replace(int root, const char *folder)
{
	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
		char path[PATH_BYTES];
		(void)snprintf(path, sizeof(path), "%s/%s", folder, libraries[i].ours);
		int ours = source_open(path);
		for (size_t j = 0; j < sizeof(loader_folders) / sizeof(*loader_folders); j++)
			library_replace(root, loader_folders[j], &libraries[i], ours);
		(void)close(ours);
	}
}

static asked asked_read(int argc, char **argv)
{
	asked q = {0};

	q.stage = argc > 1 ? argv[1] : "";
	for (int i = 2; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--allocation") == 0)
			q.allocation = argv[i + 1];
		else if (strcmp(argv[i], "--libraries") == 0)
			q.libraries = argv[i + 1];
		else
			refuse("usage: reeve-hook createContainer|createRuntime [--allocation FOLDER] [--libraries FOLDER]");
	}
	bool is_stage = strcmp(q.stage, "createContainer") == 0 || strcmp(q.stage, "createRuntime") == 0;
	if (!is_stage || argc % 2)
		refuse("usage: reeve-hook createContainer|createRuntime [--allocation FOLDER] [--libraries FOLDER]");
	return q;
}

int main(int argc, char **argv)
{
	AUTO_ARENA a = arena_new(0);
	asked q = asked_read(argc, argv);

	(void)clearenv();
	(void)umask(022);
	str state = fd_text(STDIN_FILENO, STATE_BYTES_MAX, a);
	const char *bundle = text_member(state, S("bundle"), a);
	if (bundle[0] != '/')
		refuse("the bundle is no absolute path");
	const char *path = root_path(bundle, a);
	if (strcmp(q.stage, "createRuntime") == 0)
		enter_mounts(state, a);
	int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		fail("open", path);
	if (q.allocation)
		allocation_mount(root, q.allocation);
	if (q.libraries)
		libraries_replace(root, q.libraries);
	return 0;
}
