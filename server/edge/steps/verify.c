#include "api/types/audit.h"
#include "db/sql.h"
#include "json/write.h"
#include "proof/checkpoint.h"
#include "proof/walk.h"
#include "server/audit/columns.h"
#include "server/edge/bind.h"
#include "server/edge/denial.h"
#include "server/edge/edge.h"
#include "server/edge/permit.h"
#include "server/edge/request.h"

enum { VERIFY_PAGE = 250 };

/* A chain's newest record by its head row: what must be there at least. */
typedef struct chain_head {
	int64_t n;
	merkle_hash hash;
	int64_t floor; /* up to here records may be gone: the walk begins behind the checkpoint of that size */
} chain_head;

/* Walks both chains from their beginning, a page at a time, and holds their checkpoints against them on the way. */
typedef struct verify_work {
	verify_answer answer;
	chain_head heads[2];
	int chain; /* 0: g, 1: p */
	walk walk;
	/* The page of checkpoints at hand, and what came before it. */
	checkpoint seals[VERIFY_PAGE];
	uint32_t seals_n, seal;
	bool has_all_seals;
	int64_t last_size;
	merkle_hash last_digest;
} verify_work;

static const char *const chain_names[2] = {"g", "p"};
static const sql_id chain_ranges[2] = {SQL_AUDIT_RANGE, SQL_DECISION_RANGE};

static void broken(verify_work *v, int64_t n, const char *why)
{
	if (v->answer.first_broken)
		return;
	v->answer.first_broken = n;
	v->answer.broken_chain = str_from(chain_names[v->chain]);
	v->answer.broken_by = str_from(why);
}

static bool is_hash(str stored, const merkle_hash *h)
{
	return stored.n == MERKLE_HASH && memcmp(stored.p, h->v, MERKLE_HASH) == 0;
}

step verify_ask(request *r)
{
	if (!permit_for_fleet(r->who, RIGHT_AUDIT_READ)) {
		denial_record(r, ERR_PERMISSION_DENIED);
		return request_fail_at(r, ERR_PERMISSION_DENIED, "", "the chains belong to the whole fleet");
	}
	r->work = ARENA_NEW(r->arena, verify_work);
	r->keeps_no_replies = true;
	return request_fetch_slow(r, SQL_CHAIN_HEADS, NULL, STEP_verify_begin);
}

static void head_read(chain_head *h, int64_t n, str hash, int64_t floor)
{
	h->n = n;
	h->floor = floor;
	if (hash.n == MERKLE_HASH)
		memcpy(h->hash.v, hash.p, MERKLE_HASH);
}

static step chain_begin(request *r, int chain)
{
	verify_work *v = r->work;

	v->chain = chain;
	walk_begin(&v->walk);
	v->seals_n = v->seal = 0;
	v->has_all_seals = false;
	v->last_size = 0;
	return step_next(r, STEP_verify_go_on);
}

step verify_begin(request *r)
{
	verify_work *v = r->work;
	sql_chain_heads_row row;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	err e = db_row(&r->reply, 0, &row, &r->fault);
	if (e)
		return request_fail(r, e);
	head_read(&v->heads[0], row.g, row.g_hash, row.g_floor);
	head_read(&v->heads[1], row.p, row.p_hash, 0);
	v->answer.governance_pruned = row.g_floor;
	return chain_begin(r, 0);
}

/* The checkpoints ahead, when none is at hand; else the records up to the last one that is. */
step verify_go_on(request *r)
{
	verify_work *v = r->work;
	bool needs_seals = !v->has_all_seals && v->seal == v->seals_n;
	sql_id s = needs_seals ? SQL_CHECKPOINT_RANGE : chain_ranges[v->chain];
	void *in = bind_new(r->arena, s);
	int64_t limit = VERIFY_PAGE;

	if (!needs_seals && v->seal < v->seals_n && v->seals[v->seals_n - 1].size - v->walk.n < limit)
		limit = v->seals[v->seals_n - 1].size - v->walk.n;
	sql_put_text(s, in, S("chain"), str_from(chain_names[v->chain]));
	sql_put_i64(s, in, S("after"), needs_seals ? v->last_size : v->walk.n);
	sql_put_i64(s, in, S("limit"), limit);
	return request_fetch_slow(r, s, in, needs_seals ? STEP_verify_seals : STEP_verify_records);
}

/* What can be told of a checkpoint without the records. */
static bool seal_holds(const request *r, const sql_checkpoint_range_row *row, checkpoint *c)
{
	const verify_work *v = r->work;
	merkle tree;
	merkle_hash root;

	if (!checkpoint_read(row->body, c) || c->chain != *chain_names[v->chain] || row->size != c->size ||
		row->at != c->at_us || row->prev_size != v->last_size)
		return false;
	if (c->has_prev != (v->last_size > 0) || (c->has_prev && memcmp(&c->prev, &v->last_digest, MERKLE_HASH) != 0))
		return false;
	if (row->signature.n != SIGNATURE_BYTES || memcmp(c->key, r->edge->audit_key, SIGNATURE_KEY) != 0 ||
		!signature_holds(c->key, row->body, (const uint8_t *)row->signature.p))
		return false;
	if (row->frontier.n % MERKLE_HASH ||
		!merkle_resume(&tree, c->size, (const void *)row->frontier.p, row->frontier.n / MERKLE_HASH))
		return false;
	merkle_root(&tree, &root);
	return memcmp(&root, &c->root, MERKLE_HASH) == 0;
}

/* The tree as it is now against the checkpoint of that size. */
static void seal_hold(verify_work *v)
{
	merkle_hash root;

	while (v->seal < v->seals_n && v->seals[v->seal].size < v->walk.n)
		broken(v, v->seals[v->seal++].size, "checkpoint");
	if (v->seal == v->seals_n || v->seals[v->seal].size != v->walk.n)
		return;
	merkle_root(&v->walk.tree, &root);
	const checkpoint *c = &v->seals[v->seal++];
	if (!v->walk.has_tree || memcmp(&c->root, &root, MERKLE_HASH) != 0 ||
		memcmp(&c->hash, &v->walk.hash, MERKLE_HASH) != 0)
		broken(v, v->walk.n, "checkpoint");
}

/* Of what is gone the checkpoints are left: the walk goes on from the last of them. */
static void floor_pass(verify_work *v, const sql_checkpoint_range_row *row)
{
	int64_t floor = v->heads[v->chain].floor;
	const checkpoint *c = &v->seals[v->seal];
	merkle tree;

	if (row->size > floor)
		return;
	if (row->size == floor && row->frontier.n % MERKLE_HASH == 0 &&
		merkle_resume(&tree, c->size, (const void *)row->frontier.p, row->frontier.n / MERKLE_HASH))
		walk_resume(&v->walk, c->size, &c->hash, &tree);
	v->seal++;
}

step verify_seals(request *r)
{
	verify_work *v = r->work;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	v->seals_n = r->reply.rows;
	v->seal = 0;
	v->has_all_seals = r->reply.rows < VERIFY_PAGE;
	for (uint32_t i = 0; i < v->seals_n; i++) {
		sql_checkpoint_range_row row;
		err e = db_row(&r->reply, i, &row, &r->fault);
		if (e)
			return request_fail(r, e);
		if (!seal_holds(r, &row, &v->seals[i]))
			broken(v, row.size, "checkpoint");
		v->seals[i].size = v->last_size = row.size;
		checkpoint_digest(row.body, &v->last_digest);
		floor_pass(v, &row);
	}
	v->answer.checkpoints += v->seals_n;
	seal_hold(v);
	return step_next(r, STEP_verify_go_on);
}

static void record_follow(verify_work *v, const db_reply *reply, uint32_t i)
{
	const chain_head *head = &v->heads[v->chain];
	int64_t n = db_i64(reply, i, "n"), expected = v->walk.n + 1;
	str stored = db_text(reply, i, "hash");
	merkle_hash hash = {0};

	if (stored.n == MERKLE_HASH)
		memcpy(hash.v, stored.p, MERKLE_HASH);
	walk_step how = walk_follow(&v->walk, n, db_text(reply, i, "body"), &hash);
	const char *column = columns_wrong(*chain_names[v->chain], reply, i);
	if (how == WALK_NUMBER)
		broken(v, expected < n ? expected : n, "number");
	else if (how == WALK_HASH || stored.n != MERKLE_HASH)
		broken(v, n, "hash");
	else if (column)
		broken(v, n, column);
	if (n == head->n && !is_hash(stored, &head->hash))
		broken(v, n, "head");
	seal_hold(v);
}

/* Pages are not kept, so they do not pile up. */
step verify_records(request *r)
{
	verify_work *v = r->work;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	for (uint32_t i = 0; i < r->reply.rows; i++)
		record_follow(v, &r->reply, i);
	*(v->chain ? &v->answer.placement_records : &v->answer.governance_records) += r->reply.rows;
	if (r->reply.rows)
		return step_next(r, STEP_verify_go_on);
	if (v->walk.n < v->heads[v->chain].n)
		broken(v, v->walk.n + 1, "number");
	if (v->seal < v->seals_n)
		broken(v, v->walk.n + 1, "checkpoint");
	return v->chain ? request_fetch_slow(r, SQL_BOOKS_TENANTS, NULL, STEP_verify_tenants) : chain_begin(r, 1);
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
