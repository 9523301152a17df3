#include "agents/node/npus.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "agents/kube/program.h"

struct npus {
	npus_config c;
	char *program, *tool;
	loop_timer *next;
	struct program *running;
	bool is_hurried; /* while it ran */
	vnpu_listed list[VNPU_CHIPS_MAX];
};

static void look_later(npus *all)
{
	loop_timer_arm(all->next, all->is_hurried ? 0 : all->c.every_ms * 1000);
	all->is_hurried = false;
}

static void on_done(void *arg, err code, str out, const char *why)
{
	npus *all = arg;
	uint32_t n = 0;
	str said = out;

	all->running = NULL;
	look_later(all);
	if (!code && vnpu_list_read(said, all->list, &n)) {
		all->c.on_list(all->c.arg, all->list, n);
		return;
	}
	AUTO_ARENA a = arena_new(0);
	str line = code ? STR_NONE : str_split(&out, '\n');
	all->c.on_silent(all->c.arg, line.n ? str_z(a, line) : why ? why : "its answer cannot be read");
}

static void look(void *arg)
{
	npus *all = arg;
	str words[] = {S("vnpu"), S("-"), str_from(all->tool), S("list")};
	program_spec s = {
		.command = str_from(all->program),
		.args = {words, sizeof(words) / sizeof(*words)},
		.timeout_ms = all->c.timeout_ms,
		.on_done = on_done,
		.arg = all,
	};
	fault f = {0};

	all->running = program_start(all->c.loop, &s, &f);
	if (all->running)
		return;
	look_later(all);
	all->c.on_silent(all->c.arg, f.detail);
}

npus *npus_open(const npus_config *c)
{
	npus *all = calloc(1, sizeof(*all));

	assert(all);
	all->c = *c;
	if (!all->c.timeout_ms)
		all->c.timeout_ms = NPUS_TIMEOUT_MS;
	all->program = strdup(c->program);
	all->tool = strdup(c->tool);
	assert(all->program && all->tool);
	all->next = loop_timer_new(c->loop, look, all);
	loop_timer_arm(all->next, 0);
	return all;
}

void npus_close(npus *all)
{
	if (!all)
		return;
	program_stop(all->running);
	loop_timer_free(all->next);
	free(all->program);
	free(all->tool);
	free(all);
}

void npus_hurry(npus *all)
{
	if (all->running)
		all->is_hurried = true;
	else
		loop_timer_arm(all->next, 0);
}
