/* slots: a resource's devices as the kubelet counts them: each device as many times as it may be shared.
 *
 * The kubelet knows ids alone: "<short id of the device>-<slot>". They are the same after a restart of ours, or the
 * kubelet would take what runs for lost; and short, since a list of 60,000 has to fit its messages of 4 MiB. Ids are
 * tokens: what a container gets is what its plan says, whichever slots the kubelet took.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"

enum {
	SLOT_ID_MAX = 64,
	SLOTS_MAX = 60000,        /* of one resource */
	SLOT_DEVICE_SLOTS = 4096, /* of one device */
	SLOT_SHORT = 12,          /* characters of a short id */
};

/* A device of the node, as discovery has it. Texts are copied by who keeps it. */
typedef struct slot_device {
	str resource; /* the name that the kubelet counts */
	str uuid;
	int32_t slots; /* how many may share it, at least 1 */
	int32_t numa;  /* -1: unknown */
	bool is_healthy;
} slot_device;

typedef struct slots {
	arena *a;
	slot_device *v;
	uint32_t n;
	uint32_t total;
	char (*short_ids)[SLOT_SHORT + 1];
	map by_short; /* slot_device by short id */
} slots;

/* Those of devices whose resource it is, in their order; what is past SLOTS_MAX is left out. */
void slots_init(slots *s, str resource, const slot_device *devices, uint32_t n);
void slots_done(slots *s);
/* Whether both tell the kubelet the same. */
bool slots_are_same(const slots *a, const slots *b);

/* The device of an id, or NULL: none of ours. */
const slot_device *slots_find(const slots *s, str id);
void slots_print(const slots *s, uint32_t device, int32_t slot, char out[SLOT_ID_MAX]);
/* The ListAndWatch message. */
void slots_write(const slots *s, buf *out);
