#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agents/node/mounts.h"

static const mounts_home home = {"8:1", "/var/lib/reeve-node/allocations"};

#define ROOT_LINE "700 600 0:45 / / rw - overlay overlay rw\n"
#define OURS(name)                                                                                                     \
	"701 700 8:1 /var/lib/reeve-node/allocations/" name                                                            \
	" /.reeve ro,nosuid,nodev,noexec,relatime - ext4 /dev/sda1 rw\n"

static const struct {
	const char *what, *list, *name;
} rows[] = {
	{"the folder", ROOT_LINE OURS("u_main"), "u_main"},
	{"the books alone",
		ROOT_LINE "702 701 8:1 /var/lib/reeve-node/allocations/u_main/books /.reeve/books rw - ext4 x rw\n",
		"u_main"},
	{"moved elsewhere by root inside", "701 700 8:1 /var/lib/reeve-node/allocations/u_main /tmp/x ro - ext4 x rw\n",
		"u_main"},
	{"a folder of that name in the container's own files",
		"701 700 0:45 /var/lib/reeve-node/allocations/victim /.reeve ro - overlay x rw\n", NULL},
	{"a folder whose name goes on",
		"701 700 8:1 /var/lib/reeve-node/allocations-old/victim /.reeve ro - ext4 x rw\n", NULL},
	{"all of them, as the node itself has it", "701 700 8:1 /var/lib/reeve-node/allocations /x rw - ext4 x rw\n",
		NULL},
	{"two: it is not guessed", OURS("a") OURS("b"), NULL},
	{"none", ROOT_LINE, NULL},
	{"cut off", "701 700 8:1", NULL},
	{"nothing", "", NULL},
};

Test(mounts, what_is_mounted_is_known_by_the_kernels_list_and_not_by_a_path_of_the_container)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		str name = mounts_allocation(str_from(rows[i].list), &home);
		cr_expect(rows[i].name ? str_eq(name, str_from(rows[i].name)) : !name.p, "%s: " STR_FMT, rows[i].what,
			STR_ARG(name));
	}
}

/* A container whose root is elsewhere, with the allocation at some place, and a link at the usual one. */
static void child_of(const char *folder, int ready)
{
	bool is_done = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
		       mount(folder, "/mnt", NULL, MS_BIND, NULL) == 0;

	if (write(ready, is_done ? "y" : "n", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static bool root_is_a_mount(void)
{
	struct statx x;

	return statx(AT_FDCWD, "/", 0, 0, &x) == 0 && (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

Test(mounts, a_process_is_known_by_what_is_mounted_where_it_runs)
{
	AUTO_ARENA a = arena_new(0);
	char folder[] = "/tmp/mounts-XXXXXX", path[64], said = 0;
	mounts_home at;
	int ready[2];

	cr_assert(mkdtemp(folder) && pipe(ready) == 0);
	snprintf(path, sizeof(path), "%s/u_main", folder);
	cr_assert_eq(mkdir(path, 0755), 0);
	if (!root_is_a_mount())
		cr_skip_test("in a chroot the list of mounts does not hold what it stands on");
	cr_assert(mounts_home_find(folder, &at));
	pid_t child = fork();
	if (child == 0)
		child_of(path, ready[1]);
	cr_assert_eq(read(ready[0], &said, 1), 1);
	str name = mounts_of_process(child, &at, a);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	rmdir(path);
	rmdir(folder);
	if (said != 'y')
		cr_skip_test("no mounts may be made here");
	cr_expect(str_eq(name, S("u_main")), STR_FMT, STR_ARG(name));
	cr_expect(!mounts_of_process(getpid(), &at, a).p);
}
