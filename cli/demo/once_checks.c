#include <stdio.h>

#include "cli/demo/once.h"

/* Times are told in milliseconds: two of them are off by less than this. */
enum { ROUNDING_US = 2000 };

static bool class_is_asked(const work *w, str class)
{
	for (int i = 0; i < WORK_CLASSES_MAX && w->classes[i]; i++)
		if (str_eq(class, str_from(w->classes[i])))
			return true;
	return false;
}

/* What is wrong with what the pod got, or NULL. */
static const char *pod_fault(const work *w, const placed_pod *pod)
{
	const placed_device *d = pod->devices.v;

	if (pod->devices.n != w->count)
		return "the number of devices is wrong";
	if (pod->cpu_milli != w->cpu_milli || pod->memory_mib != w->host_memory_mib)
		return "CPU or memory of the host is wrong";
	for (uint32_t i = 0; i < pod->devices.n; i++) {
		if (!class_is_asked(w, d[i].class))
			return "the class is wrong";
		if (d[i].memory_mib != work_memory_mib(w, d[i].class) || d[i].compute_milli != work_compute_milli(w))
			return "the amount on a device is wrong";
		for (uint32_t k = 0; k < i; k++)
			if (str_eq(d[i].uuid, d[k].uuid))
				return "a device is there twice";
	}
	return NULL;
}

static const char *placed_fault(const work *w, const placement *p)
{
	const placed_pod *pods = p->placed.v;

	if (p->placed.n != work_replicas(w))
		return "the number of pods is wrong";
	for (uint32_t i = 0; i < p->placed.n; i++) {
		const char *why = pod_fault(w, &pods[i]);
		if (why)
			return why;
	}
	return NULL;
}

/* How long it had to run, in microseconds; -1: until somebody released it. */
static int64_t runtime_us(const work *w)
{
	int64_t ms = w->runtime_ms ? w->runtime_ms : w->max_runtime_s * 1000;

	return ms ? ms * 1000 : -1;
}

void check_ran(once *o, ask_id i, lifecycle end)
{
	const work *w = &once_works[i];
	const placement *p = o->asks[i].now;
	char what[80];

	if (o->is_broken)
		return;
	int64_t ran_us = p->ended_at.us - p->running_at.us, want_us = runtime_us(w);
	const char *why = placed_fault(w, p);
	if (!p->running_at.us || !p->ended_at.us || ran_us < 0)
		why = "it has not run to an end";
	else if (ask_life(o, i) != end)
		why = "it ended in another state";
	else if (want_us >= 0 && (ran_us < want_us - ROUNDING_US || ran_us > want_us + ROUNDING_US))
		why = "it ran for another time";
	snprintf(what, sizeof(what), "%s runs and is %s", w->name, lifecycle_name(end));
	const placed_pod *first = p->placed.n ? p->placed.v : &(placed_pod){0};
	const placed_device *d = first->devices.n ? first->devices.v : &(placed_device){0};
	check(&o->checks, !why, what, "%u x %u " STR_FMT " on " STR_FMT "/" STR_FMT ", " STR_FMT " after %lld ms%s%s",
		p->placed.n, first->devices.n, STR_ARG(d->class.p ? d->class : S("devices")), STR_ARG(p->cluster),
		STR_ARG(first->node), STR_ARG(p->state), (long long)ran_us / 1000, why ? ": " : "", why ? why : "");
}

void check_gang(once *o, ask_id i)
{
	uint32_t at = 0, partly = 0, whole = 0;
	char what[80];

	if (o->is_broken)
		return;
	for (const told *t; (t = history_next(o, &o->all, i, &at));) {
		whole += t->pods == work_replicas(&once_works[i]);
		partly += t->pods && t->pods != work_replicas(&once_works[i]);
	}
	snprintf(what, sizeof(what), "%s starts whole on one cluster", once_works[i].name);
	check(&o->checks, whole && !partly && o->asks[i].now->cluster.n, what,
		"%u states with all %lld pods, %u with some, on " STR_FMT, whole,
		(long long)work_replicas(&once_works[i]), partly, STR_ARG(o->asks[i].now->cluster));
}

/* Waits, or was rejected at once: without a place either way. */
static bool is_held_back(const once *o, ask_id i)
{
	const placement *p = &o->asks[i].first;

	return str_eq(p->state, once_works[i].is_impatient ? S("rejected") : S("pending")) && !p->placed.n;
}

static bool blocker_eq(const placement_blocker *a, const placement_blocker *b)
{
	return str_eq(a->code, b->code) && str_eq(a->scope, b->scope) && str_eq(a->class, b->class) &&
	       str_eq(a->axis, b->axis) && a->need == b->need && a->free == b->free;
}

static str blocker_print(arena *a, const placement_blocker *b)
{
	return str_print(a, STR_FMT " of " STR_FMT " " STR_FMT ": %lld " STR_FMT ", %lld free", STR_ARG(b->code),
		STR_ARG(b->scope), STR_ARG(b->class), (long long)b->need, STR_ARG(b->axis), (long long)b->free);
}

void check_blocker(once *o, ask_id i, const placement_blocker *want)
{
	AUTO_ARENA a = arena_new(0);
	const placement *p = &o->asks[i].first;
	const placement_blocker none = {0}, *got = p->blockers.n ? p->blockers.v : &none;
	char what[80];

	if (o->is_broken)
		return;
	bool ok = is_held_back(o, i) && blocker_eq(got, want);
	snprintf(what, sizeof(what), "%s %s", once_works[i].name,
		once_works[i].is_impatient ? "may not wait and is rejected" : "waits");
	str expected = ok ? S("") : str_print(a, " (expected " STR_FMT ")", STR_ARG(blocker_print(a, want)));
	check(&o->checks, ok, what, STR_FMT ", " STR_FMT STR_FMT, STR_ARG(p->state), STR_ARG(blocker_print(a, got)),
		STR_ARG(expected));
}

void check_quota_blocker(once *o, ask_id i, cast_who scope, int64_t used_milli)
{
	const char *model = once_works[i].classes[0];

	check_blocker(o, i,
		&(placement_blocker){.code = S("quota_limit"),
			.scope = str_from(cast_tenants[scope].path),
			.class = str_from(model),
			.axis = S("device_milli"),
			.need = work_charge(&once_works[i], str_from(model)).v[AXIS_DEVICE_MILLI],
			.free = cast_quota_of(scope, model)->limit - used_milli});
}

void check_started_after(once *o, ask_id i, ask_id released)
{
	char what[80];

	if (o->is_broken)
		return;
	int64_t waited_us = o->asks[i].now->granted_at.us - o->asks[released].now->ended_at.us;
	snprintf(what, sizeof(what), "%s starts once %s is released", once_works[i].name, once_works[released].name);
	check(&o->checks, o->asks[i].now->granted_at.us && waited_us >= -ROUNDING_US, what, "granted %lld ms after it",
		(long long)waited_us / 1000);
}
