#include "server/edge/recognize.h"

#include <assert.h>
#include <stdio.h>
#include "base/clock.h"
#include "server/identity/oidc.h"

static void done(recognize *k, err e)
{
	principal *who = k->who;

	k->who = NULL;
	k->claim = NULL;
	arena_end(k->arena);
	k->arena = NULL;
	if (e) {
		principal_unref(who);
		who = NULL;
	}
	k->on_done(k, e, who);
}

static void failed(recognize *k, const db_reply *reply)
{
	k->fault = reply->f;
	done(k, reply->e);
}

static void keys_came(void *arg, db_reply *reply)
{
	recognize *k = arg;

	if (reply->e) {
		failed(k, reply);
		return;
	}
	tenant_below *below = ARENA_ARRAY(k->arena, tenant_below, reply->rows + 1);
	for (uint32_t i = 0; i < reply->rows; i++)
		below[i] = (tenant_below){
			.key = (int32_t)db_i64(reply, i, "key"),
			.top = (int32_t)db_i64(reply, i, "top"),
			.is_gone = db_bool(reply, i, "is_gone"),
		};
	principal_keys_set(k->who, below, reply->rows);
	k->who->knows_gone = k->with_gone;
	done(k, ERR_OK);
}

static void keys_ask(recognize *k)
{
	i64s tops = principal_tops(k->arena, k->who);

	k->in.keys = (sql_tenant_keys_below_in){.tops = tops, .with_gone = k->with_gone};
	if (!tops.n) {
		k->who->knows_gone = true;
		done(k, ERR_OK);
		return;
	}
	db_read(k->reader, DB_PLATFORM, SQL_TENANT_KEYS_BELOW, &k->in.keys, keys_came, k);
}

static void make(recognize *k, const bound *held, uint32_t n)
{
	err e = principal_make(k->claim, held, n, clock_now_us(), &k->who);

	if (e) {
		done(k, fault_set(&k->fault, ERR_PERMISSION_DENIED, "", "more than %d bindings stand behind the caller",
				GRANTS_MAX));
		return;
	}
	k->who->read_us = clock_mono_us();
	keys_ask(k);
}

static void bindings_came(void *arg, db_reply *reply)
{
	recognize *k = arg;
	sql_bindings_of_row row;
	fault f;

	if (reply->e) {
		failed(k, reply);
		return;
	}
	bound *held = ARENA_ARRAY(k->arena, bound, reply->rows + 1);
	for (uint32_t i = 0; i < reply->rows; i++) {
		if (db_row(reply, i, &row, &f))
			continue;
		int64_t until_us = row.expires_at_null ? GRANT_FOREVER : row.expires_at;
		held[i].subject = row.subject;
		held[i].grant = grant_of_role(row.role, (int32_t)row.tenant_key, row.tenant, until_us, row.id);
	}
	make(k, held, reply->rows);
}

static void bindings_ask(recognize *k)
{
	k->in.bindings.subjects = claim_subjects(k->arena, k->claim);
	db_read(k->reader, DB_PLATFORM, SQL_BINDINGS_OF, &k->in.bindings, bindings_came, k);
}

/* A layer that were left out would let more through, so there is room for all that the database can hold. */
static void layer_add(claim *c, claim_layer l)
{
	assert(c->n_layers < CLAIM_LAYERS_MAX);
	c->layers[c->n_layers++] = l;
}

/* Lines of a text. */
static strs lines(arena *a, str text)
{
	strs all = {ARENA_ARRAY(a, str, text.n + 1), 0};
	str rest = str_dup(a, text);

	while (rest.n) {
		str line = str_split(&rest, '\n');
		if (line.n)
			all.v[all.n++] = line;
	}
	return all;
}

static void hash_keep(recognize *k, str hash)
{
	k->has_hash = hash.n == TOKEN_HASH;
	if (k->has_hash)
		memcpy(k->hash, hash.p, TOKEN_HASH);
}

/* What one token of the chain lets through: its own grant, what its owner holds, and what its maker holds, if that was
 * no token. That a maker has merely expired takes nothing away. */
static void token_layers(recognize *k, const sql_token_chain_row *row)
{
	grant *own = ARENA_NEW(k->arena, grant);
	str source = str_dup(k->arena, row->id), role = str_dup(k->arena, row->role);
	str subject = str_dup(k->arena, row->subject), tenant = str_dup(k->arena, row->tenant);

	*own = grant_of_role(role, (int32_t)row->tenant_key, tenant, GRANT_FOREVER, source);
	if (row->is_void)
		own->rights = 0;
	layer_add(k->claim, (claim_layer){.grants = {own, 1}});
	if (subject.n) {
		strs names = claim_names(k->arena, subject, lines(k->arena, row->groups));
		layer_add(k->claim, (claim_layer){.subjects = names});
	}
	if (row->maker_subjects.p)
		layer_add(k->claim, (claim_layer){.subjects = lines(k->arena, row->maker_subjects)});
}

/* Behind the first row of a token stand its makers; all of a trust's maker's rows stand behind the exchanged token. */
static bool is_itself(const recognize *k, uint32_t i)
{
	return i == 0 && !k->is_behind;
}

static void token_begin(recognize *k, const sql_token_chain_row *row)
{
	arena *a = k->arena;
	claim *c = k->claim;

	*c = (claim){
		.id = str_dup(a, row->id),
		.name = str_dup(a, row->name),
		.subject = str_dup(a, row->subject),
		.groups = lines(a, row->groups),
		.expires_at_us = row->expires_at,
		.hash = row->hash.n == TOKEN_HASH ? (const uint8_t *)str_dup(a, row->hash).p : NULL,
		.cidrs = lines(a, row->cidrs),
		.tenant_key = (int32_t)row->tenant_key,
		.tenant = str_dup(a, row->tenant),
		.role = str_dup(a, row->role),
	};
	k->last_used_at_us = row->last_used_at_null ? 0 : row->last_used_at;
}

static err chain_read(recognize *k, db_reply *reply)
{
	sql_token_chain_row row;

	if (!reply->rows)
		return ERR_TOKEN_INVALID;
	if (!k->claim)
		k->claim = ARENA_NEW(k->arena, claim);
	strs above = {ARENA_ARRAY(k->arena, str, reply->rows + 2), 0};
	if (k->is_behind)
		above.v[above.n++] = k->claim->stands_on.v[0];
	for (uint32_t i = 0; i < reply->rows; i++) {
		err e = db_row(reply, i, &row, &k->fault);
		if (e)
			return e;
		if (is_itself(k, i))
			hash_keep(k, row.hash);
		if (row.is_revoked || (is_itself(k, i) && row.is_void))
			return ERR_TOKEN_INVALID;
		if (is_itself(k, i))
			token_begin(k, &row);
		else
			above.v[above.n++] = str_dup(k->arena, row.id);
		token_layers(k, &row);
	}
	k->claim->stands_on = above;
	k->claim->generation = k->is_behind ? 0 : 1 + (int64_t)above.n;
	return k->claim->hash ? ERR_OK : ERR_TOKEN_INVALID;
}

/* The layers are known: what the bindings add to them comes next. */
static void claim_settle(recognize *k, err e)
{
	if (e)
		done(k, e);
	else if (claim_subjects(k->arena, k->claim).n)
		bindings_ask(k);
	else
		make(k, NULL, 0);
}

static void chain_came(void *arg, db_reply *reply)
{
	recognize *k = arg;

	if (reply->e)
		failed(k, reply);
	else
		claim_settle(k, chain_read(k, reply));
}

static void begin(recognize *k, db_reader *reader, recognize_done *on_done, void *arg)
{
	*k = (recognize){.reader = reader, .arena = arena_new(0), .on_done = on_done, .arg = arg};
}

static void token_ask(recognize *k)
{
	k->in.token = (sql_token_chain_in){.id = str_from(k->id)};
	db_read(k->reader, DB_PLATFORM, SQL_TOKEN_CHAIN, &k->in.token, chain_came, k);
}

/* A session that nobody uses ends before its time. */
static err session_read(recognize *k, db_reply *reply)
{
	sql_session_find_row row;
	arena *a = k->arena;

	if (!reply->rows)
		return ERR_TOKEN_INVALID;
	err e = db_row(reply, 0, &row, &k->fault);
	if (e)
		return e;
	hash_keep(k, row.hash);
	if (row.is_ended || row.hash.n != TOKEN_HASH)
		return ERR_TOKEN_INVALID;
	int64_t idle_us = row.seen_at + (int64_t)SESSION_IDLE_S * 1000000;
	k->claim = ARENA_NEW(a, claim);
	*k->claim = claim_begin(a, str_dup(a, row.id), str_dup(a, row.subject), lines(a, row.groups), (grants){0},
		row.expires_at < idle_us ? row.expires_at : idle_us);
	k->claim->name = str_dup(a, row.name);
	k->claim->hash = (const uint8_t *)str_dup(a, row.hash).p;
	k->last_used_at_us = row.seen_at;
	return ERR_OK;
}

static void session_came(void *arg, db_reply *reply)
{
	recognize *k = arg;

	if (reply->e)
		failed(k, reply);
	else
		claim_settle(k, session_read(k, reply));
}

static void session_ask(recognize *k)
{
	k->in.session.id = str_from(k->id);
	db_read(k->reader, DB_PLATFORM, SQL_SESSION_FIND, &k->in.session, session_came, k);
}

static void ci_begin(recognize *k, const sql_ci_token_grants_row *row, uint32_t rows)
{
	arena *a = k->arena;
	claim *c = k->claim = ARENA_NEW(a, claim);

	*c = (claim){
		.id = str_dup(a, row->id),
		.name = str_dup(a, row->name),
		.subject = str_print(a, "ci:" STR_FMT, STR_ARG(row->name)),
		.expires_at_us = row->expires_at,
		.hash = row->hash.n == TOKEN_HASH ? (const uint8_t *)str_dup(a, row->hash).p : NULL,
		.tenant_key = (int32_t)row->tenant_key,
		.tenant = str_dup(a, row->tenant),
		.stands_on = {ARENA_NEW(a, str), 1},
	};
	c->stands_on.v[0] = str_dup(a, row->trust_id);
	layer_add(c, (claim_layer){.grants = {ARENA_ARRAY(a, grant, rows), 0}});
	if (row->maker_subjects.p)
		layer_add(c, (claim_layer){.subjects = lines(a, row->maker_subjects)});
	k->last_used_at_us = clock_now_us();
	snprintf(k->maker, sizeof(k->maker), STR_FMT, STR_ARG(row->maker_token));
}

/* What its trust grants, and behind that what the trust's maker holds. */
static err ci_read(recognize *k, db_reply *reply)
{
	sql_ci_token_grants_row row;
	arena *a = k->arena;

	if (!reply->rows)
		return ERR_TOKEN_INVALID;
	for (uint32_t i = 0; i < reply->rows; i++) {
		err e = db_row(reply, i, &row, &k->fault);
		if (e)
			return e;
		if (i == 0)
			hash_keep(k, row.hash);
		if (row.is_ended)
			return ERR_TOKEN_INVALID;
		if (i == 0)
			ci_begin(k, &row, reply->rows);
		grants *to = &k->claim->layers[0].grants;
		to->v[to->n++] = grant_of_role(str_dup(a, row.role), (int32_t)row.grant_key, str_dup(a, row.grant_path),
			GRANT_FOREVER, k->claim->stands_on.v[0]);
	}
	return k->claim->hash ? ERR_OK : ERR_TOKEN_INVALID;
}

static void ci_came(void *arg, db_reply *reply)
{
	recognize *k = arg;

	if (reply->e) {
		failed(k, reply);
		return;
	}
	err e = ci_read(k, reply);
	if (e || !k->maker[0]) {
		claim_settle(k, e);
		return;
	}
	k->is_behind = true;
	k->in.token = (sql_token_chain_in){.id = str_from(k->maker), .place = 1};
	db_read(k->reader, DB_PLATFORM, SQL_TOKEN_CHAIN, &k->in.token, chain_came, k);
}

static void ci_ask(recognize *k)
{
	k->in.ci.id = str_from(k->id);
	db_read(k->reader, DB_PLATFORM, SQL_CI_TOKEN_GRANTS, &k->in.ci, ci_came, k);
}

void recognize_credential(
	recognize *k, db_reader *reader, str credential, bool with_gone, recognize_done *on_done, void *arg)
{
	begin(k, reader, on_done, arg);
	k->with_gone = with_gone;
	snprintf(k->id, sizeof(k->id), STR_FMT, STR_ARG(credential));
	if (str_starts(credential, S("ses_")))
		session_ask(k);
	else if (str_starts(credential, S("cit_")))
		ci_ask(k);
	else
		token_ask(k);
}
