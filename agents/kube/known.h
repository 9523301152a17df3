/* known: which objects were told, and in which state: what a follow needs to tell each state once. Internal to it. */
#pragma once
#include "agents/kube/object.h"
#include "base/map.h"

typedef struct known_object known_object;

typedef struct known {
	map objects; /* by "namespace/name" */
	uint32_t generation;
} known;

void known_done(known *k);
known_object *known_find(const known *k, const object_meta *m); /* or NULL */
/* Notes that it was told as m has it; o is what known_find gave. */
void known_put(known *k, known_object *o, const object_meta *m);
void known_remove(known *k, known_object *o);
bool known_is_at(const known_object *o, str version);
/* A new list begins. */
void known_begin(known *k);
/* The next, after *at (begin with 0), that the list did not have, or NULL. It may be removed. */
known_object *known_stale(known *k, uint32_t *at);

str known_space(const known_object *o);
str known_name(const known_object *o);
str known_uid(const known_object *o);
