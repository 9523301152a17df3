#include "agents/real/works.h"
#include <assert.h>
#include <stdlib.h>

static char *text_keep(str s)
{
	char *p = calloc((size_t)s.n + 1, 1);

	assert(p);
	if (s.n)
		memcpy(p, s.p, s.n);
	return p;
}

static void text_set(char **to, str s)
{
	char *old = *to;

	*to = text_keep(s);
	free(old);
}

static void shares_free(seat *s)
{
	free(s->shares);
	free(s->uuids);
	s->shares = NULL;
	s->uuids = NULL;
	s->n_shares = 0;
}

static void work_free(work *w)
{
	for (uint32_t i = 0; i < w->n_seats; i++) {
		seat *s = &w->seats[i];
		free(s->uid);
		free(s->space);
		free(s->pod);
		free(s->node);
		shares_free(s);
	}
	free(w->seats);
	free(w->id);
	free(w->fence);
	free(w->tenant);
	free(w->loan);
	free(w->placed);
	free(w->priority);
	free(w);
}

void works_done(works *all)
{
	map_each (slot, &all->by_id)
		work_free(slot->value);
	map_done(&all->by_id);
	map_done(&all->by_uid);
	vec_done(&all->news);
	vec_done(&all->timed);
	vec_done(&all->ordered);
}

void work_text(char **to, str s)
{
	char *old = *to;

	*to = s.p ? text_keep(s) : NULL;
	free(old);
}

work *works_find(const works *all, str id)
{
	return map_find(&all->by_id, id);
}

work *works_of_pod(const works *all, str uid, seat **ret_seat)
{
	work *w = uid.n ? map_find(&all->by_uid, uid) : NULL;

	for (uint32_t i = 0; w && i < w->n_seats; i++) {
		if (!str_eq(str_from(w->seats[i].uid), uid))
			continue;
		*ret_seat = &w->seats[i];
		return w;
	}
	return NULL;
}

static void seat_init(seat *s, int64_t index)
{
	*s = (seat){.index = index};
	s->uid = text_keep(S(""));
	s->space = text_keep(S(""));
	s->pod = text_keep(S(""));
	s->node = text_keep(S(""));
}

seat *works_seat(work *w, int64_t index)
{
	for (uint32_t i = 0; i < w->n_seats; i++)
		if (w->seats[i].index == index)
			return &w->seats[i];
	w->seats = realloc(w->seats, (w->n_seats + 1) * sizeof(*w->seats));
	assert(w->seats);
	seat_init(&w->seats[w->n_seats], index);
	return &w->seats[w->n_seats++];
}

work *works_add(works *all, str id, str fence, str tenant, str loan, uint32_t n)
{
	work *w = calloc(1, sizeof(*w));

	assert(w && !works_find(all, id));
	w->id = text_keep(id);
	w->fence = text_keep(fence);
	w->tenant = text_keep(tenant);
	w->loan = text_keep(loan);
	w->seats = calloc(n + 1, sizeof(*w->seats));
	assert(w->seats);
	w->n_seats = n;
	for (uint32_t i = 0; i < n; i++)
		seat_init(&w->seats[i], i);
	(void)map_put(&all->by_id, str_from(w->id), w);
	return w;
}

void works_drop(works *all, work *w)
{
	for (uint32_t i = 0; i < w->n_seats; i++)
		seat_leave(all, w, &w->seats[i]);
	for (uint32_t i = 0; i < all->news.n; i++)
		if (all->news.v[i] == w)
			vec_remove_fast(&all->news, i--);
	for (uint32_t i = 0; i < all->timed.n; i++)
		if (all->timed.v[i] == w)
			vec_remove_fast(&all->timed, i--);
	for (uint32_t i = 0; i < all->ordered.n; i++)
		if (all->ordered.v[i] == w)
			vec_remove_fast(&all->ordered, i--);
	(void)map_remove(&all->by_id, str_from(w->id));
	work_free(w);
}

bool work_is_ordered(const work *w)
{
	return w->placed && !w->loan[0] && !work_is_seated(w);
}

void works_order(works *all, work *w)
{
	if (w->is_listed)
		return;
	w->is_listed = true;
	vec_push(&all->ordered, w);
}

/* What is seated stays so. */
void works_each_ordered(works *all, void (*visit)(void *arg, work *w), void *arg)
{
	for (uint32_t i = 0; i < all->ordered.n;) {
		work *w = all->ordered.v[i];
		if (work_is_ordered(w)) {
			visit(arg, w);
			i++;
			continue;
		}
		w->is_listed = false;
		vec_remove_fast(&all->ordered, i);
	}
}

bool work_is_due(const work *w, int64_t now_us)
{
	int64_t from_us = w->started_us ? w->started_us : w->running_us;

	return w->max_runtime_s && w->running_us && now_us >= from_us + w->max_runtime_s * 1000000;
}

void works_stir(works *all, work *w)
{
	if (w->is_news)
		return;
	w->is_news = true;
	vec_push(&all->news, w);
}

void works_time(works *all, work *w)
{
	if (w->is_timed)
		return;
	w->is_timed = true;
	vec_push(&all->timed, w);
}

void seat_leave(works *all, work *w, seat *s)
{
	if (s->uid[0] && map_find(&all->by_uid, str_from(s->uid)) == w)
		(void)map_remove(&all->by_uid, str_from(s->uid));
	text_set(&s->uid, S(""));
}

void seat_take(works *all, work *w, seat *s, str uid, str space, str name, str node)
{
	seat_leave(all, w, s);
	text_set(&s->uid, uid);
	text_set(&s->space, space);
	text_set(&s->pod, name);
	text_set(&s->node, node);
	(void)map_put(&all->by_uid, str_from(s->uid), w);
}

void seat_shares(seat *s, const stock_share *shares, uint32_t n)
{
	size_t bytes = 1;

	shares_free(s);
	for (uint32_t i = 0; i < n; i++)
		bytes += shares[i].uuid.n;
	char *at = s->uuids = calloc(bytes, 1);
	s->shares = calloc(n + 1, sizeof(*s->shares));
	assert(s->uuids && s->shares);
	for (; s->n_shares < n; s->n_shares++) {
		const stock_share *from = &shares[s->n_shares];
		s->shares[s->n_shares] = *from;
		s->shares[s->n_shares].uuid = str_of(at, from->uuid.n);
		memcpy(at, from->uuid.p, from->uuid.n);
		at += from->uuid.n;
	}
}

bool seat_is_over(const seat *s)
{
	return s->state == SEAT_DONE || s->state == SEAT_FAILED || s->state == SEAT_GONE;
}

void seat_move(works *all, work *w, seat *s, seat_state state, int64_t now_us)
{
	if (state <= s->state || seat_is_over(s))
		return;
	s->state = state;
	if (state != SEAT_AWAITED)
		shares_free(s);
	if (seat_is_over(s))
		w->ended_us = now_us;
	works_stir(all, w);
}

static uint32_t count(const work *w, seat_state state)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n_seats; i++)
		n += w->seats[i].state == state;
	return n;
}

bool work_is_seated(const work *w)
{
	return count(w, SEAT_AWAITED) == 0;
}

/* Deleted pods of one that ran are its end like any other: somebody wanted that. */
bool work_phase(const work *w, cluster_phase *ret)
{
	uint32_t awaited = count(w, SEAT_AWAITED), bound = count(w, SEAT_BOUND), running = count(w, SEAT_RUNNING);
	uint32_t failed = count(w, SEAT_FAILED), gone = count(w, SEAT_GONE), binding = 0;
	bool is_over = !bound && !running && !awaited;

	for (uint32_t i = 0; i < w->n_seats; i++)
		binding += w->seats[i].state == SEAT_AWAITED && w->seats[i].uid[0];
	if (w->is_stopping && !bound && !running && !binding) {
		*ret = CLUSTER_STOPPED;
		return true;
	}
	if (is_over) {
		*ret = failed && !w->is_cut ? CLUSTER_FAILED : CLUSTER_DONE;
		return true;
	}
	if (awaited && !gone && !failed)
		return false;
	*ret = bound || awaited ? CLUSTER_BOUND : CLUSTER_RUNNING;
	return true;
}
