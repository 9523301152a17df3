#include "agents/real/plan_keys.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/kube/kube_write.h"
#include "base/buf.h"
#include "json/write.h"

enum { BODY_BYTES_MAX = 16 << 10 };

struct plan_keys_writer {
	plan_keys_spec s;
	arena *a; /* of path and body */
	str path, body;
	kube_call *call;
	loop_timer *again;
	bool is_closed;
};

static str body_print(str space, const signing_key *k, arena *a)
{
	uint8_t key[SIGNATURE_KEY];
	buf out;

	signing_key_public(k, key);
	buf_init(&out, BODY_BYTES_MAX);
	js_writer w = js_writer_on(&out);
	js_object_begin(&w);
	js_put_text(&w, "apiVersion", S("v1"));
	js_put_text(&w, "kind", S("ConfigMap"));
	js_key(&w, S("metadata"));
	js_object_begin(&w);
	js_put_text(&w, "name", S(PLAN_KEYS_OBJECT));
	js_put_text(&w, "namespace", space);
	js_object_end(&w);
	js_key(&w, S("data"));
	js_object_begin(&w);
	js_put_text(&w, PLAN_KEYS_FILE, public_key_pem(key, a));
	js_object_end(&w);
	js_object_end(&w);
	assert(!out.over);
	str text = str_dup(a, buf_str(&out));
	buf_done(&out);
	return text;
}

static void writer_free(plan_keys_writer *w)
{
	loop_timer_free(w->again);
	arena_end(w->a);
	free(w);
}

static void on_done(void *arg, const kube_reply *r)
{
	plan_keys_writer *w = arg;

	w->call = NULL;
	if (w->is_closed) {
		writer_free(w);
		return;
	}
	if (r->e == ERR_CLOSED)
		return;
	w->s.on_written(w->s.arg, r->status, kube_is_done(r) ? STR_NONE : r->message.p ? r->message : S("no answer"));
	if (!kube_is_done(r))
		loop_timer_arm(w->again, w->s.again_ms * 1000);
}

static void on_again(void *arg)
{
	plan_keys_writer *w = arg;

	w->call = kube_apply(w->s.kube, w->path, S("reeve-agent"), w->body, (kube_done){on_done, w});
}

plan_keys_writer *plan_keys_write(const plan_keys_spec *s)
{
	plan_keys_writer *w = calloc(1, sizeof(*w));

	assert(w);
	w->s = *s;
	if (!w->s.again_ms)
		w->s.again_ms = PLAN_KEYS_AGAIN_MS;
	w->a = arena_new(0);
	w->path = str_print(w->a, "/api/v1/namespaces/" STR_FMT "/configmaps/" PLAN_KEYS_OBJECT, STR_ARG(s->space));
	w->body = body_print(s->space, s->key, w->a);
	w->again = loop_timer_new(s->loop, on_again, w);
	on_again(w);
	return w;
}

void plan_keys_close(plan_keys_writer *w)
{
	if (!w)
		return;
	w->is_closed = true;
	loop_timer_disarm(w->again);
	/* on_done comes from the loop, and finds it closed. */
	if (w->call)
		kube_cancel(w->call);
	else
		writer_free(w);
}
