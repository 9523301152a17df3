#include "agents/real/models.h"
#include <assert.h>
#include <stdlib.h>

/* A product and its class; a namespace, or labels, and the tenant. */
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
	rows_drop(&m->by_labels);
	free(m->default_tenant);
	m->default_tenant = NULL;
}

str models_class(const models *m, str product)
{
	const model_row *r = map_find(&m->by_product, product);

	return r ? row_of(r) : STR_NONE;
}

static bool spaces_are_as_before(const map *m, const js_list *list)
{
	const sync_space *v = list->v;

	for (uint32_t i = 0; i < list->n; i++) {
		const model_row *r = map_find(m, v[i].namespace);
		if (!r || !str_eq(row_of(r), v[i].tenant))
			return false;
	}
	return m->n == list->n;
}

static bool is_as_before(const models *m, const sync_config *c)
{
	const sync_class *v = c->classes.v;

	for (uint32_t i = 0; i < c->classes.n; i++)
		if (!str_eq(models_class(m, v[i].product), v[i].class))
			return false;
	str tenant = str_of(c->default_tenant.p ? c->default_tenant.p : "", c->default_tenant.n);
	return m->is_told && m->by_product.n == c->classes.n && str_eq(str_from(m->default_tenant), tenant) &&
	       spaces_are_as_before(&m->by_space, &c->namespaces) && spaces_are_as_before(&m->by_labels, &c->selectors);
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

static void spaces_add(map *m, const js_list *list)
{
	const sync_space *v = list->v;

	for (uint32_t i = 0; i < list->n; i++)
		if (v[i].namespace.n && v[i].tenant.n)
			row_add(m, v[i].namespace, v[i].tenant);
}

bool models_take(models *m, const sync_config *c)
{
	const sync_class *v = c->classes.v;

	if (is_as_before(m, c))
		return false;
	models_done(m);
	m->by_product = m->by_space = m->by_labels = (map){0};
	for (uint32_t i = 0; i < c->classes.n; i++)
		if (v[i].product.n && v[i].class.n && !models_class(m, v[i].product).n)
			row_add(&m->by_product, v[i].product, v[i].class);
	spaces_add(&m->by_space, &c->namespaces);
	spaces_add(&m->by_labels, &c->selectors);
	m->default_tenant = calloc(1, (size_t)c->default_tenant.n + 1);
	assert(m->default_tenant);
	memcpy(m->default_tenant, c->default_tenant.p ? c->default_tenant.p : "", c->default_tenant.n);
	m->is_told = true;
	return true;
}

static js_list spaces_keep(const map *m, arena *a)
{
	sync_space *v = ARENA_ARRAY(a, sync_space, m->n + 1);
	uint32_t n = 0;

	map_each (slot, m)
		v[n++] = (sync_space){row_name(slot->value), row_of(slot->value)};
	return (js_list){v, n};
}

sync_config models_keep(const models *m, arena *a)
{
	sync_class *all = ARENA_ARRAY(a, sync_class, m->by_product.n + 1);
	sync_config c = {.classes = {all, 0},
		.namespaces = spaces_keep(&m->by_space, a),
		.selectors = spaces_keep(&m->by_labels, a),
		.default_tenant = m->default_tenant ? str_from(m->default_tenant) : STR_NONE};

	map_each (slot, &m->by_product)
		all[c.classes.n++] = (sync_class){row_name(slot->value), row_of(slot->value)};
	return c;
}

static bool has_label(str labels, str one)
{
	while (labels.p)
		if (str_eq(str_split(&labels, ','), one))
			return true;
	return false;
}

/* How many labels the selector names; 0: some are missing. */
static uint32_t fit(str selector, str labels)
{
	uint32_t n = 0;

	while (selector.p) {
		if (!has_label(labels, str_split(&selector, ',')))
			return 0;
		n++;
	}
	return n;
}

str models_tenant(const models *m, str space, str labels)
{
	const model_row *best = map_find(&m->by_space, space);
	uint32_t most = 0;

	if (best)
		return row_of(best);
	map_each (slot, &m->by_labels) {
		uint32_t n = fit(row_name(slot->value), labels);
		if (n > most)
			best = slot->value;
		most = n > most ? n : most;
	}
	return best ? row_of(best) : STR_NONE;
}
