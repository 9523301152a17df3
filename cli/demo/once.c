#include "cli/demo/once.h"

#include <stdio.h>

#include "api/types/inventory.h"
#include "base/clock.h"
#include "cli/demo/house.h"

enum { LOOK_EVERY_MS = 100, UNTIL_MS = 20000, UNTIL_LATE_MS = 1000 };

/* After the first call that fails the rest is only noise: later calls do nothing. */
static void broken(once *o, err e)
{
	if (e && !o->is_broken && !o->demo->is_stopping)
		check(&o->checks, false, "the server answers", "%s", o->fault.detail);
	o->is_broken = o->is_broken || e;
}

void once_ask(once *o, ask_id i)
{
	str body = STR_NONE;
	buf b;

	if (o->is_broken)
		return;
	buf_init(&b, 1 << 16);
	work_body(&once_works[i], "", once_works[i].runtime_ms, &b);
	err e = demo_do(o->demo, o->kept,
		&(demo_call){.method = "POST",
			.path = "/v1/placements?wait=8s",
			.token = o->demo->token[once_works[i].who],
			.body = buf_str(&b)},
		&body, &o->fault);
	buf_done(&b);
	if (!e)
		e = js_read_output(&placement_type, body, o->kept, &o->asks[i].first, &o->fault);
	snprintf(o->asks[i].id, ID_MAX, STR_FMT, STR_ARG(o->asks[i].first.id));
	o->asks[i].now = &o->asks[i].first;
	broken(o, e);
}

void once_release(once *o, ask_id i)
{
	if (o->is_broken)
		return;
	AUTO_ARENA a = arena_new(0);
	broken(o, demo_do(o->demo, a,
			  &(demo_call){.method = "DELETE",
				  .path = str_print(a, "/v1/placements/%s%c", o->asks[i].id, 0).p,
				  .token = o->demo->token[once_works[i].who]},
			  NULL, &o->fault));
}

static void placements_note(once *o, const js_list *list)
{
	const placement *p = list->v;

	for (uint32_t k = 0; k < list->n; k++)
		for (int i = 0; i < ASKS; i++)
			if (str_eq(p[k].id, str_from(o->asks[i].id)))
				o->asks[i].now = &p[k];
}

static void devices_note(once *o, const js_list *list)
{
	const device *d = list->v;
	int64_t used_milli = 0;
	bool is_over = false;

	for (uint32_t k = 0; k < list->n; k++) {
		is_over = is_over || d[k].used_memory_mib > d[k].memory_mib ||
			  d[k].used_compute_milli > d[k].compute_milli || d[k].used_slots > d[k].slots;
		used_milli += share_of_slice(
			d[k].used_memory_mib < d[k].memory_mib ? d[k].used_memory_mib : d[k].memory_mib,
			d[k].used_compute_milli < SHARE_WHOLE_MILLI ? d[k].used_compute_milli : SHARE_WHOLE_MILLI,
			d[k].memory_mib, 1)
				      .v[AXIS_DEVICE_MILLI];
	}
	o->samples++;
	o->samples_over += is_over;
	o->peak_milli = used_milli > o->peak_milli ? used_milli : o->peak_milli;
}

void once_look(once *o)
{
	js_list placements = {0}, devices = {0};

	if (o->is_broken)
		return;
	arena *a = arena_new(0);
	err e = demo_list(
		o->demo, a, o->demo->admin, "/v1/placements?limit=1000", &placement_type, &placements, &o->fault);
	if (!e)
		e = demo_list(o->demo, a, o->demo->admin, "/v1/devices?limit=1000", &device_type, &devices, &o->fault);
	if (!e)
		e = house_check(o->demo, &o->fault);
	if (e) {
		arena_end(a);
		broken(o, e);
		return;
	}
	placements_note(o, &placements);
	devices_note(o, &devices);
	arena_end(o->fresh);
	o->fresh = a;
}

bool once_until(once *o, bool (*holds)(once *o))
{
	int64_t deadline_us = clock_mono_us() + (o->is_late ? UNTIL_LATE_MS : UNTIL_MS) * INT64_C(1000);

	for (;;) {
		once_look(o);
		if (o->is_broken)
			return false;
		if (holds(o))
			return true;
		o->is_late = o->is_late || clock_mono_us() > deadline_us;
		if (clock_mono_us() > deadline_us || !demo_pause(o->demo, LOOK_EVERY_MS))
			return false;
	}
}

lifecycle ask_life(const once *o, ask_id i)
{
	lifecycle life = LIFE_PENDING;

	return o->asks[i].now && lifecycle_find(o->asks[i].now->state, &life) ? life : LIFE_PENDING;
}

bool ask_is_over(const once *o, ask_id i)
{
	return *o->asks[i].id && lifecycle_is_final(ask_life(o, i));
}

bool ask_stands(const once *o, ask_id i)
{
	return *o->asks[i].id && lifecycle_is_booked(ask_life(o, i));
}

bool ask_runs(const once *o, ask_id i)
{
	return *o->asks[i].id && ask_life(o, i) == LIFE_RUNNING;
}

bool ask_waits(const once *o, ask_id i)
{
	return *o->asks[i].id && ask_life(o, i) == LIFE_PENDING;
}

int64_t once_used_milli(const once *o, cast_who top, const char *model)
{
	int64_t sum = 0;

	for (int i = 0; i < ASKS; i++)
		if (ask_stands(o, (ask_id)i) && once_works[i].classes[0] && !strcmp(once_works[i].classes[0], model) &&
			cast_is_below(once_works[i].who, top))
			sum += work_charge(&once_works[i], str_from(model)).v[AXIS_DEVICE_MILLI];
	return sum;
}

/* The streams' side. An event may come before the answer to the request, so ids are matched later. */
static void told_add(history *h, int64_t n, const placement *p)
{
	told *t = vec_add(&h->told);

	snprintf(t->id, sizeof(t->id), STR_FMT, STR_ARG(p->id));
	t->who = cast_who_is(p->tenant);
	t->n = n;
	t->pods = p->placed.n;
	if (!lifecycle_find(p->state, &t->life))
		t->life = LIFE_COUNT;
}

static void on_told(void *arg, int64_t n, const placement *p)
{
	told_add(&((once *)arg)->all, n, p);
}

static void on_told_tenant(void *arg, int64_t n, const placement *p)
{
	told_add(&((once *)arg)->seen_by_tenant, n, p);
}

const told *history_next(const once *o, const history *h, ask_id i, uint32_t *at)
{
	while (*at < h->told.n) {
		const told *t = &h->told.v[(*at)++];
		if (*t->id && strcmp(t->id, o->asks[i].id) == 0)
			return t;
	}
	return NULL;
}

/* The acts. */
static bool first_is_over(once *o)
{
	bool is_over = ask_runs(o, ASK_INFERENCE);

	for (int i = ASK_WHOLE; i < ASK_INFERENCE; i++)
		is_over = is_over && ask_is_over(o, (ask_id)i);
	return is_over;
}

static void act_first(once *o)
{
	for (int i = ASK_WHOLE; i <= ASK_INFERENCE; i++)
		once_ask(o, (ask_id)i);
	once_until(o, first_is_over);
	for (int i = ASK_WHOLE; i < ASK_INFERENCE; i++)
		check_ran(o, (ask_id)i, LIFE_DONE);
	check_gang(o, ASK_GANG);
}

static bool scenery_runs(once *o)
{
	return ask_runs(o, ASK_FILL) && ask_runs(o, ASK_PART) && ask_runs(o, ASK_FRAG);
}

static bool beside_runs(once *o)
{
	return ask_runs(o, ASK_BESIDE) && ask_runs(o, ASK_SMALL);
}

static void act_quota(once *o)
{
	once_ask(o, ASK_FILL);
	once_ask(o, ASK_PART);
	once_ask(o, ASK_FRAG);
	once_until(o, scenery_runs);
	check_devices_match(o, "while work stands");
	int64_t used_milli = once_used_milli(o, VISION, "h100-80g");
	once_ask(o, ASK_OVER);
	check_quota_blocker(o, ASK_OVER, VISION, used_milli);
	once_ask(o, ASK_IMPATIENT);
	check_quota_blocker(o, ASK_IMPATIENT, VISION, used_milli);
	once_ask(o, ASK_SMALL);
	once_ask(o, ASK_BESIDE);
	once_until(o, beside_runs);
	used_milli = once_used_milli(o, ACME, "h100-80g");
	once_ask(o, ASK_PARENT);
	check_quota_blocker(o, ASK_PARENT, ACME, used_milli);
	check(&o->checks, ask_waits(o, ASK_OVER) && ask_stands(o, ASK_SMALL) && ask_stands(o, ASK_BESIDE),
		"the limit holds back exactly what would pass it",
		"over " STR_FMT ", small " STR_FMT ", beside " STR_FMT, STR_ARG(o->asks[ASK_OVER].now->state),
		STR_ARG(o->asks[ASK_SMALL].now->state), STR_ARG(o->asks[ASK_BESIDE].now->state));
}

/* Two nodes have three L40S free each: six are there, but not four beside each other, nor room for three pairs. */
static void act_capacity(once *o)
{
	const placement_blocker wide = {.code = S("no_fitting_device"),
		.scope = S("par-2"),
		.class = S("l40s"),
		.axis = S("device_milli"),
		.need = 4000,
		.free = 3000};
	const placement_blocker split = {
		.code = S("gang_incomplete"), .scope = S("par-2"), .axis = S("pods"), .need = 3, .free = 2};

	once_ask(o, ASK_WIDE);
	check_blocker(o, ASK_WIDE, &wide);
	once_ask(o, ASK_HASTY);
	check_blocker(o, ASK_HASTY, &wide);
	once_ask(o, ASK_SPLIT);
	check_blocker(o, ASK_SPLIT, &split);
}

static bool waiting_is_over(once *o)
{
	return ask_is_over(o, ASK_OVER) && ask_is_over(o, ASK_PARENT) && ask_is_over(o, ASK_SPLIT) &&
	       ask_is_over(o, ASK_WIDE) && ask_is_over(o, ASK_BESIDE) && ask_is_over(o, ASK_FILL) &&
	       ask_is_over(o, ASK_FRAG);
}

static void act_release(once *o)
{
	once_release(o, ASK_FILL);
	once_release(o, ASK_FRAG);
	once_until(o, waiting_is_over);
	check_ran(o, ASK_FILL, LIFE_REVOKED);
	check_ran(o, ASK_FRAG, LIFE_REVOKED);
	for (int i = 0; i < ASKS; i++)
		if (i == ASK_OVER || i == ASK_PARENT || i == ASK_SPLIT || i == ASK_WIDE || i == ASK_BESIDE)
			check_ran(o, (ask_id)i, LIFE_DONE);
	check_gang(o, ASK_SPLIT);
	check_started_after(o, ASK_OVER, ASK_FILL);
	check_started_after(o, ASK_WIDE, ASK_FRAG);
	check_started_after(o, ASK_SPLIT, ASK_FRAG);
}

static bool all_is_over(once *o)
{
	bool is_over = true;

	for (int i = 0; i < ASKS; i++)
		is_over = is_over && ask_is_over(o, (ask_id)i);
	return is_over;
}

static bool was_told_end(const once *o, const history *h, ask_id i)
{
	bool is_over = false;
	uint32_t at = 0;

	for (const told *t; (t = history_next(o, h, i, &at));)
		is_over = t->life < LIFE_COUNT && lifecycle_is_final(t->life);
	return is_over;
}

static bool streams_have_all(once *o)
{
	bool have = true;

	for (int i = 0; i < ASKS; i++) {
		have = have && was_told_end(o, &o->all, (ask_id)i);
		have = have && (once_works[i].who != VISION || was_told_end(o, &o->seen_by_tenant, (ask_id)i));
	}
	return have;
}

static void act_end(once *o)
{
	once_release(o, ASK_PART);
	once_release(o, ASK_SMALL);
	once_release(o, ASK_INFERENCE);
	once_until(o, all_is_over);
	check_ran(o, ASK_PART, LIFE_REVOKED);
	check_ran(o, ASK_SMALL, LIFE_REVOKED);
	check_ran(o, ASK_INFERENCE, LIFE_REVOKED);
	check_devices_match(o, "when all is over");
	once_until(o, streams_have_all);
}

static void play(once *o)
{
	void (*const steps[])(once *) = {check_fleet, check_classes, act_first, act_quota, act_capacity, act_release,
		check_walls, act_end, check_usage, check_stream, check_audit, check_samples};

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && !o->is_broken && !o->demo->is_stopping; i++)
		steps[i](o);
}

int demo_once(demo *d)
{
	once o = {.demo = d, .kept = arena_new(0)};
	int64_t begun_us = clock_mono_us();

	o.stream = stream_open(d, d->admin, "g0.p0", on_told, &o);
	o.tenant_stream = stream_open(d, d->token[VISION], "g0.p0", on_told_tenant, &o);
	play(&o);
	if (!o.is_broken && !d->is_stopping)
		once_summary(&o);
	printf("%d checks held, %d failed, in %lld ms.\n", o.checks.held, o.checks.failed,
		(long long)(clock_mono_us() - begun_us) / 1000);
	stream_close(o.stream);
	stream_close(o.tenant_stream);
	vec_done(&o.all.told);
	vec_done(&o.seen_by_tenant.told);
	arena_end(o.fresh);
	arena_end(o.kept);
	return d->is_stopping ? 130 : o.checks.failed || o.is_broken;
}
