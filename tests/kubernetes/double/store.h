/* store: the objects of an API server, in memory, each with a version, and all that ever happened to them.
 *
 * A path names a collection ("/api/v1/pods", "/api/v1/namespaces/d/pods") or an object in it, with a subresource maybe.
 */
#pragma once
#include "base/vec.h"
#include "json/doc.h"

typedef struct place {
	char base[128], space[64], kind[64], name[256], sub[32]; /* "" : not named */
} place;
/* False: no path of an API. */
bool place_read(str path, place *ret);

typedef struct object {
	place at;
	json_t *doc;
} object;

typedef struct happening {
	int64_t version;
	place at;
	const char *type; /* ADDED, MODIFIED, DELETED */
	char *text;
} happening;

typedef struct store {
	vec(object *) all;
	vec(happening) past;
	int64_t version;
	/* After each change. */
	void (*on_change)(void *arg, const happening *h);
	void *arg;
} store;

void store_done(store *s);
/* Whether the object at `at` is in the collection. */
bool place_holds(const place *collection, const place *at);
object *store_find(const store *s, const place *p);
/* Takes doc over; gives it what a new object gets. NULL: there is one already. */
object *store_add(store *s, const place *collection, json_t *doc);
/* Takes doc over in the place of the old one. */
void store_change(store *s, object *o, json_t *doc);
void store_drop(store *s, object *o);
const char *object_version(const object *o);
const char *object_uid(const object *o);
