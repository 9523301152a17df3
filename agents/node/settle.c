#include "agents/node/settle.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "base/vec.h"
#include "shim/lend.h"

/* A container; it may be on several devices, and its books are read once for all. */
typedef struct seat {
	lot *lot;
	int64_t latest_ns, next_ns;
	int64_t alert_ns; /* until then it is looked at often, process or not */
	uint64_t turn;    /* in which it was read */
	bool has_process;
} seat;

typedef struct place {
	uint32_t seat;
	unsigned device;
} place;

typedef struct group {
	uint32_t first, n; /* of places */
	bool matters;      /* there is something to settle */
} group;

struct settle {
	vec(seat) seats;
	vec(place) places;
	vec(group) groups;
	vec(lend_share) shares; /* of the group at hand */
	books *books;           /* of the seat at hand */
	uint64_t reads, turns;
};

settle *settle_new(void)
{
	settle *s = calloc(1, sizeof(*s));

	assert(s);
	s->books = aligned_alloc(64, sizeof(*s->books));
	assert(s->books);
	return s;
}

void settle_free(settle *s)
{
	if (!s)
		return;
	vec_done(&s->seats);
	vec_done(&s->places);
	vec_done(&s->groups);
	vec_done(&s->shares);
	free(s->books);
	free(s);
}

static uint32_t seat_of(settle *s, lot *l)
{
	for (uint32_t i = 0; i < s->seats.n; i++)
		if (s->seats.v[i].lot == l)
			return i;
	*vec_add(&s->seats) = (seat){.lot = l};
	return s->seats.n - 1;
}

static int by_device(const void *a, const void *b)
{
	return strcmp(((const settle_member *)a)->device, ((const settle_member *)b)->device);
}

/* Once at least, whatever it is: who borrowed from a neighbour that is gone gives back. */
static uint32_t group_add(settle *s, const settle_member *list, unsigned n)
{
	unsigned i = 0;

	for (; i < n && by_device(&list[0], &list[i]) == 0; i++)
		vec_push(&s->places, ((place){seat_of(s, list[i].lot), list[i].place}));
	*vec_add(&s->groups) = (group){.first = s->places.n - i, .n = i, .matters = true};
	return i;
}

void settle_set(settle *s, settle_member *list, unsigned n)
{
	vec_clear(&s->seats);
	vec_clear(&s->places);
	vec_clear(&s->groups);
	if (n)
		qsort(list, n, sizeof(*list), by_device);
	for (unsigned i = 0; i < n;)
		i += group_add(s, &list[i], n - i);
}

static bool is_high(const seat *at)
{
	return atomic_load(&at->lot->limits->priority) == LIMITS_HIGH;
}

static bool works(const seat *at, int64_t now_ns, int64_t within_ns)
{
	return at->latest_ns > 0 && now_ns - at->latest_ns < within_ns;
}

static int64_t look_again_ns(const seat *at, int64_t now_ns)
{
	if (at->has_process)
		return SETTLE_WORK_NS;
	return now_ns < at->alert_ns || !at->lot->is_watched ? SETTLE_IDLE_NS : SETTLE_QUIET_NS;
}

/* Looks of one kind fall together, so that one wake-up serves all of them. */
static int64_t beat_ns(int64_t now_ns, int64_t every_ns)
{
	return (now_ns / every_ns + 1) * every_ns;
}

static void seat_read(settle *s, seat *at, int64_t now_ns)
{
	s->reads++;
	at->turn = s->turns;
	at->has_process = false;
	at->latest_ns = 0;
	if (lot_read(at->lot, s->books))
		at->latest_ns = lot_latest(s->books, &at->has_process);
	/* A launch in the future is a forged one: it is as good as one now. */
	if (at->latest_ns > now_ns)
		at->latest_ns = now_ns;
	/* Who was new to us may have been opened before we were told of that. */
	if (!at->alert_ns)
		at->alert_ns = now_ns + SETTLE_ALERT_NS;
	at->next_ns = beat_ns(now_ns, look_again_ns(at, now_ns));
}

void settle_wake(settle *s, const lot *l, int64_t now_ns)
{
	for (uint32_t i = 0; i < s->seats.n; i++) {
		if (s->seats.v[i].lot != l)
			continue;
		s->seats.v[i].next_ns = now_ns;
		s->seats.v[i].alert_ns = now_ns + SETTLE_ALERT_NS;
	}
}

static bool group_read(settle *s, const group *g, int64_t now_ns)
{
	bool is_read = false;

	for (uint32_t i = 0; i < g->n; i++) {
		seat *at = &s->seats.v[s->places.v[g->first + i].seat];
		if (now_ns >= at->next_ns)
			seat_read(s, at, now_ns);
		is_read |= at->turn == s->turns;
	}
	return is_read;
}

static bool group_matters(const settle *s, const group *g)
{
	bool any_low = false, any_high = false, any_lends = false;

	for (uint32_t i = 0; i < g->n; i++) {
		const seat *at = &s->seats.v[s->places.v[g->first + i].seat];
		any_lends |= (at->lot->limits->flags & LIMITS_LEND) != 0;
		any_low |= !is_high(at);
		any_high |= is_high(at);
	}
	return any_lends || (any_low && any_high);
}

/* Whether a launch of this idle one would take something from another at once. */
static bool is_awaited(const settle *s, const group *g, const seat *idle, int64_t now_ns)
{
	for (uint32_t i = 0; i < g->n; i++) {
		const place *p = &s->places.v[g->first + i];
		const seat *other = &s->seats.v[p->seat];
		if (other == idle || !works(other, now_ns, LEND_IDLE_NS))
			continue;
		bool borrows = atomic_load(&other->lot->limits->devices[p->device].lent_milli) != 0;
		if (borrows || (is_high(idle) && !is_high(other)))
			return true;
	}
	return false;
}

static void group_plan(settle *s, const group *g, int64_t now_ns)
{
	for (uint32_t i = 0; i < g->n; i++) {
		seat *at = &s->seats.v[s->places.v[g->first + i].seat];
		bool is_idle = !works(at, now_ns, LEND_IDLE_NS) && at->has_process;
		if (!is_idle || !is_awaited(s, g, at, now_ns))
			continue;
		int64_t due_ns = now_ns + (works(at, now_ns, SETTLE_REST_NS) ? SETTLE_FAST_NS : SETTLE_SOON_NS);
		if (at->next_ns > due_ns)
			at->next_ns = due_ns;
	}
}

static void group_settle(settle *s, const group *g, int64_t now_ns)
{
	vec_clear(&s->shares);
	for (uint32_t i = 0; i < g->n; i++) {
		const place *p = &s->places.v[g->first + i];
		const seat *at = &s->seats.v[p->seat];
		vec_push(&s->shares, ((lend_share){at->lot->limits, at->latest_ns, p->device}));
	}
	lend_settle(s->shares.v, s->shares.n, now_ns);
}

int64_t settle_turn(settle *s, int64_t now_ns)
{
	int64_t next_ns = now_ns + SETTLE_REST_NS;

	s->turns++;
	for (uint32_t i = 0; i < s->groups.n; i++) {
		group *g = &s->groups.v[i];
		bool did_matter = g->matters;
		g->matters = group_matters(s, g);
		if (!g->matters && !did_matter)
			continue;
		if (group_read(s, g, now_ns))
			group_settle(s, g, now_ns);
		group_plan(s, g, now_ns);
		for (uint32_t k = 0; k < g->n; k++) {
			int64_t at_ns = s->seats.v[s->places.v[g->first + k].seat].next_ns;
			next_ns = at_ns < next_ns ? at_ns : next_ns;
		}
	}
	return next_ns > now_ns ? next_ns - now_ns : 0;
}

uint64_t settle_reads(const settle *s)
{
	return s->reads;
}
