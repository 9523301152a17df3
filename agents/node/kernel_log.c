#include "agents/node/kernel_log.h"
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 8192 };

struct kernel_log {
	int fd;
	loop_watch *watch;
	void (*on_line)(void *arg, str line);
	void (*on_end)(void *arg);
	void *arg;
};

static void on_readable(void *arg, int what)
{
	const kernel_log *k = arg;
	char line[LINE_MAX_BYTES];
	ssize_t n;

	(void)what;
	while ((n = read(k->fd, line, sizeof(line))) > 0)
		k->on_line(k->arg, str_of(line, (size_t)n));
	k->on_end(k->arg);
}

kernel_log *kernel_log_open(
	loop *l, const char *path, void (*on_line)(void *arg, str line), void (*on_end)(void *arg), void *arg)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	kernel_log *k = calloc(1, sizeof(*k));
	assert(k);
	*k = (kernel_log){.fd = fd, .on_line = on_line, .on_end = on_end, .arg = arg};
	(void)lseek(fd, 0, SEEK_END);
	k->watch = loop_watch_new(l, fd, LOOP_READ, on_readable, k);
	return k;
}

void kernel_log_close(kernel_log *k)
{
	if (!k)
		return;
	loop_watch_free(k->watch);
	(void)close(k->fd);
	free(k);
}
