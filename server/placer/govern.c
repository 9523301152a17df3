#include "server/placer/govern.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "json/pull.h"

static str text_new(str s)
{
	char *p = heap_new(1, s.n + 1);

	memcpy(p, s.p ? s.p : "", s.n);
	return (str){p, s.n};
}

static void text_set(str *at, str s)
{
	if (at->p && str_eq(*at, s))
		return;
	free((char *)at->p);
	*at = text_new(s);
}

/* ["a*", "b"] as NUL-terminated texts; what is no text is left out. */
static strs patterns_read(arena *a, str json)
{
	vec(str) found = {0};
	pull p;
	strs list;
	str s;

	pull_init(&p, json, 4);
	if (pull_next(&p) == PULL_ARRAY)
		while (pull_item(&p) && pull_next(&p) == PULL_TEXT)
			if (!pull_unescape(p.text, p.has_escape, a, &s))
				vec_push(&found, str_from(str_z(a, s)));
	list = (strs){ARENA_ARRAY(a, str, found.n), found.n};
	for (uint32_t i = 0; i < found.n; i++)
		list.v[i] = found.v[i];
	vec_done(&found);
	return list;
}

static void rule_add(books *b, const sql_load_classes_row *row)
{
	int32_t handle = fleet_class_put(&b->fleet, row->name);
	class_spec spec = {.slots = (int32_t)row->slots,
		.overcommit_ppm = row->compute_overcommit_ppm,
		.compute_default_milli = row->default_compute_milli};
	class_rule rule = {.handle = handle,
		.name = str_dup(b->rule_texts, row->name),
		.patterns = patterns_read(b->rule_texts, row->patterns),
		.memory_mib = row->memory_mib};

	if (handle == FLEET_NONE)
		return;
	fleet_class_set(&b->fleet, handle, spec);
	vec_push(&b->rules, rule);
}

void govern_classes(books *b, const sql_load_classes_row *rows, uint32_t n)
{
	arena_end(b->rule_texts);
	b->rule_texts = arena_new(0);
	vec_clear(&b->rules);
	(void)fleet_class_put(&b->fleet, BOOKS_UNCLASSIFIED);
	for (uint32_t i = 0; i < n; i++)
		rule_add(b, &rows[i]);
	b->wants_classing = true;
	change_all(&b->changes);
}

static payer *payer_new(books *b, const sql_load_tenants_row *row)
{
	payer *parent = row->parent_key_null ? NULL : books_payer(b, (int32_t)row->parent_key);
	int32_t handle = QUOTA_ROOT;
	payer *p;

	if (!row->parent_key_null && (!parent || quota_add(b->tree, parent->handle, &handle)))
		return NULL;
	p = heap_new(1, sizeof *p);
	p->key = (int32_t)row->key;
	p->handle = handle;
	while (b->payer_of.n <= (uint32_t)handle)
		vec_push(&b->payer_of, NULL);
	b->payer_of.v[handle] = p;
	map_put_num(&b->payers, (uint64_t)p->key, p);
	return p;
}

/* A parent that would make the tree too deep is refused before it is stored; the old place then stays. */
static void payer_move(books *b, payer *p, const sql_load_tenants_row *row)
{
	payer *parent = row->parent_key_null ? NULL : books_payer(b, (int32_t)row->parent_key);

	if (parent && quota_parent(b->tree, p->handle) != parent->handle &&
		quota_move(b->tree, p->handle, parent->handle) == ERR_OK)
		p->parent_key = parent->key;
}

void govern_tenants(books *b, const sql_load_tenants_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		payer *p = books_payer(b, (int32_t)rows[i].key);
		if (!p)
			p = payer_new(b, &rows[i]);
		if (!p)
			continue;
		payer_move(b, p, &rows[i]);
		p->parent_key = rows[i].parent_key_null ? 0 : (int32_t)rows[i].parent_key;
		p->is_deleted = rows[i].is_deleted;
		text_set(&p->path, rows[i].path);
	}
	change_all(&b->changes);
}

#define TERM(row, axis) ((row)->axis##_null ? QUOTA_UNSET : (row)->axis)
#define TERMS(row, word)                                                                                               \
	((amounts){{[AXIS_DEVICE_MILLI] = TERM(row, word##_device_milli),                                              \
		[AXIS_MEMORY_MIB] = TERM(row, word##_memory_mib),                                                      \
		[AXIS_COMPUTE_MILLI] = TERM(row, word##_compute_milli)}})

static quota_terms terms_of(const sql_load_quotas_row *row)
{
	return (quota_terms){.guaranteed = TERMS(row, guaranteed),
		.limit = TERMS(row, limit),
		.lend_limit = TERMS(row, lend_limit),
		.borrow_limit = TERMS(row, borrow_limit)};
}

static bool terms_eq(const quota_terms *x, const quota_terms *y)
{
	return amounts_eq(x->guaranteed, y->guaranteed) && amounts_eq(x->limit, y->limit) &&
	       amounts_eq(x->lend_limit, y->lend_limit) && amounts_eq(x->borrow_limit, y->borrow_limit);
}

static uint64_t cell_of(int32_t tenant, int32_t model)
{
	return (uint64_t)tenant * FLEET_CLASSES_MAX + (uint64_t)model + 1;
}

static bool is_any_set(amounts a)
{
	return a.v[0] != QUOTA_UNSET || a.v[1] != QUOTA_UNSET || a.v[2] != QUOTA_UNSET;
}

static void terms_put(books *b, int32_t tenant, int32_t model, const sql_load_quotas_row *row)
{
	quota_terms is = quota_get(b->tree, tenant, model), be = row ? terms_of(row) : quota_terms_unset();

	if (tenant == QUOTA_ROOT) {
		while (b->pinned.n <= (uint32_t)model)
			vec_push(&b->pinned, false);
		b->pinned.v[model] = is_any_set(be.guaranteed);
		if (!b->pinned.v[model])
			be.guaranteed = is.guaranteed;
	}
	if (!terms_eq(&is, &be))
		quota_set(b->tree, tenant, model, &be);
}

void govern_quotas(books *b, const sql_load_quotas_row *rows, uint32_t n)
{
	map named = {0};
	int32_t models = quota_models(b->tree);

	for (uint32_t i = 0; i < n; i++) {
		const payer *p = books_payer(b, (int32_t)rows[i].tenant_key);
		int32_t model = fleet_class_put(&b->fleet, rows[i].model);
		if (!p || p->is_deleted || model == FLEET_NONE)
			continue;
		map_put_num(&named, cell_of(p->handle, model), (void *)&rows[i]);
		models = model >= models ? model + 1 : models;
	}
	for (uint32_t t = 0; t < b->payer_of.n; t++)
		for (int32_t m = 0; m < models && b->payer_of.v[t]; m++)
			terms_put(b, (int32_t)t, m, map_find_num(&named, cell_of((int32_t)t, m)));
	map_done(&named);
	books_follow_capacity(b);
	change_all(&b->changes);
}

static site *site_new(books *b, const sql_load_clusters_row *row)
{
	site *s = heap_new(1, sizeof *s);

	s->key = (int32_t)row->key;
	s->name = text_new(row->name);
	s->handle = fleet_cluster_put(&b->fleet, row->name);
	s->stream_rev = row->rev;
	while (b->site_of.n <= (uint32_t)s->handle)
		vec_push(&b->site_of, NULL);
	b->site_of.v[s->handle] = s;
	map_put_num(&b->sites, (uint64_t)s->key, s);
	return s;
}

/* Its nodes hold nothing: a cluster with placements is not deleted. */
static void site_end(books *b, site *s)
{
	const fleet_cluster *c = &b->fleet.clusters.v[s->handle];

	s->is_deleted = true;
	for (uint32_t i = 0; i < c->nodes.n; i++)
		books_doom_node(b, c->nodes.v[i]);
	fleet_cluster_remove(&b->fleet, s->handle);
}

void govern_flag_site(books *b, const site *s)
{
	fleet_cluster_flag(&b->fleet, s->handle, FLEET_CORDONED, s->is_cordoned);
	fleet_cluster_flag(&b->fleet, s->handle, FLEET_CLOSED, !s->is_open || s->is_learning);
}

void govern_clusters(books *b, const sql_load_clusters_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		site *s = books_site(b, (int32_t)rows[i].key);
		if (rows[i].is_deleted && s && !s->is_deleted)
			site_end(b, s);
		if (rows[i].is_deleted)
			continue;
		if (!s)
			s = site_new(b, &rows[i]);
		s->is_cordoned = rows[i].is_cordoned;
		s->is_learning = rows[i].is_learning;
		s->is_open = str_eq(rows[i].state, S("ready")) && !rows[i].is_frozen;
		govern_flag_site(b, s);
	}
	change_all(&b->changes);
}

void govern_cordons(books *b, const sql_load_cordons_row *rows, uint32_t n)
{
	books_cordons_clear(b);
	for (uint32_t i = 0; i < n; i++)
		books_cordon(b, rows[i].kind.p[0], (int32_t)rows[i].cluster_key, rows[i].name);
	books_cordons_apply(b);
	change_all(&b->changes);
}
