#include "api/types/binding.h"

#include "base/clock.h"
#include "db/sql.h"
#include "server/edge/bestow.h"
#include "server/edge/bind.h"
#include "server/edge/govern.h"

static err binding_check(request *r, const binding *b)
{
	if (!subject_is_fine(b->subject))
		return fault_set(&r->fault, ERR_BAD_FIELD, "#/subject",
			"must be user:NAME, group:NAME or service:NAME, without control characters");
	if (b->expires_at.us && b->expires_at.us <= clock_now_us())
		return fault_set(&r->fault, ERR_BAD_FIELD, "#/expires_at", "must lie in the future");
	return ERR_OK;
}

step binding_create(request *r)
{
	const binding *b = r->body;
	err e = binding_check(r, b);

	return e ? request_fail(r, e) : bestow_ask(r, b->tenant, STEP_binding_create_at);
}

step binding_create_at(request *r)
{
	const binding *b = r->body;
	int32_t key;
	str path;
	err e = bestow_check(r, b->role, b->tenant, &key, &path);

	if (!e)
		e = bestow_until_check(r, b->role, path, b->expires_at.us ? b->expires_at.us : GRANT_FOREVER);
	if (e)
		return request_fail(r, e);
	sql_binding_create_in *in = bind_request(r, SQL_BINDING_CREATE);
	id made = id_make("bnd");
	in->id = str_dup(r->arena, id_str(&made));
	in->created_by = request_actor(r);
	return govern_run(r, SQL_BINDING_CREATE, in);
}
