#include <openssl/evp.h>
#include "base/clock.h"
#include "proof/checkpoint.h"
#include "server/edge/accept.h"
#include "server/edge/denial.h"
#include "server/edge/dispatch.h"
#include "server/edge/gate.h"
#include "server/edge/limit.h"
#include "server/edge/permit.h"
#include "server/edge/query.h"

enum { KEY_MAX = 255, PLACE_BYTES = 16, STATUS_FORBIDDEN = 403 };

static bool is_patch(const request *r)
{
	return r->route->flags & ROUTE_MERGE;
}

/* If-Match and If-None-Match (RFC 9110, 13.1). A list or a weak tag of If-Match matches nothing we hand out. */
static err conditions_read(request *r)
{
	str match = web_header_find(r->web, S("If-Match")), none = web_header_find(r->web, S("If-None-Match"));
	str tag = str_trim(match);

	r->must_be_new = none.p && str_eq(str_trim(none), S("*"));
	if (none.p && !r->must_be_new)
		r->if_none_match = str_trim(none);
	if (r->must_be_new && (r->route->flags & ROUTE_IF_MATCH))
		return fault_set(&r->fault, ERR_ETAG_MISMATCH, "If-None-Match", "this route changes what is there");
	if (!match.p && (r->route->flags & ROUTE_IF_MATCH))
		return fault_set(&r->fault, ERR_IF_MATCH_REQUIRED, "If-Match",
			"send the ETag the change is based on, or * to force it");
	if (!match.p || str_eq(tag, S("*")))
		return ERR_OK;
	if (tag.n < 2 || tag.p[0] != '"' || tag.p[tag.n - 1] != '"' ||
		!str_to_i64(str_cut(tag, 1, tag.n - 1), &r->if_rev) || r->if_rev < 0)
		r->if_rev = JS_INT_MAX;
	return ERR_OK;
}

/* Prefer (RFC 7240): what is not known is passed over. */
static void prefer_read(request *r)
{
	str all = web_header_find(r->web, S("Prefer"));

	while (all.p) {
		str one = str_split(&all, ',');
		str wish = str_trim(str_split(&one, ';'));
		r->is_minimal |= str_eq(wish, S("return=minimal"));
		r->is_counted |= str_eq(wish, S("count=exact"));
	}
}

/* Bare, or as a structured field's string (quoted). */
static err key_read(request *r)
{
	str key = web_header_find(r->web, S("Idempotency-Key"));

	if (!key.p || !(r->route->flags & ROUTE_WRITE))
		return ERR_OK;
	key = str_trim(key);
	if (key.n >= 2 && key.p[0] == '"' && key.p[key.n - 1] == '"')
		key = str_cut(key, 1, key.n - 1);
	bool is_fine = key.n >= 1 && key.n <= KEY_MAX;
	for (uint32_t i = 0; i < key.n && is_fine; i++)
		is_fine = key.p[i] > 0x20 && key.p[i] < 0x7f;
	if (!is_fine)
		return fault_set(&r->fault, ERR_BAD_PARAMETER, "Idempotency-Key",
			"must be 1 to %d visible ASCII characters", KEY_MAX);
	r->idempotency_key = key;
	return ERR_OK;
}

static void digest(const str *parts, size_t n, uint8_t out[LEDGER_HASH])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();

	EVP_DigestInit_ex(c, EVP_sha256(), NULL);
	for (size_t i = 0; i < n; i++) {
		EVP_DigestUpdate(c, &parts[i].n, sizeof(parts[i].n));
		EVP_DigestUpdate(c, parts[i].p, parts[i].n);
	}
	EVP_DigestFinal_ex(c, out, NULL);
	EVP_MD_CTX_free(c);
}

/* A key counts for its method and path: behind it stands which, shortened; no client's key holds a blank. */
static void key_place(request *r)
{
	const str parts[] = {str_from(r->route->method), r->web->path, r->web->body};
	uint8_t place[LEDGER_HASH];
	buf key;

	digest(parts, 3, r->fingerprint);
	digest(parts, 2, place);
	buf_init(&key, KEY_MAX + 1 + 2 * PLACE_BYTES);
	buf_add_str(&key, r->idempotency_key);
	buf_add_char(&key, ' ');
	hex_add(&key, place, PLACE_BYTES);
	r->idempotency_key = str_dup(r->arena, buf_str(&key));
	buf_done(&key);
}

static err media_check(request *r)
{
	str type = web_header_find(r->web, S("Content-Type"));
	const char *wanted = (r->route->flags & ROUTE_FORM) ? "application/x-www-form-urlencoded"
			     : is_patch(r)                  ? "application/merge-patch+json"
							    : "application/json";

	if (type.p && media_is(type, str_from(wanted)))
		return ERR_OK;
	r->is_yaml = type.p && (r->route->flags & ROUTE_YAML) && media_is(type, S("application/yaml"));
	if (r->is_yaml)
		return ERR_OK;
	if (is_patch(r))
		request_header(r, "Accept-Patch", str_from(wanted));
	return fault_set(&r->fault, ERR_MEDIA_TYPE, "Content-Type", "this route takes %s", wanted);
}

static err body_read(request *r)
{
	const js_type *t = r->route->body;
	bool is_left_out = r->web->body.n == 0 && (r->route->flags & ROUTE_BODY_OPTIONAL);
	err e = ERR_OK;

	if (!t)
		return ERR_OK;
	if (!is_left_out)
		e = media_check(r);
	if (e || (r->route->flags & ROUTE_YAML))
		return e;
	r->body = arena_alloc(r->arena, t->size);
	if (r->route->flags & ROUTE_FORM)
		return query_read(t, r->web->body, r->arena, r->body, &r->fault);
	return js_read(t, is_left_out ? S("{}") : r->web->body, r->arena, r->body, &r->fault);
}

static err query(request *r)
{
	const js_type *t = r->route->query;
	str rest = r->web->query;
	err e = ERR_OK;

	if (r->route->flags & ROUTE_WRITE)
		e = query_take_bool(&rest, "dry_run", r->arena, &r->is_dry, &r->fault);
	if (!e && route_has_pages(r->route))
		e = query_take(&rest, "fields", r->arena, &r->fields, &r->fault);
	if (e)
		return e;
	r->query = t ? arena_alloc(r->arena, t->size) : NULL;
	return query_read(t, rest, r->arena, r->query, &r->fault);
}

/* Everything about the request that can be wrong before somebody looks at what it means. */
static err understand(request *r)
{
	err e;

	if ((e = accept_read(r->route, web_header_find(r->web, S("Accept")), &r->form, &r->fault)) || (e = query(r)) ||
		(e = conditions_read(r)) || (e = key_read(r)) || (e = body_read(r)))
		return e;
	prefer_read(r);
	if (r->idempotency_key.p)
		key_place(r);
	return ERR_OK;
}

static bool is_of_who(const request *r)
{
	const principal *p = r->who;

	return !r->token || (p->has_hash && token_matches(r->token, str_of((const char *)p->hash, TOKEN_HASH)));
}

static err allow(request *r)
{
	const principal *p = r->who;

	if (!p)
		return ERR_OK;
	if (!is_of_who(r))
		return ERR_TOKEN_INVALID;
	if (p->expires_at_us <= clock_now_us())
		return ERR_TOKEN_EXPIRED;
	const char *from = p->n_cidrs ? proxies_client(&r->edge->proxies, r->web, r->arena) : r->web->peer;
	if (!permit_address(p, from))
		return fault_set(&r->fault, ERR_ADDRESS_NOT_ALLOWED, "", "the token may not be used from %s", from);
	if (!permit_anywhere(p, r->route->right))
		return denial_fault(r, p->tenant);
	return ERR_OK;
}

step gate_enter(request *r)
{
	err e = allow(r);

	if (!e && (e = limit_caller(r)))
		return request_fail(r, e);
	if (err_status(e) == STATUS_FORBIDDEN)
		denial_record(r, e);
	/* What was said stays understood when only the scope is read anew: reading twice would take the memory twice.
	 */
	if (!e && !r->is_again)
		e = understand(r);
	return e ? request_fail(r, e) : step_next(r, operation_step(r->op));
}
