#include "api/types/token.h"

#include "db/sql.h"
#include "json/write.h"
#include "server/edge/answer.h"
#include "server/edge/bind.h"
#include "server/edge/gate.h"
#include "server/edge/govern.h"
#include "server/edge/secret.h"

static strs right_names(arena *a, uint64_t rights)
{
	strs names = {ARENA_ARRAY(a, str, RIGHT_COUNT), 0};

	for (right k = RIGHT_SELF; k < RIGHT_COUNT; k++)
		if (rights_hold(rights, k))
			names.v[names.n++] = str_from(right_name(k));
	return names;
}

step token_whoami(request *r)
{
	const principal *p = r->who;
	whoami me = {
		.token_id = str_from(p->id),
		.name = str_from(p->name),
		.role = p->role ? str_from(p->role->name) : S(""),
		.tenant = str_from(p->tenant),
		.rights = right_names(r->arena, p->rights),
		.expires_at = {p->expires_at_us},
	};
	js_writer w = js_writer_on(request_out(r));

	js_write(&w, &whoami_type, &me);
	return request_reply_out(r, 200);
}

step token_roles(request *r)
{
	js_writer w = js_writer_on(request_out(r));

	js_object_begin(&w);
	js_key(&w, S("items"));
	js_array_begin(&w);
	for (uint32_t i = 0; i < roles_n; i++) {
		role one = {
			.name = str_from(roles[i].name),
			.description = str_from(roles[i].doc),
			.rights = right_names(r->arena, roles[i].rights),
		};
		js_write(&w, &role_type, &one);
	}
	js_array_end(&w);
	js_put_text(&w, "next_cursor", STR_NONE);
	js_object_end(&w);
	return request_reply_out(r, 200);
}

/* Nobody grants more than they hold, nor a role where it does not count. */
static err role_check(request *r, const token *t)
{
	const role_row *row = role_find(t->role);

	if (!row)
		return fault_set(&r->fault, ERR_BAD_FIELD, "#/role", "there is no role " STR_FMT, STR_ARG(t->role));
	if (row->is_platform && t->tenant.p)
		return fault_set(&r->fault, ERR_BAD_FIELD, "#/role", "%s counts only for the whole fleet", row->name);
	if (!rights_cover(r->who->rights, row->rights) || (!t->tenant.p && !r->who->is_platform))
		return fault_set(&r->fault, ERR_ESCALATION_DENIED, "#/role",
			"the caller does not hold all that %s holds%s", row->name,
			t->tenant.p ? "" : " for the whole fleet");
	return ERR_OK;
}

step token_create(request *r)
{
	sql_token_create_in *in = bind_request(r, SQL_TOKEN_CREATE);
	token_made *made = ARENA_NEW(r->arena, token_made);
	err e = role_check(r, r->body);

	if (e == ERR_ESCALATION_DENIED)
		gate_record_denial(r, e);
	if (e)
		return request_fail(r, e);
	*made = token_make(TOKEN_PAT);
	r->work = made;
	in->id = id_str(&made->id);
	in->hash = str_of((const char *)made->hash, TOKEN_HASH);
	in->created_by = request_actor(r);
	govern_begin(r, SQL_TOKEN_CREATE, in);
	return request_govern(r, STEP_token_create_reply);
}

step token_create_reply(request *r)
{
	const token_made *made = r->work;

	return secret_reply(r, "token", str_from(made->text));
}
