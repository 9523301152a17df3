#include "web_site.h"
#include <sys/resource.h>

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

/* The answer to one request: its head is looked at, its body must be `body`. */
static void answer_is(int fd, const char *status, const char *body, size_t n, bool has_body)
{
	static char got[BIG];
	char length[64];
	const char *head = client_hear(fd, "\r\n\r\n");

	snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", n);
	cr_assert(strstr(head, status) == head && strstr(head, "\r\nA: b\r\n"), "%s", head);
	cr_assert_eq(strstr(head, length) != NULL, has_body || n, "%s", head);
	cr_assert(!has_body || recv(fd, got, n, MSG_WAITALL) == (ssize_t)n);
	cr_assert(!has_body || memcmp(got, body, n) == 0, "%zu bytes", n);
}

static void whole_ask(int fd, const char *body, size_t n)
{
	char head[200];

	snprintf(head, sizeof(head), "POST /whole HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", n);
	client_say(fd, head);
	client_send(fd, body, n);
}

/* What is given away comes as what is copied: long or short, after others, in a pipeline, without a body. */
Test(web, an_answer_that_is_given_away_comes_whole)
{
	const size_t sizes[] = {1, 100, 70000, 5, 1 << 20, 300000, 1 << 20, 2};
	site *s = site_open();
	char *body = malloc(BIG);

	for (size_t i = 0; i < BIG; i++)
		body[i] = (char)('a' + i * 7 % 26);
	for (int kept = 0; kept < 2; kept++) {
		int fd = client_open(&s->h, 0);
		for (size_t i = 0; i < COUNT(sizes); i++) {
			whole_ask(fd, body + i, sizes[i] - i / 4);
			answer_is(fd, "HTTP/1.1 200 ", body + i, sizes[i] - i / 4, true);
		}
		client_say(fd, "HEAD /whole HTTP/1.1\r\n" HOST "\r\n");
		answer_is(fd, "HTTP/1.1 200 ", "", sizeof("/whole") - 1, false);
		client_say(fd, "GET /whole-none HTTP/1.1\r\n" HOST "\r\n");
		answer_is(fd, "HTTP/1.1 204 ", "", 0, false);
		client_say(fd, "GET /whole1 HTTP/1.1\r\n" HOST "\r\nGET /a HTTP/1.1\r\n" HOST
			       "\r\nGET /whole2 HTTP/1.1\r\n" HOST "\r\nGET /whole3 HTTP/1.1\r\n" HOST "\r\n");
		answer_is(fd, "HTTP/1.1 200 ", "/whole1", 7, true);
		answer_is(fd, "HTTP/1.1 200 ", "/a", 2, true);
		answer_is(fd, "HTTP/1.1 200 ", "/whole2", 7, true);
		answer_is(fd, "HTTP/1.1 200 ", "/whole3", 7, true);
		client_say(fd, "POST /x HTTP/1.1\r\n" HOST "Content-Length: 3000\r\n\r\n");
		client_send(fd, body, 3000);
		client_say(fd, "GET /whole4 HTTP/1.1\r\n" HOST "\r\n");
		answer_is(fd, "HTTP/1.1 200 ", body, 3000, true);
		answer_is(fd, "HTTP/1.1 200 ", "/whole4", 7, true);
		close(fd);
	}
	free(body);
	site_close(s);
}

enum { SPARE_MAX = 300000 };

static void spare_is_bounded(void *arg)
{
	site *s = arg;
	int64_t bytes = 0;

	vec_each (b, &s->h.web->spare_bufs) {
		bytes += b->cap > 65536 ? (int64_t)b->cap : 0;
	}
	cr_expect_eq(bytes, s->h.web->spare_bytes);
	cr_expect_leq(bytes, s->h.limits.spare_bytes_max);
	atomic_store(&s->most_waiting, (int)bytes);
}

/* A long body's memory serves the next one, as far as the owner wants that. */
Test(web, long_buffers_are_kept_up_to_their_limit)
{
	const size_t sizes[] = {70000, 70000, 150000, 1 << 20, 100, 90000};
	static char body[1 << 20];

	for (int64_t most = 0; most <= SPARE_MAX; most += SPARE_MAX) {
		site *s = site_new();
		s->h.limits.spare_bytes_max = most;
		harness_start(&s->h);
		int fd = client_open(&s->h, 0), fd2 = client_open(&s->h, 0);
		for (size_t i = 0; i < COUNT(sizes); i++) {
			whole_ask(i % 2 ? fd : fd2, body, sizes[i]);
			answer_is(i % 2 ? fd : fd2, "HTTP/1.1 200 ", body, sizes[i], true);
			harness_do(&s->h, spare_is_bounded, s);
		}
		cr_expect_eq(atomic_load(&s->most_waiting) > 0, most > 0);
		close(fd);
		close(fd2);
		site_close(s);
	}
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
	for (int i = 0; i < 20; i++) {
		cr_assert(client_send(fd, junk, sizeof(junk) / 20), "piece %d", i);
		usleep(2000);
	}
	shutdown(fd, SHUT_WR);
	cr_assert(strstr(client_hear(fd, NULL), "HTTP/1.1 413 "));
	close(fd);
	site_close(s);
}

Test(web, long_bodies_of_all_connections_together_are_bounded)
{
	static char body[200000];
	site *s = site_new();

	s->h.limits.bodies_bytes_max = 300000;
	harness_start(&s->h);
	memset(body, 'b', sizeof(body));
	for (int round = 0; round < 2; round++) {
		int fd = client_open(&s->h, 0);
		client_say(fd, "POST /park HTTP/1.1\r\n" HOST LAST "Content-Length: 200000\r\n\r\n");
		body_send(fd, body, sizeof(body), 0);
		cr_assert(count_reaches(&s->asked, 2 * round + 1), "round %d", round);
		for (size_t chunk = 0; chunk < 2; chunk++) {
			int other = client_open(&s->h, 0);
			client_say(other, chunk ? "POST /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
						: "POST /x HTTP/1.1\r\n" HOST "Content-Length: 200000\r\n\r\n");
			body_send(other, body, sizeof(body), chunk ? 20000 : 0);
			const char *answer = client_hear(other, NULL);
			cr_expect(strstr(answer, "HTTP/1.1 503 ") && strstr(answer, "\"overloaded\""), "%s", answer);
			close(other);
		}
		cr_expect(strstr(client_ask(&s->h, "GET /a HTTP/1.1\r\n" HOST LAST "\r\n"), "HTTP/1.1 200 "));
		harness_do(&s->h, parked_release, s);
		cr_expect(strstr(client_hear(fd, NULL), "HTTP/1.1 200 "));
		close(fd);
	}
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
	cr_expect(strstr(answer, "\r\n\r\nown bad_request: ") && strstr(answer, "\r\nX-Request-Id: req_1\r\n"), "%s",
		answer);
	site_close(s);
}

/* Sends `text` a byte at a time until the server closes, and returns what it said. */
static const char *drip(site *s, const char *head, char byte)
{
	int fd = client_open(&s->h, 0);

	client_say(fd, head);
	for (int i = 0; client_send(fd, &byte, 1); i++) {
		char c;
		cr_assert_lt(i, 4000, "the server waits as long as bytes come");
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

/* The server is not woken for each piece: that many have come must count when a third of the time is over. */
Test(web, a_long_body_in_pieces_earns_its_time)
{
	enum { PARTS = 10, PART = 4000, PAUSE_US = 90000 };
	site *s = site_new();
	static char piece[PART];
	char head[100];

	s->h.limits.body_timeout_ms = 1800;
	harness_start(&s->h);
	int fd = client_open(&s->h, 0);
	memset(piece, 'a', sizeof(piece));
	(void)snprintf(
		head, sizeof(head), "PUT /size HTTP/1.1\r\n" HOST LAST "Content-Length: %d\r\n\r\n", PARTS * PART);
	client_say(fd, head);
	for (int i = 0; i < PARTS; i++) {
		(void)usleep(PAUSE_US);
		cr_assert(client_send(fd, piece, sizeof(piece)));
	}
	const char *answer = client_hear(fd, NULL);
	cr_expect(strstr(answer, "\r\n\r\n40000 bytes"), "%s", answer);
	close(fd);
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

static void wakes_read(void *arg)
{
	struct rusage used;

	cr_assert_eq(getrusage(RUSAGE_THREAD, &used), 0);
	*(long *)arg = used.ru_nvcsw;
}

/* An idle node agent spent most of its time on looking at the clock fifteen times a second. */
Test(web, a_server_without_connections_wakes_nobody)
{
	long from, to;
	site *s = site_open();

	cr_assert(*client_ask(&s->h, "GET /a HTTP/1.1\r\n" HOST LAST "\r\n"));
	usleep(300000);
	harness_do(&s->h, wakes_read, &from);
	usleep(1500000);
	harness_do(&s->h, wakes_read, &to);
	cr_expect_lt(to - from, 8, "%ld times", to - from);
	cr_assert(*client_ask(&s->h, "GET /a HTTP/1.1\r\n" HOST LAST "\r\n"));
	site_close(s);
}
