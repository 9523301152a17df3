/* The states of a raise, searched whole: every order of every event by every caller, with rights that come and go, a
 * clock, and a clock's helper that may be late for as long as it likes. What must never be is told from who controls
 * which credential, not from the marks that the engine compares. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "engine/raise.h"

enum { ADA = 1, BOB = 2, CID = 4, PROGRAM = 8 };
enum {
	CALLERS = 11,
	TIMES = 5,
	BEGINS = 1,
	ENDS = 3,
	RIGHTS = 8,
	NOBODY = CALLERS,
	MARKS_MAX = 8,
	POLICY = CALLERS + 1
};

typedef struct caller {
	const char *subject, *credential;
	const char *marks[MARKS_MAX];
	unsigned controlled_by; /* who can use it, or made it so that they could */
	unsigned rights_of;     /* all of these must hold the right to approve */
} caller;

/* tok_root has no subject: every token of an installation may come from it. */
static const caller callers[CALLERS] = {
	{"user:ada", "ses_ada", {"user:ada", "group:gpu"}, ADA, ADA},
	{"user:bob", "ses_bob", {"user:bob", "group:gpu"}, BOB, BOB},
	{"user:cid", "ses_cid", {"user:cid"}, CID, CID},
	{"user:bob", "tok_3", {"user:bob", "user:ada", "group:gpu"}, ADA | BOB, ADA | BOB},
	{"user:ada", "tok_4", {"user:ada"}, ADA, ADA},
	{"service:x", "tok_5", {"service:x", "tok_root"}, PROGRAM, 0},
	{"user:cid", "tok_6", {"user:cid", "tok_5", "service:x", "tok_root"}, CID | PROGRAM, CID},
	{"user:cid", "tok_7", {"user:cid", "tok_root"}, CID, CID},
	{"user:bob", "tok_8", {"user:bob", "tok_4", "user:ada"}, ADA | BOB, ADA | BOB},
	{"user:cid", "tok_9", {"user:cid", "tok_4", "user:ada"}, ADA | CID, ADA | CID},
	{"ci:pipe", "ci_10", {"ci:pipe", "user:ada"}, ADA | PROGRAM, ADA},
};

typedef struct world {
	uint8_t state, requester, needed, time, rights;
	uint8_t by[2]; /* who approved, or NOBODY, or POLICY */
} world;

typedef err judge(const raise *r, raise_event e, const raise_actor *who, raise_state *ret);

typedef struct search {
	judge *judge;
	uint8_t *seen;
	world *open;
	size_t n, room, steps, worlds;
	const char *found; /* what must not be */
} search;

static size_t number(const world *w)
{
	size_t n = w->state;

	n = n * CALLERS + w->requester;
	n = n * 2 + (w->needed - 1u);
	n = n * TIMES + w->time;
	n = n * RIGHTS + w->rights;
	n = n * (POLICY + 1) + w->by[0];
	return n * (POLICY + 1) + w->by[1];
}

static void reach(search *s, world w)
{
	size_t n = number(&w);

	if (s->seen[n])
		return;
	s->seen[n] = 1;
	s->worlds++;
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 1024;
		s->open = realloc(s->open, s->room * sizeof(*s->open));
	}
	s->open[s->n++] = w;
}

typedef struct texts {
	str v[4 * MARKS_MAX];
	uint32_t n;
} texts;

static void marks_add(texts *to, const caller *c)
{
	for (int i = 0; i < MARKS_MAX && c->marks[i]; i++)
		to->v[to->n++] = str_from(c->marks[i]);
	to->v[to->n++] = str_from(c->credential);
}

static raise_actor actor(const caller *c, texts *room)
{
	room->n = 0;
	marks_add(room, c);
	return (raise_actor){str_from(c->subject), str_from(c->credential), {room->v, room->n}, false};
}

static bool is_person(uint8_t by)
{
	return by < CALLERS;
}

static bool holds(const world *w, const caller *c)
{
	return c->rights_of && (w->rights & c->rights_of) == c->rights_of;
}

/* One event in one world: what the engine says. */
static err judged(search *s, const world *w, raise_event e, int who, raise_state *ret)
{
	texts requester, caller_marks, approver_marks = {.n = 0};
	str approvers[2];
	raise r = {.state = (raise_state)w->state,
		.requester = actor(&callers[w->requester], &requester),
		.needed = w->needed,
		.has_begun = w->time >= BEGINS,
		.is_over = w->time >= ENDS};
	raise_actor a;

	for (int i = 0; i < 2; i++) {
		if (!is_person(w->by[i]))
			continue;
		approvers[r.approvers.n++] = str_from(callers[w->by[i]].subject);
		marks_add(&approver_marks, &callers[w->by[i]]);
	}
	r.approvers.v = approvers;
	r.approver_marks = (strs){approver_marks.v, approver_marks.n};
	if (who == NOBODY)
		return s->judge(&r, e, NULL, ret);
	a = actor(&callers[who], &caller_marks);
	a.may_approve = holds(w, &callers[who]);
	return s->judge(&r, e, &a, ret);
}

static bool is_open(unsigned state)
{
	return state == RAISE_APPROVED || state == RAISE_APPLIED;
}

static const char *approval_wrong(const world *w, const world *next, int who)
{
	const caller *c = &callers[who];

	if (c->controlled_by & callers[w->requester].controlled_by)
		return "self-approval";
	if (c->controlled_by & PROGRAM)
		return "approved by a program";
	if (!holds(w, c))
		return "approved without the right";
	if (is_person(w->by[0]) && (c->controlled_by & callers[w->by[0]].controlled_by))
		return "one person approved twice";
	if (is_open(next->state) && w->needed == 2 && !is_person(w->by[0]))
		return "one approver where two are needed";
	return NULL;
}

static const char *step_wrong(const world *w, const world *next, raise_event e, int who)
{
	bool is_over = w->time >= ENDS;

	if (w->state > RAISE_APPLIED)
		return "an end was left";
	if (is_open(next->state) && is_over)
		return "outlives its end";
	if (next->state == RAISE_APPLIED && w->time < BEGINS)
		return "counts before its time";
	if (is_open(next->state) && w->state == RAISE_PENDING && e != RAISE_APPROVE && e != RAISE_GRANT)
		return "counts without approval";
	if (w->state == RAISE_APPLIED && next->state != RAISE_REVERTED)
		return "stops counting without a word";
	if (e == RAISE_CANCEL && !(callers[who].controlled_by & callers[w->requester].controlled_by))
		return "cancelled by a stranger";
	if (e == RAISE_DENY && !holds(w, &callers[who]))
		return "denied without the right";
	return e == RAISE_APPROVE ? approval_wrong(w, next, who) : NULL;
}

static void try(search *s, const world *w, raise_event e, int who)
{
	world next = *w;
	raise_state to;

	s->steps++;
	if (judged(s, w, e, who, &to))
		return;
	next.state = (uint8_t)to;
	if (e == RAISE_APPROVE)
		next.by[w->by[0] == NOBODY ? 0 : 1] = (uint8_t)who;
	if (e == RAISE_GRANT)
		next.by[0] = POLICY;
	if (!s->found)
		s->found = step_wrong(w, &next, e, who);
	reach(s, next);
}

/* However late the helper is and whatever was done meanwhile: one step of its ends what is over. */
static const char *end_wrong(search *s, const world *w)
{
	raise_state to;

	if (w->time < ENDS || w->state > RAISE_APPLIED)
		return NULL;
	raise_event e = w->state == RAISE_APPLIED ? RAISE_REVERT : RAISE_EXPIRE;
	return judged(s, w, e, NOBODY, &to) || to <= RAISE_APPLIED ? "cannot be ended when it is over" : NULL;
}

static void expand(search *s, const world *w)
{
	world next = *w;

	for (int who = 0; who < CALLERS; who++) {
		try(s, w, RAISE_APPROVE, who);
		try(s, w, RAISE_DENY, who);
		try(s, w, RAISE_CANCEL, who);
	}
	try(s, w, RAISE_GRANT, NOBODY);
	try(s, w, RAISE_APPLY, NOBODY);
	try(s, w, RAISE_EXPIRE, NOBODY);
	try(s, w, RAISE_REVERT, NOBODY);
	if (!s->found)
		s->found = end_wrong(s, w);
	if (w->time + 1 < TIMES) {
		next.time++;
		reach(s, next);
	}
	for (unsigned bit = 1; bit < RIGHTS; bit <<= 1) {
		next = *w;
		next.rights ^= (uint8_t)bit;
		reach(s, next);
	}
	next = *w;
	next.needed = (uint8_t)(3 - w->needed); /* the parent's policy is edited */
	reach(s, next);
}

static search search_run(judge *j)
{
	search s = {.judge = j};
	world last = {
		.state = RAISE_STATES, .requester = CALLERS - 1, .needed = 2, .time = TIMES - 1, .rights = RIGHTS - 1};

	last.by[0] = last.by[1] = POLICY;
	s.seen = calloc(number(&last) + 1, 1);
	for (int who = 0; who < CALLERS; who++)
		reach(&s,
			(world){.requester = (uint8_t)who, .needed = 1, .rights = RIGHTS - 1, .by = {NOBODY, NOBODY}});
	while (s.n && !s.found) {
		world w = s.open[--s.n];
		expand(&s, &w);
	}
	free(s.seen);
	free(s.open);
	return s;
}

Test(raise, no_path_leads_to_self_approval_or_beyond_the_end)
{
	search s = search_run(raise_step);

	cr_expect_null(s.found, "%s", s.found);
	cr_expect_gt(s.worlds, 50000);
	cr_log_info("%zu worlds, %zu steps", s.worlds, s.steps);
}

/* Faults the search must see. */
static err names_alone(const raise *r, raise_event e, const raise_actor *who, raise_state *ret)
{
	raise blind = *r;
	raise_actor plain;

	if (!who)
		return raise_step(r, e, who, ret);
	plain = *who;
	plain.marks = (strs){&plain.subject, 1};
	blind.requester.marks = (strs){&blind.requester.subject, 1};
	return raise_step(&blind, e, &plain, ret);
}

static err forgets_approvers(const raise *r, raise_event e, const raise_actor *who, raise_state *ret)
{
	raise blind = *r;
	str stranger = S("user:nobody");

	blind.approver_marks.n = 0;
	if (blind.approvers.n)
		blind.approvers = (strs){&stranger, 1};
	return raise_step(&blind, e, who, ret);
}

static err forgets_time(const raise *r, raise_event e, const raise_actor *who, raise_state *ret)
{
	raise blind = *r;

	blind.is_over = r->is_over && e != RAISE_APPROVE;
	return raise_step(&blind, e, who, ret);
}

static err forgets_to_end(const raise *r, raise_event e, const raise_actor *who, raise_state *ret)
{
	return e == RAISE_REVERT ? ERR_STATE_TRANSITION : raise_step(r, e, who, ret);
}

static err trusts_programs(const raise *r, raise_event e, const raise_actor *who, raise_state *ret)
{
	raise_actor person;
	str some = S("user:some");

	if (!who || e != RAISE_APPROVE || !str_starts(who->subject, S("ci:")))
		return raise_step(r, e, who, ret);
	person = (raise_actor){some, some, {&some, 1}, who->may_approve};
	return raise_step(r, e, &person, ret);
}

Test(raise, the_search_sees_faults)
{
	judge *const faulty[] = {names_alone, forgets_approvers, forgets_time, forgets_to_end, trusts_programs};

	for (size_t i = 0; i < sizeof faulty / sizeof *faulty; i++)
		cr_expect_not_null(search_run(faulty[i]).found, "fault %zu", i);
}

Test(raise, states_and_events_are_called_by_name)
{
	raise_state s;
	raise_event e;

	for (int i = 0; i < RAISE_STATES; i++)
		cr_expect(raise_state_find(str_from(raise_state_name((raise_state)i)), &s) && (int)s == i);
	for (int i = 0; i < RAISE_EVENTS; i++)
		cr_expect(raise_event_find(str_from(raise_event_name((raise_event)i)), &e) && (int)e == i);
	cr_expect_not(raise_state_find(S("open"), &s));
	cr_expect_not(raise_event_find(S("open"), &e));
}
