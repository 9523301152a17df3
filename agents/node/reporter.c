#include "agents/node/reporter.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/file.h"
#include "base/id.h"
#include "base/vec.h"
#include "json/write.h"
#include "net/fetch.h"

enum { HURRY_US = 200000, STATUS_OK = 200, STATUS_BAD = 400, STATUS_UNREADABLE = 422, TOKEN_MAX = 16 << 10 };

struct reporter {
	reporter_config c;
	fetch *fetch;
	loop_timer *timer;
	id boot;
	char *url;
	int64_t seq;      /* of the report at hand */
	vec(str) waiting; /* items as JSON, on the heap */
	buf items, body;  /* of the report at hand; empty: there is none */
	bool is_sent;     /* and on its way */
	bool is_heard, was_heard_of;
	uint64_t dropped, answered;
};

static void item_free(str *item)
{
	free((char *)(uintptr_t)item->p);
}

static void drop_first(reporter *r, uint32_t n)
{
	if (!n)
		return;
	for (uint32_t i = 0; i < n; i++)
		item_free(&r->waiting.v[i]);
	memmove(r->waiting.v, r->waiting.v + n, (r->waiting.n - n) * sizeof(str));
	r->waiting.n -= n;
}

/* An agent that refuses one item refuses the report that it is in, so that what it would refuse must not get there. */
static bool is_sound(str item)
{
	AUTO_ARENA a = arena_new(0);
	node_item read;
	fault f = {0};

	return js_read(&node_item_type, item, a, &read, &f) == ERR_OK;
}

void reporter_put(reporter *r, const node_item *item)
{
	buf out;

	buf_init(&out, NODE_REPORT_BYTES_MAX / 4);
	js_writer w = js_writer_on(&out);
	js_write(&w, &node_item_type, item);
	if (out.over || !is_sound(buf_str(&out))) {
		buf_done(&out);
		r->dropped++;
		return;
	}
	if (r->waiting.n == REPORTER_ITEMS_MAX) {
		drop_first(r, 1);
		r->dropped++;
	}
	vec_push(&r->waiting, str_of(out.p, out.n)); /* it is ours from here on */
}

void reporter_hurry(reporter *r)
{
	if (!r->is_sent)
		loop_timer_arm(r->timer, HURRY_US);
}

static void state_set(reporter *r, bool is_heard, const char *why)
{
	if (r->was_heard_of && r->is_heard == is_heard)
		return;
	r->was_heard_of = true;
	r->is_heard = is_heard;
	if (r->c.on_state)
		r->c.on_state(r->c.arg, is_heard, why);
}

static void body_write(reporter *r)
{
	buf_clear(&r->body);
	js_writer w = js_writer_on(&r->body);

	js_object_begin(&w);
	js_put_text(&w, "node", str_from(r->c.node));
	js_put_text(&w, "boot", id_str(&r->boot));
	js_put_i64(&w, "seq", r->seq);
	js_put_text(&w, "version", str_from(r->c.version));
	js_key(&w, S("items"));
	js_raw_value(&w, buf_str(&r->items));
	js_object_end(&w);
}

/* As many items as fit into one report. */
static void body_make(reporter *r)
{
	js_writer w = js_writer_on(&r->items);
	uint32_t n = 0;
	size_t bytes = 0;

	js_array_begin(&w);
	for (; n < r->waiting.n && n < NODE_REPORT_ITEMS_MAX && bytes + r->waiting.v[n].n < NODE_REPORT_BYTES_MAX / 2;
		n++) {
		bytes += r->waiting.v[n].n;
		js_raw_value(&w, r->waiting.v[n]);
	}
	js_array_end(&w);
	drop_first(r, n);
	r->seq++;
	body_write(r);
}

static void body_clear(reporter *r)
{
	buf_clear(&r->items);
	buf_clear(&r->body);
}

static void report_done(reporter *r)
{
	body_clear(r);
	r->answered++;
}

/* The agent has seen fewer reports of ours than we think: by another boot it takes whatever number comes. */
static void number_anew(reporter *r)
{
	r->boot = id_make("nbt");
	r->seq = 1;
	body_write(r);
	if (r->c.on_want)
		r->c.on_want(r->c.arg);
}

static void answer_take(reporter *r, str body)
{
	AUTO_ARENA a = arena_new(0);
	node_answer answer;
	fault f = {0};

	if (js_read_output(&node_answer_type, body, a, &answer, &f)) {
		state_set(r, false, "its answer is not understood");
		return;
	}
	if (answer.acked_seq < r->seq) {
		state_set(r, false, "it lacks an earlier report");
		number_anew(r);
		return;
	}
	report_done(r);
	state_set(r, true, "");
	if (answer.want_inventory && r->c.on_want)
		r->c.on_want(r->c.arg);
}

static void on_done(void *arg, const fetch_reply *reply)
{
	reporter *r = arg;
	char why[64];

	if (reply->e == ERR_CLOSED)
		return;
	r->is_sent = false;
	if (reply->e) {
		state_set(r, false, reply->why);
	} else if (reply->status == STATUS_OK) {
		answer_take(r, reply->body);
	} else {
		snprintf(why, sizeof(why), "it answers %ld", reply->status);
		state_set(r, false, why);
		/* One that it will never read stands in the way of all that come after it, and so would a hole in the
		 * numbers. */
		if (reply->status == STATUS_BAD || reply->status == STATUS_UNREADABLE) {
			body_clear(r);
			r->seq--;
			r->dropped++;
		}
	}
	loop_timer_arm(r->timer, r->is_heard && r->waiting.n >= NODE_REPORT_ITEMS_MAX ? 0 : r->c.interval_ms * 1000);
}

static const char *token_header(const reporter *r, arena *a)
{
	fault f = {0};
	str text;

	if (!r->c.token_file || file_read(r->c.token_file, a, &text, &f) || text.n > TOKEN_MAX)
		return NULL;
	text = str_trim(str_split(&text, '\n'));
	return str_z(a, str_print(a, "Authorization: Bearer " STR_FMT, STR_ARG(text)));
}

static void on_timer(void *arg)
{
	reporter *r = arg;
	AUTO_ARENA a = arena_new(0);

	if (r->is_sent)
		return;
	if (!r->body.n) {
		if (r->c.before)
			r->c.before(r->c.arg);
		body_make(r);
	}
	const char *headers[] = {"Content-Type: application/json", token_header(r, a), NULL};
	r->is_sent = true;
	fetch_send(r->fetch, &(fetch_request){
				     .method = "POST",
				     .url = r->url,
				     .headers = headers,
				     .body = buf_str(&r->body),
				     .timeout_ms = REPORTER_TIMEOUT_MS,
				     .body_max = 64 << 10,
				     .on_done = on_done,
				     .arg = r,
			     });
}

reporter *reporter_new(const reporter_config *c)
{
	reporter *r = calloc(1, sizeof(*r));
	size_t n = strlen(c->agent) + sizeof("/node/v1/report");

	assert(r);
	r->c = *c;
	r->boot = id_make("nbt");
	r->url = calloc(1, n);
	assert(r->url);
	snprintf(r->url, n, "%s/node/v1/report", c->agent);
	buf_init(&r->items, NODE_REPORT_BYTES_MAX);
	buf_init(&r->body, NODE_REPORT_BYTES_MAX);
	r->fetch = fetch_new(
		c->loop, &(fetch_config){.ca_file = c->ca_file, .user_agent = "reeve-node", .connections_max = 1});
	r->timer = loop_timer_new(c->loop, on_timer, r);
	loop_timer_arm(r->timer, HURRY_US);
	return r;
}

void reporter_free(reporter *r)
{
	if (!r)
		return;
	fetch_free(r->fetch);
	loop_timer_free(r->timer);
	vec_each (item, &r->waiting)
		item_free(item);
	vec_done(&r->waiting);
	buf_done(&r->items);
	buf_done(&r->body);
	free(r->url);
	free(r);
}

uint64_t reporter_dropped(const reporter *r)
{
	return r->dropped;
}

uint64_t reporter_answered(const reporter *r)
{
	return r->answered;
}
