#include "cli/command.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/show.h"
#include "json/pull.h"

enum { HEADERS_MAX = 8, CALL_TIMEOUT_MS = 60000 };

struct client {
	loop *loop;
	fetch *fetch;
	const client_settings *settings;
};

client *client_open(const client_settings *s)
{
	client *c = calloc(1, sizeof(*c));

	assert(c);
	c->settings = s;
	c->loop = loop_new();
	c->fetch = fetch_new(
		c->loop, &(fetch_config){.ca_file = *s->ca ? s->ca : NULL, .user_agent = "reeve/" REEVE_VERSION});
	return c;
}

void client_close(client *c)
{
	if (!c)
		return;
	fetch_free(c->fetch);
	loop_free(c->loop);
	free(c);
}

loop *client_loop(client *c)
{
	return c->loop;
}

static bool has_type(const char *const *headers)
{
	for (int i = 0; headers && headers[i]; i++)
		if (str_starts(str_from(headers[i]), S("Content-Type:")))
			return true;
	return false;
}

client_reply client_call(client *c, arena *a, const char *method, const char *path, const char *const *headers,
	str body, int64_t timeout_ms)
{
	const char *all[HEADERS_MAX + 3];
	str url = str_from(c->settings->url);
	int n = 0;

	/* A path begins with one. */
	while (str_ends(url, S("/")))
		url = str_cut(url, 0, url.n - 1);

	if (*c->settings->token)
		all[n++] = str_print(a, "Authorization: Bearer %s%c", c->settings->token, 0).p;
	if (body.p && !has_type(headers))
		all[n++] = "Content-Type: application/json";
	for (int i = 0; headers && headers[i] && i < HEADERS_MAX; i++)
		all[n++] = headers[i];
	all[n] = NULL;
	fetch_request q = {
		.method = method,
		.url = str_print(a, STR_FMT "%s%c", STR_ARG(url), path, 0).p,
		.headers = all,
		.body = body,
		.timeout_ms = timeout_ms ? timeout_ms : CALL_TIMEOUT_MS,
		.body_max = 64 << 20,
	};
	fetch_reply r = fetch_wait(c->fetch, c->loop, a, &q);
	return (client_reply){.e = r.e, .status = r.status, .body = r.body, .headers = r.headers, .why = r.why};
}

str json_member(str object, const char *name, arena *a)
{
	pull p;
	str key, value = STR_NONE;
	bool has_escape;

	pull_init(&p, object, PULL_DEPTH_CAP);
	if (pull_next(&p) != PULL_OBJECT)
		return STR_NONE;
	while (pull_key(&p, &key, &has_escape)) {
		if (!str_eq(key, str_from(name))) {
			if (pull_skip(&p))
				return STR_NONE;
			continue;
		}
		if (pull_span(&p, &value))
			return STR_NONE;
		break;
	}
	if (value.n >= 2 && value.p[0] == '"') {
		str text;
		if (pull_unescape(str_cut(value, 1, value.n - 1), memchr(value.p, '\\', value.n) != NULL, a, &text) ==
			ERR_OK)
			return text;
	}
	return value;
}

/* The first item of a list. */
static str first_of(str list)
{
	pull p;
	str item;

	pull_init(&p, list, PULL_DEPTH_CAP);
	return list.p && pull_next(&p) == PULL_ARRAY && pull_item(&p) && !pull_span(&p, &item) ? item : STR_NONE;
}

err client_problem(const client_reply *r, arena *a, const char *method, const char *path, fault *f)
{
	str title = json_member(r->body, "title", a), detail = json_member(r->body, "detail", a);
	str code = json_member(r->body, "code", a),
	    pointer = json_member(first_of(json_member(r->body, "errors", a)), "pointer", a);

	if (!title.p)
		return fault_set(f, ERR_IO, NULL, "%s %s: status %ld", method, path, r->status);
	str said = detail.n ? detail : title, id = json_member(r->body, "instance", a);
	return fault_set(f, ERR_IO, NULL, "%s %s: %ld " STR_FMT ": " STR_FMT "%s" STR_FMT "%s" STR_FMT "%s", method,
		path, r->status, STR_ARG(code), STR_ARG(said), pointer.n ? " at " : "", STR_ARG(pointer),
		id.n ? " (request " : "", STR_ARG(id), id.n ? ")" : "");
}

static err call_checked(client *c, arena *a, const char *method, const char *path, str body, str *ret_body, fault *f)
{
	client_reply r = client_call(c, a, method, path, NULL, body, 0);

	if (r.e)
		return fault_set(f, r.e, NULL, "%s%s: %s", c->settings->url, path, r.why);
	if (r.status < 200 || r.status > 299)
		return client_problem(&r, a, method, path, f);
	if (ret_body)
		*ret_body = r.body;
	return ERR_OK;
}

err client_get(client *c, arena *a, const char *path, str *ret_body, fault *f)
{
	return call_checked(c, a, "GET", path, STR_NONE, ret_body, f);
}

err client_send(client *c, arena *a, const char *method, const char *path, str body, str *ret_body, fault *f)
{
	return call_checked(c, a, method, path, body, ret_body, f);
}

str url_text(arena *a, str s)
{
	static const char hex[] = "0123456789ABCDEF", plain[] = "-._~/:,*";
	char *out = arena_alloc(a, 3 * (size_t)s.n + 1);
	size_t n = 0;

	for (uint32_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (is_word || (c && strchr(plain, c))) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '%';
		out[n++] = hex[c >> 4];
		out[n++] = hex[c & 15];
	}
	return str_of(out, n);
}

/* What others wrote may stand in it. */
int command_fail(const char *verb, const fault *f, int code)
{
	enum { LINE_MAX_BYTES = 8 * sizeof(f->detail) };
	buf line;

	buf_init(&line, LINE_MAX_BYTES);
	show_text(&line, str_from(*f->detail ? f->detail : "failed"));
	fprintf(stderr, "reeve %s: " STR_FMT "\n", verb, STR_ARG(buf_str(&line)));
	buf_done(&line);
	return code;
}
