/* web: the HTTP/1.1 server of a process: connections, framing, deadlines, replies and streams.
 *
 * The dialect is strict (RFC 9112; what peers tolerate and we refuse is listed in net/http1.h): a message whose framing
 * could be read in two ways is answered 400 as problem+json and the connection is closed. The server owns connections
 * and requests; it calls on_request once per complete request (head and whole body), and the owner answers exactly
 * once, now or later, with web_reply or web_stream_open. Requests of one connection are answered in order; the next one
 * of a pipeline is parsed after the reply of the one before has been queued.
 *
 * Deadlines are absolute, not idle timers: a byte now and then buys no time. A stream whose reader does not keep up is
 * paused (its on_drain is called when it may go on) and closed when it stays full past its deadline; its memory is
 * bounded by stream_buffer_max.
 *
 * A client that shuts down its sending side while its request is worked on may be gone or may still read: the owner
 * hears on_gone, and a reply is sent all the same. A body must come at 1 KiB/s once a third of its time is over.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "net/loop.h"
#include "net/tls.h"

typedef struct web_server web_server;
typedef struct web_req web_req;
typedef struct web_stream web_stream;

typedef enum web_method {
	WEB_GET,
	WEB_HEAD,
	WEB_POST,
	WEB_PUT,
	WEB_PATCH,
	WEB_DELETE,
	WEB_OPTIONS,
	WEB_TRACE,
	WEB_QUERY,
	WEB_METHODS
} web_method;
const char *web_method_name(web_method m);

typedef struct web_header {
	str name, value; /* name as sent; compare without case */
} web_header;

typedef struct web_limits {
	int64_t head_bytes_max;          /* 16 KiB */
	int64_t headers_max;             /* 64 */
	int64_t target_bytes_max;        /* 4 KiB */
	int64_t body_bytes_max;          /* 4 MiB: the fuse; routes state smaller ones */
	int64_t bodies_bytes_max;        /* 0: no limit; of long bodies, of all connections together, else 503 */
	int64_t connections_max;         /* 10,000; past it accepting stops until one closes */
	int64_t connections_per_peer;    /* 0: no limit */
	int64_t handshake_timeout_ms;    /* 5,000 */
	int64_t head_timeout_ms;         /* 10,000 from the first byte, or from accept */
	int64_t body_timeout_ms;         /* 30,000 */
	int64_t reply_timeout_ms;        /* 30,000 to take a reply off our hands */
	int64_t idle_timeout_ms;         /* 15,000 between requests */
	int64_t stream_buffer_max;       /* 256 KiB queued bytes: pause above, close when stuck */
	int64_t stream_stuck_timeout_ms; /* 10,000 full without draining */
	int64_t spare_bytes_max; /* 0; of long buffers that no connection needs, kept for the next body or answer */
} web_limits;
extern const web_limits web_limits_default;

/* One request, read-only for the owner except `work`. Everything lives in the arena. */
struct web_req {
	arena *arena;
	web_method method;
	str target; /* as sent */
	str path;   /* without the query; still percent-encoded */
	str query;  /* after '?', absent when there is none */
	const web_header *headers;
	uint32_t n_headers;
	str body;
	const char *peer;            /* address text */
	const tls_peer *tls;         /* NULL on a plain listener */
	int64_t begun_us;            /* monotonic, at the end of the head */
	bool is_gone;                /* the client sends no more; a reply is still tried */
	void *work;                  /* the owner's */
	void (*on_gone)(web_req *r); /* owner may set: called once when the client goes away before the reply */
};

/* The header's value, or STR_NONE. Headers that appear twice are refused when that matters (http1.h), else joined is
 * not done: the first counts. */
str web_header_find(const web_req *r, str name);

typedef struct web_hooks {
	/* Whole request read. */
	void (*on_request)(void *arg, web_req *r);
	/* After the head: the largest body this target takes of that peer (NULL: plain), so that a long body is refused
	 * (413) before it is read. Optional. */
	int64_t (*body_max)(void *arg, web_method m, str path, const tls_peer *tls);
	/* Writes the problem document for an error that the server itself answers (400, 408, 413, 414, 431, 501,
	 * 503);
	 * ret_request_id may name the id to send (header X-Request-Id). Optional: a minimal problem+json is sent
	 * without.
	 */
	void (*on_refused)(void *arg, err e, const char *detail, buf *body, char *ret_request_id, size_t id_max);
	void *arg;
} web_hooks;

/* fd: a listening TCP socket (net/listen.h), owned by the server from here on. tls NULL: plain. */
web_server *web_open(loop *l, int fd, tls_context *tls, const web_limits *limits, const web_hooks *hooks);
/* Stops accepting, lets running requests finish up to grace_ms, then closes; on_done runs at the end. */
void web_drain(web_server *w, int64_t grace_ms, void (*on_done)(void *arg), void *arg);
/* At once. on_gone and on_close run before it returns; requests still out may be answered later, to nobody. */
void web_close(web_server *w);
uint32_t web_connections(const web_server *w);

/* Answers r: status, header lines ("Name: value\r\n" each, may be empty; Content-Length, Date and Connection are added)
 * and the body, copied. One write. r and its arena end here, or after the last byte of the request is no longer needed.
 * HEAD and 304 send no body. */
void web_reply(web_req *r, int status, str headers, str body);

/* The same with a long body that need not be copied: the first WEB_REPLY_ROOM bytes of *body are the server's, for the
 * head, and the answer stands behind them. Its memory goes to the connection; what the connection had in its place is
 * *body then, empty, for the next answer. */
enum { WEB_REPLY_ROOM = 1024 };
void web_reply_whole(web_req *r, int status, str headers, buf *body);

/* Begins a stream (chunked when the client speaks 1.1): the status line and headers leave at once. r and its arena
 * end here. The answer to HEAD has no body: its stream takes nothing and on_close comes in this turn. */
web_stream *web_stream_open(web_req *r, int status, str headers);
/* Queues bytes, all of them unless the stream is full before: it holds at most stream_buffer_max and one write. False
 * when it is now full: stop until on_drain, or closed. A write to a full stream is dropped (and says false), so a
 * producer must respect it. What is written in one turn leaves together. */
bool web_stream_write(web_stream *s, str bytes);
bool web_stream_is_full(const web_stream *s);
/* on_drain: may write again. on_close: the client went away, was stuck, or the server drains; s is gone after it
 * returns. */
void web_stream_on(web_stream *s, void (*on_drain)(void *arg), void (*on_close)(void *arg), void *arg);
void web_stream_end(web_stream *s); /* last chunk; on_close is not called */
