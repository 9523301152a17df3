#include "agents/kube/kube.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/file.h"
#include "agents/kube/kube_write.h"
#include "fixture.h"
#include "net/listen.h"
#include "net/web.h"

/* An API server that knows one token, and a folder for files. */
typedef struct stage {
	loop *loop;
	web_server *web;
	char address[64];
	folder d;
	char path[160];
	kube *kube;
	const char *token; /* the one it takes */
	uint32_t n_requests, n_refused;
	long status;
	char body[256], reason[64];
	int64_t retry_after_ms;
	err e;
} stage;

static void serve(void *arg, web_req *r)
{
	stage *s = arg;
	char expected[128];

	s->n_requests++;
	(void)snprintf(expected, sizeof(expected), "Bearer %s", s->token);
	if (!str_eq(web_header_find(r, S("Authorization")), str_from(expected))) {
		s->n_refused++;
		web_reply(r, 401, S(""), S("{\"kind\":\"Status\",\"reason\":\"Unauthorized\",\"code\":401}"));
	} else if (str_eq(r->path, S("/busy"))) {
		web_reply(r, 429, S("Retry-After: 7\r\n"),
			S("{\"kind\":\"Status\",\"reason\":\"TooManyRequests\",\"code\":429}"));
	} else if (str_eq(r->path, S("/old"))) {
		web_reply(r, 410, S(""),
			S("{\"kind\":\"Status\",\"reason\":\"Expired\",\"message\":\"too old\",\"code\":410}"));
	} else {
		web_reply(r, 200, S("Content-Type: application/json\r\n"), r->method == WEB_GET ? r->target : r->body);
	}
}

static void stage_open(stage *s, const char *token)
{
	int fd;
	web_hooks hooks = {.on_request = serve, .arg = s};

	*s = (stage){.loop = loop_new(), .token = token, .d = folder_new()};
	MUST(listen_open("127.0.0.1:0", &fd, &must));
	MUST(listen_address(fd, s->address, sizeof(s->address)));
	s->web = web_open(s->loop, fd, NULL, &web_limits_default, &hooks);
}

static void stage_close(stage *s)
{
	kube_close(s->kube);
	web_close(s->web);
	loop_free(s->loop);
	folder_free(&s->d);
	arena_trim();
}

static str file_put(stage *s, const char *name, str text)
{
	(void)snprintf(s->path, sizeof(s->path), "%s/%s", s->d.path, name);
	MUST(file_write(s->path, 0700, text, &must));
	return str_from(s->path);
}

static void kube_use(stage *s, login *who)
{
	char url[96];

	(void)snprintf(url, sizeof(url), "http://%s", s->address);
	who->server = str_from(url);
	s->kube = kube_open(s->loop, who, "test");
}

static void on_done(void *arg, const kube_reply *r)
{
	stage *s = arg;

	s->e = r->e;
	s->status = r->status;
	s->retry_after_ms = r->retry_after_ms;
	(void)snprintf(s->body, sizeof(s->body), STR_FMT, STR_ARG(r->body));
	(void)snprintf(s->reason, sizeof(s->reason), STR_FMT, STR_ARG(r->reason));
	loop_stop(s->loop);
}

static void on_piece(void *arg, str piece)
{
	stage *s = arg;

	cr_assert(piece.n);
	s->n_refused += 1000;
}

static void ask(stage *s, const char *method, const char *path, const char *body, bool is_stream)
{
	kube_request q = {
		.method = method, .path = str_from(path), .body = str_from(body), .on_done = on_done, .arg = s};

	q.on_piece = is_stream ? on_piece : NULL;
	(void)kube_send(s->kube, &q);
	loop_run(s->loop);
}

Test(kube, signs_with_a_token_and_reads_it_again_when_it_is_refused)
{
	stage s;
	login who = {0};

	stage_open(&s, "first");
	who.token_file = file_put(&s, "token", S("first\n"));
	kube_use(&s, &who);
	ask(&s, "GET", "/api/v1/pods?limit=1", NULL, false);
	cr_expect(s.status == 200 && strcmp(s.body, "/api/v1/pods?limit=1") == 0, "%ld %s", s.status, s.body);
	s.token = "second";
	(void)file_put(&s, "token", S("second\n"));
	ask(&s, "POST", "/x", "{\"a\":1}", false);
	cr_expect(s.status == 200 && strcmp(s.body, "{\"a\":1}") == 0, "the body goes twice: %ld %s", s.status, s.body);
	cr_expect_eq(s.n_requests, 3);
	s.token = "third";
	ask(&s, "GET", "/x", NULL, false);
	cr_expect(s.status == 401 && strcmp(s.reason, "Unauthorized") == 0, "%ld %s", s.status, s.reason);
	cr_expect_eq(s.n_requests, 5, "a second 401 is the answer");
	stage_close(&s);
}

Test(kube, a_token_of_the_kubeconfig_is_refused_once)
{
	stage s;
	login who = {.token = S("wrong")};

	stage_open(&s, "right");
	kube_use(&s, &who);
	ask(&s, "GET", "/x", NULL, false);
	cr_expect(s.status == 401 && s.n_requests == 1, "%ld after %u", s.status, s.n_requests);
	stage_close(&s);
}

Test(kube, says_what_a_refusal_means)
{
	stage s;
	login who = {.token = S("t")};

	stage_open(&s, "t");
	kube_use(&s, &who);
	ask(&s, "GET", "/busy", NULL, false);
	cr_expect(s.status == 429 && s.retry_after_ms == 7000, "%ld %lld", s.status, (long long)s.retry_after_ms);
	ask(&s, "GET", "/old", NULL, true);
	cr_expect(s.status == 410 && strcmp(s.reason, "Expired") == 0, "%ld %s", s.status, s.reason);
	cr_expect_lt(s.n_refused, 1000, "the body of a refusal is no piece of a stream");
	ask(&s, "GET", "/fine", NULL, true);
	cr_expect(s.status == 200 && s.n_refused >= 1000, "%ld", s.status);
	stage_close(&s);
}

#define PRINTED(token)                                                                                                 \
	"{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{" token "}}"

static login program_login(stage *s, const char *script)
{
	login who = {.exec = {.command = file_put(s, "plugin", str_from(script)), .api_version = S("v1")}};
	static str env[1];

	env[0] = S("GREETING=hello");
	who.exec.env = (strs){env, 1};
	return who;
}

Test(kube, a_path_that_is_none_fails_its_call_alone)
{
	static char path[2 * KUBE_URL_MAX] = "/";
	stage s;
	login who = {.token = S("t")};
	object_pair none = {0};

	memset(path + 1, 'a', sizeof(path) - 2);
	stage_open(&s, "t");
	kube_use(&s, &who);
	ask(&s, "GET", path, NULL, false);
	cr_expect_eq(s.e, ERR_LIMIT);
	kube_binding b = {S("default"), str_from(path), S("u"), S("n"), &none, 0};
	(void)kube_bind(s.kube, &b, (kube_done){on_done, &s});
	loop_run(s.loop);
	cr_expect_eq(s.e, ERR_LIMIT);
	cr_expect_eq(s.n_requests, 0);
	ask(&s, "GET", "/x", NULL, false);
	cr_expect(s.e == ERR_OK && s.status == 200);
	stage_close(&s);
}

Test(kube, runs_a_program_for_credentials_and_again_when_they_are_refused)
{
	stage s;

	stage_open(&s, "run1-hello");
	login who = program_login(&s,
		"#!/bin/sh\ncd \"$(dirname \"$0\")\"\nn=$(($(cat count 2>/dev/null || echo 0) + 1))\necho $n >count\n"
		"echo '" PRINTED("\"token\":\"runN-G\"") "' | sed \"s/N/$n/;s/G/$GREETING/\"\n");
	kube_use(&s, &who);
	ask(&s, "GET", "/a", NULL, false);
	cr_expect_eq(s.status, 200, "%ld %s", s.status, s.body);
	ask(&s, "GET", "/b", NULL, false);
	cr_expect(s.status == 200 && s.n_refused == 0, "printed once for both");
	s.token = "run2-hello";
	ask(&s, "GET", "/c", NULL, false);
	cr_expect(s.status == 200 && s.n_refused == 1, "%ld after %u refusals", s.status, s.n_refused);
	stage_close(&s);
}

Test(kube, says_so_when_the_program_fails)
{
	static const char *const scripts[] = {"#!/bin/sh\nexit 3\n", "#!/bin/sh\necho nothing\n",
		"#!/bin/sh\necho '" PRINTED("") "'\n", "#!/there/is/none\n"};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		stage s;
		stage_open(&s, "t");
		login who = program_login(&s, scripts[i]);
		kube_use(&s, &who);
		ask(&s, "GET", "/a", NULL, false);
		cr_expect_eq(s.e, ERR_IO, "script %zu: %s", i, err_code(s.e));
		cr_expect_eq(s.n_requests, 0);
		stage_close(&s);
	}
}

static void on_closed(void *arg, const kube_reply *r)
{
	stage *s = arg;

	s->e = r->e;
	s->n_refused++;
}

Test(kube, tells_every_call_that_it_was_closed)
{
	stage s;
	login who = {.token = S("t")};

	stage_open(&s, "t");
	kube_use(&s, &who);
	for (int i = 0; i < 3; i++) {
		kube_request q = {.method = "GET", .path = S("/x"), .on_done = on_closed, .arg = &s};
		(void)kube_send(s.kube, &q);
	}
	kube_close(s.kube);
	s.kube = NULL;
	cr_expect_eq(s.n_refused, 0, "from the loop alone");
	loop_defer(s.loop, (void (*)(void *))(void *)loop_stop, s.loop);
	loop_run(s.loop);
	cr_expect(s.n_refused == 3 && s.e == ERR_CLOSED);
	stage_close(&s);
}
