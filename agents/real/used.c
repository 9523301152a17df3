#include <assert.h>
#include <stdlib.h>
#include "agents/real/real_inside.h"
#include "base/clock.h"

#define F(...) JS_FIELD(real_usage, __VA_ARGS__)
static const js_field real_usage_fields[] = {
	F(placement, JS_REQUIRED, "Whose."),
	F(fence, JS_OPTIONAL, "Which attempt of it."),
	F(source, JS_OPTIONAL, "Which container of it."),
	F(at_us, JS_REQUIRED, "End of the window."),
	F(window_ms, JS_REQUIRED, "Its length."),
	F(memory_mib_avg, JS_OPTIONAL, "Over its devices together."),
	F(memory_mib_max, JS_OPTIONAL, "The same."),
	F(compute_milli_avg, JS_OPTIONAL, "The same."),
};
#undef F
JS_TYPE(real_usage, "What a placement used in a window of time.");

static void usage_add(real *r, const real_usage *u, bool is_repeat)
{
	usage_row *row = vec_add(&r->usages);

	row->v = *u;
	row->is_repeat = is_repeat;
	work_text(&row->id, u->placement);
	work_text(&row->fence, u->fence);
}

bool real_used(real *r, real_usage *u)
{
	const work *w = works_find(&r->works, u->placement);

	if (!w || r->usages.n >= REAL_USAGES_MAX)
		return false;
	u->fence = str_from(w->fence);
	usage_add(r, u, false);
	real_stir(r);
	return true;
}

void real_used_before(real *r, const real_usage *u)
{
	if (u->fence.n && r->usages.n < OUTBOX_KEPT_MAX)
		usage_add(r, u, true);
}

typedef struct usage_show {
	void (*visit)(void *arg, const real_usage *u);
	void *arg;
} usage_show;

static void told_show(void *arg, const cluster_usage *u)
{
	const usage_show *to = arg;

	to->visit(to->arg, &(real_usage){.placement = u->id,
				   .fence = u->fence,
				   .source = u->source,
				   .at_us = u->at_us,
				   .window_ms = u->window_ms,
				   .memory_mib_avg = u->memory_mib_avg,
				   .memory_mib_max = u->memory_mib_max,
				   .compute_milli_avg = u->compute_milli_avg});
}

void real_usage_each(const real *r, void (*visit)(void *arg, const real_usage *u), void *arg)
{
	usage_show to = {visit, arg};

	assert(r->agent);
	outbox_usage_each(agent_outbox(r->agent), told_show, &to);
	for (uint32_t i = 0; i < r->usages.n; i++) {
		const usage_row *row = &r->usages.v[i];
		real_usage u = row->v;
		u.placement = str_from(row->id);
		u.fence = str_from(row->fence);
		visit(arg, &u);
	}
}

static void rows_clear(real *r)
{
	vec_each (row, &r->usages) {
		free(row->id);
		free(row->fence);
	}
	vec_clear(&r->usages);
}

void used_tell(real *r, const cluster_events *e)
{
	vec_each (row, &r->usages)
		e->on_usage(e->arg, &(cluster_usage){.id = str_from(row->id),
					    .fence = str_from(row->fence),
					    .source = row->v.source,
					    .at_us = row->v.at_us,
					    .window_ms = row->v.window_ms,
					    .memory_mib_avg = row->v.memory_mib_avg,
					    .memory_mib_max = row->v.memory_mib_max,
					    .compute_milli_avg = row->v.compute_milli_avg,
					    .is_repeat = row->is_repeat});
	rows_clear(r);
}

void used_done(real *r)
{
	rows_clear(r);
	vec_done(&r->usages);
}

void real_found(real *r, const node_finding *f)
{
	AUTO_ARENA a = arena_new(0);
	str text = str_print(a, STR_FMT " on " STR_FMT ": %lld found, %lld allowed; " STR_FMT, STR_ARG(f->kind),
		STR_ARG(f->device), (long long)f->found, (long long)f->expected, STR_ARG(f->action));

	if (f->owner.pod.n && f->owner.namespace.n)
		events_pod(r->events, f->owner.namespace, f->owner.pod, f->owner.pod_uid, true, "DeviceUse", text,
			clock_now_us());
}

void real_stepped(real *r, const node_step *s)
{
	if (str_eq(s->state, S("refused")) && s->owner.pod.n && s->owner.namespace.n)
		events_pod(r->events, s->owner.namespace, s->owner.pod, s->owner.pod_uid, true, "AllocateRefused",
			s->reason, clock_now_us());
}
