#include "server/placer/body.h"

#include <assert.h>
#include <stdio.h>

#include "engine/charge.h"
#include "server/placer/failover.h"

enum { LIST_BYTES_MAX = 16 << 20 };

#define F(...) JS_FIELD(mode_charge, __VA_ARGS__)
static const js_field mode_charge_fields[] = {
	F(mode, JS_OPTIONAL, "A share mode."),
	F(device_milli, JS_OPTIONAL, "What is charged to it."),
	F(memory_mib, JS_OPTIONAL, "What is charged to it."),
	F(compute_milli, JS_OPTIONAL, "What is charged to it."),
};
#undef F
JS_TYPE(mode_charge, "What instances are charged to a share mode.");

static amounts charge_of(const books *b, const plan *p, int32_t mode)
{
	amounts sum = {{0}};

	for (uint32_t i = 0; i < p->devices.n; i++)
		if (charge_mode(&b->fleet, &p->devices.v[i]) == mode)
			sum = amounts_add(sum, p->devices.v[i].charge);
	return sum;
}

static bool is_listed(const mode_charge *list, uint32_t n, str mode)
{
	for (uint32_t i = 0; i < n; i++)
		if (str_eq(list[i].mode, mode))
			return true;
	return false;
}

str body_modes(const books *b, const plan *p, arena *a)
{
	mode_charge *list = NULL;
	char room[CHARGE_NAME_MAX];
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->devices.n; i++) {
		int32_t mode = charge_mode(&b->fleet, &p->devices.v[i]);
		if (mode == FLEET_NONE || is_listed(list, n, charge_name(&b->fleet, mode, room)))
			continue;
		list = list ? list : ARENA_ARRAY(a, mode_charge, p->devices.n);
		amounts sum = charge_of(b, p, mode);
		list[n++] = (mode_charge){str_dup(a, charge_name(&b->fleet, mode, room)), sum.v[AXIS_DEVICE_MILLI],
			sum.v[AXIS_MEMORY_MIB], sum.v[AXIS_COMPUTE_MILLI]};
	}
	return n ? body_list(&mode_charge_type, &(js_list){list, n}, a) : STR_NONE;
}

str body_list(const js_type *t, const js_list *list, arena *a)
{
	buf out;
	js_writer w = js_writer_on(&out);
	str kept;

	if (!list->n)
		return S("[]");
	buf_init(&out, LIST_BYTES_MAX);
	js_array_begin(&w);
	for (uint32_t i = 0; i < list->n; i++)
		js_write(&w, t, (const char *)list->v + (size_t)i * t->size);
	js_array_end(&w);
	assert(!out.over);
	kept = str_dup(a, buf_str(&out));
	buf_done(&out);
	return kept;
}

/* An instance says which it is. */
static void instance_tell(placed_device *to, const geometry *g, const plan_device *s)
{
	if (!s->profile || !g)
		return;
	to->mig_profile = g->profiles[s->profile - 1].name;
	to->start = s->start;
	js_give(&placed_device_type, to, "start");
}

static js_list devices_of(const books *b, const plan *p, const plan_pod *pod, arena *a)
{
	placed_device *list = ARENA_ARRAY(a, placed_device, pod->n);

	for (uint32_t i = 0; i < pod->n; i++) {
		const plan_device *s = &p->devices.v[pod->first + i];
		const fleet_device *d = &b->fleet.devices.v[s->device];
		const fleet_class *c = &b->fleet.classes.v[d->class_id];
		list[i] = (placed_device){.uuid = b->fleet.device_uuids.v[s->device],
			.class = c->name,
			.index = d->index,
			.memory_mib = s->memory_mib,
			.compute_milli = s->compute_milli};
		if (c->overcommit_ppm > FLEET_OVERCOMMIT_ONE)
			list[i].compute_overcommit_ppm = c->overcommit_ppm;
		instance_tell(&list[i], c->cut.geometry, s);
	}
	return (js_list){list, pod->n};
}

str body_placed(const books *b, const plan *p, const js_list *groups, arena *a)
{
	const group_ask *g = groups->v;
	placed_pod *list = ARENA_ARRAY(a, placed_pod, p->pods.n);
	for (uint32_t i = 0; i < p->pods.n; i++) {
		const plan_pod *pod = &p->pods.v[i];
		list[i] = (placed_pod){.group = g[pod->group].name,
			.index = pod->index,
			.node = b->fleet.node_names.v[pod->node],
			.cpu_milli = pod->cpu_milli,
			.memory_mib = pod->memory_mib,
			.devices = devices_of(b, p, pod, a)};
	}
	return body_list(&placed_pod_type, &(js_list){list, p->pods.n}, a);
}

static str axis_of(const blocker *k)
{
	switch (k->code) {
	case WHY_NODE_CPU:
		return S("cpu_milli");
	case WHY_NODE_MEMORY:
		return S("memory_mib");
	case WHY_BUDGET:
		return S("gpu_milli_hours");
	case WHY_NODE_PODS:
	case WHY_GANG_INCOMPLETE:
		return S("pods");
	default:
		return k->has_axis ? str_from(axis_name(k->axis)) : STR_NONE;
	}
}

static str scope_of(const books *b, const blocker *k)
{
	if (k->tenant != FLEET_NONE)
		return b->payer_of.v[k->tenant]->path;
	return k->cluster != FLEET_NONE ? b->fleet.clusters.v[k->cluster].name : STR_NONE;
}

js_list body_blockers(const books *b, const reasons *r, arena *a)
{
	placement_blocker *list = ARENA_ARRAY(a, placement_blocker, r->why.n);
	char room[CHARGE_NAME_MAX];

	for (int32_t i = 0; i < r->why.n; i++) {
		const blocker *k = &r->why.v[i];
		list[i] = (placement_blocker){.code = str_from(why_name(k->code)),
			.scope = scope_of(b, k),
			.class = k->class_id != FLEET_NONE ? str_dup(a, charge_name(&b->fleet, k->class_id, room))
							   : r->unknown,
			.axis = axis_of(k),
			.need = k->need,
			.free = k->free,
			.nodes = k->nodes,
			.unblocks_when = str_from(why_when_name(why_unblocks(k->code)))};
		if (k->code == WHY_RESERVED || k->code == WHY_RESERVATION_AHEAD || k->code == WHY_NO_SUCH_RESERVATION)
			list[i].scope = r->reservation;
		if (k->code == WHY_NO_SUCH_CLUSTER) {
			list[i].scope = r->unknown;
			list[i].class = STR_NONE;
		}
	}
	return (js_list){list, (uint32_t)r->why.n};
}

static uint64_t mix(uint64_t h, str s)
{
	return (h ^ (s.p ? str_hash(s) : 1)) * 0x9e3779b97f4a7c15ULL;
}

uint64_t body_shape(const js_list *blockers)
{
	const placement_blocker *k = blockers->v;

	return blockers->n ? mix(mix(mix(mix(1, k->code), k->scope), k->class), k->axis) : 0;
}

static uint64_t mix_number(uint64_t h, int64_t v)
{
	return (h ^ (uint64_t)v) * 0x9e3779b97f4a7c15ULL;
}

uint64_t body_numbers(const js_list *blockers)
{
	const placement_blocker *k = blockers->v;

	return blockers->n ? mix_number(mix_number(mix_number(1, k->need), k->free), k->nodes) : 0;
}

static void put_text(js_writer *w, const char *key, str s)
{
	if (s.n)
		js_put_text(w, key, s);
}

static void put_time(js_writer *w, const char *key, int64_t us)
{
	if (us)
		js_put_time(w, key, us);
}

/* By hand and not by the type's table: a number that does not apply (position) is left out here, and the lists are
 * bytes already. A test reads it back by the table. */
static void placement_write(js_writer *w, const body_decision *d)
{
	const booking *k = d->of;
	char fence[FENCE_TEXT_MAX], revision[FENCE_TEXT_MAX];
	int n = snprintf(revision, sizeof revision, "p%lld", (long long)d->n);

	js_object_begin(w);
	js_put_text(w, "id", k->id);
	js_put_text(w, "tenant", d->tenant);
	put_text(w, "name", k->name);
	js_put_text(w, "origin", k->origin);
	js_put_text(w, "state", str_from(lifecycle_name(k->now.life)));
	js_put_text(w, "fence", fence_text(k->now.fence_incarnation, k->now.fence_no, fence));
	put_text(w, "cluster", d->cluster);
	js_put_text(w, "revision", str_of(revision, (size_t)n));
	js_put_raw(w, "placed", k->now.placed.n ? k->now.placed : S("[]"));
	js_put_raw(w, "blockers", d->blockers.n ? d->blockers : S("[]"));
	if (d->position)
		js_put_i64(w, "position", d->position);
	if (k->now.life == LIFE_REVOKING && k->now.grace_s)
		js_put_i64(w, "grace_s", k->now.grace_s);
	if (failover_fence_s(k))
		js_put_i64(w, "self_fence_s", failover_fence_s(k));
	if (failover_speak_s(k))
		js_put_i64(w, "speak_s", failover_speak_s(k));
	put_text(w, "reason", k->now.reason);
	js_put_raw(w, "request", k->request);
	put_time(w, "created_at", k->created_at_us);
	put_time(w, "granted_at", k->now.granted_at_us);
	put_time(w, "running_at", k->now.running_at_us);
	put_time(w, "ended_at", k->now.ended_at_us);
	js_object_end(w);
}

static void put_number(js_writer *w, const char *key, int64_t v)
{
	if (v)
		js_put_i64(w, key, v);
	else
		js_put_raw(w, key, STR_NONE);
}

void body_write(const body_decision *d, buf *out)
{
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_put_i64(&w, "n", d->n);
	js_put_time(&w, "at", d->at_us);
	js_put_i64(&w, "term", d->term);
	js_put_text(&w, "action", d->action);
	js_put_text(&w, "actor", d->actor);
	js_put_i64(&w, "tenant_key", d->of->tenant_key);
	put_number(&w, "cluster_key", d->told_key);
	put_number(&w, "cluster_rev", d->told_rev);
	js_key(&w, S("placement"));
	placement_write(&w, d);
	js_object_end(&w);
}
