#include "web_site.h"
#include <sys/resource.h>
#include <time.h>

Test(conn, a_stream_reaches_its_reader_whole_and_in_pieces)
{
	site *s = site_open();
	int fd = client_open(&s->h, 8192);
	static char all[LONG + LONG / 8];
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
	cr_expect_eq(bytes, LONG);
	cr_expect_eq(atomic_load(&s->closed), 0);
	close(fd);
	site_close(s);
}

Test(conn, a_stream_that_is_not_read_is_paused_and_then_closed)
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

Test(conn, a_reader_that_leaves_ends_its_stream)
{
	site *s = site_open();
	int fd = client_open(&s->h, 0);

	client_say(fd, "GET /stream HTTP/1.1\r\n" HOST "\r\n");
	client_hear(fd, "xxxx");
	close(fd);
	cr_assert(count_reaches(&s->closed, 1));
	site_close(s);
}

Test(conn, an_owner_hears_once_that_its_client_is_gone)
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

Test(conn, a_client_that_only_stops_sending_still_gets_its_answer)
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

Test(conn, a_reset_while_parked_frees_all)
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

Test(conn, a_client_that_floods_a_parked_connection_is_held_back)
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
	cr_expect_eq(atomic_load(&s->gone), 0);
	const char *answer = client_hear(fd, "HTTP/1.1 400");
	cr_expect(strstr(answer, "\r\n\r\n/park") && strstr(answer, "HTTP/1.1 400"), "%s", answer);
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

Test(conn, draining_finishes_what_runs_and_closes_what_does_not)
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

Test(conn, draining_does_not_wait_beyond_its_grace)
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

static void cpu_read(void *arg)
{
	struct timespec at;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	*(int64_t *)arg = at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

/* The loop's thread may wait and tick, but not turn. */
static bool loop_rests(site *s)
{
	int64_t before, after;

	harness_do(&s->h, cpu_read, &before);
	usleep(400000);
	harness_do(&s->h, cpu_read, &after);
	return after - before < 100000;
}

Test(conn, connections_beyond_the_limit_wait_their_turn)
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
	cr_expect(loop_rests(s));
	cr_expect_eq(atomic_load(&s->asked), 2);
	close(one);
	cr_expect(strstr(client_hear(three, NULL), "\r\n\r\n/c"));
	close(two);
	close(three);
	site_close(s);
}

Test(conn, one_peer_does_not_take_all_connections)
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

Test(conn, without_file_descriptors_the_loop_rests_and_recovers)
{
	enum { CLIENTS = 8 };
	site *s = site_open();
	struct rlimit was, low;
	int fds[CLIENTS];
	int64_t started;

	for (int i = 0; i < CLIENTS; i++)
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
	harness_do(&s->h, cpu_read, &started); /* it has started */
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
	cr_expect(loop_rests(s));
	setrlimit(RLIMIT_NOFILE, &was);
	client_say(fds[0], "GET /a HTTP/1.1\r\n" HOST LAST "\r\n");
	cr_expect(strstr(client_hear(fds[0], NULL), "\r\n\r\n/a"));
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	site_close(s);
}
