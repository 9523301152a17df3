#include "server/placer/govern.h"

#include <stdlib.h>
#include <string.h>

#include "api/types/device_class.h"
#include "base/clock.h"
#include "base/heap.h"
#include "engine/charge.h"
#include "json/pull.h"
#include "server/placer/build.h"
#include "server/placer/decide.h"
#include "server/placer/policy.h"
#include "server/placer/reservation.h"
#include "server/placer/spend.h"
#include "server/placer/use.h"

enum { US_PER_S = 1000 * 1000 };

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

static bool holds_instances(const books *b, int32_t class_id)
{
	for (uint32_t i = 0; i < b->fleet.devices.n; i++) {
		const fleet_device *d = &b->fleet.devices.v[i];
		if (d->node != FLEET_NONE && d->class_id == class_id && d->state.n)
			return true;
	}
	return false;
}

/* Instances are numbered by the geometry that cut them: it stays while there are any. The edge refuses such a change,
 * but may not have seen the latest of them. */
static void cut_set(books *b, int32_t class_id, const class_cut *be)
{
	const class_cut *is = &b->fleet.classes.v[class_id].cut;

	if (cut_eq(is, be) || (is->geometry != be->geometry && holds_instances(b, class_id)))
		return;
	fleet_class_cut(&b->fleet, class_id, be);
}

static void rule_add(books *b, const sql_load_classes_row *row)
{
	int32_t handle = fleet_class_put(&b->fleet, row->name);
	class_spec spec = {.slots = (int32_t)row->slots,
		.overcommit_ppm = row->compute_overcommit_ppm,
		.compute_default_milli = row->default_compute_milli};
	if (row->compute_overcommit_ppm > FLEET_OVERCOMMIT_ONE && row->overcommit_priority_max < PRIORITY_VALUE_MAX)
		spec.bands = (overcommit){.bands = {{(int32_t)row->overcommit_priority_max, OVERCOMMIT_NONE_PPM,
						  (int32_t)row->compute_overcommit_ppm}},
			.n = 1};
	class_rule rule = {.handle = handle,
		.name = str_dup(b->rule_texts, row->name),
		.patterns = patterns_read(b->rule_texts, row->patterns),
		.memory_mib = row->memory_mib,
		.credit_rate_milli = row->credit_rate_milli};

	if (handle == FLEET_NONE)
		return;
	while (b->rates.n <= (uint32_t)handle)
		vec_push(&b->rates, 0);
	b->rates.v[handle] = rule.credit_rate_milli;
	fleet_class_set(&b->fleet, handle, spec);
	class_cut cut = build_cut(row->share_modes);
	cut_set(b, handle, &cut);
	if (quota_rate(b->tree, handle) != row->credit_rate_milli)
		quota_set_rate(b->tree, handle, row->credit_rate_milli);
	vec_push(&b->rules, rule);
}

/* Until there is a price book, what a class counts in credits is its price. */
static void prices_follow(books *b)
{
	score_tables *t = market_tables(b->market);

	t->prices = b->rates.v;
	t->n_prices = (int32_t)b->rates.n;
	t->epoch++;
}

void govern_classes(books *b, const sql_load_classes_row *rows, uint32_t n)
{
	arena_end(b->rule_texts);
	b->rule_texts = arena_new(0);
	vec_clear(&b->rules);
	(void)fleet_class_put(&b->fleet, BOOKS_UNCLASSIFIED);
	for (uint32_t i = 0; i < n; i++)
		rule_add(b, &rows[i]);
	prices_follow(b);
	b->wants_classing = true;
	standing_moved_all(&b->standing, quota_models(b->tree));
	change_all(&b->changes);
}

static rank *rank_new(books *b, str name)
{
	rank *r = heap_new(1, sizeof *r);

	r->name = text_new(name);
	r->number = (uint16_t)b->ranks.n;
	map_put(&b->ranks, r->name, r);
	return r;
}

/* What waits stands in the lines of other priorities now, what could not be told before can be, and what runs by a
 * policy that another has followed is of that priority, and may be evicted, as the new one says. */
void govern_line_up(books *b)
{
	map_each (slot, &b->bookings) {
		booking *k = slot->value;
		bool is_queued = k->line != NULL;
		if (!is_queued && !k->terms.is_provisional && !policy_has_moved(b, k->tenant_key))
			continue;
		queue_remove(&b->waiting, k);
		bool was_held = k->is_held;
		books_unhold(b, k);
		k->terms.rank = NULL;
		decide_terms(b, k);
		if (was_held)
			books_hold(b, k);
		if (is_queued)
			books_follow(b, k);
	}
	b->is_walking = false;
}

void govern_priorities(books *b, const sql_load_priorities_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const sql_load_priorities_row *row = &rows[i];
		rank *r = books_rank(b, row->name);
		if (!r && b->ranks.n == BOOKS_RANKS_MAX)
			continue;
		if (!r)
			r = rank_new(b, row->name);
		r->value = (int32_t)row->value;
		r->is_preemptible = row->preemptible;
		r->may_preempt = row->may_preempt;
		r->reserve_after_us = row->reserve_after_s * 1000000;
		r->min_runtime_us = row->min_runtime_s * 1000000;
		r->grace_s = row->grace_s;
	}
	govern_line_up(b);
	change_all(&b->changes);
}

/* Where its totals count. */
static int32_t booked_parent(const sql_load_tenants_row *row)
{
	return row->booked_parent_key_null ? (int32_t)row->parent_key : (int32_t)row->booked_parent_key;
}

static payer *payer_new(books *b, const sql_load_tenants_row *row)
{
	payer *parent = row->parent_key_null ? NULL : books_payer(b, booked_parent(row));
	int32_t handle = QUOTA_ROOT;
	payer *p;

	if (!row->parent_key_null && (!parent || quota_add(b->tree, parent->handle, &handle)))
		return NULL;
	p = heap_new(1, sizeof *p);
	p->key = (int32_t)row->key;
	p->parent_key = parent ? parent->key : 0;
	p->handle = handle;
	while (b->payer_of.n <= (uint32_t)handle)
		vec_push(&b->payer_of, NULL);
	b->payer_of.v[handle] = p;
	map_put_num(&b->payers, (uint64_t)p->key, p);
	return p;
}

static void payer_fill(books *b, payer *p, const sql_load_tenants_row *row)
{
	p->wanted_parent_key = row->parent_key_null ? 0 : (int32_t)row->parent_key;
	if (p->wanted_parent_key != p->parent_key)
		b->wants_moving = true;
	else if (!row->booked_parent_key_null)
		vec_push(&b->moves_over, p->key);
	p->is_deleted = row->is_deleted;
	text_set(&p->path, row->path);
	quota_set_weight(b->tree, p->handle, row->weight);
	quota_set_credits_limit(b->tree, p->handle, row->credits_limit_null ? QUOTA_UNSET : row->credits_limit);
	p->reclaim_after_us = row->reclaim_after_s_null ? -1 : row->reclaim_after_s * US_PER_S;
	p->reclaim_grace_s = row->reclaim_grace_s_null ? 0 : row->reclaim_grace_s;
	b->sheds |= p->reclaim_after_us >= 0;
	p->weight = row->weight;
	p->used_at_us = 0;
}

/* False: its parent is not known yet. */
static bool tenant_put(books *b, const sql_load_tenants_row *row)
{
	payer *p = books_payer(b, (int32_t)row->key);

	if (!p)
		p = payer_new(b, row);
	if (p)
		payer_fill(b, p, row);
	return p != NULL;
}

/* Rows come by depth; one whose totals still count elsewhere may come before the tenant they count below. */
void govern_tenants(books *b, const sql_load_tenants_row *rows, uint32_t n)
{
	uint32_t known = 0, before;

	do {
		before = known;
		known = 0;
		for (uint32_t i = 0; i < n; i++)
			known += tenant_put(b, &rows[i]);
	} while (known < n && known > before);
	b->shed_at_us = 0;
	standing_moved_all(&b->standing, quota_models(b->tree));
	use_weigh(b);
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
		.borrow_limit = TERMS(row, borrow_limit),
		.class_limit = TERMS(row, class_limit)};
}

static bool terms_eq(const quota_terms *x, const quota_terms *y)
{
	return amounts_eq(x->guaranteed, y->guaranteed) && amounts_eq(x->limit, y->limit) &&
	       amounts_eq(x->lend_limit, y->lend_limit) && amounts_eq(x->borrow_limit, y->borrow_limit) &&
	       amounts_eq(x->class_limit, y->class_limit);
}

static uint64_t cell_of(int32_t tenant, int32_t number)
{
	return (uint64_t)tenant << 32 | (uint64_t)(uint32_t)number;
}

static bool is_any_set(amounts a)
{
	return a.v[0] != QUOTA_UNSET || a.v[1] != QUOTA_UNSET || a.v[2] != QUOTA_UNSET;
}

static void terms_put(books *b, int32_t tenant, int32_t model, const sql_load_quotas_row *row)
{
	quota_terms is = quota_get(b->tree, tenant, model), be = row ? terms_of(row) : quota_terms_unset();

	if (tenant == QUOTA_ROOT && !charge_is_mode(model)) {
		while (b->pinned.n <= (uint32_t)model)
			vec_push(&b->pinned, false);
		b->pinned.v[model] = is_any_set(be.guaranteed);
		if (!b->pinned.v[model])
			be.guaranteed = is.guaranteed;
	}
	if (!terms_eq(&is, &be))
		quota_set(b->tree, tenant, model, &be);
}

/* The number of a class or share mode. A mode that no device of its class can have is none: nothing is ever charged to
 * it. */
static int32_t number_put(books *b, str name)
{
	int32_t number = charge_find(&b->fleet, name);

	for (uint32_t i = 1; number == FLEET_NONE && i + 1 < name.n; i++)
		if (name.p[i] == '.' && fleet_class_find(&b->fleet, str_cut(name, 0, i)) != FLEET_NONE)
			return FLEET_NONE;
	return number == FLEET_NONE ? fleet_class_put(&b->fleet, name) : number;
}

static void mode_note(books *b, int32_t number)
{
	vec_each (mode, &b->modes)
		if (*mode == number)
			return;
	vec_push(&b->modes, number);
}

static void tenant_terms_put(books *b, int32_t tenant, int32_t models, const map *named)
{
	for (int32_t m = 0; m < models; m++)
		terms_put(b, tenant, m, map_find_num(named, cell_of(tenant, m) + 1));
	vec_each (mode, &b->modes)
		terms_put(b, tenant, *mode, map_find_num(named, cell_of(tenant, *mode) + 1));
}

void govern_quotas(books *b, const sql_load_quotas_row *rows, uint32_t n)
{
	map named = {0};
	int32_t models = quota_models(b->tree);

	for (uint32_t i = 0; i < n; i++) {
		const payer *p = books_payer(b, (int32_t)rows[i].tenant_key);
		int32_t number = number_put(b, rows[i].model);
		if (!p || p->is_deleted || number == FLEET_NONE)
			continue;
		map_put_num(&named, cell_of(p->handle, number) + 1, (void *)&rows[i]);
		if (charge_is_mode(number))
			mode_note(b, number);
		else
			models = number >= models ? number + 1 : models;
	}
	for (uint32_t t = 0; t < b->payer_of.n; t++)
		if (b->payer_of.v[t])
			tenant_terms_put(b, (int32_t)t, models, &named);
	map_done(&named);
	books_follow_capacity(b);
	standing_moved_all(&b->standing, quota_models(b->tree));
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
	b->reservations.due_us = 0; /* they may have held something there */
}

void govern_flag_site(books *b, const site *s)
{
	fleet_cluster_flag(&b->fleet, s->handle, FLEET_CORDONED, s->is_cordoned);
	fleet_cluster_flag(&b->fleet, s->handle, FLEET_CLOSED, !s->is_open || s->is_learning || s->is_away);
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
		s->is_frozen = rows[i].is_frozen;
		s->is_lost = str_eq(rows[i].state, S("lost"));
		s->drain_grace_s = rows[i].drain_grace_s_null ? -1 : rows[i].drain_grace_s;
		s->requeues = rows[i].requeues;
		govern_flag_site(b, s);
	}
	b->is_evacuating = true;
	b->evacuate_at_us = 0;
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

void govern_table(books *b, sql_id stmt, const void *rows, uint32_t n)
{
	if (stmt == SQL_LOAD_CLASSES)
		govern_classes(b, rows, n);
	else if (stmt == SQL_LOAD_PRIORITIES)
		govern_priorities(b, rows, n);
	else if (stmt == SQL_LOAD_TENANTS)
		govern_tenants(b, rows, n);
	else if (stmt == SQL_LOAD_QUOTAS)
		govern_quotas(b, rows, n);
	else if (stmt == SQL_LOAD_POLICIES)
		govern_policies(b, rows, n);
	else if (stmt == SQL_LOAD_CLUSTERS)
		govern_clusters(b, rows, n);
	else if (stmt == SQL_LOAD_CORDONS)
		govern_cordons(b, rows, n);
	else if (stmt == SQL_LOAD_BUDGETS)
		spend_load(b, rows, n, clock_now_us());
	else if (stmt == SQL_LOAD_RESERVATIONS)
		reservations_load(b, rows, n);
}
