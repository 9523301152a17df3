#include "agents/cluster/apply.h"

#include <assert.h>
#include <stdio.h>

typedef err (*action_fn)(book *b, holding *h, const placement *p, attempt at, int64_t now_us, deed *ret);

static void plan_auto(plan *p)
{
	plan_done(p);
}
#define AUTO_PLAN __attribute__((cleanup(plan_auto))) plan

static void supersede(book *b, holding *h, int64_t now_us, deed *ret)
{
	if (!h || !h->is_booked)
		return;
	memcpy(ret->old_fence, h->fence_text, sizeof(ret->old_fence));
	book_state(b, h, LIFE_REVOKED, S("a newer attempt was ordered"), now_us);
}

static err grant_apply(book *b, holding *h, const placement *p, attempt at, int64_t now_us, deed *ret)
{
	char reason[BOOK_REASON_MAX + 1] = "";
	AUTO_PLAN wish = {0};

	if (h && attempt_cmp(at, h->attempt) == 0) {
		*ret = (deed){.kind = DEED_TELL, .h = h};
		return ERR_OK;
	}
	supersede(b, h, now_us, ret);
	h = book_put(b, p->id, p->fence, at);
	ret->h = h;
	plan_init(&wish);
	book_overcommit(b, &p->placed);
	if (!book_plan(b, &p->placed, false, &wish, reason) || !book_fits(b, &wish, reason)) {
		book_state(b, h, LIFE_REFUSED, str_from(reason), now_us);
		ret->kind = DEED_TELL;
		return ERR_OK;
	}
	book_take(b, h, &wish);
	h->ordered_us = now_us;
	h->self_fence_s = p->self_fence_s;
	h->speak_s = p->speak_s;
	book_state(b, h, LIFE_ACCEPTED, STR_NONE, now_us);
	ret->kind = DEED_START;
	return ERR_OK;
}

/* Stopping what has ended changes nothing: it ended as it did. */
static err revoke_apply(book *b, holding *h, const placement *p, attempt at, int64_t now_us, deed *ret)
{
	if (h && attempt_cmp(at, h->attempt) == 0 && h->is_booked) {
		*ret = (deed){.kind = h->state == LIFE_REVOKING ? DEED_NONE : DEED_STOP, .h = h};
		book_state(b, h, LIFE_REVOKING, STR_NONE, now_us);
		return ERR_OK;
	}
	ret->kind = DEED_TELL;
	if (!h || attempt_cmp(at, h->attempt) > 0) {
		supersede(b, h, now_us, ret);
		h = book_put(b, p->id, p->fence, at);
		book_state(b, h, LIFE_REVOKED, STR_NONE, now_us);
	} else if (h->state == LIFE_REFUSED) {
		book_state(b, h, LIFE_REVOKED, STR_NONE, now_us);
	}
	ret->h = h;
	return ERR_OK;
}

/* What still holds devices is never dropped on the server's word: it is told again instead. */
static err forget_apply(book *b, holding *h, const placement *p, attempt at, int64_t now_us, deed *ret)
{
	(void)b, (void)p, (void)at, (void)now_us;
	if (h)
		*ret = (deed){.kind = h->is_booked ? DEED_TELL : DEED_FORGET, .h = h};
	return ERR_OK;
}

static const struct {
	const char *name;
	action_fn apply;
} actions[] = {
	{"grant", grant_apply},
	{"revoke", revoke_apply},
	{"forget", forget_apply},
};

static action_fn action_find(str action)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (str_eq(action, str_from(actions[i].name)))
			return actions[i].apply;
	return NULL;
}

bool apply_knows(str action)
{
	return action_find(action) != NULL;
}

err apply_change(book *b, str action, const placement *p, int64_t now_us, deed *ret, fault *f)
{
	action_fn apply = action_find(action);
	attempt at;

	*ret = (deed){.kind = DEED_NONE};
	if (!apply)
		return ERR_OK;
	if (!p->id.n || p->id.n > BOOK_ID_MAX)
		return fault_set(f, ERR_BAD_FIELD, "#/id", "a placement's id has 1 to %d bytes", BOOK_ID_MAX);
	if (p->fence.n > BOOK_FENCE_MAX || !attempt_read(p->fence, &at))
		return fault_set(f, ERR_BAD_FIELD, "#/fence", "a fence is incarnation.number");
	holding *h = book_find(b, p->id);
	if (h && attempt_cmp(at, h->attempt) < 0)
		return ERR_OK;
	return apply(b, h, p, at, now_us, ret);
}

static lifecycle phase_state(cluster_phase phase)
{
	switch (phase) {
	case CLUSTER_BOUND:
		return LIFE_BOUND;
	case CLUSTER_RUNNING:
		return LIFE_RUNNING;
	case CLUSTER_DONE:
		return LIFE_DONE;
	case CLUSTER_FAILED:
		return LIFE_FAILED;
	case CLUSTER_STOPPED:
		return LIFE_REVOKED;
	case CLUSTER_AWAITED:
		return LIFE_ACCEPTED;
	}
	assert(false && "a phase without a state");
	return LIFE_FAILED;
}

deed apply_phase(book *b, const cluster_pods *p)
{
	holding *h = book_find(b, p->id);
	lifecycle to = phase_state(p->phase);

	if (!h || !str_eq(str_from(h->fence_text), p->fence) || !h->is_booked || !lifecycle_leads(h->state, to))
		return (deed){.kind = DEED_NONE};
	if (p->running_us)
		h->running_us = p->running_us;
	book_state(b, h, to, p->reason, p->at_us);
	return (deed){.kind = DEED_TELL, .h = h};
}

deed apply_found(book *b, const cluster_pods *p)
{
	char reason[BOOK_REASON_MAX + 1];
	lifecycle state = phase_state(p->phase);
	holding *h = book_find(b, p->id);
	AUTO_PLAN wish = {0};
	attempt at;

	plan_init(&wish);
	if (p->id.n > BOOK_ID_MAX || p->fence.n > BOOK_FENCE_MAX || !attempt_read(p->fence, &at))
		return (deed){.kind = DEED_NONE};
	/* One that was let in here is remembered from before it began. */
	bool is_remembered = h && h->pod && h->state == LIFE_GRANTED && attempt_cmp(at, h->attempt) == 0;
	if (h && attempt_cmp(at, h->attempt) <= 0 && !is_remembered)
		return (deed){.kind = DEED_NONE};
	deed d = {.kind = DEED_TELL};
	supersede(b, h, p->at_us, &d);
	d.h = h = book_put(b, p->id, p->fence, at);
	if (lifecycle_is_booked(state) && book_plan(b, &p->placed, true, &wish, reason))
		book_take(b, h, &wish);
	h->running_us = p->running_us;
	h->self_fence_s = p->self_fence_s;
	h->speak_s = p->speak_s;
	book_state(b, h, state, p->reason, p->at_us);
	return d;
}
