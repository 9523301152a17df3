#include "server/placer/standing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "engine/charge.h"

enum { OF_ALL = -1 };

/* clang-format off */
static const char *const names[STANDING_TYPES] = {
	[STANDING_OVER_LIMIT] = "over_limit",
	[STANDING_OVER_CREDITS] = "over_credits_limit",
	[STANDING_OVER_GUARANTEED] = "over_guaranteed",
	[STANDING_BORROWING] = "borrowing",
	[STANDING_INFEASIBLE] = "guarantee_infeasible",
};
/* clang-format on */

void standing_init(standing *s)
{
	*s = (standing){.model = OF_ALL, .rest_us = STANDING_EVERY_US};
}

void standing_done(standing *s)
{
	map_each (slot, &s->facts)
		free(slot->value);
	map_done(&s->facts);
	vec_done(&s->marked);
	vec_each (l, &s->lendings)
		lending_done(l);
	vec_done(&s->lendings);
	lending_news_done(&s->news);
	vec_done(&s->borrowers);
	vec_done(&s->began);
	vec_done(&s->ended);
}

void standing_moved(standing *s, int32_t number)
{
	while (s->marked.n <= (uint32_t)number)
		vec_push(&s->marked, false);
	s->n_marked += !s->marked.v[number];
	s->marked.v[number] = true;
}

void standing_moved_all(standing *s, int32_t models)
{
	for (int32_t m = 0; m < models; m++)
		standing_moved(s, m);
	for (uint32_t i = 0; i < s->lendings.n; i++)
		if (s->lendings.v[i].told.n || s->lendings.v[i].has_capacity)
			standing_moved(s, (int32_t)i);
}

bool standing_is_due(const standing *s, int64_t now_us)
{
	return s->n_marked && now_us - s->looked_us >= s->rest_us;
}

const char *standing_name(standing_type t)
{
	assert(t >= 0 && t < STANDING_TYPES);
	return names[t];
}

static uint64_t key_of(int32_t tenant, standing_type t, int32_t number)
{
	return (uint64_t)tenant << 40 | (uint64_t)(number + 1) << 4 | (uint64_t)(t + 1);
}

int64_t standing_since(const standing *s, int32_t tenant, standing_type t, int32_t number)
{
	const standing_fact *f = map_find_num(&s->facts, key_of(tenant, t, number));

	return f ? f->since_us : 0;
}

static void fact_put(standing *s, standing_fact fact)
{
	standing_fact *f = heap_new(1, sizeof *f);

	*f = fact;
	free(map_put_num(&s->facts, key_of(f->tenant, f->type, f->number), f));
}

bool standing_load(standing *s, int32_t tenant, str type, int32_t number, int64_t since_us)
{
	for (standing_type t = 0; t < STANDING_TYPES; t++)
		if (str_eq(type, str_from(names[t]))) {
			fact_put(s, (standing_fact){tenant, number, t, since_us});
			return true;
		}
	return false;
}

lending *standing_lending(standing *s, int32_t model)
{
	while (s->lendings.n <= (uint32_t)model)
		(void)vec_add(&s->lendings);
	return &s->lendings.v[model];
}

static void compare(standing *s, standing_fact now, bool holds)
{
	const standing_fact *was = map_find_num(&s->facts, key_of(now.tenant, now.type, now.number));

	if (holds && !was)
		vec_push(&s->began, now);
	else if (!holds && was)
		vec_push(&s->ended, *was);
}

static bool names_guarantee(const quota *q, int32_t tenant, int32_t model)
{
	quota_terms t = quota_get(q, tenant, model);
	bool is_named = false;

	for (int i = 0; i < AXIS_COUNT; i++)
		is_named |= t.guaranteed.v[i] != QUOTA_UNSET;
	return is_named;
}

static void tenant_review(standing *s, const quota *q, int32_t tenant, int64_t now_us)
{
	int32_t m = s->model;
	bool is_short = quota_is_infeasible(q, m) && names_guarantee(q, tenant, m);
	bool borrows = s->borrowers.v[tenant] || quota_is_borrowing(q, tenant, m);

	compare(s, (standing_fact){tenant, m, STANDING_OVER_LIMIT, now_us}, quota_is_over_limit(q, tenant, m));
	compare(s, (standing_fact){tenant, m, STANDING_OVER_GUARANTEED, now_us},
		quota_is_over_guaranteed(q, tenant, m));
	compare(s, (standing_fact){tenant, m, STANDING_BORROWING, now_us}, borrows);
	compare(s, (standing_fact){tenant, m, STANDING_INFEASIBLE, now_us}, is_short);
	compare(s, (standing_fact){tenant, OF_ALL, STANDING_OVER_CREDITS, now_us}, quota_is_over_credits(q, tenant));
}

static void loans_review(standing *s, const quota *q, lending_keys keys)
{
	(void)lending_look(standing_lending(s, s->model), q, s->model, !charge_is_mode(s->model), keys, &s->news);
	while (s->borrowers.n < (uint32_t)quota_tenants(q))
		vec_push(&s->borrowers, false);
	memset(s->borrowers.v, 0, s->borrowers.n * sizeof *s->borrowers.v);
	vec_each (x, &s->news.found)
		s->borrowers.v[x->borrower] = true;
}

/* From the tenant on at which the last look of the model was cut. */
static void tenants_review(standing *s, const quota *q, int64_t now_us)
{
	int32_t n = quota_tenants(q), t = s->resume < n ? s->resume : 0;

	s->is_cut = s->news.is_cut;
	for (int32_t i = 0; i < n; i++, t = t + 1 == n ? 0 : t + 1) {
		if (s->began.n + s->ended.n >= STANDING_FACTS_MAX) {
			s->is_cut = true;
			break;
		}
		if (quota_is_live(q, t))
			tenant_review(s, q, t, now_us);
	}
	s->resume_next = t;
}

static int32_t marked_next(const standing *s)
{
	for (uint32_t i = 0; i < s->marked.n; i++) {
		uint32_t number = ((uint32_t)s->next + i) % s->marked.n;
		if (s->marked.v[number])
			return (int32_t)number;
	}
	return OF_ALL;
}

/* The marked models are looked at one behind the other; it rests behind the last, or when there was too much to tell.
 */
static bool is_round_over(const standing *s)
{
	return s->n_marked == 1 || s->is_cut;
}

static bool has_news(const standing *s)
{
	return s->news.put.n || s->news.gone.n || s->news.has_capacity || s->began.n || s->ended.n;
}

bool standing_review(standing *s, const quota *q, lending_keys keys, int64_t now_us)
{
	if (!standing_is_due(s, now_us))
		return false;
	s->model = marked_next(s);
	assert(s->model != OF_ALL);
	loans_review(s, q, keys);
	tenants_review(s, q, now_us);
	s->looked_us = is_round_over(s) ? now_us : s->looked_us;
	if (has_news(s))
		return true;
	standing_keep(s);
	return false;
}

void standing_spent(standing *s, int64_t us)
{
	uint32_t rows = s->news.put.n + s->news.gone.n + s->began.n + s->ended.n;

	s->spent_us += us + (int64_t)rows * STANDING_ROW_US;
	if (!is_round_over(s))
		return;
	s->rest_us = s->spent_us * STANDING_REST_TIMES;
	if (s->rest_us < STANDING_EVERY_US)
		s->rest_us = STANDING_EVERY_US;
	if (s->rest_us > STANDING_REST_MAX_US)
		s->rest_us = STANDING_REST_MAX_US;
	s->spent_us = 0;
}

static void turn_over(standing *s)
{
	s->model = OF_ALL;
	vec_clear(&s->began);
	vec_clear(&s->ended);
	vec_clear(&s->news.put);
	vec_clear(&s->news.gone);
}

void standing_keep(standing *s)
{
	if (s->model == OF_ALL)
		return;
	vec_each (f, &s->began)
		fact_put(s, *f);
	vec_each (f, &s->ended)
		free(map_remove_num(&s->facts, key_of(f->tenant, f->type, f->number)));
	lending_keep(standing_lending(s, s->model), &s->news);
	s->resume = s->is_cut ? s->resume_next : 0;
	s->next = s->model + 1;
	s->n_marked -= s->marked.v[s->model] && !s->is_cut;
	s->marked.v[s->model] = s->is_cut;
	turn_over(s);
}

void standing_undo(standing *s)
{
	turn_over(s);
}
