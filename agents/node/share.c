#include "agents/node/share.h"
#include <stdio.h>
#include "agents/node/uuid.h"

static err device_check(const share_device *d, fault *f)
{
	err e = ERR_OK;

	if (d->memory_mib < 0 || d->memory_mib > SHARE_MEMORY_MIB_MAX)
		e = fault_set(f, ERR_BAD_FIELD, "memory_mib", "takes 0 to %d", SHARE_MEMORY_MIB_MAX);
	else if (d->compute_milli < 0 || d->compute_milli > LIMITS_WHOLE)
		e = fault_set(f, ERR_BAD_FIELD, "compute_milli", "takes 0 to %d", LIMITS_WHOLE);
	if (e)
		fault_prefix(f, str_from(d->uuid ? d->uuid : ""));
	return e;
}

static err share_check(const share *s, fault *f)
{
	err e = ERR_OK;

	if (s->n < 1 || s->n > LIMITS_DEVICES)
		return fault_set(f, ERR_BAD_FIELD, "devices", "takes 1 to %d devices", LIMITS_DEVICES);
	for (uint32_t d = 0; d < s->n && !e; d++)
		e = device_check(&s->devices[d], f);
	return e;
}

static uint64_t memory_bytes(const share_device *d)
{
	return d->memory_mib ? (uint64_t)d->memory_mib << 20 : LIMITS_NONE;
}

static uint32_t compute_milli(const share_device *d)
{
	return d->compute_milli ? (uint32_t)d->compute_milli : LIMITS_WHOLE;
}

static err path_put(char *out, size_t n, const char *path, fault *f)
{
	if (path && snprintf(out, n, "%s", path) >= (int)n)
		return fault_set(f, ERR_BAD_FIELD, "driver", "the path %s is too long", path);
	return ERR_OK;
}

err share_limits(const share *s, limits *ret, fault *f)
{
	err e = share_check(s, f);

	if (e)
		return e;
	limits_init(ret, s->n);
	for (uint32_t d = 0; d < s->n; d++) {
		uuid_read(str_from(s->devices[d].uuid), ret->devices[d].uuid);
		limits_set_memory(ret, d, memory_bytes(&s->devices[d]));
		limits_set_compute(ret, d, compute_milli(&s->devices[d]));
	}
	limits_set_priority(ret, s->is_low ? LIMITS_LOW : LIMITS_HIGH);
	ret->flags =
		(s->may_borrow ? (uint32_t)LIMITS_LEND : 0) | (s->oversubscribes ? (uint32_t)LIMITS_OVERSUBSCRIBE : 0);
	e = path_put(ret->driver_path, sizeof(ret->driver_path), s->driver, f);
	if (!e)
		e = path_put(ret->nvml_path, sizeof(ret->nvml_path), s->nvml, f);
	limits_seal(ret);
	return e;
}

err share_change(const share *s, limits *l, fault *f)
{
	err e = share_check(s, f);

	if (!e && s->n != l->device_count)
		e = fault_set(f, ERR_CONFLICT, "devices", "it was made with %u devices", l->device_count);
	if (e)
		return e;
	for (uint32_t d = 0; d < s->n; d++) {
		if (atomic_load(&l->devices[d].memory_bytes) != memory_bytes(&s->devices[d]))
			limits_set_memory(l, d, memory_bytes(&s->devices[d]));
		if (atomic_load(&l->devices[d].compute_milli) != compute_milli(&s->devices[d]))
			limits_set_compute(l, d, compute_milli(&s->devices[d]));
	}
	if ((atomic_load(&l->priority) != LIMITS_HIGH) != s->is_low)
		limits_set_priority(l, s->is_low ? LIMITS_LOW : LIMITS_HIGH);
	return ERR_OK;
}
