#include "engine/quota_promise.h"

#include <string.h>

#include "engine/fleet.h"
#include "engine/quota/inside.h"

/* What reaches a tenant to be covered there. */
typedef struct load {
	int32_t tenant;
	amounts a;
} load;

/* One moment at work. */
typedef struct moment {
	const quota *q;
	const quota_promise *list, *more;
	uint32_t n;
	int64_t at_us;
	vec(load) loads;
} moment;

static bool runs_at(const quota_promise *p, int64_t us)
{
	return p->from_us <= us && us < p->until_us;
}

static bool counts(const moment *m, const quota_promise *p)
{
	return p->model == m->more->model && runs_at(p, m->at_us);
}

static bool is_within(const quota *q, int32_t tenant, int32_t above)
{
	while (tenant != FLEET_NONE && tenant != above)
		tenant = quota_parent(q, tenant);
	return tenant == above;
}

static int64_t above_zero(int64_t v)
{
	return v > 0 ? v : 0;
}

static bool is_over(const quota_promise *more, why_code code, int32_t tenant, int axis_no, int64_t over, blocker *ret)
{
	if (over <= 0 || more->a.v[axis_no] <= 0)
		return false;
	*ret = blocker_of(code);
	ret->tenant = tenant;
	ret->class_id = more->model;
	ret->axis = (axis)axis_no;
	ret->has_axis = true;
	ret->need = more->a.v[axis_no];
	ret->free = above_zero(ret->need - over);
	return true;
}

/* All that is promised below x, against one of its limits. */
static bool passes_limit(const moment *m, why_code code, int32_t x, amounts limit, amounts sum, blocker *ret)
{
	for (int i = 0; i < AXIS_COUNT; i++)
		if (limit.v[i] != QUOTA_UNSET && is_over(m->more, code, x, i, sum.v[i] - limit.v[i], ret))
			return true;
	return false;
}

static bool passes_limits(const moment *m, int32_t x, blocker *ret)
{
	const quota_cell *c = quota_cell_find(m->q, x, m->more->model);
	amounts sum = m->more->a;

	if (!c)
		return false;
	for (uint32_t i = 0; i < m->n; i++)
		if (counts(m, &m->list[i]) && is_within(m->q, m->list[i].tenant, x))
			sum = amounts_add(sum, m->list[i].a);
	return passes_limit(m, WHY_QUOTA_LIMIT, x, c->terms.limit, sum, ret) ||
	       passes_limit(m, WHY_CLASS_LIMIT, x, c->terms.class_limit, sum, ret);
}

static void load_add(moment *m, int32_t tenant, amounts a)
{
	vec_each (l, &m->loads) {
		if (l->tenant != tenant)
			continue;
		l->a = amounts_add(l->a, a);
		return;
	}
	vec_push(&m->loads, ((load){tenant, a}));
}

/* Of those that are left, one that lies deepest: all that reaches it has. */
static load load_pop(moment *m)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < m->loads.n; i++)
		if (quota_depth(m->q, m->loads.v[i].tenant) > quota_depth(m->q, m->loads.v[best].tenant))
			best = i;
	load l = m->loads.v[best];
	vec_remove_fast(&m->loads, best);
	return l;
}

/* What x does not cover itself. */
static amounts rest_of(const quota_cell *c, amounts a)
{
	for (int i = 0; c && i < AXIS_COUNT; i++)
		if (c->terms.guaranteed.v[i] != QUOTA_UNSET)
			a.v[i] = above_zero(a.v[i] - above_zero(quota_own(c, i)));
	return a;
}

/* The rest leaves x for its parent; the root's has nowhere to go. */
static bool passes_borrowing(const moment *m, int32_t x, const quota_cell *c, amounts rest, blocker *ret)
{
	for (int i = 0; c && i < AXIS_COUNT; i++) {
		bool is_root = x == QUOTA_ROOT && c->terms.guaranteed.v[i] != QUOTA_UNSET;
		int64_t most = x == QUOTA_ROOT ? 0 : c->terms.borrow_limit.v[i];
		if ((is_root || (x != QUOTA_ROOT && most != QUOTA_UNSET)) &&
			is_over(m->more, WHY_QUOTA_GUARANTEE, x, i, rest.v[i] - most, ret))
			return true;
	}
	return false;
}

static bool is_uncovered(moment *m, blocker *ret)
{
	vec_clear(&m->loads);
	load_add(m, m->more->tenant, m->more->a);
	for (uint32_t i = 0; i < m->n; i++)
		if (counts(m, &m->list[i]))
			load_add(m, m->list[i].tenant, m->list[i].a);
	while (m->loads.n) {
		load l = load_pop(m);
		const quota_cell *c = quota_cell_find(m->q, l.tenant, m->more->model);
		amounts rest = rest_of(c, l.a);
		if (is_within(m->q, m->more->tenant, l.tenant) && passes_borrowing(m, l.tenant, c, rest, ret))
			return true;
		if (l.tenant != QUOTA_ROOT)
			load_add(m, quota_parent(m->q, l.tenant), rest);
	}
	return false;
}

static bool is_bad_moment(moment *m, int64_t at_us, blocker *ret)
{
	m->at_us = at_us;
	for (int32_t x = m->more->tenant; x != FLEET_NONE; x = quota_parent(m->q, x))
		if (passes_limits(m, x, ret))
			return true;
	return is_uncovered(m, ret);
}

/* What is promised at once is most when one of them begins. */
bool quota_may_keep(
	const quota *q, const quota_promise *list, uint32_t n, const quota_promise *more, blocker *ret_blocker)
{
	moment m = {.q = q, .list = list, .n = n, .more = more};
	bool is_bad = is_bad_moment(&m, more->from_us, ret_blocker);

	for (uint32_t i = 0; i < n && !is_bad; i++)
		if (list[i].model == more->model && list[i].from_us > more->from_us && runs_at(more, list[i].from_us))
			is_bad = is_bad_moment(&m, list[i].from_us, ret_blocker);
	vec_done(&m.loads);
	return !is_bad;
}
