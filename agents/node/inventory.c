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

static const geometry *geometry_by(const vendor *v, const card *c)
{
	const char *cut = vendor_cut_of(v, str_from(c->product));
	class_cut rules;

	return cut && cut_named(str_from(cut), &rules) ? rules.geometry : NULL;
}

const geometry *card_geometry(const card *c)
{
	const vendor *own = vendor_of_product(c->maker, str_from(c->product));
	const geometry *g = own ? geometry_by(own, c) : NULL;

	for (uint32_t i = 0; vendor_at(i) && !g && !own; i++)
		if (strcmp(vendor_at(i)->maker, c->maker) == 0)
			g = geometry_by(vendor_at(i), c);
	return g;
}

static report_device device_item(const card *c, int64_t slots)
{
	const geometry *g = c->is_mig ? card_geometry(c) : NULL;

	return (report_device){
		.uuid = str_from(c->uuid),
		.index = c->index,
		.product = str_from(c->product),
		.memory_mib = c->memory_mib,
		.slots = slots,
		.numa = c->numa,
		.share_mode = c->is_mig ? S("instances") : STR_NONE,
		.geometry = g ? g->name : STR_NONE,
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
