#include "server/placer/decide.h"

#include "base/clock.h"
#include "base/metric.h"
#include "engine/fleet.h"
#include "server/placer/body.h"

enum { RECALL_MAX = 4000 };

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
	bool found = place_find(b->room, &b->fleet, b->tree, p->handle, &w->ask, &k->held, &r->why);

	metric_observe_us(METRIC_PLACER_DECIDE_TIME, clock_mono_us() - began_us);
	avoid_end(b, closed, n);
	return found;
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

static void grant(turn *t, books *b, booking *k, const request_ask *w, str actor)
{
	turn_touch(t, k, actor);
	k->now.life = LIFE_GRANTED;
	k->now.fence_incarnation = b->incarnation;
	k->now.granted_at_us = t->now_us;
	k->now.cluster_key = b->site_of.v[k->held.cluster]->key;
	k->now.wait = (booking_wait){0};
	vec_clear(&k->avoid);
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
	books_follow(b, k);
	metric_add(METRIC_PLACER_DECISIONS, DECISION_REJECTED, 1);
}

static void attempt(turn *t, books *b, booking *k, const placement_request *q, str actor, bool is_new)
{
	request_ask w;
	reasons r;

	if (books_payer(b, k->tenant_key)->is_deleted) {
		reject(t, b, k, S("tenant_deleted"), actor);
		return;
	}
	bool is_ask = request_to_ask(b, q, t->a, &w, &r);
	if (is_ask && is_new)
		market_arrive(b->market, &b->fleet, &w.ask);
	if (is_ask && find(t, b, k, &w, &r))
		grant(t, b, k, &w, actor);
	else
		deny(t, b, k, w.may_wait, &r, actor);
}

static void try_again(turn *t, books *b, booking *k, str actor)
{
	placement_request q;
	fault f;

	if (request_read(k->request, t->a, &q, &f))
		reject(t, b, k, S("not_a_request"), actor);
	else
		attempt(t, b, k, &q, actor, false);
}

/* Enters the books, not decided on yet. NULL: known already, or of a tenant that nobody knows. */
static booking *enter(turn *t, books *b, const sql_inbox_next_row *row, str name)
{
	booking_birth birth = {.id = row->object_id,
		.name = name,
		.origin = S("api"),
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
	booking *k = enter(t, b, row, STR_NONE);

	if (k)
		reject(t, b, k, S("not_storable"), row->actor);
}

void decide_place(turn *t, books *b, const sql_inbox_next_row *row)
{
	placement_request q;
	fault f;
	err e = request_read(row->body, t->a, &q, &f);
	booking *k = enter(t, b, row, e ? STR_NONE : q.name);

	if (!k)
		return;
	if (e)
		reject(t, b, k, S("not_a_request"), row->actor);
	else
		attempt(t, b, k, &q, row->actor, true);
}

/* Holds nothing that an agent knows of. */
static void end_waiting(turn *t, books *b, booking *k, str reason, str actor)
{
	turn_touch(t, k, actor);
	k->now.life = LIFE_REVOKED;
	k->now.ended_at_us = t->now_us;
	turn_reason(t, k, reason);
	books_follow(b, k);
	metric_add(METRIC_PLACER_DECISIONS, DECISION_REVOKED, 1);
}

void decide_release(turn *t, books *b, const sql_inbox_next_row *row)
{
	booking *k = books_booking(b, row->object_id);
	str reason = row->body.n ? row->body : S("released");

	if (!k)
		return;
	if (k->now.life == LIFE_PENDING) {
		end_waiting(t, b, k, reason, row->actor);
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
	books_follow(b, k);
	try_again(t, b, k, actor);
}

void decide_end(turn *t, books *b, booking *k, lifecycle life, int64_t at_us, str reason, str actor)
{
	turn_touch(t, k, actor);
	if (k->now.running_at_us)
		vec_push(&t->closed,
			((turn_close){.placement = k->id, .fence_no = k->now.fence_no, .ended_at_us = at_us}));
	turn_give(t, b, k);
	k->now.life = life;
	k->now.ended_at_us = at_us;
	if (reason.n)
		turn_reason(t, k, reason);
	books_follow(b, k);
}

bool decide_waiting(turn *t, books *b)
{
	int32_t tries = 0;

	if (!b->look_at) {
		if (b->looked == b->changes.count)
			return false;
		b->looked = b->changes.count;
		b->look_at = b->waiting.oldest;
	}
	for (int32_t looks = 0; b->look_at && looks < DECIDE_LOOKS_MAX && tries < DECIDE_TRIES_MAX; looks++) {
		booking *k = b->look_at;
		b->look_at = k->newer;
		if (k->touch_at || !change_concerns(&b->changes, &k->now.wait))
			continue;
		tries++;
		try_again(t, b, k, ACTOR_PLACER);
	}
	return b->look_at || b->looked != b->changes.count;
}

void decide_forgive(books *b, int64_t now_us)
{
	uint32_t left = 0;

	for (booking *k = b->n_avoiding ? b->waiting.oldest : NULL; k; k = k->newer) {
		if (!k->avoid.n)
			continue;
		if (k->avoid_until_us > now_us) {
			left++;
			continue;
		}
		vec_clear(&k->avoid);
		k->now.wait.tried = 0;
		b->looked = 0;
	}
	b->n_avoiding = left;
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
		if (request_read(k->request, a, &q, &f) == ERR_OK && request_to_ask(b, &q, a, &w, &r))
			market_arrive(b->market, &b->fleet, &w.ask);
	}
}
