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
	bool is_strict; /* it takes the number that follows, as the cluster's agent does */
	int acked;
	char boot[64];
} site;

/* What the cluster's agent has taken, with this report. */
static int acked_with(site *s, const node_report *told)
{
	bool is_same = str_eq(told->boot, str_from(s->boot));

	if (!s->is_strict)
		return (int)told->seq;
	if (is_same ? told->seq == s->acked + 1 : told->seq >= 1)
		s->acked = (int)told->seq;
	snprintf(s->boot, sizeof(s->boot), STR_FMT, STR_ARG(told->boot));
	return s->acked;
}

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
	int acked = s->status == 200 ? acked_with(s, &told) : 0;
	snprintf(answer, sizeof(answer), "{\"acked_seq\":%d,\"want_inventory\":%s}", acked, s->want ? "true" : "false");
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

Test(reporter, one_report_that_is_refused_does_not_silence_the_node)
{
	site s = {.is_strict = true};

	begin(&s, NULL);
	run_until(&s, 1);
	s.status = 400;
	put(&s, "a");
	run_until(&s, 3);
	s.status = 200;
	put(&s, "b");
	run_until(&s, 6);
	node_report first = read_report(&s, 0), last = read_report(&s, 5);
	cr_expect_eq(last.seq, s.acked, "it goes on: %d of %d", (int)last.seq, s.acked);
	cr_expect(str_eq(first.boot, last.boot), "its number is another report's now");
	cr_expect(s.acked >= 3);
	end(&s);
}

Test(reporter, an_agent_that_has_seen_less_is_told_anew_and_nothing_is_lost)
{
	site s = {.is_strict = true};

	begin(&s, NULL);
	run_until(&s, 2);
	put(&s, "a");
	s.acked = 0; /* another agent, which saw the first of them only */
	run_until(&s, 4);
	node_report refused = read_report(&s, 2), again = read_report(&s, 3);
	cr_expect(refused.seq == 3 && again.seq == 1 && !str_eq(refused.boot, again.boot));
	cr_expect(str_eq(first_uuid(&again), S("a")));
	run_until(&s, 6);
	cr_expect(s.acked >= 2 && s.wants == 1);
	end(&s);
}

Test(reporter, an_item_that_the_agent_would_refuse_is_not_sent)
{
	site s = {.is_strict = true};
	node_usage row = {.refused = INT64_MAX};
	node_item item = {.kind = S("usage"), .usage = {&row, 1}};

	begin(&s, NULL);
	reporter_put(s.reporter, &item);
	put(&s, "a");
	run_until(&s, 1);
	node_report one = read_report(&s, 0);
	cr_expect(one.items.n == 1 && str_eq(first_uuid(&one), S("a")));
	cr_expect_eq(reporter_dropped(s.reporter), 1u);
	end(&s);
}

Test(reporter, a_sentence_that_is_too_long_is_cut_at_a_whole_character)
{
	char text[700];

	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "\303\244", 2);
	text[0] = 'x';
	text[1] = 'x';
	text[2] = 'x';
	memmove(text + 3, text + 4, sizeof(text) - 5);
	text[sizeof(text) - 3] = 0;
	str cut = node_reason(text);
	cr_expect(cut.n <= NODE_REASON_MAX && cut.n > NODE_REASON_MAX - 2 && str_is_utf8(cut));
	cr_expect(str_eq(node_reason("short"), S("short")) && !node_reason(NULL).n);
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
