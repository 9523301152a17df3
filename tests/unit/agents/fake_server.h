/* fake_server: as much of a server as an agent can see, on the test's own loop, with bad manners.
 *
 * It serves the four calls over TLS with a certificate of fake_ca. Every lose_one_in-th call that asks for a
 * certificate is worked through and then answered 500, as if the answer had been lost; a sync now and then repeats what
 * was applied.
 */
#pragma once
#include "fake_ca.h"
#include "fixture.h"
#include "net/listen.h"
#include "net/web.h"

enum { FAKE_CHANGES_MAX = 4096, FAKE_PER_SYNC = 64 };

typedef struct fake_server {
	loop *loop;
	arena *arena;
	fake_ca ca;
	folder d;
	char ca_file[96], key_file[96], url[96];
	tls_context *tls;
	web_server *web;
	loop_timer *hold;
	web_req *held;
	bool is_held_gone;              /* its client went away; it must be answered all the same */
	wish changes[FAKE_CHANGES_MAX]; /* revision i + 1 */
	uint32_t n_changes;
	int lose_one_in;
	uint64_t random;
	/* The session that is stored, its last report and how often it was repeated. */
	char session[OUTBOX_SESSION_MAX + 1];
	int64_t seq;
	str last_body;
	int n_joins, n_renewals, n_repeats, n_lost, n_sessions, n_inventories, n_usages;
	bool wants_snapshot;
	map last_state; /* by placement: a lifecycle_name */
	int64_t applied_rev;
	uint32_t n_running_told;
} fake_server;

static inline bool fake_loses(fake_server *s)
{
	s->random = s->random * 6364136223846793005u + 1442695040888963407u;
	if (!s->lose_one_in || (s->random >> 33) % (uint64_t)s->lose_one_in)
		return false;
	s->n_lost++;
	return true;
}

static inline void fake_reply(fake_server *s, web_req *r, int status, str body)
{
	if (status == 200 && r->tls && r->tls->is_verified && fake_loses(s)) {
		status = 500;
		body = S("{\"code\":\"internal\"}");
	}
	web_reply(r, status, S("Content-Type: application/json\r\n"), body);
}

static inline void fake_certify(fake_server *s, web_req *r, str csr, int64_t seconds)
{
	join_answer answer = {
		.state = S("ready"), .cluster_id = S("cls_1"), .cluster = S("par-1"), .ca = s->ca.cert_pem};
	buf b;

	answer.certificate = fake_ca_sign(&s->ca, csr, r->arena, seconds);
	buf_init(&b, 1 << 20);
	js_writer w = js_writer_on(&b);
	js_write(&w, &join_answer_type, &answer);
	fake_reply(s, r, 200, buf_str(&b));
	buf_done(&b);
}

static inline void fake_join(fake_server *s, web_req *r)
{
	join_request q;

	MUST(js_read(&join_request_type, r->body, r->arena, &q, &must));
	cr_assert(str_eq(q.cluster_uid, S("sim")));
	s->n_joins++;
	if (!str_eq(q.token, S("rv_join_good")))
		fake_reply(s, r, 403, S("{\"code\":\"join_refused\"}"));
	else if (s->n_joins == 1)
		fake_reply(s, r, 500, S(""));
	else if (s->n_joins == 2)
		fake_reply(s, r, 200, S("{\"state\":\"pending\",\"cluster\":\"par-1\"}"));
	else
		fake_certify(s, r, q.csr, 86400);
}

static inline void fake_renew(fake_server *s, web_req *r)
{
	renew_request q;

	MUST(js_read(&renew_request_type, r->body, r->arena, &q, &must));
	s->n_renewals++;
	fake_certify(s, r, q.csr, 7 * 86400);
}

static inline void fake_sync_answer(fake_server *s, web_req *r, int64_t applied_rev)
{
	int64_t first = applied_rev > 2 && s->random % 4 == 0 ? applied_rev - 1 : applied_rev + 1;
	int64_t n = (int64_t)s->n_changes - first + 1;

	n = n > FAKE_PER_SYNC ? FAKE_PER_SYNC : n < 0 ? 0 : n;
	fake_reply(s, r, 200, answer_write(r->arena, 7, first, s->changes + first - 1, (uint32_t)n));
}

static inline void fake_let_go(void *arg)
{
	fake_server *s = arg;
	web_req *r = s->held;

	s->held = NULL;
	if (r)
		fake_sync_answer(s, r, s->applied_rev);
}

static inline void fake_held_gone(web_req *r)
{
	fake_server *s = r->work;

	s->is_held_gone = true;
}

static inline void fake_sync(fake_server *s, web_req *r)
{
	sync_request q;

	MUST(js_read(&sync_request_type, r->body, r->arena, &q, &must));
	cr_assert_geq(q.applied_rev, s->applied_rev, "what was told as applied stays applied");
	cr_assert_leq(q.applied_rev, (int64_t)s->n_changes);
	s->applied_rev = q.applied_rev;
	if (q.applied_rev < (int64_t)s->n_changes) {
		fake_sync_answer(s, r, q.applied_rev);
		return;
	}
	cr_assert(!s->held || s->is_held_gone, "one sync at a time");
	fake_let_go(s);
	s->is_held_gone = false;
	s->held = r;
	r->work = s;
	r->on_gone = fake_held_gone;
	loop_timer_arm(s->hold, MS(200));
}

static inline void fake_step(fake_server *s, const report_item *i)
{
	const char *before = map_find(&s->last_state, i->placement);
	lifecycle from = LIFE_GRANTED, to;

	cr_assert(lifecycle_find(i->state, &to), STR_FMT, STR_ARG(i->state));
	cr_assert(!before || lifecycle_find(str_from(before), &from));
	cr_assert(from == to || to == LIFE_REVOKED || lifecycle_leads(from, to) || s->n_sessions > 1,
		STR_FMT ": %s after %s", STR_ARG(i->placement), lifecycle_name(to), lifecycle_name(from));
	cr_assert(i->at.us > 0);
	if (to == LIFE_RUNNING && from != LIFE_RUNNING)
		s->n_running_told++;
	str name = before ? i->placement : str_dup(s->arena, i->placement);
	if (before)
		(void)map_remove(&s->last_state, name);
	name = str_dup(s->arena, i->placement);
	(void)map_put(&s->last_state, name, (void *)(uintptr_t)lifecycle_name(to));
}

static inline void fake_items(fake_server *s, const report *q)
{
	const report_item *i = q->items.v;

	for (uint32_t k = 0; k < q->items.n; k++) {
		if (str_eq(i[k].kind, S("step")))
			fake_step(s, &i[k]);
		s->n_inventories += str_eq(i[k].kind, S("inventory"));
		s->n_usages += str_eq(i[k].kind, S("usage"));
	}
}

static inline void fake_report(fake_server *s, web_req *r)
{
	report q;

	MUST(js_read(&report_type, r->body, r->arena, &q, &must));
	if (!str_eq(q.session, str_from(s->session))) {
		cr_assert_eq(q.seq, 1, "a session begins with 1");
		(void)snprintf(s->session, sizeof(s->session), STR_FMT, STR_ARG(q.session));
		s->seq = 0;
		s->n_sessions++;
		s->wants_snapshot = false; /* asked for until it is heard */
	}
	if (q.seq == s->seq) {
		cr_assert(str_eq(r->body, s->last_body), "a repeated report is the same");
		s->n_repeats++;
	} else {
		cr_assert_eq(q.seq, s->seq + 1, "reports are numbered without gaps");
		s->seq = q.seq;
		s->last_body = str_dup(s->arena, r->body);
		fake_items(s, &q);
	}
	str answer = str_print(r->arena, "{\"acked_seq\":%lld%s}", (long long)s->seq,
		s->wants_snapshot ? ",\"want_snapshot\":true" : "");
	fake_reply(s, r, 200, answer);
}

static inline void fake_request(void *arg, web_req *r)
{
	static const struct {
		const char *path;
		void (*serve)(fake_server *s, web_req *r);
		bool needs_certificate;
	} routes[] = {
		{"/agent/v1/join", fake_join, false},
		{"/agent/v1/renew", fake_renew, true},
		{"/agent/v1/sync", fake_sync, true},
		{"/agent/v1/report", fake_report, true},
	};
	fake_server *s = arg;

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		if (!str_eq(r->path, str_from(routes[i].path)))
			continue;
		cr_assert_eq(r->method, WEB_POST);
		cr_assert(!routes[i].needs_certificate || (r->tls && r->tls->is_verified), "%s", routes[i].path);
		routes[i].serve(s, r);
		return;
	}
	fake_reply(s, r, 404, S(""));
}

static inline void fake_open(fake_server *s, loop *l)
{
	char address[64];
	int fd;

	*s = (fake_server){.loop = l, .arena = arena_new(512 << 20), .d = folder_new(), .random = 11};
	s->ca = fake_ca_new(s->arena);
	(void)snprintf(s->ca_file, sizeof(s->ca_file), "%s/ca.pem", s->d.path);
	(void)snprintf(s->key_file, sizeof(s->key_file), "%s/key.pem", s->d.path);
	MUST(file_write(s->ca_file, 0600, s->ca.cert_pem, &must));
	MUST(file_write(s->key_file, 0600, s->ca.key_pem, &must));
	MUST(tls_server_new(s->ca_file, s->key_file, s->ca_file, &s->tls, &must));
	MUST(listen_open("127.0.0.1:0", &fd, &must));
	MUST(listen_address(fd, address, sizeof(address)));
	(void)snprintf(s->url, sizeof(s->url), "https://%s", address);
	s->hold = loop_timer_new(l, fake_let_go, s);
	s->web = web_open(l, fd, s->tls, &web_limits_default, &(web_hooks){.on_request = fake_request, .arg = s});
}

static inline void fake_close(fake_server *s)
{
	fake_let_go(s);
	web_close(s->web);
	loop_timer_free(s->hold);
	tls_context_free(s->tls);
	fake_ca_free(&s->ca);
	map_done(&s->last_state);
	arena_end(s->arena);
	folder_free(&s->d);
}

static inline void fake_change(fake_server *s, wish q)
{
	cr_assert_lt(s->n_changes, (uint32_t)FAKE_CHANGES_MAX);
	s->changes[s->n_changes++] = q;
}

/* Whether each of n placements "p<i>" was last told to be in `state`. */
static inline bool fake_all_are(const fake_server *s, uint32_t n, const char *state)
{
	uint32_t found = 0;

	map_each (slot, &s->last_state)
		found += strcmp(slot->value, state) == 0;
	return found == n;
}
