#include "fixture.h"

#include "agents/cluster/journal.h"
#include "agents/simulate/due.h"

Test(journal, its_checksum_is_crc_32c)
{
	cr_expect_eq(journal_crc(S("123456789")), 0xe3069283u);
	cr_expect_eq(journal_crc(S("")), 0u);
}

static void record_count(void *arg, str record)
{
	(void)record;
	++*(int *)arg;
}

Test(journal, two_processes_never_share_one_and_strangers_are_refused)
{
	folder d = folder_new();
	journal *first, *second;
	fault f = {0};
	int n = 0;

	MUST(journal_open(d.facts, record_count, &n, &first, &must));
	cr_expect_eq(journal_open(d.facts, record_count, &n, &second, &f), ERR_CONFLICT);
	journal_close(first);
	MUST(file_write(d.reality, 0600, S("#!/bin/sh\necho no journal\n"), &must));
	cr_expect_eq(journal_open(d.reality, record_count, &n, &second, &f), ERR_IO);
	cr_expect_eq(n, 0);
	folder_free(&d);
}

Test(journal, what_follows_a_torn_end_stands_whole)
{
	static const char tail[] = "a record that is torn off and longer than the one that takes its place";
	folder d = folder_new();
	arena *a = arena_new(0);
	journal *j;
	str whole;
	int n = 0;

	MUST(journal_open(d.facts, record_count, &n, &j, &must));
	journal_add(j, S("first"));
	journal_add(j, str_of(tail, sizeof(tail) - 1));
	cr_expect(journal_is_dirty(j));
	MUST(journal_flush(j, &must));
	journal_close(j);
	MUST(file_read(d.facts, a, &whole, &must));
	MUST(file_write(d.facts, 0600, str_cut(whole, 0, whole.n - 1), &must));
	MUST(journal_open(d.facts, record_count, &n, &j, &must));
	cr_expect_eq(n, 1);
	cr_expect_eq(journal_torn_bytes(j), (int64_t)sizeof(tail) - 1 + JOURNAL_HEAD_BYTES - 1);
	journal_add(j, S("x"));
	MUST(journal_flush(j, &must));
	journal_close(j);
	n = 0;
	MUST(journal_open(d.facts, record_count, &n, &j, &must));
	cr_expect_eq(n, 2);
	cr_expect_eq(journal_torn_bytes(j), 0);
	journal_close(j);
	arena_end(a);
	folder_free(&d);
}

/* A moment's heap must give moments in order, whatever is moved and taken out. */
Test(due, moments_come_in_order)
{
	enum { N = 500 };
	due_at at[N] = {0};
	due d = {0};
	uint64_t random = 7;
	int64_t last = -1;
	int left = N;

	for (int i = 0; i < N * 3; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		due_put(&d, &at[i % N], (int64_t)(random >> 44));
	}
	for (int i = 0; i < N; i += 5, left--)
		due_remove(&d, &at[i]);
	for (due_at *first; (first = due_first(&d)); left--) {
		cr_assert_geq(first->us, last);
		last = first->us;
		due_remove(&d, first);
		cr_assert_eq(first->place, 0u);
	}
	cr_expect_eq(left, 0);
	due_done(&d);
}

typedef struct world {
	folder d;
	arena *a;
	scene *scene;
	simulate *sim;
	agent *agent;
	int64_t rev;
} world;

static void world_wake(world *w, int64_t now_us)
{
	MUST(simulate_open(w->scene, w->d.reality, now_us, &w->sim, &must));
	MUST(agent_open(simulate_cluster(w->sim), w->d.facts, "0.1", now_us, &w->agent, &must));
}

/* As by kill -9: nothing is flushed. */
static void world_kill(world *w)
{
	agent_close(w->agent);
	simulate_close(w->sim);
}

static world world_new(const char *json, int64_t now_us)
{
	world w = {.d = folder_new(), .a = arena_new(256 << 20)};

	w.scene = ARENA_NEW(w.a, scene);
	MUST(scene_read(str_from(json), w.a, w.scene, &must));
	world_wake(&w, now_us);
	return w;
}

static void world_free(world *w)
{
	world_kill(w);
	arena_end(w->a);
	folder_free(&w->d);
}

static agent_news world_order(world *w, const wish *q, uint32_t n, int64_t now_us)
{
	agent_news news;

	MUST(agent_apply(w->agent, answer_write(w->a, 1, w->rev + 1, q, n), now_us, &news, &must));
	w->rev += n;
	return news;
}

static int64_t world_turn(world *w, int64_t now_us)
{
	int64_t next_us = 0;

	MUST(agent_turn(w->agent, now_us, &next_us, &must));
	return next_us;
}

/* Takes one report as stored and returns its lines. */
static str world_hear(world *w, report *ret)
{
	char answer[64];
	bool is_restarted;
	str body = agent_report(w->agent);

	if (!body.p)
		return S("");
	str told = report_tell(w->a, str_dup(w->a, body), ret);
	int n = snprintf(answer, sizeof(answer), "{\"acked_seq\":%lld}", (long long)ret->seq);
	MUST(agent_answered(w->agent, str_of(answer, (size_t)n), T0, &is_restarted, &must));
	return told;
}

#define HEARS(w, lines)                                                                                                \
	do {                                                                                                           \
		report hears_r;                                                                                        \
		str hears = world_hear(w, &hears_r);                                                                   \
		cr_expect(str_eq(hears, S(lines)), "heard:\n" STR_FMT "\nexpected:\n%s", STR_ARG(hears), lines);       \
	} while (0)

#define GRANT(id, fence)                                                                                               \
	{                                                                                                              \
		"grant", id, fence, "n1", "GPU-n1-0", 10000, 100, NULL, 0                                              \
	}
#define REVOKE(id, fence)                                                                                              \
	{                                                                                                              \
		"revoke", id, fence, NULL, NULL, 0, 0, NULL, 0                                                         \
	}
#define FORGET(id, fence)                                                                                              \
	{                                                                                                              \
		"forget", id, fence, NULL, NULL, 0, 0, NULL, 0                                                         \
	}
#define QUIET "\"usage_interval_ms\":0,\"start_ms\":50"

Test(simulate, a_session_begins_with_inventory_and_what_runs)
{
	world w = world_new(SCENE(QUIET), T0);
	report r;

	HEARS(&w, "inventory\nrunning\n");
	(void)world_order(&w, (wish[]){GRANT("a", "1.1")}, 1, T0);
	(void)world_turn(&w, T0);
	agent_session(w.agent, T0);
	str told = world_hear(&w, &r);
	cr_expect(str_eq(told, S("inventory\nlease\nrunning\na 1.1 bound\n")), STR_FMT, STR_ARG(told));
	const report_item *i = r.items.v;
	cr_expect(i[0].is_whole && i[1].is_whole && i[2].is_whole);
	cr_expect_eq(i[0].nodes.n, 2u);
	cr_expect_eq(i[1].leases.n, 0u, "nothing is held of any loan");
	cr_expect_eq(i[2].placements.n, 1u);
	cr_expect(str_eq(i[2].placements.v[0], S("a 1.1")));
	world_free(&w);
}

Test(simulate, pods_start_run_and_end_by_their_times)
{
	world w = world_new(SCENE("\"start_ms\":50,\"runtime_ms\":1000,\"usage_interval_ms\":400"), T0);
	wish labelled = {
		"grant", "b", "1.1", "n1", "GPU-n1-1", 10000, 100, "{\"x\":\"1\",\"simulate/runtime_ms\":\"300\"}", 0};
	wish cut = {"grant", "c", "1.1", "n2", "GPU-n2-0", 10000, 100, "{\"simulate/runtime_ms\":\"9000\"}", 2};

	HEARS(&w, "inventory\nrunning\n");
	(void)world_order(&w, (wish[]){GRANT("a", "1.1"), labelled, cut}, 3, T0);
	cr_expect_eq(world_turn(&w, T0), T0 + MS(50));
	HEARS(&w, "a 1.1 bound\nb 1.1 bound\nc 1.1 bound\n");
	(void)world_turn(&w, T0 + MS(50));
	HEARS(&w, "a 1.1 running\nb 1.1 running\nc 1.1 running\n");
	(void)world_turn(&w, T0 + MS(350));
	HEARS(&w, "b 1.1 usage 300\nb 1.1 done\n");
	(void)world_turn(&w, T0 + MS(5000));
	HEARS(&w, "a 1.1 usage 1000\na 1.1 done\nc 1.1 usage 2000\nc 1.1 done\n");
	cr_expect_eq(book_find(agent_book(w.agent), S("c"))->at_us, T0 + MS(2050), "at its own moment");
	cr_expect_str_eq(book_find(agent_book(w.agent), S("c"))->reason, "max_runtime_s has passed");
	world_free(&w);
}

Test(simulate, usage_follows_what_is_booked)
{
	world w = world_new(SCENE("\"start_ms\":0,\"memory_use_percent\":70,\"compute_use_percent\":60"), T0);
	report r;

	HEARS(&w, "inventory\nrunning\n");
	(void)world_order(&w, (wish[]){GRANT("a", "1.1")}, 1, T0);
	(void)world_turn(&w, T0);
	HEARS(&w, "a 1.1 running\n");
	(void)world_turn(&w, T0 + MS(1000));
	(void)world_hear(&w, &r);
	const report_item *i = r.items.v;
	cr_assert_eq(r.items.n, 1u);
	cr_expect_eq(i->window_ms, 1000);
	cr_expect_eq(i->memory_mib_avg, 7000);
	cr_expect_eq(i->memory_mib_max, 7437);
	cr_expect_eq(i->compute_milli_avg, 60);
	world_free(&w);
}

Test(simulate, failures_and_refusals_follow_from_the_seed)
{
	for (int round = 0; round < 2; round++) {
		world w = world_new(SCENE(QUIET ",\"refuse_ppm\":500000"), T0);
		agent_news news;
		int64_t refused = 0;
		wish q[40];
		char ids[40][16];
		for (int i = 0; i < 40; i++) {
			(void)snprintf(ids[i], sizeof(ids[i]), "p%d", i);
			q[i] = (wish){"grant", ids[i], "1.1", "n1", "GPU-n1-0", 1, 1, NULL, 0};
		}
		news = world_order(&w, q, 40, T0);
		refused = news.n_refused;
		cr_expect_eq(refused + news.n_accepted, 40);
		cr_expect(refused > 8 && refused < 32, "%lld", (long long)refused);
		world_free(&w);
	}
	world w = world_new(SCENE(QUIET ",\"fail_ppm\":1000000"), T0);
	HEARS(&w, "inventory\nrunning\n");
	(void)world_order(&w, (wish[]){GRANT("a", "1.1")}, 1, T0);
	(void)world_turn(&w, T0 + MS(9000));
	HEARS(&w, "a 1.1 running\na 1.1 failed\n");
	world_free(&w);
}

Test(simulate, what_runs_survives_the_agent_and_goes_on_without_it)
{
	world w = world_new(SCENE("\"start_ms\":50,\"runtime_ms\":1000,\"usage_interval_ms\":0"), T0);
	wish longer = {"grant", "b", "1.1", "n1", "GPU-n1-1", 10000, 100, "{\"simulate/runtime_ms\":\"60000\"}", 0};

	(void)world_order(&w, (wish[]){GRANT("a", "1.1"), longer, REVOKE("x", "1.1")}, 3, T0);
	world_kill(&w);
	world_wake(&w, T0 + MS(10000));
	cr_expect_eq(agent_rev(w.agent), 3);
	HEARS(&w, "inventory\nlease\nrunning\nx 1.1 revoked\na 1.1 running\na 1.1 done\nb 1.1 running\n");
	const holding *a = book_find(agent_book(w.agent), S("a")), *b = book_find(agent_book(w.agent), S("b"));
	cr_expect_eq(a->running_us, T0 + MS(50));
	cr_expect_eq(a->at_us, T0 + MS(1050));
	cr_expect(!a->is_booked && b->is_booked);
	/* Its end is remembered, then the cluster lets go of it; the next start tells the same. */
	(void)world_turn(&w, T0 + MS(11000));
	cr_expect_eq(simulate_pods(w.sim), 1u);
	world_kill(&w);
	world_wake(&w, T0 + MS(12000));
	cr_expect_eq(book_find(agent_book(w.agent), S("a"))->state, LIFE_DONE);
	(void)world_order(&w, (wish[]){FORGET("a", "1.1"), FORGET("x", "1.1")}, 2, T0 + MS(12000));
	world_kill(&w);
	world_wake(&w, T0 + MS(13000));
	cr_expect(!book_find(agent_book(w.agent), S("a")), "forgotten");
	HEARS(&w, "inventory\nlease\nrunning\nb 1.1 running\n");
	world_free(&w);
}

Test(simulate, orders_that_were_not_made_durable_are_told_again_and_taken_again)
{
	world w = world_new(SCENE(QUIET), T0);
	str reason;
	cluster_ref c = simulate_cluster(w.sim);
	placed_device d = {.uuid = S("GPU-n1-0"), .memory_mib = 1};
	placed_pod pod = {.node = S("n1"), .devices = {&d, 1}};
	cluster_order lost = {.id = S("lost"), .fence = S("1.1"), .placed = {&pod, 1}};

	/* The agent dies between the cluster's flush and its own: the cluster knows more than the agent remembers. */
	cr_assert(c.can->start(c.self, &lost, T0, &reason));
	MUST(c.can->flush(c.self, &must));
	world_kill(&w);
	world_wake(&w, T0 + MS(100));
	cr_expect_eq(agent_rev(w.agent), 0);
	HEARS(&w, "inventory\nrunning\nlost 1.1 running\n");
	(void)world_order(&w, (wish[]){{"grant", "lost", "1.1", "n1", "GPU-n1-0", 1, 0, NULL, 0}}, 1, T0 + MS(200));
	HEARS(&w, "lost 1.1 running\n");
	cr_expect_eq(simulate_pods(w.sim), 1u);
	world_free(&w);
}

Test(simulate, pods_end_within_their_grace_also_over_a_crash)
{
	world w = world_new(SCENE(QUIET ",\"stop_ms\":60000"), T0);
	report told;

	(void)world_order(
		&w, (wish[]){GRANT("a", "1.1"), {"grant", "b", "1.1", "n1", "GPU-n1-1", 10000, 100, NULL, 0}}, 2, T0);
	(void)world_turn(&w, T0 + MS(100));
	HEARS(&w, "inventory\nrunning\na 1.1 running\nb 1.1 running\n");
	cluster_ref c = simulate_cluster(w.sim);
	cr_expect(c.can->stop(c.self, S("a"), S("1.1"), 2, T0 + MS(200)));
	cr_expect(c.can->stop(c.self, S("b"), S("1.1"), 0, T0 + MS(200)));
	MUST(c.can->flush(c.self, &must));
	(void)world_turn(&w, T0 + MS(2100));
	HEARS(&w, "");
	world_kill(&w);
	world_wake(&w, T0 + MS(2150));
	(void)world_hear(&w, &told);
	(void)world_turn(&w, T0 + MS(2300));
	HEARS(&w, "a 1.1 revoked\n");
	(void)world_turn(&w, T0 + MS(60300));
	HEARS(&w, "b 1.1 revoked\n");
	world_free(&w);
}

Test(simulate, a_revoke_that_was_under_way_at_the_crash_is_told)
{
	world w = world_new(SCENE(QUIET), T0);

	(void)world_order(&w, (wish[]){GRANT("a", "1.1")}, 1, T0);
	(void)world_turn(&w, T0 + MS(60));
	(void)world_order(&w, (wish[]){REVOKE("a", "1.1")}, 1, T0 + MS(70));
	world_kill(&w);
	world_wake(&w, T0 + MS(100));
	HEARS(&w, "inventory\nlease\nrunning\na 1.1 running\na 1.1 revoked\n");
	world_kill(&w);
	world_wake(&w, T0 + MS(200));
	HEARS(&w, "inventory\nlease\nrunning\na 1.1 running\na 1.1 revoked\n");
	cr_expect_eq(book_find(agent_book(w.agent), S("a"))->at_us, T0 + MS(70));
	world_free(&w);
}

Test(simulate, a_gap_or_a_new_database_begins_a_session)
{
	world w = world_new(SCENE(QUIET), T0);
	agent_news news;
	char before[OUTBOX_SESSION_MAX + 1];

	news = world_order(&w, (wish[]){GRANT("a", "1.1")}, 1, T0);
	cr_expect(!news.is_new_database, "the first one seen is no change");
	(void)snprintf(before, sizeof(before), "%s", agent_session_id(w.agent));
	MUST(agent_apply(
		w.agent, answer_write(w.a, 1, 1, (wish[]){GRANT("a", "1.1"), GRANT("b", "1.1")}, 2), T0, &news, &must));
	cr_expect(news.n_repeated == 1 && news.n_changes == 1 && !news.is_gap);
	cr_expect_str_eq(agent_session_id(w.agent), before);
	MUST(agent_apply(w.agent, answer_write(w.a, 1, 4, (wish[]){GRANT("c", "1.1")}, 1), T0, &news, &must));
	cr_expect(news.is_gap && news.n_changes == 0);
	cr_expect_eq(agent_rev(w.agent), 2);
	cr_expect_str_neq(agent_session_id(w.agent), before);
	cr_expect(!book_find(agent_book(w.agent), S("c")));
	MUST(agent_apply(w.agent, answer_write(w.a, 9, 2, (wish[]){GRANT("d", "9.1")}, 1), T0, &news, &must));
	cr_expect(news.is_new_database && news.n_changes == 1);
	cr_expect_eq(agent_rev(w.agent), 2);
	cr_expect(book_find(agent_book(w.agent), S("a"))->is_booked, "nothing is stopped for it");
	/* The same database, of an earlier time. */
	(void)snprintf(before, sizeof(before), "%s", agent_session_id(w.agent));
	MUST(agent_apply(w.agent, answer_write(w.a, 9, 2, NULL, 0), T0, &news, &must));
	cr_expect(news.is_new_database);
	cr_expect_eq(agent_rev(w.agent), 1);
	cr_expect_str_neq(agent_session_id(w.agent), before);
	MUST(agent_apply(w.agent, answer_write(w.a, 9, 2, NULL, 0), T0, &news, &must));
	cr_expect(!news.is_new_database, "it stands there now");
	world_free(&w);
}

Test(simulate, a_torn_journal_gives_a_prefix_at_every_byte)
{
	world w = world_new(SCENE(QUIET), T0);
	uint32_t last = 0;
	str whole;

	for (int i = 0; i < 6; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "p%d", i);
		(void)world_order(&w, (wish[]){{"grant", name, "1.1", "n1", "GPU-n1-0", 1, 1, NULL, 0}}, 1, T0);
	}
	world_kill(&w);
	MUST(file_read(w.d.reality, w.a, &whole, &must));
	for (uint32_t n = 0; n <= whole.n; n++) {
		MUST(file_write(w.d.reality, 0600, str_cut(whole, 0, n), &must));
		MUST(simulate_open(w.scene, w.d.reality, T0, &w.sim, &must));
		uint32_t pods = simulate_pods(w.sim);
		cr_assert(pods == last || pods == last + 1, "%u bytes: %u pods after %u", n, pods, last);
		last = pods;
		simulate_close(w.sim);
	}
	cr_expect_eq(last, 6u);
	/* A flipped bit ends the journal there; it is never taken for an order. */
	for (uint32_t n = JOURNAL_MAGIC_BYTES; n < whole.n; n += 7) {
		char *bent = arena_alloc(w.a, whole.n);
		memcpy(bent, whole.p, whole.n);
		bent[n] = (char)(bent[n] ^ 16);
		MUST(file_write(w.d.reality, 0600, str_of(bent, whole.n), &must));
		MUST(simulate_open(w.scene, w.d.reality, T0, &w.sim, &must));
		cr_assert_lt(simulate_pods(w.sim), 6u);
		simulate_close(w.sim);
	}
	world_wake(&w, T0);
	world_free(&w);
}

Test(simulate, a_torn_memory_of_the_agent_gives_an_older_revision_and_no_harm)
{
	world w = world_new(SCENE(QUIET), T0);
	int64_t last = 0;
	str whole;

	for (int i = 0; i < 4; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "p%d", i);
		(void)world_order(&w, (wish[]){GRANT(name, "1.1"), REVOKE(name, "1.1")}, 2, T0 + MS(i));
		(void)world_turn(&w, T0 + MS(i));
	}
	MUST(agent_flush(w.agent, &must));
	world_kill(&w);
	MUST(file_read(w.d.facts, w.a, &whole, &must));
	for (uint32_t n = 0; n <= whole.n; n++) {
		MUST(file_write(w.d.facts, 0600, str_cut(whole, 0, n), &must));
		world_wake(&w, T0 + MS(10));
		cr_assert_geq(agent_rev(w.agent), last);
		last = agent_rev(w.agent);
		world_kill(&w);
	}
	cr_expect_eq(last, 8);
	world_wake(&w, T0 + MS(10));
	world_free(&w);
}

/* Ten thousand grants in ten answers: not a measurement, but a quadratic step would run into the test's time limit. */
Test(simulate, ten_thousand_grants_are_told_completely)
{
	enum { ANSWERS = 10, PER_ANSWER = 1000 };
	world w = world_new(SCENE(QUIET), T0);
	uint32_t heard = 0;
	report r;

	(void)world_hear(&w, &r);
	for (int i = 0; i < ANSWERS; i++) {
		wish *q = ARENA_ARRAY(w.a, wish, PER_ANSWER);
		for (int k = 0; k < PER_ANSWER; k++)
			q[k] = (wish){"grant", str_print(w.a, "plc_%d%c", i * PER_ANSWER + k, 0).p, "1.1",
				k % 2 ? "n1" : "n2", NULL, 0, 0, NULL, 0};
		(void)world_order(&w, q, PER_ANSWER, T0);
		(void)world_turn(&w, T0);
	}
	(void)world_turn(&w, T0 + MS(50));
	while (agent_report(w.agent).p) {
		(void)world_hear(&w, &r);
		heard += r.items.n;
	}
	cr_expect_eq(heard, (uint32_t)(ANSWERS * PER_ANSWER), "one step each: %u", heard);
	world_free(&w);
}
