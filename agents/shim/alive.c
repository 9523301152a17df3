#include "shim/alive.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALIVE_TEXT_BYTES 1024
#define ALIVE_STARTED    22 /* fields of /proc/PID/stat */
#define ALIVE_STACK      28

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* The fields of /proc/PID/stat after the name in brackets, which may hold anything. */
static const char *alive_stat(pid_t pid, char *text, size_t size)
{
	char path[40];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	ssize_t n = read(fd, text, size - 1);
	close(fd);
	if (n <= 0)
		return NULL;
	text[n] = 0;
	char *at = strrchr(text, ')');
	return at ? at + 1 : NULL;
}

/* Counted from the state, which is field 3. */
static bool alive_field(const char *at, int wanted, uint64_t *ret_value)
{
	for (int field = 3; at && field < wanted; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return false;
	*ret_value = strtoull(at, NULL, 10);
	return true;
}

static bool alive_started(const char *at, uint32_t *ret_started)
{
	uint64_t ticks;
	bool told = alive_field(at, ALIVE_STARTED, &ticks);
	if (told)
		*ret_started = (uint32_t)ticks;
	return told;
}

/* By where its stack begins, which the kernel draws anew for each exec, and tells to whom it belongs. */
static uint32_t alive_image_of(const char *at)
{
	uint64_t stack;
	return alive_field(at, ALIVE_STACK, &stack) ? (uint32_t)(stack >> 4) : 0;
}

uint32_t alive_image(void)
{
	char text[ALIVE_TEXT_BYTES];
	const char *at = alive_stat((pid_t)syscall(SYS_getpid), text, sizeof text);
	return at ? alive_image_of(at) : 0;
}

uint64_t alive_self(void)
{
	pid_t pid = (pid_t)syscall(SYS_getpid);
	char text[ALIVE_TEXT_BYTES];
	uint32_t started = 0;
	alive_started(alive_stat(pid, text, sizeof text), &started);
	return (uint64_t)pid << 32 | started;
}

/* Whether the pid's threads have all ended; false also when nobody can tell. */
static bool alive_ended(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0) {
		if (errno == ESRCH)
			return true;
		return kill(pid, 0) != 0 && errno == ESRCH; /* a kernel or a filter without pidfds */
	}
	struct pollfd ask = {fd, POLLIN, 0};
	bool ended = poll(&ask, 1, 0) == 1 && (ask.revents & POLLIN);
	close(fd);
	return ended;
}

/* What the kernel prints of a process says most; that its first thread has ended does not say that all have. */
static bool alive_is(pid_t pid, uint32_t wanted, uint32_t image)
{
	char text[ALIVE_TEXT_BYTES];
	uint32_t started;
	const char *at = alive_stat(pid, text, sizeof text); /* " S PPID ..." */
	if (at && alive_started(at, &started)) {
		if (wanted && started != wanted)
			return false;
		uint32_t now = image ? alive_image_of(at) : 0;
		if (now && now != image)
			return false;
		if (at[1] != 'Z' && at[1] != 'X')
			return true;
	}
	return !alive_ended(pid);
}

bool alive_check(uint64_t name, uint32_t image)
{
	pid_t pid = (pid_t)(name >> 32);
	int kept = errno;
	bool lives = pid > 0 && alive_is(pid, (uint32_t)name, image);
	errno = kept;
	return lives;
}

uint32_t alive_space(void)
{
	char text[64];
	ssize_t n = readlink("/proc/self/ns/pid", text, sizeof text - 1); /* pid:[4026531836] */
	if (n <= 0)
		return 0;
	text[n] = 0;
	const char *at = strchr(text, '[');
	return at ? (uint32_t)strtoul(at + 1, NULL, 10) : 0;
}
