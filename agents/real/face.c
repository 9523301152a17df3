#include <assert.h>
#include <stdlib.h>
#include "agents/real/real_inside.h"
#include "agents/real/wish.h"
#include "base/clock.h"
#include "engine/fit.h"

enum { SEATS_MAX = 1024, DENIAL_MAX = 200, CONFIG_TRIES = 60 };
#define CONFIG_EVERY_US  ((int64_t)300000000)
#define CONFIG_AGAIN_US  ((int64_t)500000)
#define CONFIG_SELDOM_US ((int64_t)30000000)
#define CLAIM_US         ((int64_t)REAL_CLAIM_S * 1000000)

static str face_uid(void *self)
{
	return ((real *)self)->spec.cluster_uid;
}

static js_list face_nodes(void *self, arena *a)
{
	real *r = self;

	roster_told(&r->roster);
	return roster_nodes(&r->roster, a);
}

/* Whether the devices are there and free, as all pods of the cluster leave them. */
static bool seats_fit(real *r, const work *w, str *ret_reason)
{
	fleet *f = stock_fleet(r->spec.stock);
	plan wish = {0};
	blocker first;

	plan_init(&wish);
	wish.cluster = stock_cluster(r->spec.stock);
	*ret_reason = STR_NONE;
	for (uint32_t i = 0; i < w->n_seats && !ret_reason->p; i++) {
		const seat *s = &w->seats[i];
		int32_t node = fleet_node_find(f, wish.cluster, str_from(s->node));
		if (node == FLEET_NONE) {
			*ret_reason = S("its node is not in this cluster");
			break;
		}
		plan_add_pod(&wish, 0, (int32_t)s->index, node, 0, 0);
		for (uint32_t k = 0; k < s->n_shares && !ret_reason->p; k++) {
			int32_t d = fleet_device_find(f, wish.cluster, s->shares[k].uuid);
			if (d == FLEET_NONE)
				*ret_reason = S("its device is not in this cluster");
			else
				plan_add_device(&wish, (plan_device){.device = d,
							       .memory_mib = s->shares[k].memory_mib,
							       .compute_milli = s->shares[k].compute_milli});
		}
	}
	if (!ret_reason->p && !fit_plan(f, &wish, &first))
		*ret_reason = str_from(why_title(first.code));
	plan_done(&wish);
	return !ret_reason->p;
}

static void pod_wake(real *r, const work *w)
{
	AUTO_ARENA a = arena_new(0);
	str uid = waits_of(r, str_from(w->id)), text = uid.p ? mirror_waiting(r->mirror, uid) : STR_NONE;
	pod p;

	if (text.n && pod_read(text, a, &p) == ERR_OK)
		wait_wake(r, &p, str_from(w->fence));
}

static bool face_start(void *self, const cluster_order *o, int64_t now_us, str *ret_reason)
{
	AUTO_ARENA a = arena_new(0);
	real *r = self;
	work *w = works_find(&r->works, o->id);

	if (w && str_eq(str_from(w->fence), o->fence))
		return true;
	if (w || o->placed.n > SEATS_MAX) {
		*ret_reason = w ? S("an older attempt still stands") : S("it has too many pods");
		return false;
	}
	str placed = placed_print(&o->placed, a);
	if (!placed.n || !ledger_fits(r, LEDGER_ORDER, placed.n + ledger_shares_bytes(0))) {
		*ret_reason = placed.n ? S("too many placements of this cluster wait for their pods")
				       : S("it has too many pods");
		return false;
	}
	w = works_add(&r->works, o->id, o->fence, o->tenant, S(""), 0);
	w->at_us = now_us;
	w->max_runtime_s = o->max_runtime_s;
	w->self_fence_s = o->self_fence_s;
	w->speak_s = o->speak_s;
	w->is_claimed = !str_eq(o->origin, S("pod"));
	seats_fill(r, w, &o->placed, a);
	if (!seats_fit(r, w, ret_reason)) {
		works_drop(&r->works, w);
		return false;
	}
	work_text(&w->placed, placed);
	works_order(&r->works, w);
	seats_hold(r, w);
	works_time(&r->works, w);
	pod_wake(r, w);
	rounds_claimed(r, o->id);
	return true;
}

static void work_end(work *w, const char *reason)
{
	if (!w->reason)
		w->reason = reason;
}

static bool face_stop(void *self, str name, str fence, int64_t grace_s, int64_t now_us)
{
	real *r = self;
	work *w = works_find(&r->works, name);

	if (!w || !str_eq(str_from(w->fence), fence))
		return false;
	if (grace_s == CLUSTER_AT_ONCE)
		work_end(w, "its cluster was cut off from the server for too long");
	w->is_stopping = true;
	w->grace_s = grace_s;
	stop_go(r, w, now_us);
	works_stir(&r->works, w);
	real_stir(r);
	return true;
}

static void face_deny(void *self, str name, str cause, int64_t now_us)
{
	AUTO_ARENA a = arena_new(0);
	real *r = self;
	str uid = waits_of(r, name), text = uid.p ? mirror_waiting(r->mirror, uid) : STR_NONE;
	str said = str_print(a, "its placement has ended: " STR_FMT, STR_ARG(str_cut(cause, 0, DENIAL_MAX)));
	pod p;

	if (!uid.p)
		return;
	waits_deny(r, uid, said);
	real_write(r);
	if (text.n && pod_read(text, a, &p) == ERR_OK)
		events_pod(r->events, p.meta.space, p.meta.name, p.meta.uid, true, "Denied", said, now_us);
}

static void face_drop(void *self, str name, str fence)
{
	real *r = self;
	work *w = works_find(&r->works, name);

	if (!w || !str_eq(str_from(w->fence), fence) || !w->has_phase || w->phase == CLUSTER_BOUND ||
		w->phase == CLUSTER_RUNNING)
		return;
	works_drop(&r->works, w);
	real_write(r);
}

static cluster_pods work_tell(const work *w, cluster_phase phase)
{
	int64_t at_us = phase == CLUSTER_RUNNING ? w->running_us : w->ended_us;

	return (cluster_pods){
		.id = str_from(w->id),
		.fence = str_from(w->fence),
		.phase = phase,
		.at_us = at_us ? at_us : clock_now_us(),
		.running_us = phase == CLUSTER_BOUND ? 0 : w->running_us,
		.self_fence_s = w->self_fence_s,
		.speak_s = w->speak_s,
		.reason = w->reason && phase != CLUSTER_BOUND && phase != CLUSTER_RUNNING ? str_from(w->reason)
											  : STR_NONE,
	};
}

static void listed_tell(
	real *r, work *w, cluster_phase phase, void (*visit)(void *arg, const cluster_pods *p), void *arg)
{
	AUTO_ARENA a = arena_new(0);
	placed_pod *all = ARENA_ARRAY(a, placed_pod, w->n_seats + 1);
	cluster_pods told = work_tell(w, phase);
	cluster_let_in let_in = {
		.tenant = str_from(w->tenant), .loan = str_from(w->loan), .charge = w->charge, .at_us = w->at_us};

	told.placed = (js_list){all, 0};
	for (uint32_t i = 0; i < w->n_seats; i++) {
		js_list one = seat_placed(r, &w->seats[i], a);
		all[told.placed.n++] = *(placed_pod *)one.v;
	}
	if (w->n_seats)
		let_in.request = wish_of_placed(&told.placed,
			&(wish_pod){let_in.tenant, str_from(w->seats[0].space), str_from(w->seats[0].pod),
				str_from(w->priority), w->max_runtime_s},
			a);
	told.let_in = w->loan[0] ? &let_in : NULL;
	w->has_phase = true;
	w->phase = phase;
	visit(arg, &told);
}

static void order_list(work *w, void (*visit)(void *arg, const cluster_pods *p), void *arg)
{
	AUTO_ARENA a = arena_new(0);
	cluster_pods told = work_tell(w, CLUSTER_AWAITED);
	placement p;

	str json = str_print(a, "{\"placed\":%s}", w->placed);
	if (js_read_output(&placement_type, json, a, &p, NULL))
		return;
	told.placed = p.placed;
	visit(arg, &told);
}

static void face_list(void *self, void (*visit)(void *arg, const cluster_pods *p), void *arg)
{
	real *r = self;

	foreign_take(r);
	map_each (slot, &r->works.by_id) {
		cluster_phase phase;
		work *w = slot->value;
		if (work_is_ordered(w))
			order_list(w, visit, arg);
		else if (work_phase(w, &phase))
			listed_tell(r, w, phase, visit, arg);
	}
	vec_each (at, &r->works.news)
		(*at)->is_news = false;
	vec_clear(&r->works.news);
}

/* A pod that fails takes its fellows along: they began together. */
static void fellows_stop(real *r, work *w, int64_t now_us)
{
	bool is_broken = false;

	for (uint32_t i = 0; i < w->n_seats; i++)
		is_broken |= w->seats[i].state == SEAT_FAILED || w->seats[i].state == SEAT_GONE;
	if (!is_broken || w->n_seats < 2)
		return;
	work_end(w, "one of its pods has ended");
	stop_go(r, w, now_us);
	for (uint32_t i = 0; i < w->n_seats; i++)
		if (w->seats[i].state == SEAT_AWAITED && !w->seats[i].uid[0])
			seat_move(&r->works, w, &w->seats[i], SEAT_GONE, now_us);
}

static const char *reason_of(const work *w)
{
	for (uint32_t i = 0; i < w->n_seats; i++) {
		if (w->seats[i].state == SEAT_FAILED)
			return "a pod of it failed";
		if (w->seats[i].state == SEAT_GONE)
			return "its pod was deleted";
	}
	return NULL;
}

static void news_tell(real *r, work *w, const cluster_events *e, int64_t now_us)
{
	cluster_phase phase;

	w->is_news = false;
	if (w->is_stopping)
		stop_go(r, w, now_us);
	else
		fellows_stop(r, w, now_us);
	if (!work_phase(w, &phase) || (w->has_phase && phase == w->phase))
		return;
	bool is_over = phase != CLUSTER_BOUND && phase != CLUSTER_RUNNING;
	if (is_over && phase != CLUSTER_STOPPED && !w->reason)
		w->reason = reason_of(w);
	w->has_phase = true;
	w->phase = phase;
	cluster_pods told = work_tell(w, phase);
	e->on_phase(e->arg, &told);
	if (is_over)
		real_write(r);
}

/* One that nobody came for, or that has run for as long as it may. */
static void time_look(real *r, work *w, int64_t now_us)
{
	bool is_awaited = w->is_claimed && !work_is_seated(w);
	bool is_orphan = !w->is_claimed && work_is_ordered(w) && !w->seats[0].uid[0] && !waits_of(r, str_from(w->id)).p;

	if (!w->is_stopping && ((is_awaited && now_us >= w->at_us + CLAIM_US) || is_orphan)) {
		work_end(w, is_orphan ? "its pod is gone" : "no pod came for it in time");
		for (uint32_t i = 0; i < w->n_seats; i++) {
			seat_free(r, w, &w->seats[i]);
			if (w->seats[i].state == SEAT_AWAITED && !w->seats[i].uid[0])
				seat_move(&r->works, w, &w->seats[i], SEAT_FAILED, now_us);
		}
	}
	if (!w->is_cut && work_is_due(w, now_us)) {
		work_end(w, "max_runtime_s has passed");
		w->is_cut = true;
	}
	if (w->is_cut || w->is_stopping)
		stop_go(r, w, now_us);
}

/* Long after the agent that sent it was gone, and the pod still waits: that Binding never comes. */
static void binds_expire(real *r, int64_t now_us)
{
	bind_row *old = NULL;

	map_each (slot, &r->binds) {
		bind_row *b = slot->value;
		if (b->inherited_us && now_us >= b->inherited_us + 2 * r->spec.unknown_us)
			old = b;
	}
	if (!old)
		return;
	stock_release(r->spec.stock, str_from(old->uid));
	bind_failed(r, old);
}

static void sweep(real *r, int64_t now_us)
{
	if (now_us < r->sweep_us)
		return;
	r->sweep_us = now_us + REAL_SWEEP_US;
	foreign_adopt(r, now_us);
	for (uint32_t i = 0; i < r->works.timed.n; i++)
		time_look(r, r->works.timed.v[i], now_us);
	binds_expire(r, now_us);
	yields_sweep(r, now_us);
}

static int64_t face_turn(void *self, const cluster_events *e, int64_t now_us)
{
	real *r = self;

	roster_tell(&r->roster, e);
	used_tell(r, e);
	sweep(r, now_us);
	while (r->works.news.n) {
		work *w = vec_pop(&r->works.news);
		news_tell(r, w, e, now_us);
	}
	int64_t look_us = r->agent ? waits_look(r, e, now_us) : CLUSTER_NEVER;
	bool waits = r->works.timed.n || r->waits.n || r->binds.n || r->foreign.n || r->yields.n;
	int64_t next_us = waits ? r->sweep_us : CLUSTER_NEVER;
	return look_us < next_us ? look_us : next_us;
}

static err face_flush(void *self, fault *f)
{
	(void)f;
	real_write(self);
	return ERR_OK;
}

static bool face_is_kept(void *self)
{
	const real *r = self;

	return vault_has(r->vault, r->flushed);
}

/* Whether there are devices of which nobody knows the class. */
static bool has_unknown(const real *r)
{
	for (uint32_t i = 0; vendor_at(i); i++) {
		stock_classes all = stock_classes_of(r->spec.stock, vendor_at(i));
		for (uint32_t k = 0; k < all.n; k++)
			if (!models_class(&r->models, all.products[k]).n)
				return true;
	}
	return false;
}

/* A product that the server just heard of is classed in a moment; one that no class fits may never be. */
static bool face_wants_config(void *self, bool *ret_soon)
{
	real *r = self;
	int64_t now_us = clock_mono_us();
	bool is_unknown = has_unknown(r);

	/* A product that came behind the last answer is not to wait for the next one. */
	if (is_unknown && !r->is_unknown)
		r->config_us = 0;
	r->is_unknown = is_unknown;
	*ret_soon = is_unknown && r->misses < CONFIG_TRIES;
	if (now_us < r->config_us)
		return false;
	r->misses = is_unknown ? r->misses + 1 : 0;
	r->config_us = now_us + (*ret_soon ? CONFIG_AGAIN_US : is_unknown ? CONFIG_SELDOM_US : CONFIG_EVERY_US);
	return true;
}

static void face_take_config(void *self, const sync_config *c)
{
	real *r = self;
	bool lacked_config = r->lacks_config;

	r->lacks_config = false;
	if (!models_take(&r->models, c) && !lacked_config)
		return;
	real_spaces_tell(r);
	r->misses = 0;
	real_look_again(r);
}

static void face_settled(void *self)
{
	real *r = self;

	waits_settled(r);
	if (r->spec.on_settled && !r->usages.n)
		r->spec.on_settled(r->spec.arg);
}

cluster_ref real_cluster(real *r)
{
	static const cluster_face face = {
		.uid = face_uid,
		.nodes = face_nodes,
		.start = face_start,
		.stop = face_stop,
		.deny = face_deny,
		.drop = face_drop,
		.list = face_list,
		.turn = face_turn,
		.flush = face_flush,
		.is_kept = face_is_kept,
		.is_scheduled = true,
		.wants_config = face_wants_config,
		.take_config = face_take_config,
		.settled = face_settled,
	};

	return (cluster_ref){&face, r};
}
