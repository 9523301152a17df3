#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agents/file.h"
#include "agents/node/reporter.h"
#include "net/listen.h"
#include "net/web.h"

/* An agent that answers as each test says, and remembers what it was told. */
typedef struct site {
	loop *loop;
	web_server *web;
	reporter *reporter;
	arena *arena;
	int status; /* of the next answer */
	int fail;   /* so many are answered 503 first */
	bool want;
	uint32_t n, stop_after;
	str bodies[16];
	str token;
	uint32_t wants, heard, silent;
} site;

static void on_request(void *arg, web_req *r)
{
	site *s = arg;
	node_report told = {0};
	fault f = {0};
	char answer[96];

	s->token = str_dup(s->arena, web_header_find(r, S("Authorization")));
	cr_assert(str_eq(r->path, S("/node/v1/report")) && r->method == WEB_POST);
	s->bodies[s->n++ % 16] = str_dup(s->arena, r->body);
	if (s->n >= s->stop_after)
		loop_stop(s->loop);
	if (s->fail-- > 0) {
		web_reply(r, 503, S(""), S(""));
		return;
	}
	cr_assert_eq(js_read(&node_report_type, r->body, s->arena, &told, &f), ERR_OK, "%s: %s", f.pointer, f.detail);
	snprintf(answer, sizeof(answer), "{\"acked_seq\":%d,\"want_inventory\":%s}", (int)told.seq,
		s->want ? "true" : "false");
	s->want = false;
	web_reply(r, s->status, S("Content-Type: application/json\r\n"), str_from(answer));
}

static void on_want(void *arg)
{
	((site *)arg)->wants++;
}

static void on_state(void *arg, bool is_heard, const char *why)
{
	site *s = arg;

	(void)why;
	*(is_heard ? &s->heard : &s->silent) += 1;
}

static void begin(site *s, const char *token_file)
{
	static char url[96];
	char at[64];
	int fd;
	fault f = {0};
	web_hooks hooks = {.on_request = on_request, .arg = s};

	s->arena = arena_new(0);
	s->loop = loop_new();
	s->status = 200;
	cr_assert_eq(listen_open("127.0.0.1:0", &fd, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(listen_address(fd, at, sizeof(at)), ERR_OK);
	s->web = web_open(s->loop, fd, NULL, &web_limits_default, &hooks);
	snprintf(url, sizeof(url), "http://%s", at);
	s->reporter = reporter_new(&(reporter_config){
		.loop = s->loop,
		.agent = url,
		.token_file = token_file,
		.node = "n1",
		.version = "0.1",
		.interval_ms = 10,
		.on_want = on_want,
		.on_state = on_state,
		.arg = s,
	});
}

/* Until that many reports have come; their answers may be on their way still. */
static void run_until(site *s, uint32_t reports)
{
	s->stop_after = reports;
	loop_run(s->loop);
}

static void end(site *s)
{
	reporter_free(s->reporter);
	web_close(s->web);
	loop_free(s->loop);
	arena_end(s->arena);
	arena_trim();
}

static void put(site *s, const char *uuid)
{
	node_health row = {.uuid = str_from(uuid), .state = S("ok")};
	node_item item = {.kind = S("health"), .health = {&row, 1}};

	reporter_put(s->reporter, &item);
}

static node_report read_report(site *s, uint32_t i)
{
	node_report r = {0};
	fault f = {0};

	cr_assert_eq(js_read(&node_report_type, s->bodies[i], s->arena, &r, &f), ERR_OK, "%s", f.detail);
	return r;
}

static str first_uuid(const node_report *r)
{
	const node_item *items = r->items.v;
	const node_health *rows = r->items.n ? items[0].health.v : NULL;

	return rows ? rows[0].uuid : STR_NONE;
}

Test(reporter, items_go_in_order_and_reports_are_numbered)
{
	site s = {0};

	begin(&s, NULL);
	put(&s, "a");
	put(&s, "b");
	run_until(&s, 1);
	put(&s, "c");
	run_until(&s, 3);
	node_report one = read_report(&s, 0), two = read_report(&s, 1), three = read_report(&s, 2);
	cr_expect(one.seq == 1 && one.items.n == 2 && str_eq(first_uuid(&one), S("a")));
	cr_expect(two.seq == 2 && two.items.n == 1 && str_eq(first_uuid(&two), S("c")));
	cr_expect(three.seq == 3 && three.items.n == 0, "with nothing to say it says that it lives");
	cr_expect(str_eq(one.boot, three.boot) && str_eq(one.node, S("n1")));
	cr_expect(!s.token.p);
	end(&s);
}

Test(reporter, what_is_not_answered_is_sent_again_byte_for_byte)
{
	site s = {.fail = 2};

	begin(&s, NULL);
	put(&s, "a");
	run_until(&s, 1);
	put(&s, "b");
	run_until(&s, 4);
	cr_expect(str_eq(s.bodies[0], s.bodies[1]) && str_eq(s.bodies[0], s.bodies[2]));
	node_report fourth = read_report(&s, 3);
	cr_expect(fourth.seq == 2 && str_eq(first_uuid(&fourth), S("b")));
	cr_expect(s.silent == 1 && s.heard == 1, "each change is told once: %u %u", s.silent, s.heard);
	cr_expect_eq(reporter_dropped(s.reporter), 0u);
	end(&s);
}

Test(reporter, one_that_the_agent_will_never_read_does_not_stand_in_the_way)
{
	site s = {0};

	begin(&s, NULL);
	s.status = 422;
	put(&s, "a");
	run_until(&s, 1);
	run_until(&s, 2);
	s.status = 200;
	put(&s, "b");
	run_until(&s, 5);
	cr_expect(reporter_dropped(s.reporter) >= 1);
	node_report last = read_report(&s, 4);
	cr_expect(last.seq > 1);
	end(&s);
}

Test(reporter, an_agent_that_knows_nothing_asks_for_all)
{
	site s = {.want = true};

	begin(&s, NULL);
	run_until(&s, 2);
	cr_expect_eq(s.wants, 1u);
	end(&s);
}

Test(reporter, the_token_is_read_before_each_report)
{
	site s = {0};
	fault f = {0};
	char path[64];

	snprintf(path, sizeof(path), "/tmp/reporter-token-%d", (int)getpid());
	cr_assert_eq(file_write(path, 0600, S("first\n"), &f), ERR_OK);
	begin(&s, path);
	run_until(&s, 1);
	cr_expect(str_eq(s.token, S("Bearer first")), STR_FMT, STR_ARG(s.token));
	cr_assert_eq(file_write(path, 0600, S("second"), &f), ERR_OK);
	run_until(&s, 3);
	cr_expect(str_eq(s.token, S("Bearer second")));
	unlink(path);
	end(&s);
}

Test(reporter, while_nobody_answers_the_oldest_is_lost_and_counted)
{
	site s = {.fail = 1 << 20};

	begin(&s, NULL);
	for (int i = 0; i < REPORTER_ITEMS_MAX + 5; i++)
		put(&s, i < 5 ? "old" : "new");
	run_until(&s, 1);
	cr_expect_eq(reporter_dropped(s.reporter), 5u);
	node_report first = read_report(&s, 0);
	cr_expect(str_eq(first_uuid(&first), S("new")) && first.items.n == NODE_REPORT_ITEMS_MAX);
	end(&s);
}
