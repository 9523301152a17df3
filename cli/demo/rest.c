#include "base/clock.h"
#include "cli/demo/demo.h"

typedef struct items {
	js_list items;
} items;

err demo_ask(demo *d, arena *a, const demo_call *c, client_reply *ret, fault *f)
{
	const char *headers[3] = {str_print(a, "Authorization: Bearer %s%c", c->token, 0).p, NULL, NULL};

	if (c->if_match)
		headers[1] = str_print(a, "If-Match: %s%c", c->if_match, 0).p;
	*ret = client_call(d->client, a, c->method, c->path, headers, c->body, DEMO_CALL_MS);
	return ret->e ? fault_set(f, ret->e, NULL, "%s %s: %s", c->method, c->path, ret->why) : ERR_OK;
}

err demo_do(demo *d, arena *a, const demo_call *c, str *ret_body, fault *f)
{
	client_reply r;
	err e = demo_ask(d, a, c, &r, f);

	if (!e && (r.status < 200 || r.status > 299))
		e = client_problem(&r, a, c->method, c->path, f);
	if (!e && ret_body)
		*ret_body = r.body;
	return e;
}

err demo_get(demo *d, arena *a, const char *token, const char *path, const js_type *t, void *out, fault *f)
{
	str body = STR_NONE;
	err e = demo_do(d, a, &(demo_call){.method = "GET", .path = path, .token = token}, &body, f);

	return e ? e : js_read_output(t, body, a, out, f);
}

err demo_list(demo *d, arena *a, const char *token, const char *path, const js_type *t, js_list *out, fault *f)
{
	const js_field fields[] = {JS_FIELD(items, items, JS_OPTIONAL, "The items.", .of = t)};
	const js_type list = {"items", "A list.", fields, 1, sizeof(items), JS_NO_MASK, JS_NO_MASK, false};
	items i = {0};
	err e = demo_get(d, a, token, path, &list, &i, f);

	*out = i.items;
	return e;
}
