#include "agents/node/kubelet/slots.h"
#include <stdio.h>
#include "agents/node/kubelet/message.h"
#include "net/digest.h"
#include "proto/deviceplugin.pb-c.h"

enum { SLOTS_ARENA_BYTES = 64 << 20 };

static void short_id(str uuid, uint32_t salt, char out[SLOT_SHORT + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t digest[DIGEST_BYTES];
	char again = (char)salt;
	str parts[] = {uuid, {&again, salt ? 1 : 0}};

	digest_sha256(parts, 2, digest);
	for (uint32_t i = 0; i < SLOT_SHORT; i++)
		out[i] = digits[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
	out[SLOT_SHORT] = 0;
}

/* Two of one short id are one in 10^14 nodes; even then they are told apart. */
static void device_add(slots *s, const slot_device *d)
{
	char *name = s->short_ids[s->n];
	slot_device *mine = &s->v[s->n++];

	*mine = *d;
	mine->uuid = str_dup(s->a, d->uuid);
	mine->resource = str_dup(s->a, d->resource);
	if (mine->slots < 1)
		mine->slots = 1;
	if (mine->slots > SLOT_DEVICE_SLOTS)
		mine->slots = SLOT_DEVICE_SLOTS;
	if (s->total + (uint32_t)mine->slots > SLOTS_MAX)
		mine->slots = (int32_t)(SLOTS_MAX - s->total);
	s->total += (uint32_t)mine->slots;
	for (uint32_t salt = 0; salt == 0 || map_find(&s->by_short, (str){name, SLOT_SHORT}); salt++)
		short_id(d->uuid, salt, name);
	(void)map_put(&s->by_short, (str){name, SLOT_SHORT}, mine);
}

void slots_init(slots *s, str resource, const slot_device *devices, uint32_t n)
{
	*s = (slots){.a = arena_new(SLOTS_ARENA_BYTES)};
	s->v = ARENA_ARRAY(s->a, slot_device, n + 1);
	s->short_ids = arena_alloc(s->a, (size_t)(n + 1) * sizeof(*s->short_ids));
	for (uint32_t i = 0; i < n && s->total < SLOTS_MAX; i++)
		if (str_eq(devices[i].resource, resource))
			device_add(s, &devices[i]);
}

void slots_done(slots *s)
{
	map_done(&s->by_short);
	arena_end(s->a);
	*s = (slots){0};
}

bool slots_are_same(const slots *a, const slots *b)
{
	if (a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++) {
		const slot_device *x = &a->v[i], *y = &b->v[i];
		if (!str_eq(x->uuid, y->uuid) || x->slots != y->slots || x->numa != y->numa ||
			x->is_healthy != y->is_healthy)
			return false;
	}
	return true;
}

const slot_device *slots_find(const slots *s, str id)
{
	const slot_device *d = id.n > SLOT_SHORT + 1 ? map_find(&s->by_short, str_cut(id, 0, SLOT_SHORT)) : NULL;
	uint64_t slot;

	if (!d || id.p[SLOT_SHORT] != '-' || !str_to_u64(str_cut(id, SLOT_SHORT + 1, id.n), &slot))
		return NULL;
	return slot < (uint64_t)d->slots ? d : NULL;
}

void slots_print(const slots *s, uint32_t device, int32_t slot, char out[SLOT_ID_MAX])
{
	(void)snprintf(out, SLOT_ID_MAX, "%s-%d", s->short_ids[device], slot);
}

static V1beta1__TopologyInfo *topology_of(const slot_device *d, arena *a)
{
	V1beta1__TopologyInfo *t = ARENA_NEW(a, V1beta1__TopologyInfo);
	V1beta1__NUMANode *node = ARENA_NEW(a, V1beta1__NUMANode);

	if (d->numa < 0)
		return NULL;
	v1beta1__topology_info__init(t);
	v1beta1__numanode__init(node);
	node->id = d->numa;
	t->nodes = ARENA_ARRAY(a, V1beta1__NUMANode *, 1);
	t->nodes[t->n_nodes++] = node;
	return t;
}

static void device_write(const slots *s, uint32_t at, V1beta1__ListAndWatchResponse *all, arena *a)
{
	V1beta1__TopologyInfo *topology = topology_of(&s->v[at], a);
	V1beta1__Device *v = ARENA_ARRAY(a, V1beta1__Device, s->v[at].slots);

	for (int32_t i = 0; i < s->v[at].slots; i++) {
		v1beta1__device__init(&v[i]);
		v[i].id = arena_alloc(a, SLOT_SHORT + 8);
		(void)snprintf(v[i].id, SLOT_SHORT + 8, "%s-%d", s->short_ids[at], i);
		v[i].health = s->v[at].is_healthy ? "Healthy" : "Unhealthy";
		v[i].topology = topology;
		all->devices[all->n_devices++] = &v[i];
	}
}

void slots_write(const slots *s, buf *out)
{
	AUTO_ARENA a = arena_new(SLOTS_ARENA_BYTES);
	V1beta1__ListAndWatchResponse all;

	v1beta1__list_and_watch_response__init(&all);
	all.devices = ARENA_ARRAY(a, V1beta1__Device *, s->total + 1);
	for (uint32_t i = 0; i < s->n; i++)
		device_write(s, i, &all, a);
	message_write(&all.base, out);
}
