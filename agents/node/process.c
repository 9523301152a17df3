#include "agents/node/process.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/buf.h"

enum { STAT_PARENT = 4, STAT_STARTED = 22, GROUPS_BYTES_MAX = 32 << 20 };

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static str text_of(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	size_t n = 0;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return STR_NONE;
	while (n < size && (got = read(fd, text + n, size - n)) > 0)
		n += (size_t)got;
	close(fd);
	return str_of(text, n);
}

/* Fields are counted from the state, the third, which follows the name in brackets; that may hold anything. */
static uint64_t stat_field(pid_t pid, int wanted)
{
	char text[1024];
	str rest = text_of(pid, "stat", text, sizeof(text));
	uint64_t v = 0;

	for (uint32_t i = rest.n; i-- > 0;) {
		if (rest.p[i] != ')')
			continue;
		rest = str_cut(rest, i + 2, rest.n);
		for (int field = 3; field < wanted; field++)
			(void)str_split(&rest, ' ');
		(void)str_to_u64(str_split(&rest, ' '), &v);
		return v;
	}
	return 0;
}

uint64_t process_started(pid_t pid)
{
	return stat_field(pid, STAT_STARTED);
}

pid_t process_parent(pid_t pid)
{
	return (pid_t)stat_field(pid, STAT_PARENT);
}

/* "NSpid:\t4021\t17": the last is the innermost; ret_depth, how many there are. */
static uint32_t inner_pid(pid_t pid, uint32_t *ret_depth)
{
	char text[4096];
	str rest = text_of(pid, "status", text, sizeof(text));
	uint64_t v = 0;

	*ret_depth = 0;
	while (rest.p) {
		str line = str_split(&rest, '\n');
		if (!str_starts(line, S("NSpid:")))
			continue;
		line = str_trim(str_cut(line, 6, line.n));
		for (; line.p; ++*ret_depth)
			(void)str_to_u64(str_trim(str_split(&line, '\t')), &v);
	}
	return (uint32_t)v;
}

static uint32_t space_read(pid_t pid)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	ssize_t n = readlink(path, text, sizeof(text) - 1); /* pid:[4026531836] */
	if (n <= 0)
		return 0;
	text[n] = 0;
	const char *at = strchr(text, '[');
	return at ? (uint32_t)strtoul(at + 1, NULL, 10) : 0;
}

/* Everybody may see how deep a process is: one that is no deeper than we are is in our own. */
uint32_t process_space(pid_t pid, bool *ret_is_gone)
{
	uint32_t own, depth, space = space_read(pid);

	*ret_is_gone = false;
	if (space)
		return space;
	uint32_t inner = inner_pid(pid, &depth);
	*ret_is_gone = inner == 0;
	(void)inner_pid(getpid(), &own);
	return depth && depth == own ? space_read(getpid()) : 0;
}

bool process_sees_all(void)
{
	return getppid() != 0;
}

/* 'R', 'T', ...; 0: there is none of that number. */
static char state_of(pid_t pid)
{
	char text[1024];
	str stat = text_of(pid, "stat", text, sizeof(text));

	for (uint32_t i = stat.n; i-- > 0;)
		if (stat.p[i] == ')')
			return i + 2 < stat.n ? stat.p[i + 2] : 0;
	return 0;
}

bool process_has_ended(pid_t pid)
{
	char state = state_of(pid);

	return state == 0 || state == 'Z' || state == 'X';
}

bool process_is_stopped(pid_t pid)
{
	return state_of(pid) == 'T';
}

bool process_look(pid_t pid, process_names *ret)
{
	uint32_t depth, space = space_read(pid);

	if (!space)
		return false;
	*ret = (process_names){
		.space = space,
		.inner = inner_pid(pid, &depth),
		.started = (uint32_t)process_started(pid),
	};
	return ret->space && ret->inner;
}

static bool is_same_uid(const char *p, str uid)
{
	for (uint32_t i = 0; i < uid.n; i++)
		if (p[i] != uid.p[i] && !(p[i] == '_' && uid.p[i] == '-'))
			return false;
	return true;
}

bool cgroup_has_pod(str text, str pod_uid)
{
	for (uint32_t i = 0; pod_uid.n && i + pod_uid.n + 3 <= text.n; i++)
		if (memcmp(text.p + i, "pod", 3) == 0 && is_same_uid(text.p + i + 3, pod_uid))
			return true;
	return false;
}

bool process_in_pod(pid_t pid, const char *pod_uid)
{
	char text[4096];

	return *pod_uid && cgroup_has_pod(text_of(pid, "cgroup", text, sizeof(text)), str_from(pod_uid));
}

pid_t process_beside(pid_t pid, bool (*is_it)(void *arg, pid_t other), void *arg)
{
	char own[4096], other[4096];
	str group = text_of(pid, "cgroup", own, sizeof(own));
	DIR *list = group.n ? opendir("/proc") : NULL;
	pid_t found = 0;

	for (const struct dirent *entry; list && !found && (entry = readdir(list));) {
		int64_t n;
		if (!str_to_i64(str_from(entry->d_name), &n) || n == pid)
			continue;
		if (str_eq(text_of((pid_t)n, "cgroup", other, sizeof(other)), group) && is_it(arg, (pid_t)n))
			found = (pid_t)n;
	}
	if (list)
		closedir(list);
	return found;
}

bool process_groups(arena *a, str *ret)
{
	DIR *list = opendir("/proc");
	char text[4096];
	buf all;

	buf_init(&all, GROUPS_BYTES_MAX);
	for (const struct dirent *entry; list && (entry = readdir(list));) {
		int64_t pid;
		if (str_to_i64(str_from(entry->d_name), &pid))
			buf_add_str(&all, text_of((pid_t)pid, "cgroup", text, sizeof(text)));
	}
	if (list)
		closedir(list);
	bool is_whole = list && !all.over && process_sees_all();
	if (is_whole)
		*ret = str_dup(a, buf_str(&all));
	buf_done(&all);
	return is_whole;
}

str process_boot(arena *a)
{
	char text[64];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	return str_trim(str_dup(a, str_of(text, n > 1 ? (size_t)n - 1 : 0)));
}

bool process_signal(pid_t pid, uint64_t started, int signo)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0)
		return false;
	bool is_sent = process_started(pid) == started && syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0) == 0;
	close(fd);
	return is_sent;
}
