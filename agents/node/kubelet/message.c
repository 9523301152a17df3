#include "agents/node/kubelet/message.h"

enum { BLOCK_OVERHEAD = 16 };

typedef struct bounded {
	arena *a;
	size_t left;
} bounded;

static void *bounded_alloc(void *arg, size_t n)
{
	bounded *b = arg;

	if (n + BLOCK_OVERHEAD > b->left)
		return NULL;
	b->left -= n + BLOCK_OVERHEAD;
	return arena_alloc(b->a, n);
}

static void bounded_free(void *arg, void *p)
{
	(void)arg, (void)p;
}

void *message_read(const ProtobufCMessageDescriptor *type, str bytes, arena *a)
{
	bounded b = {a, MESSAGE_MEMORY_MAX};
	ProtobufCAllocator allocator = {bounded_alloc, bounded_free, &b};

	return protobuf_c_message_unpack(type, &allocator, bytes.n, (const uint8_t *)bytes.p);
}

void message_write(const ProtobufCMessage *m, buf *out)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	char *room = buf_room(out, n);

	if (room)
		out->n += protobuf_c_message_pack(m, (uint8_t *)room);
}
