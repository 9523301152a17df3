#include "agents/kube/kube.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/file.h"
#include "agents/kube/credential_exec.h"
#include "agents/kube/program.h"
#include "base/buf.h"
#include "base/clock.h"
#include "net/fetch.h"

enum { TOKEN_MAX = 1 << 20, HEADERS_MAX = 6, LINE_MAX = 256 };

struct kube {
	loop *loop;
	arena *arena; /* of `who` */
	login who;
	str base; /* URLs begin with it */
	const char *user_agent;
	fetch *fetch, *retired; /* retired: before the certificate changed; its calls may still be under way */
	buf bearer;             /* "Authorization: Bearer ..." with a NUL, or empty */
	int64_t read_us;        /* monotonic: when the token was read or printed */
	int64_t until_us;       /* UTC: end of what was printed; 0: none */
	uint32_t n_telling;     /* calls whose on_done is on the stack */
	bool has_printed, is_closed;
	program *program;
	kube_call *calls;
};

struct kube_call {
	kube *owner;
	kube_call *next, *prev;
	fetch_call *sent; /* NULL: it waits for credentials, or for the loop to tell its end */
	buf url, body, refusal;
	const char *method;
	char content_type[LINE_MAX];
	int64_t timeout_ms, body_max;
	bool was_refused; /* 401 once */
	bool is_cancelled;
	bool is_refused; /* its path is none: it ends from the loop */
	void (*on_piece)(void *arg, str piece);
	void (*on_done)(void *arg, const kube_reply *r);
	void *arg;
};

static str text_keep(arena *a, str s)
{
	return s.p ? str_of(str_z(a, s), s.n) : STR_NONE;
}

static strs texts_keep(arena *a, strs from)
{
	strs copy = {ARENA_ARRAY(a, str, from.n), from.n};

	for (uint32_t i = 0; i < from.n; i++)
		copy.v[i] = text_keep(a, from.v[i]);
	return copy;
}

static login login_keep(arena *a, const login *from)
{
	login l = *from;
	str *const texts[] = {&l.server, &l.server_name, &l.ca_pem, &l.ca_file, &l.cert_pem, &l.cert_file, &l.key_pem,
		&l.key_file, &l.token, &l.token_file, &l.proxy, &l.space, &l.exec.command, &l.exec.api_version};

	for (uint32_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = text_keep(a, *texts[i]);
	l.exec.args = texts_keep(a, from->exec.args);
	l.exec.env = texts_keep(a, from->exec.env);
	return l;
}

/* host:port of the server's URL; the port is that of its scheme when it names none. */
static str server_address(const login *who, arena *a)
{
	str rest = who->server;
	bool is_plain = str_starts(rest, S("http://"));
	str host = str_cut(rest, is_plain ? 7 : 8, rest.n);
	int64_t slash = str_find(host, '/', 0);

	host = slash < 0 ? host : str_cut(host, 0, (size_t)slash);
	int64_t bracket = str_find(host, ']', 0);
	if (str_find(host, ':', bracket < 0 ? 0 : (uint32_t)bracket) >= 0)
		return str_print(a, STR_FMT, STR_ARG(host));
	return str_print(a, STR_FMT ":%d", STR_ARG(host), is_plain ? 80 : 443);
}

/* With another name in the certificate, URLs carry that name and connections go to the address. */
static str server_base(const login *who, arena *a)
{
	str host = str_cut(who->server, 8, who->server.n);
	int64_t slash = str_find(host, '/', 0);
	str prefix = slash < 0 ? S("") : str_cut(host, (size_t)slash, host.n);

	if (!who->server_name.p || !str_starts(who->server, S("https://")))
		return who->server;
	return str_print(a, "https://" STR_FMT STR_FMT, STR_ARG(who->server_name), STR_ARG(prefix));
}

static fetch *client_new(kube *k, str cert_pem, str key_pem)
{
	const login *who = &k->who;
	fetch_config c = {
		.ca_file = who->ca_pem.n ? NULL : who->ca_file.p,
		.cert_file = cert_pem.n ? NULL : who->cert_file.p,
		.key_file = key_pem.n ? NULL : who->key_file.p,
		.ca_pem = who->ca_pem,
		.cert_pem = cert_pem,
		.key_pem = key_pem,
		.user_agent = k->user_agent,
		.connections_max = KUBE_CONNECTIONS,
		.proxy = who->proxy.p,
		.is_unverified = who->is_unverified,
		.dead_after_ms = KUBE_DEAD_MS,
	};

	if (who->server_name.p)
		c.connect_to = str_z(k->arena, server_address(who, k->arena));
	return fetch_new(k->loop, &c);
}

static void bearer_set(kube *k, str token)
{
	buf_clear(&k->bearer);
	k->read_us = clock_mono_us();
	if (!token.n)
		return;
	buf_add_str(&k->bearer, S("Authorization: Bearer "));
	buf_add_str(&k->bearer, token);
	buf_add_char(&k->bearer, '\0');
}

/* A file that cannot be read now leaves the token that was read before. */
static void token_read(kube *k)
{
	AUTO_ARENA a = arena_new(0);
	str text;

	if (file_read(k->who.token_file.p, a, &text, NULL) == ERR_OK && str_trim(text).n) {
		while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
			text.n--;
		bearer_set(k, str_trim(text));
	}
}

kube *kube_open(loop *l, const login *who, const char *user_agent)
{
	kube *k = calloc(1, sizeof(*k));

	assert(k);
	k->loop = l;
	k->arena = arena_new(0);
	k->who = login_keep(k->arena, who);
	k->base = server_base(&k->who, k->arena);
	k->user_agent = str_z(k->arena, str_from(user_agent));
	buf_init(&k->bearer, TOKEN_MAX);
	k->fetch = client_new(k, k->who.cert_pem, k->who.key_pem);
	if (k->who.token_file.p)
		token_read(k);
	else
		bearer_set(k, k->who.token);
	return k;
}

static void call_unlink(kube_call *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		c->owner->calls = c->next;
	if (c->next)
		c->next->prev = c->prev;
}

/* Once it is closed and nobody needs it. */
static void kube_free_last(kube *k)
{
	if (!k->is_closed || k->calls || k->n_telling)
		return;
	buf_done(&k->bearer);
	arena_end(k->arena);
	free(k);
}

static void call_end(kube_call *c, const kube_reply *r)
{
	kube *k = c->owner;

	call_unlink(c);
	k->n_telling++;
	c->on_done(c->arg, r);
	k->n_telling--;
	buf_done(&c->url);
	buf_done(&c->body);
	buf_done(&c->refusal);
	free(c);
	kube_free_last(k);
}

static void call_fail(kube_call *c, err e, const char *why)
{
	kube_reply r = {.e = c->is_cancelled ? ERR_CLOSED : e, .message = str_from(why)};

	call_end(c, &r);
}

static bool is_renewable(const kube *k)
{
	return k->who.exec.command.p || k->who.token_file.p;
}

static void calls_go(kube *k);
static void program_run(kube *k);

static void reply_read(const kube_call *c, const fetch_reply *from, arena *a, kube_reply *r)
{
	str after = fetch_header(from, S("Retry-After"));
	int64_t after_s = 0;

	*r = (kube_reply){.e = from->e, .status = from->e ? 0 : from->status, .message = str_from(from->why)};
	if (from->e)
		return;
	r->body = c->on_piece ? buf_str(&c->refusal) : from->body;
	if (from->status >= 200 && from->status < 300)
		return;
	kube_status s = kube_status_read(r->body, a);
	r->reason = s.reason;
	r->message = s.message;
	(void)str_to_i64(after, &after_s);
	after_s = after_s > 0 ? after_s : s.retry_after_s;
	r->retry_after_ms = after_s > 0 && after_s < 3600 ? after_s * 1000 : 0;
}

static void on_answer(void *arg, const fetch_reply *from)
{
	kube_call *c = arg;
	kube *k = c->owner;
	kube_reply r;

	c->sent = NULL;
	if (!from->e && from->status == 401 && !c->was_refused && !c->is_cancelled && is_renewable(k)) {
		c->was_refused = true;
		k->read_us = INT64_MIN / 2;
		k->until_us = 1;
		buf_clear(&c->refusal);
		calls_go(k);
		return;
	}
	AUTO_ARENA a = arena_new(0);
	reply_read(c, from, a, &r);
	call_end(c, &r);
}

static void on_bytes(void *arg, str piece)
{
	kube_call *c = arg;

	if (fetch_status(c->sent) == 200)
		c->on_piece(c->arg, piece);
	else
		buf_add_str(&c->refusal, piece);
}

static void call_go(kube_call *c)
{
	kube *k = c->owner;
	const char *headers[HEADERS_MAX] = {"Accept: application/json"};
	uint32_t n = 1;

	if (k->bearer.n)
		headers[n++] = k->bearer.p;
	if (c->body.n)
		headers[n++] = c->content_type;
	fetch_request q = {
		.method = c->method,
		.url = c->url.p,
		.headers = headers,
		.body = buf_str(&c->body),
		.timeout_ms = c->timeout_ms,
		.body_max = c->body_max,
		.on_piece = c->on_piece ? on_bytes : NULL,
		.on_done = on_answer,
		.arg = c,
	};
	c->sent = fetch_send(k->fetch, &q);
}

static bool needs_program(const kube *k)
{
	if (!k->who.exec.command.p)
		return false;
	return !k->has_printed || (k->until_us && clock_now_us() > k->until_us - KUBE_EXPIRES_US);
}

/* Sends what waits, unless credentials have to come first. */
static void calls_go(kube *k)
{
	if (k->program || k->is_closed)
		return;
	if (needs_program(k)) {
		program_run(k);
		return;
	}
	if (k->who.token_file.p && clock_mono_us() - k->read_us > KUBE_TOKEN_US)
		token_read(k);
	for (kube_call *c = k->calls; c; c = c->next)
		if (!c->sent && !c->is_cancelled && !c->is_refused)
			call_go(c);
}

static void credential_take(kube *k, const credential_exec *c)
{
	k->has_printed = true;
	k->until_us = c->until_us;
	bearer_set(k, c->token);
	if (!c->cert_pem.n)
		return;
	fetch *old = k->retired;
	k->retired = k->fetch;
	k->fetch = client_new(k, c->cert_pem, c->key_pem);
	fetch_free(old);
}

static void waiting_fail(kube *k, err e, const char *why)
{
	for (kube_call *c = k->calls, *next; c; c = next) {
		next = c->next;
		if (!c->sent && !c->is_cancelled && !c->is_refused)
			call_fail(c, e, why);
	}
}

static void on_printed(void *arg, err e, str out, const char *why)
{
	kube *k = arg;
	AUTO_ARENA a = arena_new(0);
	credential_exec c;
	fault f = {0};

	k->program = NULL;
	if (!e && credential_exec_read(out, a, &c, &f)) {
		e = ERR_IO;
		why = f.detail;
	}
	if (e) {
		waiting_fail(k, e, why);
		return;
	}
	credential_take(k, &c);
	calls_go(k);
}

static void waiting_defer_fail(void *arg)
{
	waiting_fail(arg, ERR_IO, "the credential program cannot be started");
}

static void program_run(kube *k)
{
	AUTO_ARENA a = arena_new(0);
	const login_exec *x = &k->who.exec;
	strs env = {ARENA_ARRAY(a, str, x->env.n + 1), x->env.n + 1};

	if (x->env.n)
		memcpy(env.v, x->env.v, x->env.n * sizeof(str));
	env.v[x->env.n] = str_print(a,
		"KUBERNETES_EXEC_INFO={\"kind\":\"ExecCredential\",\"apiVersion\":\"" STR_FMT
		"\",\"spec\":{\"interactive\":false}}",
		STR_ARG(x->api_version));
	program_spec s = {.command = x->command, .args = x->args, .env = env, .timeout_ms = KUBE_PROGRAM_MS};
	s.on_done = on_printed;
	s.arg = k;
	k->program = program_start(k->loop, &s, NULL);
	if (!k->program)
		loop_defer(k->loop, waiting_defer_fail, k);
}

static void call_refused(void *arg)
{
	call_fail(arg, ERR_LIMIT, "the path of the call is too long");
}

kube_call *kube_send(kube *k, const kube_request *q)
{
	kube_call *c = calloc(1, sizeof(*c));

	assert(c && q->on_done);
	c->owner = k;
	c->method = q->method;
	c->timeout_ms = q->timeout_ms || q->on_piece ? q->timeout_ms : KUBE_TIMEOUT_MS;
	c->body_max = q->body_max;
	c->on_piece = q->on_piece;
	c->on_done = q->on_done;
	c->arg = q->arg;
	buf_init(&c->url, KUBE_URL_MAX);
	buf_add_str(&c->url, k->base);
	buf_add_str(&c->url, q->path);
	buf_add_char(&c->url, '\0');
	c->is_refused = !q->path.n || c->url.over;
	buf_init(&c->body, q->body.n);
	buf_add_str(&c->body, q->body);
	buf_init(&c->refusal, KUBE_REFUSAL_MAX);
	(void)snprintf(c->content_type, sizeof(c->content_type), "Content-Type: %s",
		q->content_type ? q->content_type : "application/json");
	c->next = k->calls;
	if (k->calls)
		k->calls->prev = c;
	k->calls = c;
	if (c->is_refused)
		loop_defer(k->loop, call_refused, c);
	else
		calls_go(k);
	return c;
}

static void call_cancelled(void *arg)
{
	call_fail(arg, ERR_CLOSED, "the call was cancelled");
}

void kube_cancel(kube_call *c)
{
	if (c->is_cancelled)
		return;
	c->is_cancelled = true;
	if (c->sent)
		fetch_cancel(c->sent);
	else if (!c->is_refused)
		loop_defer(c->owner->loop, call_cancelled, c);
}

void kube_close(kube *k)
{
	if (!k)
		return;
	program_stop(k->program);
	k->program = NULL;
	k->is_closed = true;
	for (kube_call *c = k->calls; c; c = c->next)
		kube_cancel(c);
	fetch_free(k->fetch);
	fetch_free(k->retired);
	kube_free_last(k);
}
