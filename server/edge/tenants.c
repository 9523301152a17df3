#include "server/edge/tenants.h"

#include <stdlib.h>
#include "base/heap.h"
#include "db/sql.h"

const tenant_ref *tenants_find(const edge *e, str ref)
{
	return map_find(&e->tenant_refs, ref);
}

str tenant_ref_path(const tenant_ref *t)
{
	return (str){t->text + t->ref_n, t->path_n};
}

void *tenants_missing(const request *r, const str *refs, uint32_t n)
{
	sql_tenant_keys_of_in *in = ARENA_NEW(r->arena, sql_tenant_keys_of_in);

	in->refs = (strs){ARENA_ARRAY(r->arena, str, n), 0};
	for (uint32_t i = 0; i < n; i++) {
		bool is_known = tenants_find(r->edge, refs[i]) || (i && str_eq(refs[i], refs[i - 1]));
		if (!is_known)
			in->refs.v[in->refs.n++] = refs[i];
	}
	return in->refs.n ? in : NULL;
}

void tenants_learn(edge *e, const db_reply *reply)
{
	sql_tenant_keys_of_row row;
	fault f;

	for (uint32_t i = 0; i < reply->rows; i++) {
		if (db_row(reply, i, &row, &f) || row.key_null)
			continue;
		if (e->tenant_refs.n >= TENANT_REFS_MAX)
			tenants_clear(e);
		tenant_ref *t = heap_new(1, sizeof(*t) + row.ref.n + row.path.n);
		t->key = (int32_t)row.key;
		t->ref_n = row.ref.n;
		t->path_n = row.path.n;
		memcpy(t->text, row.ref.p, row.ref.n);
		memcpy(t->text + row.ref.n, row.path.p, row.path.n);
		free(map_remove(&e->tenant_refs, row.ref));
		map_put(&e->tenant_refs, str_of(t->text, t->ref_n), t);
	}
}

step tenants_ask(request *r, const str *refs, uint32_t n, step_id next)
{
	void *in = n ? tenants_missing(r, refs, n) : NULL;

	r->reply = (db_reply){0};
	return in ? request_fetch(r, DB_PLATFORM, SQL_TENANT_KEYS_OF, in, next) : step_next(r, next);
}

err tenants_came(request *r)
{
	if (request_reply_failed(r)) {
		r->fault = r->reply.f;
		return r->reply.e;
	}
	if (r->reply.stmt == SQL_TENANT_KEYS_OF)
		tenants_learn(r->edge, &r->reply);
	return ERR_OK;
}

void tenants_clear(edge *e)
{
	map_each (slot, &e->tenant_refs)
		free(slot->value);
	map_clear(&e->tenant_refs);
}
