#include "agents/node/probe.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agents/node/probe_message.h"
#include "base/clock.h"

enum { PROBE_DEAD_MAX = 16 };

typedef struct skip {
	int64_t until_us; /* monotonic; 0: not left out */
	int64_t span_s;
} skip;

struct probe {
	loop *loop;
	const char *nvml_path;
	int64_t timeout_us;
	probe_hooks hooks;
	loop_timer *deadline, *restart;
	loop_watch *watch;
	pid_t child; /* 0: none */
	pid_t dead[PROBE_DEAD_MAX];
	int fd;
	int32_t at;      /* the device it is asking */
	uint32_t asked;  /* kinds by bit that are under way */
	uint32_t wanted; /* kinds by bit that wait for the child */
	bool is_left;    /* a device was left out of the scan */
	skip skips[CARDS_MAX];
	uint32_t n_cards;
	card cards[CARDS_MAX];
	probe_told told;
};

static void hooks_ill(probe *p, int32_t at, const char *how)
{
	if (p->hooks.on_ill)
		p->hooks.on_ill(p->hooks.arg, at, how);
}

/* One that the kernel holds in a call cannot end yet, and is reaped when it can. */
static void child_reap(void *arg, int signo)
{
	probe *p = arg;

	(void)signo;
	for (uint32_t i = 0; i < PROBE_DEAD_MAX; i++)
		if (p->dead[i] && waitpid(p->dead[i], NULL, WNOHANG) != 0)
			p->dead[i] = 0;
}

static void child_kill(probe *p)
{
	uint32_t i = 0;

	while (i + 1 < PROBE_DEAD_MAX && p->dead[i])
		i++;
	p->dead[i] = p->child;
	kill(p->child, SIGKILL);
	p->child = 0;
	child_reap(p, SIGCHLD);
}

static void child_end(probe *p)
{
	loop_watch_free(p->watch);
	p->watch = NULL;
	loop_timer_disarm(p->deadline);
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->asked = 0;
	p->n_cards = 0;
	if (p->child > 0)
		child_kill(p);
}

static void skip_add(probe *p, int32_t index)
{
	if (index < 0 || index >= CARDS_MAX)
		return;
	skip *s = &p->skips[index];
	s->span_s = s->span_s ? s->span_s * 2 : PROBE_SKIP_MIN_S;
	if (s->span_s > PROBE_SKIP_MAX_S)
		s->span_s = PROBE_SKIP_MAX_S;
	s->until_us = clock_mono_us() + s->span_s * 1000000;
}

static uint64_t skipped(probe *p)
{
	int64_t now_us = clock_mono_us();
	uint64_t bits = 0;

	for (uint32_t i = 0; i < CARDS_MAX; i++)
		if (p->skips[i].until_us > now_us)
			bits |= UINT64_C(1) << i;
	return bits;
}

static void child_lost(probe *p, const char *how)
{
	int32_t at = p->at;

	skip_add(p, at);
	p->wanted |= p->asked | 1u << PROBE_SCAN;
	child_end(p);
	loop_timer_arm(p->restart, (int64_t)PROBE_RESTART_S * 1000000);
	hooks_ill(p, at, how);
}

static void on_deadline(void *arg)
{
	child_lost(arg, "does not answer");
}

static void cards_told(probe *p)
{
	const probe_links *l = &p->told.is.links;

	if (p->hooks.on_cards)
		p->hooks.on_cards(p->hooks.arg, p->cards, p->n_cards, l->weights, l->driver);
	p->n_cards = 0;
}

/* A device that answered in full is no longer ill. */
static void done_told(probe *p, uint32_t kind)
{
	p->asked &= ~(1u << kind);
	if (!p->asked)
		loop_timer_disarm(p->deadline);
	if (kind == PROBE_SAMPLE && p->hooks.on_sampled)
		p->hooks.on_sampled(p->hooks.arg);
	int64_t now_us = clock_mono_us();
	for (uint32_t i = 0; kind == PROBE_SAMPLE && i < CARDS_MAX; i++)
		if (p->skips[i].until_us && p->skips[i].until_us <= now_us)
			p->skips[i] = (skip){0};
}

static void none_told(probe *p)
{
	p->wanted = 0;
	child_end(p);
	if (p->hooks.on_none)
		p->hooks.on_none(p->hooks.arg);
}

static void told_take(probe *p)
{
	switch ((probe_kind)p->told.kind) {
	case PROBE_AT:
		p->at = p->told.index;
		if (p->asked) /* it has so long for each device */
			loop_timer_arm(p->deadline, p->timeout_us);
		break;
	case PROBE_CARD:
		if (p->n_cards < CARDS_MAX) {
			p->cards[p->n_cards] = p->told.is.card;
			p->cards[p->n_cards++].maker = "nvidia";
		}
		break;
	case PROBE_LINKS:
		cards_told(p);
		break;
	case PROBE_SAMPLE:
		if (p->hooks.on_sample)
			p->hooks.on_sample(p->hooks.arg, &p->told.is.sample);
		break;
	case PROBE_EVENT:
		if (p->hooks.on_event)
			p->hooks.on_event(p->hooks.arg, &p->told.is.event);
		break;
	case PROBE_DONE:
		done_told(p, (uint32_t)p->told.index);
		break;
	case PROBE_NONE:
		none_told(p);
		break;
	case PROBE_SCAN:
		break;
	}
}

static void on_readable(void *arg, int what)
{
	probe *p = arg;
	int fd = p->fd;

	(void)what;
	while (p->fd == fd) {
		ssize_t n = recv(fd, &p->told, sizeof(p->told), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0 && errno == ECONNRESET) /* it ended with a question unread; what it said before comes next */
			continue;
		if (n < (ssize_t)PROBE_TOLD_BARE) {
			child_lost(p, "ended its reader");
			return;
		}
		told_take(p);
	}
}

/* The socket is the child's descriptor PROBE_FD; all others of ours close by themselves. */
static void child_become(int fd, const char *nvml_path)
{
	char *const argv[] = {"reeve-node", "probe", (char *)(uintptr_t)nvml_path, NULL};

	if (fd == PROBE_FD)
		(void)fcntl(fd, F_SETFD, 0);
	else if (dup2(fd, PROBE_FD) < 0)
		_exit(EXIT_FAILURE);
	execv("/proc/self/exe", argv);
	_exit(EXIT_FAILURE);
}

static bool child_begin(probe *p)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	pid_t pid = fork();
	if (pid == 0)
		child_become(pair[1], p->nvml_path);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return false;
	}
	p->child = pid;
	p->fd = pair[0];
	p->at = -1;
	p->watch = loop_watch_new(p->loop, p->fd, LOOP_READ, on_readable, p);
	return true;
}

static void ask(probe *p, probe_kind kind)
{
	probe_ask q = {.kind = kind, .skipped = skipped(p)};

	if (p->asked >> kind & 1 || p->fd < 0)
		return;
	if (send(p->fd, &q, sizeof(q), MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof(q))
		return;
	if (!p->asked)
		loop_timer_arm(p->deadline, p->timeout_us);
	p->asked |= 1u << kind;
}

static void begin(void *arg)
{
	probe *p = arg;

	if (!p->child && !child_begin(p)) {
		loop_timer_arm(p->restart, (int64_t)PROBE_RESTART_S * 1000000);
		return;
	}
	/* A new child knows no device until it has looked for them. */
	if (p->wanted)
		ask(p, PROBE_SCAN);
	if (p->wanted >> PROBE_SAMPLE & 1)
		ask(p, PROBE_SAMPLE);
	p->wanted = 0;
}

probe *probe_new(loop *l, const char *nvml_path, int64_t timeout_ms, const probe_hooks *hooks)
{
	probe *p = calloc(1, sizeof(*p));

	assert(p);
	p->loop = l;
	p->nvml_path = nvml_path;
	p->timeout_us = timeout_ms * 1000;
	p->hooks = *hooks;
	p->fd = -1;
	p->at = -1;
	p->deadline = loop_timer_new(l, on_deadline, p);
	p->restart = loop_timer_new(l, begin, p);
	loop_on_signal(l, SIGCHLD, child_reap, p);
	return p;
}

void probe_free(probe *p)
{
	if (!p)
		return;
	child_end(p);
	loop_timer_free(p->deadline);
	loop_timer_free(p->restart);
	free(p);
}

void probe_scan(probe *p)
{
	p->wanted |= 1u << PROBE_SCAN;
	if (p->child)
		ask(p, PROBE_SCAN);
	else
		loop_timer_arm(p->restart, 0);
	if (p->child)
		p->wanted = 0;
}

void probe_ask_sample(probe *p)
{
	if (p->child)
		ask(p, PROBE_SAMPLE);
}
