#include "agents/node/inventory.h"
#include "agents/vendors/vendor.h"
#include "engine/cut.h"

const card *card_of_uuid(const cards *all, const char *uuid)
{
	for (uint32_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].uuid, uuid) == 0)
			return &all->v[i];
	return NULL;
}

const card *card_of_any_uuid(const cards *all, const char *uuid)
{
	for (uint32_t i = 0; i < all->n; i++)
		for (uint32_t k = 0; k < all->v[i].n_instances; k++)
			if (strcmp(all->v[i].instances[k].uuid, uuid) == 0)
				return &all->v[i];
	return card_of_uuid(all, uuid);
}

int16_t card_link(const cards *all, uint32_t a, uint32_t b)
{
	uint32_t more = a > b ? a : b, less = a > b ? b : a;

	return a == b ? 0 : all->links[more * (more - 1) / 2 + less];
}

const char *card_state_name(card_state s)
{
	return node_health_states[s];
}

/* The rules by which a device is cut, under its product's name. */
static str geometry_of(const card *c)
{
	for (uint32_t i = 0; vendor_at(i); i++) {
		const vendor *v = vendor_at(i);
		const char *cut = strcmp(v->maker, c->maker) == 0 ? vendor_cut_of(v, str_from(c->product)) : NULL;
		class_cut rules;
		if (cut && cut_named(str_from(cut), &rules) && rules.geometry)
			return rules.geometry->name;
	}
	return STR_NONE;
}

static report_device device_item(const card *c, int64_t slots)
{
	return (report_device){
		.uuid = str_from(c->uuid),
		.index = c->index,
		.product = str_from(c->product),
		.memory_mib = c->memory_mib,
		.slots = slots,
		.numa = c->numa,
		.share_mode = c->is_mig ? S("instances") : STR_NONE,
		.geometry = c->is_mig ? geometry_of(c) : STR_NONE,
		.health = c->state == CARD_OK ? S("ok") : str_from(c->cause[0] ? c->cause : card_state_name(c->state)),
	};
}

node_item cards_inventory_item(const cards *all, int64_t slots, arena *a)
{
	uint32_t pairs = all->n ? all->n * (all->n - 1) / 2 : 0;
	report_device *devices = ARENA_ARRAY(a, report_device, all->n + 1);
	int64_t *weights = ARENA_ARRAY(a, int64_t, pairs + 1);

	for (uint32_t i = 0; i < all->n; i++)
		devices[i] = device_item(&all->v[i], slots);
	for (uint32_t i = 0; i < pairs; i++)
		weights[i] = all->links[i];
	return (node_item){
		.kind = S("inventory"),
		.driver = all->driver[0] ? str_from(all->driver) : STR_NONE,
		.devices = {devices, all->n},
		.links.weights = {weights, pairs},
	};
}

node_item cards_health_item(const cards *all, int64_t began_us, arena *a)
{
	node_health *rows = ARENA_ARRAY(a, node_health, all->n + 1);

	for (uint32_t i = 0; i < all->n; i++) {
		const card *c = &all->v[i];
		rows[i] = (node_health){
			.uuid = str_from(c->uuid),
			.state = str_from(card_state_name(c->state)),
			.cause = c->cause[0] ? str_from(c->cause) : STR_NONE,
			.since.us = began_us + c->since_us,
		};
	}
	return (node_item){.kind = S("health"), .health = {rows, all->n}};
}
