/* web_site: an owner of requests for the tests of the server: it echoes, parks, streams and counts what happens to it.
 */
#pragma once
#include "web_harness.h"
#include "base/metric.h"
#include "net/conn.h"

#define HOST         "Host: x\r\n"
#define LAST         "Connection: close\r\n"
#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { PARKED_MAX = 64, PIECE = 8192, BIG = 3 << 20, LONG = 12 << 20 };

typedef struct site {
	harness h;
	web_req *parked[PARKED_MAX];
	int n_parked;
	atomic_int asked, gone, closed, drained, most_waiting, written;
	web_stream *stream;
	int64_t to_write;
	char piece[PIECE];
	buf whole;
} site;

static inline void on_gone(web_req *r)
{
	atomic_fetch_add(&((site *)r->work)->gone, 1);
}

static inline conn *conn_of(web_stream *s)
{
	return (conn *)(void *)((char *)s - offsetof(conn, stream));
}

static inline void stream_fill(void *arg)
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

static inline void stream_over(void *arg)
{
	site *s = arg;

	s->stream = NULL;
	atomic_fetch_add(&s->closed, 1);
}

static inline void stream_begin(site *s, web_req *r, int64_t bytes)
{
	s->to_write = bytes;
	s->stream = web_stream_open(r, 200, S("Content-Type: text/event-stream\r\n"));
	web_stream_on(s->stream, stream_fill, stream_over, s);
	stream_fill(s);
}

static inline void parked_release(void *arg)
{
	site *s = arg;

	for (int i = 0; i < s->n_parked; i++)
		web_reply(s->parked[i], 200, S(""), s->parked[i]->path);
	s->n_parked = 0;
}

static inline void whole_reply(site *s, web_req *r)
{
	buf_clear(&s->whole);
	cr_assert(buf_room(&s->whole, WEB_REPLY_ROOM));
	s->whole.n = WEB_REPLY_ROOM;
	buf_add_str(&s->whole, r->body.n ? r->body : r->path);
	web_reply_whole(r, str_eq(r->path, S("/whole-none")) ? 204 : 200, S("A: b\r\n"), &s->whole);
	cr_assert_eq(s->whole.n, 0);
}

static inline void on_request(void *arg, web_req *r)
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
		stream_begin(s, r, r->query.n ? LONG : INT64_MAX);
	} else if (str_eq(r->path, S("/big"))) {
		web_reply(r, 200, S(""), (str){arena_alloc(r->arena, BIG), BIG});
	} else if (str_starts(r->path, S("/whole"))) {
		whole_reply(s, r);
	} else if (str_eq(r->path, S("/size"))) {
		uint32_t sum = 0;
		for (uint32_t i = 0; i < r->body.n; i++)
			sum = sum * 31 + (uint8_t)r->body.p[i];
		web_reply(r, 200, S(""), str_print(r->arena, "%u bytes %u", r->body.n, sum));
	} else {
		web_reply(r, str_eq(r->path, S("/none")) ? 204 : 200, S("A: b\r\n"), r->body.n ? r->body : r->path);
	}
}

static inline int64_t body_max(void *arg, web_method m, str path, const tls_peer *tls)
{
	(void)arg, (void)m, (void)tls;
	return str_eq(path, S("/small")) ? 4 : INT64_MAX;
}

static inline site *site_new(void)
{
	site *s = calloc(1, sizeof(*s));

	memset(s->piece, 'x', PIECE);
	buf_init(&s->whole, BIG);
	s->h.limits = web_limits_default;
	s->h.hooks = (web_hooks){.on_request = on_request, .body_max = body_max, .arg = s};
	return s;
}

static inline site *site_open(void)
{
	site *s = site_new();

	harness_start(&s->h);
	return s;
}

static inline void site_close(site *s)
{
	harness_do(&s->h, parked_release, s);
	harness_stop(&s->h);
	buf_done(&s->whole);
	free(s);
}

static inline bool nobody_is_connected(void)
{
	for (int i = 0; i < 20000 && metric_value(METRIC_HTTP_CONNECTIONS, 0); i++)
		usleep(1000);
	return metric_value(METRIC_HTTP_CONNECTIONS, 0) == 0;
}
