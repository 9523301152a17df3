#include "agents/kube/kube_write.h"
#include "agents/kube/leader.h"
#include "base/buf.h"
#include "base/clock.h"
#include "fake_kube.h"
#include "json/doc.h"

loop *fake_loop;

/* The first call is kept, and its loop stopped. */
typedef struct kept {
	loop *loop;
	kube kube;
	kube_call *call;
	char body[8192];
} kept;

static void keep_call(void *arg, kube_call *c)
{
	kept *k = arg;

	k->call = c;
	loop_stop(k->loop);
}

static void ignore(void *arg, const kube_reply *r)
{
	(void)arg;
	(void)r;
}

#define NOON_US ((int64_t)1795168200 * 1000000) /* 2026-11-20T09:50:00Z */

static kube_call *send_binding(kube *k)
{
	object_pair plan = {S("throwaway.example/assigned"), S("c")};
	kube_binding b = {S("default"), S("bx"), S("00e67a23-e1f6-40da-8bbd-a9df86f78de1"), S("n2"), &plan, 1};

	return kube_bind(k, &b, (kube_done){ignore, NULL});
}

static kube_call *send_event(kube *k)
{
	kube_event e = {
		.name = S("p1.abc123"), .kind = S("Pod"), .space = S("default"), .object = S("p1"), .uid = S("x")};

	e.is_warning = true;
	e.reason = S("QuotaExceeded");
	e.message = S("m");
	e.component = S("agent");
	e.instance = S("agent-0");
	e.first_us = e.last_us = NOON_US;
	e.count = 1;
	return kube_event_send(k, &e, (kube_done){ignore, NULL});
}

static kube_call *send_eviction(kube *k)
{
	return kube_evict(k, S("default"), S("p1"), S("u1"), 30, (kube_done){ignore, NULL});
}

static kube_call *send_apply(kube *k)
{
	return kube_apply(k, S("/api/v1/nodes/n1"), S("reeve-agent"), S("{\"a\":1}"), (kube_done){ignore, NULL});
}

typedef struct written {
	kube_call *(*send)(kube *k);
	const char *method, *path, *content_type, *body;
} written;

/* The first two bodies are those of the recordings, which a real API server understood. */
static const written rows[] = {
	{send_binding, "POST", "/api/v1/namespaces/default/pods/bx/binding", NULL,
		"{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":\"bx\",\"namespace\":\"default\",\"uid\":"
		"\"00e67a23-e1f6-40da-8bbd-a9df86f78de1\",\"annotations\":{\"throwaway.example/assigned\":\"c\"}},\"target\":{"
		"\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"n2\"}}"},
	{send_event, "POST", "/api/v1/namespaces/default/events", NULL,
		"{\"apiVersion\":\"v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"p1.abc123\",\"namespace\":\"default\"},"
		"\"involvedObject\":{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"namespace\":\"default\",\"name\":\"p1\",\"uid\":\"x\"},"
		"\"reason\":\"QuotaExceeded\",\"message\":\"m\",\"type\":\"Warning\",\"source\":{\"component\":\"agent\"},"
		"\"firstTimestamp\":\"2026-11-20T09:50:00Z\",\"lastTimestamp\":\"2026-11-20T09:50:00Z\",\"count\":1,"
		"\"reportingComponent\":\"agent\",\"reportingInstance\":\"agent-0\"}"},
	{send_eviction, "POST", "/api/v1/namespaces/default/pods/p1/eviction", NULL,
		"{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"p1\",\"namespace\":\"default\"},"
		"\"deleteOptions\":{\"gracePeriodSeconds\":30,\"preconditions\":{\"uid\":\"u1\"}}}"},
	{send_apply, "PATCH", "/api/v1/nodes/n1?fieldManager=reeve-agent&force=true", KUBE_APPLY, "{\"a\":1}"},
};

/* The body must be looked at while the call is made: it belongs to who makes it. */
static char sent_body[KUBE_WRITE_MAX];

Test(kube_write, sends_the_bytes_that_real_servers_understand)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kept k = {.loop = fake_loop = loop_new()};
		k.kube = (kube){.loop = k.loop, .arg = &k, .on_call = keep_call, .body = sent_body};
		k.call = rows[i].send(&k.kube);
		cr_expect_str_eq(k.call->q.method, rows[i].method);
		cr_expect_str_eq(k.call->path, rows[i].path);
		if (rows[i].content_type)
			cr_expect_str_eq(k.call->q.content_type, rows[i].content_type);
		cr_expect_str_eq(sent_body, rows[i].body);
		loop_run(k.loop);
		loop_free(k.loop);
		fake_free(&k.kube);
	}
}

Test(kube_write, times_have_exactly_six_digits_or_none)
{
	char text[KUBE_MICRO_MAX];

	cr_expect(str_eq(kube_micro_time(NOON_US, text), S("2026-11-20T09:50:00.000000Z")));
	cr_expect(str_eq(kube_micro_time(NOON_US + 1, text), S("2026-11-20T09:50:00.000001Z")));
	cr_expect(str_eq(kube_micro_time(NOON_US + 999999, text), S("2026-11-20T09:50:00.999999Z")));
	cr_expect(str_eq(kube_time(NOON_US + 999999, text), S("2026-11-20T09:50:00Z")));
}

Test(kube_write, names_of_events_are_new_and_short_enough)
{
	AUTO_ARENA a = arena_new(0);
	char longest[253];

	memset(longest, 'x', sizeof(longest));
	cr_expect_eq(kube_event_name(str_of(longest, sizeof(longest)), a).n, 253);
	cr_expect_not(str_eq(kube_event_name(S("p"), a), kube_event_name(S("p"), a)));
}

/* A Lease in memory, and two that want it; either may be cut off. */
typedef struct election {
	loop *loop;
	kube kubes[2];
	leader *leaders[2];
	bool is_cut[2], leads[2];
	char holder[64], renewed[64];
	int64_t version, n_writes, n_reads, n_changes;
	int64_t lost; /* the write of this number is done, and nobody hears of it */
	loop_timer *next;
	int step;
} election;

static str lease_text(election *e, arena *a)
{
	return str_print(a,
		"{\"kind\":\"Lease\",\"metadata\":{\"resourceVersion\":\"%lld\"},\"spec\":{\"holderIdentity\":\"%s\","
		"\"leaseDurationSeconds\":1,\"leaseTransitions\":3}}",
		(long long)e->version, e->holder);
}

static void lease_store(election *e, kube_call *c, str body, arena *a)
{
	json_t *doc;

	cr_assert_eq(doc_read(body, a, &doc, NULL), ERR_OK);
	json_t *spec = json_object_get(doc, "spec");
	const char *version = json_string_value(json_object_get(json_object_get(doc, "metadata"), "resourceVersion"));
	bool is_new = strcmp(c->q.method, "POST") == 0;
	if (is_new ? e->version > 0 : !version || strtoll(version, NULL, 10) != e->version) {
		fake_answer(c, 409, S("{\"kind\":\"Status\",\"reason\":\"Conflict\",\"code\":409}"));
		return;
	}
	(void)snprintf(e->holder, sizeof(e->holder), "%s", json_string_value(json_object_get(spec, "holderIdentity")));
	e->version++;
	e->n_writes++;
	if (e->n_writes == e->lost)
		fake_broken(c, ERR_TIMEOUT);
	else
		fake_answer(c, is_new ? 201 : 200, lease_text(e, a));
}

static void serve_lease(void *arg, kube_call *c)
{
	election *e = arg;
	AUTO_ARENA a = arena_new(0);
	int who = c->owner == &e->kubes[1];

	e->n_reads += strcmp(c->q.method, "GET") == 0;
	if (e->is_cut[who])
		fake_broken(c, ERR_TIMEOUT);
	else if (strcmp(c->q.method, "GET") != 0)
		lease_store(e, c, str_from(c->body), a);
	else if (e->version)
		fake_answer(c, 200, lease_text(e, a));
	else
		fake_answer(c, 404, S("{\"kind\":\"Status\",\"reason\":\"NotFound\",\"code\":404}"));
}

static void election_step(void *arg);

static void changed(election *e, int who, bool is_leader)
{
	e->leads[who] = is_leader;
	e->n_changes++;
	cr_assert_not(e->leads[0] && e->leads[1], "two lead");
	loop_timer_arm(e->next, 0);
}

static void changed_a(void *arg, bool is_leader)
{
	changed(arg, 0, is_leader);
}

static void changed_b(void *arg, bool is_leader)
{
	changed(arg, 1, is_leader);
}

static void candidate_open(election *e, int who, const char *identity, void (*on_change)(void *arg, bool is_leader))
{
	leader_spec s = {.loop = e->loop, .kube = &e->kubes[who], .space = S("reeve"), .name = S("agent")};

	e->kubes[who] = (kube){.loop = e->loop, .arg = e, .on_call = serve_lease};
	s.identity = str_from(identity);
	s.duration_s = 1;
	s.renew_us = 300000;
	s.retry_us = 20000;
	s.on_change = on_change;
	s.arg = e;
	e->leaders[who] = leader_open(&s);
}

/* a leads; a is cut off and steps down by itself, before b leads; b gives up and a leads again at once. */
static void election_step(void *arg)
{
	election *e = arg;

	if (e->step == 0 && e->leads[0]) {
		cr_expect_str_eq(e->holder, "a");
		candidate_open(e, 1, "b", changed_b);
		e->is_cut[0] = true;
		e->step = 1;
	} else if (e->step == 1 && e->leads[1]) {
		cr_expect_str_eq(e->holder, "b");
		e->is_cut[0] = false;
		leader_close(e->leaders[1]);
		e->leads[1] = false;
		e->step = 2;
	} else if (e->step == 2 && e->leads[0]) {
		loop_stop(e->loop);
	}
}

Test(leader, one_leads_at_a_time_whatever_is_cut_off)
{
	election e = {.loop = fake_loop = loop_new()};

	e.next = loop_timer_new(e.loop, election_step, &e);
	candidate_open(&e, 0, "a", changed_a);
	loop_run(e.loop);
	cr_expect_eq(e.n_changes, 4, "%lld changes", (long long)e.n_changes);
	leader_close(e.leaders[0]);
	loop_timer_free(e.next);
	loop_free(e.loop);
	fake_free(&e.kubes[0]);
	fake_free(&e.kubes[1]);
}

static void writes_watch(void *arg)
{
	election *e = arg;

	if (e->n_writes >= 8)
		loop_stop(e->loop);
	else
		loop_timer_arm(e->next, 5000);
}

/* On a slow server each call counts, and an answer may be lost. */
Test(leader, it_renews_by_one_call_and_looks_when_that_fails)
{
	election e = {.loop = fake_loop = loop_new(), .lost = 4};

	e.next = loop_timer_new(e.loop, writes_watch, &e);
	candidate_open(&e, 0, "a", changed_a);
	loop_run(e.loop);
	cr_expect_eq(e.n_changes, 1, "%lld changes", (long long)e.n_changes);
	cr_expect_eq(e.n_reads, 2, "%lld reads", (long long)e.n_reads);
	e.is_cut[0] = true;
	leader_close(e.leaders[0]);
	loop_timer_arm(e.next, 0);
	loop_run(e.loop);
	loop_timer_free(e.next);
	loop_free(e.loop);
	fake_free(&e.kubes[0]);
}
