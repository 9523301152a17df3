#include "agents/node/kubelet/strangers.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/node/kubelet/message.h"

typedef struct stranger {
	char *key;
	int64_t first_us;
	uint64_t round;
} stranger;

enum { KEY_BYTES = 2 * OBJECT_NAME_MAX + 2 };

static str key_print(str space, str name, char out[KEY_BYTES])
{
	int n = snprintf(out, KEY_BYTES, STR_FMT "/" STR_FMT, STR_ARG(space), STR_ARG(name));

	return n > 0 && n < KEY_BYTES ? str_of(out, (size_t)n) : STR_NONE;
}

static void stranger_note(strangers *s, str key, int64_t now_us)
{
	stranger *one = map_find(&s->by_key, key);

	if (!one) {
		one = calloc(1, sizeof(*one));
		assert(one);
		one->key = strndup(key.p, key.n);
		assert(one->key);
		one->first_us = now_us;
		(void)map_put(&s->by_key, str_from(one->key), one);
	}
	one->round = s->round;
}

static void stranger_free(stranger *one)
{
	free(one->key);
	free(one);
}

void strangers_note(strangers *s, const V1__ListPodResourcesResponse *listed, const local_pods *pods, int64_t now_us)
{
	char key[KEY_BYTES];

	s->round++;
	for (size_t i = 0; i < listed->n_pod_resources; i++) {
		const V1__PodResources *p = listed->pod_resources[i];
		str space = message_text(p->namespace_), name = message_text(p->name), k = key_print(space, name, key);
		if (k.p && !local_pods_find(pods, space, name))
			stranger_note(s, k, now_us);
	}
	map_each (slot, &s->by_key) {
		stranger *one = slot->value;
		if (one->round == s->round)
			continue;
		map_remove(&s->by_key, slot->key);
		stranger_free(one);
	}
}

bool strangers_was_before(const strangers *s, str space, str name, int64_t than_us)
{
	char key[KEY_BYTES];
	str k = key_print(space, name, key);
	const stranger *one = k.p ? map_find(&s->by_key, k) : NULL;

	return one && one->first_us < than_us;
}

void strangers_done(strangers *s)
{
	map_each (slot, &s->by_key)
		stranger_free(slot->value);
	map_done(&s->by_key);
}
