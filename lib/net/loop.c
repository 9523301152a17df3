#include "net/loop.h"
#include <assert.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdlib.h>
#include "base/vec.h"

typedef struct deferred {
	void (*fn)(void *arg);
	void *arg;
} deferred;

typedef struct loop_signal {
	struct event event;
	struct loop_signal *next;
	void (*on_signal)(void *arg, int signo);
	void *arg;
} loop_signal;

struct loop {
	struct event_base *base;
	struct event kick; /* runs what is deferred */
	vec(deferred) waiting, running;
	loop_signal *signals;
};

struct loop_timer {
	struct event event;
	void (*on_fire)(void *arg);
	void *arg;
};

struct loop_watch {
	struct event read, write;
	int what;
	void (*on_ready)(void *arg, int what);
	void *arg;
};

static void *room_new(size_t bytes)
{
	void *p = calloc(1, bytes);

	assert(p);
	return p;
}

/* What these defer runs in a further round behind the events that are active now, so that it cannot starve them. */
static void deferred_run(loop *l)
{
	__typeof__(l->waiting) batch = l->waiting;

	l->waiting.v = l->running.v;
	l->waiting.cap = l->running.cap;
	l->waiting.n = 0;
	vec_each (d, &batch) {
		d->fn(d->arg);
	}
	l->running.v = batch.v;
	l->running.cap = batch.cap;
	l->running.n = 0;
}

static void kick_fired(evutil_socket_t fd, short what, void *arg)
{
	loop *l = arg;

	(void)fd, (void)what;
	deferred_run(l);
}

loop *loop_new(void)
{
	loop *l = room_new(sizeof(*l));

	/* OpenSSL writes with write(2): a peer that went away must be an error there, not the end of the process. */
	(void)signal(SIGPIPE, SIG_IGN);
	l->base = event_base_new();
	assert(l->base);
	int refused = event_assign(&l->kick, l->base, -1, 0, kick_fired, l);
	assert(!refused);
	return l;
}

void loop_free(loop *l)
{
	if (!l)
		return;
	while (l->waiting.n)
		deferred_run(l);
	(void)event_del(&l->kick);
	for (loop_signal *s = l->signals, *next; s; s = next) {
		next = s->next;
		(void)event_del(&s->event);
		free(s);
	}
	event_base_free(l->base);
	vec_done(&l->waiting);
	vec_done(&l->running);
	free(l);
}

void loop_run(loop *l)
{
	(void)event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(loop *l)
{
	(void)event_base_loopexit(l->base, NULL);
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
	loop_timer *t = arg;

	(void)fd, (void)what;
	t->on_fire(t->arg);
}

loop_timer *loop_timer_new(loop *l, void (*on_fire)(void *arg), void *arg)
{
	loop_timer *t = room_new(sizeof(*t));

	t->on_fire = on_fire;
	t->arg = arg;
	int refused = evtimer_assign(&t->event, l->base, timer_fired, t);
	assert(!refused);
	return t;
}

void loop_timer_arm(loop_timer *t, int64_t delay_us)
{
	int64_t us = delay_us > 0 ? delay_us : 0;
	struct timeval tv = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};
	int refused = evtimer_add(&t->event, &tv);

	assert(!refused);
}

void loop_timer_disarm(loop_timer *t)
{
	(void)evtimer_del(&t->event);
}

void loop_timer_free(loop_timer *t)
{
	if (!t)
		return;
	loop_timer_disarm(t);
	free(t);
}

void loop_defer(loop *l, void (*fn)(void *arg), void *arg)
{
	if (l->waiting.n == 0)
		event_active(&l->kick, EV_TIMEOUT, 0);
	vec_push(&l->waiting, ((deferred){fn, arg}));
}

static void watch_fired(evutil_socket_t fd, short what, void *arg)
{
	loop_watch *w = arg;

	(void)fd;
	w->on_ready(w->arg, (what & EV_READ) ? LOOP_READ : LOOP_WRITE);
}

loop_watch *loop_watch_new(loop *l, int fd, int what, void (*on_ready)(void *arg, int what), void *arg)
{
	loop_watch *w = room_new(sizeof(*w));

	w->on_ready = on_ready;
	w->arg = arg;
	int refused = event_assign(&w->read, l->base, fd, EV_READ | EV_PERSIST, watch_fired, w);
	refused |= event_assign(&w->write, l->base, fd, EV_WRITE | EV_PERSIST, watch_fired, w);
	assert(!refused);
	loop_watch_set(w, what);
	return w;
}

static void watch_switch(struct event *e, bool was, bool is)
{
	if (was == is)
		return;
	int refused = is ? event_add(e, NULL) : event_del(e);
	assert(!refused);
}

void loop_watch_set(loop_watch *w, int what)
{
	watch_switch(&w->read, w->what & LOOP_READ, what & LOOP_READ);
	watch_switch(&w->write, w->what & LOOP_WRITE, what & LOOP_WRITE);
	w->what = what;
}

void loop_watch_free(loop_watch *w)
{
	if (!w)
		return;
	loop_watch_set(w, 0);
	free(w);
}

static void signal_fired(evutil_socket_t signo, short what, void *arg)
{
	loop_signal *s = arg;

	(void)what;
	s->on_signal(s->arg, signo);
}

void loop_on_signal(loop *l, int signo, void (*on_signal)(void *arg, int signo), void *arg)
{
	loop_signal *s = room_new(sizeof(*s));

	s->on_signal = on_signal;
	s->arg = arg;
	s->next = l->signals;
	l->signals = s;
	int refused = evsignal_assign(&s->event, l->base, signo, signal_fired, s);
	refused |= evsignal_add(&s->event, NULL);
	assert(!refused);
}
