/* usage: slow_clients PORT TLS_PORT
 *
 * Opens REEVE_SIZE_SLOW_CLIENTS connections that send a byte now and then: heads and bodies that never end, TLS
 * handshakes that never end. All must be gone LIMIT_MS after the last was opened, while other clients are served.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/resource.h>
#include "base/clock.h"
#include "dial.h"
#include "size.h"

enum { LIMIT_MS = 30000, DRIP_MS = 500, PROBE_MS = 50, PROBE_LIMIT_S = 10, FILES_SPARE = 64, ANSWER_MAX = 4096 };

typedef struct slow_kind {
	const char *name;
	bool is_tls;
	const char *begin;
	size_t n;
	char drip;
} slow_kind;

#define KIND(name_, tls, text, drip_)                                                                                  \
	{                                                                                                              \
		.name = name_, .is_tls = tls, .begin = text, .n = sizeof(text) - 1, .drip = drip_                      \
	}
static const slow_kind kinds[] = {
	KIND("request line", false, "GET /liv", 'v'),
	KIND("header", false, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ", 's'),
	KIND("body", false, "POST /v1/placements HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", ' '),
	/* A record of 512 bytes that begins a ClientHello of 508 (RFC 8446, 5.1 and 4). */
	KIND("handshake", true, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", '\0'),
};
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

typedef struct attack {
	int64_t n, open;
	int64_t opened_us, last_gone_us[KINDS];
	int *fds;
	struct pollfd *polls;
	int64_t served, failed, slowest_us;
} attack;

static void files_allow(int64_t n)
{
	struct rlimit r;

	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = (rlim_t)n + FILES_SPARE;
	if (r.rlim_cur > r.rlim_max || setrlimit(RLIMIT_NOFILE, &r) != 0) {
		fprintf(stderr, "this test needs %lld open files\n", (long long)n + FILES_SPARE);
		exit(77);
	}
}

static void attack_open(attack *a, int port, int tls_port)
{
	for (int64_t i = 0; i < a->n; i++) {
		const slow_kind *k = &kinds[i % KINDS];
		int fd = dial(k->is_tls ? tls_port : port, 0);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		if (send(fd, k->begin, k->n, MSG_NOSIGNAL) != (ssize_t)k->n)
			perror("send");
		a->fds[i] = fd;
		a->open++;
	}
	a->opened_us = clock_mono_us();
}

static void gone(attack *a, int64_t i)
{
	close(a->fds[i]);
	a->fds[i] = -1;
	a->open--;
	a->last_gone_us[i % KINDS] = clock_mono_us();
}

/* Those that the server closed: it may say something first. */
static void attack_look(attack *a)
{
	char answer[ANSWER_MAX];

	for (int64_t i = 0; i < a->n; i++)
		a->polls[i] = (struct pollfd){.fd = a->fds[i], .events = POLLIN};
	if (poll(a->polls, (nfds_t)a->n, 0) <= 0)
		return;
	for (int64_t i = 0; i < a->n; i++) {
		ssize_t got = 1;
		while (a->polls[i].revents && a->fds[i] >= 0 && got > 0)
			got = recv(a->fds[i], answer, sizeof(answer), 0);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			gone(a, i);
	}
}

static void attack_drip(attack *a)
{
	for (int64_t i = 0; i < a->n; i++)
		if (a->fds[i] >= 0 && send(a->fds[i], &kinds[i % KINDS].drip, 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			gone(a, i);
}

/* Another client, on a connection of its own. */
static void probe(attack *a, int port)
{
	static const char text[] = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	char answer[ANSWER_MAX] = "";
	struct timeval limit = {.tv_sec = PROBE_LIMIT_S};
	int64_t begun_us = clock_mono_us(), took_us;
	int fd = dial(port, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	bool is_served = send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL) == sizeof(text) - 1 &&
			 recv(fd, answer, sizeof(answer) - 1, 0) > 0 && !strncmp(answer, "HTTP/1.1 200 ", 13);
	close(fd);
	took_us = clock_mono_us() - begun_us;
	a->slowest_us = took_us > a->slowest_us ? took_us : a->slowest_us;
	*(is_served ? &a->served : &a->failed) += 1;
}

static void attack_run(attack *a, int port)
{
	int64_t turn = 0;

	while (a->open && clock_mono_us() - a->opened_us < (int64_t)LIMIT_MS * 1000) {
		if (turn++ % (DRIP_MS / PROBE_MS) == 0)
			attack_drip(a);
		attack_look(a);
		probe(a, port);
		poll(NULL, 0, PROBE_MS);
	}
}

static bool attack_report(const attack *a, int64_t held)
{
	for (int i = 0; i < KINDS; i++)
		if (a->last_gone_us[i])
			printf("%-14s last gone after %.1f s\n", kinds[i].name,
				(double)(a->last_gone_us[i] - a->opened_us) / 1e6);
		else
			printf("%-14s all are there\n", kinds[i].name);
	printf("%lld slow connections, %lld held at first, %lld left after %d s\n", (long long)a->n, (long long)held,
		(long long)a->open, LIMIT_MS / 1000);
	printf("others meanwhile: %lld served, %lld failed, slowest %.1f ms\n", (long long)a->served,
		(long long)a->failed, (double)a->slowest_us / 1000);
	return !a->open && !a->failed && a->served;
}

int main(int argc, char **argv)
{
	attack a = {.n = size_get("SLOW_CLIENTS")};

	if (argc != 3)
		return 2;
	files_allow(a.n);
	a.fds = calloc((size_t)a.n, sizeof(*a.fds));
	a.polls = calloc((size_t)a.n, sizeof(*a.polls));
	attack_open(&a, number_of(argv[1]), number_of(argv[2]));
	attack_look(&a);
	int64_t held = a.open;
	attack_run(&a, number_of(argv[1]));
	bool holds = attack_report(&a, held);
	free(a.fds);
	free(a.polls);
	/* A server that turns all away at once would prove nothing. */
	return holds && held == a.n ? 0 : 1;
}
