#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agents/node/mounts.h"
#include "agents/node/process.h"
#include "agents/node/whose.h"

static bool is_the_one(void *arg, pid_t other)
{
	return other == *(const pid_t *)arg;
}

Test(whose, who_is_beside_a_process_is_known_by_its_control_groups)
{
	pid_t child = fork();

	if (child == 0)
		for (;;)
			pause();
	cr_expect_eq(process_beside(getpid(), is_the_one, &child), child);
	cr_expect_eq(process_beside(child, is_the_one, &child), 0, "nobody is beside itself");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	cr_expect_eq(process_beside(child, is_the_one, &child), 0);
}

/* A process in a control group of the pod, with or without the allocation mounted. */
static pid_t process_of(const char *group, const char *folder)
{
	char path[256], said = 'n', pid[32];
	int ready[2];

	cr_assert_eq(pipe(ready), 0);
	pid_t child = fork();
	if (child) {
		cr_assert_eq(read(ready[0], &said, 1), 1);
		return said == 'y' ? child : -child;
	}
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	int fd = open(path, O_WRONLY), n = snprintf(pid, sizeof(pid), "%d", (int)getpid());
	bool is_in = fd >= 0 && write(fd, pid, (size_t)n) == n;
	bool is_mounted =
		!folder || (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
				   mount(folder, "/mnt", NULL, MS_BIND, NULL) == 0);
	if (write(ready[1], is_in && is_mounted ? "y" : "n", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static const char *group_make(const char *uid)
{
	static const char *const homes[] = {
		"/sys/fs/cgroup/unified", "/sys/fs/cgroup", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/freezer"};
	static char path[256];

	for (size_t i = 0; i < sizeof(homes) / sizeof(*homes); i++) {
		char procs[300];
		(void)snprintf(path, sizeof(path), "%s/pod%s", homes[i], uid);
		(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
		if (mkdir(path, 0755) == 0 && access(procs, W_OK) == 0)
			return path;
		(void)rmdir(path);
	}
	return NULL;
}

static void process_end(pid_t pid)
{
	pid = pid < 0 ? -pid : pid;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* In a pod whose two containers have one each, a process that has got rid of its mount is still one of its container's.
 */
Test(whose, in_a_pod_with_several_the_containers_other_processes_tell)
{
	char root[] = "/tmp/reeve-whose-XXXXXX", folder[128], uid[64];
	allocations *all;
	const allocation *of;
	fault f = {0};

	cr_assert(mkdtemp(root));
	(void)snprintf(uid, sizeof(uid), "%s", root + 5);
	cr_assert_eq(allocations_open(root, NULL, NULL, &all, &f), ERR_OK, "%s", f.detail);
	for (int i = 0; i < 2; i++) {
		allocation_ask ask = {.id = i ? "p_b" : "p_a",
			.owner = {.pod_uid = str_from(uid)},
			.share = {.devices = {{"GPU-a", 1000, 0}}, .n = 1}};
		cr_assert_eq(allocation_make(all, &ask, &of, &f), ERR_OK, "%s", f.detail);
	}
	(void)snprintf(folder, sizeof(folder), "%s/allocations/p_b", root);
	const char *group = group_make(uid);
	pid_t plain = group ? process_of(group, NULL) : -1, mounted = -1;
	whose *w = whose_new(all);
	if (plain > 0) {
		const whose_process *found = whose_find(w, plain);
		cr_expect(found && !found->of, "nobody says which");
		mounted = process_of(group, folder);
	}
	AUTO_ARENA a = arena_new(0);
	mounts_home home;
	bool can = mounted > 0 && mounts_home_find(root, &home) && mounts_of_process(mounted, &home, a).p;
	whose *fresh = whose_new(all);
	const whose_process *found = can ? whose_find(fresh, plain) : NULL;
	cr_expect(!can || (found && found->of && strcmp(found->of->id, "p_b") == 0));
	whose_free(fresh);
	whose_free(w);
	if (plain != -1)
		process_end(plain);
	if (mounted != -1)
		process_end(mounted);
	allocations_close(all);
	if (group)
		(void)rmdir(group);
	(void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (!can)
		cr_skip_test("no control groups or no mounts can be made here");
}
