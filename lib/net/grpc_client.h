/* grpc_client: calls to a service on a unix socket, on the loop.
 *
 * One connection, opened with the first call and again after it broke; calls share it. Every call has a deadline, which
 * the peer is told. on_done runs exactly once, from the loop, or from grpc_client_free.
 */
#pragma once
#include "net/grpc.h"
#include "net/loop.h"

typedef struct grpc_client grpc_client;
typedef struct grpc_ask grpc_ask;

typedef struct grpc_reply {
	grpc_status status; /* GRPC_UNAVAILABLE: nobody answered; GRPC_CANCELLED: taken back, or the client was freed */
	str message;        /* of GRPC_OK; of a stream the last one */
	str text;           /* of the others: for people */
} grpc_reply;

typedef struct grpc_request {
	const char *path;   /* "/v1.PodResourcesLister/List" */
	str message;        /* copied */
	int64_t timeout_us; /* 0: none, for streams alone */
	size_t message_max; /* of the answer; 0: GRPC_MESSAGE_MAX */
	/* A stream: each message, valid during the call, which must not free the client. NULL: exactly one message is
	 * the answer. */
	void (*on_message)(void *arg, str message);
	/* Valid during the call. */
	void (*on_done)(void *arg, const grpc_reply *r);
	void *arg;
} grpc_request;

/* path is copied. */
grpc_client *grpc_client_new(loop *l, const char *path);
void grpc_client_free(grpc_client *c); /* NULL-safe */
grpc_ask *grpc_send(grpc_client *c, const grpc_request *q);
/* on_done comes from the loop. */
void grpc_cancel(grpc_ask *k);
