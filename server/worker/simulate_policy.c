#include "server/worker/simulate_policy.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/heap.h"
#include "json/write.h"
#include "server/placer/decide.h"
#include "server/placer/govern.h"
#include "server/placer/spend.h"

enum { DEPTH_MAX = 16, TURNS_MAX = 100000 };

/* Of one model, by tenant: what may be evicted, and what of it may be taken back. */
typedef struct ledger_of {
	int64_t *own, *below, *taken; /* own and below: may be evicted; taken: of the branch as a whole */
} ledger_of;

static void says(buf *out, const char *what, str name, str tenant)
{
	buf_printf(out, "%s\t" STR_FMT "\t" STR_FMT "\n", what, STR_ARG(name), STR_ARG(tenant));
}

static str path_of(const books *b, int32_t tenant_key)
{
	return books_payer(b, tenant_key)->path;
}

/* Those that hold devices say anew whether they may be evicted, where the policy is theirs. */
static void terms_again(books *b, const policy_terms *terms)
{
	map_each (slot, &b->bookings) {
		booking *k = slot->value;
		if (k->line || policy_at(b, k->tenant_key) != terms)
			continue;
		bool was_held = k->is_held;
		books_unhold(b, k);
		k->terms.rank = NULL;
		decide_terms(b, k);
		if (was_held)
			books_hold(b, k);
	}
	govern_line_up(b);
	change_all(&b->changes);
}

static void turn_says(const turn *t, const books *b, buf *out)
{
	for (uint32_t i = 0; i < t->touches.n; i++) {
		const touch *x = &t->touches.v[i];
		if (x->before.life == LIFE_PENDING && x->b->now.life == LIFE_GRANTED)
			says(out, "start", x->b->id, path_of(b, x->b->tenant_key));
	}
	for (uint32_t i = 0; i < t->evicted.n; i++)
		says(out, "evict", t->evicted.v[i]->id, path_of(b, t->evicted.v[i]->tenant_key));
}

static void queue_decide(books *b, int64_t now_us, buf *out)
{
	int64_t until_us = clock_mono_us() + SIMULATE_QUEUE_MS * 1000LL;
	bool goes_on = true;
	turn t;

	turn_init(&t);
	for (int i = 0; goes_on && i < TURNS_MAX; i++) {
		if (clock_mono_us() > until_us) {
			buf_printf(out, "cut\t\t\n");
			break;
		}
		turn_begin(&t, now_us);
		goes_on = decide_waiting(&t, b);
		turn_says(&t, b, out);
		turn_keep(&t, b);
	}
	turn_done(&t);
}

static int depth_of(const books *b, int32_t t)
{
	int d = 0;

	for (t = quota_parent(b->tree, t); t != FLEET_NONE && d < DEPTH_MAX; t = quota_parent(b->tree, t))
		d++;
	return d;
}

static void evictable_sum(const books *b, int32_t model, ledger_of *of)
{
	for (const booking *k = (uint32_t)model < b->held.n ? b->held.v[model] : NULL; k; k = k->held_next)
		if (k->terms.is_preemptible && k->now.life != LIFE_REVOKING)
			of->own[books_payer(b, k->tenant_key)->handle] +=
				plan_charge(&b->fleet, &k->held, model).v[AXIS_DEVICE_MILLI];
}

static int64_t least(int64_t x, int64_t y)
{
	return x < y ? x : y;
}

static int64_t guaranteed(const books *b, int32_t t, int32_t model)
{
	int64_t g = quota_get(b->tree, t, model).guaranteed.v[AXIS_DEVICE_MILLI];

	return g == QUOTA_UNSET ? 0 : g;
}

/* From the leaves up: of a branch no more is taken back than it borrows. */
static void taken_sum(const books *b, int32_t model, const int8_t *depths, ledger_of *of)
{
	int32_t n = quota_tenants(b->tree);

	for (int d = DEPTH_MAX; d >= 0; d--)
		for (int32_t t = 0; t < n; t++) {
			if (depths[t] != d)
				continue;
			int64_t borrowed = quota_used(b->tree, t, model).v[AXIS_DEVICE_MILLI] - guaranteed(b, t, model);
			of->taken[t] = borrowed > 0 ? least(of->own[t] + of->below[t], borrowed) : 0;
			if (quota_parent(b->tree, t) != FLEET_NONE)
				of->below[quota_parent(b->tree, t)] += of->taken[t];
		}
}

/* What is free, and what all others beside the way up to the root may be made to give. */
static int64_t within_reach(const books *b, int32_t t, const ledger_of *of, int64_t free_milli)
{
	int64_t sum = free_milli;

	for (int32_t up = quota_parent(b->tree, t); up != FLEET_NONE; t = up, up = quota_parent(b->tree, up))
		sum += of->own[up] + of->below[up] - of->taken[t];
	return sum;
}

static void model_check(const books *b, int32_t model, int64_t free_milli, const int8_t *depths, buf *out)
{
	size_t n = (size_t)quota_tenants(b->tree);
	int64_t *room = heap_new(3 * n, sizeof *room);
	ledger_of of = {room, room + n, room + 2 * n};

	evictable_sum(b, model, &of);
	taken_sum(b, model, depths, &of);
	for (int32_t t = 1; t < (int32_t)n; t++) {
		int64_t g = guaranteed(b, t, model);
		int64_t lacks = g - quota_used(b->tree, t, model).v[AXIS_DEVICE_MILLI];
		int64_t reach = g && lacks > 0 ? within_reach(b, t, &of, free_milli) : lacks;
		if (lacks > reach && b->payer_of.v[t] && !b->payer_of.v[t]->is_deleted)
			buf_printf(out, "guarantee\t" STR_FMT "\t" STR_FMT "\t%lld\t%lld\n",
				STR_ARG(b->fleet.classes.v[model].name), STR_ARG(b->payer_of.v[t]->path),
				(long long)lacks, (long long)reach);
	}
	free(room);
}

static void guarantees_check(const books *b, buf *out)
{
	uint32_t n = b->fleet.classes.n;
	int32_t tenants = quota_tenants(b->tree);
	amounts *has = heap_new(n + 1, sizeof *has);
	int8_t *depths = heap_new((size_t)tenants + 1, 1);

	fleet_capacity(&b->fleet, has, n);
	for (int32_t t = 0; t < tenants; t++)
		depths[t] = (int8_t)depth_of(b, t);
	for (int32_t m = 0; m < (int32_t)n && m < quota_models(b->tree); m++) {
		int64_t used = quota_used(b->tree, QUOTA_ROOT, m).v[AXIS_DEVICE_MILLI];
		int64_t left = has[m].v[AXIS_DEVICE_MILLI] - used;
		model_check(b, m, left > 0 ? left : 0, depths, out);
	}
	free(has);
	free(depths);
}

void simulate_queue(books *b, int32_t tenant_key, policy_terms *terms, int64_t now_us, buf *out)
{
	payer *p = books_payer(b, tenant_key);

	if (terms && p) {
		policy_free(p->policy);
		p->policy = terms;
		terms_again(b, terms);
	}
	spend_advance(b, now_us);
	spend_recount(b);
	guarantees_check(b, out);
	buf_printf(out, "waiting\t%u\t\n", b->waiting.n);
	queue_decide(b, now_us, out);
}

typedef struct said {
	str what, name, tenant, rest;
} said;

static bool said_next(str *text, said *ret)
{
	str line = str_split(text, '\n');

	if (!line.n)
		return false;
	ret->what = str_split(&line, '\t');
	ret->name = str_split(&line, '\t');
	ret->tenant = str_split(&line, '\t');
	ret->rest = line;
	return true;
}

/* A line without its numbers, as the key of a set. */
static str key_of(const said *s, arena *a)
{
	return str_print(a, STR_FMT "\t" STR_FMT "\t" STR_FMT, STR_ARG(s->what), STR_ARG(s->name), STR_ARG(s->tenant));
}

static void said_collect(map *to, str text, arena *a)
{
	said s;

	while (said_next(&text, &s)) {
		str key = key_of(&s, a);
		map_put(to, key, (void *)key.p);
	}
}

static void said_write(js_writer *w, const said *s)
{
	js_object_begin(w);
	if (str_eq(s->what, S("guarantee"))) {
		str rest = s->rest;
		str lacks = str_split(&rest, '\t');
		js_put_text(w, "tenant", s->tenant);
		js_put_text(w, "model", s->name);
		js_put_raw(w, "missing_milli", lacks);
		js_put_raw(w, "within_reach_milli", rest);
	} else {
		js_put_text(w, "placement", s->name);
		js_put_text(w, "tenant", s->tenant);
	}
	js_object_end(w);
}

static bool is_seen(const grants *sight, const said *s)
{
	right needed = str_eq(s->what, S("guarantee")) ? RIGHT_QUOTA_READ : RIGHT_PLACEMENT_READ;

	return rights_hold(grants_at(sight, s->tenant), needed);
}

/* Those lines of a kind that only the one has, as a list, and how many there are. */
static int64_t list_write(
	js_writer *w, const char *key, const char *kind, str text, const map *other, const grants *sight, arena *a)
{
	int64_t n = 0, shown = 0;
	said s;

	js_key(w, str_from(key));
	js_array_begin(w);
	while (said_next(&text, &s)) {
		if (!str_eq(s.what, str_from(kind)) || map_find(other, key_of(&s, a)))
			continue;
		n++;
		if (is_seen(sight, &s) && shown++ < SIMULATE_LIST_MAX)
			said_write(w, &s);
	}
	js_array_end(w);
	return n;
}

static str waiting_in(str text)
{
	said s;

	while (said_next(&text, &s))
		if (str_eq(s.what, S("waiting")))
			return s.name;
	return S("0");
}

void simulate_compare(const sql_policy_terms_row *of, str as_it_is, str as_it_would_be, const simulated_as_of *as_of,
	const grants *sight, buf *out)
{
	AUTO_ARENA a = arena_new(0);
	js_writer w = js_writer_on(out);
	map before = {0}, after = {0};
	int64_t n[4];

	said_collect(&before, as_it_is, a);
	said_collect(&after, as_it_would_be, a);
	js_object_begin(&w);
	js_put_text(&w, "policy", of->id);
	if (of->tenant.n)
		js_put_text(&w, "tenant", of->tenant);
	js_put_raw(&w, "waiting", waiting_in(as_it_would_be));
	n[0] = list_write(&w, "would_start", "start", as_it_would_be, &before, sight, a);
	n[1] = list_write(&w, "would_wait", "start", as_it_is, &after, sight, a);
	n[2] = list_write(&w, "would_be_evicted", "evict", as_it_would_be, &before, sight, a);
	n[3] = list_write(&w, "infeasible_guarantees", "guarantee", as_it_would_be, &before, sight, a);
	js_key(&w, S("counts"));
	js_object_begin(&w);
	js_put_i64(&w, "would_start", n[0]);
	js_put_i64(&w, "would_wait", n[1]);
	js_put_i64(&w, "would_be_evicted", n[2]);
	js_put_i64(&w, "infeasible_guarantees", n[3]);
	js_object_end(&w);
	js_put_bool(&w, "is_cut", map_find(&before, S("cut\t\t")) || map_find(&after, S("cut\t\t")));
	js_key(&w, S("as_of"));
	js_write(&w, &simulated_as_of_type, as_of);
	js_object_end(&w);
	map_done(&before);
	map_done(&after);
}
