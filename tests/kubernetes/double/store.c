#include "store.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/id.h"

static void word_put(char *out, size_t max, str s)
{
	(void)snprintf(out, max, STR_FMT, STR_ARG(s));
}

bool place_read(str path, place *ret)
{
	str rest = path, word;

	*ret = (place){.base = ""};
	(void)str_split(&rest, '/');
	str root = str_split(&rest, '/'), group = rest.p ? str_split(&rest, '/') : STR_NONE;
	bool is_core = str_eq(root, S("api"));
	if (!rest.p || (!is_core && !str_eq(root, S("apis"))))
		return false;
	str version = is_core ? group : str_split(&rest, '/');
	if (!rest.p)
		return false;
	if (is_core)
		(void)snprintf(ret->base, sizeof(ret->base), "/api/" STR_FMT, STR_ARG(version));
	else
		(void)snprintf(
			ret->base, sizeof(ret->base), "/apis/" STR_FMT "/" STR_FMT, STR_ARG(group), STR_ARG(version));
	word = str_split(&rest, '/');
	if (str_eq(word, S("namespaces")) && rest.p && str_find(rest, '/', 0) >= 0) {
		word_put(ret->space, sizeof(ret->space), str_split(&rest, '/'));
		word = str_split(&rest, '/');
	}
	word_put(ret->kind, sizeof(ret->kind), word);
	if (rest.p)
		word_put(ret->name, sizeof(ret->name), str_split(&rest, '/'));
	if (rest.p)
		word_put(ret->sub, sizeof(ret->sub), rest);
	return true;
}

bool place_holds(const place *c, const place *at)
{
	return strcmp(c->base, at->base) == 0 && strcmp(c->kind, at->kind) == 0 &&
	       (!c->space[0] || strcmp(c->space, at->space) == 0);
}

object *store_find(const store *s, const place *p)
{
	for (uint32_t i = 0; i < s->all.n; i++) {
		object *o = s->all.v[i];
		if (place_holds(p, &o->at) && strcmp(p->name, o->at.name) == 0)
			return o;
	}
	return NULL;
}

static json_t *meta_of(json_t *doc)
{
	json_t *meta = json_object_get(doc, "metadata");

	if (!meta) {
		meta = json_object();
		(void)json_object_set_new(doc, "metadata", meta);
	}
	return meta;
}

static void happen(store *s, const object *o, const char *type)
{
	char version[32];

	(void)snprintf(version, sizeof(version), "%lld", (long long)++s->version);
	(void)json_object_set_new(meta_of(o->doc), "resourceVersion", json_string(version));
	happening h = {s->version, o->at, type, json_dumps(o->doc, JSON_COMPACT)};
	assert(h.text);
	vec_push(&s->past, h);
	s->on_change(s->arg, &h);
}

object *store_add(store *s, const place *collection, json_t *doc)
{
	object *o = calloc(1, sizeof(*o));
	json_t *meta = meta_of(doc);
	char uid[40];

	assert(o);
	o->at = *collection;
	o->doc = doc;
	const char *name = json_string_value(json_object_get(meta, "name"));
	word_put(o->at.name, sizeof(o->at.name), str_from(name ? name : "nameless"));
	if (store_find(s, &o->at)) {
		json_decref(doc);
		free(o);
		return NULL;
	}
	random_text(uid, 36);
	(void)json_object_set_new(meta, "uid", json_string(uid));
	if (o->at.space[0])
		(void)json_object_set_new(meta, "namespace", json_string(o->at.space));
	vec_push(&s->all, o);
	happen(s, o, "ADDED");
	return o;
}

void store_change(store *s, object *o, json_t *doc)
{
	json_decref(o->doc);
	o->doc = doc;
	happen(s, o, "MODIFIED");
}

void store_drop(store *s, object *o)
{
	happen(s, o, "DELETED");
	for (uint32_t i = 0; i < s->all.n; i++)
		if (s->all.v[i] == o)
			vec_remove_fast(&s->all, i--);
	json_decref(o->doc);
	free(o);
}

void store_done(store *s)
{
	vec_each (o, &s->all) {
		json_decref((*o)->doc);
		free(*o);
	}
	vec_each (h, &s->past)
		free(h->text);
	vec_done(&s->all);
	vec_done(&s->past);
}

const char *object_version(const object *o)
{
	return json_string_value(json_object_get(meta_of(o->doc), "resourceVersion"));
}

const char *object_uid(const object *o)
{
	return json_string_value(json_object_get(meta_of(o->doc), "uid"));
}
