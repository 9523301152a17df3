#include "api/types/cluster.h"

#include "db/sql.h"
#include "server/edge/bind.h"
#include "server/edge/dispatch.h"
#include "server/edge/govern.h"
#include "server/edge/secret.h"

enum { REJOIN_TTL_S = 3600, DRAIN_NONE = -1 };

step cluster_create_ask(request *r)
{
	const cluster *c = r->body;
	sql_cluster_create_in *in = bind_request(r, SQL_CLUSTER_CREATE);
	token_made *made = ARENA_NEW(r->arena, token_made);
	id made_id = id_make("cls");

	*made = token_make(TOKEN_JOIN);
	r->work = made;
	in->id = str_dup(r->arena, id_str(&made_id));
	in->token_id = id_str(&made->id);
	in->token_hash = str_of((const char *)made->hash, TOKEN_HASH);
	in->accepts = c->accept;
	in->ttl_s = c->join_token_ttl_s;
	govern_begin(r, SQL_CLUSTER_CREATE, in);
	return request_govern(r, STEP_cluster_created);
}

step cluster_created(request *r)
{
	const token_made *made = r->work;

	return secret_reply(r, "join_token", str_from(made->text));
}

/* Without a certificate the agent is out until it joins anew: the answer holds the token for that. */
step cluster_revoke_agent_ask(request *r)
{
	sql_cluster_revoke_agent_in *in = bind_request(r, SQL_CLUSTER_REVOKE_AGENT);
	token_made *made = ARENA_NEW(r->arena, token_made);

	*made = token_make(TOKEN_JOIN);
	r->work = made;
	in->token_id = id_str(&made->id);
	in->token_hash = str_of((const char *)made->hash, TOKEN_HASH);
	in->ttl_s = REJOIN_TTL_S;
	govern_begin(r, SQL_CLUSTER_REVOKE_AGENT, in);
	return request_govern(r, STEP_cluster_created);
}

static void flag_set(bool *flag, bool *is_null, bool value)
{
	*flag = value;
	*is_null = false;
}

static void drain_set(sql_cluster_change_in *in, int64_t grace_s)
{
	in->drain_grace_s = grace_s;
	in->drain_grace_s_null = false;
}

static void drain_begin(sql_cluster_change_in *in, const cluster_drain *d)
{
	flag_set(&in->is_cordoned, &in->is_cordoned_null, true);
	flag_set(&in->requeues, &in->requeues_null, d->requeue);
	drain_set(in, d->grace_s);
}

static void loss_begin(sql_cluster_change_in *in, const cluster_loss *l)
{
	in->state = S("lost");
	flag_set(&in->requeues, &in->requeues_null, l->requeue);
}

step cluster_change_ask(request *r)
{
	sql_cluster_change_in *in = bind_request(r, SQL_CLUSTER_CHANGE);

	if (r->op == OP_CLUSTER_DRAIN)
		drain_begin(in, r->body);
	else if (r->op == OP_CLUSTER_DECLARE_LOST)
		loss_begin(in, r->body);
	else if (r->op == OP_CLUSTER_UNCORDON)
		drain_set(in, DRAIN_NONE);
	if (r->op == OP_CLUSTER_ACCEPT)
		in->state = S("ready");
	else if (r->op == OP_CLUSTER_CORDON || r->op == OP_CLUSTER_UNCORDON)
		flag_set(&in->is_cordoned, &in->is_cordoned_null, r->op == OP_CLUSTER_CORDON);
	else if (r->op == OP_CLUSTER_FREEZE || r->op == OP_CLUSTER_UNFREEZE)
		flag_set(&in->is_frozen, &in->is_frozen_null, r->op == OP_CLUSTER_FREEZE);
	return govern_run(r, SQL_CLUSTER_CHANGE, in);
}

step cordon_ask(request *r)
{
	sql_cordon_put_in *in = bind_request(r, SQL_CORDON_PUT);

	in->kind = str_from(operations[r->op].object_kind);
	in->is_on = r->op == OP_NODE_CORDON || r->op == OP_DEVICE_CORDON;
	return govern_run(r, SQL_CORDON_PUT, in);
}
