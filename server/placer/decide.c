#include "server/placer/decide.h"

#include "base/clock.h"
#include "base/metric.h"
#include "engine/fleet.h"
#include "server/placer/body.h"
#include "server/placer/claim.h"
#include "server/placer/failover.h"
#include "server/placer/hint.h"
#include "server/placer/reclaim.h"
#include "server/placer/reservation.h"
#include "server/placer/spend.h"
#include "server/placer/use.h"

enum { RECALL_MAX = 4000 };

/* The priority the request names; one that is not known yet stands as the usual one, until it is. */
static void rank_set(books *b, booking_terms *terms, str name)
{
	terms->rank = books_rank(b, name.n ? name : RANK_USUAL);
	terms->is_provisional = !terms->rank;
	if (!terms->rank)
		terms->rank = b->rank_none;
}

/* An instance of the profile, on a device of so much memory. */
static int64_t profile_milli(const books *b, const ask_entry *e, int64_t device_mib)
{
	const geometry *g = e->n_classes ? b->fleet.classes.v[e->classes[0]].cut.geometry : NULL;
	int32_t profile = g && device_mib ? geometry_profile_find(g, e->profile) : GEOMETRY_NONE;

	return profile == GEOMETRY_NONE ? SHARE_WHOLE_MILLI
					: geometry_charge(g, profile, device_mib, 1).v[AXIS_DEVICE_MILLI];
}

static int64_t entry_milli(const books *b, const ask_entry *e)
{
	int64_t memory_mib = 0, milli = SHARE_WHOLE_MILLI;

	for (uint32_t i = 0; e->n_classes && i < b->rules.n; i++)
		if (b->rules.v[i].handle == e->classes[0])
			memory_mib = b->rules.v[i].memory_mib;
	if (e->profile.n)
		return profile_milli(b, e, memory_mib) * e->count;
	if (e->memory_mib && memory_mib)
		milli = share_milli(e->memory_mib < memory_mib ? e->memory_mib : memory_mib, 0, memory_mib);
	else if (e->memory_percent)
		milli = e->memory_percent * 10;
	if (e->compute_milli > milli)
		milli = e->compute_milli;
	return milli * e->count;
}

static void want_set(const books *b, booking_terms *terms, const ask *a)
{
	terms->milli = 0;
	terms->model = FLEET_NONE;
	for (int32_t g = 0; g < a->n_groups; g++)
		for (int32_t i = 0; i < a->groups[g].n_entries; i++) {
			const ask_entry *e = &a->groups[g].entries[i];
			if (terms->model == FLEET_NONE && e->n_classes)
				terms->model = e->classes[0];
			terms->milli += a->groups[g].min_replicas * entry_milli(b, e);
		}
}

/* Its line follows what it says. */
static void terms_set(books *b, booking *k, const placement_request *q, const request_ask *w)
{
	booking_terms is = {.model = FLEET_NONE,
		.may_wait = q->queue,
		.is_preemptible = q->preemptible,
		.max_runtime_s = q->max_runtime_s};
	bool was_held = k->is_held;

	rank_set(b, &is, q->priority);
	failover_terms(b, &is, q->when_lost, q->lost_after_s, q->queue);
	if (!js_given(&placement_request_type, q, "preemptible"))
		is.is_preemptible = is.rank->is_preemptible;
	is.may_preempt =
		is.rank->may_preempt && (q->may_preempt || !js_given(&placement_request_type, q, "may_preempt"));
	if (w)
		want_set(b, &is, &w->ask);
	if (k->line && (k->terms.rank != is.rank || k->terms.model != is.model))
		queue_remove(&b->waiting, k);
	if (!str_eq(k->reserved, q->reservation))
		booking_text_set(&k->reserved, &STR_NONE, q->reservation);
	if (was_held && k->terms.rank)
		k->terms.rank->n_held--;
	k->terms = is;
	if (was_held)
		is.rank->n_held++;
}

void decide_terms(books *b, booking *k)
{
	AUTO_ARENA a = arena_new(0);
	placement_request q = {.queue = true};
	request_ask w;
	reasons r;
	fault f;

	if (k->terms.rank)
		return;
	bool is_read = request_read(b, k->tenant_key, k->request, a, &q, &f) == ERR_OK;
	bool is_ask = is_read && request_to_ask(b, &q, a, &w, &r);
	terms_set(b, k, &q, is_ask ? &w : NULL);
}

/* Nodes to keep off look closed while the engine looks. Those that are closed anyway are left alone. */
static uint32_t avoid_begin(books *b, const booking *k, int32_t *closed, int64_t now_us)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < k->avoid.n && k->avoid_until_us > now_us; i++) {
		int32_t node = k->avoid.v[i];
		if (b->fleet.nodes.v[node].cluster == FLEET_NONE || b->fleet.nodes.v[node].flags & FLEET_CLOSED)
			continue;
		fleet_node_flag(&b->fleet, node, FLEET_CLOSED, true);
		closed[n++] = node;
	}
	return n;
}

static void avoid_end(books *b, const int32_t *closed, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		fleet_node_flag(&b->fleet, closed[i], FLEET_CLOSED, false);
}

/* Looks for a place. True: k->held has it, booked and charged. */
static bool find(turn *t, books *b, booking *k, request_ask *w, reasons *r)
{
	const payer *p = books_payer(b, k->tenant_key);
	int32_t *closed = ARENA_ARRAY(t->a, int32_t, k->avoid.n);

	market_refresh(b->market, &b->fleet);
	uint32_t n = avoid_begin(b, k, closed, t->now_us);
	int64_t began_us = clock_mono_us();
	bool is_kept = b->claims.n || b->reservations.n_held;
	if (is_kept)
		claim_lift(b, k, t->now_us, w->ask.max_runtime_s);
	bool found = place_find(b->room, &b->fleet, b->tree, p->handle, &w->ask, &k->held, &r->why);
	if (is_kept)
		claim_apply(b, k);
	if (!found && !k->reserved.n)
		reservation_blame(b, p->handle, &w->ask, r);

	metric_observe_us(METRIC_PLACER_DECIDE_TIME, clock_mono_us() - began_us);
	avoid_end(b, closed, n);
	k->max_runtime_s = w->ask.max_runtime_s;
	if (!found || spend_may(b, p->handle, &k->held, k->max_runtime_s, &r->why))
		return found;
	place_give(&b->fleet, b->tree, p->handle, &k->held);
	plan_clear(&k->held);
	return false;
}

static void watch(booking *k, const reasons *r, uint64_t count, const booking_wait *told)
{
	booking_wait *w = &k->now.wait;

	*w = (booking_wait){.is_any = r->why.is_cut,
		.tried = count,
		.shape = told->shape,
		.numbers = told->numbers,
		.told_at_us = told->told_at_us};
	for (int32_t i = 0; i < r->why.n; i++) {
		const blocker *x = &r->why.v[i];
		w->v[w->n++] = (booking_watch){x->cluster, x->class_id, x->tenant, why_unblocks(x->code)};
	}
}

static void observe_wait(const turn *t, const booking *k)
{
	int64_t waited_us = t->now_us - k->waits_since_us;

	metric_observe_us(k->terms.rank->value < 0   ? METRIC_PLACER_WAIT_LOW
			  : k->terms.rank->value > 0 ? METRIC_PLACER_WAIT_HIGH
						     : METRIC_PLACER_WAIT_NORMAL,
		waited_us > 0 ? waited_us : 0);
}

static void grant(turn *t, books *b, booking *k, const request_ask *w, str actor)
{
	turn_touch(t, k, actor);
	k->now.life = LIFE_GRANTED;
	k->now.fence_incarnation = b->incarnation;
	k->now.granted_at_us = t->now_us;
	k->now.cluster_key = b->site_of.v[k->held.cluster]->key;
	k->now.wait = (booking_wait){0};
	vec_clear(&k->avoid);
	claim_end(t, b, k);
	hint_drop(t, k);
	observe_wait(t, k);
	if (!failover_is_reason(k->now.reason))
		turn_reason(t, k, STR_NONE);
	turn_placed(t, k, body_placed(b, &k->held, &w->groups, t->a));
	turn_took(t, b, k);
	books_follow(b, k);
	metric_add(METRIC_PLACER_DECISIONS, DECISION_GRANTED, 1);
}

/* It waits for the same as before: new numbers are told now and then, and are no record. */
static void retell(turn *t, booking *k, const js_list *blockers, booking_wait *told)
{
	if (told->numbers == k->now.wait.numbers || t->now_us < k->now.wait.told_at_us + DECIDE_RETELL_US) {
		told->numbers = k->now.wait.numbers;
		told->told_at_us = k->now.wait.told_at_us;
		return;
	}
	vec_push(&t->retold, ((turn_retold){k->id, body_list(&placement_blocker_type, blockers, t->a)}));
}

/* What is told of a placement that found no place. Nothing but numbers when it waits for the same as before. */
static void deny(turn *t, books *b, booking *k, bool may_wait, const reasons *r, str actor)
{
	js_list blockers = body_blockers(b, r, t->a);
	booking_wait told = {
		.shape = body_shape(&blockers), .numbers = body_numbers(&blockers), .told_at_us = t->now_us};
	bool is_told = !turn_of(t, k) && k->now.wait.shape == told.shape;

	if (is_told && may_wait) {
		retell(t, k, &blockers, &told);
		watch(k, r, b->changes.count, &told);
		return;
	}
	turn_touch(t, k, actor)->blockers = body_list(&placement_blocker_type, &blockers, t->a);
	watch(k, r, b->changes.count, &told);
	if (!may_wait) {
		k->now.life = LIFE_REJECTED;
		k->now.ended_at_us = t->now_us;
		turn_reason(t, k, ((placement_blocker *)blockers.v)[0].code);
	}
	books_follow(b, k);
	metric_add(METRIC_PLACER_DECISIONS, may_wait ? DECISION_WAITING : DECISION_REJECTED, 1);
}

static void reject(turn *t, books *b, booking *k, str reason, str actor)
{
	turn_touch(t, k, actor);
	k->now.life = LIFE_REJECTED;
	k->now.ended_at_us = t->now_us;
	turn_reason(t, k, reason);
	claim_end(t, b, k);
	hint_drop(t, k);
	books_follow(b, k);
	metric_add(METRIC_PLACER_DECISIONS, DECISION_REJECTED, 1);
}

/* Others go for it; or it has waited so long that room is kept. */
static void make_room(turn *t, books *b, booking *k, const request_ask *w, const reasons *r)
{
	why unused = {0};

	/* What is reserved is all there is for who names a reservation. */
	if (why_unblocks(r->why.v[0].code) == WHEN_INVENTORY || k->reserved.n)
		return;
	/* Nobody goes for work that its budget would keep out all the same. */
	if (!spend_may_rate(b, books_payer(b, k->tenant_key)->handle, k->terms.milli, w->ask.max_runtime_s, &unused))
		return;
	if (k->reserve_wanted) {
		reserve_try(t, b, k, w);
		return;
	}
	if (!reclaim_try(t, b, k, w))
		return;
	js_list blockers = body_blockers(b, r, t->a);
	turn_touch(t, k, ACTOR_PLACER)->blockers = body_list(&placement_blocker_type, &blockers, t->a);
	turn_reason(t, k, str_print(t->a, "%d placements make room", (int)t->evictions));
}

static void attempt(turn *t, books *b, booking *k, const placement_request *q, str actor, bool is_new)
{
	request_ask w;
	reasons r;

	bool is_ask = request_to_ask(b, q, t->a, &w, &r);
	terms_set(b, k, q, is_ask ? &w : NULL);
	if (is_ask && k->reserved.n)
		is_ask = reservation_narrow(b, k->tenant_key, k->reserved, &w, t->a, &r);
	if (books_payer(b, k->tenant_key)->is_deleted) {
		reject(t, b, k, S("tenant_deleted"), actor);
		return;
	}
	if (is_ask && is_new)
		market_arrive(b->market, &b->fleet, &w.ask);
	if (is_ask && find(t, b, k, &w, &r)) {
		grant(t, b, k, &w, actor);
		return;
	}
	deny(t, b, k, w.may_wait, &r, actor);
	if (is_ask && w.may_wait)
		make_room(t, b, k, &w, &r);
}

void decide_again(turn *t, books *b, booking *k, str actor)
{
	placement_request q;
	fault f;

	if (request_read(b, k->tenant_key, k->request, t->a, &q, &f))
		reject(t, b, k, S("not_a_request"), actor);
	else
		attempt(t, b, k, &q, actor, false);
}

/* Enters the books, not decided on yet. NULL: known already, or of a tenant that nobody knows. */
static booking *enter(turn *t, books *b, const sql_inbox_next_row *row, str origin, str name)
{
	booking_birth birth = {.id = row->object_id,
		.name = name,
		.origin = origin,
		.created_by = row->actor,
		.request = row->body,
		.tenant_key = (int32_t)row->tenant_key,
		.seq = row->seq,
		.created_at_us = row->at};

	if (row->is_known || books_booking(b, row->object_id) || !books_payer(b, birth.tenant_key))
		return NULL;
	booking *k = booking_new(&birth);
	k->now.fence_incarnation = b->incarnation;
	k->now.fence_no = 1;
	turn_add(t, b, k, row->actor);
	return k;
}

void decide_turn_away(turn *t, books *b, const sql_inbox_next_row *row)
{
	booking *k = enter(t, b, row, S("api"), STR_NONE);

	if (k)
		reject(t, b, k, S("not_storable"), row->actor);
}

static void place_new_one(turn *t, books *b, const sql_inbox_next_row *row, str origin)
{
	placement_request q;
	fault f;
	err e = request_read(b, (int32_t)row->tenant_key, row->body, t->a, &q, &f);
	booking *k = enter(t, b, row, origin, e ? STR_NONE : q.name);

	if (!k)
		return;
	if (e)
		reject(t, b, k, S("not_a_request"), row->actor);
	else
		attempt(t, b, k, &q, row->actor, true);
}

void decide_place(turn *t, books *b, const sql_inbox_next_row *row)
{
	place_new_one(t, b, row, S("api"));
}

void decide_pod(turn *t, books *b, const sql_inbox_next_row *row)
{
	place_new_one(t, b, row, S("pod"));
}

void decide_withdraw(turn *t, books *b, booking *k, str reason, str actor)
{
	turn_touch(t, k, actor);
	k->now.life = LIFE_REVOKED;
	k->now.ended_at_us = t->now_us;
	turn_reason(t, k, reason);
	claim_end(t, b, k);
	hint_drop(t, k);
	books_follow(b, k);
	metric_add(METRIC_PLACER_DECISIONS, DECISION_REVOKED, 1);
}

/* It is on its way out for nobody's sake any more. */
static void evicted_forget(turn *t, booking *k)
{
	if (!k->evicted_by.n)
		return;
	vec_push(&t->departed, str_dup(t->a, k->id));
	booking_text_set(&k->evicted_by, &STR_NONE, STR_NONE);
	t->cannot_undo = true;
}

void decide_release(turn *t, books *b, const sql_inbox_next_row *row)
{
	booking *k = books_booking(b, row->object_id);
	str reason = row->body.n ? row->body : S("released");

	if (!k)
		return;
	if (k->now.life == LIFE_PENDING) {
		decide_withdraw(t, b, k, reason, row->actor);
		return;
	}
	if (k->evicted_by.n) {
		evicted_forget(t, k);
		turn_touch(t, k, row->actor);
		turn_reason(t, k, reason);
		return;
	}
	if (!lifecycle_may(k->now.life, LIFE_REVOKING))
		return;
	turn_touch(t, k, row->actor);
	k->now.life = LIFE_REVOKING;
	turn_reason(t, k, reason);
	metric_add(METRIC_PLACER_DECISIONS, DECISION_REVOKED, 1);
}

void decide_refused(turn *t, books *b, booking *k, str reason, str actor)
{
	turn_touch(t, k, actor);
	vec_clear(&k->avoid);
	vec_each (pod, &k->held.pods)
		vec_push(&k->avoid, pod->node);
	k->avoid_until_us = t->now_us + DECIDE_AVOID_US;
	turn_give(t, b, k);
	turn_placed(t, k, STR_NONE);
	turn_reason(t, k, str_print(t->a, "refused: " STR_FMT, STR_ARG(reason)));
	k->now.life = LIFE_PENDING;
	k->now.fence_no++;
	k->now.granted_at_us = 0;
	k->now.cluster_key = 0;
	t->refusals++;
	b->n_avoiding++;
	decide_terms(b, k);
	books_follow(b, k);
	decide_again(t, b, k, actor);
}

/* Its use of devices is at its end. */
static void use_ends(turn *t, const books *b, const booking *k, int64_t at_us)
{
	if (!k->now.running_at_us)
		return;
	vec_push(&t->closed, ((turn_close){.placement = k->id, .fence_no = k->now.fence_no, .ended_at_us = at_us}));
	for (uint32_t i = 0; i < k->held.devices.n; i++) {
		const plan_device *d = &k->held.devices.v[i];
		int64_t rate = books_rate(b, b->fleet.devices.v[d->device].class_id, d->charge.v[AXIS_DEVICE_MILLI]);
		vec_push(&t->uses, ((turn_use){k->tenant_key, -rate, at_us}));
	}
}

void decide_end(turn *t, books *b, booking *k, lifecycle life, int64_t at_us, str reason, str actor)
{
	turn_touch(t, k, actor);
	use_ends(t, b, k, at_us);
	turn_give(t, b, k);
	evicted_forget(t, k);
	k->now.life = life;
	k->now.ended_at_us = at_us;
	if (reason.n)
		turn_reason(t, k, reason);
	books_follow(b, k);
}

void decide_departed(turn *t, books *b, booking *k, int64_t at_us, str actor)
{
	decide_terms(b, k);
	/* A pod that was evicted is gone; whoever made it makes another, which comes by itself. */
	if (!k->terms.may_wait || str_eq(k->origin, S("pod"))) {
		decide_end(t, b, k, LIFE_REVOKED, at_us, STR_NONE, actor);
		return;
	}
	turn_touch(t, k, actor);
	use_ends(t, b, k, at_us);
	turn_give(t, b, k);
	turn_placed(t, k, STR_NONE);
	evicted_forget(t, k);
	k->now.life = LIFE_PENDING;
	k->now.fence_no++;
	k->now.granted_at_us = k->now.running_at_us = k->now.grace_s = 0;
	k->now.cluster_key = 0;
	k->waits_since_us = t->now_us;
	books_follow(b, k);
	decide_again(t, b, k, actor);
}

/* The first of the line, from where it stands, whose blockers have changed. */
static booking *line_next(const books *b, queue_line *l, int32_t *looks)
{
	for (; l->at; l->at = l->at->newer, ++*looks)
		if (!l->at->touch_at && change_concerns(&b->changes, &l->at->now.wait))
			return l->at;
	return NULL;
}

static queue_line *best_line(books *b, int64_t now_us, int32_t *looks)
{
	queue_line *best = NULL;

	for (uint32_t i = 0; i < b->waiting.lines.n; i++) {
		queue_line *l = b->waiting.lines.v[i];
		if (line_next(b, l, looks) && (!best || use_is_before(b, l, best, now_us)))
			best = l;
	}
	return best;
}

static bool walk_begin(books *b)
{
	if (b->looked == b->changes.count)
		return false;
	b->looked = b->changes.count;
	b->is_walking = true;
	queue_rewind(&b->waiting);
	return true;
}

bool decide_waiting(turn *t, books *b)
{
	int64_t until_us = clock_mono_us() + DECIDE_WALK_US;
	int32_t looks = 0;

	claims_expire(t, b);
	if (!b->is_walking && !walk_begin(b))
		return false;
	for (int32_t tries = 0; tries < DECIDE_TRIES_MAX && looks < DECIDE_LOOKS_MAX; tries++) {
		queue_line *l = best_line(b, t->now_us, &looks);
		if (!l) {
			b->is_walking = false;
			break;
		}
		booking *k = l->at;
		l->at = k->newer;
		decide_again(t, b, k, ACTOR_PLACER);
		if (clock_mono_us() > until_us)
			break;
	}
	return b->is_walking || b->looked != b->changes.count;
}

void decide_recall(books *b)
{
	int left = RECALL_MAX;

	map_each (slot, &b->bookings) {
		AUTO_ARENA a = arena_new(0);
		const booking *k = slot->value;
		placement_request q;
		request_ask w;
		reasons r;
		fault f;
		if (left-- == 0)
			break;
		if (request_read(b, k->tenant_key, k->request, a, &q, &f) == ERR_OK && request_to_ask(b, &q, a, &w, &r))
			market_arrive(b->market, &b->fleet, &w.ask);
	}
}
