/* fake_kube: kube.h without a network: a test answers each call itself, with the bytes it likes.
 *
 * Include it in one test only: it takes the place of kube_send and kube_cancel of the library.
 */
#pragma once
#include <criterion/criterion.h>
#include <stdio.h>
#include "agents/kube/kube.h"

enum { KUBE_FAKE_BODY_MAX = 1 << 20 };

struct kube_call {
	kube *owner;
	char path[2048], body[4096]; /* body: its beginning */
	kube_request q;
	bool is_over, is_cancelled;
	kube_call *next;
};

struct kube {
	loop *loop;
	/* What the test does with a call, from the loop. */
	void (*on_call)(void *arg, kube_call *c);
	void *arg;
	char *body; /* where the whole body of the last call is put; may be NULL */
	uint32_t n_calls;
	kube_call *all;
};

typedef struct fake_turn {
	kube *k;
	kube_call *c;
} fake_turn;

static inline void fake_end(kube_call *c, const kube_reply *r)
{
	if (c->is_over)
		return;
	c->is_over = true;
	c->q.on_done(c->q.arg, r);
}

static inline void fake_cancelled(void *arg)
{
	kube_reply r = {.e = ERR_CLOSED, .message = S("cancelled")};

	fake_end(arg, &r);
}

static inline void fake_turned(void *arg)
{
	fake_turn *t = arg;

	if (!t->c->is_cancelled)
		t->k->on_call(t->k->arg, t->c);
	free(t);
}

kube_call *kube_send(kube *k, const kube_request *q)
{
	kube_call *c = calloc(1, sizeof(*c));
	fake_turn *t = calloc(1, sizeof(*t));

	cr_assert(q->path.n < sizeof(c->path));
	(void)snprintf(c->path, sizeof(c->path), STR_FMT, STR_ARG(q->path));
	(void)snprintf(c->body, sizeof(c->body), STR_FMT, STR_ARG(q->body));
	if (k->body)
		(void)snprintf(k->body, KUBE_FAKE_BODY_MAX, STR_FMT, STR_ARG(q->body));
	c->owner = k;
	c->q = *q;
	c->q.body = STR_NONE;
	c->next = k->all;
	k->all = c;
	k->n_calls++;
	*t = (fake_turn){k, c};
	loop_defer(k->loop, fake_turned, t);
	return c;
}

void kube_cancel(kube_call *c)
{
	if (c->is_cancelled)
		return;
	c->is_cancelled = true;
	/* The loop of the test is the only one there is. */
	extern loop *fake_loop;
	loop_defer(fake_loop, fake_cancelled, c);
}

static inline void fake_free(kube *k)
{
	for (kube_call *c = k->all, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	k->all = NULL;
}

static inline void fake_answer(kube_call *c, long status, str body)
{
	AUTO_ARENA a = arena_new(0);
	kube_status s = kube_status_read(body, a);
	kube_reply r = {.status = status, .body = body, .reason = s.reason, .message = s.message};

	fake_end(c, &r);
}

/* Bytes of a stream, in pieces of at most `most`. */
static inline void fake_bytes(kube_call *c, str bytes, uint32_t most)
{
	for (uint32_t at = 0; at < bytes.n && !c->is_cancelled; at += most)
		c->q.on_piece(c->q.arg, str_cut(bytes, at, at + most));
}

static inline void fake_broken(kube_call *c, err e)
{
	kube_reply r = {.e = e, .message = S("broken")};

	fake_end(c, &r);
}
