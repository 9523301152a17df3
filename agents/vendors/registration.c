#include "agents/vendors/registration.h"
#include "json/js.h"

/* Rows of annotations. All may be left out: a false or a 0 is. */
typedef struct told_place {
	int64_t start, size;
} told_place;
#define F(...) JS_FIELD(told_place, __VA_ARGS__)
static const js_field told_place_fields[] = {
	F(start, JS_OPTIONAL, "First slice."),
	F(size, JS_OPTIONAL, "Slices."),
};
#undef F
static JS_TYPE(told_place, "Where an instance may stand.");

typedef struct told_profile {
	str name;
	int64_t memory, core, slices;
	js_list places;
} told_profile;
#define F(...) JS_FIELD_AS(told_profile, __VA_ARGS__)
static const js_field told_profile_fields[] = {
	F(name, "name", JS_OPTIONAL, "Profile."),
	F(memory, "memoryMB", JS_OPTIONAL, "MiB."),
	F(core, "core", JS_OPTIONAL, "Share of compute."),
	F(slices, "sliceCount", JS_OPTIONAL, "Slices of compute."),
	F(places, "placements", JS_OPTIONAL, "Legal places.", JS_OF(told_place)),
};
#undef F
static JS_TYPE(told_profile, "A way to cut a device.");

typedef struct told_device {
	str id, type, mode;
	int64_t index, count, memory, core, numa;
	bool health;
	js_list profiles;
} told_device;
#define F(...) JS_FIELD_AS(told_device, __VA_ARGS__)
static const js_field told_device_fields[] = {
	F(id, "id", JS_OPTIONAL, "Name of the device."),
	F(type, "type", JS_OPTIONAL, "Product."),
	F(mode, "mode", JS_OPTIONAL, "How it is shared."),
	F(index, "index", JS_OPTIONAL, "Number on the node."),
	F(count, "count", JS_OPTIONAL, "Sharers at most."),
	F(memory, "devmem", JS_OPTIONAL, "MiB."),
	F(core, "devcore", JS_OPTIONAL, "Compute."),
	F(numa, "numa", JS_OPTIONAL, "NUMA node."),
	F(health, "health", JS_OPTIONAL, "Whether it works."),
	F(profiles, "migProfiles", JS_OPTIONAL, "Ways to cut it.", JS_OF(told_profile)),
};
#undef F
static JS_TYPE(told_device, "A device as HAMi's plugins tell it.");

typedef struct told_card {
	str uuid, model;
	int64_t slots, compute, memory, numa;
	bool healthy;
} told_card;
#define F(...) JS_FIELD_AS(told_card, __VA_ARGS__)
static const js_field told_card_fields[] = {
	F(uuid, "uuid", JS_OPTIONAL, "Name of the device."),
	F(model, "model", JS_OPTIONAL, "Product."),
	F(slots, "totalDevCount", JS_OPTIONAL, "Sharers at most."),
	F(compute, "totalCompute", JS_OPTIONAL, "Compute."),
	F(memory, "totalVRam", JS_OPTIONAL, "MiB."),
	F(numa, "numa", JS_OPTIONAL, "NUMA node."),
	F(healthy, "healthy", JS_OPTIONAL, "Whether it works."),
};
#undef F
static JS_TYPE(told_card, "A device with totals and what is free.");

typedef struct told {
	js_list devices, cards;
} told;
#define F(...) JS_FIELD(told, __VA_ARGS__)
static const js_field told_fields[] = {
	F(devices, JS_OPTIONAL, "Devices.", JS_OF(told_device)),
	F(cards, JS_OPTIONAL, "Devices.", JS_OF(told_card)),
};
#undef F
static JS_TYPE(told, "The list of an annotation.");

/* The annotation is a bare array; fields that newer plugins add are passed over. */
static err told_list(const vendor *k, const char *member, str text, arena *a, told *ret, fault *f)
{
	str whole = str_print(a, "{\"%s\":" STR_FMT "}", member, STR_ARG(text));
	fault why = {0};

	if (js_read_output(&told_type, whole, a, ret, &why))
		return fault_set(f, ERR_BAD_FIELD, k->node.devices, "%s %s", why.pointer, why.detail);
	if (ret->devices.n > INVENTORY_DEVICES_MAX || ret->cards.n > INVENTORY_DEVICES_MAX)
		return registration_refuse(f, k->node.devices, "more devices than a node may have");
	return ERR_OK;
}

static void profiles_take(const told_device *from, arena *a, inventory_device *d)
{
	const told_profile *p = from->profiles.v;
	uint32_t n = from->profiles.n < INVENTORY_PROFILES_MAX ? from->profiles.n : INVENTORY_PROFILES_MAX;
	inventory_profile *out = ARENA_ARRAY(a, inventory_profile, n);

	for (uint32_t i = 0; i < n; i++) {
		const told_place *at = p[i].places.v;
		out[i] = (inventory_profile){
			.name = p[i].name, .memory_mib = p[i].memory, .compute = p[i].core, .slices = p[i].slices};
		for (; out[i].n_places < p[i].places.n && out[i].n_places < INVENTORY_PLACES_MAX; out[i].n_places++) {
			out[i].places[out[i].n_places].start = at[out[i].n_places].start;
			out[i].places[out[i].n_places].size = at[out[i].n_places].size;
		}
	}
	d->profiles = out;
	d->n_profiles = n;
}

err registration_list(const vendor *k, str text, arena *a, inventory *ret, fault *f)
{
	told all;
	err e = told_list(k, "devices", text, a, &all, f);
	const told_device *from = all.devices.v;

	if (e)
		return e;
	ret->v = ARENA_ARRAY(a, inventory_device, all.devices.n);
	for (; ret->n < all.devices.n; ret->n++, from++) {
		ret->v[ret->n] = (inventory_device){
			.uuid = from->id,
			.product = from->type,
			.mode = from->mode,
			.index = from->index,
			.slots = from->count,
			.memory_mib = from->memory,
			.compute = from->core,
			.numa = from->numa,
			.is_healthy = from->health,
		};
		profiles_take(from, a, &ret->v[ret->n]);
	}
	return ERR_OK;
}

err registration_cards(const vendor *k, str text, arena *a, inventory *ret, fault *f)
{
	told all;
	err e = told_list(k, "cards", text, a, &all, f);
	const told_card *from = all.cards.v;

	if (e)
		return e;
	ret->v = ARENA_ARRAY(a, inventory_device, all.cards.n);
	for (; ret->n < all.cards.n; ret->n++, from++)
		ret->v[ret->n] = (inventory_device){
			.uuid = from->uuid,
			.product = from->model,
			.index = ret->n,
			.slots = from->slots,
			.memory_mib = from->memory,
			.compute = from->compute,
			.numa = from->numa,
			.is_healthy = from->healthy,
		};
	return ERR_OK;
}
