#include "server/identity/principal.h"

#include <stdlib.h>
#include "base/heap.h"
#include "base/map.h"
#include "server/identity/principal_inside.h"

/* The keys at which a right is held, made when first asked for. */
struct principal_scopes {
	int32_t *keys[RIGHT_COUNT];
	uint32_t n[RIGHT_COUNT];
};

struct principals {
	map by_id;
	uint64_t keys; /* of all */
};

principal *principal_new(void)
{
	principal *p = heap_new(1, sizeof(*p));

	p->refs = 1;
	p->until_us = GRANT_FOREVER;
	p->scopes = heap_new(1, sizeof(*p->scopes));
	return p;
}

principal *principal_ref(principal *p)
{
	p->refs++;
	return p;
}

static void scopes_forget(principal *p)
{
	for (int r = 0; r < RIGHT_COUNT; r++)
		free(p->scopes->keys[r]);
	memset(p->scopes, 0, sizeof(*p->scopes));
}

void principal_unref(principal *p)
{
	if (!p || --p->refs)
		return;
	scopes_forget(p);
	free(p->scopes);
	free(p->keys);
	free(p->key_rights);
	free(p->key_is_gone);
	free(p->texts);
	free(p);
}

principal *principal_copy(const principal *p)
{
	principal *copy = principal_new();
	struct principal_scopes *scopes = copy->scopes;

	*copy = *p;
	copy->refs = 1;
	copy->scopes = scopes;
	copy->texts = NULL;
	principal_pack(copy, &p->grants, &p->groups, &p->stands_on);
	copy->keys = heap_new(p->n_keys + 1, sizeof(*p->keys));
	copy->key_rights = heap_new(p->n_keys + 1, sizeof(*p->key_rights));
	copy->key_is_gone = heap_new(p->n_keys + 1, sizeof(*p->key_is_gone));
	if (p->n_keys) {
		memcpy(copy->keys, p->keys, p->n_keys * sizeof(*p->keys));
		memcpy(copy->key_rights, p->key_rights, p->n_keys * sizeof(*p->key_rights));
		memcpy(copy->key_is_gone, p->key_is_gone, p->n_keys * sizeof(*p->key_is_gone));
	}
	return copy;
}

i64s principal_tops(arena *a, const principal *p)
{
	i64s tops = {ARENA_ARRAY(a, int64_t, p->grants.n + 1), 0};

	for (uint32_t i = 0; i < p->grants.n; i++) {
		const grant *g = &p->grants.v[i];
		bool is_new = !rights_cover(p->fleet_rights, g->rights);
		for (uint32_t k = 0; k < tops.n && is_new; k++)
			is_new = tops.v[k] != g->tenant_key;
		if (is_new)
			tops.v[tops.n++] = g->tenant_key;
	}
	return tops;
}

typedef struct keyed {
	int32_t key;
	uint64_t rights;
	bool is_gone;
} keyed;

static int keyed_cmp(const void *a, const void *b)
{
	const keyed *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static uint64_t node_rights(const principal *p, int32_t key)
{
	uint64_t rights = 0;

	for (uint32_t i = 0; i < p->grants.n; i++)
		if (p->grants.v[i].tenant_key == key)
			rights |= p->grants.v[i].rights;
	return rights;
}

static void keys_take(principal *p, keyed *all, uint32_t n)
{
	scopes_forget(p);
	free(p->keys);
	free(p->key_rights);
	free(p->key_is_gone);
	p->keys = heap_new(n + 1, sizeof(*p->keys));
	p->key_rights = heap_new(n + 1, sizeof(*p->key_rights));
	p->key_is_gone = heap_new(n + 1, sizeof(*p->key_is_gone));
	p->n_keys = p->n_gone = 0;
	if (n)
		qsort(all, n, sizeof(*all), keyed_cmp);
	for (uint32_t i = 0; i < n; i++) {
		bool is_again = p->n_keys && p->keys[p->n_keys - 1] == all[i].key;
		uint32_t at = is_again ? p->n_keys - 1 : p->n_keys++;
		p->keys[at] = all[i].key;
		p->key_rights[at] |= all[i].rights;
		p->key_is_gone[at] = all[i].is_gone;
		p->n_gone += !is_again && all[i].is_gone;
	}
}

void principal_keys_set(principal *p, const tenant_below *below, uint32_t n)
{
	keyed *all = heap_new(n + 1, sizeof(*all));
	int32_t top = 0;
	uint64_t rights = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (i == 0 || below[i].top != top)
			rights = node_rights(p, below[i].top);
		top = below[i].top;
		all[i] = (keyed){below[i].key, rights, below[i].is_gone};
	}
	keys_take(p, all, n);
	free(all);
}

void principal_learn(principal *p, int32_t key, str path)
{
	uint64_t rights = grants_at(&p->grants, path);

	if (!path.p || rights_cover(p->fleet_rights, rights))
		return;
	keyed *all = heap_new(p->n_keys + 1, sizeof(*all));
	for (uint32_t i = 0; i < p->n_keys; i++)
		all[i] = (keyed){p->keys[i], p->key_rights[i], p->key_is_gone[i]};
	all[p->n_keys] = (keyed){key, rights, false};
	keys_take(p, all, p->n_keys + 1);
	free(all);
}

static int key_cmp(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

uint64_t principal_rights_at(const principal *p, int64_t tenant_key)
{
	int32_t key = (int32_t)tenant_key;
	const int32_t *at = p->n_keys ? bsearch(&key, p->keys, p->n_keys, sizeof(key), key_cmp) : NULL;

	return p->fleet_rights | (at ? p->key_rights[at - p->keys] : 0);
}

bool principal_holds(const principal *p, right r, int64_t tenant_key)
{
	return rights_hold(principal_rights_at(p, tenant_key), r);
}

bool principal_holds_for_fleet(const principal *p, right r)
{
	return rights_hold(p->fleet_rights, r);
}

bool principal_sees(const principal *p, int64_t tenant_key)
{
	return principal_rights_at(p, tenant_key) != 0;
}

/* With these one reads what was, which no deletion changes. */
static bool is_of_past(right r)
{
	return r == RIGHT_AUDIT_READ || r == RIGHT_USAGE_READ;
}

static void scope_make(const principal *p, right r)
{
	int32_t *keys = heap_new(p->n_keys + 1, sizeof(*keys));
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n_keys; i++)
		if (rights_hold(p->key_rights[i], r) && (!p->key_is_gone[i] || is_of_past(r)))
			keys[n++] = p->keys[i];
	p->scopes->keys[r] = keys;
	p->scopes->n[r] = n;
}

db_scope principal_scope(const principal *p, right r)
{
	if (r == RIGHT_SELF || r == RIGHT_NONE)
		return p->fleet_rights ? DB_PLATFORM : db_tenants(p->keys, p->n_keys);
	if (rights_hold(p->fleet_rights, r))
		return DB_PLATFORM;
	if (!p->scopes->keys[r])
		scope_make(p, r);
	return db_tenants(p->scopes->keys[r], p->scopes->n[r]);
}

uint64_t principal_caller(const principal *p)
{
	str subject = str_from(p->subject);
	uint64_t name = str_hash(subject.n ? subject : str_from(p->id));

	return str_starts(subject, S("ci:")) ? name ^ ((uint64_t)p->tenant_key << 32) : name;
}

bool principal_is_same(const principal *a, const principal *b)
{
	bool is_same = a->grants.n == b->grants.n && a->tenant_key == b->tenant_key;

	for (uint32_t i = 0; i < a->grants.n && is_same; i++) {
		const grant *x = &a->grants.v[i], *y = &b->grants.v[i];
		is_same = x->tenant_key == y->tenant_key && x->rights == y->rights && str_eq(x->tenant, y->tenant);
	}
	return is_same;
}

bool principal_stands_on(const principal *p, str what)
{
	for (uint32_t i = 0; i < p->stands_on.n; i++)
		if (str_eq(p->stands_on.v[i], what))
			return true;
	return false;
}

principals *principals_new(void)
{
	return heap_new(1, sizeof(principals));
}

void principals_clear(principals *s)
{
	map_each (slot, &s->by_id)
		principal_unref(slot->value);
	map_clear(&s->by_id);
	s->keys = 0;
}

void principals_free(principals *s)
{
	if (!s)
		return;
	principals_clear(s);
	map_done(&s->by_id);
	free(s);
}

static void forget(principals *s, str credential)
{
	principal *old = map_remove(&s->by_id, credential);

	if (old)
		s->keys -= old->n_keys;
	principal_unref(old);
}

principal *principals_find(principals *s, str credential, int64_t mono_us, int64_t now_us)
{
	principal *p = map_find(&s->by_id, credential);

	if (!p)
		return NULL;
	if (mono_us - p->read_us < PRINCIPAL_TTL_US && now_us < p->until_us)
		return principal_ref(p);
	forget(s, credential);
	return NULL;
}

void principals_put(principals *s, principal *p)
{
	forget(s, str_from(p->id));
	if (s->by_id.n >= PRINCIPALS_MAX || s->keys + p->n_keys > PRINCIPALS_KEYS_MAX)
		principals_clear(s);
	map_put(&s->by_id, str_from(p->id), principal_ref(p));
	s->keys += p->n_keys;
}
