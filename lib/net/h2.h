/* h2: one HTTP/2 connection over a socket, either side (RFC 9113); its frames are nghttp2's work.
 *
 * For grpc_*.c alone. Streams, their headers and their bytes come by hooks, from the loop. What is to be sent waits in
 * its stream and leaves as the peer's window lets it; while the socket takes nothing, nothing is read either, so that a
 * peer that only sends cannot make us keep anything. Frames that break the protocol end the stream or the connection.
 *
 * Some kubelets send a path as :authority, which is none, so messages are not checked beyond the frames:
 * what reads the headers decides.
 */
#pragma once
#include "base/buf.h"
#include "net/loop.h"

enum {
	H2_STREAMS_MAX = 100,
	H2_HEADERS_MAX = 16 << 10, /* bytes of the headers of one message */
	H2_BEGIN_MS = 10000,       /* until the peer's preface and settings have come */
	H2_TRAILERS_MAX = 2,
	H2_RESETS_MAX = 1000, /* streams that a peer may open and reset in a connection's minute */
};

typedef struct h2 h2;
typedef struct h2_stream h2_stream;

typedef struct h2_pair {
	str name, value;
} h2_pair;

/* From the loop, never from within a call below but h2_close. */
typedef struct h2_hooks {
	void (*on_header)(void *arg, h2_stream *s, str name, str value);
	void (*on_head)(void *arg, h2_stream *s); /* a block of headers is whole */
	void (*on_data)(void *arg, h2_stream *s, str bytes);
	void (*on_end)(void *arg, h2_stream *s);  /* the peer sends no more on it */
	void (*on_sent)(void *arg, h2_stream *s); /* all that was to be sent so far has left */
	void (*on_gone)(void *arg, h2_stream *s); /* the last of a stream; also when the connection breaks */
	void (*on_closed)(void *arg);             /* the last of all; the owner closes */
} h2_hooks;

/* Takes fd. hooks stays valid as long as the connection. */
h2 *h2_open(loop *l, int fd, bool is_server, const h2_hooks *hooks, void *arg);
/* Streams that are left are told on_gone, from within; then no hook is called any more. The memory goes with the loop's
   next round, so the loop outlives it. NULL-safe. */
void h2_close(h2 *h);
/* New streams are no longer taken; on_closed follows when the present ones are over. */
void h2_drain(h2 *h);
uint32_t h2_count(const h2 *h); /* streams there are */

void h2_own(h2_stream *s, void *owner);
void *h2_owner(const h2_stream *s);

/* A client's request; more may follow by h2_send. NULL: the connection takes no more of them. */
h2_stream *h2_request(h2 *h, const h2_pair *head, uint32_t n, void *owner);
/* A server's headers. is_all: nothing follows them. */
void h2_respond(h2_stream *s, const h2_pair *head, uint32_t n, bool is_all);
/* More bytes. */
void h2_send(h2_stream *s, str bytes);
/* Asks for on_sent as soon as the peer may be sent more. */
void h2_wake(h2_stream *s);
/* Bytes that were added and have not left. */
size_t h2_waiting(const h2_stream *s);
/* Within on_sent: where more bytes may be put, in the place of h2_send. */
buf *h2_room(h2_stream *s);
/* Nothing follows but these trailers, at most H2_TRAILERS_MAX; copied. */
void h2_finish(h2_stream *s, const h2_pair *trailers, uint32_t n);
/* Ends the stream at once (RFC 9113, section 7 has the codes). */
void h2_reset(h2_stream *s, uint32_t code);
