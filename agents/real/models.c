#include "agents/real/models.h"
#include <assert.h>
#include <stdlib.h>

typedef struct model_row {
	uint32_t product_n, class_n;
	char bytes[];
} model_row;

static str row_product(const model_row *r)
{
	return str_of(r->bytes, r->product_n);
}

static str row_class(const model_row *r)
{
	return str_of(r->bytes + r->product_n, r->class_n);
}

static void rows_drop(models *m)
{
	map_each (slot, &m->by_product)
		free(slot->value);
	map_done(&m->by_product);
}

void models_done(models *m)
{
	rows_drop(m);
	free(m->default_tenant);
	m->default_tenant = NULL;
}

str models_class(const models *m, str product)
{
	const model_row *r = map_find(&m->by_product, product);

	return r ? row_class(r) : STR_NONE;
}

static bool is_as_before(const models *m, const sync_config *c)
{
	const sync_class *v = c->classes.v;

	for (uint32_t i = 0; i < c->classes.n; i++)
		if (!str_eq(models_class(m, v[i].product), v[i].class))
			return false;
	str tenant = str_of(c->default_tenant.p ? c->default_tenant.p : "", c->default_tenant.n);
	return m->is_told && m->by_product.n == c->classes.n && str_eq(str_from(m->default_tenant), tenant);
}

static void row_add(models *m, const sync_class *c)
{
	model_row *r = calloc(1, sizeof(*r) + c->product.n + c->class.n);

	assert(r);
	r->product_n = c->product.n;
	r->class_n = c->class.n;
	memcpy(r->bytes, c->product.p ? c->product.p : "", c->product.n);
	memcpy(r->bytes + c->product.n, c->class.p ? c->class.p : "", c->class.n);
	free(map_put(&m->by_product, row_product(r), r));
}

bool models_take(models *m, const sync_config *c)
{
	const sync_class *v = c->classes.v;

	if (is_as_before(m, c))
		return false;
	models_done(m);
	m->by_product = (map){0};
	for (uint32_t i = 0; i < c->classes.n; i++)
		if (v[i].product.n && v[i].class.n && !models_class(m, v[i].product).n)
			row_add(m, &v[i]);
	m->default_tenant = calloc(1, (size_t)c->default_tenant.n + 1);
	assert(m->default_tenant);
	memcpy(m->default_tenant, c->default_tenant.p ? c->default_tenant.p : "", c->default_tenant.n);
	m->is_told = true;
	return true;
}

sync_config models_keep(const models *m, arena *a)
{
	sync_class *all = ARENA_ARRAY(a, sync_class, m->by_product.n + 1);
	sync_config c = {
		.classes = {all, 0}, .default_tenant = m->default_tenant ? str_from(m->default_tenant) : STR_NONE};

	map_each (slot, &m->by_product)
		all[c.classes.n++] = (sync_class){row_product(slot->value), row_class(slot->value)};
	return c;
}
