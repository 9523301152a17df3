#include "agents/simulate/arrive.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "json/write.h"

enum { REQUEST_BYTES_MAX = 16 << 10, PATH_BYTES = 4096 };
#define LOOK_US ((int64_t)50000) /* of real time, for a file */

void arrive_begin(arrive *a, const scene *s, int64_t now_us)
{
	*a = (arrive){.since_us = now_us, .n = s->arrivals.n};
	a->came = calloc(a->n + 1u, sizeof(*a->came));
	a->begun_us = calloc(a->n + 1u, sizeof(*a->begun_us));
	assert(a->came && a->begun_us);
}

void arrive_done(arrive *a)
{
	free(a->came);
	free(a->begun_us);
	a->came = a->begun_us = NULL;
}

static void request_write(js_writer *w, const scene_arrival *r)
{
	js_object_begin(w);
	js_put_text(w, "tenant", r->tenant);
	js_key(w, S("devices"));
	js_array_begin(w);
	js_object_begin(w);
	js_put_i64(w, "count", r->count);
	js_key(w, S("classes"));
	js_array_begin(w);
	js_text(w, r->class);
	js_array_end(w);
	if (r->memory_mib) {
		js_put_i64(w, "memory_mib", r->memory_mib);
		js_put_i64(w, "compute_milli", r->compute_milli);
	}
	js_object_end(w);
	js_array_end(w);
	if (r->runtime_ms) {
		char ms[32];
		int n = snprintf(ms, sizeof(ms), "%lld", (long long)r->runtime_ms);
		js_key(w, S("labels"));
		js_object_begin(w);
		js_put_text(w, "simulate/runtime_ms", str_of(ms, (size_t)n));
		js_object_end(w);
	}
	js_object_end(w);
}

static void tell(const scene_arrival *r, const cluster_events *e)
{
	buf json;

	buf_init(&json, REQUEST_BYTES_MAX);
	js_writer w = js_writer_on(&json);
	request_write(&w, r);
	if (e->on_pod)
		e->on_pod(e->arg, &(cluster_pod){.tenant = r->tenant, .request = buf_str(&json)});
	buf_done(&json);
}

/* From when on the row's times count; CLUSTER_NEVER: what they wait for is not there yet. */
static int64_t begun_us(arrive *a, uint32_t i, const scene_arrival *r, int64_t now_us)
{
	char path[PATH_BYTES];

	if (!r->after_file.n)
		return a->since_us;
	if (a->begun_us[i])
		return a->begun_us[i];
	snprintf(path, sizeof(path), STR_FMT, STR_ARG(r->after_file));
	if (access(path, F_OK))
		return CLUSTER_NEVER;
	return a->begun_us[i] = now_us;
}

int64_t arrive_turn(arrive *a, const scene *s, const cluster_events *e, int64_t now_us)
{
	const scene_arrival *r = s->arrivals.v;
	int64_t next_us = CLUSTER_NEVER;

	for (uint32_t i = 0; i < a->n && i < s->arrivals.n; i++) {
		int64_t from_us = begun_us(a, i, &r[i], now_us), look_us = now_us + LOOK_US * s->speed;
		if (from_us == CLUSTER_NEVER) {
			next_us = look_us < next_us ? look_us : next_us;
			continue;
		}
		int64_t at_us = from_us + (r[i].first_ms + a->came[i] * r[i].every_ms) * 1000;
		for (; a->came[i] < r[i].pods && at_us <= now_us; a->came[i]++, at_us += r[i].every_ms * 1000)
			tell(&r[i], e);
		if (a->came[i] < r[i].pods && at_us < next_us)
			next_us = at_us;
	}
	return next_us;
}

int64_t arrive_clock_us(const arrive *a, const scene *s, int64_t real_us)
{
	return real_us + (real_us - a->since_us) * (s->speed - 1);
}
