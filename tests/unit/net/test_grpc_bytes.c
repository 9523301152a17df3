#include <sys/resource.h>
#include "h2_bytes.h"

enum { OUT_MAX = 1 << 20, PINGS = 200000 };

/* What a broken peer sends behind a good beginning. */
typedef void write_bytes(buf *out);

static void data_on_idle_stream(buf *out)
{
	frame_put(out, FRAME_DATA, END_STREAM, 5, S("x"));
}

static void headers_on_stream_0(buf *out)
{
	frame_put(out, FRAME_HEADERS, END_HEADERS, 0, S(""));
}

static void headers_on_even_stream(buf *out)
{
	request_put(out, 2, "/test.Service/Echo", (str){"\0\0\0\0\1x", 6});
}

static void headers_that_are_no_hpack(buf *out)
{
	frame_put(out, FRAME_HEADERS, END_HEADERS | END_STREAM, 1, S("\xff\xff\xff\xff\xff\xff"));
}

static void a_frame_too_large(buf *out)
{
	static char much[20000];

	frame_put(out, FRAME_DATA, 0, 1, (str){much, sizeof(much)});
}

static void settings_of_odd_length(buf *out)
{
	frame_put(out, FRAME_SETTINGS, 0, 0, S("12345"));
}

static void continuation_without_headers(buf *out)
{
	frame_put(out, FRAME_CONTINUATION, END_HEADERS, 1, S(""));
}

static void window_of_zero(buf *out)
{
	window_put(out, 0, 0);
}

static void window_too_large(buf *out)
{
	window_put(out, 0, 0x7fffffff);
	window_put(out, 0, 0x7fffffff);
}

static void no_frames_at_all(buf *out)
{
	buf_add_str(out, S("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n and more of what is none of ours"));
}

static void one_request(buf *out, const char *method, const char *type, str body, int flags)
{
	buf head;

	buf_init(&head, 4096);
	header_put(&head, ":method", method);
	header_put(&head, ":scheme", "http");
	header_put(&head, ":path", "/test.Service/Echo");
	header_put(&head, "content-type", type);
	frame_put(out, FRAME_HEADERS, END_HEADERS, 1, buf_str(&head));
	frame_put(out, FRAME_DATA, flags, 1, body);
	buf_done(&head);
}

static void a_get(buf *out)
{
	one_request(out, "GET", "application/grpc", S(""), END_STREAM);
}

static void another_type(buf *out)
{
	one_request(out, "POST", "application/json", S("{}"), END_STREAM);
}

static void compressed(buf *out)
{
	one_request(out, "POST", "application/grpc", (str){"\1\0\0\0\1x", 6}, END_STREAM);
}

static void half_a_message(buf *out)
{
	one_request(out, "POST", "application/grpc", (str){"\0\0\0\0\5x", 6}, END_STREAM);
}

static void no_message(buf *out)
{
	one_request(out, "POST", "application/grpc", S(""), END_STREAM);
}

static void two_messages(buf *out)
{
	one_request(out, "POST", "application/grpc", (str){"\0\0\0\0\1x\0\0\0\0\1y", 12}, END_STREAM);
}

static void a_message_too_long(buf *out)
{
	one_request(out, "POST", "application/grpc", (str){"\0\x7f\xff\xff\xffx", 6}, 0);
}

static void too_many_headers(buf *out)
{
	buf head;

	buf_init(&head, OUT_MAX);
	request_head(&head, "/test.Service/Echo");
	for (int i = 0; i < 120; i++)
		header_put(
			&head, "x", "123456789012345678901234567890123456789012345678901234567890123456789012345678");
	frame_put(out, FRAME_HEADERS, END_HEADERS | END_STREAM, 1, buf_str(&head));
	frame_put(out, FRAME_PING, 0, 0, S("12345678"));
	buf_done(&head);
}

static void broken_row(write_bytes *write, bool has_hello, bool ends, const char *name)
{
	grpc_site s;
	byte_peer p;
	buf out;

	site_open(&s);
	byte_peer_open(&p, &s);
	buf_init(&out, OUT_MAX);
	if (has_hello)
		hello_put(&out);
	write(&out);
	byte_peer_send(&p, buf_str(&out));
	site_rest(&s, 20000);
	cr_expect_eq(p.is_closed, ends, "%s", name);
	cr_expect(ends || p.n_ends + p.n_frames[FRAME_RST] > 0, "%s is not answered", name);
	cr_expect_eq(s.n_calls, 0, "%s reached a handler", name);
	if (!ends) {
		buf_clear(&out);
		request_put(&out, 7, "/test.Service/Echo", (str){"\0\0\0\0\1x", 6});
		byte_peer_send(&p, buf_str(&out));
		site_rest(&s, 20000);
		cr_expect_eq(s.n_calls, 1, "%s: the connection does not go on", name);
	}
	cr_expect_eq(site_call(&s, "/test.Service/Echo", S("x")), GRPC_OK, "%s: others are not served", name);
	buf_done(&out);
	byte_peer_close(&p);
	site_close(&s);
}

Test(grpc_bytes, what_breaks_the_protocol_is_answered_or_closed)
{
#define ROW(fn, has_hello, ends) broken_row(fn, has_hello, ends, #fn)
	ROW(data_on_idle_stream, true, true);
	ROW(headers_on_stream_0, true, true);
	ROW(headers_on_even_stream, true, true);
	ROW(headers_that_are_no_hpack, true, true);
	ROW(a_frame_too_large, true, true);
	ROW(settings_of_odd_length, true, true);
	ROW(continuation_without_headers, true, true);
	ROW(window_of_zero, true, true);
	ROW(window_too_large, true, true);
	ROW(no_frames_at_all, false, true);
	ROW(no_frames_at_all, true, true);
	ROW(a_get, true, false);
	ROW(another_type, true, false);
	ROW(compressed, true, false);
	ROW(half_a_message, true, false);
	ROW(no_message, true, false);
	ROW(two_messages, true, false);
	ROW(a_message_too_long, true, false);
	ROW(too_many_headers, true, false);
#undef ROW
}

Test(grpc_bytes, headers_in_parts_are_one_block)
{
	grpc_site s;
	byte_peer p;
	buf out, head;

	site_open(&s);
	byte_peer_open(&p, &s);
	buf_init(&out, OUT_MAX);
	buf_init(&head, OUT_MAX);
	hello_put(&out);
	request_head(&head, "/test.Service/Echo");
	frame_put(&out, FRAME_HEADERS, 0, 1, str_cut(buf_str(&head), 0, 11));
	frame_put(&out, FRAME_CONTINUATION, 0, 1, str_cut(buf_str(&head), 11, 12));
	frame_put(&out, FRAME_CONTINUATION, END_HEADERS, 1, str_cut(buf_str(&head), 12, head.n));
	frame_put(&out, FRAME_DATA, END_STREAM, 1, (str){"\0\0\0\0\1x", 6});
	for (uint32_t i = 0; i < out.n; i++) {
		byte_peer_send(&p, (str){out.p + i, 1});
		if (i % 16 == 0)
			site_rest(&s, 100);
	}
	site_rest(&s, 20000);
	cr_expect_eq(s.n_calls, 1);
	cr_expect(str_eq(buf_str(&p.data), ((str){"\0\0\0\0\1x", 6})));
	buf_done(&out);
	buf_done(&head);
	byte_peer_close(&p);
	site_close(&s);
}

Test(grpc_bytes, an_authority_that_is_a_path_is_taken)
{
	grpc_site s;
	byte_peer p;
	buf out, head;

	site_open(&s);
	byte_peer_open(&p, &s);
	buf_init(&out, OUT_MAX);
	buf_init(&head, OUT_MAX);
	hello_put(&out);
	header_put(&head, ":method", "POST");
	header_put(&head, ":scheme", "http");
	header_put(&head, ":path", "/test.Service/Echo");
	header_put(&head, ":authority", "/var/lib/kubelet/plugins_registry/x.sock");
	header_put(&head, "content-type", "application/grpc");
	frame_put(&out, FRAME_HEADERS, END_HEADERS, 1, buf_str(&head));
	frame_put(&out, FRAME_DATA, END_STREAM, 1, (str){"\0\0\0\0\1x", 6});
	byte_peer_send(&p, buf_str(&out));
	site_rest(&s, 20000);
	cr_expect_eq(s.n_calls, 1);
	buf_done(&out);
	buf_done(&head);
	byte_peer_close(&p);
	site_close(&s);
}

static void watch_put(buf *out)
{
	hello_put(out);
	request_put(out, 1, "/test.Service/Watch", (str){"\0\0\0\0\0", 5});
}

Test(grpc_bytes, a_reader_that_gives_no_room_costs_one_message)
{
	grpc_site s;
	byte_peer p;
	buf out;
	uint64_t last;

	site_open(&s);
	s.state_bytes = 3 << 20;
	byte_peer_open(&p, &s);
	buf_init(&out, OUT_MAX);
	watch_put(&out);
	byte_peer_send(&p, buf_str(&out));
	site_rest(&s, 30000);
	cr_expect(p.data.n <= 65535, "%zu bytes came", p.data.n);
	for (s.state = 1; s.state < 10000; s.state++) {
		grpc_stream_changed(s.kept.v[0]);
		if (s.state % 100 == 0)
			site_rest(&s, 100);
	}
	cr_expect_eq(s.n_fills, 1);
	p.is_echoing = true;
	buf_clear(&out);
	window_put(&out, 0, 1 << 20);
	window_put(&out, 1, 1 << 20);
	byte_peer_send(&p, buf_str(&out));
	site_rest(&s, 300000);
	size_t message = GRPC_PREFIX + sizeof(last) + s.state_bytes;
	cr_expect_eq(s.n_fills, 2);
	cr_assert_eq(p.data.n, 2 * message);
	memcpy(&last, p.data.p + message + GRPC_PREFIX, sizeof(last));
	cr_expect_eq(last, s.state);
	buf_done(&out);
	byte_peer_close(&p);
	site_close(&s);
}

static size_t resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long all = 0, resident = 0;

	cr_assert(f);
	cr_assert_eq(fscanf(f, "%lu %lu", &all, &resident), 2);
	(void)fclose(f);
	return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* It is stopped, or its questions wait in its own socket: they never wait with us. */
Test(grpc_bytes, a_peer_that_asks_and_never_reads_fills_nothing)
{
	grpc_site s;
	byte_peer p;
	buf out;

	site_open(&s);
	byte_peer_open(&p, &s);
	loop_watch_set(p.watch, 0);
	buf_init(&out, 64 << 20);
	hello_put(&out);
	for (int i = 0; i < PINGS; i++)
		frame_put(&out, FRAME_PING, 0, 0, S("12345678"));
	site_rest(&s, 10000);
	size_t before = resident_bytes();
	for (uint32_t at = 0, still = 0; at < out.n && still < 20;) {
		ssize_t n = send(p.fd, out.p + at, out.n - at, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			break;
		at += n > 0 ? (uint32_t)n : 0;
		still = n > 0 ? 0 : still + 1;
		site_rest(&s, 1000);
	}
	cr_expect(resident_bytes() < before + (4 << 20), "%zu bytes more", resident_bytes() - before);
	cr_expect_eq(site_call(&s, "/test.Service/Echo", S("x")), GRPC_OK, "others are not served");
	buf_done(&out);
	byte_peer_close(&p);
	site_close(&s);
}

Test(grpc_bytes, streams_opened_and_taken_back_without_end_are_stopped)
{
	grpc_site s;
	byte_peer p;
	buf out;

	site_open(&s);
	byte_peer_open(&p, &s);
	buf_init(&out, 64 << 20);
	hello_put(&out);
	for (uint32_t i = 0; i < 20000; i++) {
		request_put(&out, 2 * i + 1, "/test.Service/Keep", (str){"\0\0\0\0\0", 5});
		frame_put(&out, FRAME_RST, 0, 2 * i + 1, (str){"\0\0\0\10", 4});
	}
	byte_peer_send(&p, buf_str(&out));
	site_rest(&s, 50000);
	cr_expect(p.is_closed);
	cr_expect(s.n_calls <= 1001, "%u calls", s.n_calls);
	cr_expect_eq(s.kept.n, 0);
	cr_expect_eq(site_call(&s, "/test.Service/Echo", S("x")), GRPC_OK);
	buf_done(&out);
	byte_peer_close(&p);
	site_close(&s);
}

Test(grpc_bytes, connections_have_a_limit)
{
	grpc_site s;
	byte_peer p[GRPC_CONNECTIONS_MAX + 3];

	site_open(&s);
	for (int i = 0; i < GRPC_CONNECTIONS_MAX + 3; i++)
		byte_peer_open(&p[i], &s);
	site_rest(&s, 30000);
	for (int i = 0; i < GRPC_CONNECTIONS_MAX + 3; i++)
		cr_expect_eq(p[i].is_closed, i >= GRPC_CONNECTIONS_MAX, "connection %d", i);
	byte_peer_close(&p[0]);
	site_rest(&s, 10000);
	cr_expect_eq(site_call(&s, "/test.Service/Echo", S("x")), GRPC_OK);
	for (int i = 1; i < GRPC_CONNECTIONS_MAX + 3; i++)
		byte_peer_close(&p[i]);
	site_close(&s);
}

/* With every descriptor in use a peer waits, and is served when there is one again. */
Test(grpc_bytes, without_a_descriptor_nobody_is_lost)
{
	int kept[64], n = 0;
	struct rlimit was, few;
	grpc_site s;
	byte_peer p;
	buf out;

	site_open(&s);
	byte_peer_open(&p, &s);
	buf_init(&out, OUT_MAX);
	hello_put(&out);
	request_put(&out, 1, "/test.Service/Echo", (str){"\0\0\0\0\1x", 6});
	byte_peer_send(&p, buf_str(&out));
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = (struct rlimit){(rlim_t)p.fd + 32, was.rlim_max};
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	while (n < 64 && (kept[n] = dup(p.fd)) >= 0)
		n++;
	cr_assert_lt(n, 64);
	site_rest(&s, 50000);
	cr_expect_eq(s.n_calls, 0);
	while (n > 0)
		(void)close(kept[--n]);
	site_rest(&s, 300000);
	cr_expect_eq(s.n_calls, 1);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	buf_done(&out);
	byte_peer_close(&p);
	site_close(&s);
}
