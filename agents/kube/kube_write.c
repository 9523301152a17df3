#include "agents/kube/kube_write.h"
#include <assert.h>
#include <stdio.h>
#include "agents/kube/object.h"
#include "base/clock.h"
#include "base/id.h"
#include "json/write.h"

enum { NAME_RANDOM = 8, DATE_BYTES = sizeof("2026-11-20T09:50:00") - 1, PATH_BYTES_MAX = 2048 };

static kube_call *body_send(
	kube *k, const char *method, const buf *path, const char *content_type, const buf *body, kube_done done)
{
	kube_request q = {
		.method = method,
		.path = buf_str(path),
		.content_type = content_type,
		.body = buf_str(body),
		.on_done = done.on_done,
		.arg = done.arg,
	};

	/* Names come from outside: one that is too long fails its call (kube.h). */
	if (path->over || body->over)
		q.path = STR_NONE;
	return kube_send(k, &q);
}

static js_writer body_begin(buf *path, buf *body, const char *api_version, const char *kind)
{
	buf_init(path, PATH_BYTES_MAX);
	buf_init(body, KUBE_WRITE_MAX);
	js_writer w = js_writer_on(body);
	js_object_begin(&w);
	js_put_text(&w, "apiVersion", str_from(api_version));
	js_put_text(&w, "kind", str_from(kind));
	return w;
}

static kube_call *body_end(kube *k, js_writer *w, buf *path, buf *body, kube_done done)
{
	js_object_end(w);
	kube_call *c = body_send(k, "POST", path, NULL, body, done);
	buf_done(path);
	buf_done(body);
	return c;
}

static void name_put(js_writer *w, str space, str name)
{
	js_put_text(w, "name", name);
	if (space.n)
		js_put_text(w, "namespace", space);
}

kube_call *kube_bind(kube *k, const kube_binding *b, kube_done done)
{
	buf path, body;
	js_writer w = body_begin(&path, &body, "v1", "Binding");

	buf_printf(
		&path, "/api/v1/namespaces/" STR_FMT "/pods/" STR_FMT "/binding", STR_ARG(b->space), STR_ARG(b->pod));
	js_key(&w, S("metadata"));
	js_object_begin(&w);
	name_put(&w, b->space, b->pod);
	js_put_text(&w, "uid", b->uid);
	js_key(&w, S("annotations"));
	js_object_begin(&w);
	for (uint32_t i = 0; i < b->n_annotations; i++) {
		js_key(&w, b->annotations[i].key);
		js_text(&w, b->annotations[i].value);
	}
	js_object_end(&w);
	js_object_end(&w);
	js_key(&w, S("target"));
	js_object_begin(&w);
	js_put_text(&w, "apiVersion", S("v1"));
	js_put_text(&w, "kind", S("Node"));
	js_put_text(&w, "name", b->node);
	js_object_end(&w);
	return body_end(k, &w, &path, &body, done);
}

kube_call *kube_evict(kube *k, str space, str pod, str uid, int64_t grace_s, kube_done done)
{
	buf path, body;
	js_writer w = body_begin(&path, &body, "policy/v1", "Eviction");

	buf_printf(&path, "/api/v1/namespaces/" STR_FMT "/pods/" STR_FMT "/eviction", STR_ARG(space), STR_ARG(pod));
	js_key(&w, S("metadata"));
	js_object_begin(&w);
	name_put(&w, space, pod);
	js_object_end(&w);
	js_key(&w, S("deleteOptions"));
	js_object_begin(&w);
	if (grace_s >= 0)
		js_put_i64(&w, "gracePeriodSeconds", grace_s);
	js_key(&w, S("preconditions"));
	js_object_begin(&w);
	js_put_text(&w, "uid", uid);
	js_object_end(&w);
	js_object_end(&w);
	return body_end(k, &w, &path, &body, done);
}

static void event_about(js_writer *w, const kube_event *e)
{
	js_key(w, S("involvedObject"));
	js_object_begin(w);
	js_put_text(w, "apiVersion", S("v1"));
	js_put_text(w, "kind", e->kind);
	if (e->space.n)
		js_put_text(w, "namespace", e->space);
	js_put_text(w, "name", e->object);
	js_put_text(w, "uid", e->uid);
	js_object_end(w);
}

/* Events of objects without a namespace live in "default". */
kube_call *kube_event_send(kube *k, const kube_event *e, kube_done done)
{
	buf path, body;
	char first[KUBE_MICRO_MAX], last[KUBE_MICRO_MAX];
	js_writer w = body_begin(&path, &body, "v1", "Event");
	str space = e->space.n ? e->space : S("default");

	buf_printf(&path, "/api/v1/namespaces/" STR_FMT "/events", STR_ARG(space));
	js_key(&w, S("metadata"));
	js_object_begin(&w);
	name_put(&w, space, e->name);
	js_object_end(&w);
	event_about(&w, e);
	js_put_text(&w, "reason", e->reason);
	js_put_text(&w, "message", e->message);
	js_put_text(&w, "type", e->is_warning ? S("Warning") : S("Normal"));
	js_key(&w, S("source"));
	js_object_begin(&w);
	js_put_text(&w, "component", e->component);
	js_object_end(&w);
	js_put_text(&w, "firstTimestamp", kube_time(e->first_us, first));
	js_put_text(&w, "lastTimestamp", kube_time(e->last_us, last));
	js_put_i64(&w, "count", e->count);
	js_put_text(&w, "reportingComponent", e->component);
	js_put_text(&w, "reportingInstance", e->instance);
	return body_end(k, &w, &path, &body, done);
}

str kube_event_name(str object, arena *a)
{
	uint64_t random;

	random_bytes(&random, sizeof(random));
	str head = str_cut(object, 0, OBJECT_NAME_MAX - 2 * NAME_RANDOM - 1);
	return str_print(a, STR_FMT ".%016llx", STR_ARG(head), (unsigned long long)random);
}

kube_call *kube_apply(kube *k, str path, str manager, str body, kube_done done)
{
	buf full;

	assert(manager.n <= KUBE_MANAGER_MAX);
	buf_init(&full, PATH_BYTES_MAX);
	buf_printf(&full, STR_FMT "?fieldManager=" STR_FMT "&force=true", STR_ARG(path), STR_ARG(manager));
	kube_request q = {.method = "PATCH", .path = buf_str(&full), .content_type = KUBE_APPLY, .body = body};
	q.on_done = done.on_done;
	q.arg = done.arg;
	if (full.over)
		q.path = STR_NONE;
	kube_call *c = kube_send(k, &q);
	buf_done(&full);
	return c;
}

kube_call *kube_patch(kube *k, str path, str body, kube_done done)
{
	kube_request q = {.method = "PATCH", .path = path, .content_type = KUBE_MERGE, .body = body};

	q.on_done = done.on_done;
	q.arg = done.arg;
	return kube_send(k, &q);
}

str kube_time(int64_t at_us, char out[KUBE_MICRO_MAX])
{
	char text[CLOCK_TEXT_MAX];

	(void)clock_text(at_us, text);
	return str_of(out, (size_t)snprintf(out, KUBE_MICRO_MAX, "%.*sZ", DATE_BYTES, text));
}

str kube_micro_time(int64_t at_us, char out[KUBE_MICRO_MAX])
{
	char text[CLOCK_TEXT_MAX];
	int micros = (int)(at_us % 1000000);

	assert(at_us >= 0);
	(void)clock_text(at_us - micros, text);
	return str_of(out, (size_t)snprintf(out, KUBE_MICRO_MAX, "%.*s.%06dZ", DATE_BYTES, text, micros));
}
