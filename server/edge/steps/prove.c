#include "api/types/audit.h"
#include "api/types/query.h"
#include "db/sql.h"
#include "json/write.h"
#include "proof/checkpoint.h"
#include "proof/tile.h"
#include "server/edge/bind.h"
#include "server/edge/request.h"

/* What a proof is made from, one answer after another. Other tenants' records are never read: tiles hold hashes. */
typedef struct prove_work {
	str chain;
	int64_t n; /* record, counted from 1; of a consistency proof: the older size */
	str record;
	checkpoint by, older;
	str by_body, by_signature, older_body, older_signature;
	tiles tiles;
	merkle_hash path[MERKLE_PATH_MAX];
	uint32_t path_n;
} prove_work;

static str chain_or(str asked)
{
	return asked.p ? asked : S("g");
}

static str hex_of(request *r, const void *bytes, size_t n)
{
	buf out;

	buf_init(&out, 2 * n);
	hex_add(&out, bytes, n);
	str text = str_dup(r->arena, buf_str(&out));
	buf_done(&out);
	return text;
}

static strs path_texts(request *r, const prove_work *v)
{
	strs all = {ARENA_ARRAY(r->arena, str, v->path_n + 1), v->path_n};

	for (uint32_t i = 0; i < v->path_n; i++)
		all.v[i] = hex_of(r, v->path[i].v, MERKLE_HASH);
	return all;
}

/* Asks for the tiles that a dry run looked into. */
static step tiles_ask(request *r, step_id next)
{
	prove_work *v = r->work;
	sql_tile_read_in *in = ARENA_NEW(r->arena, sql_tile_read_in);

	in->chain = v->chain;
	in->levels = (i64s){ARENA_ARRAY(r->arena, int64_t, v->tiles.n + 1), v->tiles.n};
	in->places = (i64s){ARENA_ARRAY(r->arena, int64_t, v->tiles.n + 1), v->tiles.n};
	for (uint32_t i = 0; i < v->tiles.n; i++) {
		in->levels.v[i] = v->tiles.v[i].level;
		in->places.v[i] = v->tiles.v[i].place;
	}
	return request_fetch(r, DB_PLATFORM, SQL_TILE_READ, in, next);
}

static void tiles_take(prove_work *v, const db_reply *reply)
{
	for (uint32_t i = 0; i < reply->rows; i++) {
		str hashes = db_text(reply, i, "hashes");
		tile *t = tiles_put(&v->tiles, (int)db_i64(reply, i, "level"), db_i64(reply, i, "place"));
		t->hashes = (merkle_hash *)(void *)hashes.p;
		t->n = hashes.n / MERKLE_HASH;
	}
}

static step damaged(request *r)
{
	return request_fail_at(r, ERR_INTERNAL, "",
		"the tree does not fold to the signed root: ask GET /v1/audit:verify what was changed");
}

step audit_prove(request *r)
{
	const proof_query *q = r->query;
	prove_work *v = ARENA_NEW(r->arena, prove_work);
	sql_audit_record_in *in = ARENA_NEW(r->arena, sql_audit_record_in);

	r->work = v;
	v->tiles.arena = r->arena;
	v->chain = chain_or(q->chain);
	if (!str_to_i64(r->vars[0], &v->n) || v->n < 1)
		return request_fail_at(r, ERR_NOT_FOUND, "n", "records have numbers from 1 on");
	in->n = v->n;
	return request_fetch(r, request_scope(r), str_eq(v->chain, S("g")) ? SQL_AUDIT_RECORD : SQL_DECISION_RECORD, in,
		STEP_audit_prove_record);
}

step audit_prove_record(request *r)
{
	const proof_query *q = r->query;
	prove_work *v = r->work;
	sql_checkpoint_over_in *in = ARENA_NEW(r->arena, sql_checkpoint_over_in);

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!r->reply.rows)
		return request_fail_at(r, ERR_NOT_FOUND, "n", "there is no such record in the caller's sight");
	v->record = db_text(&r->reply, 0, "record");
	*in = (sql_checkpoint_over_in){.chain = v->chain, .n = v->n, .size = q->size, .size_null = !q->size};
	return request_fetch(r, request_scope(r), SQL_CHECKPOINT_OVER, in, STEP_audit_prove_by);
}

step audit_prove_by(request *r)
{
	prove_work *v = r->work;
	merkle_source dry = tiles_needed(&v->tiles);

	if (request_reply_failed(r))
		return request_fail_reply(r);
	if (!r->reply.rows)
		return request_fail_at(r, ERR_NOT_FOUND, "size",
			"no checkpoint of that size covers the record; new ones come every few minutes");
	v->by_body = db_text(&r->reply, 0, "body");
	v->by_signature = db_text(&r->reply, 0, "signature");
	if (!checkpoint_read(v->by_body, &v->by) || v->by.size < v->n)
		return damaged(r);
	(void)merkle_path(&dry, v->n - 1, v->by.size, v->path, &v->path_n);
	return tiles_ask(r, STEP_audit_prove_tiles);
}

static bool path_make(prove_work *v)
{
	merkle_source from = tiles_source(&v->tiles);
	merkle_hash leaf;

	merkle_leaf(v->record, &leaf);
	return merkle_path(&from, v->n - 1, v->by.size, v->path, &v->path_n) &&
	       merkle_path_holds(v->n - 1, v->by.size, &leaf, v->path, v->path_n, &v->by.root);
}

step audit_prove_tiles(request *r)
{
	prove_work *v = r->work;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	tiles_take(v, &r->reply);
	if (!path_make(v))
		return damaged(r);
	audit_proof proof = {.chain = v->chain,
		.n = v->n,
		.path = path_texts(r, v),
		.checkpoint = {v->by_body},
		.signature = hex_of(r, v->by_signature.p, v->by_signature.n),
		.record = {v->record}};
	js_writer w = js_writer_on(request_out(r));
	js_write(&w, &audit_proof_type, &proof);
	return request_reply_out(r, 200);
}

step growth_ask(request *r)
{
	const growth_query *q = r->query;
	prove_work *v = ARENA_NEW(r->arena, prove_work);
	sql_checkpoint_two_in *in = ARENA_NEW(r->arena, sql_checkpoint_two_in);

	r->work = v;
	v->tiles.arena = r->arena;
	v->chain = chain_or(q->chain);
	if (q->from > q->to)
		return request_fail_at(r, ERR_BAD_PARAMETER, "to", "must not be smaller than from");
	*in = (sql_checkpoint_two_in){v->chain, q->from, q->to};
	return request_fetch(r, request_scope(r), SQL_CHECKPOINT_TWO, in, STEP_growth_read);
}

step growth_read(request *r)
{
	const growth_query *q = r->query;
	prove_work *v = r->work;
	merkle_source dry = tiles_needed(&v->tiles);

	if (request_reply_failed(r))
		return request_fail_reply(r);
	uint32_t last = r->reply.rows ? r->reply.rows - 1 : 0;
	if (r->reply.rows != (q->from == q->to ? 1u : 2u))
		return request_fail_at(r, ERR_NOT_FOUND, "from", "there are no checkpoints of these sizes");
	v->older_body = db_text(&r->reply, 0, "body");
	v->older_signature = db_text(&r->reply, 0, "signature");
	v->by_body = db_text(&r->reply, last, "body");
	v->by_signature = db_text(&r->reply, last, "signature");
	if (!checkpoint_read(v->older_body, &v->older) || !checkpoint_read(v->by_body, &v->by) ||
		v->older.size != q->from || v->by.size != q->to)
		return damaged(r);
	(void)merkle_growth(&dry, q->from, q->to, v->path, &v->path_n);
	return tiles_ask(r, STEP_growth_tiles);
}

step growth_tiles(request *r)
{
	prove_work *v = r->work;
	merkle_source from = tiles_source(&v->tiles);

	if (request_reply_failed(r))
		return request_fail_reply(r);
	tiles_take(v, &r->reply);
	if (!merkle_growth(&from, v->older.size, v->by.size, v->path, &v->path_n) ||
		!merkle_growth_holds(v->older.size, v->by.size, &v->older.root, &v->by.root, v->path, v->path_n))
		return damaged(r);
	audit_growth growth = {.chain = v->chain,
		.path = path_texts(r, v),
		.from = {v->older_body},
		.from_signature = hex_of(r, v->older_signature.p, v->older_signature.n),
		.to = {v->by_body},
		.to_signature = hex_of(r, v->by_signature.p, v->by_signature.n)};
	js_writer w = js_writer_on(request_out(r));
	js_write(&w, &audit_growth_type, &growth);
	return request_reply_out(r, 200);
}
