/* The slow model of quota: terms and own use as they were given, and everything else from scratch, in 128 bits. */
#pragma once
#include "engine/quota_loans.h"
#include "fixture.h"

enum { SLOW_TENANTS = 24, SLOW_MODELS = 2 };
__extension__ typedef __int128 wide;

typedef struct slow {
	bool is_live[SLOW_TENANTS];
	int32_t parent[SLOW_TENANTS];
	int64_t credits_limit[SLOW_TENANTS];
	int64_t rate[SLOW_MODELS];
	quota_terms terms[SLOW_TENANTS][SLOW_MODELS];
	amounts own_use[SLOW_TENANTS][SLOW_MODELS];
} slow;

static inline wide slow_named(int64_t v)
{
	return v == QUOTA_UNSET ? 0 : v;
}

static inline bool slow_is_child(const slow *s, int32_t c, int32_t x)
{
	return s->is_live[c] && s->parent[c] == x;
}

static inline wide slow_promised(const slow *s, int32_t x, int32_t m, int i)
{
	wide sum = 0;

	for (int32_t c = 0; c < SLOW_TENANTS; c++)
		if (slow_is_child(s, c, x))
			sum += slow_named(s->terms[c][m].guaranteed.v[i]);
	return sum;
}

static inline wide slow_own(const slow *s, int32_t x, int32_t m, int i)
{
	return slow_named(s->terms[x][m].guaranteed.v[i]) - slow_promised(s, x, m, i);
}

static inline wide slow_balance(const slow *s, int32_t x, int32_t m, int i)
{
	wide t = slow_own(s, x, m, i) - s->own_use[x][m].v[i];

	for (int32_t c = 0; c < SLOW_TENANTS; c++) {
		if (!slow_is_child(s, c, x))
			continue;
		wide lent = slow_balance(s, c, m, i);
		int64_t most = s->terms[c][m].lend_limit.v[i];
		t += most != QUOTA_UNSET && most < lent ? most : lent;
	}
	return t;
}

static inline wide slow_use(const slow *s, int32_t x, int32_t m, int i)
{
	wide use = s->own_use[x][m].v[i];

	for (int32_t c = 0; c < SLOW_TENANTS; c++)
		if (slow_is_child(s, c, x))
			use += slow_use(s, c, m, i);
	return use;
}

static inline wide slow_credits(const slow *s, int32_t x)
{
	wide sum = 0;

	for (int32_t m = 0; m < SLOW_MODELS; m++)
		sum += slow_use(s, x, m, AXIS_DEVICE_MILLI) * s->rate[m];
	return sum;
}

static inline bool slow_is_short(const slow *s, int32_t m, int i)
{
	return s->terms[0][m].guaranteed.v[i] != QUOTA_UNSET && slow_own(s, 0, m, i) < 0;
}

/* Whether a balance of x that just fell to t is legal. */
static inline bool slow_may_fall(const slow *s, int32_t x, int32_t m, int i, wide t)
{
	int64_t borrow = s->terms[x][m].borrow_limit.v[i];
	bool names_it = s->terms[x][m].guaranteed.v[i] != QUOTA_UNSET;

	if (x == 0)
		return !names_it || t >= 0;
	if (slow_is_short(s, m, i) && (names_it || (s->parent[x] == 0 && slow_promised(s, x, m, i) == 0)))
		return t >= 0;
	return borrow == QUOTA_UNSET || t >= -(wide)borrow;
}

static inline bool slow_is_within(const slow *s, int32_t x, int32_t top)
{
	while (x != FLEET_NONE && x != top)
		x = s->parent[x];
	return x == top;
}

static inline bool slow_under(int64_t limit, wide use)
{
	return limit == QUOTA_UNSET || use <= limit;
}

/* Whether every node from x up may see `a` more of the axis: by taking it and looking. */
static inline bool slow_check_axis(slow *s, int32_t x, int32_t m, int i, int64_t a)
{
	wide before[SLOW_TENANTS];
	bool is_legal = true;

	if (a == 0)
		return true;
	for (int32_t y = x; y != FLEET_NONE; y = s->parent[y])
		before[y] = slow_balance(s, y, m, i);
	s->own_use[x][m].v[i] += a;
	for (int32_t y = x; y != FLEET_NONE; y = s->parent[y]) {
		wide t = slow_balance(s, y, m, i), use = slow_use(s, y, m, i);
		is_legal &= t == before[y] || slow_may_fall(s, y, m, i, t);
		is_legal &= slow_under(s->terms[y][m].limit.v[i], use);
		is_legal &= slow_under(s->terms[y][m].class_limit.v[i], use);
		if (i == AXIS_DEVICE_MILLI && s->rate[m])
			is_legal &= slow_under(s->credits_limit[y], slow_credits(s, y));
	}
	s->own_use[x][m].v[i] -= a;
	return is_legal;
}

static inline bool slow_check(slow *s, int32_t x, int32_t m, amounts a)
{
	bool is_legal = true;

	for (int i = 0; i < AXIS_COUNT; i++)
		is_legal &= slow_check_axis(s, x, m, i, a.v[i]);
	return is_legal;
}

/* Children never exceed parents: of x as a parent, and of the fleet where it is asked for. */
static inline bool slow_keeps_promises(const slow *s, int32_t x, int32_t m)
{
	for (int i = 0; i < AXIS_COUNT; i++)
		if (slow_promised(s, x, m, i) > slow_named(s->terms[x][m].guaranteed.v[i]))
			return false;
	return true;
}

/* Whether an edit of x would leave that true of x and of its parent. */
static inline bool slow_may_promise(const slow *s, int32_t x, int32_t m, amounts guaranteed)
{
	for (int i = 0; i < AXIS_COUNT; i++) {
		int64_t g = guaranteed.v[i];
		int32_t up = s->parent[x];
		if ((x != 0 || g != QUOTA_UNSET) && slow_promised(s, x, m, i) > slow_named(g))
			return false;
		if (up == FLEET_NONE || up == 0 || g == QUOTA_UNSET)
			continue;
		wide beside = slow_promised(s, up, m, i) - slow_named(s->terms[x][m].guaranteed.v[i]);
		if (beside + g > slow_named(s->terms[up][m].guaranteed.v[i]))
			return false;
	}
	return true;
}
