#include "agents/cluster/uplink.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/fetch.h"

enum { URL_MAX = 2048, ANSWER_BYTES_MAX = 32 << 20, WHY_MAX = 300, RETRY_AFTER_MAX_S = 60 };

/* One of the two calls. */
typedef struct lane_call {
	const char *name;
	char url[URL_MAX];
	fetch_call *call; /* under way, or NULL */
	backoff backoff;
	loop_timer *timer; /* when to try again */
	bool is_waiting;   /* for that timer */
	bool is_lost;
	int64_t sent_us;                      /* monotonic */
	char session[OUTBOX_SESSION_MAX + 1]; /* it was sent for */
} lane_call;

struct uplink {
	uplink_config c;
	fetch *fetch;
	lane_call sync, report;
	loop_timer *turn, *grace;
	bool is_stirred, is_kicked, is_stopping, is_ended, is_failed;
	int64_t n_unkept;                          /* loans, as was logged last */
	uint32_t n_calls;                          /* whose answers are still to come, cancelled ones included */
	char told_session[OUTBOX_SESSION_MAX + 1]; /* its first report is stored */
};

static void end_maybe(uplink *u);

static void fail(uplink *u, const fault *f)
{
	log_error("agent.failed", KV_Z("why", f->detail));
	u->is_failed = u->is_stopping = true;
}

static int64_t now(const uplink *u)
{
	return agent_now_us(u->c.agent, clock_now_us());
}

static void turn(uplink *u)
{
	int64_t now_us = now(u), next_us;
	fault f = {0};

	u->is_stirred = false;
	if (u->is_failed)
		return;
	if (agent_turn(u->c.agent, now_us, &next_us, &f)) {
		fail(u, &f);
		return;
	}
	if (next_us == CLUSTER_NEVER) {
		loop_timer_disarm(u->turn);
		return;
	}
	int64_t delay_us = agent_real_us(u->c.agent, next_us - now_us);
	loop_timer_arm(u->turn, delay_us < UPLINK_TURN_MIN_US ? UPLINK_TURN_MIN_US : delay_us);
}

static void on_turn(void *arg)
{
	turn(arg);
	uplink_kick(arg);
}

static void call_found(uplink *u, lane_call *l)
{
	if (l->is_lost)
		log_info("server.found", KV_Z("server", u->c.server), KV_Z("call", l->name));
	l->is_lost = false;
	backoff_reset(&l->backoff);
}

static void call_delay(lane_call *l, int64_t delay_us)
{
	l->is_waiting = true;
	loop_timer_arm(l->timer, delay_us);
}

static int64_t retry_after_us(const fetch_reply *r)
{
	int64_t s;

	if (r->e || !str_to_i64(fetch_header(r, S("Retry-After")), &s) || s < 0)
		return 0;
	return (s < RETRY_AFTER_MAX_S ? s : RETRY_AFTER_MAX_S) * 1000000;
}

static void call_lost(uplink *u, lane_call *l, const fetch_reply *r, const char *why)
{
	int64_t advice_us = retry_after_us(r);
	uint64_t random;

	if (!l->is_lost)
		log_warn("server.lost", KV_Z("server", u->c.server), KV_Z("call", l->name),
			KV_I64("status", r->e ? 0 : r->status), KV_Z("why", why));
	l->is_lost = true;
	if (l == &u->sync)
		agent_lost(u->c.agent);
	random_bytes(&random, sizeof(random));
	int64_t wait_us = backoff_next(&l->backoff, random);
	call_delay(l, wait_us < advice_us ? advice_us : wait_us);
}

static void call_failed(uplink *u, lane_call *l, const fetch_reply *r)
{
	char why[WHY_MAX];

	if (r->e)
		(void)snprintf(why, sizeof(why), "%s", r->why);
	else
		(void)snprintf(why, sizeof(why), STR_FMT, STR_ARG(str_cut(r->body, 0, WHY_MAX - 1)));
	call_lost(u, l, r, why);
}

static void on_retry_sync(void *arg)
{
	uplink *u = arg;

	u->sync.is_waiting = false;
	uplink_kick(u);
}

static void on_retry_report(void *arg)
{
	uplink *u = arg;

	u->report.is_waiting = false;
	uplink_kick(u);
}

/* Whether the answer is one that is still waited for. */
static bool call_ended(uplink *u, lane_call *l, const fetch_reply *r)
{
	assert(u->n_calls > 0);
	u->n_calls--;
	if (l->call && r->e != ERR_CLOSED) {
		l->call = NULL;
		return true;
	}
	uplink_kick(u);
	return false;
}

static void news_log(uplink *u, const agent_news *n)
{
	if (n->n_unkept != u->n_unkept)
		log_warn("loans.unkept", KV_I64("loans", n->n_unkept),
			KV_Z("means",
				"more is lent here than can be remembered: the server places what comes for these"));
	u->n_unkept = n->n_unkept;
	if (n->n_refused || n->n_not_known || n->is_gap || n->is_new_database)
		log_warn("sync.applied", KV_I64("rev", agent_rev(u->c.agent)), KV_I64("changes", n->n_changes),
			KV_I64("accepted", n->n_accepted), KV_I64("refused", n->n_refused),
			KV_I64("stopped", n->n_stopped), KV_I64("not_known", n->n_not_known),
			KV_I64("is_gap", n->is_gap), KV_I64("is_new_database", n->is_new_database));
	else if (n->n_changes)
		log_debug("sync.applied", KV_I64("rev", agent_rev(u->c.agent)), KV_I64("changes", n->n_changes),
			KV_I64("accepted", n->n_accepted), KV_I64("stopped", n->n_stopped));
}

/* The next call waits only where calls come close together: the first change after a pause is fetched at once. */
static void sync_pace(uplink *u, const agent_news *n)
{
	int64_t since_us = clock_mono_us() - u->sync.sent_us;
	bool is_quiet = !n->n_changes && since_us < UPLINK_QUIET_MIN_US;

	if (is_quiet || n->is_gap)
		call_delay(&u->sync, UPLINK_QUIET_MIN_US);
	else if (since_us < UPLINK_SYNC_MIN_US)
		call_delay(&u->sync, UPLINK_SYNC_MIN_US - since_us);
}

static void sync_apply(uplink *u, const fetch_reply *r)
{
	agent_news news;
	fault f = {0};

	err e = agent_apply(u->c.agent, r->body, now(u), &news, &f);
	if (e == ERR_IO || e == ERR_LIMIT) {
		fail(u, &f);
		return;
	}
	turn(u);
	if (e) {
		char why[FAULT_POINTER_MAX + FAULT_DETAIL_MAX + 4];
		(void)snprintf(why, sizeof(why), "%s: %s", f.pointer, f.detail);
		call_lost(u, &u->sync, r, why);
		return;
	}
	news_log(u, &news);
	call_found(u, &u->sync);
	sync_pace(u, &news);
}

static void on_sync(void *arg, const fetch_reply *r)
{
	uplink *u = arg;

	if (!call_ended(u, &u->sync, r))
		return;
	if (r->e || r->status != 200)
		call_failed(u, &u->sync, r);
	else
		sync_apply(u, r);
	uplink_kick(u);
}

static void report_take(uplink *u, const fetch_reply *r)
{
	bool is_restarted;
	fault f = {0};

	err e = agent_answered(u->c.agent, r->body, now(u), &is_restarted, &f);
	if (e) {
		call_lost(u, &u->report, r, f.detail);
		return;
	}
	call_found(u, &u->report);
	if (is_restarted)
		log_info(
			"session.begun", KV_Z("session", agent_session_id(u->c.agent)), KV_Z("why", "the server asks"));
	else
		memcpy(u->told_session, u->report.session, sizeof(u->told_session));
}

static void on_report(void *arg, const fetch_reply *r)
{
	uplink *u = arg;

	if (!call_ended(u, &u->report, r))
		return;
	/* A session that was begun meanwhile has taken everything over. */
	bool is_ours = strcmp(u->report.session, agent_session_id(u->c.agent)) == 0;
	if (r->e == ERR_OK && r->status == 200 && is_ours) {
		report_take(u, r);
	} else if (r->e == ERR_OK && r->status == err_status(ERR_SEQUENCE_GAP) && is_ours) {
		agent_session(u->c.agent, now(u));
		log_warn("session.begun", KV_Z("session", agent_session_id(u->c.agent)), KV_Z("why", "sequence gap"));
		call_lost(u, &u->report, r, "sequence gap");
	} else if (is_ours || r->e || r->status != 200) {
		call_failed(u, &u->report, r);
	}
	uplink_kick(u);
}

static void call_send(
	uplink *u, lane_call *l, str body, int64_t timeout_ms, void (*on_done)(void *arg, const fetch_reply *r))
{
	static const char *const headers[] = {"Content-Type: application/json", NULL};

	l->sent_us = clock_mono_us();
	(void)snprintf(l->session, sizeof(l->session), "%s", agent_session_id(u->c.agent));
	l->call = fetch_send(u->fetch, &(fetch_request){
					       .method = "POST",
					       .url = l->url,
					       .headers = headers,
					       .body = body,
					       .timeout_ms = timeout_ms,
					       .body_max = ANSWER_BYTES_MAX,
					       .on_done = on_done,
					       .arg = u,
				       });
	u->n_calls++;
}

static void report_send(uplink *u)
{
	str body = agent_report(u->c.agent);

	if (body.p)
		call_send(u, &u->report, body, UPLINK_REPORT_TIMEOUT_MS, on_report);
}

static void sync_send(uplink *u)
{
	AUTO_ARENA a = arena_new(0);

	/* Where time runs faster the server is asked as often by that clock, as far as it can be. */
	int64_t wait_ms = agent_real_us(u->c.agent, (int64_t)UPLINK_WAIT_MS * 1000) / 1000;
	agent_asks(u->c.agent, now(u));
	call_send(u, &u->sync,
		agent_sync_body(u->c.agent, a, wait_ms < UPLINK_WAIT_MIN_MS ? UPLINK_WAIT_MIN_MS : wait_ms),
		UPLINK_SYNC_TIMEOUT_MS, on_sync);
}

static bool is_told(const uplink *u)
{
	return strcmp(u->told_session, agent_session_id(u->c.agent)) == 0;
}

static void on_kick(void *arg)
{
	uplink *u = arg;

	u->is_kicked = false;
	bool may_speak = agent_is_kept(u->c.agent);
	if (!u->is_failed && u->fetch && may_speak && !u->report.call && !u->report.is_waiting)
		report_send(u);
	if (!u->is_stopping && is_told(u) && may_speak && !u->sync.call && !u->sync.is_waiting)
		sync_send(u);
	end_maybe(u);
}

/* At most one look per turn of the loop, whatever happened in it. */
void uplink_kick(uplink *u)
{
	if (u->is_kicked || u->is_ended)
		return;
	u->is_kicked = true;
	loop_defer(u->c.loop, on_kick, u);
}

static void connect_open(uplink *u)
{
	u->fetch = fetch_new(u->c.loop, &(fetch_config){
						.ca_file = u->c.ca_file,
						.cert_file = u->c.home->cert,
						.key_file = u->c.home->key,
						.user_agent = u->c.version,
					});
}

static void connect_close(uplink *u)
{
	u->sync.call = u->report.call = NULL;
	fetch_free(u->fetch);
	u->fetch = NULL;
}

static void lane_open(uplink *u, lane_call *l, const char *name, void (*on_retry)(void *arg))
{
	l->name = name;
	(void)snprintf(l->url, sizeof(l->url), "%s/agent/v1/%s", u->c.server, name);
	l->timer = loop_timer_new(u->c.loop, on_retry, u);
}

static void on_grace(void *arg)
{
	uplink *u = arg;

	connect_close(u);
	uplink_kick(u);
}

uplink *uplink_open(const uplink_config *c)
{
	uplink *u = calloc(1, sizeof(*u));

	assert(u);
	u->c = *c;
	lane_open(u, &u->sync, "sync", on_retry_sync);
	lane_open(u, &u->report, "report", on_retry_report);
	u->turn = loop_timer_new(c->loop, on_turn, u);
	u->grace = loop_timer_new(c->loop, on_grace, u);
	connect_open(u);
	log_info("session.begun", KV_Z("session", agent_session_id(c->agent)), KV_I64("rev", agent_rev(c->agent)));
	loop_timer_arm(u->turn, 0);
	uplink_kick(u);
	return u;
}

void uplink_reconnect(uplink *u)
{
	if (u->is_stopping)
		return;
	connect_close(u);
	connect_open(u);
	uplink_kick(u);
}

void uplink_stir(uplink *u)
{
	if (u->is_stirred || u->is_ended)
		return;
	u->is_stirred = true;
	loop_timer_arm(u->turn, UPLINK_TURN_MIN_US);
}

void uplink_stop(uplink *u)
{
	if (u->is_stopping)
		return;
	u->is_stopping = true;
	if (u->sync.call)
		fetch_cancel(u->sync.call);
	u->sync.call = NULL;
	loop_timer_arm(u->grace, (int64_t)UPLINK_GRACE_MS * 1000);
	uplink_kick(u);
}

void uplink_halt(uplink *u)
{
	u->is_stopping = u->is_failed = true;
	connect_close(u);
	uplink_kick(u);
}

/* The end waits until the last report is stored, the server is lost or the grace is over; then for calls that were
 * cancelled, since they still point here. */
static void end_maybe(uplink *u)
{
	fault f = {0};

	if (!u->is_stopping || u->is_ended)
		return;
	bool is_told_all = !outbox_has_work(agent_outbox(u->c.agent)) || u->report.is_lost;
	if (u->fetch && (is_told_all || u->is_failed))
		connect_close(u);
	if (u->fetch || u->n_calls)
		return;
	loop_timer_disarm(u->turn);
	loop_timer_disarm(u->grace);
	if (!u->is_failed && agent_flush(u->c.agent, &f))
		fail(u, &f);
	u->is_ended = true;
	u->c.on_end(u->c.arg, u->is_failed);
}

void uplink_close(uplink *u)
{
	if (!u)
		return;
	assert(u->is_ended);
	loop_timer_free(u->sync.timer);
	loop_timer_free(u->report.timer);
	loop_timer_free(u->turn);
	loop_timer_free(u->grace);
	free(u);
}
