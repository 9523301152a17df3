#include "engine/quota.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "engine/fleet.h"
#include "engine/quota/inside.h"

static quota_tenant tenant_new(int32_t parent, int32_t depth)
{
	return (quota_tenant){.parent = parent,
		.depth = depth,
		.is_live = true,
		.weight = QUOTA_WEIGHT,
		.credits_limit = QUOTA_UNSET};
}

quota *quota_new(void)
{
	quota *q = heap_new(1, sizeof *q);
	quota_tenant *root = vec_add(&q->tenants);

	*root = tenant_new(FLEET_NONE, 0);
	return q;
}

void quota_free(quota *q)
{
	if (!q)
		return;
	vec_each (t, &q->tenants)
		vec_done(&t->cells);
	vec_done(&q->tenants);
	vec_done(&q->free_tenants);
	vec_done(&q->rates);
	free(q);
}

quota_tenant *quota_tenant_of(const quota *q, int32_t id)
{
	assert(id >= 0 && (uint32_t)id < q->tenants.n && q->tenants.v[id].is_live);
	return &q->tenants.v[id];
}

quota_cell *quota_cell_find(const quota *q, int32_t id, int32_t model)
{
	quota_tenant *t = quota_tenant_of(q, id);

	for (uint32_t i = 0; i < t->cells.n; i++)
		if (t->cells.v[i].model == model)
			return &t->cells.v[i];
	return NULL;
}

/* The cell that must be there. */
static quota_cell *cell_of(const quota *q, int32_t id, int32_t model)
{
	quota_cell *c = quota_cell_find(q, id, model);

	assert(c);
	return c;
}

static void cell_make(quota *q, int32_t id, int32_t model)
{
	assert(model >= 0);
	if (model >= q->n_models && model < FLEET_CLASSES_MAX)
		q->n_models = model + 1;
	for (; id != FLEET_NONE && !quota_cell_find(q, id, model); id = q->tenants.v[id].parent) {
		quota_tenant *t = quota_tenant_of(q, id);
		quota_cell c = {.model = model, .terms = quota_terms_unset()};
		vec_push(&t->cells, c);
	}
}

static amounts all_named(amounts a)
{
	for (int i = 0; i < AXIS_COUNT; i++)
		a.v[i] = quota_named(a.v[i]);
	return a;
}

/* Computes the balance of `id` and of its ancestors anew, after a change at `id`. */
static void settle(quota *q, int32_t id, int32_t model)
{
	for (; id != FLEET_NONE; id = q->tenants.v[id].parent) {
		quota_cell *c = cell_of(q, id, model);
		amounts before = c->lent;
		for (int i = 0; i < AXIS_COUNT; i++) {
			int64_t lend = c->terms.lend_limit.v[i];
			c->balance.v[i] = quota_own(c, i) - c->own_use.v[i] + c->from_children.v[i];
			c->lent.v[i] = lend != QUOTA_UNSET && lend < c->balance.v[i] ? lend : c->balance.v[i];
		}
		if (id == QUOTA_ROOT)
			return;
		quota_cell *up = cell_of(q, q->tenants.v[id].parent, model);
		up->from_children = amounts_add(up->from_children, amounts_sub(c->lent, before));
	}
}

err quota_add(quota *q, int32_t parent, int32_t *ret_tenant)
{
	int32_t depth = quota_tenant_of(q, parent)->depth + 1;
	int32_t id = (int32_t)q->tenants.n;

	if (depth > QUOTA_DEPTH_MAX)
		return ERR_TREE_TOO_DEEP;
	if (q->free_tenants.n)
		id = vec_pop(&q->free_tenants);
	else if (id >= QUOTA_TENANTS_MAX)
		return ERR_TOO_MANY_ITEMS;
	else
		(void)vec_add(&q->tenants);
	q->tenants.v[id] = tenant_new(parent, depth);
	q->tenants.v[parent].n_children++;
	*ret_tenant = id;
	return ERR_OK;
}

static bool is_within(const quota *q, int32_t id, int32_t top)
{
	while (id != FLEET_NONE && id != top)
		id = q->tenants.v[id].parent;
	return id == top;
}

/* Levels below `top`. */
static int32_t height_of(const quota *q, int32_t top)
{
	int32_t height = 0;

	for (uint32_t i = 0; i < q->tenants.n; i++) {
		const quota_tenant *t = &q->tenants.v[i];
		int32_t below = t->depth - q->tenants.v[top].depth;
		if (t->is_live && below > height && is_within(q, (int32_t)i, top))
			height = below;
	}
	return height;
}

static void use_add(quota *q, int32_t id, int32_t model, amounts a)
{
	int64_t rate = quota_rate(q, model);

	for (; id != FLEET_NONE; id = q->tenants.v[id].parent) {
		quota_cell *c = cell_of(q, id, model);
		c->use = amounts_add(c->use, a);
		q->tenants.v[id].credits += (quota_wide)a.v[AXIS_DEVICE_MILLI] * rate;
		for (int i = 0; i < AXIS_COUNT; i++)
			assert(c->use.v[i] >= 0 && c->use.v[i] <= QUOTA_USE_MAX);
	}
}

/* Counts what cell c of a child stands for into its parent, or (sign -1) out of it. */
static void parent_count(quota *q, int32_t parent, const quota_cell *c, int64_t sign)
{
	quota_cell *up = cell_of(q, parent, c->model);
	amounts promised = all_named(c->terms.guaranteed);

	up->promised = amounts_add(up->promised, amounts_times(promised, sign));
	up->from_children = amounts_add(up->from_children, amounts_times(c->lent, sign));
	use_add(q, parent, c->model, amounts_times(c->use, sign));
	settle(q, parent, c->model);
}

static void subtree_deepen(quota *q, int32_t top, int32_t by)
{
	for (uint32_t i = 0; i < q->tenants.n; i++)
		if (q->tenants.v[i].is_live && is_within(q, (int32_t)i, top))
			q->tenants.v[i].depth += by;
}

err quota_move(quota *q, int32_t id, int32_t parent)
{
	quota_tenant *t = quota_tenant_of(q, id);
	int32_t from = t->parent, by = quota_tenant_of(q, parent)->depth + 1 - t->depth;

	assert(id != QUOTA_ROOT);
	if (is_within(q, parent, id))
		return ERR_CONFLICT;
	if (t->depth + by + height_of(q, id) > QUOTA_DEPTH_MAX)
		return ERR_TREE_TOO_DEEP;
	for (uint32_t i = 0; i < t->cells.n; i++) {
		parent_count(q, from, &t->cells.v[i], -1);
		cell_make(q, parent, t->cells.v[i].model);
		parent_count(q, parent, &t->cells.v[i], 1);
	}
	q->tenants.v[from].n_children--;
	q->tenants.v[parent].n_children++;
	t->parent = parent;
	subtree_deepen(q, id, by);
	return ERR_OK;
}

err quota_remove(quota *q, int32_t id)
{
	quota_tenant *t = quota_tenant_of(q, id);

	assert(id != QUOTA_ROOT);
	if (t->n_children > 0)
		return ERR_CONFLICT;
	for (uint32_t i = 0; i < t->cells.n; i++)
		if (!amounts_eq(t->cells.v[i].use, (amounts){0}))
			return ERR_CONFLICT;
	for (uint32_t i = 0; i < t->cells.n; i++)
		parent_count(q, t->parent, &t->cells.v[i], -1);
	q->tenants.v[t->parent].n_children--;
	vec_done(&t->cells);
	t->is_live = false;
	vec_push(&q->free_tenants, id);
	return ERR_OK;
}

int32_t quota_parent(const quota *q, int32_t id)
{
	return quota_tenant_of(q, id)->parent;
}

int32_t quota_depth(const quota *q, int32_t id)
{
	return quota_tenant_of(q, id)->depth;
}

bool quota_is_live(const quota *q, int32_t id)
{
	return id >= 0 && (uint32_t)id < q->tenants.n && q->tenants.v[id].is_live;
}

static amounts amounts_unset(void)
{
	amounts a;

	for (int i = 0; i < AXIS_COUNT; i++)
		a.v[i] = QUOTA_UNSET;
	return a;
}

quota_terms quota_terms_unset(void)
{
	amounts unset = amounts_unset();

	return (quota_terms){unset, unset, unset, unset, unset};
}

static amounts cut(amounts a)
{
	for (int i = 0; i < AXIS_COUNT; i++) {
		assert(a.v[i] >= 0 || a.v[i] == QUOTA_UNSET);
		if (a.v[i] > QUOTA_AMOUNT_MAX)
			a.v[i] = QUOTA_AMOUNT_MAX;
	}
	return a;
}

void quota_set(quota *q, int32_t id, int32_t model, const quota_terms *terms)
{
	cell_make(q, id, model);
	quota_cell *c = cell_of(q, id, model);
	amounts before = all_named(c->terms.guaranteed);

	c->terms = (quota_terms){
		.guaranteed = cut(terms->guaranteed),
		.limit = cut(terms->limit),
		.lend_limit = cut(terms->lend_limit),
		.borrow_limit = cut(terms->borrow_limit),
		.class_limit = cut(terms->class_limit),
	};
	if (id != QUOTA_ROOT) {
		quota_cell *up = cell_of(q, q->tenants.v[id].parent, model);
		amounts change = amounts_sub(all_named(c->terms.guaranteed), before);
		up->promised = amounts_add(up->promised, change);
	}
	settle(q, id, model);
}

quota_terms quota_get(const quota *q, int32_t id, int32_t model)
{
	const quota_cell *c = quota_cell_find(q, id, model);

	return c ? c->terms : quota_terms_unset();
}

void quota_set_root(quota *q, int32_t model, amounts guaranteed)
{
	quota_terms terms = quota_get(q, QUOTA_ROOT, model);

	terms.guaranteed = guaranteed;
	quota_set(q, QUOTA_ROOT, model, &terms);
}

/* Whether the root promises more than it has on this axis. */
static bool is_short(const quota_cell *root, int i)
{
	return root && root->terms.guaranteed.v[i] != QUOTA_UNSET && quota_own(root, i) < 0;
}

/* How far the balance of a tenant may still fall; QUOTA_USE_MAX: as far as it likes. Where the root is short nobody
 * borrows: the bound stands at whoever names a guarantee, and at the root's children that have none. */
static int64_t slack_of(const quota_cell *c, int i, int32_t depth, bool is_root_short)
{
	bool names_it = c->terms.guaranteed.v[i] != QUOTA_UNSET;
	int64_t borrow = c->terms.borrow_limit.v[i];

	if (depth == 0)
		borrow = names_it ? 0 : QUOTA_UNSET;
	else if (is_root_short && (names_it || (depth == 1 && c->promised.v[i] == 0)))
		borrow = 0;
	if (borrow == QUOTA_UNSET)
		return QUOTA_USE_MAX;
	int64_t slack = c->balance.v[i] + borrow;
	return slack > 0 ? slack : 0;
}

/* What lend_limit hides from the parent: use up to this much changes nothing above. */
static int64_t hidden_of(const quota_cell *c, int i)
{
	return c->balance.v[i] - c->lent.v[i];
}

static int64_t add_saturated(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void tighten(blocker *b, why_code code, int32_t id, int64_t free)
{
	if (free < 0)
		free = 0;
	if (free >= b->free)
		return;
	b->code = code;
	b->tenant = id;
	b->free = free;
}

static void tighten_limits(blocker *b, const quota_cell *c, int32_t id, int i)
{
	if (c->terms.limit.v[i] != QUOTA_UNSET)
		tighten(b, WHY_QUOTA_LIMIT, id, c->terms.limit.v[i] - c->use.v[i]);
	if (c->terms.class_limit.v[i] != QUOTA_UNSET)
		tighten(b, WHY_CLASS_LIMIT, id, c->terms.class_limit.v[i] - c->use.v[i]);
}

static void tighten_credits(blocker *b, const quota_tenant *t, int32_t id, int64_t rate)
{
	if (t->credits_limit == QUOTA_UNSET)
		return;
	quota_wide free = (t->credits_limit - t->credits) / rate;
	tighten(b, WHY_CREDITS_LIMIT, id, free < QUOTA_USE_MAX ? (int64_t)(free > 0 ? free : 0) : QUOTA_USE_MAX);
}

/* The tightest bound on one axis over the tenant and its ancestors. */
static blocker tightest(const quota *q, int32_t tenant_id, int32_t model, int i)
{
	blocker b = blocker_of(WHY_QUOTA_LIMIT);
	const quota_cell *root = quota_cell_find(q, QUOTA_ROOT, model);
	const quota_cell unset = {.terms = quota_terms_unset()};
	int64_t hidden = 0, rate = quota_rate(q, model);

	b.class_id = model;
	b.axis = (axis)i;
	b.has_axis = true;
	b.tenant = QUOTA_ROOT;
	b.free = QUOTA_USE_MAX - (root ? root->use.v[i] : 0);
	for (int32_t id = tenant_id; id != FLEET_NONE; id = q->tenants.v[id].parent) {
		const quota_cell *c = quota_cell_find(q, id, model);
		if (!c)
			c = &unset;
		tighten_limits(&b, c, id, i);
		if (i == AXIS_DEVICE_MILLI && rate > 0)
			tighten_credits(&b, &q->tenants.v[id], id, rate);
		int64_t slack = slack_of(c, i, q->tenants.v[id].depth, is_short(root, i));
		tighten(&b, WHY_QUOTA_GUARANTEE, id, add_saturated(hidden, slack));
		hidden = add_saturated(hidden, hidden_of(c, i));
	}
	return b;
}

bool quota_check(const quota *q, int32_t id, int32_t model, amounts a, blocker *ret_blocker)
{
	for (int i = 0; i < AXIS_COUNT; i++) {
		assert(a.v[i] >= 0);
		if (a.v[i] == 0)
			continue;
		blocker b = tightest(q, id, model, i);
		if (a.v[i] <= b.free)
			continue;
		b.need = a.v[i];
		*ret_blocker = b;
		return false;
	}
	return true;
}

amounts quota_left(const quota *q, int32_t id, int32_t model)
{
	amounts left;

	for (int i = 0; i < AXIS_COUNT; i++)
		left.v[i] = tightest(q, id, model, i).free;
	return left;
}

void quota_take(quota *q, int32_t id, int32_t model, amounts a)
{
	for (int i = 0; i < AXIS_COUNT; i++)
		assert(a.v[i] >= 0 && a.v[i] <= QUOTA_USE_MAX);
	cell_make(q, id, model);
	use_add(q, id, model, a);
	quota_cell *c = cell_of(q, id, model);
	c->own_use = amounts_add(c->own_use, a);
	settle(q, id, model);
}

void quota_give(quota *q, int32_t id, int32_t model, amounts a)
{
	cell_make(q, id, model);
	quota_cell *c = cell_of(q, id, model);
	for (int i = 0; i < AXIS_COUNT; i++)
		assert(a.v[i] >= 0 && a.v[i] <= c->own_use.v[i]);
	use_add(q, id, model, amounts_times(a, -1));
	c->own_use = amounts_sub(c->own_use, a);
	settle(q, id, model);
}
