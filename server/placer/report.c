#include "server/placer/report.h"

#include "engine/fleet.h"
#include "server/placer/decide.h"
#include "server/placer/drift.h"
#include "server/placer/failover.h"
#include "server/placer/govern.h"
#include "server/placer/inventory.h"
#include "server/placer/lend.h"
#include "server/placer/pods.h"

/* What stands in the place of session and number when it is no report of the agent's. */
#define REPORT_AHEAD S("ahead")

/* One report at work. */
typedef struct reporting {
	turn *t;
	books *b;
	site *site;
	str actor;
	const sql_inbox_next_row *row;
} reporting;

/* Agents' clocks are not ours: a time before the grant or after now is drawn to it. */
static int64_t clamp_at(const reporting *r, const booking *k, int64_t at_us)
{
	int64_t least = k->now.running_at_us ? k->now.running_at_us : k->now.granted_at_us;

	if (!at_us || at_us > r->t->now_us)
		at_us = r->t->now_us;
	return at_us < least ? least : at_us;
}

static turn_segment *segment_of(reporting *r, const booking *k, uint32_t from, str class_name, int64_t at_us)
{
	turn *t = r->t;

	for (uint32_t i = from; i < t->opened.n; i++)
		if (str_eq(t->opened.v[i].class_name, class_name))
			return &t->opened.v[i];
	turn_segment *s = vec_add(&t->opened);
	*s = (turn_segment){.placement = k->id,
		.class_name = class_name,
		.fence_no = k->now.fence_no,
		.started_at_us = at_us,
		.tenant_key = k->tenant_key,
		.cluster_key = k->now.cluster_key};
	return s;
}

/* One billed interval per class begins. */
static void segments_open(reporting *r, const booking *k, int64_t at_us)
{
	uint32_t from = r->t->opened.n;

	for (uint32_t i = 0; i < k->held.devices.n; i++) {
		const plan_device *d = &k->held.devices.v[i];
		int32_t class_id = r->b->fleet.devices.v[d->device].class_id;
		turn_segment *s = segment_of(r, k, from, r->b->fleet.classes.v[class_id].name, at_us);
		s->devices++;
		s->charge = amounts_add(s->charge, d->charge);
		int64_t rate = books_rate(r->b, class_id, d->charge.v[AXIS_DEVICE_MILLI]);
		vec_push(&r->t->uses, ((turn_use){k->tenant_key, rate, at_us}));
	}
}

static void start(reporting *r, booking *k, int64_t at_us)
{
	turn_touch(r->t, k, r->actor);
	at_us = clamp_at(r, k, at_us);
	segments_open(r, k, at_us);
	k->now.running_at_us = at_us;
}

/* The pod was quicker than the order to stop it: its time counts, its state stays. */
static bool is_late_start(const booking *k, lifecycle to)
{
	return k->now.life == LIFE_REVOKING && to == LIFE_RUNNING && !k->now.running_at_us;
}

static void step_to(reporting *r, booking *k, lifecycle to, const report_item *item)
{
	if (is_late_start(k, to)) {
		start(r, k, item->at.us);
		return;
	}
	if (k->now.life == LIFE_REVOKING && to == LIFE_REFUSED)
		to = LIFE_REVOKED; /* the order to stop and the refusal met on the way */
	if (k->now.life == to || !lifecycle_leads(k->now.life, to))
		return;
	if (to == LIFE_REFUSED) {
		decide_refused(r->t, r->b, k, item->reason, r->actor);
		return;
	}
	bool is_fenced = k->now.life != LIFE_REVOKING && failover_fence_s(k);
	if (to == LIFE_REVOKED && (k->evicted_by.n || is_fenced)) {
		decide_departed(r->t, r->b, k, clamp_at(r, k, item->at.us), r->actor);
		return;
	}
	if (lifecycle_is_final(to)) {
		decide_end(r->t, r->b, k, to, clamp_at(r, k, item->at.us), item->reason, r->actor);
		return;
	}
	turn_touch(r->t, k, r->actor);
	if (to == LIFE_RUNNING)
		start(r, k, item->at.us);
	k->now.life = to;
}

/* Steps that an agent may not report: it neither grants nor orders to stop. */
static bool is_agents(lifecycle to)
{
	return to != LIFE_PENDING && to != LIFE_GRANTED && to != LIFE_REJECTED && to != LIFE_REVOKING;
}

static bool has_fence(const booking *k, str fence)
{
	int64_t incarnation, no;

	return fence_parse(fence, &incarnation, &no) && incarnation == k->now.fence_incarnation &&
	       no == k->now.fence_no;
}

static void step(reporting *r, const report_item *item)
{
	booking *k = item->placement.n ? books_booking(r->b, item->placement) : NULL;
	lifecycle to;

	if (!k || k->now.cluster_key != r->site->key || !has_fence(k, item->fence))
		return;
	if (lifecycle_find(item->state, &to) && is_agents(to))
		step_to(r, k, to, item);
}

/* "plc_... 1.2": the placement and the attempt of it that a cluster runs. */
static booking *running_find(reporting *r, str entry)
{
	str fence = entry, name = str_split(&fence, ' ');
	booking *k = name.n ? books_booking(r->b, name) : NULL;

	return k && k->now.cluster_key == r->site->key && has_fence(k, fence) ? k : NULL;
}

/* Stands in the books as taken over by the agent, who does not have it any more. */
static bool should_run(const reporting *r, const booking *k)
{
	return k->now.cluster_key == r->site->key && drift_counts(&k->now);
}

static void lost(reporting *r, booking *k)
{
	bool was_told = k->now.life == LIFE_REVOKING;

	if (k->evicted_by.n) {
		decide_departed(r->t, r->b, k, r->t->now_us, r->actor);
		return;
	}
	decide_end(r->t, r->b, k, was_told ? LIFE_REVOKED : LIFE_FAILED, r->t->now_us, was_told ? STR_NONE : S("lost"),
		r->actor);
}

static bool is_asked_for(const report_item *item, str name)
{
	int64_t bucket = digest_bucket(name);

	for (uint32_t i = 0; i < item->buckets.n; i++)
		if (item->buckets.v[i] == bucket)
			return true;
	return item->is_whole;
}

/* A revoked one that the agent never took is still on its way down, and will be answered. */
static void running_whole(reporting *r, const report_item *item, const map *runs)
{
	vec(booking *) gone = {0};

	map_each (slot, &r->b->bookings)
		if (should_run(r, slot->value) && !map_find(runs, slot->key) && is_asked_for(item, slot->key))
			vec_push(&gone, slot->value);
	vec_each (k, &gone)
		lost(r, *k);
	vec_done(&gone);
}

/* Until that is committed it is not so: a turn that ends otherwise is followed by books built anew. */
static void learned(reporting *r)
{
	if (!r->site->is_learning)
		return;
	r->site->is_learning = false;
	vec_push(&r->t->learned, r->site->key);
	r->t->cannot_undo = true;
}

/* Its agent knew more than we do: what was decided meanwhile is not in these books. */
static void ahead(reporting *r)
{
	r->site->is_learning = true;
	vec_push(&r->t->learned, r->site->key);
	r->t->cannot_undo = true;
	govern_flag_site(r->b, r->site);
}

static void running_told(reporting *r, const report_item *item)
{
	map runs = {0};

	for (uint32_t i = 0; i < item->placements.n; i++) {
		booking *k = running_find(r, item->placements.v[i]);
		if (k)
			map_put(&runs, k->id, k);
		else
			r->t->unknown_slices++;
	}
	if (item->is_whole || item->buckets.n)
		running_whole(r, item, &runs);
	if (item->is_whole) {
		learned(r);
		govern_flag_site(r->b, r->site);
		change_opened(&r->b->changes, r->site->handle);
	}
	map_done(&runs);
}

static void item_apply(reporting *r, const report_item *item)
{
	drift_overtaken(r->t, r->site);
	if (str_eq(item->kind, S("inventory"))) {
		inventory_apply(r->t, r->b, r->site, item);
		return;
	}
	inventory_end(r->t, r->b, r->site);
	if (str_eq(item->kind, S("step")))
		step(r, item);
	else if (str_eq(item->kind, S("running")))
		running_told(r, item);
	else if (str_eq(item->kind, S("digest")))
		drift_told(r->t, r->site, item->digest);
	else if (str_eq(item->kind, S("lease")))
		lend_hear(r->t, r->b, r->site, item);
	else if (str_eq(item->kind, S("admitted")))
		pods_admitted(r->t, r->b, r->site, item, r->row, r->actor);
	else if (str_eq(item->kind, S("want")))
		pods_wanted(r->t, r->b, r->site, item, r->row, r->actor);
	else if (str_eq(item->kind, S("withdrawn")))
		pods_withdrawn(r->t, r->b, r->site, item, r->actor);
}

err report_apply(turn *t, books *b, const sql_inbox_next_row *row, fault *f)
{
	site *s = row->cluster_key_null ? NULL : books_site(b, (int32_t)row->cluster_key);
	reporting r = {.t = t, .b = b, .site = s, .row = row};
	AUTO_ARENA a = arena_new(0);
	report said;

	if (!s || s->is_deleted)
		return fault_set(f, ERR_UNKNOWN_CLUSTER, NULL, "there is no cluster %lld", (long long)row->cluster_key);
	if (str_eq(row->object_id, REPORT_AHEAD)) {
		ahead(&r);
		return ERR_OK;
	}
	err e = js_read(&report_type, row->body, a, &said, f);
	if (e)
		return e;
	s->heard_us = t->now_us;
	failover_heard(b, s);
	r.actor = str_print(t->a, "agent:" STR_FMT, STR_ARG(s->name));
	const report_item *items = said.items.v;
	for (uint32_t i = 0; i < said.items.n; i++)
		item_apply(&r, &items[i]);
	return ERR_OK;
}
