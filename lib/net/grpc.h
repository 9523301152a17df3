/* grpc: what both sides of a gRPC call share (grpc/doc/PROTOCOL-HTTP2.md): statuses, messages in a stream of bytes,
 * deadlines and texts in headers.
 *
 * Messages are not compressed: we say that we take none, and one that is is refused.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

typedef enum grpc_status {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_NOT_FOUND = 5,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_ABORTED = 10,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_STATUS_MAX = 16,
} grpc_status;

enum {
	GRPC_PREFIX = 5,             /* bytes in front of each message: is it compressed, its length */
	GRPC_MESSAGE_MAX = 16 << 20, /* of an answer, unless the caller says another */
	GRPC_REQUEST_MAX = 4 << 20,  /* as other servers have it */
	GRPC_TEXT_MAX = 1024,        /* of what goes with a status */
};

/* The message at the head of bytes. GRPC_PART: not all of it is there yet. GRPC_REFUSED: *ret_status says why. */
typedef enum grpc_part { GRPC_PART, GRPC_WHOLE, GRPC_REFUSED } grpc_part;
grpc_part grpc_message_read(str bytes, size_t max, str *ret_message, grpc_status *ret_status);
/* The prefix of a message of n bytes. */
void grpc_prefix(uint8_t out[GRPC_PREFIX], size_t n);

/* "100m": at most 8 digits and a unit, as micro-seconds. */
bool grpc_timeout_read(str text, int64_t *ret_us);
str grpc_timeout_print(int64_t us, arena *a);

/* A status's text, percent-encoded but for visible ASCII; cut at GRPC_TEXT_MAX. Reading takes whatever comes. */
str grpc_text_print(str text, arena *a);
str grpc_text_read(str text, arena *a);
