#include "agents/real/badge.h"
#include <assert.h>
#include <stdlib.h>

struct badge {
	badge_spec s;
	arena *a;
	str path; /* of our pod */
	loop_timer *again;
	kube_call *call;
	bool wears; /* what our pod is to say */
	bool is_written, is_closed;
};

static void badge_free(badge *b)
{
	loop_timer_free(b->again);
	arena_end(b->a);
	free(b);
}

/* What becomes of another's label is seen to by whoever starts in that pod, if this does not work. */
static void on_taken_off(void *arg, const kube_reply *r)
{
	(void)arg;
	(void)r;
}

static void other_strip(void *arg, str item)
{
	badge *b = arg;
	AUTO_ARENA a = arena_new(0);
	object_meta m;

	if (object_meta_read(item, &m) || str_eq(m.name, str_from(b->s.pod)))
		return;
	str path = str_print(a, "/api/v1/namespaces/" STR_FMT "/pods/" STR_FMT, STR_ARG(b->s.space), STR_ARG(m.name));
	(void)kube_patch(b->s.kube, path, S("{\"metadata\":{\"labels\":{\"" BADGE_LABEL "\":null}}}"),
		(kube_done){on_taken_off, NULL});
}

static void on_done(badge *b, const kube_reply *r, bool is_list)
{
	object_page page;

	b->call = NULL;
	if (b->is_closed) {
		badge_free(b);
		return;
	}
	if (r->e == ERR_CLOSED)
		return;
	if (!kube_is_done(r)) {
		if (b->s.on_trouble)
			b->s.on_trouble(b->s.arg, r->status, r->message.p ? r->message : S("no answer"));
		loop_timer_arm(b->again, BADGE_AGAIN_US);
	} else if (is_list && object_page_read(r->body, other_strip, b, &page)) {
		loop_timer_arm(b->again, BADGE_AGAIN_US);
	}
}

static void on_listed(void *arg, const kube_reply *r)
{
	on_done(arg, r, true);
}

static void others_strip(badge *b)
{
	kube_request q = {.method = "GET", .on_done = on_listed, .arg = b};
	AUTO_ARENA a = arena_new(0);

	q.path = str_print(
		a, "/api/v1/namespaces/" STR_FMT "/pods?labelSelector=reeve.io%%2Facting%%3Dtrue", STR_ARG(b->s.space));
	b->call = kube_send(b->s.kube, &q);
}

static void write_now(void *arg);

/* What was to be said may have changed meanwhile. */
static void on_patched_as(badge *b, const kube_reply *r, bool wears)
{
	bool is_done = kube_is_done(r) && !b->is_closed;

	b->is_written = is_done && wears == b->wears;
	on_done(b, r, false);
	if (is_done && wears != b->wears)
		write_now(b);
	else if (is_done && wears)
		others_strip(b);
}

static void on_worn(void *arg, const kube_reply *r)
{
	on_patched_as(arg, r, true);
}

static void on_off(void *arg, const kube_reply *r)
{
	on_patched_as(arg, r, false);
}

static void write_now(void *arg)
{
	badge *b = arg;

	if (b->call)
		return;
	if (b->is_written) {
		others_strip(b);
		return;
	}
	b->call = kube_patch(b->s.kube, b->path,
		b->wears ? S("{\"metadata\":{\"labels\":{\"" BADGE_LABEL "\":\"true\"}}}")
			 : S("{\"metadata\":{\"labels\":{\"" BADGE_LABEL "\":null}}}"),
		(kube_done){b->wears ? on_worn : on_off, b});
}

badge *badge_open(const badge_spec *s)
{
	badge *b = calloc(1, sizeof(*b));

	assert(b);
	b->s = *s;
	b->a = arena_new(0);
	b->s.space = str_dup(b->a, s->space);
	b->again = loop_timer_new(s->loop, write_now, b);
	b->is_written = !s->pod;
	if (!s->pod)
		return b;
	b->path = str_print(b->a, "/api/v1/namespaces/" STR_FMT "/pods/%s", STR_ARG(s->space), s->pod);
	write_now(b);
	return b;
}

void badge_close(badge *b)
{
	if (!b)
		return;
	b->is_closed = true;
	loop_timer_disarm(b->again);
	/* on_done comes from the loop, and finds it closed. */
	if (b->call)
		kube_cancel(b->call);
	else
		badge_free(b);
}

bool badge_is_off(const badge *b)
{
	return b->is_written || b->wears;
}

void badge_wear(badge *b)
{
	if (!b->s.pod || b->wears)
		return;
	b->wears = true;
	b->is_written = false;
	write_now(b);
}
