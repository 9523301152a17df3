#include "agents/kube/leader.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/kube/kube_write.h"
#include "agents/kube/object.h"
#include "base/buf.h"
#include "base/clock.h"
#include "json/write.h"

enum { LEASE_PATH_MAX = 1024, LEASE_BODY_MAX = 8192 };

typedef struct lease_spec {
	str holder;
	int64_t duration_s, transitions;
} lease_spec;
#define F(...) JS_FIELD_AS(lease_spec, __VA_ARGS__)
static const js_field lease_spec_fields[] = {
	F(holder, "holderIdentity", JS_OPTIONAL, "Who holds it."),
	F(duration_s, "leaseDurationSeconds", JS_OPTIONAL, "How long it stands without renewal."),
	F(transitions, "leaseTransitions", JS_OPTIONAL, "How often it went to another."),
};
#undef F
static JS_TYPE(lease_spec, "A Lease.");

typedef struct lease_meta {
	str version;
} lease_meta;
static const js_field lease_meta_fields[] = {
	JS_FIELD_AS(lease_meta, version, "resourceVersion", JS_OPTIONAL, "Version."),
};
static JS_TYPE(lease_meta, "Of a Lease.");

typedef struct lease_object {
	lease_meta meta;
	lease_spec spec;
} lease_object;
#define F(...) JS_FIELD_AS(lease_object, __VA_ARGS__)
static const js_field lease_object_fields[] = {
	F(meta, "metadata", JS_OPTIONAL, "Metadata.", JS_OF(lease_meta)),
	F(spec, "spec", JS_OPTIONAL, "The Lease.", JS_OF(lease_spec)),
};
#undef F
static JS_TYPE(lease_object, "A Lease object.");

struct leader {
	leader_spec spec;
	arena *arena;
	str path; /* of the Lease; what comes before its last part lists them */
	loop_timer *again, *end;
	kube_call *call;
	char version[OBJECT_VERSION_MAX + 1]; /* as read last */
	char holder[LEADER_IDENTITY_MAX + 1];
	int64_t duration_s, transitions;
	int64_t seen_us; /* monotonic: when that version was first read */
	int64_t sent_us; /* monotonic: when the write under way was sent */
	bool is_current; /* our own last write is what stands there, as far as we know */
	bool is_leader, is_closed;
};

static void leader_free(leader *l)
{
	loop_timer_free(l->again);
	loop_timer_free(l->end);
	arena_end(l->arena);
	free(l);
}

static void leader_set(leader *l, bool is_leader)
{
	if (l->is_leader == is_leader)
		return;
	l->is_leader = is_leader;
	if (!l->is_closed)
		l->spec.on_change(l->spec.arg, is_leader);
}

static void retry(leader *l)
{
	if (l->is_closed)
		leader_free(l);
	else
		loop_timer_arm(l->again, l->spec.retry_us);
}

static bool is_ours(const leader *l)
{
	return str_eq(str_from(l->holder), l->spec.identity);
}

/* So that a call that is lost leaves time for another. */
static int64_t call_ms(const leader *l)
{
	return l->spec.renew_us / LEADER_CALLS / 1000;
}

static bool lease_take(leader *l, str body)
{
	AUTO_ARENA a = arena_new(0);
	lease_object o;

	if (js_read_output(&lease_object_type, body, a, &o, NULL) || !o.meta.version.n ||
		o.meta.version.n > OBJECT_VERSION_MAX || o.spec.holder.n > LEADER_IDENTITY_MAX)
		return false;
	if (!str_eq(o.meta.version, str_from(l->version)))
		l->seen_us = clock_mono_us();
	(void)snprintf(l->version, sizeof(l->version), STR_FMT, STR_ARG(o.meta.version));
	(void)snprintf(l->holder, sizeof(l->holder), STR_FMT, STR_ARG(o.spec.holder));
	l->duration_s = o.spec.duration_s > 0 ? o.spec.duration_s : l->spec.duration_s;
	l->transitions = o.spec.transitions;
	return true;
}

static void on_written(void *arg, const kube_reply *r)
{
	leader *l = arg;
	int64_t until_us = l->sent_us + l->spec.renew_us;
	bool was_current = l->is_current;

	l->call = NULL;
	if (l->is_closed) {
		leader_free(l);
		return;
	}
	l->is_current = kube_is_done(r) && lease_take(l, r->body) && is_ours(l);
	if (l->is_current && clock_mono_us() < until_us) {
		loop_timer_arm(l->end, until_us - clock_mono_us());
		leader_set(l, true);
	}
	/* What was written without a look may have met somebody else's: that is looked at now. */
	if (was_current && !l->is_current)
		loop_timer_arm(l->again, 0);
	else
		retry(l);
}

/* version absent: it is made. holder empty: it is given up. */
static void lease_write(leader *l, str version, str holder, bool is_taken)
{
	bool is_new = !version.p;
	char now[KUBE_MICRO_MAX];
	buf body;

	buf_init(&body, LEASE_BODY_MAX);
	js_writer w = js_writer_on(&body);
	js_object_begin(&w);
	js_put_text(&w, "apiVersion", S("coordination.k8s.io/v1"));
	js_put_text(&w, "kind", S("Lease"));
	js_key(&w, S("metadata"));
	js_object_begin(&w);
	js_put_text(&w, "name", l->spec.name);
	js_put_text(&w, "namespace", l->spec.space);
	if (!is_new)
		js_put_text(&w, "resourceVersion", version);
	js_object_end(&w);
	js_key(&w, S("spec"));
	js_object_begin(&w);
	js_put_text(&w, "holderIdentity", holder);
	js_put_i64(&w, "leaseDurationSeconds", holder.n ? l->spec.duration_s : 1);
	(void)kube_micro_time(clock_now_us(), now);
	if (is_new || is_taken)
		js_put_text(&w, "acquireTime", str_from(now));
	js_put_text(&w, "renewTime", str_from(now));
	js_put_i64(&w, "leaseTransitions", is_new ? 0 : l->transitions + is_taken);
	js_object_end(&w);
	js_object_end(&w);
	kube_request q = {.method = is_new ? "POST" : "PATCH", .content_type = is_new ? NULL : KUBE_MERGE};
	q.path = is_new ? str_cut(l->path, 0, l->path.n - l->spec.name.n - 1) : l->path;
	q.body = buf_str(&body);
	q.timeout_ms = call_ms(l);
	q.on_done = on_written;
	q.arg = l;
	l->sent_us = clock_mono_us();
	l->call = kube_send(l->spec.kube, &q);
	buf_done(&body);
}

/* Whether nobody can still believe to hold it. */
static bool is_free(const leader *l)
{
	return !l->holder[0] || clock_mono_us() - l->seen_us > l->duration_s * 1000000;
}

static void on_read(void *arg, const kube_reply *r)
{
	leader *l = arg;

	l->call = NULL;
	if (l->is_closed) {
		leader_free(l);
		return;
	}
	if (r->e == ERR_OK && r->status == 404) {
		lease_write(l, STR_NONE, l->spec.identity, false);
		return;
	}
	if (!kube_is_done(r) || !lease_take(l, r->body)) {
		retry(l);
		return;
	}
	if (is_ours(l)) {
		lease_write(l, str_from(l->version), l->spec.identity, false);
	} else {
		loop_timer_disarm(l->end);
		leader_set(l, false);
		if (is_free(l))
			lease_write(l, str_from(l->version), l->spec.identity, true);
		else
			retry(l);
	}
}

/* Whoever leads renews what it has written last: one call, and on a slow server half the time of two. */
static void lease_look(void *arg)
{
	leader *l = arg;
	kube_request q = {.method = "GET", .path = l->path, .timeout_ms = call_ms(l)};

	if (l->is_leader && l->is_current) {
		lease_write(l, str_from(l->version), l->spec.identity, false);
		return;
	}
	q.on_done = on_read;
	q.arg = l;
	l->call = kube_send(l->spec.kube, &q);
}

/* Nothing went through for too long: another may take it soon. */
static void on_end(void *arg)
{
	leader_set(arg, false);
}

leader *leader_open(const leader_spec *s)
{
	leader *l = calloc(1, sizeof(*l));

	assert(l && s->on_change && s->identity.n && s->identity.n <= LEADER_IDENTITY_MAX);
	l->spec = *s;
	l->arena = arena_new(0);
	l->spec.space = str_dup(l->arena, s->space);
	l->spec.name = str_dup(l->arena, s->name);
	l->spec.identity = str_dup(l->arena, s->identity);
	l->spec.duration_s = s->duration_s ? s->duration_s : LEADER_DURATION_S;
	l->spec.renew_us = s->renew_us ? s->renew_us : LEADER_RENEW_US;
	l->spec.retry_us = s->retry_us ? s->retry_us : LEADER_RETRY_US;
	assert(l->spec.renew_us < l->spec.duration_s * 1000000);
	l->path = str_print(l->arena, "/apis/coordination.k8s.io/v1/namespaces/" STR_FMT "/leases/" STR_FMT,
		STR_ARG(l->spec.space), STR_ARG(l->spec.name));
	l->again = loop_timer_new(s->loop, lease_look, l);
	l->end = loop_timer_new(s->loop, on_end, l);
	loop_timer_arm(l->again, 0);
	return l;
}

void leader_close(leader *l)
{
	if (!l || l->is_closed)
		return;
	bool was_leader = l->is_leader;
	l->is_closed = true;
	l->is_leader = false;
	loop_timer_disarm(l->again);
	loop_timer_disarm(l->end);
	if (l->call)
		kube_cancel(l->call);
	else if (was_leader)
		lease_write(l, str_from(l->version), S(""), false);
	else
		leader_free(l);
}

bool leader_is(const leader *l)
{
	return l->is_leader;
}

str leader_holder(const leader *l)
{
	return str_from(l->holder);
}
