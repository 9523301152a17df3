#include "agents/node/asked.h"
#include "agents/node/uuid.h"

/* A name of a device, or nothing where it is a number: then the program sees that device alone, as its first. */
static err device_of(const asked *a, bool *ret_is_all, const char **ret_uuid, fault *f)
{
	uint8_t uuid[UUID_BYTES];
	int64_t index;

	*ret_is_all = !a->device;
	*ret_uuid = NULL;
	if (!a->device || (str_to_i64(str_from(a->device), &index) && index >= 0 && index < 1024))
		return ERR_OK;
	*ret_uuid = a->device;
	if (!uuid_read(str_from(a->device), uuid))
		return fault_set(
			f, ERR_SETTING, "--device", "takes an index or a UUID (GPU-...), not \"%s\"", a->device);
	return ERR_OK;
}

static err share_of(const asked *a, share *ret, fault *f)
{
	const char *uuid;
	bool is_all;
	str priority = str_from(a->priority);

	if (!str_eq(priority, S("high")) && !str_eq(priority, S("low")))
		return fault_set(f, ERR_SETTING, "--priority", "takes high or low, not \"%s\"", a->priority);
	err e = device_of(a, &is_all, &uuid, f);
	if (e)
		return e;
	*ret = (share){
		.n = is_all ? LIMITS_DEVICES : 1,
		.is_low = str_eq(priority, S("low")),
		.may_borrow = a->lend,
		.oversubscribes = a->oversubscribe,
		.driver = a->driver,
		.nvml = a->nvml,
	};
	for (uint32_t d = 0; d < ret->n; d++)
		ret->devices[d] = (share_device){uuid, a->memory_mib, a->compute_milli};
	return ERR_OK;
}

err asked_limits(const asked *a, limits *ret, fault *f)
{
	share s;
	err e = share_of(a, &s, f);

	return e ? e : share_limits(&s, ret, f);
}

err asked_change(const asked *a, limits *l, fault *f)
{
	share s;
	err e = share_of(a, &s, f);

	if (e)
		return e;
	s.n = l->device_count;
	for (uint32_t d = 0; d < s.n; d++)
		s.devices[d] = (share_device){NULL, a->memory_mib, a->compute_milli};
	return share_change(&s, l, f);
}
