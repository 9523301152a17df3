#include "agents/vendors/registration.h"

/* The older text: a device is comma fields and ":".
 *
 *   7 fields   id,count,MiB,cores,type,numa,health
 *   9 fields   the same, then index,mode
 *   5, 6       id,count,MiB,type,health[,mode]: the plugin made for Volcano
 */
enum { FIELDS_MAX = 9 };

static uint32_t fields_split(str text, str out[FIELDS_MAX])
{
	uint32_t n = 0;

	for (; text.p && n < FIELDS_MAX; n++)
		out[n] = str_split(&text, ',');
	return text.p ? 0 : n;
}

/* What Go takes for a bool. */
static bool bool_read(str s, bool *ret)
{
	static const char *const yes[] = {"true", "True", "TRUE", "t", "T", "1"};
	static const char *const no[] = {"false", "False", "FALSE", "f", "F", "0"};

	for (uint32_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (!str_eq(s, str_from(yes[i])) && !str_eq(s, str_from(no[i])))
			continue;
		*ret = str_eq(s, str_from(yes[i]));
		return true;
	}
	return false;
}

static bool device_long(const str *v, uint32_t n, inventory_device *d)
{
	*d = (inventory_device){.uuid = v[0], .product = v[4], .mode = n == 9 ? v[8] : S("hami-core")};
	return str_to_i64(v[1], &d->slots) && str_to_i64(v[2], &d->memory_mib) && str_to_i64(v[3], &d->compute) &&
	       str_to_i64(v[5], &d->numa) && bool_read(v[6], &d->is_healthy) && (n == 7 || str_to_i64(v[7], &d->index));
}

static bool device_short(const str *v, uint32_t n, inventory_device *d)
{
	*d = (inventory_device){.uuid = v[0], .product = v[3], .compute = 100, .mode = n == 6 ? v[5] : S("hami-core")};
	return str_to_i64(v[1], &d->slots) && str_to_i64(v[2], &d->memory_mib) && bool_read(v[4], &d->is_healthy);
}

static bool device_read(str text, uint32_t at, inventory_device *d)
{
	str v[FIELDS_MAX];
	uint32_t n = fields_split(text, v);

	if (n == 5 || n == 6) {
		if (!device_short(v, n, d))
			return false;
		d->index = at;
		return true;
	}
	return (n == 7 || n == 9) && device_long(v, n, d);
}

err registration_text(const vendor *k, str text, arena *a, inventory *ret, fault *f)
{
	if (str_find(text, ':', 0) < 0)
		return registration_refuse(f, k->node.devices, "it is neither a list nor ends a device with a colon");
	ret->v = ARENA_ARRAY(a, inventory_device, INVENTORY_DEVICES_MAX);
	while (text.p) {
		str one = str_split(&text, ':');
		if (!one.n)
			continue;
		if (ret->n == INVENTORY_DEVICES_MAX)
			return registration_refuse(f, k->node.devices, "more devices than a node may have");
		if (!device_read(one, ret->n, &ret->v[ret->n]))
			return fault_set(f, ERR_BAD_FIELD, k->node.devices, "device %u cannot be read: " STR_FMT,
				ret->n, STR_ARG(str_cut(one, 0, 96)));
		ret->n++;
	}
	return ERR_OK;
}
