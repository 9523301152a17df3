#include "agents/vendors/assigned.h"
#include "base/buf.h"

enum { DEVICE_FIELDS_MIN = 4, TEXT_MAX = 256 << 10 };

static err device_read(str text, assigned_device *ret, fault *f)
{
	str fields[DEVICE_FIELDS_MIN];

	for (int i = 0; i < DEVICE_FIELDS_MIN; i++) {
		if (!text.p)
			return fault_set(f, ERR_BAD_FIELD, NULL,
				"pod annotation format error, missing fields, do not use nodeName in task spec");
		fields[i] = str_split(&text, ',');
	}
	*ret = (assigned_device){.uuid = fields[0], .type = fields[1]};
	if (!str_to_i64(fields[2], &ret->memory_mib) || ret->memory_mib < 0 || ret->memory_mib > INT32_MAX)
		return fault_set(f, ERR_BAD_FIELD, NULL, "the memory of a device is no number of MiB: " STR_FMT,
			STR_ARG(str_cut(fields[2], 0, 32)));
	if (!str_to_i64(fields[3], &ret->compute) || ret->compute < 0 || ret->compute > INT32_MAX)
		return fault_set(f, ERR_BAD_FIELD, NULL, "the cores of a device are no number: " STR_FMT,
			STR_ARG(str_cut(fields[3], 0, 32)));
	return ERR_OK;
}

/* An old way to write an empty place: ",,0,0:". */
static bool device_is_filler(const assigned_device *d)
{
	return d->uuid.n == 0 && d->memory_mib == 0 && d->compute == 0;
}

static err container_read(str text, arena *a, assigned_container *ret, fault *f)
{
	assigned_device found[ASSIGNED_DEVICES_MAX];
	uint32_t n = 0;

	while (text.p) {
		str one = str_split(&text, ':');
		if (str_find(one, ',', 0) < 0)
			continue;
		if (n == ASSIGNED_DEVICES_MAX)
			return fault_set(
				f, ERR_BAD_FIELD, NULL, "a container has more than %d devices", ASSIGNED_DEVICES_MAX);
		err e = device_read(one, &found[n], f);
		if (e)
			return e;
		n += !device_is_filler(&found[n]);
	}
	ret->n = n;
	ret->devices = ARENA_ARRAY(a, assigned_device, n);
	if (n)
		memcpy(ret->devices, found, n * sizeof(*found));
	return ERR_OK;
}

err assigned_read(str text, arena *a, assigned *ret, fault *f)
{
	assigned all = {ARENA_ARRAY(a, assigned_container, ASSIGNED_CONTAINERS_MAX), 0};

	if (text.n > TEXT_MAX)
		return fault_set(f, ERR_BAD_FIELD, NULL, "longer than %d bytes", TEXT_MAX);
	if (str_ends(text, S(";")))
		text.n--;
	else if (!text.n)
		text = STR_NONE;
	while (text.p) {
		if (all.n == ASSIGNED_CONTAINERS_MAX)
			return fault_set(f, ERR_BAD_FIELD, NULL, "more than %d containers", ASSIGNED_CONTAINERS_MAX);
		err e = container_read(str_split(&text, ';'), a, &all.containers[all.n++], f);
		if (e)
			return e;
	}
	*ret = all;
	return ERR_OK;
}

static uint32_t n_filled(const assigned *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n; i++)
		n += p->containers[i].n > 0;
	return n;
}

static bool asker_takes(const assigned_asker *q, bool with_init)
{
	return q->count && (with_init || !q->is_init);
}

/* The filled places, in order, to those who asked. False: their numbers differ. */
static bool deal(const assigned *places, const assigned_asker *askers, uint32_t n, bool with_init, assigned *out)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		out->containers[i] = (assigned_container){NULL, 0};
		if (!asker_takes(&askers[i], with_init))
			continue;
		while (at < places->n && !places->containers[at].n)
			at++;
		if (at == places->n || places->containers[at].n != askers[i].count)
			return false;
		out->containers[i] = places->containers[at++];
	}
	while (at < places->n && !places->containers[at].n)
		at++;
	return at == places->n;
}

err assigned_settle(const assigned *places, const assigned_asker *askers, uint32_t n, arena *a, assigned *ret, fault *f)
{
	assigned out = {ARENA_ARRAY(a, assigned_container, n), n};
	uint32_t n_asked = 0;

	for (uint32_t i = 0; i < n; i++)
		n_asked += askers[i].count > 0;
	if (!deal(places, askers, n, true, &out) && !deal(places, askers, n, false, &out))
		return fault_set(f, ERR_CONFLICT, NULL,
			"%u places hold devices, %u containers ask for some, and the numbers of devices do not agree",
			n_filled(places), n_asked);
	*ret = out;
	return ERR_OK;
}

str assigned_print(const assigned *all, arena *a)
{
	buf b;

	buf_init(&b, TEXT_MAX);
	for (uint32_t i = 0; i < all->n; i++) {
		for (uint32_t k = 0; k < all->containers[i].n; k++) {
			const assigned_device *d = &all->containers[i].devices[k];
			buf_printf(&b, STR_FMT "," STR_FMT ",%lld,%lld:", STR_ARG(d->uuid), STR_ARG(d->type),
				(long long)d->memory_mib, (long long)d->compute);
		}
		buf_add_char(&b, ';');
	}
	str text = b.over ? STR_NONE : str_dup(a, buf_str(&b));
	buf_done(&b);
	return text;
}
