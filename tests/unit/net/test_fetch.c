#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/arena.h"
#include "certs.h"
#include "net/fetch.h"
#include "net/listen.h"
#include "net/web.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { PARKED_MAX = 8 };

/* Server and client on one loop. */
typedef struct both {
	loop *loop;
	web_server *web;
	fetch *fetch;
	tls_context *tls;
	web_req *parked[PARKED_MAX];
	web_stream *stream;
	int n_parked, n_written, listener, asked;
	char address[64], url[128];
} both;

static void stream_go(void *arg)
{
	both *b = arg;

	if (!b->stream)
		return;
	if (b->n_written++ < 100) {
		web_stream_write(b->stream, S("piece;"));
		loop_defer(b->loop, stream_go, b);
		return;
	}
	web_stream_end(b->stream);
	b->stream = NULL;
}

static void stream_over(void *arg)
{
	((both *)arg)->stream = NULL;
}

static void on_request(void *arg, web_req *r)
{
	both *b = arg;
	str kind = web_header_find(r, S("content-type"));

	b->asked++;
	if (str_eq(r->path, S("/park"))) {
		b->parked[b->n_parked++] = r;
	} else if (str_eq(r->path, S("/stream"))) {
		b->stream = web_stream_open(r, 200, S(""));
		web_stream_on(b->stream, NULL, stream_over, b);
		stream_go(b);
	} else if (str_eq(r->path, S("/who"))) {
		web_reply(r, 200, S(""), str_print(r->arena, "%d %s", r->tls->is_verified, r->tls->uri));
	} else if (str_eq(r->path, S("/missing"))) {
		web_reply(r, 404, S("ETag: \"1\"\r\netag:  \"2\" \r\n"), S("no"));
	} else {
		web_reply(r, 200, S(""),
			str_print(r->arena, "%s " STR_FMT " " STR_FMT " " STR_FMT, web_method_name(r->method),
				STR_ARG(r->target), STR_ARG(kind), STR_ARG(r->body)));
	}
}

static both *both_new(tls_context *tls, const fetch_config *config)
{
	both *b = calloc(1, sizeof(*b));
	web_hooks hooks = {.on_request = on_request, .arg = b};
	fault f = {0};

	cr_assert_eq(listen_open("127.0.0.1:0", &b->listener, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(listen_address(b->listener, b->address, sizeof(b->address)), ERR_OK);
	b->tls = tls;
	b->loop = loop_new();
	b->web = web_open(b->loop, b->listener, tls, NULL, &hooks);
	b->fetch = fetch_new(b->loop, config);
	return b;
}

static void both_free(both *b)
{
	fetch_free(b->fetch);
	web_close(b->web);
	for (int i = 0; i < b->n_parked; i++)
		web_reply(b->parked[i], 200, S(""), S(""));
	loop_free(b->loop);
	tls_context_free(b->tls);
	arena_trim();
	free(b);
}

static const char *url_of(both *b, const char *path)
{
	snprintf(b->url, sizeof(b->url), "%s://%s%s", b->tls ? "https" : "http", b->address, path);
	return b->url;
}

static fetch_reply ask(both *b, arena *a, fetch_request q, const char *path)
{
	q.url = url_of(b, path);
	if (!q.method)
		q.method = "GET";
	return fetch_wait(b->fetch, b->loop, a, &q);
}

Test(fetch, each_method_and_body_arrives_as_said)
{
	static const char *const lines[] = {"Content-Type: text/x", NULL};
	const struct {
		const char *method, *body, *answer;
	} rows[] = {
		{"GET", "", "GET /a?b text/x "},
		{"HEAD", "", ""},
		{"DELETE", "", "DELETE /a?b text/x "},
		{"POST", "", "POST /a?b text/x "},
		{"POST", "hello", "POST /a?b text/x hello"},
		{"PUT", "hello", "PUT /a?b text/x hello"},
		{"PATCH", "{}", "PATCH /a?b text/x {}"},
	};
	both *b = both_new(NULL, &(fetch_config){.user_agent = "test"});
	AUTO_ARENA a = arena_new(0);

	for (size_t i = 0; i < COUNT(rows); i++) {
		fetch_request q = {.method = rows[i].method,
			.headers = lines,
			.body = str_from(rows[i].body),
			.timeout_ms = 20000};
		fetch_reply r = ask(b, a, q, "/a?b");
		cr_assert_eq(r.e, ERR_OK, "row %zu: %s", i, r.why);
		cr_expect_eq(r.status, 200, "row %zu: %ld", i, r.status);
		cr_expect(str_eq(r.body, str_from(rows[i].answer)), "row %zu: " STR_FMT, i, STR_ARG(r.body));
	}
	cr_expect_eq(web_connections(b->web), 1, "one connection serves all");
	both_free(b);
}

Test(fetch, an_answer_of_any_status_is_an_answer)
{
	both *b = both_new(NULL, &(fetch_config){0});
	AUTO_ARENA a = arena_new(0);
	fetch_reply r = ask(b, a, (fetch_request){0}, "/missing");

	cr_expect_eq(r.e, ERR_OK);
	cr_expect_eq(r.status, 404);
	cr_expect(str_eq(r.body, S("no")));
	cr_expect(str_eq(fetch_header(&r, S("ETAG")), S("\"2\"")));
	cr_expect(str_eq(fetch_header(&r, S("content-length")), S("2")));
	cr_expect_null(fetch_header(&r, S("ETa")).p);
	both_free(b);
}

Test(fetch, what_goes_wrong_has_its_own_error)
{
	both *b = both_new(NULL, &(fetch_config){0});
	AUTO_ARENA a = arena_new(0);
	fetch_reply r = ask(b, a, (fetch_request){.timeout_ms = 100}, "/park");

	cr_expect_eq(r.e, ERR_TIMEOUT, "%s", r.why);
	r = ask(b, a, (fetch_request){.body_max = 10}, "/a-long-target");
	cr_expect_eq(r.e, ERR_LIMIT, "%s", r.why);
	r = fetch_wait(b->fetch, b->loop, a, &(fetch_request){.method = "GET", .url = "http://127.0.0.1:1/"});
	cr_expect_eq(r.e, ERR_IO, "%s", r.why);
	r = fetch_wait(b->fetch, b->loop, a, &(fetch_request){.method = "GET", .url = "file:///etc/passwd"});
	cr_expect_eq(r.e, ERR_IO, "%s", r.why);
	cr_expect(r.why && !r.body.p);
	r = ask(b, a, (fetch_request){.timeout_ms = 20000}, "/ok");
	cr_expect_eq(r.e, ERR_OK, "%s", r.why);
	both_free(b);
}

typedef struct heard {
	loop *loop;
	fetch_call *call;
	int n_done, bytes, stop_at;
	err e;
} heard;

static void on_piece(void *arg, str piece)
{
	heard *h = arg;

	h->bytes += (int)piece.n;
	if (h->stop_at && h->bytes >= h->stop_at)
		fetch_cancel(h->call);
}

static void on_done(void *arg, const fetch_reply *r)
{
	heard *h = arg;

	h->n_done++;
	h->e = r->e;
	loop_stop(h->loop);
}

static void heard_ask(both *b, heard *h, const char *path)
{
	fetch_request q = {.method = "GET",
		.url = url_of(b, path),
		.on_piece = on_piece,
		.on_done = on_done,
		.arg = h,
		.timeout_ms = 20000};

	h->loop = b->loop;
	h->call = fetch_send(b->fetch, &q);
}

Test(fetch, a_stream_comes_in_pieces)
{
	both *b = both_new(NULL, &(fetch_config){0});
	heard h = {0};

	heard_ask(b, &h, "/stream");
	loop_run(b->loop);
	cr_expect_eq(h.n_done, 1);
	cr_expect_eq(h.e, ERR_OK);
	cr_expect_eq(h.bytes, 600);
	both_free(b);
}

Test(fetch, a_stream_may_be_cancelled_from_its_own_piece)
{
	both *b = both_new(NULL, &(fetch_config){0});
	heard h = {.stop_at = 6};

	heard_ask(b, &h, "/stream");
	loop_run(b->loop);
	cr_expect_eq(h.n_done, 1);
	cr_expect_eq(h.e, ERR_CLOSED);
	both_free(b);
}

/* A stream whose pieces make calls of their own: the first two do. */
typedef struct asker {
	both *b;
	heard stream;
	int n_sent, n_answered, n_closed;
} asker;

static void asker_look(asker *k)
{
	if (k->stream.n_done && k->n_answered + k->n_closed == k->n_sent)
		loop_stop(k->b->loop);
}

static void asked_done(void *arg, const fetch_reply *r)
{
	asker *k = arg;

	k->n_answered += r->e == ERR_OK && str_starts(r->body, S("GET /again"));
	k->n_closed += r->e == ERR_CLOSED;
	asker_look(k);
}

static void asker_piece(void *arg, str piece)
{
	asker *k = arg;
	fetch_request q = {.method = "GET", .url = url_of(k->b, "/again"), .on_done = asked_done, .arg = k};

	on_piece(&k->stream, piece);
	if (k->n_sent >= 4)
		return;
	(void)fetch_send(k->b->fetch, &q);
	fetch_cancel(fetch_send(k->b->fetch, &q));
	k->n_sent += 2;
}

static void asker_done(void *arg, const fetch_reply *r)
{
	asker *k = arg;

	k->stream.n_done++;
	k->stream.e = r->e;
	asker_look(k);
}

Test(fetch, calls_may_be_sent_from_a_piece)
{
	both *b = both_new(NULL, &(fetch_config){0});
	asker k = {.b = b, .stream = {.loop = b->loop}};
	fetch_request q = {.method = "GET", .url = url_of(b, "/stream"), .on_piece = asker_piece, .arg = &k};

	q.on_done = asker_done;
	(void)fetch_send(b->fetch, &q);
	loop_run(b->loop);
	cr_expect(k.stream.e == ERR_OK && k.stream.bytes == 600);
	cr_expect(k.n_answered == 2 && k.n_closed == 2, "%d answered, %d cancelled", k.n_answered, k.n_closed);
	both_free(b);
}

Test(fetch, a_cancelled_call_is_done_once_and_from_the_loop)
{
	both *b = both_new(NULL, &(fetch_config){0});
	heard h = {0};

	heard_ask(b, &h, "/park");
	fetch_cancel(h.call);
	cr_expect_eq(h.n_done, 0);
	loop_run(b->loop);
	cr_expect_eq(h.n_done, 1);
	cr_expect_eq(h.e, ERR_CLOSED);
	both_free(b);
}

Test(fetch, freeing_the_client_ends_its_calls)
{
	both *b = both_new(NULL, &(fetch_config){0});
	heard one = {0}, two = {0};
	AUTO_ARENA a = arena_new(0);

	heard_ask(b, &one, "/park");
	heard_ask(b, &two, "/park");
	fetch_reply r = ask(b, a, (fetch_request){0}, "/a");
	cr_expect_eq(r.e, ERR_OK);
	both_free(b);
	cr_expect_eq(one.n_done, 1);
	cr_expect_eq(two.n_done, 1);
	cr_expect_eq(one.e, ERR_CLOSED);
}

Test(fetch, only_servers_of_the_given_authority_are_spoken_to)
{
	certs c = certs_new();
	char files[6][128];
	const char *names[] = {"server.pem", "server.key", "ca.pem", "other_ca.pem", "client.pem", "client.key"};
	tls_context *tls = NULL;
	AUTO_ARENA a = arena_new(0);
	fault f = {0};

	for (int i = 0; i < 6; i++)
		strcpy(files[i], certs_file(&c, names[i]));
	cr_assert_eq(tls_server_new(files[0], files[1], files[2], &tls, &f), ERR_OK, "%s", f.detail);
	both *b = both_new(tls, &(fetch_config){.ca_file = files[2], .cert_file = files[4], .key_file = files[5]});
	fetch_reply r = ask(b, a, (fetch_request){0}, "/who");
	cr_expect_eq(r.e, ERR_OK, "%s", r.why);
	cr_expect(str_eq(r.body, S("1 cluster:east-1")), STR_FMT, STR_ARG(r.body));
	fetch *stranger = fetch_new(b->loop, &(fetch_config){.ca_file = files[3]});
	r = fetch_wait(stranger, b->loop, a, &(fetch_request){.method = "GET", .url = url_of(b, "/who")});
	cr_expect_eq(r.e, ERR_TLS, "%s", r.why);
	fetch_free(stranger);
	both_free(b);
	certs_remove(&c);
}
