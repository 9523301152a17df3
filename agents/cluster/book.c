#include "agents/cluster/book.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "engine/fit.h"

enum { CLASS_NAME_MAX = 256 };

void book_init(book *b)
{
	*b = (book){0};
	fleet_init(&b->fleet);
	b->cluster = fleet_cluster_put(&b->fleet, S("here"));
}

static void holding_free(holding *h)
{
	plan_done(&h->plan);
	free(h->pod);
	free(h);
}

void book_done(book *b)
{
	map_each (slot, &b->by_id)
		holding_free(slot->value);
	map_done(&b->by_id);
	fleet_done(&b->fleet);
}

static bool is_healthy(str health)
{
	return !health.n || str_eq(health, S("ok"));
}

static int32_t amount_32(int64_t v)
{
	return v < 0 ? 0 : v > INT32_MAX ? INT32_MAX : (int32_t)v;
}

/* A device without a class bears its product's name: classes here only keep unlike devices apart, and those that are
 * cut in another way are unlike. */
static int32_t class_put(book *b, const report_device *d)
{
	char name[CLASS_NAME_MAX];
	str class = d->class.n ? d->class : d->product;
	bool is_cut = d->geometry.n && str_eq(d->share_mode, S("instances"));
	class_cut cut = {.geometry = is_cut ? geometry_find(d->geometry) : NULL};

	if (!cut.geometry)
		return fleet_class_put(&b->fleet, class);
	int n = snprintf(name, sizeof(name), STR_FMT " " STR_FMT, STR_ARG(class), STR_ARG(cut.geometry->name));
	int32_t class_id =
		fleet_class_put(&b->fleet, str_of(name, n < CLASS_NAME_MAX ? (size_t)n : CLASS_NAME_MAX - 1));
	if (class_id != FLEET_NONE && b->fleet.classes.v[class_id].cut.geometry != cut.geometry)
		fleet_class_cut(&b->fleet, class_id, &cut);
	return class_id;
}

static cut_mode mode_of(str share_mode)
{
	return str_eq(share_mode, S("instances")) ? CUT_INSTANCES : CUT_SHARES;
}

static void device_put(book *b, int32_t node, const report_device *d)
{
	int32_t class_id = class_put(b, d), device;

	if (class_id == FLEET_NONE || d->memory_mib <= 0)
		return;
	device_spec spec = {
		.uuid = d->uuid,
		.class_id = class_id,
		.index = amount_32(d->index),
		.memory_mib = d->memory_mib,
		.slots = amount_32(d->slots),
		.numa = amount_32(d->numa + 1),
		.mode = mode_of(d->share_mode),
	};
	/* A device that cannot be entered is not there: what names it will be refused. */
	if (fleet_device_put(&b->fleet, node, &spec, &device))
		return;
	fleet_device_flag(&b->fleet, device, FLEET_UNHEALTHY, !is_healthy(d->health));
	/* Cut in a way that is not known here: nobody can tell what has room on it. */
	fleet_device_flag(
		&b->fleet, device, FLEET_CLOSED, spec.mode == CUT_INSTANCES && !b->fleet.devices.v[device].geometry);
}

static bool node_names(const report_node *n, str uuid)
{
	const report_device *d = n->devices.v;

	for (uint32_t i = 0; i < n->devices.n; i++)
		if (str_eq(d[i].uuid, uuid))
			return true;
	return false;
}

static void devices_sweep(book *b, int32_t node, const report_node *n)
{
	int32_t gone[FLEET_NODE_DEVICES_MAX], n_gone = 0;

	fleet_each_device(d, &b->fleet, node) if (!node_names(n, b->fleet.device_uuids.v[d]) &&
						  n_gone < FLEET_NODE_DEVICES_MAX) gone[n_gone++] = d;
	while (n_gone)
		fleet_device_remove(&b->fleet, gone[--n_gone]);
}

void book_node_put(book *b, const report_node *n)
{
	node_spec spec = {
		.name = n->name,
		.cpu_milli = n->cpu_milli,
		.memory_mib = n->memory_mib,
		.pods_max = amount_32(n->pods),
		.rank = n->rank > 0 ? amount_32(n->rank) : FLEET_NONE,
	};
	const report_device *d = n->devices.v;

	int32_t node = fleet_node_put(&b->fleet, b->cluster, &spec);
	fleet_node_flag(&b->fleet, node, FLEET_UNHEALTHY, !is_healthy(n->health));
	devices_sweep(b, node, n);
	for (uint32_t i = 0; i < n->devices.n; i++)
		device_put(b, node, &d[i]);
}

void book_node_gone(book *b, str name)
{
	int32_t node = fleet_node_find(&b->fleet, b->cluster, name);

	if (node != FLEET_NONE)
		fleet_node_remove(&b->fleet, node);
}

holding *book_find(const book *b, str id)
{
	return map_find(&b->by_id, id);
}

static void text_put(char *out, size_t max, str s)
{
	size_t n = s.n < max ? s.n : max;

	while (n < s.n && n && ((uint8_t)s.p[n] & 0xc0) == 0x80)
		n--;
	if (n)
		memmove(out, s.p, n);
	out[n] = 0;
}

static void final_unlink(book *b, holding *h)
{
	*(h->older ? &h->older->newer : &b->oldest) = h->newer;
	*(h->newer ? &h->newer->older : &b->newest) = h->older;
	h->older = h->newer = NULL;
	b->n_final--;
}

static bool is_over(lifecycle s)
{
	return lifecycle_is_final(s) || s == LIFE_REFUSED;
}

static void final_link(book *b, holding *h)
{
	h->older = b->newest;
	*(b->newest ? &b->newest->newer : &b->oldest) = h;
	b->newest = h;
	b->n_final++;
	if (b->n_final > BOOK_FINAL_MAX)
		book_drop(b, b->oldest);
}

static bool is_linked(const book *b, const holding *h)
{
	return h->older || h->newer || b->oldest == h;
}

holding *book_put(book *b, str id, str fence_text, attempt at)
{
	assert(id.n <= BOOK_ID_MAX && fence_text.n <= BOOK_FENCE_MAX);
	holding *h = book_find(b, id);
	if (!h) {
		h = calloc(1, sizeof(*h));
		assert(h);
		plan_init(&h->plan);
		text_put(h->id, BOOK_ID_MAX, id);
		(void)map_put(&b->by_id, str_from(h->id), h);
	}
	assert(!h->is_booked);
	if (is_linked(b, h))
		final_unlink(b, h);
	if (h->pod && attempt_cmp(at, h->attempt) != 0) {
		free(h->pod);
		h->pod = NULL;
	}
	text_put(h->fence_text, BOOK_FENCE_MAX, fence_text);
	h->attempt = at;
	h->state = LIFE_GRANTED;
	h->bound_us = h->running_us = h->at_us = h->ordered_us = h->self_fence_s = h->speak_s = 0;
	h->reason[0] = 0;
	return h;
}

void book_pod_put(holding *h, const book_pod *pod)
{
	str texts[] = {pod->tenant, pod->request, pod->placed, pod->loan};
	size_t n = 0, at = 0;

	for (size_t i = 0; i < 4; i++)
		n += texts[i].n;
	book_pod *own = calloc(1, sizeof(*own) + n + 1);
	assert(own);
	for (size_t i = 0; i < 4; i++) {
		memcpy(own->text + at, texts[i].p ? texts[i].p : "", texts[i].n);
		texts[i].p = own->text + at;
		at += texts[i].n;
	}
	own->tenant = texts[0];
	own->request = texts[1];
	own->placed = texts[2];
	own->loan = texts[3];
	own->charge = pod->charge;
	own->at_us = pod->at_us;
	free(h->pod);
	h->pod = own;
}

void book_state(book *b, holding *h, lifecycle state, str reason, int64_t at_us)
{
	h->state = state;
	h->at_us = at_us;
	text_put(h->reason, BOOK_REASON_MAX, reason);
	if (state == LIFE_BOUND)
		h->bound_us = at_us;
	if (state == LIFE_RUNNING)
		h->running_us = at_us;
	if (h->is_booked && !lifecycle_is_booked(state)) {
		fleet_unbook(&b->fleet, &h->plan);
		h->is_booked = false;
		plan_done(&h->plan);
		plan_init(&h->plan);
	}
	if (is_over(state) && !is_linked(b, h))
		final_link(b, h);
}

void book_drop(book *b, holding *h)
{
	assert(!h->is_booked);
	if (is_linked(b, h))
		final_unlink(b, h);
	(void)map_remove(&b->by_id, str_from(h->id));
	holding_free(h);
}

static bool plan_miss(char reason[BOOK_REASON_MAX + 1], const char *what, str name)
{
	(void)snprintf(reason, BOOK_REASON_MAX + 1, "%s " STR_FMT " is not in this cluster", what, STR_ARG(name));
	return false;
}

static int64_t amount_cut(int64_t v)
{
	return v < 0 ? 0 : v > FLEET_AMOUNT_MAX ? FLEET_AMOUNT_MAX : v;
}

/* What the server writes is checked before it may touch the books; what the cluster holds is cut to the fleet's range.
 */
static bool amounts_are_sane(const placed_pod *pod)
{
	const placed_device *d = pod->devices.v;
	bool is_sane = amount_cut(pod->cpu_milli) == pod->cpu_milli && amount_cut(pod->memory_mib) == pod->memory_mib;

	for (uint32_t i = 0; i < pod->devices.n; i++)
		is_sane &= amount_cut(d[i].memory_mib) == d[i].memory_mib &&
			   amount_cut(d[i].compute_milli) == d[i].compute_milli;
	return is_sane;
}

/* The slice as the server told it. False: it is an instance of a profile that the device has not. */
static bool slice_of(const fleet_device *d, int32_t device, const placed_device *told, plan_device *ret)
{
	int32_t profile = GEOMETRY_NONE;

	*ret = (plan_device){
		.device = device,
		.memory_mib = amount_cut(told->memory_mib),
		.compute_milli = amount_cut(told->compute_milli),
	};
	if (!told->mig_profile.n)
		return true;
	if (d->geometry)
		profile = geometry_profile_find(d->geometry, told->mig_profile);
	ret->profile = (int16_t)(profile + 1);
	ret->start = (int16_t)(told->start >= 0 && told->start < GEOMETRY_SLOTS_MAX ? told->start : GEOMETRY_SLOTS_MAX);
	return profile != GEOMETRY_NONE;
}

static bool plan_devices(const book *b, const placed_pod *pod, int32_t node, bool is_lenient, plan *out, char *reason)
{
	const placed_device *d = pod->devices.v;

	for (uint32_t i = 0; i < pod->devices.n; i++) {
		int32_t device = d[i].uuid.n ? fleet_device_find(&b->fleet, b->cluster, d[i].uuid) : FLEET_NONE;
		bool is_here = device != FLEET_NONE && b->fleet.devices.v[device].node == node;
		if (!is_here && !is_lenient)
			return plan_miss(reason, "device", d[i].uuid);
		plan_device slice;
		if (is_here && !slice_of(&b->fleet.devices.v[device], device, &d[i], &slice) && !is_lenient) {
			(void)snprintf(reason, BOOK_REASON_MAX + 1, "profile: device " STR_FMT " has no " STR_FMT,
				STR_ARG(d[i].uuid), STR_ARG(d[i].mig_profile));
			return false;
		}
		if (is_here)
			plan_add_device(out, slice);
	}
	return true;
}

/* The slice of a device says how far its class may be promised. */
void book_overcommit(book *b, const js_list *placed)
{
	const placed_pod *pod = placed->v;

	for (uint32_t i = 0; i < placed->n; i++) {
		const placed_device *d = pod[i].devices.v;
		for (uint32_t k = 0; k < pod[i].devices.n; k++) {
			int32_t device = d[k].uuid.n ? fleet_device_find(&b->fleet, b->cluster, d[k].uuid) : FLEET_NONE;
			if (device != FLEET_NONE)
				fleet_class_overcommit(
					&b->fleet, b->fleet.devices.v[device].class_id, placed_overcommit_ppm(&d[k]));
		}
	}
}

bool book_plan(const book *b, const js_list *placed, bool is_lenient, plan *out, char reason[BOOK_REASON_MAX + 1])
{
	const placed_pod *pod = placed->v;

	plan_clear(out);
	out->cluster = b->cluster;
	if (!placed->n && !is_lenient) {
		(void)snprintf(reason, BOOK_REASON_MAX + 1, "the grant names no pods");
		return false;
	}
	for (uint32_t i = 0; i < placed->n; i++) {
		int32_t node = pod[i].node.n ? fleet_node_find(&b->fleet, b->cluster, pod[i].node) : FLEET_NONE;
		if (node == FLEET_NONE && is_lenient)
			continue;
		if (node == FLEET_NONE)
			return plan_miss(reason, "node", pod[i].node);
		if (!is_lenient && !amounts_are_sane(&pod[i])) {
			(void)snprintf(reason, BOOK_REASON_MAX + 1, "the grant's amounts are out of range");
			return false;
		}
		plan_add_pod(out, 0, amount_32(pod[i].index), node, amount_cut(pod[i].cpu_milli),
			amount_cut(pod[i].memory_mib));
		if (!plan_devices(b, &pod[i], node, is_lenient, out, reason))
			return false;
	}
	return true;
}

bool book_fits(book *b, const plan *p, char reason[BOOK_REASON_MAX + 1])
{
	blocker w = blocker_of(WHY_NONE);

	if (fit_plan(&b->fleet, p, &w))
		return true;
	str node = w.node != FLEET_NONE ? b->fleet.node_names.v[w.node] : S("the cluster");
	(void)snprintf(reason, BOOK_REASON_MAX + 1, "%s on " STR_FMT ": %s%s%lld needed, %lld free", why_name(w.code),
		STR_ARG(node), w.has_axis ? axis_name(w.axis) : "", w.has_axis ? " " : "", (long long)w.need,
		(long long)w.free);
	return false;
}

void book_take(book *b, holding *h, const plan *p)
{
	assert(!h->is_booked);
	plan_copy(&h->plan, p);
	fleet_book(&b->fleet, &h->plan);
	h->is_booked = true;
}
