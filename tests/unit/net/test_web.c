#include "web_harness.h"
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include "base/metric.h"
#include "net/conn.h"

#define HOST         "Host: x\r\n"
#define LAST         "Connection: close\r\n"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { PARKED_MAX = 64, PIECE = 8192, BIG = 3 << 20 };

typedef struct site {
	harness h;
	web_req *parked[PARKED_MAX];
	int n_parked;
	atomic_int asked, gone, closed, drained, most_waiting, written;
	web_stream *stream;
	int64_t to_write;
	char piece[PIECE];
} site;

static void on_gone(web_req *r)
{
	atomic_fetch_add(&((site *)r->work)->gone, 1);
}

static conn *conn_of(web_stream *s)
{
	return (conn *)(void *)((char *)s - offsetof(conn, stream));
}

static void stream_fill(void *arg)
{
	site *s = arg;
	bool goes_on = true;

	while (goes_on && s->to_write > 0) {
		goes_on = web_stream_write(s->stream, (str){s->piece, PIECE});
		atomic_fetch_add(&s->written, PIECE);
		s->to_write -= PIECE;
		int waiting = (int)conn_waiting(conn_of(s->stream));
		if (waiting > atomic_load(&s->most_waiting))
			atomic_store(&s->most_waiting, waiting);
	}
	if (s->to_write <= 0) {
		web_stream_end(s->stream);
		s->stream = NULL;
	}
}

static void stream_over(void *arg)
{
	site *s = arg;

	s->stream = NULL;
	atomic_fetch_add(&s->closed, 1);
}

static void stream_begin(site *s, web_req *r, int64_t bytes)
{
	s->to_write = bytes;
	s->stream = web_stream_open(r, 200, S("Content-Type: text/event-stream\r\n"));
	web_stream_on(s->stream, stream_fill, stream_over, s);
	stream_fill(s);
}

static void parked_release(void *arg)
{
	site *s = arg;

	for (int i = 0; i < s->n_parked; i++)
		web_reply(s->parked[i], 200, S(""), s->parked[i]->path);
	s->n_parked = 0;
}

static void on_request(void *arg, web_req *r)
{
	site *s = arg;

	atomic_fetch_add(&s->asked, 1);
	if (str_starts(r->path, S("/park")) || str_eq(r->path, S("/soon"))) {
		r->work = s;
		r->on_gone = on_gone;
		s->parked[s->n_parked++] = r;
		if (str_eq(r->path, S("/soon")))
			loop_defer(s->h.loop, parked_release, s);
	} else if (str_eq(r->path, S("/stream"))) {
		stream_begin(s, r, r->query.n ? BIG : INT64_MAX);
	} else if (str_eq(r->path, S("/big"))) {
		web_reply(r, 200, S(""), (str){arena_alloc(r->arena, BIG), BIG});
	} else if (str_eq(r->path, S("/size"))) {
		uint32_t sum = 0;
		for (uint32_t i = 0; i < r->body.n; i++)
			sum = sum * 31 + (uint8_t)r->body.p[i];
		web_reply(r, 200, S(""), str_print(r->arena, "%u bytes %u", r->body.n, sum));
	} else {
		web_reply(r, str_eq(r->path, S("/none")) ? 204 : 200, S("A: b\r\n"), r->body.n ? r->body : r->path);
	}
}

static int64_t body_max(void *arg, web_method m, str path)
{
	(void)arg, (void)m;
	return str_eq(path, S("/small")) ? 4 : INT64_MAX;
}

static site *site_new(void)
{
	site *s = calloc(1, sizeof(*s));

	memset(s->piece, 'x', PIECE);
	s->h.limits = web_limits_default;
	s->h.hooks = (web_hooks){.on_request = on_request, .body_max = body_max, .arg = s};
	return s;
}

static site *site_open(void)
{
	site *s = site_new();

	harness_start(&s->h);
	return s;
}

static void site_close(site *s)
{
	harness_do(&s->h, parked_release, s);
	harness_stop(&s->h);
	free(s);
}

static bool nobody_is_connected(void)
{
	for (int i = 0; i < 20000 && metric_value(METRIC_HTTP_CONNECTIONS, 0); i++)
		usleep(1000);
	return metric_value(METRIC_HTTP_CONNECTIONS, 0) == 0;
}

Test(web, a_connection_serves_one_request_after_the_other)
{
	site *s = site_open();
	int fd = client_open(&s->h, 0);

	for (int i = 0; i < 3; i++) {
		client_say(fd, "GET /a HTTP/1.1\r\n" HOST "\r\n");
		const char *answer = client_hear(fd, "\r\n\r\n/a");
		cr_assert(strstr(answer, "HTTP/1.1 200 OK\r\n") == answer, "%s", answer);
		cr_assert(strstr(answer, "\r\nContent-Length: 2\r\n") && strstr(answer, "\r\nDate: ") &&
			  strstr(answer, "\r\nA: b\r\n"));
		cr_assert_not(strstr(answer, "Connection:"));
	}
	client_say(fd, "GET /b HTTP/1.1\r\n" HOST LAST "\r\n");
	const char *answer = client_hear(fd, NULL);
	cr_assert(strstr(answer, "\r\nConnection: close\r\n") && strstr(answer, "\r\n\r\n/b"));
	close(fd);
	site_close(s);
}

Test(web, answers_end_where_their_method_and_status_say)
{
	const struct {
		const char *ask, *end;
		bool has_length, keeps;
	} rows[] = {
		{"HEAD /abc HTTP/1.1\r\n" HOST LAST "\r\n", "\r\n\r\n", true, false},
		{"GET /none HTTP/1.1\r\n" HOST LAST "\r\n", "\r\n\r\n", false, false},
		{"GET /abc HTTP/1.0\r\n\r\n", "\r\n\r\n/abc", true, false},
		{"HEAD /stream HTTP/1.1\r\n" HOST LAST "\r\n", "\r\n\r\n", false, false},
		{"POST /x HTTP/1.1\r\n" HOST LAST "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
			"\r\n\r\nhello", true, false},
		{"POST /x HTTP/1.1\r\n" HOST LAST "Content-Length: 0\r\n\r\n", "\r\n\r\n/x", true, false},
	};
	site *s = site_open();

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *answer;
		if (strstr(rows[i].ask, "/stream")) {
			int fd = client_open(&s->h, 0);
			client_say(fd, rows[i].ask);
			answer = client_hear(fd, "\r\n\r\n");
			close(fd);
			cr_assert(count_reaches(&s->closed, 1));
		} else {
			answer = client_ask(&s->h, rows[i].ask);
		}
		size_t n = strlen(answer), tail = strlen(rows[i].end);
		cr_expect(n > tail && strcmp(answer + n - tail, rows[i].end) == 0, "row %zu: %s", i, answer);
		cr_expect_eq(strstr(answer, "Content-Length:") != NULL, rows[i].has_length, "row %zu: %s", i, answer);
		cr_expect(strstr(answer, "Connection: close\r\n"), "row %zu: %s", i, answer);
	}
	site_close(s);
}

Test(web, a_1_0_client_may_keep_its_connection)
{
	site *s = site_open();
	int fd = client_open(&s->h, 0);

	client_say(fd, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	cr_assert(strstr(client_hear(fd, "\r\n\r\n/a"), "Connection: keep-alive\r\n"));
	client_say(fd, "GET /b HTTP/1.0\r\n\r\n");
	cr_assert(strstr(client_hear(fd, NULL), "\r\n\r\n/b"));
	close(fd);
	site_close(s);
}

Test(web, a_pipeline_is_answered_in_order)
{
	site *s = site_open();
	char text[64 * 1024] = "";
	size_t n = 0;

	for (int i = 0; i < 400; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "GET /%s%s HTTP/1.1\r\n" HOST "\r\n",
			i % 7 ? "n" : "soon", i % 7 ? "" : "");
	snprintf(text + n, sizeof(text) - n, "POST /x HTTP/1.1\r\n" HOST LAST "Content-Length: 3\r\n\r\nend");
	const char *at = client_ask(&s->h, text);
	for (int i = 0; i < 400; i++) {
		const char *body = i % 7 ? "\r\n\r\n/nHTTP" : "\r\n\r\n/soonHTTP";
		at = strstr(at, "\r\n\r\n");
		cr_assert(at && strncmp(at, body, strlen(body)) == 0, "answer %d", i);
		at += 4;
	}
	cr_assert(strstr(at, "\r\n\r\nend"));
	cr_assert_eq(atomic_load(&s->asked), 401);
	site_close(s);
}

static void body_send(int fd, const char *body, size_t n, size_t chunk)
{
	char size[32];

	for (size_t at = 0; chunk && at < n; at += chunk) {
		size_t piece = n - at < chunk ? n - at : chunk;
		snprintf(size, sizeof(size), "%zx\r\n", piece);
		client_say(fd, size);
		client_send(fd, body + at, piece);
		client_say(fd, "\r\n");
	}
	if (chunk)
		client_say(fd, "0\r\n\r\n");
	else
		client_send(fd, body, n);
}

Test(web, bodies_of_every_size_arrive_whole)
{
	const size_t sizes[] = {1, 100, 4000, 20000, 21000, 70000, 1 << 20, 4 << 20};
	site *s = site_open();
	char *body = malloc(4 << 20);
	int fd = client_open(&s->h, 0);

	for (size_t i = 0; i < 4 << 20; i++)
		body[i] = (char)(i * 7 + i / 251);
	for (size_t i = 0; i < COUNT(sizes) * 2; i++) {
		size_t n = sizes[i / 2], chunk = i % 2 ? n / 3 + 1 : 0;
		uint32_t sum = 0;
		char head[200], wanted[100];
		for (size_t k = 0; k < n; k++)
			sum = sum * 31 + (uint8_t)body[k];
		snprintf(wanted, sizeof(wanted), "\r\n\r\n%zu bytes %u", n, sum);
		snprintf(head, sizeof(head),
			chunk ? "PUT /size HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
			      : "PUT /size HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n",
			n);
		client_say(fd, head);
		body_send(fd, body, n, chunk);
		cr_assert(strstr(client_hear(fd, wanted), wanted), "%zu bytes in chunks of %zu", n, chunk);
	}
	close(fd);
	free(body);
	site_close(s);
}

Test(web, a_client_that_asks_first_is_told_to_go_on)
{
	site *s = site_open();
	int fd = client_open(&s->h, 0);

	client_say(fd, "POST /x HTTP/1.1\r\n" HOST LAST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
	cr_assert_str_eq(client_hear(fd, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
	client_say(fd, "ok");
	cr_assert(strstr(client_hear(fd, NULL), "\r\n\r\nok"));
	close(fd);
	cr_assert(strstr(
		client_ask(&s->h, "POST /small HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"),
		"HTTP/1.1 413 "));
	site_close(s);
}

Test(web, a_refusal_is_a_problem_document_and_the_end)
{
	const struct {
		const char *ask, *status, *code;
	} rows[] = {
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", "\"bad_request\""},
		{"GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 400 ",
			"\"bad_request\""},
		{"BREW / HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 501 ", "\"not_implemented\""},
		{"POST /small HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", "HTTP/1.1 413 ",
			"\"body_too_large\""},
		{"POST /small HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
			"HTTP/1.1 413 ", "\"body_too_large\""},
		{"POST / HTTP/1.1\r\n" HOST "Content-Length: 4194305\r\n\r\n", "HTTP/1.1 413 ", "\"body_too_large\""},
		{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx", "HTTP/1.1 400 ", "\"bad_request\""},
	};
	site *s = site_open();

	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *answer = client_ask(&s->h, rows[i].ask);
		cr_expect(strstr(answer, rows[i].status) == answer, "row %zu: %s", i, answer);
		cr_expect(strstr(answer, rows[i].code) && strstr(answer, "Content-Type: application/problem+json\r\n"),
			"%s", answer);
		cr_expect(strstr(answer, "Connection: close\r\n"), "row %zu", i);
		cr_expect_eq(text_count(answer, "HTTP/1.1 "), 1, "row %zu", i);
	}
	cr_expect_eq(atomic_load(&s->asked), 0);
	site_close(s);
}

/* A client that keeps sending behind a refused head must see the answer, not a reset. */
Test(web, a_refusal_reaches_a_client_that_is_still_sending)
{
	static char junk[200000];
	site *s = site_open();
	int fd = client_open(&s->h, 0);

	memset(junk, 'j', sizeof(junk));
	client_say(fd, "POST /small HTTP/1.1\r\n" HOST "Content-Length: 200000\r\n\r\n");
	client_send(fd, junk, sizeof(junk));
	cr_assert(strstr(client_hear(fd, NULL), "HTTP/1.1 413 "));
	close(fd);
	site_close(s);
}

static void on_refused(void *arg, err e, const char *detail, buf *body, char *ret_request_id, size_t id_max)
{
	(void)arg;
	buf_printf(body, "own %s: %s", err_code(e), detail);
	snprintf(ret_request_id, id_max, "req_1");
}

Test(web, the_owner_may_write_the_refusal)
{
	site *s = site_new();

	s->h.hooks.on_refused = on_refused;
	harness_start(&s->h);
	const char *answer = client_ask(&s->h, "x\r\n");
	cr_expect(strstr(answer, "\r\n\r\nown bad_request: ") && strstr(answer, "\r\nRequest-Id: req_1\r\n"), "%s",
		answer);
	site_close(s);
}

/* Sends `text` a byte at a time until the server closes, and returns what it said. */
static const char *drip(site *s, const char *head, char byte)
{
	int fd = client_open(&s->h, 0);

	client_say(fd, head);
	for (int i = 0; i < 4000 && client_send(fd, &byte, 1); i++) {
		char c;
		usleep(5000);
		if (recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
			break;
	}
	const char *answer = client_hear(fd, NULL);
	close(fd);
	return answer;
}

Test(web, bytes_now_and_then_buy_no_time)
{
	const struct {
		const char *head;
		char byte;
		const char *answer;
	} rows[] = {
		{"GET / HTTP/1.1\r\nHost: ", 'a', "HTTP/1.1 408 "},
		{"G", 'E', "HTTP/1.1 408 "},
		{"POST / HTTP/1.1\r\n" HOST "Content-Length: 3000000\r\n\r\n", 'a', "HTTP/1.1 408 "},
		{"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;", 'a', "HTTP/1.1 408 "},
	};
	site *s = site_new();
	int64_t before = metric_value(METRIC_HTTP_TIMEOUTS, 0);

	s->h.limits.head_timeout_ms = s->h.limits.body_timeout_ms = 300;
	harness_start(&s->h);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *answer = drip(s, rows[i].head, rows[i].byte);
		cr_expect(strstr(answer, rows[i].answer) == answer, "row %zu: %s", i, answer);
		cr_expect(strstr(client_ask(&s->h, "GET /ok HTTP/1.1\r\n" HOST LAST "\r\n"), "\r\n\r\n/ok"),
			"others are served");
	}
	cr_expect_eq(metric_value(METRIC_HTTP_TIMEOUTS, 0) - before, (int64_t)COUNT(rows));
	site_close(s);
}

Test(web, silent_connections_are_closed_without_a_word)
{
	site *s = site_new();

	s->h.limits.head_timeout_ms = s->h.limits.idle_timeout_ms = 200;
	harness_start(&s->h);
	cr_expect_str_eq(client_ask(&s->h, ""), "");
	int fd = client_open(&s->h, 0);
	client_say(fd, "GET /a HTTP/1.1\r\n" HOST "\r\n");
	const char *answer = client_hear(fd, NULL);
	cr_expect_eq(text_count(answer, "HTTP/1.1 "), 1, "%s", answer);
	close(fd);
	site_close(s);
}

Test(web, a_client_that_does_not_take_its_reply_is_cut_off)
{
	site *s = site_new();
	char c;

	s->h.limits.reply_timeout_ms = 200;
	harness_start(&s->h);
	int fd = client_open(&s->h, 4096);
	client_say(fd, "GET /big HTTP/1.1\r\n" HOST "\r\n");
	cr_assert(count_reaches(&s->asked, 1));
	cr_expect(nobody_is_connected());
	cr_expect_eq(metric_value(METRIC_HTTP_TIMEOUTS, 0), 1);
	size_t n = 0;
	while (recv(fd, &c, 1, 0) > 0)
		n++;
	cr_expect_lt(n, (size_t)BIG);
	close(fd);
	site_close(s);
}

Test(web, a_large_reply_reaches_a_slow_reader_whole)
{
	site *s = site_open();
	int fd = client_open(&s->h, 8192);
	static char piece[16384];
	size_t n = 0;
	ssize_t got;

	client_say(fd, "GET /big HTTP/1.1\r\n" HOST LAST "\r\n");
	shutdown(fd, SHUT_WR);
	while ((got = recv(fd, piece, sizeof(piece), 0)) > 0)
		n += (size_t)got;
	cr_expect_gt(n, (size_t)BIG);
	close(fd);
	site_close(s);
}

Test(web, a_stream_reaches_its_reader_whole_and_in_pieces)
{
	site *s = site_open();
	int fd = client_open(&s->h, 8192);
	static char all[BIG + BIG / 8];
	size_t n = 0;
	ssize_t got;

	client_say(fd, "GET /stream?some HTTP/1.1\r\n" HOST LAST "\r\n");
	while ((got = recv(fd, all + n, sizeof(all) - 1 - n, 0)) > 0)
		n += (size_t)got;
	char *body = strstr(all, "\r\n\r\n") + 4;
	http1_chunks c = {0};
	http1_result r = HTTP1_MORE;
	size_t used, bytes = 0;
	for (char *at = body; r == HTTP1_MORE && at < all + n; at += used) {
		str data;
		r = http1_chunks_read(&c, at, (size_t)(all + n - at), &used, &data);
		bytes += data.n;
	}
	cr_expect_eq(r, HTTP1_DONE);
	cr_expect_eq(bytes, BIG);
	cr_expect_eq(atomic_load(&s->closed), 0);
	close(fd);
	site_close(s);
}

Test(web, a_stream_that_is_not_read_is_paused_and_then_closed)
{
	site *s = site_new();
	int64_t before = metric_value(METRIC_STREAMS_DROPPED, 0);

	s->h.limits.stream_buffer_max = 128 * 1024;
	s->h.limits.stream_stuck_timeout_ms = 300;
	harness_start(&s->h);
	int fd = client_open(&s->h, 4096);
	client_say(fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	cr_assert(count_reaches(&s->closed, 1));
	cr_expect_leq(atomic_load(&s->most_waiting), 128 * 1024 + PIECE + 64);
	cr_expect_eq(metric_value(METRIC_STREAMS_DROPPED, 0) - before, 1);
	cr_expect_eq(metric_value(METRIC_STREAMS, 0), 0);
	close(fd);
	site_close(s);
}

Test(web, a_reader_that_leaves_ends_its_stream)
{
	site *s = site_open();
	int fd = client_open(&s->h, 0);

	client_say(fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	client_hear(fd, "xxxx");
	close(fd);
	cr_assert(count_reaches(&s->closed, 1));
	site_close(s);
}

Test(web, an_owner_hears_once_that_its_client_is_gone)
{
	site *s = site_open();
	int fd = client_open(&s->h, 0);

	client_say(fd, "GET /park HTTP/1.1\r\n" HOST "\r\n");
	cr_assert(count_reaches(&s->asked, 1));
	close(fd);
	cr_assert(count_reaches(&s->gone, 1));
	harness_do(&s->h, parked_release, s);
	cr_expect(strstr(client_ask(&s->h, "GET /ok HTTP/1.1\r\n" HOST LAST "\r\n"), "\r\n\r\n/ok"));
	cr_expect_eq(atomic_load(&s->gone), 1);
	site_close(s);
}

Test(web, a_client_that_only_stops_sending_still_gets_its_answer)
{
	site *s = site_open();
	int fd = client_open(&s->h, 0);

	client_say(fd, "GET /park HTTP/1.1\r\n" HOST "\r\n");
	shutdown(fd, SHUT_WR);
	cr_assert(count_reaches(&s->gone, 1));
	harness_do(&s->h, parked_release, s);
	cr_expect(strstr(client_hear(fd, NULL), "\r\n\r\n/park"));
	close(fd);
	site_close(s);
}

Test(web, a_reset_while_parked_frees_all)
{
	site *s = site_open();
	struct linger now = {.l_onoff = 1};
	int fd = client_open(&s->h, 0);

	client_say(fd, "GET /park HTTP/1.1\r\n" HOST "\r\n");
	cr_assert(count_reaches(&s->asked, 1));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	cr_assert(count_reaches(&s->gone, 1));
	site_close(s);
}

Test(web, a_client_that_floods_a_parked_connection_is_held_back)
{
	static char junk[1 << 16];
	site *s = site_open();
	int fd = client_open(&s->h, 0);
	size_t sent = 0;

	memset(junk, '\n', sizeof(junk));
	client_say(fd, "GET /park HTTP/1.1\r\n" HOST "\r\n");
	cr_assert(count_reaches(&s->asked, 1));
	for (int i = 0; i < 100; i++) {
		ssize_t n = send(fd, junk, sizeof(junk), MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		usleep(1000);
	}
	cr_expect_lt(sent, sizeof(junk) * 100);
	harness_do(&s->h, parked_release, s);
	cr_expect(strstr(client_hear(fd, "HTTP/1.1 400"), "\r\n\r\n/park"));
	close(fd);
	site_close(s);
}

static void drained(void *arg)
{
	atomic_fetch_add(&((site *)arg)->drained, 1);
}

static void drain_start(void *arg)
{
	site *s = arg;

	web_drain(s->h.web, 5000, drained, s);
}

Test(web, draining_finishes_what_runs_and_closes_what_does_not)
{
	site *s = site_open();
	int idle = client_open(&s->h, 0), parked = client_open(&s->h, 0), stream = client_open(&s->h, 0);

	client_say(idle, "GET /a HTTP/1.1\r\n" HOST "\r\n");
	client_hear(idle, "\r\n\r\n/a");
	client_say(parked, "GET /park HTTP/1.1\r\n" HOST "\r\n");
	client_say(stream, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	client_hear(stream, "xxxx");
	cr_assert(count_reaches(&s->asked, 3));
	harness_do(&s->h, drain_start, s);
	cr_expect_str_eq(client_hear(idle, NULL), "");
	cr_assert(count_reaches(&s->closed, 1));
	static char piece[65536];
	char end[6] = "";
	for (ssize_t n; (n = recv(stream, piece, sizeof(piece), 0)) > 0;)
		if (n >= 5)
			memcpy(end, piece + n - 5, 5);
	cr_expect_str_eq(end, "0\r\n\r\n");
	cr_expect_eq(atomic_load(&s->drained), 0);
	harness_do(&s->h, parked_release, s);
	const char *answer = client_hear(parked, NULL);
	cr_expect(strstr(answer, "Connection: close\r\n") && strstr(answer, "\r\n\r\n/park"), "%s", answer);
	close(idle);
	close(parked);
	close(stream);
	cr_expect(count_reaches(&s->drained, 1));
	site_close(s);
}

static void drain_hard(void *arg)
{
	site *s = arg;

	web_drain(s->h.web, 50, drained, s);
}

Test(web, draining_does_not_wait_beyond_its_grace)
{
	site *s = site_open();
	int fd = client_open(&s->h, 0);

	client_say(fd, "GET /park HTTP/1.1\r\n" HOST "\r\n");
	cr_assert(count_reaches(&s->asked, 1));
	harness_do(&s->h, drain_hard, s);
	cr_expect(count_reaches(&s->drained, 1));
	cr_expect_eq(atomic_load(&s->gone), 1);
	cr_expect_str_eq(client_hear(fd, NULL), "");
	close(fd);
	site_close(s);
}

Test(web, connections_beyond_the_limit_wait_their_turn)
{
	site *s = site_new();

	s->h.limits.connections_max = 2;
	harness_start(&s->h);
	int one = client_open(&s->h, 0), two = client_open(&s->h, 0), three = client_open(&s->h, 0);
	client_say(one, "GET /a HTTP/1.1\r\n" HOST "\r\n");
	client_hear(one, "\r\n\r\n/a");
	client_say(two, "GET /a HTTP/1.1\r\n" HOST "\r\n");
	client_hear(two, "\r\n\r\n/a");
	client_say(three, "GET /c HTTP/1.1\r\n" HOST LAST "\r\n");
	usleep(50000);
	cr_expect_eq(atomic_load(&s->asked), 2);
	close(one);
	cr_expect(strstr(client_hear(three, NULL), "\r\n\r\n/c"));
	close(two);
	close(three);
	site_close(s);
}

Test(web, one_peer_does_not_take_all_connections)
{
	site *s = site_new();

	s->h.limits.connections_per_peer = 1;
	harness_start(&s->h);
	int one = client_open(&s->h, 0);
	client_say(one, "GET /a HTTP/1.1\r\n" HOST "\r\n");
	client_hear(one, "\r\n\r\n/a");
	cr_expect_str_eq(client_ask(&s->h, "GET /b HTTP/1.1\r\n" HOST "\r\n"), "");
	client_say(one, "GET /a HTTP/1.1\r\n" HOST LAST "\r\n");
	client_hear(one, NULL);
	close(one);
	cr_expect(nobody_is_connected());
	cr_expect(strstr(client_ask(&s->h, "GET /b HTTP/1.1\r\n" HOST LAST "\r\n"), "\r\n\r\n/b"));
	site_close(s);
}

static void cpu_read(void *arg)
{
	struct timespec at;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	*(int64_t *)arg = at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

Test(web, without_file_descriptors_the_loop_rests_and_recovers)
{
	enum { CLIENTS = 8 };
	site *s = site_open();
	struct rlimit was, low;
	int fds[CLIENTS];
	int64_t before, after;

	for (int i = 0; i < CLIENTS; i++)
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
	harness_do(&s->h, cpu_read, &before); /* it has started */
	getrlimit(RLIMIT_NOFILE, &was);
	low = was;
	low.rlim_cur = (rlim_t)fds[CLIENTS - 1] + 1;
	setrlimit(RLIMIT_NOFILE, &low);
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)s->h.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	for (int i = 0; i < CLIENTS; i++)
		cr_assert_eq(connect(fds[i], (struct sockaddr *)&at, sizeof(at)), 0);
	usleep(20000);
	harness_do(&s->h, cpu_read, &before);
	usleep(400000);
	harness_do(&s->h, cpu_read, &after);
	cr_expect_lt(after - before, 100000, "%ld us of CPU", (long)(after - before));
	setrlimit(RLIMIT_NOFILE, &was);
	client_say(fds[0], "GET /a HTTP/1.1\r\n" HOST LAST "\r\n");
	cr_expect(strstr(client_hear(fds[0], NULL), "\r\n\r\n/a"));
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	site_close(s);
}
