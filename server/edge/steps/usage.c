#include "api/types/audit.h"
#include "api/types/query.h"
#include "base/clock.h"
#include "db/sql.h"
#include "json/write.h"
#include "server/edge/bind.h"
#include "server/edge/list.h"

enum { WINDOW_DAYS = 30, VERIFY_PAGE = 250 };
#define DAY_US 86400000000LL

step usage_ask(request *r)
{
	usage_query *q = r->query;
	int64_t now_us = clock_now_us();

	if (!q->until.us)
		q->until.us = now_us;
	if (!q->from.us)
		q->from.us = q->until.us - WINDOW_DAYS * DAY_US;
	if (q->from.us >= q->until.us)
		return request_fail_at(r, ERR_BAD_PARAMETER, "until", "must be after from");
	return list_run(r, bind_request(r, SQL_USAGE_LIST));
}

/* Walks both chains from their beginning, a page at a time. */
typedef struct verify_work {
	verify_answer answer;
	uint8_t hash[LEDGER_HASH];
	int64_t n; /* of the last record seen */
} verify_work;

static void chain_begin(verify_work *v)
{
	/* Both chains grow from the hash of nothing. */
	static const uint8_t empty[LEDGER_HASH] = {0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
		0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b,
		0x78, 0x52, 0xb8, 0x55};

	v->n = 0;
	memcpy(v->hash, empty, sizeof(empty));
}

static void record_follow(verify_work *v, const char *chain, int64_t n, str body, str hash)
{
	chain_link(v->hash, body, v->hash);
	bool follows = n == v->n + 1 && hash.n == LEDGER_HASH && memcmp(hash.p, v->hash, LEDGER_HASH) == 0;
	if (!follows && !v->answer.first_broken) {
		v->answer.first_broken = n;
		v->answer.broken_chain = str_from(chain);
	}
	if (hash.n == LEDGER_HASH)
		memcpy(v->hash, hash.p, LEDGER_HASH);
	v->n = n;
}

static step range_ask(request *r, sql_id s, step_id next)
{
	const verify_work *v = r->work;
	void *in = bind_new(r->arena, s);

	sql_put_i64(s, in, S("after"), v->n);
	sql_put_i64(s, in, S("limit"), VERIFY_PAGE);
	r->keeps_no_replies = true;
	return request_fetch_slow(r, s, in, next);
}

step verify_ask(request *r)
{
	verify_work *v = ARENA_NEW(r->arena, verify_work);

	if (!r->who->is_platform)
		return request_fail_at(r, ERR_PERMISSION_DENIED, "", "the chains belong to the whole fleet");
	r->work = v;
	chain_begin(v);
	return range_ask(r, SQL_AUDIT_RANGE, STEP_verify_governance);
}

/* One page of a chain; whether there may be more. Pages are not kept, so they do not pile up. */
static bool page_follow(request *r, const char *chain, int64_t *count)
{
	verify_work *v = r->work;

	for (uint32_t i = 0; i < r->reply.rows; i++)
		record_follow(v, chain, db_i64(&r->reply, i, "n"), db_text(&r->reply, i, "body"),
			db_text(&r->reply, i, "hash"));
	*count += r->reply.rows;
	return r->reply.rows == VERIFY_PAGE;
}

step verify_governance(request *r)
{
	verify_work *v = r->work;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (page_follow(r, "g", &v->answer.governance_records))
		return range_ask(r, SQL_AUDIT_RANGE, STEP_verify_governance);
	chain_begin(v);
	return range_ask(r, SQL_DECISION_RANGE, STEP_verify_placements);
}

step verify_placements(request *r)
{
	verify_work *v = r->work;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (page_follow(r, "p", &v->answer.placement_records))
		return range_ask(r, SQL_DECISION_RANGE, STEP_verify_placements);
	return request_fetch_slow(r, SQL_BOOKS_TENANTS, NULL, STEP_verify_tenants);
}

step verify_tenants(request *r)
{
	verify_work *v = r->work;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	v->answer.tenant_use_wrong = db_i64(&r->reply, 0, "tenant_use_wrong");
	return request_fetch_slow(r, SQL_BOOKS_INVENTORY, NULL, STEP_verify_inventory);
}

step verify_inventory(request *r)
{
	verify_work *v = r->work;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	v->answer.device_use_wrong = db_i64(&r->reply, 0, "device_use_wrong");
	v->answer.node_use_wrong = db_i64(&r->reply, 0, "node_use_wrong");
	v->answer.device_over = db_i64(&r->reply, 0, "device_over");
	return request_fetch_slow(r, SQL_BOOKS_STREAMS, NULL, STEP_verify_streams);
}

step verify_streams(request *r)
{
	verify_work *v = r->work;
	verify_answer *a = &v->answer;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	a->stream_gaps = db_i64(&r->reply, 0, "stream_gaps");
	a->is_intact = !a->first_broken && !a->tenant_use_wrong && !a->device_use_wrong && !a->node_use_wrong &&
		       !a->stream_gaps;
	js_writer w = js_writer_on(request_out(r));
	js_write(&w, &verify_answer_type, a);
	return request_reply_out(r, 200);
}
