#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/metric.h"
#include "net/conn.h"

enum { STATUS_MAX = 600, STATUS_LINE_MAX = 64, REPLY_HEAD_MAX = 256, PROBLEM_MAX = 4096, REQUEST_ID_MAX = 64 };

/* clang-format off */
static const char *const reasons[STATUS_MAX] = {
	[200] = "OK", [201] = "Created", [202] = "Accepted", [204] = "No Content", [301] = "Moved Permanently",
	[302] = "Found", [303] = "See Other", [304] = "Not Modified", [307] = "Temporary Redirect", [308] = "Permanent Redirect",
	[400] = "Bad Request", [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found", [405] = "Method Not Allowed",
	[406] = "Not Acceptable", [408] = "Request Timeout", [409] = "Conflict", [410] = "Gone", [412] = "Precondition Failed",
	[413] = "Content Too Large", [414] = "URI Too Long", [415] = "Unsupported Media Type", [422] = "Unprocessable Content",
	[428] = "Precondition Required", [429] = "Too Many Requests", [431] = "Request Header Fields Too Large",
	[500] = "Internal Server Error", [501] = "Not Implemented", [502] = "Bad Gateway", [503] = "Service Unavailable",
	[504] = "Gateway Timeout",
};
/* clang-format on */

static char *put(char *to, str s)
{
	memcpy(to, s.p, s.n);
	return to + s.n;
}

static char *put_i64(char *to, int64_t v)
{
	char digits[20], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + v % 10);
	while (v /= 10);
	return put(to, (str){at, (uint32_t)(digits + sizeof(digits) - at)});
}

static bool status_has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

static str connection_line(const conn *c)
{
	if (c->is_last)
		return S("Connection: close\r\n");
	return c->head.is_1_1 ? S("") : S("Connection: keep-alive\r\n");
}

void reply_head(conn *c, int status, str headers, int64_t length, bool is_chunked)
{
	assert(status >= 200 && status < STATUS_MAX);
	const char *reason = reasons[status] ? reasons[status] : "Unknown";
	buf *out = conn_out(c);
	char *from = buf_room(out, REPLY_HEAD_MAX + headers.n);
	assert(from);
	char *to = put(from, S("HTTP/1.1 "));

	to = put_i64(to, status);
	to = put(to, S(" "));
	to = put(to, str_from(reason));
	to = put(to, S("\r\n"));
	to = put(to, (str){c->server->date, c->server->date_n});
	if (length >= 0 && status_has_body(status)) {
		to = put(to, S("Content-Length: "));
		to = put_i64(to, length);
		to = put(to, S("\r\n"));
	}
	if (is_chunked)
		to = put(to, S("Transfer-Encoding: chunked\r\n"));
	to = put(to, connection_line(c));
	if (headers.n)
		to = put(to, headers);
	to = put(to, S("\r\n"));
	out->n += (size_t)(to - from);
	metric_add(METRIC_HTTP_REQUESTS, status / 100 - 1, 1);
}

static conn *req_conn(web_req *r)
{
	return (conn *)(void *)((char *)r - offsetof(conn, req));
}

/* Once the answer is queued nothing of the request is needed; `c` stays while somebody holds it. */
static void reply_queued(conn *c)
{
	metric_observe_us(METRIC_HTTP_DURATION, server_now_us(c->server) - c->req.begun_us);
	conn_request_end(c);
}

/* Outside of a pump. Nothing here calls the owner back: the request is over, and further ones wait for the loop. */
static void reply_send(conn *c)
{
	conn_flush(c);
	if (c->state == CONN_IDLE && (c->in_n > c->in_at || wire_has_pending(&c->wire)))
		conn_later(c);
}

/* The connection that is to be answered; NULL: it is closed, and the request ends. */
static conn *reply_begin(web_req *r)
{
	conn *c = req_conn(r);

	assert(c->has_request);
	if (c->state == CONN_CLOSED) {
		conn_request_end(c);
		return NULL;
	}
	assert(c->state == CONN_BUSY);
	c->is_last |= c->server->is_draining;
	return c;
}

static void reply_end(conn *c)
{
	assert(!c->out.over);
	conn_enter(c, CONN_REPLY);
	conn_hold(c);
	reply_queued(c);
	if (!c->is_pumping)
		reply_send(c);
	conn_unhold(c);
}

void web_reply(web_req *r, int status, str headers, str body)
{
	conn *c = reply_begin(r);

	if (!c)
		return;
	reply_head(c, status, headers, body.n, false);
	if (r->method != WEB_HEAD && status_has_body(status))
		buf_add_str(&c->out, body);
	reply_end(c);
}

/* The head stands in the connection's own buffer: it is moved in front of the body, and the buffers change places. */
static void body_take(conn *c, buf *body)
{
	buf head = c->out;
	size_t max = body->max;

	assert(c->out_at == 0 && head.n <= WEB_REPLY_ROOM);
	memcpy(body->p + WEB_REPLY_ROOM - head.n, head.p, head.n);
	c->out = *body;
	c->out_at = WEB_REPLY_ROOM - head.n;
	c->out.max = head.max;
	*body = head;
	body->max = max;
	buf_clear(body);
}

void web_reply_whole(web_req *r, int status, str headers, buf *body)
{
	assert(body->n >= WEB_REPLY_ROOM && !body->over);
	str answer = {body->p + WEB_REPLY_ROOM, (uint32_t)(body->n - WEB_REPLY_ROOM)};
	if (r->method == WEB_HEAD || !status_has_body(status) || conn_waiting(req_conn(r)) ||
		headers.n > WEB_REPLY_ROOM - REPLY_HEAD_MAX) {
		web_reply(r, status, headers, answer);
		buf_clear(body);
		return;
	}
	conn *c = reply_begin(r);
	if (!c) {
		buf_clear(body);
		return;
	}
	reply_head(c, status, headers, answer.n, false);
	body_take(c, body);
	reply_end(c);
}

web_stream *web_stream_open(web_req *r, int status, str headers)
{
	conn *c = req_conn(r);

	assert(c->has_request && status_has_body(status));
	c->stream = (web_stream){
		.is_open = true,
		.is_chunked = c->head.is_1_1 && r->method != WEB_HEAD,
		.is_silent = r->method == WEB_HEAD,
	};
	metric_add(METRIC_STREAMS, 0, 1);
	conn_hold(c);
	if (c->state == CONN_CLOSED) {
		conn_request_end(c);
		conn_later(c);
		return &c->stream;
	}
	c->is_last |= !c->head.is_1_1 || c->server->is_draining;
	reply_head(c, status, headers, -1, c->head.is_1_1);
	conn_enter(c, CONN_STREAM);
	reply_queued(c);
	conn_later(c);
	return &c->stream;
}

static void problem_write(buf *out, err e, const char *detail)
{
	buf_printf(out, "{\"type\":\"/problems/");
	for (const char *p = err_code(e); *p; p++)
		buf_add_char(out, *p == '_' ? '-' : *p);
	buf_printf(out, "\",\"title\":\"%s\",\"status\":%d,\"code\":\"%s\",\"detail\":\"", err_title(e), err_status(e),
		err_code(e));
	for (const char *p = detail; *p; p++)
		buf_printf(out, *p == '"' ? "\\%c" : "%c", *p);
	buf_add_str(out, S("\"}"));
}

void conn_refuse(conn *c, err e, const char *detail)
{
	web_server *w = c->server;
	char request_id[REQUEST_ID_MAX] = "", headers[STATUS_LINE_MAX + REQUEST_ID_MAX];
	buf body;

	buf_init(&body, PROBLEM_MAX);
	if (w->hooks.on_refused)
		w->hooks.on_refused(w->hooks.arg, e, detail, &body, request_id, sizeof(request_id));
	else
		problem_write(&body, e, detail);
	int n = snprintf(headers, sizeof(headers), "Content-Type: application/problem+json\r\n%s%s%s",
		request_id[0] ? "X-Request-Id: " : "", request_id, request_id[0] ? "\r\n" : "");
	c->is_last = true;
	reply_head(c, err_status(e), str_of(headers, (size_t)n), (int64_t)body.n, false);
	buf_add_str(&c->out, buf_str(&body));
	buf_done(&body);
	if (e != ERR_REQUEST_TIMEOUT)
		metric_add(METRIC_HTTP_REFUSED, 0, 1);
	conn_enter(c, CONN_REPLY);
	if (!c->is_pumping)
		conn_flush(c);
}
