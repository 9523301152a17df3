/* grpc_server: services on a unix socket, on the loop.
 *
 * A method is a row. Its handler gets a whole message and answers now or later; a stream is told that its state has
 * changed, and is asked for the latest as soon as the peer takes more: a peer that reads slowly misses states in
 * between and costs one message of memory. A call ends exactly once: by our answer, or by on_gone when the peer takes
 * it back, its deadline passes, or the connection breaks.
 */
#pragma once
#include "net/grpc.h"
#include "net/loop.h"

enum {
	GRPC_CONNECTIONS_MAX = 16,
	GRPC_STREAMS_MAX = 8,     /* streaming calls of one server */
	GRPC_HELD_MAX = 16 << 20, /* bytes of requests that one connection has in parts */
	GRPC_REQUEST_MS = 30000,  /* until a request is whole */
	GRPC_ANSWER_MS = 60000,   /* until we have answered, where the caller names no deadline */
};

typedef struct grpc_server grpc_server;
typedef struct grpc_call grpc_call;

typedef struct grpc_method {
	const char *path; /* "/v1beta1.DevicePlugin/Allocate" */
	/* The handler answers, refuses, or opens a stream, now or later; message is valid until then. */
	void (*on_call)(void *arg, grpc_call *c, str message);
} grpc_method;

typedef struct grpc_service {
	loop *loop;
	const char *path; /* of the socket; made anew, mode 0600; removed at the end */
	const grpc_method *methods;
	uint32_t n;
	void *arg;
	/* The peer's view of us: a connection came (1) or went (-1). Optional. */
	void (*on_connection)(void *arg, int change);
} grpc_service;

/* methods stay valid as long as the server. ERR_IO with a sentence. */
err grpc_server_open(const grpc_service *s, grpc_server **ret, fault *f) MUST_CHECK;
/* Calls under way are told on_gone. NULL-safe. */
void grpc_server_close(grpc_server *s);
/* Whether the socket's path still leads to us: others may have removed it. */
bool grpc_server_is_reachable(const grpc_server *s);

/* Who keeps a call beyond its handler says how it learns that the call is no more. */
void grpc_call_on_gone(grpc_call *c, void (*on_gone)(void *arg, grpc_call *c), void *arg);
/* One message and the end. The call is then no more. */
void grpc_answer(grpc_call *c, str message);
/* Not GRPC_OK, and a sentence for people. The call is then no more. */
void grpc_refuse(grpc_call *c, grpc_status status, const char *text);
/* The answer is a stream: on_fill puts the latest message into out, first at once. on_gone as above. */
void grpc_stream_open(grpc_call *c, void (*on_fill)(void *arg, grpc_call *c, buf *out),
	void (*on_gone)(void *arg, grpc_call *c), void *arg);
void grpc_stream_changed(grpc_call *c);
