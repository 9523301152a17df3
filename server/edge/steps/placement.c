#include "api/types/placement.h"

#include <stdio.h>
#include "api/types/query.h"
#include "base/clock.h"
#include "db/sql.h"
#include "json/pull.h"
#include "json/write.h"
#include "server/edge/answer.h"
#include "server/edge/denial.h"
#include "server/edge/dispatch.h"
#include "server/edge/feed.h"
#include "server/edge/gate.h"
#include "server/edge/govern.h"
#include "server/edge/member.h"
#include "server/edge/priorities.h"
#include "server/edge/query.h"
#include "server/edge/tenants.h"

enum { INDEX_TEXT = 16, REQUEST_JSON_MAX = 8 << 20 };

/* One placement of a request. */
typedef struct asked {
	feed_wait wait;
	request *of;
	id id;
	str tenant; /* path */
	str name;
	str body;     /* the request in normal form */
	str decision; /* the placement after its first decision; absent: not decided yet */
} asked;

typedef struct placement_work {
	const placement_request *requests;
	asked *items;
	sql_placements_of_in replayed; /* what a used key stands for */
	uint32_t n, undecided;
	bool is_batch;
	int64_t wait_ms; /* 0: not */
	sql_inbox_place_in in;
	intake_ask ask; /* without a key */
} placement_work;

static err wait_read(request *r, int64_t *ret_ms)
{
	const wait_query *q = r->query;

	*ret_ms = 0;
	if (q->wait.p && !query_duration(q->wait, ret_ms))
		return fault_set(&r->fault, ERR_BAD_PARAMETER, "wait", "must be a duration as 500ms or 5s");
	if (*ret_ms > r->edge->settings->wait_max_ms)
		*ret_ms = r->edge->settings->wait_max_ms;
	return ERR_OK;
}

static void place_in_batch(const placement_work *w, uint32_t i, fault *f)
{
	char at[INDEX_TEXT];

	if (!w->is_batch)
		return;
	snprintf(at, sizeof(at), "%u", i);
	fault_prefix(f, str_from(at));
	fault_prefix(f, S("items"));
}

static err requests_check(request *r)
{
	placement_work *w = r->work;

	for (uint32_t i = 0; i < w->n; i++) {
		err e = placement_request_check(&w->requests[i], &r->fault);
		if (e) {
			place_in_batch(w, i, &r->fault);
			return e;
		}
	}
	return ERR_OK;
}

static step begin(request *r, const placement_request *requests, uint32_t n, bool is_batch)
{
	placement_work *w = ARENA_NEW(r->arena, placement_work);
	err e;

	r->work = w;
	w->requests = requests;
	w->n = n;
	w->is_batch = is_batch;
	w->items = ARENA_ARRAY(r->arena, asked, n + 1);
	if ((e = requests_check(r)) || (e = wait_read(r, &w->wait_ms)))
		return request_fail(r, e);
	str *refs = ARENA_ARRAY(r->arena, str, n + 1);
	for (uint32_t i = 0; i < n; i++)
		refs[i] = requests[i].tenant;
	void *in = tenants_missing(r, refs, n);
	if (in)
		return request_fetch(r, DB_PLATFORM, SQL_TENANT_KEYS_OF, in, STEP_placement_resolve);
	return step_next(r, STEP_placement_rank);
}

step placement_create(request *r)
{
	return begin(r, r->body, 1, false);
}

step placement_batch_ask(request *r)
{
	const placement_batch *b = r->body;

	return begin(r, b->items.v, b->items.n, true);
}

step placement_resolve(request *r)
{
	if (request_reply_failed(r))
		return request_fail_reply(r);
	tenants_learn(r->edge, &r->reply);
	return step_next(r, STEP_placement_rank);
}

/* The first request with a priority that is not known, or -1. */
static int64_t stranger_find(const request *r)
{
	const placement_work *w = r->work;

	for (uint32_t i = 0; i < w->n; i++)
		if (w->requests[i].priority.n && !priorities_have(r->edge, w->requests[i].priority))
			return i;
	return -1;
}

step placement_rank(request *r)
{
	if (stranger_find(r) < 0)
		return step_next(r, STEP_placement_store);
	return request_fetch(r, DB_PLATFORM, SQL_PRIORITY_NAMES, NULL, STEP_placement_ranked);
}

step placement_ranked(request *r)
{
	const placement_work *w = r->work;
	int64_t at;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	priorities_learn(r->edge, &r->reply);
	at = stranger_find(r);
	if (at < 0)
		return step_next(r, STEP_placement_store);
	fault_set(&r->fault, ERR_UNKNOWN_PRIORITY, "#/priority", "there is no priority " STR_FMT,
		STR_ARG(w->requests[at].priority));
	place_in_batch(w, (uint32_t)at, &r->fault);
	return request_fail(r, ERR_UNKNOWN_PRIORITY);
}

static void decided(feed_wait *wait, const feed_event *ev)
{
	asked *item = (asked *)wait;
	placement_work *w = item->of->work;

	item->decision = str_dup(item->of->arena, member_find(ev->body, S("placement")));
	w->undecided--;
	if (!w->undecided && item->of->owner == OWNER_FEED)
		request_wake(item->of);
}

static void waits_end(request *r)
{
	placement_work *w = r->work;

	for (uint32_t i = 0; i < w->n; i++)
		feed_wait_remove(r->edge->feed, &w->items[i].wait);
}

static void waits_begin(request *r)
{
	placement_work *w = r->work;

	w->undecided = w->n;
	for (uint32_t i = 0; i < w->n; i++) {
		w->items[i].wait = (feed_wait){.id = id_str(&w->items[i].id), .on_decision = decided};
		feed_wait_add(r->edge->feed, &w->items[i].wait);
	}
}

static err item_fill(request *r, uint32_t i, buf *scratch)
{
	placement_work *w = r->work;
	asked *item = &w->items[i];
	const placement_request *q = &w->requests[i];
	const tenant_ref *t = tenants_find(r->edge, q->tenant);

	err e = denial_at(r, q->tenant, t);
	if (e) {
		place_in_batch(w, i, &r->fault);
		return e;
	}
	buf_clear(scratch);
	js_writer js = js_writer_on(scratch);
	js_write(&js, &placement_request_type, q);
	item->of = r;
	item->id = id_make("plc");
	item->tenant = str_dup(r->arena, tenant_ref_path(t));
	item->name = q->name;
	item->body = str_dup(r->arena, buf_str(scratch));
	w->in.tenant_keys.v[i] = t->key;
	return ERR_OK;
}

/* What a repeat of the request is answered from: the ids, as JSON. */
static str ids_json(request *r)
{
	const placement_work *w = r->work;
	js_writer js = js_writer_on(request_out(r));

	js_array_begin(&js);
	for (uint32_t i = 0; i < w->n; i++)
		js_text(&js, id_str(&w->items[i].id));
	js_array_end(&js);
	return str_dup(r->arena, buf_str(&r->edge->out));
}

static err items_fill(request *r)
{
	placement_work *w = r->work;
	sql_inbox_place_in *in = &w->in;
	err e = ERR_OK;
	buf scratch;

	buf_init(&scratch, REQUEST_JSON_MAX);
	in->ids = (strs){ARENA_ARRAY(r->arena, str, w->n + 1), w->n};
	in->bodies = (strs){ARENA_ARRAY(r->arena, str, w->n + 1), w->n};
	in->tenant_keys = (i64s){ARENA_ARRAY(r->arena, int64_t, w->n + 1), w->n};
	for (uint32_t i = 0; i < w->n && !e; i++) {
		e = item_fill(r, i, &scratch);
		in->ids.v[i] = id_str(&w->items[i].id);
		in->bodies.v[i] = w->items[i].body;
	}
	buf_done(&scratch);
	return e;
}

static void store_fill(request *r, sql_inbox_place_in *in)
{
	in->actor = request_actor(r);
	in->request_id = str_from(r->id);
	in->fingerprint = str_of((const char *)r->fingerprint, LEDGER_HASH);
	in->status = r->route->status;
	in->answer = ids_json(r);
}

/* Dry: the statement runs in the ledger's transaction, which is undone; nobody decides about what is not there. */
static step try_out(request *r, sql_id s, void *in)
{
	r->ledger_op = ARENA_NEW(r->arena, ledger_op);
	*r->ledger_op = (ledger_op){.stmt = s, .in = in, .action = S("placement.try"), .object_kind = S("placement")};
	return request_govern(r, STEP_placement_tried);
}

step placement_tried(request *r)
{
	if (r->answer->e)
		return govern_fail(r);
	return step_next(r, r->op == OP_PLACEMENT_RELEASE ? STEP_read_ask : STEP_placement_decided);
}

step placement_store(request *r)
{
	placement_work *w = r->work;
	sql_inbox_place_in *in = &w->in;
	err e = items_fill(r);

	if (e)
		return e == ERR_UNKNOWN_TENANT && gate_may_again(r) ? gate_again(r) : request_fail(r, e);
	store_fill(r, in);
	if (r->is_dry)
		return try_out(r, SQL_INBOX_PLACE, in);
	/* Before it is stored: a decision must not come unseen. */
	if (w->wait_ms)
		waits_begin(r);
	if (!r->idempotency_key.p) {
		w->ask = (intake_ask){.ids = in->ids, .bodies = in->bodies, .tenant_keys = in->tenant_keys};
		return request_store(r, &w->ask, STEP_placement_kept);
	}
	in->key = r->idempotency_key;
	return request_write(r, (uint64_t)r->who->tenant_key, SQL_INBOX_PLACE, in, STEP_placement_stored);
}

static void pending_write(js_writer *js, const asked *item)
{
	js_object_begin(js);
	if (!item->of->is_dry)
		js_put_text(js, "id", id_str(&item->id));
	js_put_text(js, "tenant", item->tenant);
	if (item->name.p)
		js_put_text(js, "name", item->name);
	js_put_text(js, "origin", S("api"));
	js_put_text(js, "state", S("pending"));
	js_put_raw(js, "placed", S("[]"));
	js_put_raw(js, "blockers", S("[]"));
	js_put_raw(js, "request", item->body);
	js_put_time(js, "created_at", clock_now_us());
	js_object_end(js);
}

static void item_write(js_writer *js, const asked *item)
{
	if (item->decision.p)
		js_raw_value(js, item->decision);
	else
		pending_write(js, item);
}

step placement_decided(request *r)
{
	const placement_work *w = r->work;
	js_writer js = js_writer_on(request_out(r));

	if (!w->is_batch) {
		item_write(&js, &w->items[0]);
		answer_location(r, id_str(&w->items[0].id));
		return request_reply_out(r, r->route->status);
	}
	js_object_begin(&js);
	js_key(&js, S("items"));
	js_array_begin(&js);
	for (uint32_t i = 0; i < w->n; i++)
		item_write(&js, &w->items[i]);
	js_array_end(&js);
	js_object_end(&js);
	return request_reply_out(r, r->route->status);
}

static step key_reused(request *r)
{
	return request_fail_at(
		r, ERR_IDEMPOTENCY_KEY_REUSED, "Idempotency-Key", "the key was used with another request");
}

/* The key was used before: the placements of then, as they stand now. */
static step replay(request *r, const sql_inbox_place_row *row)
{
	placement_work *w = r->work;
	strs *ids = &w->replayed.ids;
	str raw;
	pull p;

	if (!str_eq(row->fingerprint, str_of((const char *)r->fingerprint, LEDGER_HASH)))
		return key_reused(r);
	ids->v = ARENA_ARRAY(r->arena, str, row->answer.n / ID_ULID + 1);
	pull_init(&p, row->answer, 2);
	if (pull_next(&p) != PULL_ARRAY)
		return request_fail_at(r, ERR_IDEMPOTENCY_KEY_REUSED, "Idempotency-Key", "the key was used elsewhere");
	while (pull_item(&p) && !pull_span(&p, &raw))
		ids->v[ids->n++] = str_cut(raw, 1, raw.n - 1);
	w->n = ids->n;
	w->items = ARENA_ARRAY(r->arena, asked, w->n + 1);
	for (uint32_t i = 0; i < w->n; i++) {
		w->items[i].of = r;
		snprintf(w->items[i].id.p, ID_MAX, STR_FMT, STR_ARG(ids->v[i]));
	}
	/* A repeat waits as the first call did; nothing must be decided unseen while it looks. */
	if (w->wait_ms)
		waits_begin(r);
	return step_next(r, STEP_placement_replay_read);
}

step placement_replay_read(request *r)
{
	const placement_work *w = r->work;

	return request_fetch(r, request_scope(r), SQL_PLACEMENTS_OF, &w->replayed, STEP_placement_replayed);
}

/* It stands in the inbox: the answer may come now, or with the decision. */
step placement_kept(request *r)
{
	const placement_work *w = r->work;

	if (request_reply_failed(r)) {
		waits_end(r);
		return request_fail_reply(r);
	}
	notify_send(r->edge->notify, NOTIFY_INBOX);
	if (w->wait_ms && w->undecided)
		return request_hold(r, w->wait_ms, waits_end, STEP_placement_decided);
	waits_end(r);
	return step_next(r, STEP_placement_decided);
}

step placement_stored(request *r)
{
	placement_work *w = r->work;
	sql_inbox_place_row row;
	err e;

	if (request_reply_failed(r)) {
		waits_end(r);
		return request_fail_reply(r);
	}
	e = db_row(&r->reply, 0, &row, &r->fault);
	if (!e && str_eq(row.outcome, S("again")))
		return request_write(r, (uint64_t)r->who->tenant_key, SQL_INBOX_PLACE, &w->in, STEP_placement_stored);
	if (e || str_eq(row.outcome, S("replay"))) {
		waits_end(r);
		return e ? request_fail(r, e) : replay(r, &row);
	}
	return step_next(r, STEP_placement_kept);
}

static int64_t row_of(const db_reply *reply, str wanted)
{
	for (uint32_t i = 0; i < reply->rows; i++)
		if (str_eq(db_text(reply, i, "id"), wanted))
			return i;
	return -1;
}

/* How many of them nobody had decided about when they were read; the others are not waited for. */
static uint32_t replay_count_open(request *r)
{
	placement_work *w = r->work;
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n; i++) {
		feed_wait *wait = &w->items[i].wait;
		int64_t row = row_of(&r->reply, w->replayed.ids.v[i]);
		bool is_open = row >= 0 && !db_text(&r->reply, (uint32_t)row, "revision").p;
		n += is_open;
		if (is_open || !wait->is_on)
			continue;
		feed_wait_remove(r->edge->feed, wait);
		w->undecided--;
	}
	return n;
}

/* They are read again: after the decision, or because it came while they were read. */
static step replay_hold(request *r)
{
	placement_work *w = r->work;
	int64_t wait_ms = w->wait_ms;

	w->wait_ms = 0;
	return w->undecided ? request_hold(r, wait_ms, waits_end, STEP_placement_replay_read)
			    : step_next(r, STEP_placement_replay_read);
}

static err replayed_write(request *r, js_writer *js, bool is_batch)
{
	const placement_work *w = r->work;
	const sql_placements_of_in *in = &w->replayed;
	row_plan plan;
	err e = row_plan_make(&placement_type, SQL_PLACEMENTS_OF, &plan, &r->fault);

	if (is_batch) {
		js_object_begin(js);
		js_key(js, S("items"));
		js_array_begin(js);
	}
	for (uint32_t i = 0; i < in->ids.n && !e; i++) {
		int64_t row = row_of(&r->reply, in->ids.v[i]);
		if (row >= 0)
			row_write(js, &plan, &r->reply, (uint32_t)row);
		else if (!is_batch)
			e = ERR_NOT_FOUND;
	}
	if (is_batch && !e) {
		js_array_end(js);
		js_object_end(js);
	}
	return e;
}

step placement_replayed(request *r)
{
	const placement_work *w = r->work;
	bool is_batch = r->op == OP_PLACEMENT_BATCH;

	if (!request_reply_failed(r) && w->wait_ms && replay_count_open(r))
		return replay_hold(r);
	waits_end(r);
	if (request_reply_failed(r))
		return request_fail_reply(r);
	js_writer js = js_writer_on(request_out(r));
	err e = replayed_write(r, &js, is_batch);
	if (e)
		return request_fail(r, e);
	if (!is_batch)
		answer_location(r, w->replayed.ids.v[0]);
	request_header(r, "Idempotency-Replayed", S("true"));
	return request_reply_out(r, r->route->status);
}

/* GET with ?wait: holds until the next decision when the placement is pending. */
typedef struct get_work {
	feed_wait wait;
	request *of;
	bool is_decided;
	int64_t wait_ms;
} get_work;

static void get_decided(feed_wait *wait, const feed_event *ev)
{
	get_work *w = (get_work *)wait;

	(void)ev;
	w->is_decided = true;
	if (w->of->owner == OWNER_FEED)
		request_wake(w->of);
}

static void get_end(request *r)
{
	get_work *w = r->work;

	feed_wait_remove(r->edge->feed, &w->wait);
}

step placement_get_ask(request *r)
{
	get_work *w = ARENA_NEW(r->arena, get_work);
	sql_placement_get_in *in = ARENA_NEW(r->arena, sql_placement_get_in);
	err e = wait_read(r, &w->wait_ms);

	if (e)
		return request_fail(r, e);
	if (!w->wait_ms)
		return step_next(r, STEP_read_ask);
	r->work = w;
	w->of = r;
	w->wait = (feed_wait){.id = r->vars[0], .on_decision = get_decided};
	feed_wait_add(r->edge->feed, &w->wait);
	in->id = r->vars[0];
	return request_fetch(r, request_scope(r), SQL_PLACEMENT_GET, in, STEP_placement_get_read);
}

step placement_get_read(request *r)
{
	get_work *w = r->work;
	bool is_pending =
		!request_reply_failed(r) && r->reply.rows && str_eq(db_text(&r->reply, 0, "state"), S("pending"));

	if (is_pending && !w->is_decided)
		return request_hold(r, w->wait_ms, get_end, STEP_read_ask);
	get_end(r);
	return w->is_decided ? step_next(r, STEP_read_ask) : step_next(r, STEP_read_reply);
}

step placement_release(request *r)
{
	sql_inbox_release_in *in = ARENA_NEW(r->arena, sql_inbox_release_in);

	*in = (sql_inbox_release_in){
		.id = r->vars[0],
		.actor = request_actor(r),
		.request_id = str_from(r->id),
		.reason = S("released"),
		.key = r->idempotency_key,
		.fingerprint = str_of((const char *)r->fingerprint, LEDGER_HASH),
		.status = r->route->status,
	};
	r->work = in;
	if (r->is_dry) {
		in->key = STR_NONE;
		return try_out(r, SQL_INBOX_RELEASE, in);
	}
	return request_write(r, (uint64_t)r->who->tenant_key, SQL_INBOX_RELEASE, in, STEP_placement_released);
}

step placement_released(request *r)
{
	sql_inbox_release_row row;
	err e = ERR_OK;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if ((e = db_row(&r->reply, 0, &row, &r->fault)))
		return request_fail(r, e);
	if (str_eq(row.outcome, S("again")))
		return request_write(
			r, (uint64_t)r->who->tenant_key, SQL_INBOX_RELEASE, r->work, STEP_placement_released);
	if (str_eq(row.outcome, S("replay"))) {
		if (!str_eq(row.fingerprint, str_of((const char *)r->fingerprint, LEDGER_HASH)))
			return key_reused(r);
		request_header(r, "Idempotency-Replayed", S("true"));
		return step_next(r, STEP_read_ask);
	}
	if (!str_eq(row.outcome, S("done")))
		return request_fail(r, ERR_NOT_FOUND);
	notify_send(r->edge->notify, NOTIFY_INBOX);
	return step_next(r, STEP_read_ask);
}
