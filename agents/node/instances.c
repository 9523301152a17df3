#include "agents/node/instances.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "agents/file.h"
#include "agents/kube/program.h"
#include "base/buf.h"
#include "base/vec.h"

enum { PATH_BYTES = 4096, FILE_BYTES_MAX_OURS = 1 << 20, WORDS = 8 };

typedef enum stage { STAGE_MAKING, STAGE_READY, STAGE_REMOVING } stage;

static const char *const stage_words[] = {"making", "ready", "removing"};

typedef struct entry {
	stage stage;
	char allocation[ALLOCATION_ID_MAX];
	char device[INSTANCE_TEXT_MAX], profile[INSTANCE_TEXT_MAX];
	int64_t start;
	instance_found made; /* STAGE_READY; gpu_instance -1: it is not known whether it was made */
	char why[FAULT_DETAIL_MAX];
	bool has_failed; /* making did, and nothing stands there of it: told once, then the entry goes */
	bool is_waiting; /* removing did: it is tried again later */
	bool is_missed;  /* it was not seen among what stands on the device */
} entry;

struct instances {
	instances_config c;
	char *path, *lock, *program, *word, *nvml, *boot;
	vec(entry *) entries;
	program *running;
	entry *current; /* what runs is for it */
	bool is_making; /* and makes it */
	loop_timer *again;
};

static err save(instances *all, fault *f)
{
	buf out;

	buf_init(&out, FILE_BYTES_MAX_OURS);
	if (all->boot[0])
		buf_printf(&out, "boot %s\n", all->boot);
	for (uint32_t i = 0; i < all->entries.n; i++) {
		const entry *e = all->entries.v[i];
		if (e->has_failed)
			continue;
		buf_printf(&out, "%s %s %s %s %lld %lld %lld %s\n", stage_words[e->stage], e->allocation, e->device,
			e->profile, (long long)e->start, (long long)e->made.gpu_instance,
			(long long)e->made.compute_instance, e->made.uuid[0] ? e->made.uuid : "-");
	}
	err e = out.over ? ERR_LIMIT : file_write(all->path, 0600, buf_str(&out), f);
	buf_done(&out);
	return e;
}

static bool text_take(str word, char *out, size_t size)
{
	if (word.n == 0 || word.n >= size)
		return false;
	memcpy(out, word.p, word.n);
	out[word.n] = 0;
	return true;
}

static bool entry_read(str line, entry *e)
{
	str words[WORDS];
	uint32_t n = 0;
	int at = 0;

	while (line.p && n < WORDS)
		words[n++] = str_split(&line, ' ');
	if (n != WORDS || line.p)
		return false;
	while (at < 3 && !str_eq(words[0], str_from(stage_words[at])))
		at++;
	e->stage = (stage)at;
	return at < 3 && text_take(words[1], e->allocation, sizeof(e->allocation)) &&
	       text_take(words[2], e->device, sizeof(e->device)) &&
	       text_take(words[3], e->profile, sizeof(e->profile)) && str_to_i64(words[4], &e->start) &&
	       str_to_i64(words[5], &e->made.gpu_instance) && str_to_i64(words[6], &e->made.compute_instance) &&
	       text_take(words[7], e->made.uuid, sizeof(e->made.uuid));
}

static entry *entry_new(instances *all)
{
	entry *e = calloc(1, sizeof(*e));

	assert(e);
	vec_push(&all->entries, e);
	return e;
}

static void entry_drop(instances *all, const entry *gone)
{
	for (uint32_t i = 0; i < all->entries.n; i++)
		if (all->entries.v[i] == gone) {
			free(all->entries.v[i]);
			vec_remove_fast(&all->entries, i);
			return;
		}
}

/* The first line names the machine's boot: none of an earlier one's instances is there any more. */
static bool boot_take(const instances *all, str *text)
{
	str rest = *text, line = str_split(&rest, '\n'), word = str_split(&line, ' ');

	if (!str_eq(word, S("boot")))
		return true;
	*text = rest;
	return !all->boot[0] || str_eq(line, str_from(all->boot));
}

/* What was not finished is undone: nobody knows how far it came. */
static err load(instances *all, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	str text;
	err e = file_read(all->path, a, &text, f);

	if (e == ERR_NOT_FOUND)
		return ERR_OK;
	if (e || !boot_take(all, &text))
		return e;
	while (text.n > 0) {
		str line = str_split(&text, '\n');
		entry *one = line.n ? entry_new(all) : NULL;
		if (one && !entry_read(line, one))
			return fault_set(
				f, ERR_BAD_FIELD, NULL, "%s: a line that this version does not write", all->path);
		if (one && one->stage == STAGE_MAKING)
			one->stage = STAGE_REMOVING;
	}
	return ERR_OK;
}

static void turn(instances *all);

static void turn_again(void *arg)
{
	instances *all = arg;

	for (uint32_t i = 0; i < all->entries.n; i++)
		all->entries.v[i]->is_waiting = false;
	turn(all);
}

static void wait_for(instances *all, entry *e)
{
	e->is_waiting = true;
	loop_timer_arm(all->again, all->c.again_ms * 1000);
}

static void made(entry *e, str rest)
{
	str gpu = str_split(&rest, ' '), compute = str_split(&rest, ' ');

	if (!str_to_i64(gpu, &e->made.gpu_instance) || !str_to_i64(compute, &e->made.compute_instance) ||
		!text_take(rest, e->made.uuid, sizeof(e->made.uuid))) {
		/* It may be there all the same. */
		e->stage = STAGE_REMOVING;
		return;
	}
	/* It was given up meanwhile. */
	if (e->stage == STAGE_MAKING)
		e->stage = STAGE_READY;
}

/* What we are about to remove may hold the place. */
static bool is_in_the_way(const instances *all, const entry *e)
{
	for (uint32_t i = 0; i < all->entries.n; i++)
		if (all->entries.v[i]->stage == STAGE_REMOVING && strcmp(all->entries.v[i]->device, e->device) == 0)
			return true;
	return false;
}

static void change_done(instances *all, entry *e, bool was_made, str line, const char *why)
{
	bool is_ok = str_eq(line, S("ok")) || str_starts(line, S("ok "));
	str said = str_starts(line, S("error ")) ? str_cut(line, 6, line.n) : str_from(why ? why : "no answer");

	if (was_made && is_ok) {
		made(e, str_cut(line, 3, line.n));
	} else if (was_made) {
		/* One that ended without a word may have made it. */
		bool is_known = str_starts(line, S("error "));
		(void)snprintf(e->why, sizeof(e->why), STR_FMT, STR_ARG(said));
		if (is_known && e->stage == STAGE_MAKING && is_in_the_way(all, e))
			wait_for(all, e);
		else if (is_known && e->stage == STAGE_MAKING)
			e->has_failed = true;
		else
			e->stage = STAGE_REMOVING;
	} else if (is_ok) {
		entry_drop(all, e);
	} else {
		wait_for(all, e);
	}
}

static void on_done(void *arg, err code, str out, const char *why)
{
	instances *all = arg;
	entry *e = all->current;
	bool was_made = all->is_making;
	str line = code ? STR_NONE : str_split(&out, '\n');

	all->running = NULL;
	all->current = NULL;
	change_done(all, e, was_made, line, why);
	(void)!save(all, NULL);
	all->c.on_change(all->c.arg);
	turn(all);
}

static void change_begin(instances *all, entry *e)
{
	char start[32], made_id[32];
	const char *verb = e->stage == STAGE_MAKING ? "make" : "remove";
	fault f = {0};

	(void)snprintf(start, sizeof(start), "%lld", (long long)e->start);
	(void)snprintf(made_id, sizeof(made_id), "%lld", (long long)e->made.gpu_instance);
	str words[] = {str_from(all->word), str_from(all->lock), str_from(all->nvml), str_from(verb),
		str_from(e->device), str_from(e->profile), str_from(start), str_from(made_id), str_from(e->allocation)};
	program_spec s = {
		.command = str_from(all->program),
		.args = {words, sizeof(words) / sizeof(*words)},
		.timeout_ms = all->c.timeout_ms,
		.on_done = on_done,
		.arg = all,
	};
	all->is_making = e->stage == STAGE_MAKING;
	all->current = e;
	all->running = program_start(all->c.loop, &s, &f);
	if (all->running)
		return;
	all->current = NULL;
	wait_for(all, e);
}

/* What goes makes room for what comes. */
static void turn(instances *all)
{
	static const stage order[] = {STAGE_REMOVING, STAGE_MAKING};

	for (uint32_t o = 0; o < 2 && !all->running; o++)
		for (uint32_t i = 0; i < all->entries.n && !all->running; i++)
			if (all->entries.v[i]->stage == order[o] && !all->entries.v[i]->has_failed &&
				!all->entries.v[i]->is_waiting)
				change_begin(all, all->entries.v[i]);
}

static char *copy_of(const char *z)
{
	char *copy = strdup(z);

	assert(copy);
	return copy;
}

err instances_open(const instances_config *c, instances **ret, fault *f)
{
	instances *all = calloc(1, sizeof(*all));
	char path[PATH_BYTES];

	assert(all);
	all->c = *c;
	if (!all->c.again_ms)
		all->c.again_ms = INSTANCES_AGAIN_MS;
	all->word = copy_of(c->word ? c->word : "instance");
	(void)snprintf(path, sizeof(path), "%s/%ss", c->state_dir, all->word);
	all->path = copy_of(path);
	(void)snprintf(path, sizeof(path), "%s/%ss.lock", c->state_dir, all->word);
	all->lock = copy_of(path);
	all->program = copy_of(c->program);
	all->nvml = copy_of(c->nvml);
	all->boot = copy_of(c->boot ? c->boot : "");
	all->again = loop_timer_new(c->loop, turn_again, all);
	err e = load(all, f);
	if (e) {
		instances_close(all);
		return e;
	}
	turn(all);
	*ret = all;
	return ERR_OK;
}

void instances_close(instances *all)
{
	if (!all)
		return;
	program_stop(all->running);
	loop_timer_free(all->again);
	vec_each (e, &all->entries)
		free(*e);
	vec_done(&all->entries);
	free(all->path);
	free(all->lock);
	free(all->program);
	free(all->word);
	free(all->nvml);
	free(all->boot);
	free(all);
}

static entry *entry_find(const instances *all, const instances_want *w)
{
	for (uint32_t i = 0; i < all->entries.n; i++) {
		entry *e = all->entries.v[i];
		if (e->stage != STAGE_REMOVING && e->start == w->start && str_eq(str_from(e->device), w->uuid) &&
			str_eq(str_from(e->profile), w->profile) && str_eq(str_from(e->allocation), w->allocation))
			return e;
	}
	return NULL;
}

static err make_begin(instances *all, const instances_want *w, fault *f)
{
	entry one = {.stage = STAGE_MAKING, .start = w->start, .made.gpu_instance = -1};

	if (!text_take(w->allocation, one.allocation, sizeof(one.allocation)) ||
		!text_take(w->uuid, one.device, sizeof(one.device)) ||
		!text_take(w->profile, one.profile, sizeof(one.profile)) || all->entries.n == INSTANCES_MAX)
		return fault_set(f, ERR_CONFLICT, NULL, "no more instances can be kept, or a name is too long");
	entry *e = entry_new(all);
	*e = one;
	/* Nothing is made that a crash would leave behind unknown. */
	err code = save(all, f);
	if (code) {
		entry_drop(all, e);
		return code;
	}
	turn(all);
	return fault_set(f, ERR_UNAVAILABLE, NULL, "instance " STR_FMT " of " STR_FMT " is being made",
		STR_ARG(w->profile), STR_ARG(w->uuid));
}

err instances_get(instances *all, const instances_want *w, instance_found *ret, fault *f)
{
	entry *e = entry_find(all, w);

	if (!e)
		return make_begin(all, w, f);
	if (e->has_failed) {
		err code = fault_set(f, ERR_CONFLICT, NULL, "instance " STR_FMT " of " STR_FMT ": %s",
			STR_ARG(w->profile), STR_ARG(w->uuid), e->why);
		entry_drop(all, e);
		return code;
	}
	if (e->stage == STAGE_MAKING)
		return fault_set(f, ERR_UNAVAILABLE, NULL, "instance " STR_FMT " of " STR_FMT " is being made",
			STR_ARG(w->profile), STR_ARG(w->uuid));
	*ret = e->made;
	return ERR_OK;
}

/* Where making failed nothing stands that is ours. */
static void release(instances *all, entry *e)
{
	if (e->has_failed)
		entry_drop(all, e);
	else
		e->stage = STAGE_REMOVING;
}

void instances_release(instances *all, str of)
{
	bool has_any = false;

	for (uint32_t i = all->entries.n; i-- > 0;)
		if (str_eq(str_from(all->entries.v[i]->allocation), of)) {
			release(all, all->entries.v[i]);
			has_any = true;
		}
	if (!has_any)
		return;
	(void)!save(all, NULL);
	turn(all);
}

void instances_sweep(instances *all, bool (*is_used)(void *arg, str of), void *arg)
{
	bool has_any = false;

	for (uint32_t i = all->entries.n; i-- > 0;) {
		entry *e = all->entries.v[i];
		if ((e->stage != STAGE_READY && !e->has_failed) || is_used(arg, str_from(e->allocation)))
			continue;
		release(all, e);
		has_any = true;
	}
	if (!has_any)
		return;
	(void)!save(all, NULL);
	turn(all);
}

static bool is_among(const card *c, const char *uuid)
{
	for (uint32_t i = 0; i < c->n_instances; i++)
		if (strcmp(c->instances[i].uuid, uuid) == 0)
			return true;
	return false;
}

/* What was made while the device was looked at is missed once. */
void instances_seen(instances *all, const card *c)
{
	bool has_any = false;

	for (uint32_t i = all->entries.n; i-- > 0 && c->is_listed;) {
		entry *e = all->entries.v[i];
		if (e->stage != STAGE_READY || strcmp(e->device, c->uuid) != 0)
			continue;
		bool was_missed = e->is_missed;
		e->is_missed = !is_among(c, e->made.uuid);
		if (!e->is_missed || !was_missed)
			continue;
		entry_drop(all, e);
		has_any = true;
	}
	if (!has_any)
		return;
	(void)!save(all, NULL);
	all->c.on_change(all->c.arg);
}

uint32_t instances_count(const instances *all)
{
	return all->entries.n;
}
