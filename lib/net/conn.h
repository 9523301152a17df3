/* conn: one accepted connection, from handshake to close. The server's own; other rooms see web.h.
 *
 *   HANDSHAKE -> HEAD -> BODY -> BUSY -> REPLY -> IDLE -> HEAD ...
 *                                  \-> STREAM -> REPLY            any -> LINGER -> CLOSED
 *
 * conn_enter is the only way from one state to the next; each state has one deadline (a row of a table) and says
 * whether the socket is read. conn_close is idempotent. The memory stays until nobody holds the connection: an owner
 * that still works on its request, a pump on the stack, a deferred call.
 *
 * Input is read into a block that the connection has only while it needs one; the spans of a request point into it.
 * Output that the socket does not take at once waits in `out`.
 */
#pragma once
#include "base/map.h"
#include "base/vec.h"
#include "net/http1.h"
#include "net/wheel.h"
#include "net/wire.h"

typedef enum conn_state {
	CONN_HANDSHAKE,
	CONN_HEAD, /* no, or a part of a head */
	CONN_BODY,
	CONN_BUSY,  /* the owner works on the request */
	CONN_REPLY, /* answered; not all is off our hands */
	CONN_STREAM,
	CONN_IDLE,   /* between requests, nothing read */
	CONN_LINGER, /* we have said our last; the peer may still be sending */
	CONN_CLOSED,
	CONN_STATES
} conn_state;

enum {
	BLOCK_SPARE_BYTES = 4096, /* beyond the longest head: small bodies, pipelined requests */
	BODY_PIECE_MIN = 4096,    /* least and most that is read of a long body at once */
	BODY_PIECE_MAX = 65536,
	BODY_BYTES_PER_S_MIN = 1024, /* a body slower than this is not waited for */
	PIPELINE_OUT_MAX = 65536,    /* no further request is begun while this much waits to be sent */
	OUT_GATHER_MIN = 32768,      /* more than this is sent in large packets */
	BODY_PIECES = 32,            /* of a long body, read in one turn of the loop */
	OUT_BYTES_MAX = 1 << 30,
	LINGER_BYTES_MAX = 1 << 20,
	LINGER_TIMEOUT_MS = 2000,
	ADDRESS_TEXT_MAX = 46,
};

typedef struct conn conn;

struct web_stream {
	void (*on_drain)(void *arg);
	void (*on_close)(void *arg);
	void *arg;
	bool is_open, is_full, is_chunked, is_silent; /* silent: the answer to HEAD */
};

struct conn {
	web_server *server;
	conn *next, *prev; /* of all, or in the free list by next */
	wire wire;
	loop_watch *watch;
	conn_state state;
	uint16_t holds;
	bool is_last; /* closes after the present reply */
	bool is_ended, is_pumping, is_broken, is_late, wants_write, has_request;
	wheel_item deadline;
	char *block;          /* headers, then bytes */
	uint32_t in_at, in_n; /* the present message begins, what was read ends */
	uint32_t raw_at;      /* next unread byte behind the head */
	http1_head head;
	http1_chunks chunks;
	buf body;            /* of a body that does not fit the block */
	uint64_t body_bytes; /* received */
	int64_t body_max, body_begun_us;
	buf out;
	size_t out_at;
	size_t discarded;
	web_req req;
	web_stream stream;
	tls_peer *peer_cert;
	uint64_t peer_key;
	char peer[ADDRESS_TEXT_MAX];
};

struct web_server {
	loop *loop;
	tls_context *tls;
	web_limits limits;
	web_hooks hooks;
	int fd;
	loop_watch *watch;
	loop_timer *tick;
	wheel wheel;
	int64_t now_us;          /* of the last look at the clock: right to one tick */
	int64_t resume_us;       /* accepting pauses until then; 0: it does not */
	conn all;                /* head of the list of open connections */
	uint32_t n_open, n_kept; /* n_kept: whoever needs this memory: connections, calls on the stack */
	int64_t bodies_bytes;    /* of long bodies, read or being read */
	int64_t spare_bytes;     /* of the long ones among spare_bufs */
	map peers;               /* open connections by peer_key */
	bool is_closed, is_draining, is_drained, is_awake;
	void (*on_drained)(void *arg);
	void *drained_arg;
	loop_timer *grace;
	conn *spare_conns;
	vec(char *) spare_blocks;
	vec(buf) spare_bufs;
	uint32_t n_spare_conns;
	char date[40]; /* "Date: ...\r\n" */
	uint32_t date_n;
	int64_t date_s;
};

/* conn.c */
void conn_open(web_server *w, int fd, const char *peer, uint64_t peer_key);
void conn_enter(conn *c, conn_state s);
void conn_close(conn *c); /* from the loop only: may call on_gone and on_close */
void conn_due(conn *c);   /* its deadline passed */
void conn_hold(conn *c);
void conn_unhold(conn *c);
/* Sends what waits. False when the connection broke. */
bool conn_send(conn *c);
/* Sends, and does what follows once all is sent. From the loop only. */
void conn_flush(conn *c);
/* conn_flush and conn_pump, or the close of a broken one, in this turn but from the loop. */
void conn_later(conn *c);
size_t conn_waiting(const conn *c); /* bytes not sent */
buf *conn_out(conn *c);             /* to append to */

static inline char *conn_bytes(const conn *c)
{
	return c->block + (size_t)c->server->limits.headers_max * sizeof(web_header);
}

static inline uint32_t conn_bytes_max(const web_server *w)
{
	return (uint32_t)w->limits.head_bytes_max + BLOCK_SPARE_BYTES;
}

/* message.c: from bytes to requests. */
void conn_pump(conn *c);              /* parses and dispatches what was read, in HEAD, BODY and IDLE */
ssize_t conn_read(conn *c);           /* one read, with the results of wire_read */
bool conn_may_read(const conn *c);    /* there is room for more input */
size_t conn_body_left(const conn *c); /* of a long body of known length that is being read; else 0 */
void conn_request_end(conn *c);       /* the answer is queued: the request's memory goes */
void conn_body_end(conn *c);          /* a long body's memory goes */

/* reply.c */
/* Refuses what is being read; the connection closes after the answer. */
void conn_refuse(conn *c, err e, const char *detail);
/* length < 0: not stated. Appends a status line and headers to out. */
void reply_head(conn *c, int status, str headers, int64_t length, bool is_chunked);

/* stream.c */
void stream_drained(conn *c); /* after a flush */
void stream_closed(conn *c);  /* the connection closed beneath it */
void stream_finish(conn *c);  /* ended by the server: on_close, last chunk */

/* web.c */
void server_left(conn *c);  /* c is closed: counts, list, accepting */
void server_freed(conn *c); /* nobody holds c any more */
char *server_block(web_server *w);
void server_block_back(web_server *w, char *block);
void server_buf(web_server *w, buf *b);
void server_buf_back(web_server *w, buf *b);
int64_t server_now_us(web_server *w);
