#include "api/types/agent.h"

#include "base/clock.h"
#include "base/metric.h"
#include "db/sql.h"
#include "json/write.h"
#include "server/edge/denial.h"
#include "server/edge/govern.h"
#include "server/edge/vouch.h"

/* A certificate being made: at the cluster's first join, or its renewal. */
typedef struct join_work {
	token_parsed token;
	ca_signed cert;
	sql_cluster_join_in join_in;
	sql_certificate_renew_in renew_in;
} join_work;

/* What nobody knows is counted, as a bearer's token is. */
static step refuse(request *r, const char *why)
{
	denial_count(r, ERR_JOIN_REFUSED);
	return request_fail_at(r, ERR_JOIN_REFUSED, "#/token", "%s", why);
}

/* Somebody has, or had, a real token of the cluster. */
static step refuse_known(request *r, str cluster_id, const char *why)
{
	vouch_record_refusal(r, &(vouch_refusal){
					.e = ERR_JOIN_REFUSED,
					.action = "cluster.join",
					.kind = S("cluster"),
					.object_id = cluster_id,
					.tenant_key = FLEET_KEY,
					.wrong = why,
				});
	return refuse(r, why);
}

step agent_join(request *r)
{
	const join_request *q = r->body;
	join_work *w = ARENA_NEW(r->arena, join_work);
	sql_join_token_find_in *in = ARENA_NEW(r->arena, sql_join_token_find_in);

	r->work = w;
	if (!token_parse(TOKEN_JOIN, q->token, &w->token))
		return refuse(r, "this is no join token of this server");
	in->id = id_str(&w->token.id);
	return request_fetch(r, DB_PLATFORM, SQL_JOIN_TOKEN_FIND, in, STEP_agent_join_found);
}

static step answer_write(request *r, buf *out, join_answer *a)
{
	js_writer w = js_writer_on(out);

	js_write(&w, &join_answer_type, a);
	return request_reply_out(r, 200);
}

static err sign(request *r, str csr, str cluster_id)
{
	join_work *w = r->work;
	err e = ca_sign_agent(r->edge->ca, csr, cluster_id, r->arena, &w->cert, &r->fault);

	if (e)
		fault_set(&r->fault, e, "#/csr", "%s", r->fault.detail);
	return e;
}

/* The answer is made where the row says whether the cluster is accepted. */
static int32_t joined(ledger_op *entry, const db_reply *reply, int64_t revision, int64_t at_us, buf *out)
{
	request *r = entry->arg;
	const join_work *w = r->work;
	bool is_ready = str_eq(db_text(reply, 0, "state"), S("ready")) && w->cert.certificate.p;
	join_answer a = {
		.state = is_ready ? S("ready") : S("pending"),
		.cluster_id = db_text(reply, 0, "id"),
		.cluster = db_text(reply, 0, "name"),
	};
	js_writer js = js_writer_on(out);

	(void)revision;
	(void)at_us;
	if (is_ready) {
		a.certificate = w->cert.certificate;
		a.ca = ca_certificate(r->edge->ca);
		a.expires_at.us = w->cert.expires_at_us;
	}
	js_write(&js, &join_answer_type, &a);
	entry->object_id = str_dup(r->arena, a.cluster_id);
	entry->change = str_print(r->arena, "{\"serial\":\"%s\"}", is_ready ? w->cert.serial : "");
	return 200;
}

static step record(request *r, sql_id s, void *in, const char *action, str cluster_id)
{
	r->ledger_op = ARENA_NEW(r->arena, ledger_op);
	*r->ledger_op = (ledger_op){
		.stmt = s,
		.in = in,
		.action = str_from(action),
		.object_kind = S("cluster"),
		.object_id = str_dup(r->arena, cluster_id),
		.tenant_key = 1,
		.on_row = joined,
	};
	return request_govern(r, STEP_agent_join_done);
}

/* An agent that waits to be accepted asks again and again: that changes nothing and needs no record. */
static bool still_waits(const sql_join_token_find_row *row, str uid)
{
	return str_eq(row->state, S("pending")) && !row->accepts && row->is_used && str_eq(row->uid, uid);
}

step agent_join_found(request *r)
{
	const join_request *q = r->body;
	join_work *w = r->work;
	sql_join_token_find_row row;
	err e;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!r->reply.rows)
		return refuse(r, "the token is unknown");
	if ((e = db_row(&r->reply, 0, &row, &r->fault)))
		return request_fail(r, e);
	if (!token_matches(&w->token, row.hash))
		return refuse(r, "the token is unknown");
	if (str_eq(row.state, S("lost")))
		return refuse_known(r, row.cluster_id, "the cluster was declared lost");
	if (still_waits(&row, q->cluster_uid)) {
		join_answer a = {.state = S("pending"), .cluster_id = row.cluster_id, .cluster = row.cluster};
		return answer_write(r, request_out(r), &a);
	}
	if (!row.is_open)
		return refuse_known(r, row.cluster_id, "the token has expired");
	bool may_be_ready = row.accepts || str_eq(row.state, S("ready"));
	if (may_be_ready && (e = sign(r, q->csr, row.cluster_id)))
		return request_fail(r, e);
	w->join_in = (sql_cluster_join_in){
		.token_id = id_str(&w->token.id),
		.uid = q->cluster_uid,
		.serial = str_from(w->cert.serial),
		.expires_at = w->cert.expires_at_us,
	};
	return record(r, SQL_CLUSTER_JOIN, &w->join_in, "cluster.join", row.cluster_id);
}

step agent_join_done(request *r)
{
	const ledger_answer *a = r->answer;

	if (a->e)
		return govern_fail(r);
	edge_governance_moved(r->edge, r->ledger_op->object_kind);
	return request_reply(r, 200, NULL, a->body);
}

step agent_renew(request *r)
{
	const renew_request *q = r->body;
	join_work *w = ARENA_NEW(r->arena, join_work);
	str cluster_id = str_from(r->agent->cluster_id);
	err e;

	r->work = w;
	if ((e = sign(r, q->csr, cluster_id)))
		return request_fail(r, e);
	w->renew_in = (sql_certificate_renew_in){
		.cluster_key = r->agent->cluster_key,
		.serial = str_from(w->cert.serial),
		.expires_at = w->cert.expires_at_us,
		.from_serial = r->agent->serial,
	};
	return record(r, SQL_CERTIFICATE_RENEW, &w->renew_in, "cluster.renew", cluster_id);
}

/* The items of a report that are rows of their own. */
static uint32_t usage_take(request *r, report *q, sql_inbox_report_in *in)
{
	report_item *items = q->items.v;
	uint32_t kept = 0, n = 0, room = q->items.n + 1;

	in->use_at = (i64s){ARENA_ARRAY(r->arena, int64_t, room), 0};
	in->use_placement = (strs){ARENA_ARRAY(r->arena, str, room), 0};
	in->use_source = (i64s){ARENA_ARRAY(r->arena, int64_t, room), 0};
	in->use_window_ms = (i64s){ARENA_ARRAY(r->arena, int64_t, room), 0};
	in->use_memory_mib_avg = (i64s){ARENA_ARRAY(r->arena, int64_t, room), 0};
	in->use_memory_mib_max = (i64s){ARENA_ARRAY(r->arena, int64_t, room), 0};
	in->use_compute_milli_avg = (i64s){ARENA_ARRAY(r->arena, int64_t, room), 0};
	for (uint32_t i = 0; i < q->items.n; i++) {
		const report_item *item = &items[i];
		if (!str_eq(item->kind, S("usage"))) {
			items[kept++] = *item;
			continue;
		}
		in->use_at.v[n] = item->at.us ? item->at.us : clock_now_us();
		in->use_placement.v[n] = item->placement.p ? item->placement : S("");
		in->use_source.v[n] = item->source;
		in->use_window_ms.v[n] = item->window_ms;
		in->use_memory_mib_avg.v[n] = item->memory_mib_avg;
		in->use_memory_mib_max.v[n] = item->memory_mib_max;
		in->use_compute_milli_avg.v[n] = item->compute_milli_avg;
		n++;
	}
	in->use_at.n = in->use_placement.n = in->use_source.n = in->use_window_ms.n = n;
	in->use_memory_mib_avg.n = in->use_memory_mib_max.n = in->use_compute_milli_avg.n = n;
	q->items.n = kept;
	return n;
}

/* What is stored: the report as it came, or without what has rows of its own. */
static str report_body(request *r, const report *q, uint32_t taken)
{
	if (!taken)
		return r->web->body;
	js_writer w = js_writer_on(request_out(r));
	js_write(&w, &report_type, q);
	return str_dup(r->arena, buf_str(&r->edge->out));
}

step agent_report(request *r)
{
	report *q = r->body;
	sql_inbox_report_in *in = ARENA_NEW(r->arena, sql_inbox_report_in);
	uint32_t taken = usage_take(r, q, in);

	in->cluster_key = r->agent->cluster_key;
	in->session = q->session;
	in->seq = q->seq;
	in->version = q->version.p ? q->version : S("");
	in->body = report_body(r, q, taken);
	in->request_id = str_from(r->id);
	return request_write(r, (uint64_t)r->agent->cluster_key, SQL_INBOX_REPORT, in, STEP_agent_report_done);
}

step agent_report_done(request *r)
{
	sql_inbox_report_row row;
	err e;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if ((e = db_row(&r->reply, 0, &row, &r->fault)))
		return request_fail(r, e);
	if (row.is_stored) {
		metric_add(METRIC_AGENT_REPORTS, 0, 1);
		notify_send(r->edge->notify, NOTIFY_INBOX);
	}
	report_answer a = {.acked_seq = row.acked_seq, .want_snapshot = !row.is_stored && row.acked_seq == 0};
	js_writer w = js_writer_on(request_out(r));
	js_write(&w, &report_answer_type, &a);
	return request_reply_out(r, 200);
}
