#include "crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { CROWD_MAX = 256, PAUSE_US_MAX = 5000, PERCENT = 100 };

static pid_t members[CROWD_MAX];
static int n_members;

uint64_t crowd_seed(void)
{
	const char *given = getenv("REEVE_SEED");

	return given ? strtoull(given, NULL, 10) : (uint64_t)clock_now_us() % 1000000;
}

dice dice_of(uint64_t seed, uint64_t who)
{
	return (dice){seed * 1000003 + who};
}

uint64_t dice_roll(dice *d, uint64_t sides)
{
	uint64_t x = d->state += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return (x ^ x >> 31) % sides;
}

void *crowd_memory(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

void crowd_begin(int n, bool (*one)(int i, void *arg), void *arg)
{
	fflush(NULL);
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(one(i, arg) ? 0 : 1);
		members[n_members++] = pid;
	}
}

int crowd_wait(void)
{
	int failed = 0, status;

	while (n_members > 0)
		if (waitpid(members[--n_members], &status, 0) < 0 || status != 0)
			failed++;
	return failed;
}

int crowd_run(int n, bool (*one)(int i, void *arg), void *arg)
{
	crowd_begin(n, one, arg);
	return crowd_wait();
}

static bool send_all(int fd, const char *p, size_t n)
{
	for (size_t sent = 0; sent < n;) {
		ssize_t k = send(fd, p + sent, n - sent, MSG_NOSIGNAL);
		if (k <= 0)
			return false;
		sent += (size_t)k;
	}
	return true;
}

/* Politely, or as when a cable is pulled. */
static int cut(dice *d, int fd)
{
	struct linger at_once = {.l_onoff = 1};

	if (dice_roll(d, 2))
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	return 0;
}

static size_t receive(int fd, char out[CROWD_ANSWER_MAX], size_t most)
{
	size_t n = 0;

	for (ssize_t k; n < most && (k = recv(fd, out + n, most - n, 0)) > 0;)
		n += (size_t)k;
	out[n] = 0;
	return n;
}

int crowd_call(dice *d, const char *request, size_t n, char out[CROWD_ANSWER_MAX])
{
	uint64_t fate = d ? dice_roll(d, PERCENT) : PERCENT;
	int fd = served_dial();

	if (fate < 10) {
		send_all(fd, request, dice_roll(d, n));
		return cut(d, fd);
	}
	if (!send_all(fd, request, n))
		return d ? cut(d, fd) : 0;
	if (fate < 25)
		return cut(d, fd);
	if (fate < 35) {
		usleep((useconds_t)dice_roll(d, PAUSE_US_MAX));
		return cut(d, fd);
	}
	if (fate < 45) {
		receive(fd, out, 1 + dice_roll(d, 40));
		return cut(d, fd);
	}
	size_t got = receive(fd, out, CROWD_ANSWER_MAX - 1);
	close(fd);
	return got > 12 && strstr(out, "\r\n\r\n") ? (int)strtol(out + 9, NULL, 10) : 0;
}
