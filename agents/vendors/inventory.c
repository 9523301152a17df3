#include "agents/vendors/inventory.h"
#include "agents/vendors/registration.h"
#include "base/clock.h"

enum { HANDSHAKE_US = 60 * 1000000, STAMP_BYTES = sizeof("2026-08-21 10:00:00") - 1 };

err registration_refuse(fault *f, const char *key, const char *what)
{
	return fault_set(f, ERR_BAD_FIELD, key, "%s", what);
}

static err devices_check(const inventory *all, const char *key, fault *f)
{
	for (uint32_t i = 0; i < all->n; i++) {
		const inventory_device *d = &all->v[i];
		if (!d->uuid.n)
			return registration_refuse(f, key, "a device has no id");
		for (uint32_t k = 0; k < i; k++)
			if (str_eq(all->v[k].uuid, d->uuid))
				return fault_set(f, ERR_BAD_FIELD, key, "device " STR_FMT " is named twice",
					STR_ARG(str_cut(d->uuid, 0, 64)));
		if (d->memory_mib < 0 || d->memory_mib > INT32_MAX || d->slots < 0 || d->slots > INT16_MAX ||
			d->compute < 0 || d->compute > INT32_MAX || d->index < 0 || d->index > INT16_MAX)
			return fault_set(f, ERR_BAD_FIELD, key, "device " STR_FMT " has an amount out of range",
				STR_ARG(str_cut(d->uuid, 0, 64)));
	}
	return ERR_OK;
}

static err told_read(const vendor *k, const inventory_node *node, arena *a, inventory *ret, fault *f)
{
	str text = str_trim(node->annotation(node->arg, k->node.devices));

	if (!text.n)
		return ERR_OK;
	if (text.n > INVENTORY_TEXT_MAX)
		return registration_refuse(f, k->node.devices, "it is too long");
	if (k->node.told == TOLD_AS_CARDS)
		return registration_cards(k, text, a, ret, f);
	if (k->node.told == TOLD_AS_PROFILES)
		return registration_profiles(k, node->name, text, a, ret, f);
	return text.p[0] == '[' ? registration_list(k, text, a, ret, f) : registration_text(k, text, a, ret, f);
}

static int64_t capacity_of(const inventory_node *node, const char *resource)
{
	quantity q;
	int64_t v;

	return resource && node->capacity(node->arg, resource, &q) && quantity_to_i64(q, 0, &v) && v > 0 ? v : 0;
}

static err capacity_read(const vendor *k, const inventory_node *node, arena *a, inventory *ret, fault *f)
{
	const vendor_node *how = &k->node;
	int64_t units = capacity_of(node, how->capacity);
	int64_t memory = how->memory_mib;
	int64_t n = (units + how->per_device - 1) / how->per_device;

	if (!n)
		return ERR_OK;
	if (n > INVENTORY_DEVICES_MAX)
		return registration_refuse(f, how->capacity, "more devices than a node may have");
	if (!memory)
		memory = capacity_of(node, k->resources.memory) * k->memory_unit_mib / n;
	ret->v = ARENA_ARRAY(a, inventory_device, n);
	for (; ret->n < n; ret->n++)
		ret->v[ret->n] = (inventory_device){
			.uuid = str_print(a, STR_FMT "%s%u", STR_ARG(node->name), how->infix, ret->n),
			.product = str_from(k->word),
			.index = ret->n,
			.slots = how->slots,
			.memory_mib = memory,
			.compute = k->compute_whole ? k->compute_whole : 100,
			.numa = how->has_halves && ret->n >= n / 2,
			.is_healthy = true,
		};
	return ERR_OK;
}

err inventory_read(const vendor *k, const inventory_node *node, arena *a, inventory *ret, fault *f)
{
	inventory all = {NULL, 0};
	err e = k->node.told == TOLD_AS_CAPACITY ? capacity_read(k, node, a, &all, f) : told_read(k, node, a, &all, f);

	if (!e)
		e = devices_check(&all, k->node.devices ? k->node.devices : k->node.capacity, f);
	if (!e)
		*ret = all;
	return e;
}

/* "2026-08-21 10:00:00", which is in whoever's local time: plugins and schedulers out there run in UTC. */
static bool stamp_read(str s, int64_t *ret_us)
{
	char text[STAMP_BYTES + 1];

	if (s.n != STAMP_BYTES || s.p[10] != ' ')
		return false;
	memcpy(text, s.p, STAMP_BYTES);
	text[10] = 'T';
	text[STAMP_BYTES] = 'Z';
	return clock_parse(str_of(text, sizeof(text)), ret_us);
}

inventory_pulse inventory_handshake(str value, bool has_allocatable, int64_t now_us)
{
	int64_t at_us;

	if (!str_starts(value, S("Requesting")))
		return (inventory_pulse){.is_alive = true, .wants_request = true};
	(void)str_split(&value, '_');
	if (!value.p || !stamp_read(value, &at_us) || now_us < at_us + HANDSHAKE_US)
		return (inventory_pulse){.is_alive = true};
	return (inventory_pulse){.is_alive = has_allocatable};
}
