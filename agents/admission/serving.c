#include "agents/admission/serving.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/file.h"
#include "agents/kube/fields.h"
#include "base/base64.h"
#include "base/clock.h"
#include "json/write.h"

#define JSON_PATCH "application/json-patch+json"

enum { BODY_MAX = 1 << 20 };

struct serving {
	serving_spec spec;
	loop_timer *timer;
	kube_call *call;
	arena *kept, *round; /* of what is served; of one look */
	authority served;
	authority seen;
	str version;
	uint32_t hook;   /* which configuration is looked at */
	bool lacks_hook; /* one of them is not there yet */
};

static const struct {
	const char *key;
	size_t at;
} members[] = {
	{"ca.crt", offsetof(authority, certificates)},
	{"ca.key", offsetof(authority, keys)},
	{"tls.crt", offsetof(authority, leaf)},
	{"tls.key", offsetof(authority, leaf_key)},
	{"client.crt", offsetof(authority, client)},
	{"client.key", offsetof(authority, client_key)},
};
enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

static str *member_of(authority *a, size_t i)
{
	return (str *)(void *)((char *)a + members[i].at);
}

static int64_t now_us(const serving *s)
{
	return s->spec.now_us ? s->spec.now_us() : clock_now_us();
}

static void again(serving *s, int64_t after_us)
{
	arena_end(s->round);
	s->round = NULL;
	s->call = NULL;
	loop_timer_arm(s->timer, after_us);
}

static void fail(serving *s, const char *what, str why)
{
	if (s->spec.on_trouble)
		s->spec.on_trouble(s->spec.arg, what, why);
	again(s, SERVING_AGAIN_US);
}

static str secret_path(serving *s, bool is_named)
{
	return is_named ? str_print(s->round, "/api/v1/namespaces/" STR_FMT "/secrets/" STR_FMT, STR_ARG(s->spec.space),
				  STR_ARG(s->spec.name))
			: str_print(s->round, "/api/v1/namespaces/" STR_FMT "/secrets", STR_ARG(s->spec.space));
}

static void send(
	serving *s, const char *method, str path, const char *type, str body, void (*done)(void *, const kube_reply *))
{
	s->call = kube_send(s->spec.kube,
		&(kube_request){
			.method = method, .path = path, .content_type = type, .body = body, .on_done = done, .arg = s});
}

static err files_write(serving *s, fault *f)
{
	err e = file_write(s->spec.key_file, 0600, s->seen.leaf_key, f);

	if (!e)
		e = file_write(s->spec.cert_file, 0644, s->seen.leaf, f);
	return e ? e : file_write(s->spec.ca_file, 0644, s->seen.certificates, f);
}

/* What the Secret says is what we serve. */
static bool take(serving *s)
{
	fault f = {0};

	if (!s->seen.leaf.n || !s->seen.leaf_key.n || !s->seen.certificates.n)
		return true;
	if (str_eq(s->seen.leaf, s->served.leaf) && str_eq(s->seen.certificates, s->served.certificates))
		return true;
	if (files_write(s, &f)) {
		fail(s, "the certificate's files", str_from(f.detail));
		return false;
	}
	arena_end(s->kept);
	s->kept = arena_new(0);
	s->served = (authority){.leaf = str_dup(s->kept, s->seen.leaf)};
	s->served.certificates = str_dup(s->kept, s->seen.certificates);
	s->spec.on_files(s->spec.arg);
	return true;
}

static void body_begin(js_writer *w, buf *out)
{
	buf_init(out, BODY_MAX);
	*w = js_writer_on(out);
}

static str body_end(serving *s, buf *out)
{
	assert(!out->over);
	str text = str_dup(s->round, buf_str(out));
	buf_done(out);
	return text;
}

static str secret_body(serving *s)
{
	js_writer w;
	buf out;

	body_begin(&w, &out);
	js_object_begin(&w);
	js_put_text(&w, "apiVersion", S("v1"));
	js_put_text(&w, "kind", S("Secret"));
	js_key(&w, S("metadata"));
	js_object_begin(&w);
	js_put_text(&w, "name", s->spec.name);
	if (s->version.n)
		js_put_text(&w, "resourceVersion", s->version);
	js_object_end(&w);
	js_key(&w, S("data"));
	js_object_begin(&w);
	for (size_t i = 0; i < MEMBERS; i++)
		js_put_text(&w, members[i].key, base64_print(*member_of(&s->seen, i), s->round));
	js_object_end(&w);
	js_object_end(&w);
	return body_end(s, &out);
}

static err client_read(pull *p, arena *a, str *ret)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		e = str_eq(key, S("caBundle")) ? fields_text(p, a, ret) : pull_skip(p);
	}
	return e ? e : p->e;
}

static err hook_read(pull *p, arena *a, str *ret)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape))
		e = str_eq(key, S("clientConfig")) ? client_read(p, a, ret) : pull_skip(p);
	return e ? e : p->e;
}

static void bundle_write(js_writer *w, arena *a, uint32_t at, str bundle)
{
	js_object_begin(w);
	js_put_text(w, "op", S("add"));
	js_put_text(w, "path", str_print(a, "/webhooks/%u/clientConfig/caBundle", at));
	js_put_text(w, "value", bundle);
	js_object_end(w);
}

static err hooks_read(serving *s, pull *p, js_writer *w, str bundle, uint32_t *ret_n)
{
	err e;

	if (!fields_array(p, &e))
		return e;
	for (uint32_t at = 0; !e && pull_item(p); at++) {
		str has = STR_NONE;
		e = hook_read(p, s->round, &has);
		if (e || str_eq(has, bundle))
			continue;
		bundle_write(w, s->round, at, bundle);
		(*ret_n)++;
	}
	return e ? e : p->e;
}

/* A JSON Patch that puts the present bundle where another stands, guarded by the version; absent: all is well. */
static err hooks_patch(serving *s, str object, str *ret)
{
	str key, bundle = base64_print(s->seen.certificates, s->round);
	bool has_escape;
	object_meta meta;
	uint32_t n = 0;
	js_writer w;
	buf out;
	pull p;
	err e = object_meta_read(object, &meta);

	if (e)
		return e;
	body_begin(&w, &out);
	js_array_begin(&w);
	js_object_begin(&w);
	js_put_text(&w, "op", S("test"));
	js_put_text(&w, "path", S("/metadata/resourceVersion"));
	js_put_text(&w, "value", meta.version);
	js_object_end(&w);
	pull_init(&p, object, OBJECT_DEPTH_MAX);
	(void)fields_object(&p, &e);
	while (!e && pull_key(&p, &key, &has_escape))
		e = str_eq(key, S("webhooks")) ? hooks_read(s, &p, &w, bundle, &n) : pull_skip(&p);
	if (!e)
		js_array_end(&w);
	str text = body_end(s, &out);
	*ret = n ? text : STR_NONE;
	return e ? e : p.e;
}

static void hook_look(serving *s);

static void on_hook_patched(void *arg, const kube_reply *r)
{
	serving *s = arg;

	if (r->e == ERR_CLOSED)
		return;
	if (!kube_is_done(r)) {
		fail(s, "the webhooks' caBundle", r->message);
		return;
	}
	s->hook++;
	hook_look(s);
}

static void on_hook(void *arg, const kube_reply *r)
{
	serving *s = arg;
	str patch = STR_NONE;

	if (r->e == ERR_CLOSED)
		return;
	if (!kube_is_done(r) && r->status != 404) {
		fail(s, "the webhook configuration", r->message);
		return;
	}
	if (kube_is_done(r) && hooks_patch(s, r->body, &patch)) {
		fail(s, "the webhook configuration", S("it cannot be read"));
		return;
	}
	s->lacks_hook = s->lacks_hook || r->status == 404;
	if (patch.p) {
		send(s, "PATCH", s->spec.hooks[s->hook], JSON_PATCH, patch, on_hook_patched);
		return;
	}
	s->hook++;
	hook_look(s);
}

static void hook_look(serving *s)
{
	if (s->hook < s->spec.n_hooks)
		send(s, "GET", s->spec.hooks[s->hook], NULL, STR_NONE, on_hook);
	else
		again(s, s->lacks_hook ? SERVING_AGAIN_US : SERVING_LOOK_US);
}

/* Written or not, the next look tells. */
static void on_written(void *arg, const kube_reply *r)
{
	serving *s = arg;

	if (r->e == ERR_CLOSED)
		return;
	if (!kube_is_done(r) && r->status != 409)
		fail(s, "the certificate's Secret", r->message);
	else
		again(s, 0);
}

static void lead(serving *s)
{
	bool is_changed;
	fault f = {0};

	if (authority_tend(&s->seen, s->spec.names, s->spec.n_names, now_us(s), s->round, &is_changed, &f)) {
		fail(s, "the certificate", str_from(f.detail));
		return;
	}
	if (!is_changed) {
		s->hook = 0;
		s->lacks_hook = false;
		hook_look(s);
	} else if (s->version.n) {
		send(s, "PATCH", secret_path(s, true), KUBE_MERGE, secret_body(s), on_written);
	} else {
		send(s, "POST", secret_path(s, false), NULL, secret_body(s), on_written);
	}
}

static err data_read(serving *s, pull *p)
{
	str key, text;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		size_t i = 0;
		while (i < MEMBERS && !str_eq(key, str_from(members[i].key)))
			i++;
		if (i == MEMBERS) {
			e = pull_skip(p);
			continue;
		}
		text = STR_NONE;
		e = fields_text(p, s->round, &text);
		if (!e && text.p && !base64_read(text, s->round, member_of(&s->seen, i)))
			*member_of(&s->seen, i) = STR_NONE;
	}
	return e ? e : p->e;
}

static err secret_read(serving *s, str object)
{
	object_meta meta;
	str key;
	bool has_escape;
	pull p;
	err e = object_meta_read(object, &meta);

	if (e)
		return e;
	s->version = meta.version;
	pull_init(&p, object, OBJECT_DEPTH_MAX);
	(void)fields_object(&p, &e);
	while (!e && pull_key(&p, &key, &has_escape))
		e = str_eq(key, S("data")) ? data_read(s, &p) : pull_skip(&p);
	return e ? e : p.e;
}

static void on_secret(void *arg, const kube_reply *r)
{
	serving *s = arg;

	if (r->e == ERR_CLOSED)
		return;
	if (!kube_is_done(r) && r->status != 404) {
		fail(s, "the certificate's Secret", r->message);
		return;
	}
	if (kube_is_done(r) && secret_read(s, str_dup(s->round, r->body))) {
		fail(s, "the certificate's Secret", S("it cannot be read"));
		return;
	}
	if (!take(s))
		return;
	if (s->spec.leads(s->spec.arg))
		lead(s);
	else
		again(s, s->served.leaf.p ? SERVING_LOOK_US : SERVING_AGAIN_US);
}

static void look(void *arg)
{
	serving *s = arg;

	s->round = arena_new(0);
	s->seen = (authority){0};
	s->version = STR_NONE;
	send(s, "GET", secret_path(s, true), NULL, STR_NONE, on_secret);
}

serving *serving_open(const serving_spec *spec)
{
	serving *s = calloc(1, sizeof(*s));

	assert(s && spec->n_hooks <= SERVING_HOOKS_MAX && spec->n_names <= AUTHORITY_NAMES_MAX);
	s->spec = *spec;
	s->timer = loop_timer_new(spec->loop, look, s);
	loop_timer_arm(s->timer, 0);
	return s;
}

void serving_kick(serving *s)
{
	if (!s->call)
		loop_timer_arm(s->timer, 0);
}

/* The cancelled call ends from the loop with ERR_CLOSED, and asks nothing of us. */
void serving_close(serving *s)
{
	if (!s)
		return;
	if (s->call)
		kube_cancel(s->call);
	loop_timer_free(s->timer);
	arena_end(s->round);
	arena_end(s->kept);
	free(s);
}
