
#include <assert.h>
#include <stdlib.h>
#include "agents/cluster/agent_inside.h"
#include "agents/cluster/apply.h"
#include "base/id.h"
#include "json/write.h"

enum { SYNC_BYTES_MAX = 4096, PLAIN_ARENA_BYTES = 256 << 20, CONFIG_WAIT_MS = 1000 };

static void text_copy(char *out, size_t max, str s)
{
	size_t n = s.n < max ? s.n : max - 1;

	memcpy(out, s.p ? s.p : "", n);
	out[n] = 0;
}

void agent_drop_later(agent *a, const cluster_pods *p, int64_t now_us)
{
	drop *d;

	if (p->id.n > BOOK_ID_MAX || p->fence.n > BOOK_FENCE_MAX)
		return;
	if (!a->drops.n)
		a->remember_us = now_us + AGENT_REMEMBER_US;
	d = vec_add(&a->drops);
	text_copy(d->id, sizeof(d->id), p->id);
	text_copy(d->fence, sizeof(d->fence), p->fence);
}

static void tell_step(agent *a, const holding *h, lifecycle state, int64_t at_us)
{
	str reason = state == h->state ? str_from(h->reason) : STR_NONE;

	outbox_step(&a->outbox, str_from(h->id), str_from(h->fence_text), state, reason, at_us);
}

void agent_tell(agent *a, const holding *h)
{
	tell_step(a, h, h->state, h->at_us);
}

void agent_over(agent *a, holding *h)
{
	loan *l = h->pod ? borrow_named(&a->borrow, h->pod->loan) : NULL;

	facts_ended(&a->facts, h);
	a->is_stirred = true;
	if (l)
		borrow_return(l, h->pod->charge);
	if (l && l->is_due)
		outbox_loans(&a->outbox, &a->borrow, false);
}

/* The steps that carry a time of their own and the present one. What only led further is left out. */
static void tell_whole(agent *a, const holding *h)
{
	if (!h->bound_us && !h->running_us && h->state == LIFE_REVOKING)
		tell_step(a, h, LIFE_ACCEPTED, h->at_us);
	if (h->bound_us && h->state != LIFE_BOUND)
		tell_step(a, h, LIFE_BOUND, h->bound_us);
	if (h->running_us && h->state != LIFE_RUNNING)
		tell_step(a, h, LIFE_RUNNING, h->running_us);
	if (h->state != LIFE_REVOKING)
		agent_tell(a, h);
}

static void inventory_tell(agent *a, const js_list *nodes)
{
	report_node *n = nodes->v;

	for (uint32_t i = 0; i == 0 || i < nodes->n; i += AGENT_INVENTORY_NODES) {
		uint32_t left = nodes->n - i;
		js_list part = {n + i, left < AGENT_INVENTORY_NODES ? left : AGENT_INVENTORY_NODES};
		outbox_inventory(&a->outbox, &part, i == 0);
	}
}

void agent_session(agent *a, int64_t now_us)
{
	AUTO_ARENA mem = arena_new(PLAIN_ARENA_BYTES);
	id session = id_make("ses");

	a->turned_us = now_us;
	a->packed_seq = 0;
	js_list nodes = a->cluster.can->nodes(a->cluster.self, mem);
	outbox_begin(&a->outbox, id_str(&session));
	borrow_session(&a->borrow);
	inventory_tell(a, &nodes);
	pods_tell_held(a);
	outbox_running(&a->outbox, &a->book);
	for (const holding *h = a->book.oldest; h; h = h->newer)
		tell_whole(a, h);
	map_each (slot, &a->book.by_id) {
		const holding *h = slot->value;
		if (h->is_booked)
			tell_whole(a, h);
	}
	pods_tell_wanted(a);
}

/* Nodes that are not named any more leave the book. */
static void nodes_load(agent *a)
{
	AUTO_ARENA mem = arena_new(PLAIN_ARENA_BYTES);
	map named = {0};

	js_list nodes = a->cluster.can->nodes(a->cluster.self, mem);
	report_node *n = nodes.v;
	for (uint32_t i = 0; i < nodes.n; i++) {
		book_node_put(&a->book, &n[i]);
		(void)map_put(&named, n[i].name, &n[i]);
	}
	for (uint32_t i = 0; i < a->book.fleet.nodes.n; i++)
		if (a->book.fleet.nodes.v[i].cluster != FLEET_NONE && !map_find(&named, a->book.fleet.node_names.v[i]))
			fleet_node_remove(&a->book.fleet, (int32_t)i);
	map_done(&named);
}

void agent_refresh(agent *a, int64_t now_us)
{
	nodes_load(a);
	agent_session(a, now_us);
}

/* Orders the end of an attempt that a newer one has taken the place of; it is dropped when the cluster tells so. */
static void old_stop(agent *a, const deed *d, int64_t now_us)
{
	if (d->old_fence[0])
		(void)a->cluster.can->stop(a->cluster.self, str_from(d->h->id), str_from(d->old_fence), 0, now_us);
}

static void pods_seen(void *arg, const cluster_pods *p)
{
	agent_visit *v = arg;

	deed d = apply_found(&v->a->book, p);
	if (d.kind == DEED_TELL && p->let_in)
		pods_remember(d.h, p->let_in, &p->placed);
	if (d.kind == DEED_TELL) {
		fence_learn(v->a, d.h);
		old_stop(v->a, &d, v->now_us);
		if (!d.h->is_booked)
			facts_ended(&v->a->facts, d.h); /* nothing of a loan is counted yet */
	}
	if (cluster_is_over(p->phase))
		agent_drop_later(v->a, p, v->now_us);
}

static agent *agent_new(cluster_ref c, const char *version)
{
	agent *a = calloc(1, sizeof(*a));

	assert(a);
	a->cluster = c;
	book_init(&a->book);
	borrow_init(&a->borrow);
	a->room = place_new();
	a->is_stirred = true;
	outbox_init(&a->outbox, version);
	return a;
}

static err agent_begin(agent *a, err e, int64_t now_us, agent **ret)
{
	const cluster_ref c = a->cluster;

	if (e) {
		agent_close(a);
		return e;
	}
	nodes_load(a);
	a->told_us = a->facts.told_us ? a->facts.told_us : now_us;
	c.can->list(c.self, pods_seen, &(agent_visit){a, now_us});
	pods_found(a, now_us);
	borrow_make_room(&a->borrow);
	agent_session(a, now_us);
	*ret = a;
	return ERR_OK;
}

err agent_open(cluster_ref c, const char *facts_path, const char *version, int64_t now_us, agent **ret, fault *f)
{
	agent *a = agent_new(c, version);

	return agent_begin(a, facts_open(&a->facts, facts_path, &a->book, &a->borrow, f), now_us, ret);
}

err agent_open_kept(cluster_ref c, str kept, const char *version, int64_t now_us, agent **ret, fault *f)
{
	agent *a = agent_new(c, version);

	(void)f;
	a->borrow.kept_max = BORROW_KEPT_BYTES;
	facts_recall(&a->facts, kept, &a->book, &a->borrow);
	return agent_begin(a, ERR_OK, now_us, ret);
}

strs agent_keep(const agent *a, arena *mem)
{
	return facts_lines(&a->facts, &a->borrow, mem);
}

void agent_close(agent *a)
{
	if (!a)
		return;
	facts_close(&a->facts);
	pods_done(a);
	place_free(a->room);
	borrow_done(&a->borrow);
	outbox_done(&a->outbox);
	book_done(&a->book);
	vec_done(&a->drops);
	free(a);
}

/* Whether it asks for the configuration; it will not be held for long where it is to ask again soon. */
static bool config_asks(agent *a, int64_t *wait_ms)
{
	const cluster_face *can = a->cluster.can;
	bool is_soon = false;

	bool asks = can->wants_config && can->wants_config(a->cluster.self, &is_soon);
	asks |= can->take_config && a->config_moved;
	if (is_soon && *wait_ms > CONFIG_WAIT_MS)
		*wait_ms = CONFIG_WAIT_MS;
	return asks;
}

str agent_sync_body(agent *a, arena *mem, int64_t wait_ms)
{
	bool asks_config = config_asks(a, &wait_ms);
	sync_request q = {
		.session = str_from(a->outbox.session),
		.applied_rev = a->facts.rev,
		.incarnation = a->facts.incarnation,
		.wait_ms = wait_ms,
		.lease_rev = a->borrow.rev,
		.drift_n = a->drift_n,
		.asks_config = asks_config,
	};
	js_give(&sync_request_type, &q, "incarnation");
	js_give(&sync_request_type, &q, "wait_ms");
	js_give(&sync_request_type, &q, "lease_rev");
	js_give(&sync_request_type, &q, "drift_n");
	if (asks_config)
		js_give(&sync_request_type, &q, "asks_config");
	buf body;

	buf_init(&body, SYNC_BYTES_MAX);
	js_writer w = js_writer_on(&body);
	js_write(&w, &sync_request_type, &q);
	assert(!body.over);
	str copy = str_dup(mem, buf_str(&body));
	buf_done(&body);
	return copy;
}

static void pods_start(agent *a, holding *h, const placement *p, const placement_request *q, int64_t now_us)
{
	str reason = STR_NONE;
	cluster_order o = {
		.id = p->id,
		.fence = p->fence,
		.tenant = p->tenant,
		.origin = p->origin,
		.placed = p->placed,
		.max_runtime_s = q->max_runtime_s,
		.self_fence_s = p->self_fence_s,
		.speak_s = p->speak_s,
		.labels = q->labels,
	};

	if (!a->cluster.can->start(a->cluster.self, &o, now_us, &reason))
		book_state(&a->book, h, LIFE_REFUSED, reason, now_us);
}

/* Ended pods are let go of one flush before their end may be forgotten: otherwise a crash between the two would let the
 * cluster tell of an end that nobody remembers. */
static err forget_do(agent *a, holding *h, fault *f)
{
	err e = a->drops.n ? agent_flush(a, f) : ERR_OK;

	if (e)
		return e;
	facts_forgotten(&a->facts, str_from(h->id));
	book_drop(&a->book, h);
	return ERR_OK;
}

static void deed_do(agent *a, deed *d, const placement *p, const placement_request *q, int64_t now_us)
{
	holding *h = d->h;

	old_stop(a, d, now_us);
	if (d->kind == DEED_START)
		pods_start(a, h, p, q, now_us);
	fence_learn(a, h);
	if (d->kind == DEED_STOP) {
		if (a->cluster.can->stop(a->cluster.self, p->id, p->fence, p->grace_s, now_us))
			return;
		book_state(&a->book, h, LIFE_REVOKED, STR_NONE, now_us);
	}
	if (!h->is_booked)
		agent_over(a, h);
	agent_tell(a, h);
}

static void news_count(agent_news *n, const deed *d)
{
	if (d->kind == DEED_START && d->h->state != LIFE_REFUSED)
		n->n_accepted++;
	if (d->h->state == LIFE_REFUSED)
		n->n_refused++;
	if (d->kind == DEED_STOP)
		n->n_stopped++;
}

static err change_apply(agent *a, const sync_change *c, int64_t now_us, agent_news *news, fault *f)
{
	AUTO_ARENA mem = arena_new(0);
	placement_request q = {0};
	placement p;
	deed d;

	if (!apply_knows(c->action)) {
		news->n_not_known++;
		return ERR_OK;
	}
	err e = js_read_output(&placement_type, c->placement.json, mem, &p, f);
	if (!e && p.request.json.p)
		e = js_read_output(&placement_request_type, p.request.json, mem, &q, f);
	if (!e)
		e = apply_change(&a->book, c->action, &p, now_us, &d, f);
	if (e)
		return e;
	if (d.kind == DEED_FORGET)
		return forget_do(a, d.h, f);
	pods_decided(a, p.id);
	if (!d.h && a->cluster.can->deny && str_eq(c->action, S("forget")))
		a->cluster.can->deny(a->cluster.self, p.id, p.reason.n ? p.reason : p.state, now_us);
	if (d.kind != DEED_NONE) {
		deed_do(a, &d, &p, &q, now_us);
		news_count(news, &d);
	}
	return ERR_OK;
}

/* Another database counts anew, and so does an older state of the same one: the agent goes on from where that one
 * stands, and tells it everything. */
static void database_change(agent *a, const sync_answer *s, agent_news *news)
{
	const sync_change *first = s->changes.v;
	int64_t before = s->changes.n ? first->rev - 1 : s->rev;

	if (a->facts.incarnation && before < a->facts.rev)
		facts_rev(&a->facts, before, s->incarnation);
	else
		facts_rev(&a->facts, a->facts.rev, s->incarnation);
	news->is_new_database = true;
}

static err changes_apply(agent *a, const sync_answer *s, int64_t now_us, agent_news *news, fault *f)
{
	const sync_change *c = s->changes.v;
	int64_t rev = a->facts.rev;
	err e = ERR_OK;

	for (uint32_t i = 0; i < s->changes.n && !e && !news->is_gap; i++) {
		if (c[i].rev <= rev) {
			news->n_repeated++;
		} else if (c[i].rev != rev + 1) {
			news->is_gap = true;
		} else {
			e = change_apply(a, &c[i], now_us, news, f);
			rev += !e;
			news->n_changes += !e;
		}
	}
	if (rev != a->facts.rev)
		facts_rev(&a->facts, rev, a->facts.incarnation);
	return e;
}

/* What the server finds different is told whole. */
static void drift_answer(agent *a, const sync_drift *d)
{
	a->drift_n = d->n;
	if (d->buckets.n)
		outbox_running_in(&a->outbox, &a->book, d->buckets);
}

err agent_apply(agent *a, str body, int64_t now_us, agent_news *ret, fault *f)
{
	AUTO_ARENA mem = arena_new(PLAIN_ARENA_BYTES);
	fault disk = {0};
	sync_answer s;

	*ret = (agent_news){0};
	err e = js_read_output(&sync_answer_type, body, mem, &s, f);
	if (e)
		return e;
	bool had_database = a->facts.incarnation != 0;
	if (s.incarnation != a->facts.incarnation || (!s.changes.n && s.rev < a->facts.rev))
		database_change(a, &s, ret);
	bool is_anew, is_lent = borrow_heard(
			      &a->borrow, &a->facts, &s, str_from(a->outbox.session), a->asked_us, now_us, &is_anew);
	ret->is_new_database |= is_anew;
	if (a->borrow.has_new)
		pods_use_new(a);
	ret->n_unkept = a->borrow.n_unkept;
	a->config_moved |= s.config_rev != a->config_rev;
	a->config_rev = s.config_rev;
	if (js_given(&sync_answer_type, &s, "config") && a->cluster.can->take_config) {
		a->config_moved = false;
		a->cluster.can->take_config(a->cluster.self, &s.config);
	}
	e = changes_apply(a, &s, now_us, ret, f);
	err io = agent_flush(a, &disk);
	if (io) {
		if (f)
			*f = disk;
		return io;
	}
	ret->is_new_database &= had_database;
	a->is_stirred = a->is_in_touch = true;
	if (!e && js_given(&sync_answer_type, &s, "drift"))
		drift_answer(a, &s.drift);
	if (ret->is_gap || ret->is_new_database)
		agent_session(a, now_us);
	else if (is_lent)
		outbox_loans(&a->outbox, &a->borrow, false);
	return e;
}

str agent_report(agent *a)
{
	str body = outbox_report(&a->outbox);

	if (body.p && a->outbox.seq != a->packed_seq)
		a->packed_us = a->turned_us;
	a->packed_seq = a->outbox.seq;
	return body;
}

err agent_answered(agent *a, str body, int64_t now_us, bool *ret_restarted, fault *f)
{
	AUTO_ARENA mem = arena_new(0);
	report_answer answer;

	*ret_restarted = false;
	err e = js_read_output(&report_answer_type, body, mem, &answer, f);
	if (e)
		return e;
	outbox_verdict verdict = outbox_answer(&a->outbox, &answer);
	if (verdict == OUTBOX_STORED)
		fence_told(a);
	if (verdict == OUTBOX_RESTART) {
		agent_session(a, now_us);
		*ret_restarted = true;
	} else if (!outbox_has_work(&a->outbox)) {
		pods_settled(a);
	}
	return ERR_OK;
}

err agent_flush(agent *a, fault *f)
{
	a->wants_flush = false;
	/* First the cluster: a revision must not be durable before the orders it stands for. */
	err e = a->cluster.can->flush(a->cluster.self, f);
	if (!e)
		e = facts_flush(&a->facts, f);
	if (e)
		return e;
	vec_each (d, &a->drops)
		a->cluster.can->drop(a->cluster.self, str_from(d->id), str_from(d->fence));
	vec_clear(&a->drops);
	return facts_tidy(&a->facts, &a->book, &a->borrow, f);
}

bool agent_is_kept(const agent *a)
{
	const cluster_face *can = a->cluster.can;

	return !can->is_kept || can->is_kept(a->cluster.self);
}

int64_t agent_now_us(const agent *a, int64_t real_us)
{
	const cluster_face *can = a->cluster.can;

	return can->clock_us ? can->clock_us(a->cluster.self, real_us) : real_us;
}

int64_t agent_real_us(const agent *a, int64_t delay_us)
{
	const cluster_face *can = a->cluster.can;

	return can->real_us ? can->real_us(a->cluster.self, delay_us) : delay_us;
}

void agent_lost(agent *a)
{
	a->is_in_touch = false;
}

void agent_asks(agent *a, int64_t now_us)
{
	a->asked_us = now_us;
}

const borrow *agent_borrow(const agent *a)
{
	return &a->borrow;
}

uint32_t agent_waiting(const agent *a)
{
	return a->waiting.n;
}

const char *agent_session_id(const agent *a)
{
	return a->outbox.session;
}

int64_t agent_rev(const agent *a)
{
	return a->facts.rev;
}

const book *agent_book(const agent *a)
{
	return &a->book;
}

const outbox *agent_outbox(const agent *a)
{
	return &a->outbox;
}
