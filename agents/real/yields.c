#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/scheduling/victims.h"
#include "agents/real/real_inside.h"
#include "base/clock.h"

/* Nodes that are looked at for one pod, and nodes with enough victims among which the best is taken. */
enum { NODES_MAX = 1000, FOUND_MAX = 100, KEY_MAX = 128, WORD_BITS = 64, VICTIM_BYTES = 512 /* in the ledger */ };
#define ASK_EVERY_US ((int64_t)5000000)
#define KEEP_US      ((int64_t)600000000)
/* The scheduler may find victims of its own on other nodes, where whole devices are short: it goes first. */
#define PATIENCE_US  ((int64_t)1000000)

static yield_row *yield_find(const real *r, str uid)
{
	return uid.n ? map_find(&r->yields, uid) : NULL;
}

static str key_of(const yield_row *y, char out[KEY_MAX])
{
	int n = snprintf(out, KEY_MAX, "yield/%s", y->place.uid);

	return str_of(out, n < KEY_MAX ? (size_t)n : KEY_MAX - 1);
}

static void hold(real *r, yield_row *y)
{
	char key[KEY_MAX];

	y->is_lifted = false;
	stock_reserve(
		r->spec.stock, key_of(y, key), S(""), str_from(y->place.node), y->place.shares, y->place.n_shares);
}

static void unhold(real *r, yield_row *y)
{
	char key[KEY_MAX];

	y->is_lifted = true;
	stock_release(r->spec.stock, key_of(y, key));
}

static void row_free(yield_row *y)
{
	free(y->place.uid);
	free(y->place.space);
	free(y->place.pod);
	free(y->place.node);
	free(y->place.shares);
	free(y->place.uuids);
	for (uint32_t i = 0; i < y->n; i++) {
		free(y->victims[i].uid);
		free(y->victims[i].space);
		free(y->victims[i].pod);
	}
	free(y->victims);
	free(y);
}

void yields_drop(real *r, str uid)
{
	yield_row *y = yield_find(r, uid);

	if (!y)
		return;
	(void)map_remove(&r->yields, uid);
	r->room.is_less = true;
	unhold(r, y);
	row_free(y);
	real_write(r);
}

void yields_done(real *r)
{
	map_each (slot, &r->yields)
		row_free(slot->value);
	map_done(&r->yields);
}

static yield_row *row_add(real *r, const object_meta *of, str node, const stock_share *shares, uint32_t n_shares)
{
	yield_row *y = calloc(1, sizeof(*y));

	assert(y);
	work_text(&y->place.uid, of->uid);
	work_text(&y->place.space, of->space);
	work_text(&y->place.pod, of->name);
	work_text(&y->place.node, node);
	seat_shares(&y->place, shares, n_shares);
	(void)map_put(&r->yields, str_from(y->place.uid), y);
	hold(r, y);
	return y;
}

static void victim_add(yield_row *y, uint32_t most, str uid, str space, str name)
{
	if (!y->victims)
		y->victims = calloc(most, sizeof(*y->victims));
	assert(y->victims && y->n < most);
	work_text(&y->victims[y->n].uid, uid);
	work_text(&y->victims[y->n].space, space);
	work_text(&y->victims[y->n].pod, name);
	y->n++;
}

const plan *yields_kept(const real *r, str uid)
{
	const yield_row *y = yield_find(r, uid);
	char key[KEY_MAX];
	str space;

	return y && !y->is_lifted ? stock_pod_plan(r->spec.stock, key_of(y, key), &space) : NULL;
}

void yields_lift(real *r, str uid)
{
	yield_row *y = yield_find(r, uid);

	if (y && !y->is_lifted)
		unhold(r, y);
}

void yields_back(real *r, str uid)
{
	yield_row *y = yield_find(r, uid);

	if (y && y->is_lifted)
		hold(r, y);
}

/* A placement of several pods yields as a whole or not at all: that is the server's to decide. */
bool real_may_yield(void *arg, str uid)
{
	const real *r = arg;
	seat *s;
	const work *w = works_of_pod(&r->works, uid, &s);

	return !w || w->n_seats < 2;
}

static const fleet *fleet_of(const real *r)
{
	return stock_fleet(r->spec.stock);
}

void wait_full_drop(wait_row *w)
{
	free(w->full);
	w->full = NULL;
}

/* The scheduler would take these nodes, and there is no room on any. */
void yields_full(void *arg, const pod *p, const int32_t *nodes, uint32_t n)
{
	real *r = arg;
	wait_row *w = map_find(&r->waits, p->meta.uid);
	int64_t now_us = clock_now_us();

	if (!r->agent || !w || p->is_meek || p->priority <= stock_priority_least(r->spec.stock) ||
		yield_find(r, p->meta.uid))
		return;
	/* However often the scheduler looks again meanwhile. */
	w->full_us = w->full ? w->full_us : now_us;
	wait_full_drop(w);
	w->full = calloc(fleet_of(r)->nodes.n / WORD_BITS + 1, sizeof(*w->full));
	assert(w->full);
	for (uint32_t i = 0; i < n; i++)
		w->full[nodes[i] / WORD_BITS] |= (uint64_t)1 << (nodes[i] % WORD_BITS);
	w->full_at = fleet_of(r)->rank_moves;
	r->full_us = r->full_us ? r->full_us : w->full_us;
}

typedef struct chooser {
	real *r;
	const pod *p;
	victims_ask ask;
} chooser;

static bool may_go(void *arg, const stock_entry *e)
{
	const chooser *c = arg;

	return real_is_one_tenant(c->r, c->p->meta.space, e->space) && real_may_yield(c->r, e->uid);
}

/* The node on which the least is lost, or an absent name. */
static str node_choose(const chooser *c, const wait_row *w, arena *a)
{
	const fleet *f = fleet_of(c->r);
	victims best = {0};
	str node = STR_NONE;
	int found = 0, looked = 0;

	for (uint32_t i = 0; i < f->nodes.n && found < FOUND_MAX && looked < NODES_MAX; i++) {
		AUTO_ARENA mine = arena_new(0);
		victims here;
		if (!(w->full[i / WORD_BITS] >> (i % WORD_BITS) & 1) || f->nodes.v[i].cluster == FLEET_NONE)
			continue;
		looked++;
		if (!victims_choose(&c->ask, f->node_names.v[i], mine, &here))
			continue;
		found++;
		if (node.p && !victims_are_less(&here, &best))
			continue;
		node = f->node_names.v[i];
		best.v = ARENA_ARRAY(a, victim, here.n + 1);
		best.n = here.n;
		memcpy(best.v, here.v, here.n * sizeof(*best.v));
	}
	return node;
}

/* The ledger has room for it, beside what matters more. */
static bool yield_fits(const chooser *c, const victims *v)
{
	return ledger_fits(c->r, LEDGER_ORDER, ledger_shares_bytes(v->n_shares) + (size_t)v->n * VICTIM_BYTES);
}

static void yield_begin(chooser *c, str node, arena *a)
{
	victims is;

	if (!victims_choose(&c->ask, node, a, &is) || !yield_fits(c, &is))
		return;
	yield_row *y = row_add(c->r, &c->p->meta, node, is.shares, is.n_shares);
	for (uint32_t i = 0; i < is.n; i++)
		victim_add(y, is.n, is.v[i].uid, is.v[i].space, is.v[i].name);
	real_write(c->r);
	y->number = c->r->flushed;
}

static void nominated_keep(const chooser *c, int64_t now_us, arena *a)
{
	victims is;

	if (!victims_choose(&c->ask, c->p->nominated, a, &is) || !yield_fits(c, &is))
		return;
	yield_row *y = row_add(c->r, &c->p->meta, c->p->nominated, is.shares, is.n_shares);
	y->begun_us = now_us;
	y->is_nominated = true;
}

/* The scheduler has thought better of it. */
static void nominated_follow(real *r, const pod *p)
{
	const yield_row *y = yield_find(r, p->meta.uid);

	if (y && y->is_nominated && !str_eq(str_from(y->place.node), p->nominated))
		yields_drop(r, p->meta.uid);
}

void yields_look(real *r, wait_row *w, const pod *p, const pod_ask *q, int64_t now_us, arena *a)
{
	fit_need need;
	chooser c = {r, p, {.stock = r->spec.stock, .need = &need, .budgets = r->spec.budgets}};
	str node = STR_NONE;

	nominated_follow(r, p);
	if (yield_find(r, p->meta.uid) || (!w->full && !p->nominated.n))
		return;
	if (!p->nominated.n && now_us < w->full_us + PATIENCE_US) {
		r->full_us = r->full_us ? r->full_us : w->full_us;
		return;
	}
	fit_prepare(&need, &q->a, &q->group, NULL);
	c.ask.quotas = r->quotas;
	c.ask.pod = p;
	c.ask.ask = q;
	c.ask.priority = p->priority;
	c.ask.may_go = may_go;
	c.ask.arg = &c;
	if (p->nominated.n) {
		/* The scheduler has seen to the victims: what they leave is kept, and nobody else is asked to go. */
		nominated_keep(&c, now_us, a);
	} else if (w->full_at == fleet_of(r)->rank_moves) {
		node = node_choose(&c, w, a);
	} else {
		wait_wake(r, p, str_print(a, "%lld", (long long)now_us));
	}
	wait_full_drop(w);
	if (node.n) {
		yield_begin(&c, node, a);
		yields_sweep(r, now_us);
	}
}

typedef struct eviction {
	real *r;
	uint32_t for_n, uid_n;
	char text[]; /* uid of the pod that waits, then of the victim */
} eviction;

static bool has_begun(const yield_row *y)
{
	for (uint32_t i = 0; i < y->n; i++)
		if (y->victims[i].is_going)
			return true;
	return false;
}

static void victim_told(real *r, const yield_row *y, const yield_victim *v, int64_t now_us)
{
	AUTO_ARENA a = arena_new(0);

	events_pod(r->events, str_from(v->space), str_from(v->pod), str_from(v->uid), false, "Preempted",
		str_print(a, "by %s/%s, of higher priority, on %s", y->place.space, y->place.pod, y->place.node),
		now_us);
}

static void evicted(real *r, str for_uid, str uid, const kube_reply *reply)
{
	yield_row *y = yield_find(r, for_uid);

	for (uint32_t i = 0; y && i < y->n; i++) {
		yield_victim *v = &y->victims[i];
		if (!str_eq(str_from(v->uid), uid))
			continue;
		if (kube_is_done(reply) && !v->is_going)
			victim_told(r, y, v, v->asked_us);
		v->is_going |= kube_is_done(reply) || reply->status == 404;
	}
	/* A budget that stands in the way of the first stands for all: another choice is made. */
	if (y && reply->status == 429 && !has_begun(y))
		yields_drop(r, for_uid);
}

static void on_evicted(void *arg, const kube_reply *reply)
{
	eviction *e = arg;

	if (reply->e != ERR_CLOSED)
		evicted(e->r, str_of(e->text, e->for_n), str_of(e->text + e->for_n, e->uid_n), reply);
	free(e);
}

static void victim_evict(real *r, const yield_row *y, yield_victim *v, int64_t now_us)
{
	str for_uid = str_from(y->place.uid), uid = str_from(v->uid);
	eviction *e = calloc(1, sizeof(*e) + for_uid.n + uid.n);

	assert(e);
	e->r = r;
	e->for_n = for_uid.n;
	e->uid_n = uid.n;
	memcpy(e->text, for_uid.p, for_uid.n);
	memcpy(e->text + for_uid.n, uid.p, uid.n);
	v->asked_us = now_us;
	(void)kube_evict(r->spec.kube, str_from(v->space), str_from(v->pod), uid, -1, (kube_done){on_evicted, e});
}

/* One after the other until the first may go: a budget may forbid it, and then nobody goes. */
static void row_sweep(real *r, yield_row *y, int64_t now_us)
{
	if (!y->begun_us)
		y->begun_us = now_us;
	if (y->n && r->vault && !vault_has(r->vault, y->number))
		return;
	for (uint32_t i = 0; i < y->n; i++) {
		yield_victim *v = &y->victims[i];
		str space;
		bool is_here = stock_pod_plan(r->spec.stock, str_from(v->uid), &space) != NULL;
		v->is_going |= !is_here;
		if (is_here && !v->is_going && (!v->asked_us || now_us >= v->asked_us + ASK_EVERY_US))
			victim_evict(r, y, v, now_us);
		if (!has_begun(y))
			return;
	}
}

static void full_stir(real *r)
{
	map_each (slot, &r->waits)
		if (((const wait_row *)slot->value)->full)
			rounds_fresh(r, slot->value);
}

void yields_sweep(real *r, int64_t now_us)
{
	yield_row *old = NULL;

	if (!r->agent)
		return;
	if (r->full_us && now_us >= r->full_us + PATIENCE_US) {
		r->full_us = 0;
		full_stir(r);
	}
	map_each (slot, &r->yields) {
		yield_row *y = slot->value;
		row_sweep(r, y, now_us);
		if (now_us >= y->begun_us + KEEP_US)
			old = y;
	}
	if (old) {
		AUTO_ARENA a = arena_new(0);
		yields_drop(r, str_dup(a, str_from(old->place.uid)));
	}
}

js_list yields_keep(const real *r, arena *a)
{
	ledger_yield *all = ARENA_ARRAY(a, ledger_yield, r->yields.n + 1);
	uint32_t n = 0;

	map_each (slot, &r->yields) {
		const yield_row *y = slot->value;
		ledger_victim *who = ARENA_ARRAY(a, ledger_victim, y->n + 1);
		for (uint32_t i = 0; i < y->n; i++)
			who[i] = (ledger_victim){str_from(y->victims[i].uid), str_from(y->victims[i].space),
				str_from(y->victims[i].pod)};
		all[n++] = (ledger_yield){str_from(y->place.uid), str_from(y->place.space), str_from(y->place.pod),
			str_from(y->place.node), shares_keep(y->place.shares, y->place.n_shares, a), {who, y->n}};
	}
	return (js_list){all, n};
}

void yield_inherit(real *r, const ledger_yield *from)
{
	AUTO_ARENA a = arena_new(0);
	const ledger_victim *v = from->victims.v;
	object_meta of = {.uid = from->uid, .space = from->space, .name = from->pod};
	stock_share *shares = shares_of(&from->shares, a);

	if (!mirror_waiting(r->mirror, from->uid).p || yield_find(r, from->uid))
		return;
	yield_row *y = row_add(r, &of, from->node, shares, from->shares.n);
	for (uint32_t i = 0; i < from->victims.n; i++)
		victim_add(y, from->victims.n, v[i].uid, v[i].space, v[i].pod);
}
