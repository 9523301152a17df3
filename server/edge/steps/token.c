#include "api/types/token.h"

#include "db/sql.h"
#include "json/write.h"
#include "server/edge/bestow.h"
#include "server/edge/bind.h"
#include "server/edge/denial.h"
#include "server/edge/govern.h"
#include "server/edge/held.h"
#include "server/edge/secret.h"

step token_whoami(request *r)
{
	const principal *p = r->who;
	whoami me = {
		.token_id = str_from(p->id),
		.name = str_from(p->name),
		.subject = p->subject[0] ? str_from(p->subject) : STR_NONE,
		.groups = p->groups,
		.role = p->role ? str_from(p->role->name) : S(""),
		.tenant = str_from(p->tenant),
		.rights = held_names(r->arena, p->rights),
		.grants = held_grants(r->arena, p),
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
			.rights = held_names(r->arena, roles[i].rights),
		};
		js_write(&w, &role_type, &one);
	}
	js_array_end(&w);
	js_put_text(&w, "next_cursor", STR_NONE);
	js_object_end(&w);
	return request_reply_out(r, 200);
}

typedef struct token_work {
	token_made made;
	sql_bindings_of_in bindings;
	str path; /* of the node */
} token_work;

/* Whether the maker may be used from all of its addresses. */
static bool is_in_reach(const principal *maker, const cidr *c)
{
	for (uint32_t i = 0; i < maker->n_cidrs; i++)
		if (cidr_covers(&maker->cidrs[i], c))
			return true;
	return maker->n_cidrs == 0;
}

static err cidr_check(request *r, str text, const char *pointer)
{
	cidr c;

	if (!cidr_parse(text, &c))
		return fault_set(&r->fault, ERR_BAD_FIELD, pointer,
			"must be a range of addresses, as 10.0.0.0/8, without bits behind its prefix");
	if (is_in_reach(r->who, &c))
		return ERR_OK;
	denial_record(r, ERR_ESCALATION_DENIED);
	return fault_set(&r->fault, ERR_ESCALATION_DENIED, pointer,
		"the token it is made with may not be used from all of these addresses");
}

/* A token is good where its maker is, or in a part of that: else a range would keep nobody in. */
static err cidrs_check(request *r, token *t)
{
	const principal *maker = r->who;
	err e = ERR_OK;

	for (uint32_t i = 0; i < t->cidrs.n && !e; i++)
		e = cidr_check(r, t->cidrs.v[i], str_z(r->arena, str_print(r->arena, "#/cidrs/%u", i)));
	if (t->cidrs.n || !maker->n_cidrs)
		return e;
	t->cidrs = (strs){ARENA_ARRAY(r->arena, str, maker->n_cidrs), maker->n_cidrs};
	for (uint32_t i = 0; i < maker->n_cidrs; i++)
		t->cidrs.v[i] = cidr_text(&maker->cidrs[i], r->arena);
	return ERR_OK;
}

step token_create(request *r)
{
	token *t = r->body;
	err e = cidrs_check(r, t);

	if (e)
		return request_fail(r, e);
	if (t->subject.p && !subject_is_fine(t->subject))
		return request_fail_at(r, ERR_BAD_FIELD, "#/subject",
			"must be user:NAME, group:NAME or service:NAME, without control characters");
	r->work = ARENA_NEW(r->arena, token_work);
	return bestow_ask(r, t->tenant, STEP_token_create_at);
}

/* Who stands above it: the token it is made with, or the person. */
static void maker_put(request *r, sql_token_create_in *in)
{
	const principal *p = r->who;

	in->generation = p->generation;
	if (p->generation)
		in->maker_token = str_from(p->id);
	else
		in->maker_subjects = claim_names(r->arena, str_from(p->subject), p->groups);
}

static bool is_own_subject(const request *r)
{
	const token *t = r->body;

	return !t->subject.p || str_eq(t->subject, str_from(r->who->subject));
}

static step token_make_it(request *r)
{
	token_work *w = r->work;
	sql_token_create_in *in = bind_request(r, SQL_TOKEN_CREATE);
	static str none[1];

	w->made = token_make(TOKEN_PAT);
	in->id = id_str(&w->made.id);
	in->hash = str_of((const char *)w->made.hash, TOKEN_HASH);
	in->created_by = request_actor(r);
	in->groups = (strs){none, 0};
	if (is_own_subject(r)) {
		in->subject = r->who->subject[0] ? str_from(r->who->subject) : STR_NONE;
		in->groups = r->who->groups.n ? r->who->groups : in->groups;
	}
	maker_put(r, in);
	govern_begin(r, SQL_TOKEN_CREATE, in);
	return request_govern(r, STEP_token_create_reply);
}

step token_create_at(request *r)
{
	token_work *w = r->work;
	const token *t = r->body;
	int32_t key;
	err e = bestow_check(r, t->role, t->tenant, &key, &w->path);

	if (e)
		return request_fail(r, e);
	if (is_own_subject(r))
		return token_make_it(r);
	w->path = str_dup(r->arena, w->path);
	w->bindings.subjects = (strs){ARENA_NEW(r->arena, str), 1};
	w->bindings.subjects.v[0] = t->subject;
	return request_fetch(r, DB_PLATFORM, SQL_BINDINGS_OF, &w->bindings, STEP_token_create_for);
}

/* A token for somebody else is worth nothing unless they hold its role: better said now. */
step token_create_for(request *r)
{
	const token_work *w = r->work;
	const token *t = r->body;
	const role_row *row = role_find(t->role);
	sql_bindings_of_row b;
	uint64_t held = 0;

	if (request_reply_failed(r))
		return request_fail_reply(r);
	for (uint32_t i = 0; i < r->reply.rows; i++) {
		err e = db_row(&r->reply, i, &b, &r->fault);
		if (e)
			return request_fail(r, e);
		grant g = grant_of_role(b.role, (int32_t)b.tenant_key, b.tenant, GRANT_FOREVER, b.id);
		held |= path_covers(g.tenant, w->path) ? g.rights : 0;
	}
	if (row && rights_cover(held, row->rights))
		return token_make_it(r);
	denial_record(r, ERR_ESCALATION_DENIED);
	return request_fail_at(r, ERR_ESCALATION_DENIED, "#/subject",
		STR_FMT " does not hold all that " STR_FMT " holds there: bind it first", STR_ARG(t->subject),
		STR_ARG(t->role));
}

step token_create_reply(request *r)
{
	const token_work *w = r->work;

	return secret_reply(r, "token", str_from(w->made.text));
}
