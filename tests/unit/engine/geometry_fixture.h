/* States of devices by text, and what is legal in them by a look at every slot. */
#pragma once
#include "fixture.h"

#include "engine/geometry_choose.h"

#define COUNT_OF(a) (int)(sizeof(a) / sizeof *(a))

static inline const geometry *the(const char *name)
{
	const geometry *g = geometry_find(str_from(name));

	cr_assert(g, "%s is built in", name);
	return g;
}

static inline int32_t profile_of(const geometry *g, const char *name)
{
	int32_t p = geometry_profile_find(g, str_from(name));

	cr_assert(p >= 0, "%.*s has %s", (int)g->name.n, g->name.p, name);
	return p;
}

/* "3g.20gb@4 1g.5gb@0": an instance of each at its start. */
static inline geometry_state state_of(const geometry *g, const char *text)
{
	geometry_state s = {0};
	str rest = str_from(text);

	while (rest.n) {
		str word = str_split(&rest, ' ');
		str name = str_split(&word, '@');
		int64_t start = 0;
		cr_assert(!word.p || str_to_i64(word, &start));
		int32_t p = geometry_profile_find(g, name);
		cr_assert(p >= 0 && geometry_may(g, &s, p, (int32_t)start), "%s", text);
		geometry_take(g, &s, p, (int32_t)start);
	}
	return s;
}

static inline bool state_eq(const geometry_state *a, const geometry_state *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

static inline bool brute_may(const geometry *g, const geometry_state *s, int32_t p, int32_t start)
{
	const geometry_profile *q = &g->profiles[p];

	if (g->is_uniform && s->n && s->only != p)
		return false;
	for (int r = 0; r < GEOMETRY_COUNTS; r++)
		if (s->used[r] + q->takes[r] > g->has[r])
			return false;
	if (!q->width)
		return start == 0;
	if (!(q->starts >> start & 1) || start + q->width > g->n_slots)
		return false;
	for (int i = start; i < start + q->width; i++)
		if (s->occupied >> i & 1)
			return false;
	return true;
}
