#include "agents/real/events.h"
#include <assert.h>
#include <stdlib.h>
#include "base/map.h"

typedef struct event_row {
	int64_t first_us, written_us, count;
	uint32_t key_n;
	char key[];
} event_row;

struct events {
	kube *kube;
	const char *component, *instance;
	map rows; /* by uid and reason */
};

events *events_new(kube *k, const char *component, const char *instance)
{
	events *e = calloc(1, sizeof(*e));

	assert(e);
	*e = (events){.kube = k, .component = component, .instance = instance};
	return e;
}

static void rows_drop(events *e)
{
	map_each (slot, &e->rows)
		free(slot->value);
	map_done(&e->rows);
	e->rows = (map){0};
}

void events_free(events *e)
{
	if (!e)
		return;
	rows_drop(e);
	free(e);
}

static event_row *row_of(events *e, str key, int64_t now_us)
{
	event_row *r = map_find(&e->rows, key);

	if (r)
		return r;
	if (e->rows.n >= EVENTS_KEPT_MAX)
		rows_drop(e);
	r = calloc(1, sizeof(*r) + key.n);
	assert(r);
	r->first_us = now_us;
	r->key_n = key.n;
	memcpy(r->key, key.p, key.n);
	(void)map_put(&e->rows, str_of(r->key, r->key_n), r);
	return r;
}

/* An event that does not get through is not missed. */
static void on_sent(void *arg, const kube_reply *r)
{
	(void)arg;
	(void)r;
}

/* v: what it is about, and its words. */
static void tell(events *e, kube_event *v, int64_t now_us)
{
	AUTO_ARENA a = arena_new(0);
	event_row *row = row_of(e, str_print(a, STR_FMT " " STR_FMT, STR_ARG(v->uid), STR_ARG(v->reason)), now_us);

	row->count++;
	if (row->written_us && now_us - row->written_us < EVENTS_EVERY_US)
		return;
	row->written_us = now_us;
	v->name = kube_event_name(v->object, a);
	v->component = str_from(e->component);
	v->instance = str_from(e->instance);
	v->first_us = row->first_us;
	v->last_us = now_us;
	v->count = row->count;
	(void)kube_event_send(e->kube, v, (kube_done){on_sent, NULL});
}

void events_pod(
	events *e, str space, str name, str uid, bool is_warning, const char *reason, str message, int64_t now_us)
{
	kube_event v = {.kind = S("Pod"),
		.space = space,
		.object = name,
		.uid = uid,
		.is_warning = is_warning,
		.reason = str_from(reason),
		.message = message};

	tell(e, &v, now_us);
}

void events_node(events *e, str name, str uid, const char *reason, str message, int64_t now_us)
{
	kube_event v = {.kind = S("Node"), .object = name, .uid = uid, .is_warning = true};

	v.reason = str_from(reason);
	v.message = message;
	tell(e, &v, now_us);
}
