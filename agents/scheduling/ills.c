#include "agents/scheduling/ills.h"
#include <assert.h>
#include <stdlib.h>

typedef struct ill {
	str uuid, reason;
	char text[];
} ill;

typedef struct ill_node {
	map devices;
	char name[];
} ill_node;

static void node_free(ill_node *n)
{
	map_each (slot, &n->devices)
		free(slot->value);
	map_done(&n->devices);
	free(n);
}

void ills_done(ills *all)
{
	map_each (slot, &all->by_node)
		node_free(slot->value);
	map_done(&all->by_node);
}

static ill_node *node_put(ills *all, str name)
{
	ill_node *n = map_find(&all->by_node, name);

	if (n)
		return n;
	n = calloc(1, sizeof(*n) + name.n + 1);
	assert(n);
	memcpy(n->name, name.p, name.n);
	(void)map_put(&all->by_node, str_of(n->name, name.n), n);
	return n;
}

static void ill_add(ill_node *n, str uuid, str reason)
{
	ill *i = calloc(1, sizeof(*i) + uuid.n + reason.n);

	assert(i);
	memcpy(i->text, uuid.p, uuid.n);
	memcpy(i->text + uuid.n, reason.p, reason.n);
	i->uuid = str_of(i->text, uuid.n);
	i->reason = str_of(i->text + uuid.n, reason.n);
	(void)map_put(&n->devices, i->uuid, i);
}

bool ills_put(ills *all, str node, str uuid, str reason)
{
	reason = str_cut(reason, 0, ILLS_REASON_MAX);
	if (!node.n || !uuid.n || uuid.n > ILLS_UUID_MAX || str_eq(ills_of(all, node, uuid), reason))
		return false;
	ill_node *n = node_put(all, node);
	free(map_remove(&n->devices, uuid));
	if (reason.n && n->devices.n == ILLS_NODE_MAX)
		return false;
	if (reason.n)
		ill_add(n, uuid, reason);
	if (!n->devices.n)
		ills_drop(all, node);
	return true;
}

void ills_drop(ills *all, str node)
{
	ill_node *n = map_remove(&all->by_node, node);

	if (n)
		node_free(n);
}

str ills_of(const ills *all, str node, str uuid)
{
	const ill_node *n = map_find(&all->by_node, node);
	const ill *i = n ? map_find(&n->devices, uuid) : NULL;

	return i ? i->reason : STR_NONE;
}
