#include "cli/demo/demo.h"

#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/demo/house.h"
#include "cli/demo/setup.h"

enum { PAUSE_STEP_MS = 50, LIVE_START_MS = 400 };

static const setting rows[] = {
	{.name = "state",
		.kind = SETTING_TEXT,
		.at = offsetof(demo_settings, state),
		.initial = "var/demo",
		.min = 1,
		.max = DEMO_PATH_MAX,
		.help = "Folder of all that the demo keeps."},
	{.name = "bin",
		.kind = SETTING_TEXT,
		.at = offsetof(demo_settings, bin),
		.initial = "",
		.help = "Folder of reeved and reeve-agent. Empty: where this program is."},
	{.name = "web-dir",
		.kind = SETTING_TEXT,
		.at = offsetof(demo_settings, web_dir),
		.initial = "",
		.help = "Folder of the console's files. Empty: no console."},
	{.name = "pg-bin",
		.kind = SETTING_TEXT,
		.at = offsetof(demo_settings, pg_bin),
		.initial = "",
		.help = "Folder of PostgreSQL's programs. Empty: searched for."},
	{.name = "demo-listen",
		.kind = SETTING_TEXT,
		.at = offsetof(demo_settings, demo_listen),
		.initial = "127.0.0.1:8443",
		.help = "Address of the server; port 0: any that is free."},
	{.name = "edition",
		.kind = SETTING_TEXT,
		.at = offsetof(demo_settings, edition),
		.initial = REEVE_VERSION,
		.min = 1,
		.max = 64,
		.help = "Edition of the programs: what another one left is not used again."},
	{.name = "once",
		.kind = SETTING_BOOL,
		.at = offsetof(demo_settings, once),
		.initial = "false",
		.help = "Run a fixed scenario to its end, check it, and say whether all held."},
};
static const setting_table table = {
	.program = "reeve demo",
	.usage = "[options]",
	.about = "Three simulated clusters under one server. In a checkout, ./dev demo runs it.",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};

static void on_signal(void *arg, int signo)
{
	demo *d = arg;

	(void)signo;
	d->is_stopping = true;
}

static void on_pause(void *arg)
{
	loop_stop(client_loop(((demo *)arg)->client));
}

bool demo_pause(demo *d, int64_t ms)
{
	int64_t until_us = clock_mono_us() + ms * 1000;
	int64_t left_us = ms * 1000;

	while (!d->is_stopping && left_us > 0) {
		loop_timer_arm(d->pause, left_us < PAUSE_STEP_MS * 1000 ? left_us : PAUSE_STEP_MS * 1000);
		loop_run(client_loop(d->client));
		left_us = until_us - clock_mono_us();
	}
	return !d->is_stopping;
}

static err demo_open(demo *d, fault *f)
{
	err e = house_paths(d, f);

	if (e)
		return e;
	d->server = (client_settings){.url = d->url, .token = "", .ca = d->ca};
	d->client = client_open(&d->server);
	d->pause = loop_timer_new(client_loop(d->client), on_pause, d);
	signal(SIGPIPE, SIG_IGN);
	loop_on_signal(client_loop(d->client), SIGINT, on_signal, d);
	loop_on_signal(client_loop(d->client), SIGTERM, on_signal, d);
	loop_on_signal(client_loop(d->client), SIGHUP, on_signal, d);
	return ERR_OK;
}

static void demo_close(demo *d)
{
	house_close(d);
	loop_timer_free(d->pause);
	client_close(d->client);
	arena_trim();
}

static int run(demo *d)
{
	bool once = d->settings->once;
	int64_t begun_us = clock_mono_us();
	fault f = {0};
	err e = house_open(d, once, &f);

	if (!e) {
		printf("The server is up at %s after %lld ms; its log is %s.\n", d->url,
			(long long)(clock_mono_us() - begun_us) / 1000, d->log);
		fflush(stdout);
		e = setup_world(d, once ? 0 : LIVE_START_MS, &f);
	}
	if (!e)
		e = house_announce(d, &f);
	if (d->is_stopping)
		return 130;
	if (e)
		return command_fail("demo", &f, 1);
	printf("All clusters have joined after %lld ms.\n", (long long)(clock_mono_us() - begun_us) / 1000);
	fflush(stdout);
	return once ? demo_once(d) : demo_live(d);
}

int command_demo(int argc, char **argv)
{
	demo_settings s = {0};
	fault f = {0};
	int operand = 0;
	bool is_done = false;
	demo d = {.settings = &s, .lock_fd = -1};

	if (setting_read(&table, &s, NULL, argc, argv, &operand, &is_done, &f))
		return command_fail("demo", &f, 2);
	if (is_done)
		return 0;
	if (operand < argc) {
		fault_set(&f, ERR_SETTING, NULL, "takes no operand; see reeve demo --help");
		return command_fail("demo", &f, 2);
	}
	if (demo_open(&d, &f))
		return command_fail("demo", &f, 1);
	int status = run(&d);
	demo_close(&d);
	return status;
}
