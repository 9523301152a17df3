/* A server, two clusters and all that can happen between them, as the search of test_lease_search.c sees it.
 *
 * Every message that was ever sent lies in a set and can be delivered at any time, any number of times, or never: that
 * is loss, repetition and overtaking at once. For the same reason whatever could be said is said at once: who never
 * delivers it has not sent it. Numbers are small: a cap of 2, one axis. What a step does to a lease is what
 * engine/lease.c does; that file is part of the search here, with the rules in `kept`.
 */
#pragma once
#include <assert.h>
#include <stdio.h>
#include <string.h>

typedef enum rule {
#define LEASE_RULE(name, who, what) RULE_##name,
#include "engine/lease_rules.def"
#undef LEASE_RULE
	RULES
} rule;

static uint32_t kept;
#define LEASE_KEEPS(name) ((kept >> RULE_##name & 1) != 0)
#include "engine/lease.c"

enum { CLUSTERS = 2, CAP = 2, MAILS_MAX = 40, SPENDERS = 2, PODS_MAX = 3 };
#define TICK_US LEASE_MARGIN_US /* what clocks may differ by is one tick */

/* What can happen in a world, and how often at most. */
typedef struct bounds {
	const char *name;
	int offers, sessions, restores, ticks, lag, words, spenders;
	bool can_back_up;    /* later than at the start */
	bool is_other_ideal; /* the second cluster uses at once all that it can be lent, and nothing else happens there
			      */
	lease_mode mode;
} bounds;

typedef enum mail_kind { MAIL_OFFER, MAIL_NEWS, MAIL_WORD } mail_kind;

typedef struct mail {
	uint8_t kind, incarnation, session, seq, granted, asked, number, pods;
} mail;

typedef struct server_side {
	uint8_t seq, granted, reserved, is_learning, session;
} server_side;

/* One cluster, and what the server knows of it. */
typedef struct place {
	server_side s, backup;
	uint8_t booked, heard, echo, words_heard; /* server: pods, its clock, the cluster's clock, the last word */
	uint8_t incarnation, session, seq, offered, used, running;
	uint8_t asked, lag, words_said;
	uint8_t pods, born, told; /* sets; how many there were; which of them the server has stored */
	uint8_t seen_offered[SPENDERS], seen_used[SPENDERS], seen_fresh[SPENDERS];
	uint8_t n;
	mail mails[MAILS_MAX];
} place;

typedef struct world {
	uint8_t incarnation, restores, clock, is_backed_up;
	place at[CLUSTERS];
} world;

typedef enum deed {
	DEED_GROW,
	DEED_SHRINK,
	DEED_RECLAIM,
	DEED_SAY,
	DEED_START,
	DEED_END,
	DEED_LOOK,
	DEED_LOSE_DISK,
	DEED_DELIVER,
	DEED_GROW_UNCOMMITTED,
	DEED_ACK_UNWRITTEN,
	DEED_BIND_UNWRITTEN,
	DEED_TICK,
	DEED_LAG,
	DEED_BACK_UP,
	DEED_RESTORE,
	DEEDS
} deed;

static const char *const deed_names[DEEDS] = {
	[DEED_GROW] = "the server offers more",
	[DEED_SHRINK] = "the server offers less",
	[DEED_RECLAIM] = "the server lends anew what the silent cluster had",
	[DEED_SAY] = "the cluster says what it holds",
	[DEED_START] = "a pod is let in",
	[DEED_END] = "a pod ends",
	[DEED_LOOK] = "an agent reads the counter",
	[DEED_LOSE_DISK] = "the cluster's agent loses its disk",
	[DEED_DELIVER] = "arrives",
	[DEED_GROW_UNCOMMITTED] = "the server offers more and dies before it commits",
	[DEED_ACK_UNWRITTEN] = "is acked, and the agent dies before it writes",
	[DEED_BIND_UNWRITTEN] = "a pod is bound, and the agent dies before it writes",
	[DEED_TICK] = "time passes",
	[DEED_LAG] = "time passes that the cluster's clock misses",
	[DEED_BACK_UP] = "the database is backed up",
	[DEED_RESTORE] = "the database is restored",
};

static amounts one_axis(int64_t n)
{
	return (amounts){{[AXIS_DEVICE_MILLI] = n}};
}

static uint8_t small(amounts a)
{
	assert(a.v[0] >= 0 && a.v[0] < 16);
	return (uint8_t)a.v[0];
}

static lease lease_of(const server_side *s)
{
	return (lease){s->seq, one_axis(s->granted), one_axis(s->reserved), s->is_learning};
}

static void lease_keep(server_side *s, const lease *l)
{
	s->seq = (uint8_t)l->seq;
	s->granted = small(l->granted);
	s->reserved = small(l->reserved);
	s->is_learning = l->is_learning;
}

static lease_self self_of(const place *p)
{
	return (lease_self){p->incarnation, p->session, p->asked * TICK_US};
}

/* The stored counter has version 1; who has not seen it as it is, 0. */
static lease_hold hold_of(const place *p)
{
	return (lease_hold){p->seq, one_axis(p->offered), one_axis(p->used), 1};
}

static void hold_keep(place *p, const lease_hold *h)
{
	p->seq = (uint8_t)h->seq;
	p->offered = small(h->offered);
	p->used = small(h->used);
	if (h->version != 1)
		memset(p->seen_fresh, 0, sizeof p->seen_fresh);
}

static void mail_add(place *p, mail m)
{
	uint32_t at = 0;

	while (at < p->n && memcmp(&p->mails[at], &m, sizeof m) < 0)
		at++;
	if (at < p->n && memcmp(&p->mails[at], &m, sizeof m) == 0)
		return;
	assert(p->n < MAILS_MAX);
	memmove(&p->mails[at + 1], &p->mails[at], (p->n - at) * sizeof m);
	p->mails[at] = m;
	p->n++;
}

static int64_t cluster_clock(const world *w, const place *p)
{
	return (int64_t)(w->clock - p->lag) * TICK_US;
}

static mail offer_of(const world *w, const place *p, const lease *l)
{
	return (mail){.kind = MAIL_OFFER,
		.incarnation = w->incarnation,
		.session = p->s.session,
		.seq = (uint8_t)l->seq,
		.granted = small(l->granted),
		.asked = p->echo,
		.pods = p->booked};
}

/* The last offer and, after a restore, which database this is, to the session that the server knows. */
static void server_sends(const world *w, place *p)
{
	lease l = lease_of(&p->s);
	mail news = {.kind = MAIL_NEWS, .incarnation = w->incarnation, .session = p->s.session};

	if (l.seq && !l.is_learning)
		mail_add(p, offer_of(w, p, &l));
	if (!LEASE_KEEPS(WHOLE_ANSWERS)) {
		news.asked = p->echo;
		mail_add(p, news);
	} else if (w->incarnation > 1) {
		mail_add(p, news);
	}
}

static bool say(const world *w, const bounds *b, place *p)
{
	lease_hold h = hold_of(p);
	lease_self self = self_of(p);
	lease_word word = lease_say(&h, &self);

	if (b->words && p->words_said == b->words)
		return false;
	p->words_said = (uint8_t)(p->words_said + (b->words != 0));
	mail_add(p, (mail){.kind = MAIL_WORD,
			    .incarnation = (uint8_t)word.incarnation,
			    .session = p->session,
			    .seq = (uint8_t)word.seq,
			    .granted = small(word.granted),
			    .asked = (uint8_t)(cluster_clock(w, p) / TICK_US),
			    .number = p->words_said,
			    .pods = p->pods});
	return true;
}

static bool is_anyone_learning(const world *w)
{
	return w->at[0].s.is_learning || w->at[1].s.is_learning;
}

/* The tree: all that is charged stays within the cap. */
static bool has_room(const world *w, int64_t growth)
{
	return w->at[0].s.reserved + w->at[1].s.reserved + growth <= CAP;
}

static bool offer(world *w, const bounds *b, place *p, int by, bool is_committed)
{
	lease l = lease_of(&p->s);
	amounts granted = one_axis(p->s.granted + by);

	if (l.seq == b->offers || granted.v[0] < 0 || l.is_learning)
		return false;
	int64_t growth = lease_growth(&l, granted).v[0];
	if (growth && (!lease_may_grow(is_anyone_learning(w)) || !has_room(w, growth)))
		return false;
	server_side was = p->s;
	lease_make_offer(&l, granted);
	lease_keep(&p->s, &l);
	server_sends(w, p);
	if (!is_committed)
		p->s = was;
	return true;
}

static bool reclaim(world *w, const bounds *b, place *p)
{
	lease l = lease_of(&p->s);

	if (!b->ticks || l.seq == b->offers || l.is_learning || !l.reserved.v[0] ||
		!lease_may_reclaim(b->mode, p->heard * TICK_US, w->clock * TICK_US, TICK_US))
		return false;
	lease_reclaim(&l, one_axis(__builtin_popcount(p->booked)));
	lease_keep(&p->s, &l);
	server_sends(w, p);
	return true;
}

static bool start(world *w, const bounds *b, place *p, uint32_t spender)
{
	lease_hold stored = hold_of(p), seen = stored;
	lease_self self = self_of(p);

	if (b->ticks && (p->born == PODS_MAX || !lease_is_open(&self, cluster_clock(w, p), TICK_US)))
		return false;
	if (b->spenders) {
		seen.offered = one_axis(p->seen_offered[spender]);
		seen.used = one_axis(p->seen_used[spender]);
		seen.version = p->seen_fresh[spender];
	}
	if (!lease_spend(&stored, &seen, one_axis(1)))
		return false;
	hold_keep(p, &stored);
	p->running++;
	if (b->ticks)
		p->pods = (uint8_t)(p->pods | 1u << p->born++);
	return true;
}

static bool bind_unwritten(place *p)
{
	lease_hold stored = hold_of(p), seen = stored;

	if (!lease_spend(&stored, &seen, one_axis(1)))
		return false;
	p->running++;
	return true;
}

static bool end(const world *w, const bounds *b, place *p)
{
	lease_hold h = hold_of(p);

	if (!p->running || !p->used)
		return false;
	lease_return(&h, one_axis(1));
	hold_keep(p, &h);
	p->running--;
	if (b->ticks)
		p->pods = (uint8_t)(p->pods & (p->pods - 1));
	else
		say(w, b, p);
	return true;
}

static bool look(const bounds *b, place *p, uint32_t spender)
{
	if (!b->spenders || p->seen_fresh[spender])
		return false;
	p->seen_offered[spender] = p->offered;
	p->seen_used[spender] = p->used;
	p->seen_fresh[spender] = 1;
	return true;
}

/* The pods are still there, and are counted. */
static bool lose_disk(const world *w, const bounds *b, place *p)
{
	if (p->session == b->sessions)
		return false;
	p->session++;
	p->incarnation = p->seq = p->offered = 0;
	p->used = p->running;
	say(w, b, p);
	return true;
}

static bool take_down(world *w, const bounds *b, place *p, mail m, bool is_written)
{
	lease_self self = self_of(p);
	lease_hold h = hold_of(p);
	int64_t now_us = cluster_clock(w, p);
	place was = *p;

	if (m.session == p->session) {
		lease_answered(&self, m.asked * TICK_US, now_us);
		p->asked = (uint8_t)(self.asked_us / TICK_US);
		p->told = (uint8_t)(p->told | m.pods);
	}
	if (lease_meets(&self, m.incarnation, m.session)) {
		p->incarnation = m.incarnation;
		lease_begin_anew(&h);
	} else if (m.kind == MAIL_OFFER) {
		lease_offer o = {m.incarnation, m.session, m.seq, one_axis(m.granted)};
		if (!lease_take(&h, &self, &o))
			return p->asked != was.asked || p->told != was.told;
	}
	hold_keep(p, &h);
	bool is_said = say(w, b, p);
	if (is_written)
		return true;
	memcpy(was.mails, p->mails, sizeof was.mails);
	was.n = p->n;
	was.words_said = p->words_said;
	*p = was;
	return is_said;
}

static bool take_up(world *w, const bounds *b, place *p, mail m)
{
	lease l = lease_of(&p->s);
	lease_word word = {m.incarnation, m.seq, one_axis(m.granted)};
	bool is_new = m.session > p->s.session;

	if (b->words && LEASE_KEEPS(WORDS_IN_ORDER) && m.number <= p->words_heard)
		return false;
	if (is_new)
		p->s.session = m.session;
	if (b->words) {
		p->words_heard = m.number;
		p->booked = m.pods;
		p->heard = w->clock;
		p->echo = m.asked;
	}
	bool is_heard = lease_hear(&l, w->incarnation, &word);
	lease_keep(&p->s, &l);
	server_sends(w, p);
	return is_heard || is_new || b->words;
}

/* Who is not heard of any more ends by itself what nobody else knows of. */
static void fences_fall(world *w, const bounds *b)
{
	for (int c = 0; c < CLUSTERS; c++) {
		place *p = &w->at[c];
		lease_self self = self_of(p);
		lease_hold h = hold_of(p);
		if (b->mode != LEASE_SELF_FENCE || lease_is_open(&self, cluster_clock(w, p), TICK_US))
			continue;
		uint8_t settled = LEASE_KEEPS(FENCE_ENDS_UNKNOWN) ? p->pods & p->told : p->pods;
		lease_fence(&h, one_axis(__builtin_popcount(p->pods & p->told)));
		lease_return(&h, one_axis(__builtin_popcount(p->pods & ~settled)));
		hold_keep(p, &h);
		p->running = (uint8_t)(p->running - __builtin_popcount(p->pods & ~settled));
		p->pods = settled;
	}
}

static bool tick(world *w, const bounds *b, place *late)
{
	if (w->clock == b->ticks || (late && late->lag == b->lag))
		return false;
	w->clock++;
	if (late)
		late->lag++;
	fences_fall(w, b);
	return true;
}

static bool back_up(world *w, const bounds *b)
{
	if (!b->can_back_up || w->is_backed_up || w->restores)
		return false;
	w->is_backed_up = 1;
	for (int c = 0; c < CLUSTERS; c++)
		w->at[c].backup = w->at[c].s;
	return true;
}

static bool restore(world *w, const bounds *b)
{
	if (w->restores == b->restores)
		return false;
	w->restores++;
	w->incarnation++;
	for (int c = 0; c < CLUSTERS; c++) {
		place *p = &w->at[c];
		p->s = p->backup;
		lease l = lease_of(&p->s);
		lease_forget(&l);
		lease_keep(&p->s, &l);
		server_sends(w, p);
	}
	return true;
}

static bool deliver(world *w, const bounds *b, place *p, mail m, bool is_written)
{
	if (m.kind == MAIL_WORD)
		return is_written && take_up(w, b, p, m);
	return take_down(w, b, p, m, is_written);
}

/* The second cluster, where only the first one is looked at. */
static bool use_up(world *w, place *p)
{
	if (!lease_may_grow(is_anyone_learning(w)) || !has_room(w, 1))
		return false;
	p->s.reserved++;
	p->running++;
	return true;
}

/* Does it, where it can be done and something comes of it. arg: which mail, or which of two agents. */
static bool world_do(world *w, const bounds *b, deed d, int cluster, uint32_t arg)
{
	place *p = &w->at[cluster];

	if (cluster && b->is_other_ideal)
		return d == DEED_GROW && use_up(w, p);
	switch (d) {
	case DEED_GROW:
		return offer(w, b, p, 1, true);
	case DEED_SHRINK:
		return offer(w, b, p, -1, true);
	case DEED_RECLAIM:
		return reclaim(w, b, p);
	case DEED_SAY:
		return b->words && say(w, b, p);
	case DEED_START:
		return start(w, b, p, arg);
	case DEED_END:
		return end(w, b, p);
	case DEED_LOOK:
		return look(b, p, arg);
	case DEED_LOSE_DISK:
		return lose_disk(w, b, p);
	case DEED_DELIVER:
		return deliver(w, b, p, p->mails[arg], true);
	case DEED_GROW_UNCOMMITTED:
		return !LEASE_KEEPS(COMMIT_THEN_SEND) && offer(w, b, p, 1, false);
	case DEED_ACK_UNWRITTEN:
		return !LEASE_KEEPS(WRITE_THEN_ACK) && deliver(w, b, p, p->mails[arg], false);
	case DEED_BIND_UNWRITTEN:
		return !LEASE_KEEPS(SPEND_THEN_BIND) && bind_unwritten(p);
	case DEED_TICK:
		return cluster == 0 && tick(w, b, NULL);
	case DEED_LAG:
		return tick(w, b, p);
	case DEED_BACK_UP:
		return cluster == 0 && back_up(w, b);
	case DEED_RESTORE:
		return cluster == 0 && restore(w, b);
	case DEEDS:
		break;
	}
	return false;
}

/* How many ways there are to do it. */
static uint32_t world_ways(const world *w, const bounds *b, deed d, int cluster)
{
	if (d == DEED_DELIVER || d == DEED_ACK_UNWRITTEN)
		return w->at[cluster].n;
	if (d == DEED_LOOK || d == DEED_START)
		return b->spenders ? (uint32_t)b->spenders : 1;
	return 1;
}

static void world_begin(world *w, const bounds *b)
{
	*w = (world){.incarnation = 1};
	for (int c = 0; c < CLUSTERS; c++) {
		place *p = &w->at[c];
		p->incarnation = p->session = p->s.session = p->backup.session = 1;
		if (!b->words)
			say(w, b, p);
	}
}

static bool world_is_over(const world *w)
{
	return w->at[0].running + w->at[1].running > CAP;
}
