#include "agents/kube/known.h"
#include <assert.h>
#include <stdlib.h>

struct known_object {
	uint64_t version; /* its number, or what it hashes to when it is none */
	uint32_t generation;
	uint16_t space_n, key_n, uid_n;
	char text[]; /* key, uid */
};

static str key_of(const known_object *o)
{
	return (str){o->text, o->key_n};
}

static uint64_t version_of(str s)
{
	uint64_t v;

	return str_to_u64(s, &v) ? v : str_hash(s);
}

static str key_print(const object_meta *m, char out[OBJECT_KEY_MAX])
{
	memcpy(out, m->space.p, m->space.n);
	out[m->space.n] = '/';
	memcpy(out + m->space.n + 1, m->name.p, m->name.n);
	return str_of(out, m->space.n + 1 + m->name.n);
}

void known_done(known *k)
{
	map_each (slot, &k->objects)
		free(slot->value);
	map_done(&k->objects);
}

known_object *known_find(const known *k, const object_meta *m)
{
	char key[OBJECT_KEY_MAX];

	return map_find(&k->objects, key_print(m, key));
}

static known_object *object_new(const object_meta *m)
{
	char text[OBJECT_KEY_MAX];
	str key = key_print(m, text);
	known_object *o = calloc(1, sizeof(*o) + key.n + m->uid.n);

	assert(o);
	o->space_n = (uint16_t)m->space.n;
	o->key_n = (uint16_t)key.n;
	o->uid_n = (uint16_t)m->uid.n;
	memcpy(o->text, key.p, key.n);
	if (m->uid.n)
		memcpy(o->text + key.n, m->uid.p, m->uid.n);
	return o;
}

void known_put(known *k, known_object *o, const object_meta *m)
{
	if (!o) {
		o = object_new(m);
		(void)map_put(&k->objects, key_of(o), o);
	}
	o->version = version_of(m->version);
	o->generation = k->generation;
}

void known_remove(known *k, known_object *o)
{
	(void)map_remove(&k->objects, key_of(o));
	free(o);
}

bool known_is_at(const known_object *o, str version)
{
	return o->version == version_of(version);
}

void known_begin(known *k)
{
	k->generation++;
}

known_object *known_stale(known *k, uint32_t *at)
{
	map_slot *slot;

	while ((slot = map_next(&k->objects, at))) {
		known_object *o = slot->value;
		if (o->generation != k->generation)
			return o;
	}
	return NULL;
}

str known_space(const known_object *o)
{
	return (str){o->text, o->space_n};
}

str known_name(const known_object *o)
{
	return (str){o->text + o->space_n + 1, (uint32_t)(o->key_n - o->space_n - 1)};
}

str known_uid(const known_object *o)
{
	return (str){o->text + o->key_n, o->uid_n};
}
