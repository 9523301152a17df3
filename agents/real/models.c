#include "agents/real/models.h"
#include <assert.h>
#include <stdlib.h>

/* A product and its class; a namespace and its tenant. */
typedef struct model_row {
	uint32_t name_n, of_n;
	char bytes[];
} model_row;

static str row_name(const model_row *r)
{
	return str_of(r->bytes, r->name_n);
}

static str row_of(const model_row *r)
{
	return str_of(r->bytes + r->name_n, r->of_n);
}

static void rows_drop(map *m)
{
	map_each (slot, m)
		free(slot->value);
	map_done(m);
}

void models_done(models *m)
{
	rows_drop(&m->by_product);
	rows_drop(&m->by_space);
	free(m->default_tenant);
	m->default_tenant = NULL;
}

str models_class(const models *m, str product)
{
	const model_row *r = map_find(&m->by_product, product);

	return r ? row_of(r) : STR_NONE;
}

static bool spaces_are_as_before(const models *m, const sync_config *c)
{
	const sync_space *v = c->namespaces.v;

	for (uint32_t i = 0; i < c->namespaces.n; i++) {
		const model_row *r = map_find(&m->by_space, v[i].namespace);
		if (!r || !str_eq(row_of(r), v[i].tenant))
			return false;
	}
	return m->by_space.n == c->namespaces.n;
}

static bool is_as_before(const models *m, const sync_config *c)
{
	const sync_class *v = c->classes.v;

	for (uint32_t i = 0; i < c->classes.n; i++)
		if (!str_eq(models_class(m, v[i].product), v[i].class))
			return false;
	str tenant = str_of(c->default_tenant.p ? c->default_tenant.p : "", c->default_tenant.n);
	return m->is_told && m->by_product.n == c->classes.n && str_eq(str_from(m->default_tenant), tenant) &&
	       spaces_are_as_before(m, c);
}

static void row_add(map *m, str name, str of)
{
	model_row *r = calloc(1, sizeof(*r) + name.n + of.n);

	assert(r);
	r->name_n = name.n;
	r->of_n = of.n;
	memcpy(r->bytes, name.p, name.n);
	memcpy(r->bytes + name.n, of.p, of.n);
	free(map_remove(m, name));
	(void)map_put(m, row_name(r), r);
}

bool models_take(models *m, const sync_config *c)
{
	const sync_class *v = c->classes.v;
	const sync_space *spaces = c->namespaces.v;

	if (is_as_before(m, c))
		return false;
	models_done(m);
	m->by_product = m->by_space = (map){0};
	for (uint32_t i = 0; i < c->classes.n; i++)
		if (v[i].product.n && v[i].class.n && !models_class(m, v[i].product).n)
			row_add(&m->by_product, v[i].product, v[i].class);
	for (uint32_t i = 0; i < c->namespaces.n; i++)
		if (spaces[i].namespace.n && spaces[i].tenant.n)
			row_add(&m->by_space, spaces[i].namespace, spaces[i].tenant);
	m->default_tenant = calloc(1, (size_t)c->default_tenant.n + 1);
	assert(m->default_tenant);
	memcpy(m->default_tenant, c->default_tenant.p ? c->default_tenant.p : "", c->default_tenant.n);
	m->is_told = true;
	return true;
}

sync_config models_keep(const models *m, arena *a)
{
	sync_class *all = ARENA_ARRAY(a, sync_class, m->by_product.n + 1);
	sync_space *spaces = ARENA_ARRAY(a, sync_space, m->by_space.n + 1);
	sync_config c = {.classes = {all, 0},
		.namespaces = {spaces, 0},
		.default_tenant = m->default_tenant ? str_from(m->default_tenant) : STR_NONE};

	map_each (slot, &m->by_product)
		all[c.classes.n++] = (sync_class){row_name(slot->value), row_of(slot->value)};
	map_each (slot, &m->by_space)
		spaces[c.namespaces.n++] = (sync_space){row_name(slot->value), row_of(slot->value)};
	return c;
}

str models_tenant(const models *m, str space)
{
	const model_row *r = map_find(&m->by_space, space);

	return r ? row_of(r) : STR_NONE;
}
