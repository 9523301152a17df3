/* Every order of events in small worlds: with all rules of a lease nothing runs above the cap; without any one of them
 * something does, and the shortest way there is printed. LEASE_SEARCH in tests/sizes.sh.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/heap.h"
#include "base/vec.h"
#include "lease_world.h"
#include "size.h"

enum { STATE_BYTES_MAX = sizeof(world), TRACE_MAX = 64, DEED_BITS = 5 };
#define ALL ((1u << RULES) - 1)

static const char *const rule_names[RULES] = {
#define LEASE_RULE(name, who, what) [RULE_##name] = #name,
#include "engine/lease_rules.def"
#undef LEASE_RULE
};

static const char *const rule_words[RULES] = {
#define LEASE_RULE(name, who, what) [RULE_##name] = what,
#include "engine/lease_rules.def"
#undef LEASE_RULE
};

/* One state that was reached, and how. */
typedef struct reached {
	uint64_t at; /* of its bytes */
	uint32_t n, parent;
	uint32_t hash;
	uint16_t step; /* deed, cluster, way */
} reached;

typedef struct search {
	const bounds *b;
	vec(reached) v;
	char *bytes;
	uint64_t n_bytes, room;
	uint32_t *table; /* index + 1 */
	uint32_t mask;
	uint32_t over; /* the first state above the cap; 0: none */
} search;

/* Only the mails that are there. */
static uint32_t state_write(const world *w, char out[STATE_BYTES_MAX])
{
	char *p = out;

	memcpy(p, w, offsetof(world, at));
	p += offsetof(world, at);
	for (int c = 0; c < CLUSTERS; c++) {
		const place *x = &w->at[c];
		size_t n = offsetof(place, mails) + x->n * sizeof *x->mails;
		memcpy(p, x, n);
		p += n;
	}
	return (uint32_t)(p - out);
}

static void state_read(world *w, const char *p)
{
	*w = (world){0};
	memcpy(w, p, offsetof(world, at));
	p += offsetof(world, at);
	for (int c = 0; c < CLUSTERS; c++) {
		place *x = &w->at[c];
		memcpy(x, p, offsetof(place, mails));
		memcpy(x->mails, p + offsetof(place, mails), x->n * sizeof *x->mails);
		p += offsetof(place, mails) + x->n * sizeof *x->mails;
	}
}

static uint32_t hash_of(const char *p, uint32_t n)
{
	uint64_t h = n;

	for (; n; n -= n < 8 ? n : 8, p += 8) {
		uint64_t part = 0;
		memcpy(&part, p, n < 8 ? n : 8);
		h = (h ^ part) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return (uint32_t)(h ^ h >> 32);
}

static void table_put(search *s, uint32_t index)
{
	uint32_t at = s->v.v[index].hash & s->mask;

	while (s->table[at])
		at = (at + 1) & s->mask;
	s->table[at] = index + 1;
}

static void table_grow(search *s)
{
	s->mask = s->mask * 2 + 1;
	free(s->table);
	s->table = heap_new((size_t)s->mask + 1, sizeof *s->table);
	for (uint32_t i = 0; i < s->v.n; i++)
		table_put(s, i);
}

static bool is_known(const search *s, const char *p, uint32_t n, uint32_t hash)
{
	for (uint32_t at = hash & s->mask; s->table[at]; at = (at + 1) & s->mask) {
		const reached *x = &s->v.v[s->table[at] - 1];
		if (x->hash == hash && x->n == n && memcmp(s->bytes + x->at, p, n) == 0)
			return true;
	}
	return false;
}

static void bytes_add(search *s, const char *p, uint32_t n)
{
	if (s->n_bytes + n > s->room) {
		char *more = heap_new(s->room * 2, 1);
		memcpy(more, s->bytes, s->n_bytes);
		free(s->bytes);
		s->bytes = more;
		s->room *= 2;
	}
	memcpy(s->bytes + s->n_bytes, p, n);
	s->n_bytes += n;
}

static void reach(search *s, const world *w, uint32_t parent, uint16_t step)
{
	char state[STATE_BYTES_MAX];
	uint32_t n = state_write(w, state), hash = hash_of(state, n);

	if (is_known(s, state, n, hash))
		return;
	if (s->v.n * 2 > s->mask)
		table_grow(s);
	vec_push(&s->v, ((reached){s->n_bytes, n, parent, hash, step}));
	bytes_add(s, state, n);
	table_put(s, s->v.n - 1);
	if (world_is_over(w) && !s->over)
		s->over = s->v.n - 1;
}

static uint16_t step_of(deed d, int cluster, uint32_t way)
{
	return (uint16_t)((uint32_t)d | (uint32_t)cluster << DEED_BITS | way << (DEED_BITS + 1));
}

static void look_around(search *s, uint32_t from)
{
	world is, next;

	state_read(&is, s->bytes + s->v.v[from].at);
	for (int d = 0; d < DEEDS; d++) {
		for (int c = 0; c < CLUSTERS; c++) {
			uint32_t ways = world_ways(&is, s->b, (deed)d, c);
			for (uint32_t way = 0; way < ways; way++) {
				next = is;
				if (world_do(&next, s->b, (deed)d, c, way))
					reach(s, &next, from, step_of((deed)d, c, way));
			}
		}
	}
}

static void search_run(search *s, const bounds *b, uint32_t rules)
{
	world w;

	kept = rules;
	*s = (search){.b = b, .bytes = heap_new(1 << 20, 1), .room = 1 << 20, .mask = (1 << 16) - 1};
	s->table = heap_new((size_t)s->mask + 1, sizeof *s->table);
	world_begin(&w, b);
	reach(s, &w, 0, 0);
	for (uint32_t i = 0; i < s->v.n && !s->over; i++)
		look_around(s, i);
}

static void search_done(search *s)
{
	vec_done(&s->v);
	free(s->bytes);
	free(s->table);
}

static void step_print(const world *before, uint16_t step)
{
	deed d = (deed)(step & ((1 << DEED_BITS) - 1));
	int cluster = step >> DEED_BITS & 1;
	uint32_t way = (uint32_t)step >> (DEED_BITS + 1);
	static const char *const kinds[] = {"offer", "news", "word"};

	printf("    cluster %d: ", cluster + 1);
	if (d == DEED_DELIVER || d == DEED_ACK_UNWRITTEN) {
		mail m = before->at[cluster].mails[way];
		printf("%s %u of %u (session %u, database %u) ", kinds[m.kind], m.seq, m.granted, m.session,
			m.incarnation);
	}
	printf("%s\n", deed_names[d]);
}

static uint32_t trace_print(const search *s)
{
	uint32_t path[TRACE_MAX], n = 0;

	for (uint32_t at = s->over; at && n < TRACE_MAX; at = s->v.v[at].parent)
		path[n++] = at;
	for (uint32_t i = n; i-- > 0;) {
		world before;
		state_read(&before, s->bytes + s->v.v[s->v.v[path[i]].parent].at);
		step_print(&before, s->v.v[path[i]].step);
	}
	return n;
}

static const bounds network = {.name = "messages lost, repeated, overtaken", .offers = 3, .sessions = 1};
static const bounds disk = {.name = "an agent loses its disk", .offers = 2, .sessions = 2};
static const bounds restored = {.name = "the database is restored", .offers = 2, .sessions = 1, .restores = 1};
static const bounds spenders = {.name = "two agents let pods in", .offers = 2, .sessions = 1, .spenders = SPENDERS};
static const bounds silent = {.name = "a silent cluster under hold",
	.offers = 2,
	.sessions = 1,
	.ticks = 3,
	.lag = 1,
	.words = 2,
	.is_other_ideal = true};
static const bounds fenced = {.name = "a silent cluster under self-fence",
	.offers = 2,
	.sessions = 1,
	.ticks = 4,
	.lag = 1,
	.words = 2,
	.is_other_ideal = true,
	.mode = LEASE_SELF_FENCE};

static const bounds *const worlds[] = {&network, &disk, &restored, &spenders, &silent, &fenced};

/* At full size, beside those. */
static const bounds more_offers = {.name = "the same, with more offers", .offers = 4, .sessions = 1};
static const bounds any_backup = {.name = "the database is restored from any backup",
	.offers = 2,
	.sessions = 1,
	.restores = 1,
	.can_back_up = true,
	.is_other_ideal = true};
static const bounds disk_and_database = {.name = "a disk is lost and the database is restored",
	.offers = 2,
	.sessions = 2,
	.restores = 1,
	.is_other_ideal = true};
static const bounds longer_fence = {.name = "a silent cluster under self-fence, for longer",
	.offers = 3,
	.sessions = 1,
	.ticks = 4,
	.lag = 1,
	.words = 2,
	.is_other_ideal = true,
	.mode = LEASE_SELF_FENCE};

static const bounds *const wide_worlds[] = {&more_offers, &any_backup, &disk_and_database, &longer_fence};

/* In which world a rule is missed. */
static const bounds *const missed_in[RULES] = {
	[RULE_NEWER_OFFER] = &network,
	[RULE_OWN_SESSION] = &disk,
	[RULE_OWN_DATABASE] = &restored,
	[RULE_WITHIN_OFFER] = &network,
	[RULE_ONE_COUNTER] = &spenders,
	[RULE_KEEP_USED] = &network,
	[RULE_ACK_LOWERS] = &network,
	[RULE_LATEST_ACK] = &network,
	[RULE_SAME_DATABASE] = &restored,
	[RULE_LEARN_FIRST] = &restored,
	[RULE_EXPIRY_FREES_NOTHING] = &silent,
	[RULE_FENCE_ENDS_UNKNOWN] = &fenced,
	[RULE_FENCE_FROM_ASKING] = &fenced,
	[RULE_FENCE_MARGIN] = &fenced,
	[RULE_COMMIT_THEN_SEND] = &network,
	[RULE_WRITE_THEN_ACK] = &network,
	[RULE_SPEND_THEN_BIND] = &network,
	[RULE_WHOLE_ANSWERS] = &fenced,
	[RULE_WORDS_IN_ORDER] = &fenced,
};

static void holds(const bounds *b)
{
	search s;

	search_run(&s, b, ALL);
	printf("holds: %s: %u states\n", b->name, s.v.n);
	if (s.over)
		trace_print(&s);
	(void)fflush(stdout);
	cr_expect(!s.over, "%s", b->name);
	search_done(&s);
}

Test(lease_search, with_all_rules_nothing_runs_above_the_cap)
{
	for (size_t i = 0; i < sizeof worlds / sizeof *worlds; i++)
		holds(worlds[i]);
	for (size_t i = 0; size_get("LEASE_SEARCH") > 1 && i < sizeof wide_worlds / sizeof *wide_worlds; i++)
		holds(wide_worlds[i]);
}

Test(lease_search, without_any_one_rule_something_does)
{
	for (int r = 0; r < RULES; r++) {
		search s;
		search_run(&s, missed_in[r], ALL & ~(1u << r));
		printf("without %s (%s)\n  in \"%s\": %u states\n", rule_names[r], rule_words[r], missed_in[r]->name,
			s.v.n);
		uint32_t steps = s.over ? trace_print(&s) : 0;
		printf("  above the cap after %u steps\n", steps);
		cr_expect(s.over, "the rule is spare: %s", rule_names[r]);
		search_done(&s);
		(void)fflush(stdout);
	}
}
