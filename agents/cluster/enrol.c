#include "agents/cluster/enrol.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/backoff.h"
#include "agents/cluster/credential.h"
#include "agents/file.h"
#include "api/types/agent.h"
#include "base/clock.h"
#include "base/log.h"
#include "json/write.h"
#include "net/fetch.h"

enum { BODY_BYTES_MAX = 64 << 10, ANSWER_BYTES_MAX = 1 << 20, URL_MAX = 2048 };

struct enrol {
	enrol_config c;
	fetch *fetch;
	loop_timer *timer;
	backoff backoff;
	char url[URL_MAX];
	bool is_asking, is_closed, is_pending, is_lost;
};

static void ask(void *arg);

static void again(enrol *n, int64_t delay_us)
{
	loop_timer_arm(n->timer, delay_us);
}

static void again_later(enrol *n)
{
	uint64_t random;

	random_bytes(&random, sizeof(random));
	again(n, backoff_next(&n->backoff, random));
}

static err certificate_take(enrol *n, const join_answer *a, fault *f)
{
	int64_t until_us;

	err e = credential_check(a->certificate, n->c.home->key, &until_us, f);
	if (!e && a->ca.n)
		e = file_write(n->c.home->ca, 0644, a->ca, f);
	if (!e)
		e = file_write(n->c.home->cert, 0644, a->certificate, f);
	if (!e)
		log_info("enrol.ready", KV("cluster", a->cluster), KV("cluster_id", a->cluster_id),
			KV_I64("days_left", (until_us - clock_now_us()) / 86400000000));
	return e;
}

static void answer_take(enrol *n, str body)
{
	AUTO_ARENA a = arena_new(0);
	join_answer answer;
	fault f = {0};

	err e = js_read_output(&join_answer_type, body, a, &answer, &f);
	if (!e && str_eq(answer.state, S("pending"))) {
		if (!n->is_pending)
			log_info("enrol.pending", KV("cluster", answer.cluster));
		n->is_pending = true;
		backoff_reset(&n->backoff);
		again(n, ENROL_PENDING_US);
		return;
	}
	if (!e)
		e = certificate_take(n, &answer, &f);
	if (e)
		n->c.on_refused(n->c.arg, e, f.detail);
	else
		n->c.on_ready(n->c.arg);
}

/* 4xx other than "too many" and "too slow" will not change by asking again. A renewal is never given up: the agent
 * works on with what it has. */
static bool is_refusal(const enrol *n, const fetch_reply *r)
{
	return r->e == ERR_OK && n->c.token && r->status >= 400 && r->status < 500 && r->status != 429 &&
	       r->status != 408;
}

static void enrol_free(enrol *n)
{
	fetch_free(n->fetch);
	loop_timer_free(n->timer);
	free(n);
}

static void on_answer(void *arg, const fetch_reply *r)
{
	enrol *n = arg;
	char why[300];

	n->is_asking = false;
	if (n->is_closed) {
		enrol_free(n);
		return;
	}
	if (r->e == ERR_OK && (r->status == 200 || r->status == 201 || r->status == 202)) {
		n->is_lost = false;
		answer_take(n, r->body);
		return;
	}
	if (r->e == ERR_OK)
		(void)snprintf(why, sizeof(why), "status %ld: " STR_FMT, r->status, STR_ARG(str_cut(r->body, 0, 200)));
	else
		(void)snprintf(why, sizeof(why), "%s", r->why);
	if (is_refusal(n, r)) {
		n->c.on_refused(n->c.arg, ERR_JOIN_REFUSED, why);
		return;
	}
	if (!n->is_lost)
		log_warn("enrol.failed", KV_Z("why", why));
	n->is_lost = true;
	again_later(n);
}

static void body_write(const enrol *n, str csr, buf *out)
{
	join_request join = {
		.token = str_from(n->c.token),
		.csr = csr,
		.cluster_uid = n->c.cluster_uid,
		.agent_id = str_from(n->c.home->agent_id),
		.version = str_from(n->c.version),
	};
	renew_request renew = {.csr = csr};

	js_writer w = js_writer_on(out);
	if (n->c.token)
		js_write(&w, &join_request_type, &join);
	else
		js_write(&w, &renew_request_type, &renew);
}

static void ask(void *arg)
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};
	AUTO_ARENA a = arena_new(0);
	enrol *n = arg;
	fault f = {0};
	buf body;
	str csr;

	err e = credential_request(n->c.home->key, str_from(n->c.home->agent_id), a, &csr, &f);
	if (e) {
		n->c.on_refused(n->c.arg, e, f.detail);
		return;
	}
	buf_init(&body, BODY_BYTES_MAX);
	body_write(n, csr, &body);
	n->is_asking = true;
	(void)fetch_send(n->fetch, &(fetch_request){
					   .method = "POST",
					   .url = n->url,
					   .headers = headers,
					   .body = buf_str(&body),
					   .timeout_ms = ENROL_TIMEOUT_MS,
					   .body_max = ANSWER_BYTES_MAX,
					   .on_done = on_answer,
					   .arg = n,
				   });
	buf_done(&body);
}

enrol *enrol_open(const enrol_config *c)
{
	enrol *n = calloc(1, sizeof(*n));

	assert(n);
	n->c = *c;
	(void)snprintf(n->url, sizeof(n->url), "%s/agent/v1/%s", c->server, c->token ? "join" : "renew");
	n->fetch = fetch_new(c->loop, &(fetch_config){
					      .ca_file = c->ca_file,
					      .cert_file = c->token ? NULL : c->home->cert,
					      .key_file = c->token ? NULL : c->home->key,
					      .user_agent = c->version,
				      });
	n->timer = loop_timer_new(c->loop, ask, n);
	again(n, 0);
	return n;
}

void enrol_close(enrol *n)
{
	if (!n)
		return;
	n->is_closed = true;
	loop_timer_disarm(n->timer);
	/* A call under way is told from the loop that it was cancelled, and frees the rest. */
	if (!n->is_asking) {
		enrol_free(n);
		return;
	}
	fetch_free(n->fetch);
	n->fetch = NULL;
}

int64_t enrol_until_us(const home *h)
{
	AUTO_ARENA a = arena_new(0);
	int64_t until_us;
	str pem;

	if (!file_exists(h->cert) || file_read(h->cert, a, &pem, NULL) ||
		credential_check(pem, h->key, &until_us, NULL))
		return 0;
	return until_us;
}
