/* api_double: an API server as far as an agent needs one, that ends the agent at a chosen write.
 *
 *     api_double ADDRESS_FILE [SERVER_HOST:PORT]
 *
 * Plain HTTP on a free port of loopback, which is written into the file. With a server, it also stands between that and
 * its agent (between.h), at the address in ADDRESS_FILE.between. Lists, watches, creates, merge patches guarded
 * by the version, replaces, deletes, bindings and evictions; a bound pod runs at once. The token "node/NAME" is that of
 * a node's agent. Beside that:
 *
 *     POST /double/extender  "URL [CA_FILE]" is where the extender is: pods are scheduled through it
 *     POST /double/kill      "PID N before|after": at the Nth write from here on of the Secret, of a binding or of an
 *                            eviction, that process is killed before it takes effect, or after, without an answer.
 *                            PID 0: nobody is killed, and the answer says 503 whether it took effect or not
 *     POST /double/talk      "PID N before|after": the same at the Nth record that agent and server send one another.
 *                            PID 0: their connection is cut there
 *     GET /double/writes     how many such writes there were, and records
 */
#include <assert.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/file.h"
#include "base/clock.h"
#include "net/listen.h"
#include "net/web.h"
#include "between.h"
#include "sched.h"

enum { ANSWER_MAX = 64 << 20 };

typedef struct watcher {
	web_stream *stream;
	place at;
	struct watcher *next;
} watcher;

typedef struct server {
	loop *loop;
	store store;
	sched *sched;
	between *between; /* NULL: it stands between nobody */
	watcher *watchers;
	int64_t writes, kill_at; /* 0: never */
	pid_t kill_pid;
	bool kills_after;
} server;

/* What was done is not told where r->work says so. */
static void reply_text(web_req *r, int status, const char *text)
{
	web_reply(
		r, r->work ? 503 : status, S("Content-Type: application/json\r\n"), r->work ? S("{}") : str_from(text));
}

static void reply_doc(web_req *r, int status, const json_t *doc)
{
	char *text = json_dumps(doc, JSON_COMPACT);

	reply_text(r, status, text);
	free(text);
}

static void refuse(web_req *r, int code, const char *reason, const char *message)
{
	json_t *doc = json_pack("{s:s,s:s,s:s,s:s,s:i}", "kind", "Status", "status", "Failure", "reason", reason,
		"message", message, "code", code);

	reply_doc(r, code, doc);
	json_decref(doc);
}

static void watcher_tell(watcher *w, const happening *h)
{
	AUTO_ARENA a = arena_new(0);

	if (w->stream && place_holds(&w->at, &h->at))
		(void)web_stream_write(w->stream, str_print(a, "{\"type\":\"%s\",\"object\":%s}\n", h->type, h->text));
}

static void on_change(void *arg, const happening *h)
{
	server *s = arg;

	for (watcher *w = s->watchers; w; w = w->next)
		watcher_tell(w, h);
}

static void on_closed(void *arg)
{
	watcher *w = arg;

	w->stream = NULL;
}

static void on_drain(void *arg)
{
	(void)arg;
}

static void watch(server *s, web_req *r, const place *p, int64_t since)
{
	watcher *w = calloc(1, sizeof(*w));

	assert(w);
	w->at = *p;
	w->next = s->watchers;
	s->watchers = w;
	w->stream = web_stream_open(r, 200, S("Content-Type: application/json\r\n"));
	web_stream_on(w->stream, on_drain, on_closed, w);
	vec_each (h, &s->store.past)
		if (h->version > since)
			watcher_tell(w, h);
}

static str query_of(const web_req *r, const char *name)
{
	str rest = r->query;

	while (rest.p) {
		str value = str_split(&rest, '&'), key = str_split(&value, '=');
		if (str_eq(key, str_from(name)))
			return value;
	}
	return STR_NONE;
}

static void list(const server *s, web_req *r, const place *p)
{
	char version[32];
	json_t *items = json_array();

	(void)snprintf(version, sizeof(version), "%lld", (long long)s->store.version);
	for (uint32_t i = 0; i < s->store.all.n; i++)
		if (place_holds(p, &s->store.all.v[i]->at))
			(void)json_array_append(items, s->store.all.v[i]->doc);
	json_t *doc = json_pack("{s:{s:s},s:o}", "metadata", "resourceVersion", version, "items", items);
	reply_doc(r, 200, doc);
	json_decref(doc);
}

static void answer_get(server *s, web_req *r, const place *p)
{
	int64_t since = 0;

	if (p->name[0]) {
		const object *o = store_find(&s->store, p);
		if (o)
			reply_doc(r, 200, o->doc);
		else
			refuse(r, 404, "NotFound", "not found");
		return;
	}
	if (query_of(r, "sendInitialEvents").n) {
		refuse(r, 422, "Invalid", "sendInitialEvents is forbidden");
	} else if (query_of(r, "watch").n) {
		(void)str_to_i64(query_of(r, "resourceVersion"), &since);
		watch(s, r, p, since);
	} else {
		list(s, r, p);
	}
}

static bool guard_holds(const object *o, const json_t *doc)
{
	const json_t *meta = json_object_get(doc, "metadata");
	const char *version = json_string_value(json_object_get(meta, "resourceVersion"));
	const char *uid = json_string_value(json_object_get(meta, "uid"));

	return (!version || strcmp(version, object_version(o)) == 0) && (!uid || strcmp(uid, object_uid(o)) == 0);
}

static void pod_bind(server *s, web_req *r, object *o, json_t *binding)
{
	char at[CLOCK_TEXT_MAX];
	const json_t *meta = json_object_get(binding, "metadata");
	const char *uid = json_string_value(json_object_get(meta, "uid"));
	const char *node = json_string_value(json_object_get(json_object_get(binding, "target"), "name"));

	if (uid && strcmp(uid, object_uid(o)) != 0) {
		refuse(r, 409, "Conflict", "Precondition failed: UID");
		return;
	}
	if (json_object_get(json_object_get(o->doc, "spec"), "nodeName")) {
		refuse(r, 409, "Conflict", "pod is already assigned to node");
		return;
	}
	json_t *patch = json_pack("{s:{s:s},s:{s:O?}}", "spec", "nodeName", node, "metadata", "annotations",
		json_object_get(meta, "annotations"));
	store_change(&s->store, o, doc_merge(o->doc, patch));
	json_decref(patch);
	(void)clock_text(clock_now_us(), at);
	patch = json_pack("{s:{s:s,s:s}}", "status", "phase", "Running", "startTime", at);
	store_change(&s->store, o, doc_merge(o->doc, patch));
	json_decref(patch);
	reply_text(r, 201, "{}");
}

/* Whose a token is: "node/NAME" of the namespace where agents are by default. */
static void token_review(web_req *r, const json_t *doc)
{
	const char *token = json_string_value(json_object_get(json_object_get(doc, "spec"), "token"));
	bool is_node = token && strncmp(token, "node/", 5) == 0;

	json_t *answer =
		is_node ? json_pack("{s:{s:b,s:[s],s:{s:s,s:{s:[s]}}}}", "status", "authenticated", 1, "audiences",
				  "reeve-agent", "user", "username", "system:serviceaccount:default:reeve-node",
				  "extra", "authentication.kubernetes.io/node-name", token + 5)
			: json_pack("{s:{s:b}}", "status", "authenticated", 0);
	reply_doc(r, 201, answer);
	json_decref(answer);
}

static void answer_post(server *s, web_req *r, const place *p, json_t *doc)
{
	place at = *p;

	at.sub[0] = 0;
	object *o = p->name[0] ? store_find(&s->store, &at) : NULL;
	if (strcmp(p->kind, "events") == 0) {
		reply_text(r, 201, "{}");
	} else if (strcmp(p->kind, "tokenreviews") == 0) {
		token_review(r, doc);
	} else if (p->sub[0] && !o) {
		refuse(r, 404, "NotFound", "not found");
	} else if (strcmp(p->sub, "binding") == 0) {
		pod_bind(s, r, o, doc);
	} else if (p->sub[0]) {
		store_drop(&s->store, o);
		reply_text(r, 201, "{}");
	} else {
		o = store_add(&s->store, p, json_incref(doc));
		if (o)
			reply_doc(r, 201, o->doc);
		else
			refuse(r, 409, "AlreadyExists", "it is there already");
	}
}

/* Server-side apply makes what is not there. */
static void object_apply(server *s, web_req *r, const place *p, json_t *doc)
{
	place at = *p;

	at.name[0] = 0;
	reply_doc(r, 201, store_add(&s->store, &at, json_deep_copy(doc))->doc);
}

static void answer_change(server *s, web_req *r, const place *p, json_t *doc)
{
	object *o = store_find(&s->store, p);

	if (!o && str_starts(web_header_find(r, S("Content-Type")), S("application/apply-patch"))) {
		object_apply(s, r, p, doc);
	} else if (!o) {
		refuse(r, 404, "NotFound", "not found");
	} else if (!guard_holds(o, doc)) {
		refuse(r, 409, "Conflict", "the object has been modified");
	} else {
		store_change(&s->store, o, r->method == WEB_PATCH ? doc_merge(o->doc, doc) : json_deep_copy(doc));
		reply_doc(r, 200, o->doc);
	}
}

static void answer_delete(server *s, web_req *r, const place *p)
{
	object *o = store_find(&s->store, p);

	if (!o) {
		refuse(r, 404, "NotFound", "not found");
		return;
	}
	store_drop(&s->store, o);
	reply_text(r, 200, "{}");
}

static void answer(server *s, web_req *r, const place *p, json_t *doc)
{
	switch (r->method) {
	case WEB_GET:
		answer_get(s, r, p);
		return;
	case WEB_POST:
		answer_post(s, r, p, doc);
		return;
	case WEB_PATCH:
	case WEB_PUT:
		answer_change(s, r, p, doc);
		return;
	case WEB_DELETE:
		answer_delete(s, r, p);
		return;
	default:
		refuse(r, 405, "MethodNotAllowed", "no such method here");
	}
}

static bool is_counted(const web_req *r, const place *p)
{
	return (r->method == WEB_PATCH && strcmp(p->kind, "secrets") == 0) || strcmp(p->sub, "binding") == 0 ||
	       strcmp(p->sub, "eviction") == 0;
}

/* Whether something is to happen at this write, before it takes effect or after. */
static bool is_moment(const server *s, const web_req *r, const place *p, bool is_after)
{
	return is_counted(r, p) && s->kill_at && s->writes == s->kill_at && is_after == s->kills_after;
}

static void kill_now(server *s)
{
	if (s->kill_pid)
		(void)kill(s->kill_pid, SIGKILL);
	s->kill_at = 0;
}

static void control(server *s, web_req *r)
{
	AUTO_ARENA a = arena_new(0);
	str rest = str_trim(r->body);
	int64_t pid = 0, n = 0;

	if (str_eq(r->path, S("/double/extender"))) {
		str url = str_split(&rest, ' ');
		sched_point(s->sched, url, rest.p ? rest : STR_NONE);
	} else if (str_eq(r->path, S("/double/kill"))) {
		(void)str_to_i64(str_split(&rest, ' '), &pid);
		(void)str_to_i64(str_split(&rest, ' '), &n);
		s->kill_pid = (pid_t)pid;
		s->kill_at = n ? s->writes + n : 0;
		s->kills_after = str_eq(rest, S("after"));
	} else if (str_eq(r->path, S("/double/talk")) && s->between) {
		(void)str_to_i64(str_split(&rest, ' '), &pid);
		(void)str_to_i64(str_split(&rest, ' '), &n);
		between_hurt(s->between, (pid_t)pid, n, str_eq(rest, S("after")));
	}
	int64_t records = s->between ? between_count(s->between) : 0;
	web_reply(r, 200, S(""), str_print(a, "%lld %lld\n", (long long)s->writes, (long long)records));
}

static void on_request(void *arg, web_req *r)
{
	server *s = arg;
	AUTO_ARENA a = arena_new(0);
	json_t *doc = NULL;
	place p;

	if (str_starts(r->path, S("/double/"))) {
		control(s, r);
		return;
	}
	if (!place_read(r->path, &p) || (r->body.n && doc_read(r->body, a, &doc, NULL))) {
		refuse(r, 400, "BadRequest", "cannot be read");
		return;
	}
	s->writes += is_counted(r, &p);
	if (is_moment(s, r, &p, false)) {
		kill_now(s);
		refuse(r, 503, "ServiceUnavailable", "nothing was done");
		return;
	}
	bool is_after = is_moment(s, r, &p, true);
	r->work = is_after && !s->kill_pid ? s : NULL;
	answer(s, r, &p, doc);
	if (is_after)
		kill_now(s);
}

static void on_stop(void *arg, int signo)
{
	server *s = arg;

	(void)signo;
	loop_stop(s->loop);
}

static void server_done(server *s, web_server *web)
{
	sched_close(s->sched);
	between_close(s->between);
	web_close(web);
	for (watcher *w = s->watchers, *next; w; w = next) {
		next = w->next;
		free(w);
	}
	loop_free(s->loop);
	free(s->sched);
	store_done(&s->store);
	arena_trim();
}

static err between_begin(server *s, int argc, char **argv, fault *f)
{
	char file[PATH_MAX];

	if (argc < 3)
		return ERR_OK;
	(void)snprintf(file, sizeof(file), "%s.between", argv[1]);
	return between_open(s->loop, file, argv[2], &s->between, f);
}

int main(int argc, char **argv)
{
	server s = {.loop = loop_new()};
	web_hooks hooks = {.on_request = on_request, .arg = &s};
	char address[64];
	fault f = {0};
	int fd;

	if (argc < 2 || argc > 3 || between_begin(&s, argc, argv, &f) || listen_open("127.0.0.1:0", &fd, &f) ||
		listen_address(fd, address, sizeof(address)) || file_write(argv[1], 0644, str_from(address), &f)) {
		(void)fprintf(stderr, "usage: api_double ADDRESS_FILE [SERVER_HOST:PORT]: %s\n", f.detail);
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	s.store.on_change = on_change;
	s.store.arg = &s;
	web_limits limits = web_limits_default;
	limits.stream_buffer_max = ANSWER_MAX;
	web_server *web = web_open(s.loop, fd, NULL, &limits, &hooks);
	s.sched = sched_open(s.loop, &s.store);
	loop_on_signal(s.loop, SIGTERM, on_stop, &s);
	loop_run(s.loop);
	server_done(&s, web);
	return 0;
}
