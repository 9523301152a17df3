#include "server/identity/principal.h"

#include <stdlib.h>
#include "base/heap.h"
#include "base/map.h"

struct principals {
	map by_id;
};

principal *principal_new(void)
{
	principal *p = heap_new(1, sizeof(*p));

	p->refs = 1;
	return p;
}

principal *principal_ref(principal *p)
{
	p->refs++;
	return p;
}

void principal_unref(principal *p)
{
	if (!p || --p->refs)
		return;
	free(p->keys);
	free(p);
}

static int key_cmp(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

void principal_keys_set(principal *p, const int32_t *keys, uint32_t n)
{
	free(p->keys);
	p->keys = heap_new(n + 1, sizeof(*p->keys));
	if (n)
		memcpy(p->keys, keys, n * sizeof(*keys));
	p->n_keys = n;
	qsort(p->keys, n, sizeof(*p->keys), key_cmp);
}

principal *principal_copy(const principal *p)
{
	principal *copy = principal_new();

	*copy = *p;
	copy->refs = 1;
	copy->keys = NULL;
	principal_keys_set(copy, p->keys, p->n_keys);
	return copy;
}

void principal_key_add(principal *p, int32_t key)
{
	int32_t *old = p->keys;
	int32_t *keys = heap_new(p->n_keys + 1, sizeof(*keys));

	if (old)
		memcpy(keys, old, p->n_keys * sizeof(*keys));
	keys[p->n_keys] = key;
	principal_keys_set(p, keys, p->n_keys + 1);
	free(keys);
}

db_scope principal_scope(const principal *p)
{
	return p->is_platform ? DB_PLATFORM : db_tenants(p->keys, p->n_keys);
}

bool principal_sees(const principal *p, int64_t tenant_key)
{
	int32_t key = (int32_t)tenant_key;

	return p->is_platform || (p->n_keys && bsearch(&key, p->keys, p->n_keys, sizeof(key), key_cmp));
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
}

void principals_free(principals *s)
{
	if (!s)
		return;
	principals_clear(s);
	map_done(&s->by_id);
	free(s);
}

principal *principals_find(principals *s, str token_id, int64_t now_us)
{
	principal *p = map_find(&s->by_id, token_id);

	if (!p)
		return NULL;
	if (now_us - p->read_us < PRINCIPAL_TTL_US)
		return principal_ref(p);
	map_remove(&s->by_id, token_id);
	principal_unref(p);
	return NULL;
}

void principals_put(principals *s, principal *p)
{
	if (s->by_id.n >= PRINCIPALS_MAX)
		principals_clear(s);
	principal *old = map_remove(&s->by_id, str_from(p->id));
	principal_unref(old);
	map_put(&s->by_id, str_from(p->id), principal_ref(p));
}
