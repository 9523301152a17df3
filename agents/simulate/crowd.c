#include "agents/simulate/crowd.h"
#include <assert.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "agents/file.h"
#include "agents/simulate/member.h"
#include "base/log.h"

struct crowd {
	crowd_spec s;
	arena *arena; /* of the folders' names */
	member **members;
	uint32_t begun, ended;
	loop_timer *timer; /* of those that have not begun */
	bool is_stopping, has_failed, has_ended;
};

static void end_look(crowd *c)
{
	if (c->has_ended || c->ended < c->begun || (!c->is_stopping && c->begun < c->s.n))
		return;
	c->has_ended = true;
	c->s.on_end(c->s.arg, c->has_failed);
}

/* Where one fails, the others end in order: whoever tries a server with so many wants all of them. */
static void on_member_end(void *arg, bool is_failure)
{
	crowd *c = arg;

	c->ended++;
	c->has_failed |= is_failure;
	if (is_failure && !c->is_stopping)
		crowd_stop(c);
	else
		end_look(c);
}

static err begin_one(crowd *c, uint32_t at, fault *f)
{
	bool is_alone = c->s.n == 1;
	member_spec s = {
		.loop = c->s.loop,
		.server = c->s.server,
		.ca_file = c->s.ca_file,
		.token = c->s.tokens.n ? str_z(c->arena, c->s.tokens.v[at]) : NULL,
		.folder = c->s.folder,
		.scene_path = c->s.scene_path,
		.version = c->s.version,
		.number = is_alone ? 0 : at + 1,
		.on_end = on_member_end,
		.arg = c,
	};

	if (!is_alone)
		s.folder = str_z(c->arena, str_print(c->arena, "%s/%05u", c->s.folder, at + 1));
	return member_open(&s, &c->members[at], f);
}

static void on_step(void *arg)
{
	crowd *c = arg;
	fault f = {0};

	for (int i = 0; i < CROWD_STEP && c->begun < c->s.n; i++) {
		if (begin_one(c, c->begun, &f)) {
			log_error("cluster.failed", KV_I64("number", c->begun + 1), KV_Z("why", f.detail));
			c->has_failed = true;
			crowd_stop(c);
			return;
		}
		c->begun++;
	}
	if (c->begun < c->s.n)
		loop_timer_arm(c->timer, CROWD_STEP_US);
	else if (c->s.n > 1)
		log_info("clusters.begun", KV_I64("clusters", c->s.n));
}

/* The system's usual limit is that of a program with few connections. */
static err files_raise(uint32_t n, fault *f)
{
	rlim_t need = (rlim_t)n * CROWD_FILES + CROWD_FILES_OTHER;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= need)
		return ERR_OK;
	if (limit.rlim_max < need)
		return fault_set(f, ERR_LIMIT, "--clusters",
			"%u clusters need %llu open files, and this process may have %llu (ulimit -Hn)", n,
			(unsigned long long)need, (unsigned long long)limit.rlim_max);
	limit.rlim_cur = need;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	return ERR_OK;
}

static err spec_check(const crowd_spec *s, fault *f)
{
	if (s->tokens.n && s->tokens.n < s->n)
		return fault_set(f, ERR_SETTING, "--join-token-file", "holds %u tokens for %u clusters: one a line",
			s->tokens.n, s->n);
	err e = file_folder(s->folder, f);
	return e ? e : files_raise(s->n, f);
}

err crowd_open(const crowd_spec *s, crowd **ret, fault *f)
{
	assert(s->n >= 1 && s->n <= CROWD_MAX);
	err e = spec_check(s, f);
	if (e)
		return e;
	crowd *c = calloc(1, sizeof(*c));
	assert(c);
	c->s = *s;
	c->arena = arena_new(0);
	c->members = calloc(s->n, sizeof(*c->members));
	assert(c->members);
	c->timer = loop_timer_new(s->loop, on_step, c);
	/* What is wrong with the first is told at once, and is mostly wrong with all. */
	e = begin_one(c, 0, f);
	if (e) {
		crowd_close(c);
		return e;
	}
	c->begun = 1;
	loop_timer_arm(c->timer, 0);
	*ret = c;
	return ERR_OK;
}

void crowd_stop(crowd *c)
{
	c->is_stopping = true;
	loop_timer_disarm(c->timer);
	for (uint32_t i = 0; i < c->begun; i++)
		member_stop(c->members[i]);
	end_look(c);
}

void crowd_reload(crowd *c)
{
	for (uint32_t i = 0; i < c->begun; i++)
		member_reload(c->members[i]);
}

void crowd_close(crowd *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < c->begun; i++)
		member_close(c->members[i]);
	loop_timer_free(c->timer);
	free(c->members);
	arena_end(c->arena);
	free(c);
}
