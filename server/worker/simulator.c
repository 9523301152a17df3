#include "server/worker/simulator.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "db/lane.h"
#include "db/reader.h"
#include "server/identity/grant_text.h"
#include "server/placer/policy.h"
#include "server/worker/follower.h"
#include "server/worker/simulate.h"
#include "server/worker/simulate_moves.h"
#include "server/worker/simulate_policy.h"
#include "server/worker/trial.h"

enum { LOOK_MS = 500, AGAIN_S = 30, ARENA_MAX = 256 << 20, HALVES = 2, KINDS = 3 };

typedef struct enquiry enquiry;

struct simulator {
	loop *loop;
	lane *lane;
	db_reader *reader;
	follower *follower;
	loop_timer *look;
	sql_ask_claim_in claim;
	str kinds[KINDS];
	enquiry *now; /* NULL: none in work */
	bool is_claiming, is_closing;
};

/* One copy of the books at work: for a policy there are two, as it is and as it would be. */
typedef struct half {
	enquiry *of;
	trial *trial;
	str said;
} half;

/* One question in work. */
struct enquiry {
	simulator *s;
	arena *a;
	sql_ask_claim_row ask;
	sql_ask_done_in done;
	sql_policy_terms_in terms_in;
	policy_terms *terms; /* what the policy asked about says */
	sql_policy_terms_row policy;
	const books *books; /* while the copies are made */
	simulated_as_of as_of;
	half halves[HALVES];
	int running;
};

static void enquiry_free(enquiry *q)
{
	for (int i = 0; i < HALVES; i++)
		trial_end(q->halves[i].trial);
	policy_free(q->terms);
	arena_end(q->a);
}

static void ended(void *arg, db_reply *r)
{
	enquiry *q = arg;
	simulator *s = q->s;

	if (r->e)
		log_warn("ask.lost", KV("ask", q->ask.id), KV_ERR(r->e), KV_Z("why", r->f.detail));
	s->now = NULL;
	enquiry_free(q);
	if (!s->is_closing)
		simulator_look(s);
}

static void answer(enquiry *q, int32_t status, str text)
{
	q->done.id = q->ask.id;
	q->done.status = status;
	q->done.object_id = q->ask.object_id;
	q->done.answer = text;
	lane_run(q->s->lane, 0, DB_PLATFORM, SQL_ASK_DONE, &q->done, ended, q);
}

static void fail(enquiry *q, err e, const char *pointer, str detail)
{
	err shown = err_status(e) ? e : ERR_UNAVAILABLE;

	q->done.code = str_from(err_code(shown));
	q->done.pointer = str_dup(q->a, str_from(pointer));
	q->done.detail = str_dup(q->a, detail);
	answer(q, err_status(shown), STR_NONE);
}

static bool is_of_policy(const enquiry *q)
{
	return str_eq(q->ask.kind, S("policy_simulate"));
}

/* In a copy. A refusal is told as "!code", pointer and detail, a line each. */
static void single_work(void *arg, buf *out)
{
	const half *h = arg;
	const enquiry *q = h->of;
	books *b = (books *)(uintptr_t)q->books;
	fault f;
	err e;

	if (str_eq(q->ask.kind, S("defragment")))
		e = simulate_moves(b, q->ask.object_id, q->ask.body, &q->as_of, out, &f);
	else
		e = simulate_placement(b, (int32_t)q->ask.tenant_key, q->ask.body, clock_now_us(), &q->as_of, out, &f);
	if (!e)
		return;
	buf_clear(out);
	buf_printf(out, "!%d\n%s\n%s", (int)e, f.pointer, f.detail);
}

/* In a copy, both of them at once: the first half as things are, the second with the policy. */
static void policy_work(void *arg, buf *out)
{
	const half *h = arg;
	enquiry *q = h->of;
	bool is_changed = h == &q->halves[1];
	policy_terms *terms = is_changed ? q->terms : NULL;

	if (is_changed)
		q->terms = NULL; /* the copy's books have it now */
	simulate_queue((books *)(uintptr_t)q->books, (int32_t)q->policy.tenant_key, terms, clock_now_us(), out);
}

static void refused(enquiry *q, str said)
{
	str code = str_split(&said, '\n'), pointer = str_split(&said, '\n');
	int64_t e = ERR_INTERNAL;

	(void)str_to_i64(str_cut(code, 1, code.n), &e);
	fail(q, (err)e, str_z(q->a, pointer), said);
}

static void finish(enquiry *q)
{
	buf out;

	if (!is_of_policy(q)) {
		str said = q->halves[0].said;
		if (str_starts(said, S("!")))
			refused(q, said);
		else
			answer(q, 200, said);
		return;
	}
	buf_init(&out, TRIAL_BYTES_MAX);
	grants sight = grants_of_text(q->a, q->ask.grants);
	simulate_compare(&q->policy, q->halves[0].said, q->halves[1].said, &q->as_of, &sight, &out);
	str text = str_dup(q->a, buf_str(&out));
	buf_done(&out);
	answer(q, 200, text);
}

static void worked(void *arg, err e, str text)
{
	half *h = arg;
	enquiry *q = h->of;

	h->trial = NULL;
	h->said = str_dup(q->a, text);
	if (e && !q->done.code.p)
		q->done.code = str_from(err_code(e));
	if (--q->running)
		return;
	if (q->done.code.p)
		fail(q, e ? e : ERR_INTERNAL, "", S("it could not be worked out in time"));
	else
		finish(q);
}

static void ready(void *arg, books *b, follow_marks as_of, const fault *bad)
{
	enquiry *q = arg;
	int n = is_of_policy(q) ? HALVES : 1;

	if (!b) {
		fail(q, ERR_UNAVAILABLE, "", str_from(bad->detail));
		return;
	}
	q->books = b;
	q->as_of = (simulated_as_of){as_of.governance, as_of.decisions, {as_of.at_us}};
	for (int i = 0; i < n; i++) {
		q->halves[i].of = q;
		q->halves[i].trial = trial_begin(q->s->loop, SIMULATOR_DEADLINE_MS * 1000LL,
			is_of_policy(q) ? policy_work : single_work, worked, &q->halves[i]);
		q->running += q->halves[i].trial != NULL;
	}
	q->books = NULL;
	if (!q->running)
		fail(q, ERR_OVERLOADED, "", S("there is no room for a copy of the books"));
	else if (q->running < n)
		q->done.code = str_from(err_code(ERR_OVERLOADED));
}

static void terms_came(void *arg, db_reply *r)
{
	enquiry *q = arg;
	fault f;

	if (r->e) {
		fail(q, r->e, "", str_from(r->f.detail));
		return;
	}
	if (!r->rows) {
		fail(q, ERR_NOT_FOUND, "", S("there is no such policy"));
		return;
	}
	db_keep(r, q->a);
	if (!db_row(r, 0, &q->policy, &f))
		q->terms = policy_read(q->policy.placement, q->policy.sharing);
	if (q->terms)
		follower_ask(q->s->follower, ready, q);
	else
		fail(q, ERR_INTERNAL, "", S("the policy cannot be read"));
}

static void begin(enquiry *q)
{
	if (!is_of_policy(q)) {
		follower_ask(q->s->follower, ready, q);
		return;
	}
	q->terms_in.id = q->ask.object_id;
	db_read(q->s->reader, DB_PLATFORM, SQL_POLICY_TERMS, &q->terms_in, terms_came, q);
}

static void claimed(void *arg, db_reply *r)
{
	simulator *s = arg;
	fault f;

	s->is_claiming = false;
	if (s->is_closing || r->e || !r->rows)
		return;
	arena *a = arena_new(ARENA_MAX);
	enquiry *q = ARENA_NEW(a, enquiry);
	q->s = s;
	q->a = a;
	db_keep(r, a);
	if (db_row(r, 0, &q->ask, &f)) {
		arena_end(a);
		return;
	}
	s->now = q;
	begin(q);
}

void simulator_look(simulator *s)
{
	if (s->now || s->is_claiming || s->is_closing)
		return;
	s->is_claiming = true;
	s->claim = (sql_ask_claim_in){.again_s = AGAIN_S, .kinds = {s->kinds, KINDS}};
	lane_run(s->lane, 0, DB_PLATFORM, SQL_ASK_CLAIM, &s->claim, claimed, s);
}

static void on_timer(void *arg)
{
	simulator *s = arg;

	simulator_look(s);
	loop_timer_arm(s->look, LOOK_MS * 1000LL);
}

simulator *simulator_new(loop *l, const char *dsn)
{
	simulator *s = heap_new(1, sizeof *s);
	db_options asks = {.dsn = dsn, .kind = "simulator-asks", .role = "reeve_jobs", .is_platform = true};
	db_options reads = {.dsn = dsn, .kind = "simulator-read", .role = "reeve_jobs", .is_platform = true};
	db_options follows = {.dsn = dsn, .kind = "follower", .role = "reeve_jobs", .is_platform = true};

	s->loop = l;
	s->kinds[0] = S("simulate");
	s->kinds[1] = S("policy_simulate");
	s->kinds[2] = S("defragment");
	s->lane = lane_new(l, &(lane_options){.db = asks});
	s->reader = reader_new(l, &(reader_options){.platform = reads, .platform_n = 1});
	s->follower = follower_new(l, &follows);
	s->look = loop_timer_new(l, on_timer, s);
	loop_timer_arm(s->look, LOOK_MS * 1000LL);
	return s;
}

void simulator_free(simulator *s)
{
	if (!s)
		return;
	s->is_closing = true;
	/* Each answers what is still asked of it; the lane last, since an answer may go through it. */
	reader_free(s->reader);
	follower_free(s->follower);
	for (int i = 0; s->now && i < HALVES; i++) {
		trial_end(s->now->halves[i].trial);
		s->now->halves[i].trial = NULL;
	}
	enquiry *left = s->now && s->now->running ? s->now : NULL;
	lane_free(s->lane);
	if (left)
		enquiry_free(left);
	loop_timer_free(s->look);
	free(s);
}
