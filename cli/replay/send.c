#include "cli/replay/send.h"

#include <stdio.h>

#include "api/types/placement.h"
#include "base/clock.h"
#include "json/write.h"

enum {
	CHUNK_BYTES_MAX = 4 << 20,
	WAIT_MS = 30000,
	CALL_SPARE_MS = 30000,
	PAUSE_MIN_MS = 20,
	PAUSE_MAX_MS = 1000,
	POLL_MS = 5,
	PROBLEM_TEXT_MAX = 400,
};

typedef struct item_list {
	js_list items; /* of placement */
} item_list;
static const js_field item_list_fields[] = {
	JS_FIELD(item_list, items, JS_OPTIONAL, "Placements.", JS_OF(placement), JS_ITEMS(0, 100000))};
static JS_TYPE(item_list, "A list of placements.");

static void device_write(const trace *t, js_writer *j, arena *a, const trace_pod *p)
{
	str spec = p->spec;

	js_object_begin(j);
	js_put_i64(j, "count", p->gpus);
	if (!str_is_empty(spec)) {
		js_key(j, S("classes"));
		js_array_begin(j);
		while (spec.p) {
			str model = trace_spec_next(&spec);
			if (model.n)
				js_text(j, trace_class_of(t, a, model));
		}
		js_array_end(j);
	}
	js_put_i64(j, "memory_percent", p->gpu_milli >= 10 ? p->gpu_milli / 10 : 1);
	js_put_i64(j, "compute_milli", p->gpu_milli);
	js_object_end(j);
}

static void pod_write(const sender *s, js_writer *j, arena *a, uint32_t seq)
{
	const trace_pod *p = &s->out->trace->pods.v[seq];

	js_object_begin(j);
	js_put_text(j, "tenant", str_from(s->fleet->tenant[seq % s->fleet->tenants]));
	js_put_bool(j, "queue", s->may_wait);
	js_put_text(j, "node_policy", str_from(s->node_policy));
	js_put_text(j, "device_policy", str_from(s->device_policy));
	js_key(j, S("devices"));
	js_array_begin(j);
	if (p->gpus)
		device_write(s->out->trace, j, a, p);
	js_array_end(j);
	js_key(j, S("host"));
	js_object_begin(j);
	js_put_i64(j, "cpu_milli", p->cpu_milli);
	js_put_i64(j, "memory_mib", p->memory_mib);
	js_object_end(j);
	js_key(j, S("clusters"));
	js_array_begin(j);
	for (int64_t i = 0; i < s->fleet->clusters; i++)
		js_text(j, str_from(s->fleet->cluster[i]));
	js_array_end(j);
	js_object_end(j);
}

static void chunk_write(const sender *s, arena *a, uint32_t from, uint32_t to, buf *out)
{
	js_writer j = js_writer_on(out);

	js_object_begin(&j);
	js_put_text(&j, "order", S("strict"));
	js_key(&j, S("items"));
	js_array_begin(&j);
	for (uint32_t i = from; i < to; i++)
		pod_write(s, &j, a, i);
	js_array_end(&j);
	js_object_end(&j);
}

static bool is_standing(str state)
{
	static const str standing[] = {S("granted"), S("delivered"), S("accepted"), S("bound"), S("running")};

	for (size_t i = 0; i < sizeof(standing) / sizeof(*standing); i++)
		if (str_eq(state, standing[i]))
			return true;
	return false;
}

static void standing_record(sender *s, uint32_t seq, const placement *p)
{
	const placed_pod *pod = p->placed.v;
	const placed_device *d;
	int64_t gpus[TRACE_NODE_GPUS_MAX] = {0};
	uint32_t n = 0;

	if (p->placed.n != 1) {
		outcome_place(s->out, seq, S("(not one pod)"), gpus, 0);
		return;
	}
	d = pod->devices.v;
	for (uint32_t i = 0; i < pod->devices.n && n < TRACE_NODE_GPUS_MAX; i++)
		gpus[n++] = d[i].index;
	outcome_place(s->out, seq, pod->node, gpus, n);
}

/* True when the placement is decided. */
static bool record(sender *s, uint32_t seq, const placement *p)
{
	pod_outcome *out = &s->out->pods[seq];
	const placement_blocker *b = p->blockers.v;

	if (!out->id.p)
		out->id = str_dup(s->kept, p->id);
	if (is_standing(p->state)) {
		standing_record(s, seq, p);
		return true;
	}
	if (str_eq(p->state, S("rejected"))) {
		out->state = POD_REFUSED;
		return true;
	}
	if (!p->revision.p)
		return false;
	out->state = POD_WAITING;
	out->blocker = p->blockers.n ? str_dup(s->kept, b->code) : STR_NONE;
	out->has_number = p->blockers.n && b->need > 0;
	return true;
}

static bool may_repeat(const client_reply *r)
{
	return r->e || r->status == 409 || r->status == 429 || r->status >= 500;
}

/* The same call until it is answered. */
static client_reply call_until(const sender *s, arena *a, const char *method, const char *path,
	const char *const *headers, str body, int64_t deadline_us, int64_t *ret_repeats)
{
	int64_t pause_ms = PAUSE_MIN_MS;

	for (*ret_repeats = 0;; ++*ret_repeats) {
		client_reply r = client_call(s->fleet->client, a, method, path, headers, body, WAIT_MS + CALL_SPARE_MS);
		if (!may_repeat(&r) || clock_mono_us() > deadline_us)
			return r;
		replay_fleet_tend(s->fleet);
		clock_sleep_ms(pause_ms);
		pause_ms = pause_ms * 2 < PAUSE_MAX_MS ? pause_ms * 2 : PAUSE_MAX_MS;
	}
}

err send_get(const sender *s, arena *a, const char *path, str *ret_body, fault *f)
{
	int64_t repeats;
	client_reply r =
		call_until(s, a, "GET", path, NULL, STR_NONE, clock_mono_us() + s->give_up_ms * 1000, &repeats);

	if (r.e)
		return fault_set(f, r.e, NULL, "%s%s: %s", s->fleet->server->url, path, r.why);
	if (r.status != 200)
		return fault_set(f, ERR_IO, NULL, "GET %s: status %ld: " STR_FMT, path, r.status,
			STR_ARG(str_cut(r.body, 0, PROBLEM_TEXT_MAX)));
	*ret_body = r.body;
	return ERR_OK;
}

static err placement_ask(const sender *s, arena *a, str id, int64_t wait_ms, placement *ret, fault *f)
{
	str body = STR_NONE;
	const char *path =
		str_print(a, "/v1/placements/" STR_FMT "?wait=%lldms%c", STR_ARG(id), (long long)wait_ms, 0).p;
	err e = send_get(s, a, path, &body, f);

	return e ? e : js_read_output(&placement_type, body, a, ret, f);
}

/* An answer may come before the decision (the wait was over): asks until it is decided. */
static err settle(sender *s, uint32_t seq, const placement *first, int64_t deadline_us, fault *f)
{
	if (record(s, seq, first))
		return ERR_OK;
	while (clock_mono_us() < deadline_us) {
		AUTO_ARENA a = arena_new(0);
		placement p;
		err e = placement_ask(s, a, s->out->pods[seq].id, 5000, &p, f);
		if (!e && record(s, seq, &p))
			return ERR_OK;
		if (e) {
			replay_fleet_tend(s->fleet);
			clock_sleep_ms(PAUSE_MIN_MS);
		}
	}
	return fault_set(f, ERR_TIMEOUT, NULL, "pod %u is not decided", seq);
}

static err chunk_read(sender *s, arena *a, str body, uint32_t from, uint32_t to, int64_t deadline_us, fault *f)
{
	item_list list;
	err e = js_read_output(&item_list_type, body, a, &list, f);
	const placement *p = list.items.v;

	if (!e && list.items.n != to - from)
		return fault_set(f, ERR_IO, NULL, "a chunk of %u came back with %u items", to - from, list.items.n);
	for (uint32_t i = 0; i < to - from && !e; i++)
		e = settle(s, from + i, &p[i], deadline_us, f);
	return e;
}

err send_pods(sender *s, uint32_t from, uint32_t to, fault *f)
{
	AUTO_ARENA a = arena_new(256 << 20);
	int64_t begun_us = clock_mono_us(), deadline_us = begun_us + s->give_up_ms * 1000;
	const char *headers[] = {str_print(a, "Idempotency-Key: %s-%u%c", s->fleet->run, from, 0).p, NULL};
	buf b;
	err e;

	buf_init(&b, CHUNK_BYTES_MAX);
	chunk_write(s, a, from, to, &b);
	int64_t repeats;
	client_reply r =
		call_until(s, a, "POST", "/v1/placements:batch?wait=30s", headers, buf_str(&b), deadline_us, &repeats);
	buf_done(&b);
	s->calls += 1 + repeats;
	s->repeats += repeats;
	if (r.e)
		return fault_set(f, r.e, NULL, "%s: %s", s->fleet->server->url, r.why);
	if (r.status != 201)
		return fault_set(f, ERR_IO, NULL, "pods %u to %u: status %ld: " STR_FMT, from, to - 1, r.status,
			STR_ARG(str_cut(r.body, 0, PROBLEM_TEXT_MAX)));
	e = chunk_read(s, a, r.body, from, to, deadline_us, f);
	for (uint32_t i = from; i < to; i++)
		s->out->pods[i].latency_us = clock_mono_us() - begun_us;
	return e;
}

err send_release(sender *s, uint32_t seq, fault *f)
{
	int64_t deadline_us = clock_mono_us() + s->give_up_ms * 1000;
	bool is_asked = false;

	while (clock_mono_us() < deadline_us) {
		AUTO_ARENA a = arena_new(0);
		str id = s->out->pods[seq].id;
		placement p;
		if (!is_asked)
			is_asked = client_send(s->fleet->client, a, "DELETE",
					   str_print(a, "/v1/placements/" STR_FMT "%c", STR_ARG(id), 0).p, STR_NONE,
					   NULL, f) == ERR_OK;
		err e = placement_ask(s, a, id, 1, &p, f);
		if (!e && p.ended_at.us) {
			outcome_free(s->out, seq);
			return ERR_OK;
		}
		replay_fleet_tend(s->fleet);
		clock_sleep_ms(e ? PAUSE_MIN_MS : POLL_MS);
	}
	return fault_set(f, ERR_TIMEOUT, NULL, "pod %u does not end", seq);
}

err send_look_again(sender *s, fault *f)
{
	for (uint32_t i = 0; i < s->out->trace->pods.n; i++) {
		AUTO_ARENA a = arena_new(0);
		placement p;
		if (s->out->pods[i].state != POD_WAITING)
			continue;
		err e = placement_ask(s, a, s->out->pods[i].id, 1, &p, f);
		if (e)
			return e;
		record(s, i, &p);
	}
	return ERR_OK;
}
