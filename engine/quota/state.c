#include "engine/quota/inside.h"

#include <assert.h>
#include <string.h>

#include "engine/fleet.h"

amounts quota_used(const quota *q, int32_t id, int32_t model)
{
	const quota_cell *c = quota_cell_find(q, id, model);

	return c ? c->use : (amounts){0};
}

amounts quota_used_own(const quota *q, int32_t id, int32_t model)
{
	const quota_cell *c = quota_cell_find(q, id, model);

	return c ? c->own_use : (amounts){0};
}

amounts quota_balance(const quota *q, int32_t id, int32_t model)
{
	const quota_cell *c = quota_cell_find(q, id, model);

	return c ? c->balance : (amounts){0};
}

/* A cell's axis against a term; unset: never above it. */
static bool is_above(const quota_cell *c, const amounts *term, int i)
{
	return term->v[i] != QUOTA_UNSET && c->use.v[i] > term->v[i];
}

bool quota_is_over_limit(const quota *q, int32_t id, int32_t model)
{
	const quota_cell *c = quota_cell_find(q, id, model);
	bool is_over = false;

	for (int i = 0; c && i < AXIS_COUNT; i++)
		is_over |= is_above(c, &c->terms.limit, i) || is_above(c, &c->terms.class_limit, i);
	return is_over;
}

bool quota_is_over_guaranteed(const quota *q, int32_t id, int32_t model)
{
	const quota_cell *c = quota_cell_find(q, id, model);
	bool is_over = false;

	for (int i = 0; c && i < AXIS_COUNT; i++)
		is_over |= is_above(c, &c->terms.guaranteed, i);
	return is_over;
}

/* Use of a share mode knows no guarantee and is no loan: its model's is. */
bool quota_is_borrowing(const quota *q, int32_t id, int32_t model)
{
	const quota_cell *c = quota_cell_find(q, id, model);
	bool names_any = false, is_red[2] = {false, false};

	for (int i = 0; c && model < FLEET_CLASSES_MAX && i < AXIS_COUNT; i++) {
		bool is_named = c->terms.guaranteed.v[i] != QUOTA_UNSET;
		names_any |= is_named;
		is_red[is_named] |= c->balance.v[i] < 0;
	}
	return is_red[names_any];
}

bool quota_is_over_credits(const quota *q, int32_t id)
{
	const quota_tenant *t = quota_tenant_of(q, id);

	return t->credits_limit != QUOTA_UNSET && t->credits > t->credits_limit;
}

bool quota_is_infeasible(const quota *q, int32_t model)
{
	const quota_cell *root = quota_cell_find(q, QUOTA_ROOT, model);
	bool is_any_short = false;

	for (int i = 0; root && i < AXIS_COUNT; i++)
		is_any_short |= root->terms.guaranteed.v[i] != QUOTA_UNSET && quota_own(root, i) < 0;
	return is_any_short;
}

int32_t quota_models(const quota *q)
{
	return q->n_models;
}

int32_t quota_tenants(const quota *q)
{
	return (int32_t)q->tenants.n;
}

void quota_set_rate(quota *q, int32_t model, int64_t rate)
{
	assert(model >= 0 && model < FLEET_CLASSES_MAX && rate >= 0 && rate <= QUOTA_RATE_MAX);
	while (q->rates.n <= (uint32_t)model)
		vec_push(&q->rates, 0);
	quota_wide by = rate - q->rates.v[model];
	q->rates.v[model] = rate;
	for (uint32_t i = 0; by && i < q->tenants.n; i++) {
		const quota_cell *c = q->tenants.v[i].is_live ? quota_cell_find(q, (int32_t)i, model) : NULL;
		if (c)
			q->tenants.v[i].credits += by * c->use.v[AXIS_DEVICE_MILLI];
	}
}

int64_t quota_rate(const quota *q, int32_t model)
{
	return model >= 0 && (uint32_t)model < q->rates.n ? q->rates.v[model] : 0;
}

void quota_set_credits_limit(quota *q, int32_t id, int64_t limit)
{
	assert(limit >= 0 || limit == QUOTA_UNSET);
	quota_tenant_of(q, id)->credits_limit = limit;
}

int64_t quota_credits_limit(const quota *q, int32_t id)
{
	return quota_tenant_of(q, id)->credits_limit;
}

int64_t quota_credits(const quota *q, int32_t id)
{
	quota_wide credits = quota_tenant_of(q, id)->credits;

	return credits < INT64_MAX ? (int64_t)credits : INT64_MAX;
}

void quota_set_weight(quota *q, int32_t id, int64_t weight)
{
	assert(weight >= 0);
	quota_tenant_of(q, id)->weight = weight;
}

int64_t quota_weight(const quota *q, int32_t id)
{
	return quota_tenant_of(q, id)->weight;
}

static bool excess_at(quota_excess *x, int32_t tenant, int i, int64_t need, int64_t have)
{
	if (need <= have)
		return false;
	*x = (quota_excess){.tenant = tenant, .axis = (axis)i, .need = need, .have = have};
	return true;
}

err quota_may_promise(
	const quota *q, int32_t id, int32_t model, amounts guaranteed, bool in_root, quota_excess *ret_excess)
{
	const quota_cell *c = quota_cell_find(q, id, model);
	int32_t parent = quota_tenant_of(q, id)->parent;
	const quota_cell *up = parent == FLEET_NONE ? NULL : quota_cell_find(q, parent, model);

	for (int i = 0; i < AXIS_COUNT; i++) {
		bool is_bound = id != QUOTA_ROOT || guaranteed.v[i] != QUOTA_UNSET;
		int64_t want = quota_named(guaranteed.v[i]);
		if (is_bound && excess_at(ret_excess, id, i, c ? c->promised.v[i] : 0, want))
			return ERR_QUOTA_EXCEEDS_PARENT;
		if (parent == FLEET_NONE || guaranteed.v[i] == QUOTA_UNSET || (parent == QUOTA_ROOT && !in_root))
			continue;
		int64_t beside = (up ? up->promised.v[i] : 0) - (c ? quota_named(c->terms.guaranteed.v[i]) : 0);
		int64_t have = up ? quota_named(up->terms.guaranteed.v[i]) : 0;
		if (excess_at(ret_excess, parent, i, beside + want, have))
			return ERR_QUOTA_EXCEEDS_PARENT;
	}
	return ERR_OK;
}
