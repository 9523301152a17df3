#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/demo/house.h"
#include "cli/demo/screen.h"
#include "cli/demo/stream.h"
#include "cli/demo/work.h"

enum {
	TICK_MS = 500,
	LINE_EVERY_TICKS = 10,
	ASKS_PER_TICK = 4,
	PENDING_MAX = 30, /* no more is asked for while so many wait */
	ROWS_INITIAL = 24,
	COLUMNS_INITIAL = 80,
	FRAME_BYTES_MAX = 1 << 20,
	CALLS_FAILED_MAX = 20, /* in a row, then the demo gives up */
};

/* clang-format off */
static const work works[] = {
	{.name = "train", .who = RESEARCH, .classes = {"h100-80g"}, .count = 4, .cpu_milli = 32000, .host_memory_mib = 262144, .runtime_ms = 9000, .weight = 4},
	{.name = "tune", .who = RESEARCH, .classes = {"h100-80g", "a100-80g"}, .count = 2, .cpu_milli = 16000, .host_memory_mib = 131072, .runtime_ms = 6000, .weight = 5},
	{.name = "pretrain", .who = RESEARCH, .classes = {"a100-80g"}, .replicas = 4, .count = 2, .cpu_milli = 16000, .host_memory_mib = 131072, .runtime_ms = 8000, .weight = 3},
	{.name = "notebook", .who = VISION, .classes = {"h100-80g"}, .count = 1, .memory_mib = 20480, .compute_milli = 300, .cpu_milli = 4000, .host_memory_mib = 16384, .runtime_ms = 7000, .weight = 9},
	{.name = "detect", .who = VISION, .classes = {"ascend910b3"}, .count = 1, .memory_percent = 25, .compute_milli = 250, .cpu_milli = 4000, .host_memory_mib = 16384, .runtime_ms = 8000, .weight = 9},
	{.name = "render", .who = VISION, .classes = {"l40s"}, .count = 2, .cpu_milli = 8000, .host_memory_mib = 65536, .runtime_ms = 5000, .weight = 3},
	{.name = "label", .who = VISION, .cpu_milli = 8000, .host_memory_mib = 32768, .runtime_ms = 4000, .weight = 4},
	{.name = "sweep", .who = ACME, .classes = {"ascend910b3", "a100-80g"}, .count = 1, .runtime_ms = 20000, .max_runtime_s = 6, .weight = 6},
	{.name = "simulate", .who = GLOBEX, .classes = {"ascend910b3"}, .replicas = 2, .count = 4, .cpu_milli = 32000, .host_memory_mib = 131072, .runtime_ms = 9000, .weight = 3},
	{.name = "report", .who = GLOBEX, .classes = {"a100-80g"}, .count = 3, .cpu_milli = 16000, .host_memory_mib = 65536, .runtime_ms = 7000, .weight = 4},
	{.name = "chat", .who = SERVING, .classes = {"h100-80g"}, .count = 1, .memory_mib = 40960, .compute_milli = 400, .cpu_milli = 8000, .host_memory_mib = 32768, .runtime_ms = 9000, .weight = 8},
	{.name = "embed", .who = SERVING, .classes = {"l40s"}, .count = 1, .memory_percent = 50, .compute_milli = 500, .cpu_milli = 4000, .host_memory_mib = 16384, .runtime_ms = 8000, .weight = 6},
	{.name = "burst", .who = SERVING, .classes = {"l40s"}, .count = 4, .runtime_ms = 3000, .is_impatient = true, .weight = 2},
	{.name = "batch", .who = SERVING, .classes = {"ascend910b3"}, .count = 2, .cpu_milli = 8000, .host_memory_mib = 32768, .runtime_ms = 6000, .weight = 4},
};
/* clang-format on */

typedef struct live {
	demo *demo;
	view_feed feed;
	uint64_t chance; /* of the generator below */
	int64_t asked, pending, failed;
	bool is_terminal;
	buf frame;
} live;

/* xorshift64*: what comes next need not be secret, only mixed. */
static int64_t chance_below(live *l, int64_t n)
{
	l->chance ^= l->chance >> 12;
	l->chance ^= l->chance << 25;
	l->chance ^= l->chance >> 27;
	return (int64_t)((l->chance * 2685821657736338717u >> 33) % (uint64_t)n);
}

static const work *work_draw(live *l)
{
	int64_t sum = 0;
	size_t i = 0;

	for (size_t k = 0; k < sizeof(works) / sizeof(*works); k++)
		sum += works[k].weight;
	for (int64_t at = chance_below(l, sum); at >= works[i].weight; i++)
		at -= works[i].weight;
	return &works[i];
}

static err ask(live *l, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	const work *w = work_draw(l);
	int64_t runtime_ms = w->runtime_ms / 2 + chance_below(l, w->runtime_ms);
	buf b;

	buf_init(&b, 1 << 16);
	work_body(w, str_print(a, "%s-%lld%c", w->name, (long long)++l->asked, 0).p, runtime_ms, &b);
	err e = demo_do(l->demo, a,
		&(demo_call){.method = "POST",
			.path = "/v1/placements",
			.token = l->demo->token[w->who],
			.body = buf_str(&b)},
		NULL, f);
	buf_done(&b);
	return e;
}

static void on_placement(void *arg, int64_t n, const placement *p)
{
	(void)n;
	view_feed_add(&((live *)arg)->feed, p);
}

static screen_size size_of_terminal(void)
{
	struct winsize w = {0};

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || !w.ws_row || !w.ws_col)
		return (screen_size){ROWS_INITIAL, COLUMNS_INITIAL};
	return (screen_size){w.ws_row, w.ws_col};
}

static void show(live *l, const view *v, int64_t rate, int64_t tick)
{
	if (!l->is_terminal && tick % LINE_EVERY_TICKS != 0)
		return;
	buf_clear(&l->frame);
	if (l->is_terminal)
		screen_draw(l->demo, v, &l->feed, rate, size_of_terminal(), &l->frame);
	else
		screen_line(v, &l->feed, rate, &l->frame);
	fwrite(l->frame.p, 1, l->frame.n, stdout);
	fflush(stdout);
}

static err turn(live *l, int64_t tick, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	view v;
	err e = house_check(l->demo, f);

	for (int i = 0; i < ASKS_PER_TICK && !e && l->pending < PENDING_MAX; i++)
		e = ask(l, f);
	if (!e)
		e = view_read(l->demo, a, &v, f);
	if (e)
		return e;
	l->pending = v.in_state[LIFE_PENDING];
	show(l, &v, view_feed_rate(&l->feed, clock_mono_us()), tick);
	return ERR_OK;
}

static int play(live *l)
{
	fault f = {0};

	for (int64_t tick = 0; !l->demo->is_stopping; tick++) {
		int64_t begun_us = clock_mono_us();
		l->failed = turn(l, tick, &f) ? l->failed + 1 : 0;
		if (l->demo->is_stopping)
			break;
		if (spawn_has_ended(&l->demo->reeved) || l->failed > CALLS_FAILED_MAX)
			return command_fail("demo", &f, 1);
		int64_t left_ms = TICK_MS - (clock_mono_us() - begun_us) / 1000;
		demo_pause(l->demo, left_ms > 1 ? left_ms : 1);
	}
	printf("\nStopping all.\n");
	return 0;
}

int demo_live(demo *d)
{
	live l = {.demo = d, .chance = (uint64_t)clock_now_us() | 1, .is_terminal = isatty(STDOUT_FILENO)};

	buf_init(&l.frame, FRAME_BYTES_MAX);
	if (l.is_terminal)
		buf_add_str(&l.frame, S("\033[2J"));
	else
		screen_try(d, &l.frame);
	fwrite(l.frame.p, 1, l.frame.n, stdout);
	fflush(stdout);
	stream *s = stream_open(d, d->admin, NULL, on_placement, &l);
	int status = play(&l);
	stream_close(s);
	buf_done(&l.frame);
	return status;
}
