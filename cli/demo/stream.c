#include "cli/demo/stream.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/fetch.h"

enum { BLOCK_BYTES_MAX = 8 << 20, AGAIN_MS = 200, CURSOR_MAX = 80, STREAM_HOURS = 24 };

struct stream {
	demo *demo;
	const char *token;
	fetch *fetch;
	fetch_call *call;
	loop_timer *again;
	buf in;
	char cursor[CURSOR_MAX];
	int64_t openings;
	bool is_closing; /* goes with its last call, whose end is told from the loop */
	void (*on_placement)(void *arg, int64_t n, const placement *p);
	void *arg;
};

/* data: {"kind":"placement","id":...,"revision":...,"object":{...}} */
static void data_read(stream *s, str data)
{
	AUTO_ARENA a = arena_new(0);
	placement p = {0};
	int64_t n;
	str object = json_member(data, "object", a);

	if (!object.p || js_read_output(&placement_type, object, a, &p, NULL))
		return;
	if (str_starts(p.revision, S("p")) && str_to_i64(str_cut(p.revision, 1, p.revision.n), &n))
		s->on_placement(s->arg, n, &p);
}

/* One event: lines "id: ", "event: ", "data: "; ours have one data line. */
static void block_read(stream *s, str block)
{
	str data = STR_NONE;
	bool is_put = false;

	while (block.p) {
		str line = str_split(&block, '\n');
		str name = str_split(&line, ':');
		str value = line.p ? str_trim(line) : S("");
		if (str_eq(name, S("id")) && value.n < CURSOR_MAX)
			snprintf(s->cursor, sizeof(s->cursor), STR_FMT, STR_ARG(value));
		else if (str_eq(name, S("event")))
			is_put = str_eq(value, S("put"));
		else if (str_eq(name, S("data")))
			data = value;
	}
	if (is_put && data.p)
		data_read(s, data);
}

static void on_piece(void *arg, str piece)
{
	stream *s = arg;
	const char *end;

	if (s->is_closing)
		return;
	buf_add_str(&s->in, piece);
	while (!s->in.over && (end = memmem(s->in.p, s->in.n, "\n\n", 2))) {
		size_t n = (size_t)(end - s->in.p);
		block_read(s, str_of(s->in.p, n));
		buf_drop(&s->in, n + 2);
	}
}

static void stream_free(stream *s)
{
	loop_timer_free(s->again);
	buf_done(&s->in);
	free(s);
}

static void on_done(void *arg, const fetch_reply *reply)
{
	stream *s = arg;

	(void)reply;
	s->call = NULL;
	if (s->is_closing)
		stream_free(s);
	else
		loop_timer_arm(s->again, (int64_t)AGAIN_MS * 1000);
}

static void on_again(void *arg)
{
	AUTO_ARENA a = arena_new(0);
	stream *s = arg;
	const char *headers[] = {
		str_print(a, "Authorization: Bearer %s%c", s->token, 0).p, "Accept: text/event-stream", NULL};
	const char *since = *s->cursor ? str_print(a, "&since=%s%c", s->cursor, 0).p : "";

	buf_clear(&s->in);
	s->openings++;
	s->call = fetch_send(
		s->fetch, &(fetch_request){
				  .method = "GET",
				  .url = str_print(a, "%s/v1/watch?kinds=placement%s%c", s->demo->url, since, 0).p,
				  .headers = headers,
				  .timeout_ms = (int64_t)STREAM_HOURS * 3600 * 1000,
				  .body_max = BLOCK_BYTES_MAX,
				  .on_piece = on_piece,
				  .on_done = on_done,
				  .arg = s,
			  });
}

stream *stream_open(demo *d, const char *token, const char *since,
	void (*on_placement)(void *arg, int64_t n, const placement *p), void *arg)
{
	stream *s = calloc(1, sizeof(*s));

	assert(s);
	s->demo = d;
	s->token = token;
	s->on_placement = on_placement;
	s->arg = arg;
	snprintf(s->cursor, sizeof(s->cursor), "%s", since ? since : "");
	buf_init(&s->in, BLOCK_BYTES_MAX);
	s->fetch = fetch_new(client_loop(d->client), &(fetch_config){.ca_file = d->ca, .user_agent = "reeve-demo"});
	s->again = loop_timer_new(client_loop(d->client), on_again, s);
	on_again(s);
	return s;
}

void stream_close(stream *s)
{
	fetch *f = s ? s->fetch : NULL;

	if (!s)
		return;
	s->is_closing = true;
	loop_timer_disarm(s->again);
	if (!s->call)
		stream_free(s);
	fetch_free(f);
}

int64_t stream_openings(const stream *s)
{
	return s->openings;
}
