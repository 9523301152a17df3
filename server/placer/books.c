#include "server/placer/books.h"

#include <assert.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "engine/fleet.h"
#include "server/placer/claim.h"
#include "server/placer/lend.h"
#include "server/placer/policy.h"
#include "server/placer/reservation.h"
#include "server/placer/spend.h"

enum { PRODUCT_MAX = 256, CORDON_TEXT_MAX = 400 };

void books_init(books *b)
{
	*b = (books){0};
	fleet_init(&b->fleet);
	b->tree = quota_new();
	b->room = place_new();
	b->market = market_new();
	place_use(b->room, market_tables(b->market));
	b->rule_texts = arena_new(0);
	b->cordon_texts = arena_new(0);
	b->reserve = reserve_new();
	b->rank_none = heap_new(1, sizeof *b->rank_none);
	b->rank_none->number = BOOKS_RANKS_MAX;
	history_curve_make(&b->curve, BOOKS_HALF_LIFE_S);
	change_all(&b->changes);
	standing_init(&b->standing);
}

static void payers_free(books *b)
{
	map_each (slot, &b->payers) {
		payer *p = slot->value;
		free((char *)p->path.p);
		policy_free(p->policy);
		free(p);
	}
	map_done(&b->payers);
	vec_done(&b->payer_of);
}

static void sites_free(books *b)
{
	map_each (slot, &b->sites) {
		site *s = slot->value;
		free((char *)s->name.p);
		free(s);
	}
	map_done(&b->sites);
	vec_done(&b->site_of);
}

static void bookings_free(books *b)
{
	map_each (slot, &b->bookings) {
		booking *k = slot->value;
		queue_remove(&b->waiting, k);
		books_unhold(b, k);
		k->claim = NULL;
		booking_free(k);
	}
	map_done(&b->bookings);
	queue_done(&b->waiting);
}

static void ranks_free(books *b)
{
	map_each (slot, &b->ranks) {
		rank *r = slot->value;
		free((char *)r->name.p);
		free(r);
	}
	map_done(&b->ranks);
	free(b->rank_none);
}

void books_done(books *b)
{
	claims_forget(b);
	reservations_done(b);
	bookings_free(b);
	ranks_free(b);
	payers_free(b);
	sites_free(b);
	vec_each (d, &b->devices) {
		free((char *)d->product.p);
		free((char *)d->share_mode.p);
		free((char *)d->geometry.p);
		free((char *)d->health.p);
	}
	vec_done(&b->devices);
	vec_done(&b->nodes);
	vec_done(&b->rules);
	vec_done(&b->pinned);
	vec_done(&b->modes);
	vec_done(&b->moves_over);
	vec_done(&b->doomed);
	vec_done(&b->rates);
	vec_done(&b->held);
	reserve_free(b->reserve);
	arena_end(b->rule_texts);
	map_done(&b->cordons);
	arena_end(b->cordon_texts);
	changes_done(&b->changes);
	standing_done(&b->standing);
	spends_done(&b->spends);
	lents_done(&b->lents);
	place_free(b->room);
	market_free(b->market);
	quota_free(b->tree);
	fleet_done(&b->fleet);
}

rank *books_rank(const books *b, str name)
{
	return map_find(&b->ranks, name);
}

payer *books_payer(const books *b, int32_t key)
{
	return map_find_num(&b->payers, (uint64_t)key);
}

site *books_site(const books *b, int32_t key)
{
	return map_find_num(&b->sites, (uint64_t)key);
}

booking *books_booking(const books *b, str name)
{
	return map_find(&b->bookings, name);
}

const class_rule *books_rule(const books *b, str name)
{
	for (uint32_t i = 0; i < b->rules.n; i++)
		if (str_eq(b->rules.v[i].name, name))
			return &b->rules.v[i];
	return NULL;
}

static bool rule_matches(const class_rule *r, const char *product)
{
	for (uint32_t i = 0; i < r->patterns.n; i++)
		if (fnmatch(r->patterns.v[i].p, product, 0) == 0)
			return true;
	return false;
}

const class_rule *books_rule_of(const books *b, str product)
{
	char z[PRODUCT_MAX];

	snprintf(z, sizeof z, STR_FMT, STR_ARG(product));
	for (uint32_t i = 0; i < b->rules.n; i++)
		if (rule_matches(&b->rules.v[i], z))
			return &b->rules.v[i];
	return NULL;
}

node_row *books_node(books *b, int32_t handle)
{
	while (b->nodes.n <= (uint32_t)handle)
		(void)vec_add(&b->nodes);
	return &b->nodes.v[handle];
}

device_row *books_device(books *b, int32_t handle)
{
	while (b->devices.n <= (uint32_t)handle)
		(void)vec_add(&b->devices);
	return &b->devices.v[handle];
}

void books_doom_node(books *b, int32_t node)
{
	node_row *row = books_node(b, node);

	for (int32_t d = b->fleet.nodes.v[node].first_device; d != FLEET_NONE; d = b->fleet.devices.v[d].next)
		books_device(b, d)->key = 0;
	if (row->key)
		vec_push(&b->doomed, row->key);
	row->key = 0;
}

void books_enter(books *b, booking *k)
{
	void *before = map_put(&b->bookings, k->id, k);

	assert(!before);
}

void books_leave(books *b, booking *k)
{
	assert(!k->claim);
	queue_remove(&b->waiting, k);
	books_unhold(b, k);
	map_remove(&b->bookings, k->id);
}

void books_follow(books *b, booking *k)
{
	if (k->now.life == LIFE_PENDING)
		queue_add(&b->waiting, k, books_payer(b, k->tenant_key));
	else
		queue_remove(&b->waiting, k);
}

void books_hold(books *b, booking *k)
{
	if (k->is_held || !k->held.devices.n)
		return;
	int32_t class_id = b->fleet.devices.v[k->held.devices.v[0].device].class_id;
	while (b->held.n <= (uint32_t)class_id)
		vec_push(&b->held, NULL);
	booking **first = &b->held.v[class_id];
	k->held_class = class_id;
	k->held_prev = NULL;
	k->held_next = *first;
	if (*first)
		(*first)->held_prev = k;
	*first = k;
	k->is_held = true;
	if (k->terms.rank)
		k->terms.rank->n_held++;
}

void books_unhold(books *b, booking *k)
{
	if (!k->is_held)
		return;
	*(k->held_prev ? &k->held_prev->held_next : &b->held.v[k->held_class]) = k->held_next;
	if (k->held_next)
		k->held_next->held_prev = k->held_prev;
	k->held_next = k->held_prev = NULL;
	k->is_held = false;
	if (k->terms.rank)
		k->terms.rank->n_held--;
}

int64_t books_rate(const books *b, int32_t class_id, int64_t device_milli)
{
	int64_t rate = class_id >= 0 && (uint32_t)class_id < b->rates.n ? b->rates.v[class_id] : 0;

	return rate * device_milli;
}

static str cordon_text(char kind, int32_t cluster_key, str name, char out[CORDON_TEXT_MAX])
{
	int n = snprintf(out, CORDON_TEXT_MAX, "%c%d/" STR_FMT, kind, cluster_key, STR_ARG(name));

	return str_of(out, n < CORDON_TEXT_MAX ? (size_t)n : CORDON_TEXT_MAX - 1);
}

void books_cordons_clear(books *b)
{
	map_clear(&b->cordons);
	arena_end(b->cordon_texts);
	b->cordon_texts = arena_new(0);
}

void books_cordon(books *b, char kind, int32_t cluster_key, str name)
{
	char text[CORDON_TEXT_MAX];
	str kept = str_dup(b->cordon_texts, cordon_text(kind, cluster_key, name, text));

	map_put(&b->cordons, kept, (void *)kept.p);
}

static bool is_cordoned(const books *b, char kind, int32_t cluster, str name)
{
	char text[CORDON_TEXT_MAX];
	const site *s = b->site_of.v[cluster];

	return b->cordons.n && map_find(&b->cordons, cordon_text(kind, s->key, name, text));
}

static void cordon_node(books *b, int32_t node)
{
	int32_t cluster = b->fleet.nodes.v[node].cluster;

	fleet_node_flag(&b->fleet, node, FLEET_CORDONED, is_cordoned(b, 'n', cluster, b->fleet.node_names.v[node]));
}

/* A flag costs a look at the whole node: it is set only when it changes. */
static void flag_device(books *b, int32_t device, fleet_flag flag, bool on)
{
	if (((b->fleet.devices.v[device].flags & (uint32_t)flag) != 0) != on)
		fleet_device_flag(&b->fleet, device, flag, on);
}

static void cordon_device(books *b, int32_t device)
{
	int32_t cluster = b->fleet.nodes.v[b->fleet.devices.v[device].node].cluster;

	flag_device(b, device, FLEET_CORDONED, is_cordoned(b, 'd', cluster, b->fleet.device_uuids.v[device]));
}

void books_cordons_apply(books *b)
{
	for (uint32_t i = 0; i < b->fleet.nodes.n; i++)
		if (b->fleet.nodes.v[i].cluster != FLEET_NONE)
			cordon_node(b, (int32_t)i);
	for (uint32_t i = 0; i < b->fleet.devices.n; i++)
		if (b->fleet.devices.v[i].node != FLEET_NONE)
			cordon_device(b, (int32_t)i);
}

void books_flag_node(books *b, int32_t node, str health)
{
	fleet_node_flag(&b->fleet, node, FLEET_UNHEALTHY, !str_eq(health, HEALTH_OK));
	cordon_node(b, node);
}

/* Cut into instances in another way than its class says: nobody can tell what has room on it. */
static bool differs(const books *b, int32_t device)
{
	const fleet_device *d = &b->fleet.devices.v[device];
	const device_row *row = &b->devices.v[device];

	if (d->mode_given != CUT_INSTANCES)
		return false;
	return !d->geometry || !str_eq(row->geometry, d->geometry->name);
}

void books_flag_device(books *b, int32_t device)
{
	str class_name = b->fleet.classes.v[b->fleet.devices.v[device].class_id].name;

	flag_device(b, device, FLEET_UNHEALTHY, !str_eq(books_device(b, device)->health, HEALTH_OK));
	flag_device(b, device, FLEET_CLOSED, str_eq(class_name, BOOKS_UNCLASSIFIED) || differs(b, device));
	cordon_device(b, device);
}

static bool is_pinned(const books *b, int32_t model)
{
	return (uint32_t)model < b->pinned.n && b->pinned.v[model];
}

static amounts root_has(const books *b, int32_t model)
{
	return quota_get(b->tree, QUOTA_ROOT, model).guaranteed;
}

void books_follow_capacity(books *b)
{
	uint32_t n = b->fleet.classes.n;
	amounts *has = n ? calloc(n, sizeof *has) : NULL;

	fleet_capacity(&b->fleet, has, n);
	for (uint32_t model = 0; has && model < n; model++)
		if (!is_pinned(b, (int32_t)model) && !amounts_eq(root_has(b, (int32_t)model), has[model])) {
			quota_set_root(b->tree, (int32_t)model, has[model]);
			standing_moved(&b->standing, (int32_t)model);
		}
	free(has);
}
