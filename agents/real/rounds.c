/* Rounds: when waiting pods are looked at.
 *
 * A pod that came or changed is looked at by itself. What its tenant is lent changes: the tenant's are, one after the
 * other; the placement that they claim is granted: those that claim it are; namespaces or classes change, or the server
 * answers again: all are. Behind that all are looked at once in SLOW_US, so that what no event tells is found all the
 * same. Of a tenant that was lent too little for all that wait, those that it pays for are waked, and a second later
 * the next ones, in turn: the first may not fit.
 */
#include <assert.h>
#include <stdlib.h>
#include "agents/real/real_inside.h"
#include "agents/real/wish.h"
#include "json/write.h"

enum {
	PATCH_MAX = 4096,
	WAKES_MAX = 16 /* in WAKES_US */,
	HELD_MAX = 64 /* of a round, the rest comes with the next */
};
#define NOWHERE  UINT32_MAX
#define WAKES_US ((int64_t)100000)
/* Those that were waked for what is free are looked at by their scheduler before others are. */
#define HELD_US  ((int64_t)1000000)
#define SLOW_US  ((int64_t)30000000)

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static wait_group *group_of(real *r, str name)
{
	wait_group *g = map_find(&r->groups, name);

	if (g)
		return g;
	g = calloc(1, sizeof(*g) + name.n);
	assert(g);
	g->due_us = CLUSTER_NEVER;
	g->name_n = name.n;
	if (name.n)
		memcpy(g->name, name.p, name.n);
	(void)map_put(&r->groups, str_of(g->name, g->name_n), g);
	return g;
}

static void waked_clear(wait_group *g)
{
	map_each (slot, &g->waked)
		free(slot->value);
	map_clear(&g->waked);
}

static void group_free(wait_group *g)
{
	waked_clear(g);
	map_done(&g->waked);
	vec_done(&g->rows);
	free(g);
}

static wait_group *group_for(real *r, const wait_row *w)
{
	AUTO_ARENA a = arena_new(0);
	str text = mirror_waiting(r->mirror, str_of(w->uid, w->uid_n)), name = STR_NONE;
	pod p;

	if (text.n && pod_read(text, a, &p) == ERR_OK)
		name = name_claimed(&p);
	if (text.n && !name.n)
		name = spaces_tenant(r->spec.spaces, p.meta.space);
	return group_of(r, name.n ? name : S(""));
}

void rounds_join(real *r, wait_row *w)
{
	w->group = group_for(r, w);
	w->group_at = w->group->rows.n;
	vec_push(&w->group->rows, w);
}

static void group_leave(wait_row *w)
{
	wait_group *g = w->group;

	vec_remove_fast(&g->rows, w->group_at);
	if (w->group_at < g->rows.n)
		g->rows.v[w->group_at]->group_at = w->group_at;
	w->group = NULL;
}

static void fresh_leave(real *r, wait_row *w)
{
	uint32_t at = w->fresh_at;

	if (!at)
		return;
	vec_remove_fast(&r->fresh, at - 1);
	if (at - 1 < r->fresh.n)
		r->fresh.v[at - 1]->fresh_at = at;
	w->fresh_at = 0;
}

void rounds_leave(real *r, wait_row *w)
{
	wait_group *g = w->group;

	fresh_leave(r, w);
	group_leave(w);
	if (g->rows.n)
		return;
	(void)map_remove(&r->groups, str_of(g->name, g->name_n));
	group_free(g);
}

void rounds_fresh(real *r, wait_row *w)
{
	if (w->fresh_at)
		return;
	vec_push(&r->fresh, w);
	w->fresh_at = r->fresh.n;
}

void rounds_done(real *r)
{
	map_each (slot, &r->groups)
		group_free(slot->value);
	map_done(&r->groups);
	vec_done(&r->fresh);
}

/* A round that goes on is followed by another. */
static void group_stir(wait_group *g, int64_t now_us)
{
	int64_t after_us = g->began_us + (g->held ? HELD_US : WAKES_US);
	int64_t due_us = g->began_us && after_us > now_us ? after_us : now_us;

	g->due_us = least(g->due_us, due_us);
}

void rounds_claimed(real *r, str name)
{
	wait_group *g = map_find(&r->groups, name);

	for (uint32_t i = 0; g && i < g->rows.n; i++)
		rounds_fresh(r, g->rows.v[i]);
}

static void on_sent(void *arg, const kube_reply *r)
{
	(void)arg;
	(void)r;
}

void wait_wake(real *r, const pod *p, str word)
{
	AUTO_ARENA a = arena_new(0);
	buf body;

	buf_init(&body, PATCH_MAX);
	js_writer w = js_writer_on(&body);
	js_object_begin(&w);
	js_key(&w, S("metadata"));
	js_object_begin(&w);
	js_put_text(&w, "uid", p->meta.uid);
	js_key(&w, S("labels"));
	js_object_begin(&w);
	js_put_text(&w, NAME_STIR_KEY, word);
	js_object_end(&w);
	js_object_end(&w);
	js_object_end(&w);
	str path = str_print(
		a, "/api/v1/namespaces/" STR_FMT "/pods/" STR_FMT, STR_ARG(p->meta.space), STR_ARG(p->meta.name));
	(void)kube_patch(r->spec.kube, path, buf_str(&body), (kube_done){on_sent, NULL});
	buf_done(&body);
}

static void server_ask(real *r, wait_row *w, const pod *p, str tenant, const cluster_events *e, arena *a)
{
	pod_ask *q = ARENA_NEW(a, pod_ask); /* whole: the one that was looked at has lost classes */

	if (pod_ask_read(p, r->spec.stock, (pod_policies){0}, a, q, NULL))
		return;
	str request = wish_request(p, q, r->spec.stock, &r->models, tenant, a);
	if (!request.n)
		return;
	if (!w->is_asked && !waits_asked(r, w, tenant)) {
		w->group->is_short = true;
		return;
	}
	w->is_told = w->is_asked = true;
	real_write(r);
	e->on_pod(e->arg, &(cluster_pod){tenant, request, id_str(&w->name)});
}

/* The server has it, and has not ordered a place for it: nothing of ours lets it in. */
static bool is_servers(const real *r, const wait_row *w)
{
	return w->is_told && !works_find(&r->works, id_str(&w->name));
}

typedef enum look { LOOK_DONE, LOOK_HELD /* what is lent does not pay for it now */ } look;

static look wait_look(real *r, wait_row *w, const cluster_events *e, int64_t now_us)
{
	AUTO_ARENA a = arena_new(0);
	pod_ask *q = ARENA_NEW(a, pod_ask);
	str text = mirror_waiting(r->mirror, str_of(w->uid, w->uid_n));
	pod p;

	r->looks++;
	if (!text.n || bind_find(r, str_of(w->uid, w->uid_n)) || pod_read(text, a, &p) || p.is_gated || p.is_leaving ||
		pod_ask_read(&p, r->spec.stock, (pod_policies){0}, a, q, NULL) || q->missing)
		return LOOK_DONE;
	desk_answer d = desk_look(r, &p, q, now_us, a);
	if (d.word == DESK_WANT && !w->is_told && agent_is_in_touch(r->agent))
		server_ask(r, w, &p, d.tenant, e, a);
	if (d.word != DESK_OPEN && d.word != DESK_ORDERED)
		return LOOK_DONE;
	if (d.word == DESK_OPEN)
		yields_look(r, w, &p, q, now_us, a);
	if (w->was_refused && d.word == DESK_OPEN && !desk_wakes(r, w->group, q, d.tenant, now_us))
		return LOOK_HELD;
	if (!w->was_refused)
		return LOOK_DONE;
	r->wakes++;
	wait_wake(r, &p, str_print(a, "%lld", (long long)now_us));
	w->was_refused = false;
	return LOOK_DONE;
}

static bool may_wake(real *r, int64_t now_us)
{
	if (now_us >= r->wakes_us + WAKES_US || now_us < r->wakes_us) {
		r->wakes_us = now_us;
		r->wakes = 0;
	}
	return r->wakes < WAKES_MAX;
}

static void fresh_look(real *r, const cluster_events *e, int64_t now_us, int *left)
{
	for (; r->fresh.n && *left > 0 && may_wake(r, now_us); (*left)--) {
		wait_row *w = r->fresh.v[0];
		wait_group *g = w->group;
		fresh_leave(r, w);
		if (is_servers(r, w) || wait_look(r, w, e, now_us) != LOOK_HELD)
			continue;
		g->held++;
		if (g->left)
			continue;
		g->began_us = now_us;
		g->due_us = least(g->due_us, now_us + HELD_US);
	}
}

static void round_begin(wait_group *g, int64_t now_us)
{
	waked_clear(g);
	g->began_us = now_us;
	g->due_us = CLUSTER_NEVER;
	g->left = g->rows.n;
	g->held_at = NOWHERE;
	g->held = 0;
	g->is_short = false;
}

static void round_end(wait_group *g, int64_t now_us)
{
	if (!g->held)
		return;
	/* Who was held back comes first, unless there are others that were not looked at. */
	if (g->held < HELD_MAX && g->held_at != NOWHERE)
		g->at = g->held_at;
	group_stir(g, now_us);
}

static void round_go(real *r, wait_group *g, const cluster_events *e, int64_t now_us, int *left)
{
	for (; g->left && *left > 0 && may_wake(r, now_us); g->left--) {
		uint32_t at = g->at < g->rows.n ? g->at : 0;
		wait_row *w = g->rows.v[at];
		g->at = at + 1;
		if (is_servers(r, w))
			continue;
		(*left)--;
		fresh_leave(r, w);
		if (wait_look(r, w, e, now_us) != LOOK_HELD)
			continue;
		g->held_at = g->held_at == NOWHERE ? at : g->held_at;
		if (++g->held >= HELD_MAX)
			g->left = 1;
	}
	if (!g->left)
		round_end(g, now_us);
}

static uint64_t mixed(uint64_t sum, int64_t v)
{
	return (sum ^ (uint64_t)v) * 1099511628211u;
}

/* Whose loans are not as they were. */
static void purses_look(real *r, int64_t now_us)
{
	uint64_t loans = agent_purses(r->agent, now_us);
	const borrow *lent = agent_borrow(r->agent);
	map sums = {0};

	if (loans == r->loans)
		return;
	r->loans = loans;
	uint64_t *all = calloc(r->groups.n + 1, sizeof(*all)), *next = all;
	assert(all);
	map_each (slot, &r->groups) {
		*next = agent_is_in_touch(r->agent);
		(void)map_put(&sums, slot->key, next++);
	}
	map_each (slot, &lent->by_name) {
		const loan *l = slot->value;
		uint64_t *sum = map_find(&sums, str_from(l->tenant));
		for (int i = 0; sum && i < AXIS_COUNT; i++)
			*sum += mixed(
				str_hash(str_from(l->model)) + (uint64_t)i, l->hold.offered.v[i] - l->hold.used.v[i]);
		if (sum)
			*sum += lease_is_open(&lent->self, now_us, l->offline_s * 1000000) + 2u * l->is_kept;
	}
	map_each (slot, &r->groups) {
		wait_group *g = slot->value;
		uint64_t is = *(uint64_t *)map_find(&sums, slot->key);
		if (is != g->purses)
			group_stir(g, now_us);
		g->purses = is;
	}
	map_done(&sums);
	free(all);
}

/* Namespaces may have changed hands. */
static void rows_regroup(real *r)
{
	map_each (slot, &r->waits) {
		wait_row *w = slot->value;
		wait_group *old = w->group, *now = group_for(r, w);
		if (now == old)
			continue;
		group_leave(w);
		w->group = now;
		w->group_at = now->rows.n;
		vec_push(&now->rows, w);
	}
	map_each (slot, &r->groups) {
		wait_group *g = slot->value;
		if (g->rows.n)
			continue;
		(void)map_remove(&r->groups, slot->key);
		group_free(g);
	}
}

static void all_stir(real *r, int64_t now_us)
{
	map_each (slot, &r->groups)
		group_stir(slot->value, now_us);
}

static void news_look(real *r, int64_t now_us)
{
	bool is_slow = now_us >= r->slow_us;

	if (r->is_stirred || is_slow) {
		rows_regroup(r);
		all_stir(r, now_us);
		r->slow_us = now_us + SLOW_US;
	}
	map_each (slot, &r->groups) {
		wait_group *g = slot->value;
		if (r->is_roomy && g->is_short && waits_may_ask(r, slot->key))
			group_stir(g, now_us);
	}
	r->is_stirred = r->is_roomy = false;
	purses_look(r, now_us);
}

static wait_group *group_next(real *r)
{
	map_slot *slot = map_next(&r->groups, &r->group_at);

	if (slot)
		return slot->value;
	r->group_at = 0;
	slot = map_next(&r->groups, &r->group_at);
	return slot ? slot->value : NULL;
}

/* Each turn begins with another group, so that none takes all wakes. */
int64_t waits_look(real *r, const cluster_events *e, int64_t now_us)
{
	int left = REAL_SCAN_PODS;
	int64_t next_us = CLUSTER_NEVER;

	vec_each (name, &r->gone)
		e->on_pod_gone(e->arg, id_str(name));
	vec_clear(&r->gone);
	news_look(r, now_us);
	for (uint32_t i = 0; i < r->groups.n; i++) {
		wait_group *g = group_next(r);
		if (!g->left && now_us >= g->due_us)
			round_begin(g, now_us);
		if (g->left)
			round_go(r, g, e, now_us, &left);
		next_us = g->left ? now_us : next_us;
	}
	(void)group_next(r);
	fresh_look(r, e, now_us, &left);
	map_each (slot, &r->groups)
		next_us = least(next_us, ((const wait_group *)slot->value)->due_us);
	if (r->fresh.n)
		next_us = now_us;
	if (next_us <= now_us && !may_wake(r, now_us))
		next_us = r->wakes_us + WAKES_US;
	r->is_scanning = next_us <= now_us;
	return r->waits.n ? least(next_us, r->slow_us) : next_us;
}
