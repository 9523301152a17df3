/* message: the kubelet's protobuf messages, within bounds.
 *
 * A message of a few bytes may stand for much memory (empty items of a list cost two bytes each), so reading has a
 * limit of its own, far from the arena's.
 */
#pragma once
#include <protobuf-c/protobuf-c.h>
#include "base/arena.h"
#include "base/buf.h"

enum { MESSAGE_MEMORY_MAX = 32 << 20 };

/* The message, in a; NULL: it is none of this type, or takes more than MESSAGE_MEMORY_MAX. Never freed alone. */
void *message_read(const ProtobufCMessageDescriptor *type, str bytes, arena *a);
/* Its bytes behind what out has. */
void message_write(const ProtobufCMessage *m, buf *out);

/* The text of a member, which is never absent. */
static inline str message_text(const char *z)
{
	return z ? str_from(z) : S("");
}
