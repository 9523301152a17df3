#include "agents/node/neighbours.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agents/file.h"
#include "agents/node/settle.h"
#include "base/arena.h"
#include "base/vec.h"
#include "shim/alive.h"
#include "shim/region.h"

#define LOOK_NS     INT64_C(500000000) /* between two looks at who is there */
#define NAME_PREFIX "run-"

typedef struct neighbour {
	char name[64], device[64]; /* device: "": each */
	lot *lot;
	bool is_there;
} neighbour;

struct neighbours {
	char base[NEIGHBOURS_PATH_MAX], folder[NEIGHBOURS_PATH_MAX];
	int lock_fd;
	bool is_ours; /* to settle */
	int64_t look_ns;
	settle *settle;
	vec(neighbour) list;
	books *books;
};

/* A folder in a place that others write to must be ours, or somebody else says what it holds. */
static err base_make(char base[NEIGHBOURS_PATH_MAX], fault *f)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	struct stat st;

	if (runtime && access(runtime, W_OK) == 0)
		snprintf(base, NEIGHBOURS_PATH_MAX, "%s/reeve-run", runtime);
	else
		snprintf(base, NEIGHBOURS_PATH_MAX, "/tmp/reeve-run-%u", (unsigned)geteuid());
	if (mkdir(base, 0700) != 0 && errno != EEXIST)
		return fault_set(f, ERR_IO, base, "it cannot be made: %m");
	if (lstat(base, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return fault_set(f, ERR_CONFLICT, base, "it is there and not ours");
	return ERR_OK;
}

static void folder_remove(const char *folder)
{
	static const char *const names[] = {"books", "limits", "device", "libcuda.so.1", "libnvidia-ml.so.1"};
	char path[NEIGHBOURS_PATH_MAX + 32];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

static err folder_make(neighbours *n, const limits *l, const char *device, fault *f)
{
	char path[NEIGHBOURS_PATH_MAX + 32];

	if (snprintf(n->folder, sizeof(n->folder), "%s/" NAME_PREFIX "%d-XXXXXX", n->base, (int)getpid()) >=
		(int)sizeof(n->folder))
		return fault_set(f, ERR_LIMIT, n->base, "the path is too long");
	if (!mkdtemp(n->folder)) {
		n->folder[0] = 0;
		return fault_set(f, ERR_IO, n->base, "no folder can be made there: %m");
	}
	snprintf(path, sizeof(path), "%s/device", n->folder);
	err e = file_write(path, 0600, str_from(device ? device : ""), f);
	if (!e && !region_create(n->folder, l))
		e = fault_set(f, ERR_IO, n->folder, "the share cannot be written there: %m");
	return e;
}

err neighbours_join(const limits *l, const char *device, neighbours **ret, fault *f)
{
	neighbours *n = calloc(1, sizeof(*n));
	char path[NEIGHBOURS_PATH_MAX + 16];

	assert(n);
	n->lock_fd = -1;
	n->settle = settle_new();
	n->books = aligned_alloc(64, sizeof(*n->books));
	assert(n->books);
	err e = base_make(n->base, f);
	if (!e)
		e = folder_make(n, l, device, f);
	if (e) {
		neighbours_leave(n);
		return e;
	}
	snprintf(path, sizeof(path), "%s/lock", n->base);
	n->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	*ret = n;
	return ERR_OK;
}

static void list_clear(neighbours *n)
{
	vec_each (one, &n->list) {
		lot_close(one->lot);
		free(one->lot);
	}
	vec_clear(&n->list);
}

void neighbours_leave(neighbours *n)
{
	if (!n)
		return;
	list_clear(n);
	vec_done(&n->list);
	settle_free(n->settle);
	free(n->books);
	if (n->folder[0])
		folder_remove(n->folder);
	if (n->lock_fd >= 0)
		close(n->lock_fd);
	free(n);
}

const char *neighbours_folder(const neighbours *n)
{
	return n->folder;
}

static bool has_living(const neighbours *n, lot *l)
{
	bool has = false;

	if (!lot_read(l, n->books))
		return false;
	for (unsigned i = 0; i < l->top && !has; i++) {
		uint64_t owner = atomic_load(&n->books->slots[i].owner) & BOOKS_NAME;
		has = owner && alive_check(owner, 0);
	}
	return has;
}

/* Its `reeve-node run` was killed; the command may go on. */
static bool is_left_behind(const neighbours *n, const char *name, lot *l)
{
	long pid = strtol(name + sizeof(NAME_PREFIX) - 1, NULL, 10);

	return pid > 0 && !alive_check((uint64_t)pid << 32, 0) && !has_living(n, l);
}

static void neighbour_add(neighbours *n, const char *name)
{
	AUTO_ARENA a = arena_new(0);
	const char *folder = str_z(a, str_print(a, "%s/%s", n->base, name));
	lot *l = calloc(1, sizeof(*l));
	str device;
	fault f;

	assert(l);
	if (strlen(name) >= sizeof(n->list.v->name) ||
		file_read(str_z(a, str_print(a, "%s/device", folder)), a, &device, &f) || lot_open(folder, l, &f)) {
		free(l);
		return;
	}
	if (is_left_behind(n, name, l)) {
		lot_close(l);
		free(l);
		folder_remove(folder);
		return;
	}
	neighbour *one = vec_add(&n->list);
	one->lot = l;
	one->is_there = true;
	snprintf(one->name, sizeof(one->name), "%s", name);
	snprintf(one->device, sizeof(one->device), STR_FMT, STR_ARG(device));
}

static neighbour *neighbour_find(neighbours *n, const char *name)
{
	vec_each (one, &n->list)
		if (strcmp(one->name, name) == 0)
			return one;
	return NULL;
}

static void settle_all(neighbours *n)
{
	AUTO_ARENA a = arena_new(0);
	vec(settle_member) members = {0};

	vec_each (one, &n->list) {
		unsigned devices = one->device[0] ? 1 : one->lot->limits->device_count;
		for (unsigned d = 0; d < devices; d++)
			vec_push(&members,
				((settle_member){
					one->device[0] ? one->device : str_z(a, str_print(a, "%u", d)), one->lot, d}));
	}
	settle_set(n->settle, members.v, members.n);
	vec_done(&members);
}

static bool gone_remove(neighbours *n)
{
	bool is_changed = false;

	for (uint32_t i = n->list.n; i-- > 0;) {
		if (n->list.v[i].is_there)
			continue;
		lot_close(n->list.v[i].lot);
		free(n->list.v[i].lot);
		vec_remove_fast(&n->list, i);
		is_changed = true;
	}
	return is_changed;
}

static void look(neighbours *n)
{
	DIR *dir = opendir(n->base);
	uint32_t before = n->list.n;

	if (!dir)
		return;
	vec_each (one, &n->list)
		one->is_there = false;
	for (const struct dirent *entry; (entry = readdir(dir));) {
		neighbour *one = neighbour_find(n, entry->d_name);
		if (one)
			one->is_there = true;
		else if (strncmp(entry->d_name, NAME_PREFIX, sizeof(NAME_PREFIX) - 1) == 0)
			neighbour_add(n, entry->d_name);
	}
	closedir(dir);
	bool is_changed = n->list.n != before;
	if (gone_remove(n) || is_changed)
		settle_all(n);
}

int64_t neighbours_turn(neighbours *n, int64_t now_ns)
{
	if (!n->is_ours)
		n->is_ours = n->lock_fd >= 0 && flock(n->lock_fd, LOCK_EX | LOCK_NB) == 0;
	if (!n->is_ours)
		return LOOK_NS;
	if (now_ns >= n->look_ns) {
		look(n);
		n->look_ns = now_ns + LOOK_NS;
	}
	int64_t wait_ns = settle_turn(n->settle, now_ns);
	return wait_ns < n->look_ns - now_ns ? wait_ns : n->look_ns - now_ns;
}
