#include "grpc_site.h"

enum { LARGE = 3 << 20, CALLS = 200 };

Test(grpc_calls, a_message_goes_there_and_back)
{
	static const size_t sizes[] = {0, 1, 16000, 70000, LARGE};
	grpc_site s;
	char *bytes = calloc(1, LARGE);

	cr_assert(bytes);
	site_open(&s);
	for (size_t i = 0; i < LARGE; i++)
		bytes[i] = (char)(i * 7);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		cr_expect_eq(site_call(&s, "/test.Service/Echo", str_of(bytes, sizes[i])), GRPC_OK, "%s", s.text);
		cr_expect(str_eq(buf_str(&s.message), str_of(bytes, sizes[i])), "%zu bytes", sizes[i]);
	}
	for (int i = 0; i < CALLS; i++)
		cr_expect_eq(site_call(&s, "/test.Service/Echo", S("again")), GRPC_OK);
	cr_expect_eq(s.connections, 1, "calls share a connection");
	site_close(&s);
	free(bytes);
}

Test(grpc_calls, a_refusal_says_why)
{
	grpc_site s;

	site_open(&s);
	cr_expect_eq(site_call(&s, "/test.Service/Refuse", S("x")), GRPC_NOT_FOUND);
	cr_expect_str_eq(s.text, "100 % of \xc3\xa9t\xc3\xa9\n");
	cr_expect_eq(site_call(&s, "/test.Service/Nothing", S("x")), GRPC_UNIMPLEMENTED);
	cr_expect_eq(site_call(&s, "/test.Service/Echo", S("x")), GRPC_OK, "the connection goes on");
	site_close(&s);
}

Test(grpc_calls, more_than_a_service_takes_is_refused)
{
	grpc_site s;
	char *bytes = calloc(1, GRPC_REQUEST_MAX + 1);

	cr_assert(bytes);
	site_open(&s);
	cr_expect_eq(site_call(&s, "/test.Service/Echo", str_of(bytes, GRPC_REQUEST_MAX + 1)), GRPC_RESOURCE_EXHAUSTED);
	cr_expect_eq(s.n_calls, 0);
	cr_expect_eq(site_call(&s, "/test.Service/Echo", str_of(bytes, GRPC_REQUEST_MAX)), GRPC_OK);
	site_close(&s);
	free(bytes);
}

Test(grpc_calls, more_than_the_caller_takes_is_refused)
{
	grpc_site s;
	char bytes[1001] = {0};

	site_open(&s);
	grpc_request q = {"/test.Service/Echo", {bytes, sizeof(bytes)}, 60000000, 1000, NULL, site_done, &s};
	(void)grpc_send(s.client, &q);
	loop_run(s.loop);
	cr_expect_eq(s.status, GRPC_RESOURCE_EXHAUSTED);
	cr_expect_eq(site_call(&s, "/test.Service/Echo", S("x")), GRPC_OK);
	site_close(&s);
}

Test(grpc_calls, a_deadline_ends_a_call_on_both_sides)
{
	grpc_site s;

	site_open(&s);
	(void)site_send(&s, "/test.Service/Keep", S("x"), 30000);
	loop_run(s.loop);
	cr_expect_eq(s.status, GRPC_DEADLINE_EXCEEDED);
	site_rest(&s, 50000);
	cr_expect_eq(s.n_gone, 1);
	cr_expect_eq(s.kept.n, 0);
	site_close(&s);
}

static void cancel_now(void *arg)
{
	grpc_cancel(arg);
}

Test(grpc_calls, a_call_taken_back_is_told_to_the_service)
{
	grpc_site s;

	site_open(&s);
	grpc_ask *k = site_send(&s, "/test.Service/Keep", S("x"), 60000000);
	loop_timer *t = loop_timer_new(s.loop, cancel_now, k);
	loop_timer_arm(t, 20000);
	loop_run(s.loop);
	cr_expect_eq(s.status, GRPC_CANCELLED);
	site_rest(&s, 50000);
	cr_expect_eq(s.n_calls, 1);
	cr_expect_eq(s.n_gone, 1);
	loop_timer_free(t);
	site_close(&s);
}

Test(grpc_calls, nobody_there_is_unavailable_and_later_is_found)
{
	grpc_site s;

	site_open(&s);
	cr_expect_eq(site_call(&s, "/test.Service/Echo", S("x")), GRPC_OK);
	grpc_server_close(s.server);
	cr_expect_eq(s.connections, 0);
	cr_expect_eq(site_call(&s, "/test.Service/Echo", S("x")), GRPC_UNAVAILABLE);
	site_serve(&s);
	cr_expect_eq(site_call(&s, "/test.Service/Echo", S("x")), GRPC_OK, "%s", s.text);
	site_close(&s);
}

Test(grpc_calls, what_is_under_way_ends_with_the_server)
{
	grpc_site s;

	site_open(&s);
	(void)site_send(&s, "/test.Service/Keep", S("x"), 60000000);
	site_rest(&s, 30000);
	cr_assert_eq(s.kept.n, 1);
	grpc_server_close(s.server);
	cr_expect_eq(s.n_gone, 1);
	loop_run(s.loop);
	cr_expect_eq(s.status, GRPC_UNAVAILABLE);
	site_serve(&s);
	site_close(&s);
}

Test(grpc_calls, what_is_under_way_ends_with_the_client)
{
	grpc_site s;

	site_open(&s);
	(void)site_send(&s, "/test.Service/Keep", S("x"), 60000000);
	site_rest(&s, 30000);
	grpc_client_free(s.client);
	cr_expect(s.is_done);
	cr_expect_eq(s.status, GRPC_CANCELLED);
	site_rest(&s, 30000);
	cr_expect_eq(s.n_gone, 1);
	s.client = NULL;
	site_close(&s);
}

static void on_state(void *arg, str message)
{
	grpc_site *s = arg;

	s->n_messages++;
	buf_clear(&s->message);
	buf_add_str(&s->message, message);
}

static grpc_ask *watch(grpc_site *s)
{
	grpc_request q = {"/test.Service/Watch", S(""), 0, 0, on_state, site_done, s};

	s->is_done = false;
	return grpc_send(s->client, &q);
}

static uint64_t state_seen(const grpc_site *s)
{
	uint64_t state = 0;

	if (s->message.n >= sizeof(state))
		memcpy(&state, s->message.p, sizeof(state));
	return state;
}

Test(grpc_calls, a_stream_brings_the_first_state_and_each_that_follows)
{
	grpc_site s;

	site_open(&s);
	s.state = 7;
	s.state_bytes = 200000;
	grpc_ask *k = watch(&s);
	site_rest(&s, 50000);
	cr_expect_eq(state_seen(&s), 7);
	cr_expect_eq(s.message.n, s.state_bytes + sizeof(s.state));
	for (s.state = 8; s.state < 20; s.state++) {
		grpc_stream_changed(s.kept.v[0]);
		site_rest(&s, 10000);
		cr_expect_eq(state_seen(&s), s.state);
	}
	cr_expect_eq(s.n_messages, 13);
	grpc_cancel(k);
	loop_run(s.loop);
	cr_expect_eq(s.status, GRPC_CANCELLED);
	site_rest(&s, 20000);
	cr_expect_eq(s.n_gone, 1);
	site_close(&s);
}

Test(grpc_calls, states_in_between_are_passed_over)
{
	grpc_site s;

	site_open(&s);
	s.state_bytes = 1 << 20;
	(void)watch(&s);
	site_rest(&s, 50000);
	for (s.state = 1; s.state < 1000; s.state++)
		grpc_stream_changed(s.kept.v[0]);
	s.state = 4711;
	site_rest(&s, 100000);
	cr_expect_eq(state_seen(&s), 4711);
	cr_expect(s.n_fills <= 3, "%u messages were made", s.n_fills);
	site_close(&s);
}

Test(grpc_calls, streams_have_a_limit)
{
	grpc_site s;

	site_open(&s);
	for (int i = 0; i < GRPC_STREAMS_MAX; i++)
		(void)watch(&s);
	site_rest(&s, 50000);
	cr_expect(!s.is_done);
	cr_expect_eq(s.kept.n, (uint32_t)GRPC_STREAMS_MAX);
	(void)watch(&s);
	loop_run(s.loop);
	cr_expect_eq(s.status, GRPC_RESOURCE_EXHAUSTED);
	grpc_client *crowd = s.client;
	s.client = grpc_client_new(s.loop, s.path);
	cr_expect_eq(site_call(&s, "/test.Service/Echo", S("x")), GRPC_OK);
	s.n_done = 0;
	grpc_client_free(crowd);
	cr_expect_eq(s.n_done, (uint32_t)GRPC_STREAMS_MAX, "each ends once");
	site_rest(&s, 50000);
	cr_expect_eq(s.kept.n, 0);
	site_close(&s);
}

Test(grpc_calls, another_file_in_the_place_of_the_socket_is_noticed)
{
	grpc_site s;

	site_open(&s);
	cr_expect(grpc_server_is_reachable(s.server));
	(void)unlink(s.path);
	cr_expect(!grpc_server_is_reachable(s.server));
	int fd = -1;
	unix_socket_mark mark;
	cr_assert_eq(unix_socket_listen(s.path, &fd, &mark, NULL), ERR_OK);
	cr_expect(!grpc_server_is_reachable(s.server));
	(void)close(fd);
	(void)unlink(s.path);
	site_close(&s);
}
