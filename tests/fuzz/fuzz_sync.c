/* A sync answer of whatever bytes, followed by an agent's book: the rules must hold whatever a server says. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include "agents/cluster/apply.h"

static void book_load(book *b)
{
	report_device devices[2] = {
		{.uuid = S("GPU-n1-0"), .class = S("h100"), .memory_mib = 80000},
		{.uuid = S("GPU-n1-1"), .class = S("h100"), .memory_mib = 80000, .index = 1},
	};
	report_node n = {
		.name = S("n1"), .cpu_milli = 64000, .memory_mib = 500000, .pods = 110, .devices = {devices, 2}};

	book_init(b);
	book_node_put(b, &n);
}

static void book_check(const book *b)
{
	int64_t booked = 0, used = 0;

	map_each (slot, &b->by_id) {
		const holding *h = slot->value;
		assert(h->is_booked == lifecycle_is_booked(h->state));
		for (uint32_t i = 0; i < h->plan.devices.n; i++)
			booked += h->plan.devices.v[i].memory_mib;
	}
	for (uint32_t i = 0; i < b->fleet.devices.n; i++) {
		used += b->fleet.devices.v[i].used_memory_mib;
		assert(!fleet_device_is_over(&b->fleet, (int32_t)i));
	}
	assert(booked == used);
}

static void change_take(book *b, const sync_change *c, arena *a)
{
	placement p;
	deed d;

	if (js_read_output(&placement_type, c->placement.json, a, &p, NULL))
		return;
	if (apply_change(b, c->action, &p, c->rev, &d, NULL))
		return;
	if (d.kind == DEED_FORGET)
		book_drop(b, d.h);
	/* Every other placement that starts ends at once, so that orders meet all states. */
	if (d.kind == DEED_START && c->rev % 2)
		(void)apply_phase(
			b, &(cluster_pods){.id = p.id, .fence = p.fence, .phase = CLUSTER_DONE, .at_us = c->rev});
	book_check(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO_ARENA a = arena_new((size_t)256 << 20);
	sync_answer s;
	book b;

	if (n > 1 << 20 || js_read_output(&sync_answer_type, str_of((const char *)data, n), a, &s, NULL))
		return 0;
	book_load(&b);
	for (uint32_t i = 0; i < s.changes.n; i++)
		change_take(&b, &((const sync_change *)s.changes.v)[i], a);
	book_done(&b);
	return 0;
}
