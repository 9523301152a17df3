#include "agents/scheduling/sick.h"

#define NVML_UUID "GPU-"
#define NOT_FOUND "its node does not find it"

void sick_done(sick *s)
{
	ills_done(&s->registered);
	ills_done(&s->reported);
}

void sick_drop(sick *s, str node)
{
	ills_drop(&s->registered, node);
	ills_drop(&s->reported, node);
}

static void flag(const sick *s, fleet *f, int32_t device, str node, str uuid)
{
	bool is_ill = ills_of(&s->registered, node, uuid).n || ills_of(&s->reported, node, uuid).n;

	fleet_device_flag(f, device, FLEET_UNHEALTHY, is_ill);
}

void sick_registered(sick *s, fleet *f, int32_t device, str node, str uuid, bool is_healthy)
{
	(void)ills_put(&s->registered, node, uuid, is_healthy ? S("") : S("unhealthy"));
	flag(s, f, device, node, uuid);
}

bool sick_reported(sick *s, fleet *f, int32_t cluster, str node, str uuid, str reason)
{
	int32_t at = fleet_node_find(f, cluster, node), device = fleet_device_find(f, cluster, uuid);

	if (!ills_put(&s->reported, node, uuid, reason))
		return false;
	if (at != FLEET_NONE && device != FLEET_NONE && f->devices.v[device].node == at)
		flag(s, f, device, node, uuid);
	return true;
}

static bool is_named(const strs *uuids, str uuid)
{
	for (uint32_t i = 0; i < uuids->n; i++)
		if (str_eq(uuids->v[i], uuid))
			return true;
	return false;
}

bool sick_finds(sick *s, fleet *f, int32_t cluster, str node, const strs *uuids)
{
	int32_t at = fleet_node_find(f, cluster, node);
	bool is_news = false;

	if (at == FLEET_NONE || !uuids->n)
		return false;
	for (int32_t d = f->nodes.v[at].first_device; d != FLEET_NONE; d = f->devices.v[d].next) {
		str uuid = f->device_uuids.v[d];
		bool was_lost = str_eq(ills_of(&s->reported, node, uuid), S(NOT_FOUND));
		if (str_starts(uuid, S(NVML_UUID)) && was_lost == is_named(uuids, uuid))
			is_news |= sick_reported(s, f, cluster, node, uuid, was_lost ? S("") : S(NOT_FOUND));
	}
	return is_news;
}

str sick_why(const sick *s, str node, str uuid)
{
	return ills_of(&s->reported, node, uuid);
}
