#include "server/placer/lend.h"

#include <stdlib.h>

#include "base/heap.h"
#include "server/placer/policy.h"
#include "server/placer/spend.h"

enum { NAME_MAX_BYTES = 160 };
#define NONE_HELD ((amounts){{0}})

static uint64_t cell_of(int32_t tenant_key, int32_t model, int32_t cluster)
{
	return ((uint64_t)tenant_key << 32 | (uint64_t)model << 20 | (uint64_t)cluster) + 1;
}

static lent *lent_find(const books *b, int32_t tenant_key, int32_t model, int32_t cluster)
{
	return map_find_num(&b->lents.at, cell_of(tenant_key, model, cluster));
}

static lent *lent_of(books *b, int32_t tenant_key, int32_t model, int32_t cluster)
{
	lent *x = lent_find(b, tenant_key, model, cluster);

	if (x)
		return x;
	x = heap_new(1, sizeof *x);
	x->tenant_key = tenant_key;
	x->model = model;
	x->cluster = cluster;
	x->offline_s = LEND_OFFLINE_S;
	x->l.is_learning = b->site_of.v[cluster]->is_learning;
	vec_push(&b->lents.v, x);
	map_put_num(&b->lents.at, cell_of(tenant_key, model, cluster), x);
	return x;
}

void lents_done(lents *l)
{
	vec_each (x, &l->v)
		free(*x);
	vec_done(&l->v);
	map_done(&l->at);
	map_each (slot, &l->pods)
		free(slot->value);
	map_done(&l->pods);
}

static void touch_lent(turn *t, lent *x)
{
	t->cannot_undo = true;
	if (x->is_touched)
		return;
	x->is_touched = true;
	vec_push(&t->lents, x);
}

static amounts part(amounts a, int sign)
{
	for (int i = 0; i < AXIS_COUNT; i++)
		a.v[i] = a.v[i] * sign > 0 ? a.v[i] * sign : 0;
	return a;
}

/* The tree is charged what the headroom is now. Growth that an offer makes is judged by the caps; what only follows
 * what is so is not. */
static void headroom_follow(turn *t, books *b, lent *x, bool grows)
{
	amounts is = lease_headroom(&x->l, x->booked), by = amounts_sub(is, x->headroom);
	int32_t tenant = books_payer(b, x->tenant_key)->handle;

	if (amounts_eq(by, NONE_HELD))
		return;
	touch_lent(t, x);
	x->headroom = is;
	quota_take(b->tree, tenant, x->model, part(by, 1));
	quota_give(b->tree, tenant, x->model, part(by, -1));
	turn_charge(t, b, tenant, x->model, by, grows ? part(by, 1) : NONE_HELD);
	standing_moved(&b->standing, x->model);
	spend_lent_follow(b, x);
	if (!amounts_eq(part(by, -1), NONE_HELD))
		for (; tenant != FLEET_NONE; tenant = quota_parent(b->tree, tenant))
			change_fell(&b->changes, tenant);
}

static bool is_learning(const books *b)
{
	map_each (slot, &b->sites) {
		const site *s = slot->value;
		if (!s->is_deleted && s->is_learning)
			return true;
	}
	for (uint32_t i = 0; i < b->lents.v.n; i++)
		if (b->lents.v.v[i]->l.is_learning)
			return true;
	return false;
}

static amounts booked_of(const books *b, const booking *k, int32_t model)
{
	return k->held.devices.n ? plan_charge(&b->fleet, &k->held, model) : NONE_HELD;
}

void lend_booked(turn *t, books *b, const booking *k, int sign)
{
	for (int32_t m = 0; m < (int32_t)b->fleet.classes.n; m++) {
		amounts a = booked_of(b, k, m);
		if (amounts_eq(a, NONE_HELD))
			continue;
		lent *x = lent_of(b, k->tenant_key, m, k->held.cluster);
		x->booked = amounts_add(x->booked, amounts_times(a, sign));
		headroom_follow(t, b, x, false);
	}
}

/* "<tenant>.<model>": both are ours, so that a tenant may move and a lease stays what it is. */
static bool name_read(const books *b, str name, int32_t *ret_tenant_key, int32_t *ret_model)
{
	int64_t key;
	str model = name, head = str_split(&model, '.');

	if (!model.n || !str_to_i64(head, &key) || key <= 0 || key > INT32_MAX || !books_payer(b, (int32_t)key))
		return false;
	*ret_tenant_key = (int32_t)key;
	*ret_model = fleet_class_find(&b->fleet, model);
	return *ret_model != FLEET_NONE;
}

static void word_hear(turn *t, books *b, lent *x, const lease_word *w)
{
	lease was = x->l;

	if (lease_is_ahead(&x->l, b->incarnation, w)) {
		touch_lent(t, x);
		lease_forget(&x->l);
	}
	if (lease_hear(&x->l, b->incarnation, w) || was.is_learning != x->l.is_learning) {
		touch_lent(t, x);
		headroom_follow(t, b, x, false);
	}
}

static lent *word_take(turn *t, books *b, const site *s, const report_lease *r, int64_t incarnation)
{
	int32_t tenant_key, model;
	lease_word w = {incarnation, r->seq, {{r->device_milli, r->memory_mib, r->compute_milli}}};

	if (!name_read(b, r->lease, &tenant_key, &model))
		return NULL;
	lent *x = lent_find(b, tenant_key, model, s->handle);
	if (!x) {
		/* It was lent by a database that this one is older than: what the cluster says is so. */
		x = lent_of(b, tenant_key, model, s->handle);
		x->l.is_learning = true;
	}
	word_hear(t, b, x, &w);
	return x;
}

/* What a whole word does not name the cluster does not hold. */
void lend_hear(turn *t, books *b, site *s, const report_item *item)
{
	const report_lease *r = item->leases.v;
	map said = {0};

	for (uint32_t i = 0; i < item->leases.n; i++) {
		lent *x = word_take(t, b, s, &r[i], item->incarnation);
		if (x)
			map_put_num(&said, cell_of(x->tenant_key, x->model, x->cluster), x);
	}
	for (uint32_t i = 0; item->is_whole && i < b->lents.v.n; i++) {
		lent *x = b->lents.v.v[i];
		if (x->cluster == s->handle && x->l.is_learning &&
			!map_find_num(&said, cell_of(x->tenant_key, x->model, x->cluster)))
			word_hear(t, b, x, &(lease_word){.incarnation = item->incarnation});
	}
	map_done(&said);
}

void lend_load_pods(books *b, const sql_load_pods_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		booking *k = books_booking(b, rows[i].placement_id);
		pod_mark *m = heap_new(1, sizeof *m + rows[i].placement_id.n);
		memcpy(m->id, rows[i].placement_id.p, rows[i].placement_id.n);
		m->at_us = rows[i].at;
		map_put(&b->lents.pods, str_of(m->id, rows[i].placement_id.n), m);
		if (k)
			k->is_lent = rows[i].is_lent;
	}
	map_each (slot, &b->bookings) {
		const booking *k = slot->value;
		for (int32_t m = 0; k->is_lent && m < (int32_t)b->fleet.classes.n; m++) {
			amounts a = booked_of(b, k, m);
			if (amounts_eq(a, NONE_HELD))
				continue;
			lent *x = lent_of(b, k->tenant_key, m, k->held.cluster);
			x->booked = amounts_add(x->booked, a);
		}
	}
}

static void lent_load(books *b, const sql_load_leases_row *row)
{
	const site *s = books_site(b, (int32_t)row->cluster_key);
	const payer *p = books_payer(b, (int32_t)row->tenant_key);
	int32_t model = fleet_class_put(&b->fleet, row->model);

	if (!s || !p || model == FLEET_NONE)
		return;
	lent *x = lent_of(b, p->key, model, s->handle);
	x->l = (lease){row->seq, {{row->granted_device_milli, row->granted_memory_mib, row->granted_compute_milli}},
		{{row->reserved_device_milli, row->reserved_memory_mib, row->reserved_compute_milli}}, s->is_learning};
	(void)lease_mode_find(row->mode.p, row->mode.n, &x->mode);
	x->offline_s = row->offline_s;
	x->moved = row->moved;
	if (x->moved > b->lents.moved)
		b->lents.moved = x->moved;
	x->headroom = lease_headroom(&x->l, x->booked);
	quota_take(b->tree, p->handle, model, x->headroom);
	spend_lent_follow(b, x);
}

void lend_load(books *b, const sql_load_leases_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		lent_load(b, &rows[i]);
}

/* One look at all that is to be lent. */
typedef struct look {
	turn *t;
	books *b;
	bool may_grow;
	vec(int32_t) cards;      /* open devices, by cluster and class */
	vec(int64_t) memory_mib; /* of one device, by class: the smallest */
} look;

static void cards_count(look *l)
{
	const fleet *f = &l->b->fleet;

	while (l->memory_mib.n < f->classes.n)
		vec_push(&l->memory_mib, 0);
	while (l->cards.n < f->clusters.n * f->classes.n)
		vec_push(&l->cards, 0);
	for (uint32_t i = 0; i < f->devices.n; i++) {
		const fleet_device *d = &f->devices.v[i];
		if (d->node == FLEET_NONE || d->flags)
			continue;
		int64_t *least = &l->memory_mib.v[d->class_id];
		if (!*least || d->memory_mib < *least)
			*least = d->memory_mib;
		l->cards.v[(uint32_t)f->nodes.v[d->node].cluster * f->classes.n + (uint32_t)d->class_id]++;
	}
}

static bool is_served(const look *l, int32_t cluster, int32_t model)
{
	const site *s = l->b->site_of.v[cluster];

	return s && !s->is_deleted && s->is_open && !s->is_cordoned &&
	       l->cards.v[(uint32_t)cluster * l->b->fleet.classes.n + (uint32_t)model];
}

/* What is guaranteed to the tenant and not to its children; an axis that is not named stays unset. */
static amounts own_guarantee(const books *b, const payer *p, int32_t model)
{
	amounts own = quota_get(b->tree, p->handle, model).guaranteed;

	for (uint32_t at = 0; at < b->payer_of.n; at++) {
		const payer *below = b->payer_of.v[at];
		if (!below || below->parent_key != p->key || below == p)
			continue;
		amounts child = quota_get(b->tree, below->handle, model).guaranteed;
		for (int i = 0; i < AXIS_COUNT; i++)
			if (own.v[i] != QUOTA_UNSET && child.v[i] != QUOTA_UNSET)
				own.v[i] = own.v[i] > child.v[i] ? own.v[i] - child.v[i] : 0;
	}
	return own;
}

/* So many thousandths of devices, with all their memory and compute. */
static amounts cards_of(const look *l, int32_t model, int64_t milli)
{
	return (amounts){{[AXIS_DEVICE_MILLI] = milli,
		[AXIS_MEMORY_MIB] = l->memory_mib.v[model] * milli / SHARE_WHOLE_MILLI,
		[AXIS_COMPUTE_MILLI] = milli}};
}

static int64_t whole(int64_t milli)
{
	return milli < SHARE_WHOLE_MILLI ? 0 : milli - milli % SHARE_WHOLE_MILLI;
}

/* The most that may be lent anew, in whole devices. */
static int64_t room_for(const look *l, const payer *p, const lent *x, amounts own)
{
	amounts left = quota_left(l->b->tree, p->handle, x->model),
		used = quota_used_own(l->b->tree, p->handle, x->model);
	int64_t most = left.v[AXIS_DEVICE_MILLI], memory_mib = left.v[AXIS_MEMORY_MIB],
		compute = left.v[AXIS_COMPUTE_MILLI];

	for (int i = 0; x->mode != LEASE_SOFT && i < AXIS_COUNT; i++)
		if (own.v[i] != QUOTA_UNSET && own.v[i] - used.v[i] < left.v[i])
			left.v[i] = own.v[i] - used.v[i];
	most = left.v[AXIS_DEVICE_MILLI];
	compute = left.v[AXIS_COMPUTE_MILLI];
	memory_mib = left.v[AXIS_MEMORY_MIB] / l->memory_mib.v[x->model] * SHARE_WHOLE_MILLI;
	most = compute < most ? compute : most;
	return whole(memory_mib < most ? memory_mib : most);
}

static void offer(look *l, lent *x, int64_t headroom_milli)
{
	amounts granted = amounts_add(x->booked, cards_of(l, x->model, headroom_milli));

	if (amounts_eq(granted, x->l.granted) && x->l.seq)
		return;
	touch_lent(l->t, x);
	lease_make_offer(&x->l, granted);
	x->moved = ++l->b->lents.moved;
	headroom_follow(l->t, l->b, x, true);
}

/* Its cluster is not heard of: under these modes what no placement is known for is lent anew. After a load it is given
 * the whole time again. */
static void silence_review(look *l, lent *x)
{
	site *s = l->b->site_of.v[x->cluster];

	if (!s->heard_us)
		s->heard_us = l->t->now_us;
	if (amounts_eq(x->headroom, NONE_HELD) || x->l.is_learning ||
		!lease_may_reclaim(x->mode, s->heard_us, l->t->now_us, x->offline_s * 1000000))
		return;
	touch_lent(l->t, x);
	lease_reclaim(&x->l, x->booked);
	x->moved = ++l->b->lents.moved;
	headroom_follow(l->t, l->b, x, false);
}

/* What is taken back from a silent cluster is not lent to it again before it is heard of. */
static bool is_silent(const look *l, const lent *x)
{
	const site *s = l->b->site_of.v[x->cluster];

	int64_t most_s = x->offline_s < LEND_SILENT_S ? x->offline_s : LEND_SILENT_S;

	return x->mode != LEASE_HOLD && s->heard_us && l->t->now_us - s->heard_us >= most_s * 1000000;
}

/* So much of it as budgets let begin, in whole devices; what is lent already is charged. */
static int64_t affordable(const look *l, const payer *p, const lent *x, int64_t next_milli)
{
	int64_t lent_milli = x->headroom.v[AXIS_DEVICE_MILLI];
	why unused = {0};

	while (next_milli > lent_milli &&
		!spend_may_rate(l->b, p->handle, next_milli - lent_milli, x->offline_s, &unused)) {
		next_milli -= SHARE_WHOLE_MILLI;
		unused = (why){0};
	}
	return next_milli;
}

static void lent_review(look *l, lent *x, int64_t goal_milli, amounts own)
{
	const payer *p = books_payer(l->b, x->tenant_key);
	int64_t has;

	silence_review(l, x);
	has = x->l.granted.v[AXIS_DEVICE_MILLI] - x->booked.v[AXIS_DEVICE_MILLI];
	if (x->l.is_learning || is_silent(l, x) || (has * 4 >= goal_milli * 3 && has * 4 <= goal_milli * 5))
		return;
	if (has > goal_milli) {
		offer(l, x, goal_milli);
		return;
	}
	if (!lease_may_grow(!l->may_grow))
		return;
	/* What a cluster has not given back yet is charged still and may be offered again. */
	int64_t charged = x->headroom.v[AXIS_DEVICE_MILLI], most = whole(charged + room_for(l, p, x, own));
	int64_t next = affordable(l, p, x, goal_milli < most ? goal_milli : most);
	if (next > has)
		offer(l, x, next);
}

static void terms_follow(look *l, lent *x, const policy_terms *terms)
{
	if (x->mode == terms->lease_mode && x->offline_s == terms->lease_offline_s)
		return;
	x->mode = terms->lease_mode;
	x->offline_s = terms->lease_offline_s;
	spend_lent_follow(l->b, x);
	if (x->l.seq)
		x->moved = ++l->b->lents.moved;
	touch_lent(l->t, x);
}

/* Somebody of the tenant's waits for quota of that model: what is kept for pods that may come goes to those that are
 * there. */
static bool is_short(const books *b, const payer *p, int32_t model)
{
	for (uint32_t i = 0; i < b->waiting.lines.n; i++) {
		const queue_line *line = b->waiting.lines.v[i];
		const booking *first = line->oldest;
		if (line->payer != p || line->model != model || !first)
			continue;
		for (int32_t k = 0; k < first->now.wait.n; k++)
			if (first->now.wait.v[k].when == WHEN_USE_FALLS)
				return true;
	}
	return false;
}

/* In equal parts to the clusters that have devices of the model. */
static void model_review(look *l, const payer *p, int32_t model, const policy_terms *terms)
{
	int32_t n_clusters = (int32_t)l->b->fleet.clusters.n, served = 0;
	amounts own = own_guarantee(l->b, p, model);
	int64_t milli = own.v[AXIS_DEVICE_MILLI] == QUOTA_UNSET ? 0 : own.v[AXIS_DEVICE_MILLI];
	int64_t percent = terms && !p->is_deleted ? terms->lease_percent : 0;

	if (percent && is_short(l->b, p, model))
		percent = 0;

	for (int32_t c = 0; c < n_clusters; c++)
		served += is_served(l, c, model);
	for (int32_t c = 0; c < n_clusters; c++) {
		int64_t goal = is_served(l, c, model) ? whole(milli * percent / 100 / served) : 0;
		lent *x = goal ? lent_of(l->b, p->key, model, c) : lent_find(l->b, p->key, model, c);
		if (!x || !l->memory_mib.v[model])
			continue;
		if (terms)
			terms_follow(l, x, terms);
		lent_review(l, x, goal, own);
	}
}

/* A cluster that is gone, or that a person has declared lost, holds nothing. */
static void gone_review(look *l)
{
	vec_each (at, &l->b->lents.v) {
		lent *x = *at;
		const site *s = l->b->site_of.v[x->cluster];
		if ((!s->is_deleted && !s->is_lost) || amounts_eq(x->l.reserved, x->booked))
			continue;
		touch_lent(l->t, x);
		lease_reclaim(&x->l, x->booked);
		headroom_follow(l->t, l->b, x, false);
	}
}

static bool wants_any(const books *b)
{
	if (b->lents.v.n)
		return true;
	map_each (slot, &b->payers) {
		const payer *p = slot->value;
		if (p->policy && p->policy->lease_percent)
			return true;
	}
	return false;
}

bool lend_is_due(const books *b, int64_t now_us)
{
	return (b->lents.is_on || b->lents.v.n) && now_us >= b->lents.looked_us + LEND_EVERY_US;
}

void lend_review(turn *t, books *b)
{
	look l = {.t = t, .b = b};

	if (!lend_is_due(b, t->now_us))
		return;
	b->lents.looked_us = t->now_us;
	b->lents.is_on = wants_any(b);
	l.may_grow = !is_learning(b);
	cards_count(&l);
	vec_each (at, &b->payer_of) {
		const payer *p = *at;
		const policy_terms *terms = p ? policy_at(b, p->key) : NULL;
		if (!p || (!b->lents.v.n && !(terms && terms->lease_percent)))
			continue;
		for (int32_t m = 0; m < (int32_t)b->fleet.classes.n; m++)
			model_review(&l, p, m, terms);
	}
	gone_review(&l);
	vec_done(&l.cards);
	vec_done(&l.memory_mib);
}
