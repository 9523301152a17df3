#include "api/links.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 160 };

static bool is_method(op o, const char *method)
{
	return strcmp(routes[o].method, method) == 0;
}

static str variable(op o)
{
	str rest = str_from(routes[o].path);

	str_split(&rest, '{');
	return rest.p ? str_split(&rest, '}') : STR_NONE;
}

static bool has_field(const js_type *t, str name)
{
	for (uint16_t i = 0; t && i < t->n; i++)
		if (str_eq(name, str_of(t->fields[i].name, t->fields[i].name_n)))
			return true;
	return false;
}

/* Where in the answer, or in the request, the object's name stands; absent: nowhere. */
static str name_of(op from, char out[NAME_BYTES])
{
	str var = variable(from);

	if (!var.p)
		return has_field(routes[from].answer, S("id")) ? S("$response.body#/id") : STR_NONE;
	int n = snprintf(out, NAME_BYTES, "$request.path." STR_FMT, STR_ARG(var));
	return str_of(out, (size_t)n);
}

/* POST /v1/tenants leads to /v1/tenants/{tenant} and below; GET and PUT /v1/tenants/{tenant} to the others there. */
static bool leads(op from, op to)
{
	str whole = str_from(routes[to].path), base = str_from(routes[from].path);

	if (from == to || !str_starts(whole, base))
		return false;
	str rest = str_cut(whole, base.n, whole.n);
	if (variable(from).p)
		return !is_method(from, "POST") && !is_method(to, "GET") &&
		       (!rest.n || rest.p[0] == '/' || rest.p[0] == ':');
	return str_starts(rest, S("/{"));
}

static bool begins(op from, int status)
{
	if (variable(from).p)
		return (is_method(from, "GET") || (is_method(from, "PUT") && status == 201)) &&
		       (routes[from].flags & ROUTE_ETAG);
	return is_method(from, "POST") && status == 201 && routes[from].answer && from != OP_PLACEMENT_BATCH;
}

static str lower(const char *s, char out[NAME_BYTES])
{
	size_t n = 0;

	for (; s[n] && n < NAME_BYTES; n++)
		out[n] = (char)tolower((unsigned char)s[n]);
	return str_of(out, n);
}

/* Whether the answer's ETag is that of what the other call changes: a tenant's quota has one of its own. */
static bool tag_counts(op from, op to)
{
	bool takes = (routes[to].flags & ROUTE_IF_MATCH) || is_method(to, "PUT");
	str whole = str_from(routes[to].path), base = str_from(routes[from].path);
	bool is_same = variable(from).p ? str_eq(whole, base) : str_ends(whole, S("}"));

	return takes && is_same && (routes[from].flags & ROUTE_ETAG);
}

static void link_put(js_writer *w, op from, op to)
{
	char text[NAME_BYTES];
	bool has_tag = tag_counts(from, to);

	js_key(w, lower(routes[to].operation, text));
	js_object_begin(w);
	js_put_text(w, "operationId", lower(routes[to].operation, text));
	js_key(w, S("parameters"));
	js_object_begin(w);
	js_key(w, variable(to));
	js_text(w, name_of(from, text));
	if (has_tag)
		js_put_text(w, "header.If-Match", S("$response.header.ETag"));
	js_object_end(w);
	js_object_end(w);
}

void links_put(js_writer *w, op from, int status)
{
	bool is_open = false;
	char text[NAME_BYTES];

	if (!begins(from, status) || !name_of(from, text).p)
		return;
	for (op to = 0; to < OP_COUNT; to++) {
		if (!leads(from, to))
			continue;
		if (!is_open) {
			js_key(w, S("links"));
			js_object_begin(w);
			is_open = true;
		}
		link_put(w, from, to);
	}
	if (is_open)
		js_object_end(w);
}
