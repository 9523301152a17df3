#include "server/placer/booking.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"

static str keep(char **at, str s)
{
	str kept = {*at, s.n};

	memcpy(*at, s.p ? s.p : "", s.n);
	*at += s.n;
	return kept;
}

booking *booking_new(const booking_birth *birth)
{
	size_t texts = (size_t)birth->id.n + birth->name.n + birth->origin.n + birth->created_by.n + birth->request.n;
	booking *b = heap_new(1, sizeof *b + texts + 1);
	char *at = (char *)(b + 1);

	b->id = keep(&at, birth->id);
	b->name = keep(&at, birth->name);
	b->origin = keep(&at, birth->origin);
	b->created_by = keep(&at, birth->created_by);
	b->request = keep(&at, birth->request);
	b->tenant_key = birth->tenant_key;
	b->max_runtime_s = -1;
	b->seq = birth->seq;
	b->created_at_us = birth->created_at_us;
	b->waits_since_us = birth->created_at_us;
	b->now.life = LIFE_PENDING;
	plan_init(&b->held);
	return b;
}

void booking_free(booking *b)
{
	if (!b)
		return;
	assert(!b->line && !b->claim && !b->is_held);
	plan_done(&b->held);
	free((char *)b->evicted_by.p);
	free((char *)b->reserved.p);
	booking_texts_free(&b->now, NULL);
	vec_done(&b->avoid);
	free(b);
}

void booking_text_set(str *now, const str *before, str s)
{
	if (now->p != before->p)
		free((char *)now->p);
	*now = STR_NONE;
	if (!s.n)
		return;
	now->p = memcpy(heap_new(1, s.n), s.p, s.n);
	now->n = s.n;
}

void booking_texts_free(booking_state *s, const booking_state *other)
{
	if (!other || s->reason.p != other->reason.p)
		free((char *)s->reason.p);
	if (!other || s->placed.p != other->placed.p)
		free((char *)s->placed.p);
}

str fence_text(int64_t incarnation, int64_t no, char out[FENCE_TEXT_MAX])
{
	int n = snprintf(out, FENCE_TEXT_MAX, "%lld.%lld", (long long)incarnation, (long long)no);

	return str_of(out, (size_t)n);
}

bool fence_parse(str s, int64_t *ret_incarnation, int64_t *ret_no)
{
	str rest = s, first = str_split(&rest, '.');

	return str_to_i64(first, ret_incarnation) && rest.p && str_to_i64(rest, ret_no);
}
