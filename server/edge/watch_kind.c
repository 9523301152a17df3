#include "server/edge/watch_kind.h"

/* Whoever holds it at a tenant sees what happens there. */
static const right kind_rights[WATCH_KINDS] = {
	[WATCH_TENANT] = RIGHT_TENANT_READ,
	[WATCH_QUOTA] = RIGHT_QUOTA_READ,
	[WATCH_BUDGET] = RIGHT_QUOTA_READ,
	[WATCH_CLUSTER] = RIGHT_INVENTORY_READ,
	[WATCH_DEVICE_CLASS] = RIGHT_INVENTORY_READ,
	[WATCH_TOKEN] = RIGHT_TOKEN_READ,
	[WATCH_BINDING] = RIGHT_BINDING_READ,
	[WATCH_PLACEMENT] = RIGHT_PLACEMENT_READ,
	[WATCH_RESERVATION] = RIGHT_PLACEMENT_READ,
	[WATCH_RAISE] = RIGHT_QUOTA_READ,
	[WATCH_POLICY] = RIGHT_POLICY_READ,
	[WATCH_PRIORITY] = RIGHT_PLACEMENT_READ,
	[WATCH_TRUST] = RIGHT_TRUST_READ,
};

const char *const watch_kind_names[WATCH_KINDS] = {
	[WATCH_TENANT] = "tenant",
	[WATCH_QUOTA] = "quota",
	[WATCH_BUDGET] = "budget",
	[WATCH_CLUSTER] = "cluster",
	[WATCH_DEVICE_CLASS] = "device_class",
	[WATCH_TOKEN] = "token",
	[WATCH_BINDING] = "binding",
	[WATCH_PLACEMENT] = "placement",
	[WATCH_RESERVATION] = "reservation",
	[WATCH_RAISE] = "quota_request",
	[WATCH_POLICY] = "policy",
	[WATCH_PRIORITY] = "priority",
	[WATCH_TRUST] = "trust",
};

int watch_kind_find(str name)
{
	for (int k = 0; k < WATCH_KINDS; k++)
		if (str_eq(name, str_from(watch_kind_names[k])))
			return k;
	return -1;
}

right watch_kind_right(watch_kind kind)
{
	return kind_rights[kind];
}
