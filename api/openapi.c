#include "api/openapi.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include "api/deprecation.h"
#include "api/links.h"
#include "api/routes.h"
#include "json/write.h"

enum { NAME_BYTES = 96, STATUS_BYTES = 8 };

static bool is_seen(op o)
{
	for (op k = 0; k < o; k++)
		if (strcmp(routes[k].path, routes[o].path) == 0)
			return true;
	return false;
}

static void ref(js_writer *w, const char *name, bool is_input)
{
	char text[NAME_BYTES];
	int n = snprintf(text, sizeof(text), "#/components/schemas/%s%s", name, is_input ? "_input" : "");

	js_object_begin(w);
	js_put_text(w, "$ref", str_of(text, (size_t)n));
	js_object_end(w);
}

static void text_schema(js_writer *w, const char *type)
{
	js_object_begin(w);
	js_put_text(w, "type", str_from(type));
	js_object_end(w);
}

static void parameter(js_writer *w, str name, const char *in, bool is_required, const char *doc)
{
	js_object_begin(w);
	js_put_text(w, "name", name);
	js_put_text(w, "in", str_from(in));
	js_put_bool(w, "required", is_required);
	js_put_text(w, "description", str_from(doc));
	js_key(w, S("schema"));
}

/* A row of a query type as the schema of its text. */
static void query_schema(js_writer *w, const js_field *f)
{
	static const char *const types[] = {[JS_BOOL] = "boolean", [JS_I64] = "integer"};

	js_object_begin(w);
	if (f->kind == JS_TEXTS) {
		js_put_text(w, "type", S("array"));
		js_key(w, S("items"));
		text_schema(w, "string");
	} else {
		js_put_text(w, "type", str_from(f->kind <= JS_I64 ? types[f->kind] : "string"));
	}
	if (f->kind == JS_TIME)
		js_put_text(w, "format", S("date-time"));
	if (f->kind == JS_I64 && f->max) {
		js_put_i64(w, "minimum", f->min);
		js_put_i64(w, "maximum", f->max);
	}
	if (f->initial)
		js_put_i64(w, "default", f->initial);
	js_object_end(w);
}

/* "free_memory_mib.gte" of the row free_memory_mib_gte. */
static str query_name(const js_field *f, char out[NAME_BYTES])
{
	str name = str_of(f->name, f->name_n);
	str suffix = S("_gte");

	if (!str_ends(name, suffix))
		return name;
	int n = snprintf(out, NAME_BYTES, STR_FMT ".gte", STR_ARG(str_cut(name, 0, name.n - suffix.n)));
	return str_of(out, (size_t)n);
}

static void query_parameters(js_writer *w, const js_type *t)
{
	for (uint16_t i = 0; t && i < t->n; i++) {
		char name[NAME_BYTES];
		parameter(
			w, query_name(&t->fields[i], name), "query", t->fields[i].use == JS_REQUIRED, t->fields[i].doc);
		query_schema(w, &t->fields[i]);
		if (t->fields[i].kind == JS_TEXTS) {
			js_put_text(w, "style", S("form"));
			js_put_bool(w, "explode", false);
		}
		js_object_end(w);
	}
}

static void path_parameters(js_writer *w, const char *path)
{
	str rest = str_from(path);

	for (;;) {
		str_split(&rest, '{');
		if (!rest.p)
			return;
		str name = str_split(&rest, '}');
		parameter(w, name, "path", true,
			str_eq(name, S("tenant")) ? "Id, or path with '~' for '/'." : "Id or name.");
		text_schema(w, "string");
		js_object_end(w);
	}
}

static void dry_parameter(js_writer *w)
{
	parameter(w, S("dry_run"), "query", false,
		"Run the real statements and undo them: the answer is the real one, without what would be new in it (ids, "
		"secrets, ETag, Location).");
	js_raw_value(w, S("{\"type\":\"boolean\",\"default\":false}"));
	js_object_end(w);
}

static void fields_parameter(js_writer *w)
{
	parameter(w, S("fields"), "query", false,
		"Names of an item's fields, with commas between them: only those are told.");
	js_raw_value(w, S("{\"type\":\"string\"}"));
	js_object_end(w);
}

static void header_parameter(js_writer *w, str name, bool is_required, const char *doc)
{
	parameter(w, name, "header", is_required, doc);
	text_schema(w, "string");
	js_object_end(w);
}

static void header_parameters(js_writer *w, const route *t)
{
	bool reads = strcmp(t->method, "GET") == 0;

	bool may_match = (t->flags & ROUTE_WRITE) && (t->flags & ROUTE_ETAG) && t->status == 200;

	if ((t->flags & ROUTE_IF_MATCH) || may_match)
		header_parameter(w, S("If-Match"), t->flags & ROUTE_IF_MATCH, "The ETag the change is based on, or *.");
	if (may_match && strcmp(t->method, "PUT") == 0 && !(t->flags & ROUTE_IF_MATCH))
		header_parameter(w, S("If-None-Match"), false, "*: only when there is none yet.");
	if ((t->flags & ROUTE_ETAG) && reads)
		header_parameter(w, S("If-None-Match"), false, "ETags the client has: 304 when one still holds.");
	if (t->flags & ROUTE_WRITE)
		header_parameter(w, S("Idempotency-Key"), false,
			"1 to 255 visible characters: a repeat with the same key and body has no second effect.");
	if (route_has_pages(t))
		header_parameter(
			w, S("Prefer"), false, "count=exact: tell how many items there are, where the list can.");
	if (t->flags & ROUTE_STREAM)
		header_parameter(w, S("Last-Event-ID"), false, "Cursor of the last event that arrived.");
}

static void content(js_writer *w, const char *media)
{
	js_key(w, S("content"));
	js_object_begin(w);
	js_key(w, str_from(media));
	js_object_begin(w);
	js_key(w, S("schema"));
}

static void more_media(js_writer *w, const char *media)
{
	js_key(w, str_from(media));
	js_put_raw((js_object_begin(w), w), "schema", S("{\"type\":\"string\"}"));
	js_object_end(w);
}

static const char *body_media(const route *t)
{
	if (t->flags & ROUTE_FORM)
		return "application/x-www-form-urlencoded";
	return (t->flags & ROUTE_MERGE) ? "application/merge-patch+json" : "application/json";
}

static void body(js_writer *w, const route *t)
{
	if (!t->body)
		return;
	js_key(w, S("requestBody"));
	js_object_begin(w);
	js_put_bool(w, "required", !(t->flags & ROUTE_BODY_OPTIONAL));
	content(w, body_media(t));
	ref(w, t->body->name, true);
	js_object_end(w);
	if (t->flags & ROUTE_YAML)
		more_media(w, "application/yaml");
	js_object_end(w);
	js_object_end(w);
}

/* {"items": [...], "next_cursor": ...} */
static void items_schema(js_writer *w, const route *t, bool has_cursor)
{
	js_object_begin(w);
	js_put_text(w, "type", S("object"));
	js_put_raw(w, "required", has_cursor ? S("[\"items\",\"next_cursor\"]") : S("[\"items\"]"));
	js_key(w, S("properties"));
	js_object_begin(w);
	js_key(w, S("items"));
	js_object_begin(w);
	js_put_text(w, "type", S("array"));
	js_key(w, S("items"));
	ref(w, t->answer->name, false);
	js_object_end(w);
	if (has_cursor) {
		js_put_raw(w, "next_cursor", S("{\"type\":[\"string\",\"null\"]}"));
		js_put_raw(w, "total",
			S("{\"type\":\"integer\",\"description\":\"How many there are, with Prefer: count=exact where the list can tell; "
			  "at most 100000.\"}"));
		js_put_raw(w, "total_is_cut", S("{\"type\":\"boolean\",\"description\":\"There are more.\"}"));
	}
	js_object_end(w);
	js_object_end(w);
}

static void answer_headers(js_writer *w, const route *t)
{
	js_key(w, S("headers"));
	js_object_begin(w);
	js_put_raw(w, "X-Request-Id", S("{\"$ref\":\"#/components/headers/X-Request-Id\"}"));
	js_put_raw(w, "traceparent", S("{\"$ref\":\"#/components/headers/traceparent\"}"));
	if (t->flags & ROUTE_ETAG)
		js_put_raw(w, "ETag", S("{\"$ref\":\"#/components/headers/ETag\"}"));
	if (t->status / 100 == 3)
		js_put_raw(w, "Location", S("{\"schema\":{\"type\":\"string\"}}"));
	if (t->flags & ROUTE_WRITTEN)
		js_put_raw(w, "Plan-Result", S("{\"$ref\":\"#/components/headers/Plan-Result\"}"));
	if (t->flags & ROUTE_LIST)
		js_put_raw(w, "Link", S("{\"$ref\":\"#/components/headers/Link\"}"));
	if (t->flags & ROUTE_WRITE)
		js_put_raw(w, "Dry-Run", S("{\"$ref\":\"#/components/headers/Dry-Run\"}"));
	if (t->flags & ROUTE_WRITE)
		js_put_raw(w, "Idempotency-Replayed", S("{\"$ref\":\"#/components/headers/Idempotency-Replayed\"}"));
	js_object_end(w);
}

static const char *media_of(const route *t)
{
	if (t->flags & ROUTE_STREAM)
		return "text/event-stream";
	if (t == &routes[OP_MANIFEST_SCHEMA])
		return "application/schema+json";
	return (t->flags & ROUTE_PLAIN) ? "text/plain" : "application/json";
}

/* One event of a stream, as its reader sees it. */
static void event_schema(js_writer *w)
{
	js_raw_value(w,
		S("{\"type\":\"object\",\"required\":[\"data\"],\"properties\":{\"id\":{\"type\":\"string\",\"description\":"
		  "\"The cursor behind it.\"},\"event\":{\"type\":\"string\"},\"data\":{\"type\":\"string\"}}}"));
}

static void answer_content(js_writer *w, op o)
{
	const route *t = &routes[o];

	if (t->status == 204 || t->status / 100 == 3)
		return;
	content(w, media_of(t));
	if (o == OP_PLACEMENT_BATCH)
		items_schema(w, t, false);
	else if (t->answer && (t->flags & ROUTE_LIST))
		items_schema(w, t, true);
	else if (t->answer)
		ref(w, t->answer->name, false);
	else if (t->flags & ROUTE_STREAM)
		event_schema(w);
	else
		text_schema(w, (t->flags & ROUTE_PLAIN) ? "string" : "object");
	js_object_end(w);
	if (route_has_pages(t))
		more_media(w, "text/plain");
	if (o == OP_PROBLEM_GET)
		more_media(w, "text/html");
	if (t->flags & ROUTE_NEGOTIATES)
		more_media(w, "text/csv");
	if (t->flags & (ROUTE_NEGOTIATES | ROUTE_STREAM))
		more_media(w, "application/x-ndjson");
	if (t->flags & ROUTE_WRITTEN) {
		more_media(w, "text/plain");
		more_media(w, "text/markdown");
	}
	js_object_end(w);
}

static void one_answer(js_writer *w, op o, int code, const char *what)
{
	char status[STATUS_BYTES];
	int n = snprintf(status, sizeof(status), "%d", code);

	js_key(w, str_of(status, (size_t)n));
	js_object_begin(w);
	js_put_text(w, "description", str_from(what));
	answer_headers(w, &routes[o]);
	answer_content(w, o);
	links_put(w, o, code);
	js_object_end(w);
}

/* A PUT that does not ask for the version that it changes may be of something new. */
static bool may_make(const route *t)
{
	return strcmp(t->method, "PUT") == 0 && !(t->flags & ROUTE_IF_MATCH);
}

static void answers(js_writer *w, op o)
{
	const route *t = &routes[o];
	bool reads = strcmp(t->method, "GET") == 0;

	js_key(w, S("responses"));
	js_object_begin(w);
	one_answer(w, o, t->status, t->summary);
	if (may_make(t))
		one_answer(w, o, 201, "It was not there, and was made.");
	if (o == OP_READYZ)
		one_answer(w, o, 503, "It cannot serve now.");
	if (o == OP_PLAN_APPLY)
		one_answer(w, o, 202, "It was applied, and somebody above is asked for what only they may change.");
	if ((t->flags & ROUTE_ETAG) && reads)
		js_put_raw(w, "304", S("{\"description\":\"The client's copy still holds.\"}"));
	js_put_raw(w, "4XX", S("{\"$ref\":\"#/components/responses/problem\"}"));
	js_put_raw(w, "5XX", S("{\"$ref\":\"#/components/responses/problem\"}"));
	js_object_end(w);
}

static void security(js_writer *w, right r)
{
	js_key(w, S("security"));
	js_array_begin(w);
	if (r != RIGHT_NONE) {
		js_object_begin(w);
		js_put_raw(w, r == RIGHT_AGENT ? "certificate" : "token", S("[]"));
		js_object_end(w);
	}
	js_array_end(w);
}

static str lower(const char *s, char out[NAME_BYTES])
{
	size_t n = 0;

	for (; s[n] && n < NAME_BYTES; n++)
		out[n] = (char)(s[n] >= 'A' && s[n] <= 'Z' ? s[n] + ('a' - 'A') : s[n]);
	return str_of(out, n);
}

static void operation(js_writer *w, op o)
{
	const route *t = &routes[o];
	char name[NAME_BYTES];

	js_key(w, lower(t->method, name));
	js_object_begin(w);
	js_put_text(w, "operationId", lower(t->operation, name));
	js_put_text(w, "summary", str_from(t->summary));
	js_put_text(w, "x-right", str_from(right_name(t->right)));
	if (t->right != RIGHT_NONE && t->right != RIGHT_AGENT)
		js_put_i64(w, "x-cost", route_cost(o));
	if (deprecation_find(o) >= 0)
		js_put_bool(w, "deprecated", true);
	security(w, t->right);
	js_key(w, S("parameters"));
	js_array_begin(w);
	path_parameters(w, t->path);
	query_parameters(w, t->query);
	if (route_has_pages(t))
		fields_parameter(w);
	if (t->flags & ROUTE_WRITE)
		dry_parameter(w);
	header_parameters(w, t);
	js_array_end(w);
	body(w, t);
	answers(w, o);
	js_object_end(w);
}

static void paths(js_writer *w)
{
	js_key(w, S("paths"));
	js_object_begin(w);
	for (op o = 0; o < OP_COUNT; o++) {
		if (is_seen(o))
			continue;
		js_key(w, str_from(routes[o].path));
		js_object_begin(w);
		for (op k = o; k < OP_COUNT; k++)
			if (strcmp(routes[k].path, routes[o].path) == 0)
				operation(w, k);
		js_object_end(w);
	}
	js_object_end(w);
}

/* Types gathered once each. */
typedef struct types {
	const js_type *v[JS_TYPES_MAX];
	uint32_t n;
} types;

static void type_add(const js_type *t, void *arg)
{
	types *all = arg;

	for (uint32_t i = 0; i < all->n; i++)
		if (all->v[i] == t)
			return;
	assert(all->n < JS_TYPES_MAX);
	all->v[all->n++] = t;
}

static void schemas_of(js_writer *w, bool is_input)
{
	types all = {.n = 0};
	char name[NAME_BYTES];

	for (op o = 0; o < OP_COUNT; o++) {
		const js_type *t = is_input ? routes[o].body : routes[o].answer;
		if (t)
			js_types_each(t, type_add, &all);
	}
	for (uint32_t i = 0; i < all.n; i++) {
		int n = snprintf(name, sizeof(name), "%s%s", all.v[i]->name, is_input ? "_input" : "");
		js_key(w, str_of(name, (size_t)n));
		js_schema(w, all.v[i], is_input);
	}
}

static void error_codes(js_writer *w)
{
	js_key(w, S("x-extensible-enum"));
	js_array_begin(w);
#define E(id, status, code, title)                                                                                     \
	if (status)                                                                                                    \
		js_text(w, S(code));
#include "errors.def"
#undef E
	js_array_end(w);
}

static void problem_schema(js_writer *w)
{
	js_key(w, S("problem"));
	js_object_begin(w);
	js_put_text(w, "type", S("object"));
	js_put_text(w, "description", S("RFC 9457. Clients match on `code`."));
	js_put_raw(w, "required", S("[\"type\",\"title\",\"status\",\"detail\",\"instance\",\"code\",\"retryable\"]"));
	js_key(w, S("properties"));
	js_object_begin(w);
	js_put_raw(w, "type", S("{\"type\":\"string\"}"));
	js_put_raw(w, "title", S("{\"type\":\"string\"}"));
	js_put_raw(w, "status", S("{\"type\":\"integer\"}"));
	js_put_raw(w, "detail", S("{\"type\":\"string\"}"));
	js_put_raw(w, "instance", S("{\"type\":\"string\",\"description\":\"The request's id.\"}"));
	js_key(w, S("code"));
	js_object_begin(w);
	js_put_text(w, "type", S("string"));
	error_codes(w);
	js_object_end(w);
	js_put_raw(w, "retryable", S("{\"type\":\"boolean\"}"));
	js_put_raw(w, "current_etag", S("{\"type\":\"string\"}"));
	js_put_raw(w, "claim",
		S("{\"type\":\"string\",\"description\":\"Of identity_refused: what is wrong in the token.\"}"));
	js_put_raw(w, "error", S("{\"type\":\"string\",\"description\":\"Of forms: the code of RFC 6749, 5.2.\"}"));
	js_put_raw(w, "error_description", S("{\"type\":\"string\"}"));
	js_put_raw(w, "violated-policies",
		S("{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"Of rate_limited: whose bucket is "
		  "empty.\"}"));
	js_put_raw(w, "errors",
		S("{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"pointer\":{\"type\":\"string\"},"
		  "\"detail\":{\"type\":\"string\"}}}}"));
	js_object_end(w);
	js_object_end(w);
}

static void components(js_writer *w)
{
	js_key(w, S("components"));
	js_object_begin(w);
	js_put_raw(w, "securitySchemes",
		S("{\"token\":{\"type\":\"http\",\"scheme\":\"bearer\"},\"certificate\":{\"type\":\"mutualTLS\"}}"));
	js_put_raw(w, "headers",
		S("{\"X-Request-Id\":{\"description\":\"The client's own, or one made here.\",\"schema\":{\"type\":"
		  "\"string\"}},\"traceparent\":{\"description\":\"The caller's trace, or one begun here (W3C Trace "
		  "Context).\",\"schema\":{\"type\":\"string\"}},\"ETag\":{\"description\":\"The revision, quoted.\",\"schema\":{\"type\":\"string\"}},"
		  "\"Dry-Run\":{\"description\":\"true when nothing of it stays.\",\"schema\":{\"type\":\"string\"}},"
		  "\"Link\":{\"description\":\"The next page (RFC 8288).\",\"schema\":{\"type\":\"string\"}},"
		  "\"Plan-Result\":{\"description\":\"none, changes, drift or blocked.\",\"schema\":{\"type\":"
		  "\"string\"}},"
		  "\"Idempotency-Replayed\":{\"description\":\"true when nothing was done again.\",\"schema\":{\"type\":"
		  "\"string\"}}}"));
	js_put_raw(w, "responses",
		S("{\"problem\":{\"description\":\"What is wrong.\",\"content\":{\"application/problem+json\":{\"schema\":{"
		  "\"$ref\":\"#/components/schemas/problem\"}}}}}"));
	js_key(w, S("schemas"));
	js_object_begin(w);
	schemas_of(w, true);
	schemas_of(w, false);
	problem_schema(w);
	js_object_end(w);
	js_object_end(w);
}

void openapi_print(buf *out)
{
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_put_text(&w, "openapi", S("3.1.0"));
	js_put_raw(&w, "info",
		S("{\"title\":\"Reeve\",\"version\":\"1\",\"description\":\"Governs GPUs over many Kubernetes clusters.\","
		  "\"license\":{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}}"));
	js_put_raw(&w, "servers", S("[{\"url\":\"/\"}]"));
	paths(&w);
	components(&w);
	js_object_end(&w);
}

static void def_print(const js_type *t, void *arg)
{
	js_writer *w = arg;
	char name[NAME_BYTES];
	int n = snprintf(name, sizeof(name), "%s_input", t->name);

	js_key(w, str_of(name, (size_t)n));
	js_schema(w, t, true);
}

/* References of our schemas lead into an OpenAPI document; in one of its own they lead into $defs. */
static void refs_turn(str text, buf *out)
{
	static const char from[] = "#/components/schemas/", to[] = "#/$defs/";

	for (uint32_t i = 0; i < text.n;)
		if (str_starts(str_cut(text, i, text.n), str_from(from))) {
			buf_add_str(out, str_from(to));
			i += sizeof(from) - 1;
		} else {
			buf_add_char(out, text.p[i++]);
		}
}

static void ref_put(js_writer *w, const char *name)
{
	char text[NAME_BYTES];
	int n = snprintf(text, sizeof(text), "#/components/schemas/%s_input", name);

	js_put_text(w, "$ref", str_of(text, (size_t)n));
}

void schema_print(const js_type *t, const char *id, buf *out)
{
	buf text;

	buf_init(&text, out->max);
	js_writer w = js_writer_on(&text);
	js_object_begin(&w);
	js_put_text(&w, "$schema", S("https://json-schema.org/draft/2020-12/schema"));
	js_put_text(&w, "$id", str_from(id));
	ref_put(&w, t->name);
	js_key(&w, S("$defs"));
	js_object_begin(&w);
	js_types_each(t, def_print, &w);
	js_object_end(&w);
	js_object_end(&w);
	refs_turn(buf_str(&text), out);
	buf_done(&text);
}
