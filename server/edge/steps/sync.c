#include "api/types/agent.h"
#include "api/types/namespace.h"
#include "base/clock.h"
#include "base/metric.h"
#include "db/sql.h"
#include "json/write.h"
#include "server/edge/feed.h"
#include "server/edge/gate.h"
#include "server/edge/member.h"

enum { CHANGES_MAX = 500, CHANGES_BYTES_MAX = 1 << 20 };

/* One outstanding call of an agent. It listens before it looks, so that nothing is committed unseen in between. */
typedef struct sync_work {
	feed_ear ear;
	request *of;
	int64_t until_us; /* monotonic */
	sql_stream_head_row head;
	sql_stream_head_in head_in;
	sql_stream_next_in next_in;
	sql_inbox_ahead_in ahead_in;
	sql_lease_offers_in offers_in;
	sql_drift_of_in drift_in;
	sql_agent_config_in config_in;
	str drift;          /* as leases */
	str config;         /* as leases */
	str leases;         /* as they are told; absent: as before */
	int64_t config_rev; /* at the first look */
	bool has_looked, is_stirred, is_superseded;
} sync_work;

static void sync_stirred(feed_ear *ear)
{
	sync_work *w = (sync_work *)ear;

	w->is_stirred = true;
	if (w->of->owner == OWNER_FEED)
		request_wake(w->of);
}

static void sync_end(request *r)
{
	sync_work *w = r->work;

	feed_unlisten(r->edge->feed, &w->ear);
}

static void sync_let_go(request *r)
{
	metric_add(METRIC_AGENT_SYNCS, 0, -1);
	sync_end(r);
}

static step sync_hold(request *r, int64_t left_ms)
{
	metric_add(METRIC_AGENT_SYNCS, 0, 1);
	return request_hold(r, left_ms, sync_let_go, STEP_agent_sync_woken);
}

/* A newer call of the same cluster ends this one. */
static void supersede(const edge *e, int32_t cluster_key)
{
	sync_work *old = (sync_work *)feed_listener(e->feed, cluster_key);

	if (!old)
		return;
	old->is_superseded = true;
	feed_unlisten(e->feed, &old->ear);
	if (old->of->owner == OWNER_FEED)
		request_wake(old->of);
}

static step sync_look(request *r)
{
	sync_work *w = r->work;

	w->is_stirred = false;
	if (!w->ear.is_on)
		feed_listen(r->edge->feed, &w->ear);
	w->head_in.cluster_key = r->agent->cluster_key;
	return request_fetch(r, DB_PLATFORM, SQL_STREAM_HEAD, &w->head_in, STEP_agent_sync_head);
}

step agent_sync(request *r)
{
	const sync_request *q = r->body;
	sync_work *w = ARENA_NEW(r->arena, sync_work);

	supersede(r->edge, r->agent->cluster_key);
	r->work = w;
	w->of = r;
	w->until_us = clock_mono_us() + q->wait_ms * 1000;
	w->ear = (feed_ear){
		.cluster_key = r->agent->cluster_key, .cluster = r->agent->cluster, .on_events = sync_stirred};
	return sync_look(r);
}

static void answer_begin(js_writer *js, const sync_work *w)
{
	js_object_begin(js);
	js_put_i64(js, "term", w->head.term);
	js_put_i64(js, "incarnation", w->head.incarnation);
	js_put_i64(js, "rev", w->head.rev);
	js_key(js, S("changes"));
	js_array_begin(js);
}

static step answer_end(request *r, js_writer *js)
{
	const sync_work *w = r->work;

	js_array_end(js);
	if (w->leases.p)
		js_put_raw(js, "leases", w->leases);
	if (w->drift.p)
		js_put_raw(js, "drift", w->drift);
	if (w->config.p)
		js_put_raw(js, "config", w->config);
	js_put_i64(js, "config_rev", w->head.config_rev);
	js_object_end(js);
	return request_reply_out(r, 200);
}

static step answer_empty(request *r)
{
	js_writer js = js_writer_on(request_out(r));

	answer_begin(&js, r->work);
	return answer_end(r, &js);
}

/* Whether the agent must hear something besides changes. */
static bool is_news(const sync_request *q, const sync_work *w)
{
	return q->incarnation && q->incarnation != w->head.incarnation;
}

/* It applied what this database has never said. Of another incarnation it will say so itself, and rewind. */
static bool is_ahead(const sync_request *q, const sync_work *w)
{
	return q->applied_rev > w->head.rev && !is_news(q, w);
}

/* What the agent must hear, or that there is nothing yet. */
static step sync_decide(request *r, int64_t left_ms)
{
	const sync_request *q = r->body;
	sync_work *w = r->work;

	if (w->head.rev > q->applied_rev) {
		sync_end(r);
		w->next_in = (sql_stream_next_in){r->agent->cluster_key, q->applied_rev, CHANGES_MAX};
		return request_fetch(r, DB_PLATFORM, SQL_STREAM_NEXT, &w->next_in, STEP_agent_sync_read);
	}
	if (is_ahead(q, w)) {
		sync_end(r);
		w->ahead_in = (sql_inbox_ahead_in){r->agent->cluster_key, str_from(r->id)};
		return request_write(
			r, (uint64_t)r->agent->cluster_key, SQL_INBOX_AHEAD, &w->ahead_in, STEP_agent_sync_ahead);
	}
	bool is_other = w->head.config_rev != w->config_rev; /* the agent asks for it when it hears the number */
	if (w->is_superseded || left_ms <= 0 || is_news(q, w) || is_other || w->leases.p || w->drift.p || w->config.p) {
		sync_end(r);
		return answer_empty(r);
	}
	if (w->is_stirred)
		return sync_look(r);
	return sync_hold(r, left_ms);
}

static step drift_look(request *r, int64_t left_ms)
{
	const sync_request *q = r->body;
	sync_work *w = r->work;

	if (!js_given(&sync_request_type, q, "drift_n") || w->drift.p || w->head.drift_n == q->drift_n)
		return sync_decide(r, left_ms);
	sync_end(r);
	w->drift_in = (sql_drift_of_in){r->agent->cluster_key};
	return request_fetch(r, DB_PLATFORM, SQL_DRIFT_OF, &w->drift_in, STEP_agent_sync_drift);
}

step agent_sync_drift(request *r)
{
	sync_work *w = r->work;
	sql_drift_of_row row;
	fault f;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	js_writer js = js_writer_on(request_out(r));
	js_object_begin(&js);
	js_put_i64(&js, "n", w->head.drift_n);
	js_key(&js, S("buckets"));
	js_array_begin(&js);
	for (uint32_t i = 0; i < r->reply.rows && !db_row(&r->reply, i, &row, &f); i++)
		js_i64(&js, row.bucket);
	js_array_end(&js);
	js_object_end(&js);
	w->drift = str_dup(r->arena, buf_str(&r->edge->out));
	return sync_decide(r, (w->until_us - clock_mono_us()) / 1000);
}

/* An agent that does not say how far it is knows nothing of leases. */
static step leases_look(request *r)
{
	const sync_request *q = r->body;
	sync_work *w = r->work;
	int64_t left_ms = (w->until_us - clock_mono_us()) / 1000;

	bool knows = js_given(&sync_request_type, q, "lease_rev");
	if (knows && !w->leases.p && w->head.lease_rev != q->lease_rev) {
		sync_end(r);
		w->offers_in = (sql_lease_offers_in){r->agent->cluster_key, q->lease_rev};
		return request_fetch(r, DB_PLATFORM, SQL_LEASE_OFFERS, &w->offers_in, STEP_agent_sync_leases);
	}
	return drift_look(r, left_ms);
}

step agent_sync_head(request *r)
{
	const sync_request *q = r->body;
	sync_work *w = r->work;
	err e = r->reply.e;

	if (e || !r->reply.rows || (e = db_row(&r->reply, 0, &w->head, &r->fault))) {
		sync_end(r);
		return r->reply.e ? request_fail_reply(r) : request_fail(r, e ? e : ERR_UNAVAILABLE);
	}
	if (!w->has_looked)
		w->config_rev = w->head.config_rev;
	w->has_looked = true;
	if (!q->asks_config || w->config.p)
		return leases_look(r);
	sync_end(r);
	w->config_in = (sql_agent_config_in){r->agent->cluster_key};
	return request_fetch(r, DB_PLATFORM, SQL_AGENT_CONFIG, &w->config_in, STEP_agent_sync_config);
}

/* A row says one thing: the class of a product, the tenant of a namespace, or whose all other pods are. */
step agent_sync_config(request *r)
{
	sync_work *w = r->work;
	sync_class *classes = ARENA_ARRAY(r->arena, sync_class, r->reply.rows + 1);
	sync_space *spaces = ARENA_ARRAY(r->arena, sync_space, r->reply.rows + 1);
	sync_space *selectors = ARENA_ARRAY(r->arena, sync_space, r->reply.rows + 1);
	sync_config config = {.classes = {classes, 0}, .namespaces = {spaces, 0}, .selectors = {selectors, 0}};
	sql_agent_config_row row;
	fault f;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	for (uint32_t i = 0; i < r->reply.rows && !db_row(&r->reply, i, &row, &f); i++) {
		if (row.default_tenant.p)
			config.default_tenant = row.default_tenant;
		if (row.product.p)
			classes[config.classes.n++] = (sync_class){row.product, row.class};
		if (row.namespace.p && namespace_is_selector(row.namespace))
			selectors[config.selectors.n++] = (sync_space){row.namespace, row.tenant};
		else if (row.namespace.p)
			spaces[config.namespaces.n++] = (sync_space){row.namespace, row.tenant};
	}
	js_writer js = js_writer_on(request_out(r));
	js_write(&js, &sync_config_type, &config);
	w->config = str_dup(r->arena, buf_str(&r->edge->out));
	return leases_look(r);
}

static void offer_write(js_writer *js, const sql_lease_offers_row *row, arena *a)
{
	js_object_begin(js);
	js_put_text(js, "lease", str_print(a, "%lld." STR_FMT, (long long)row->tenant_key, STR_ARG(row->model)));
	js_put_text(js, "tenant", row->tenant);
	js_put_text(js, "model", row->model);
	js_put_text(js, "mode", row->mode);
	js_put_i64(js, "offline_s", row->offline_s);
	js_put_i64(js, "seq", row->seq);
	js_put_i64(js, "device_milli", row->device_milli);
	js_put_i64(js, "memory_mib", row->memory_mib);
	js_put_i64(js, "compute_milli", row->compute_milli);
	js_object_end(js);
}

/* All offers since the agent's last, in the same answer as the changes: what extends its deadline must not leave out
 * any (engine/lease_rules.def). */
step agent_sync_leases(request *r)
{
	const sync_request *q = r->body;
	sync_work *w = r->work;
	sql_lease_offers_row row;
	int64_t rev = w->head.lease_rev;
	fault f;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	js_writer js = js_writer_on(request_out(r));
	js_object_begin(&js);
	js_put_text(&js, "session", q->session);
	js_key(&js, S("items"));
	js_array_begin(&js);
	for (uint32_t i = 0; i < r->reply.rows && !db_row(&r->reply, i, &row, &f); i++) {
		rev = row.moved > rev ? row.moved : rev;
		if (row.seq)
			offer_write(&js, &row, r->arena);
	}
	js_array_end(&js);
	js_put_i64(&js, "rev", rev);
	js_object_end(&js);
	w->leases = str_dup(r->arena, buf_str(&r->edge->out));
	return drift_look(r, (w->until_us - clock_mono_us()) / 1000);
}

/* The answer, with a head behind its own, makes the agent rewind and report anew: the placer has it in writing before.
 */
step agent_sync_ahead(request *r)
{
	if (request_reply_failed(r))
		return request_fail_reply(r);
	notify_send(r->edge->notify, NOTIFY_INBOX);
	return answer_empty(r);
}

step agent_sync_woken(request *r)
{
	const sync_work *w = r->work;

	if (r->is_late || w->is_superseded || r->web->is_gone)
		return answer_empty(r);
	r->checked_next = STEP_agent_sync_checked;
	return gate_agent(r);
}

/* The certificate may have been revoked while the call was held. */
step agent_sync_checked(request *r)
{
	return sync_look(r);
}

step agent_sync_read(request *r)
{
	sync_work *w = r->work;
	sql_stream_next_row row;
	fault f;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	js_writer js = js_writer_on(request_out(r));
	answer_begin(&js, w);
	for (uint32_t i = 0; i < r->reply.rows; i++) {
		if (r->edge->out.n > CHANGES_BYTES_MAX || db_row(&r->reply, i, &row, &f))
			break;
		js_object_begin(&js);
		js_put_i64(&js, "rev", row.rev);
		js_put_text(&js, "action", row.action);
		js_put_raw(&js, "placement", member_find(row.body, S("placement")));
		js_object_end(&js);
	}
	return answer_end(r, &js);
}
