#include "server/edge/recheck.h"

#include "base/clock.h"
#include "server/edge/gate.h"

static void done(recheck *c, err e)
{
	principal *now = c->now;

	c->now = NULL;
	if (e) {
		principal_unref(now);
		now = NULL;
	}
	c->on_done(c, e, now);
}

static err standing(const principal *was, const principal *now)
{
	if (now->expires_at_us <= clock_now_us())
		return ERR_TOKEN_EXPIRED;
	bool is_same = now->tenant_key == was->tenant_key && now->rights == was->rights &&
		       strcmp(now->tenant, was->tenant) == 0;
	return is_same ? ERR_OK : ERR_PERMISSION_DENIED;
}

static void keys_came(void *arg, db_reply *reply)
{
	recheck *c = arg;
	AUTO_ARENA a = arena_new(0);

	if (reply->e) {
		done(c, reply->e);
		return;
	}
	int32_t *keys = ARENA_ARRAY(a, int32_t, reply->rows + 1);
	for (uint32_t i = 0; i < reply->rows; i++)
		keys[i] = (int32_t)db_i64(reply, i, "key");
	principal_keys_set(c->now, keys, reply->rows);
	done(c, ERR_OK);
}

static void token_came(void *arg, db_reply *reply)
{
	recheck *c = arg;
	sql_token_find_row row;
	fault f;
	err e = reply->e;

	if (!e && !reply->rows)
		e = ERR_TOKEN_INVALID;
	if (!e && !(e = db_row(reply, 0, &row, &f)) && row.is_revoked)
		e = ERR_TOKEN_INVALID;
	if (!e) {
		c->now = gate_principal(&row);
		e = standing(c->was, c->now);
	}
	if (e || c->now->is_platform) {
		done(c, e);
		return;
	}
	c->keys_in = (sql_tenant_keys_under_in){.key = c->now->tenant_key};
	db_read(c->edge->reader, DB_PLATFORM, SQL_TENANT_KEYS_UNDER, &c->keys_in, keys_came, c);
}

void recheck_begin(recheck *c, edge *e, const principal *was, recheck_done *on_done)
{
	*c = (recheck){.edge = e, .was = was, .on_done = on_done, .token_in = {.id = str_from(was->id)}};
	db_read(e->reader, DB_PLATFORM, SQL_TOKEN_FIND, &c->token_in, token_came, c);
}
