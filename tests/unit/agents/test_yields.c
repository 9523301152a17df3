/* A pod of high priority takes the place of others by their eviction; what they leave is nobody else's. */
#include "real_stage.h"

loop *fake_loop;

#define NOW_US ((int64_t)1800000000 * 1000000)

/* As the scan of waiting pods does. */
static void waits_turn(stage *t, int64_t now_us)
{
	AUTO_ARENA a = arena_new(0);
	pod_ask *q = ARENA_NEW(a, pod_ask);
	pod p;

	cr_assert_eq(pod_read(mirror_waiting(t->mirror, S("new")), a, &p), ERR_OK);
	cr_assert_eq(pod_ask_read(&p, t->stock, (pod_policies){0}, a, q, NULL), ERR_OK);
	yields_look(t->real, map_find(&t->real->waits, S("new")), &p, q, now_us, a);
	turn(t);
}

#define NEW(spec, memory, status) WAITING("new", "d", spec, ASK("1", memory, "10"), status)
#define URGENT(memory)            NEW("\"priority\":10,", memory, "")
#define LATE(memory)              WAITING("late", "d", "\"priority\":10,", ASK("1", memory, "10"), "")

Test(yields, memory_alone_makes_the_least_important_go_and_keeps_what_they_leave)
{
	stage t;

	stage_open(&t, URGENT("5000"));
	cr_assert_eq(pod_tell(t.stock, HELD("low", "e", "1", "6000,10", "")), ERR_OK);
	cr_assert_eq(pod_tell(t.stock, HELD("mid", "d", "5", "2000,10", "")), ERR_OK);
	cr_expect_not(passes(&t, t.pending));
	waits_turn(&t, NOW_US);
	cr_assert_eq(t.n_evicted, 1);
	cr_expect_str_eq(t.evicted[0], "/api/v1/namespaces/e/pods/low/eviction");
	cr_expect_not(passes(&t, t.pending), "it has not gone yet");
	stock_pod_drop(t.stock, S("low"));
	cr_expect_not(passes(&t, LATE("2000")), "what it left is kept");
	cr_expect(passes(&t, LATE("1000")), "the rest is free");
	cr_expect(passes(&t, t.pending));
	yields_sweep(t.real, NOW_US + 60000000);
	turn(&t);
	cr_expect_eq(t.n_evicted, 1, "nobody else goes");
	yields_lift(t.real, S("new"));
	cr_expect(passes(&t, LATE("2000")), "a bind takes its place");
	yields_back(t.real, S("new"));
	cr_expect_not(passes(&t, LATE("2000")), "it failed");
	waits_drop(t.real, S("new"));
	cr_expect(passes(&t, LATE("2000")), "it started, or has given up");
	stage_close(&t);
}

Test(yields, nobody_goes_twice_and_a_grace_is_waited_for)
{
	stage t;

	stage_open(&t, URGENT("8000"));
	cr_assert_eq(pod_tell(t.stock, HELD("low", "d", "1", "4000,10", "")), ERR_OK);
	cr_assert_eq(pod_tell(t.stock, HELD("mid", "d", "5", "4000,10", "")), ERR_OK);
	cr_expect_not(passes(&t, t.pending));
	waits_turn(&t, NOW_US);
	cr_expect_eq(t.n_evicted, 1, "the first shows whether any may go");
	yields_sweep(t.real, NOW_US + 1000000);
	turn(&t);
	cr_expect_eq(t.n_evicted, 2);
	cr_expect_not(passes(&t, t.pending));
	waits_turn(&t, NOW_US + 2000000);
	yields_sweep(t.real, NOW_US + 30000000);
	turn(&t);
	cr_expect_eq(t.n_evicted, 2);
	cr_expect_not(passes(&t, LATE("1")));
	yields_sweep(t.real, NOW_US + (int64_t)700 * 1000000);
	cr_expect_eq(t.real->yields.n, 0, "it is not kept for ever");
	stage_close(&t);
}

Test(yields, a_budget_that_forbids_it_ends_it)
{
	stage t;

	stage_open(&t, URGENT("8000"));
	t.status = 429;
	cr_assert_eq(pod_tell(t.stock, HELD("low", "d", "1", "4000,10", "")), ERR_OK);
	cr_assert_eq(pod_tell(t.stock, HELD("mid", "d", "5", "2000,10", "")), ERR_OK);
	cr_expect_not(passes(&t, t.pending));
	waits_turn(&t, NOW_US);
	cr_expect_eq(t.n_evicted, 1);
	cr_expect_eq(t.real->yields.n, 0);
	cr_expect(passes(&t, LATE("2000")), "nothing is kept");
	stage_close(&t);
}

Test(yields, only_to_who_asks_for_it_and_only_within_a_tenant)
{
	static const struct {
		const char *pending, *running;
	} rows[] = {
		{NEW("\"priority\":10,\"preemptionPolicy\":\"Never\",", "5000", ""),
			HELD("low", "d", "1", "6000,10", "")},
		{URGENT("5000"), HELD("low", "f", "1", "6000,10", "")},
		{URGENT("5000"), HELD("low", "unknown", "1", "6000,10", "")},
		{URGENT("5000"), HELD("same", "d", "10", "6000,10", "")},
		{URGENT("9000"), HELD("low", "d", "1", "6000,10", "")},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		stage t;
		stage_open(&t, rows[i].pending);
		cr_assert_eq(pod_tell(t.stock, rows[i].running), ERR_OK);
		cr_expect_not(passes(&t, t.pending));
		waits_turn(&t, NOW_US);
		cr_expect_eq(t.n_evicted, 0, "row %zu", i);
		cr_expect_eq(t.real->yields.n, 0, "row %zu", i);
		stage_close(&t);
	}
}

Test(yields, what_the_schedulers_victims_leave_is_kept_too)
{
	stage t;

	stage_open(&t, NEW("\"priority\":10,", "5000", "\"nominatedNodeName\":\"n\","));
	cr_assert_eq(pod_tell(t.stock, HELD("low", "d", "1", "6000,10", LEAVING)), ERR_OK);
	waits_turn(&t, NOW_US);
	cr_expect_eq(t.n_evicted, 0);
	stock_pod_drop(t.stock, S("low"));
	cr_expect_not(passes(&t, LATE("4000")));
	cr_expect(passes(&t, t.pending));
	/* It may be taken back. */
	AUTO_ARENA a = arena_new(0);
	pod_ask *q = ARENA_NEW(a, pod_ask);
	pod p;
	cr_assert_eq(pod_read(S(URGENT("5000")), a, &p), ERR_OK);
	cr_assert_eq(pod_ask_read(&p, t.stock, (pod_policies){0}, a, q, NULL), ERR_OK);
	yields_look(t.real, map_find(&t.real->waits, S("new")), &p, q, NOW_US, a);
	cr_expect(passes(&t, LATE("4000")));
	stage_close(&t);
}

Test(yields, the_next_agent_goes_on_with_it)
{
	stage t;

	stage_open(&t, URGENT("8000"));
	cr_assert_eq(pod_tell(t.stock, HELD("low", "d", "1", "4000,10", "")), ERR_OK);
	cr_assert_eq(pod_tell(t.stock, HELD("mid", "d", "5", "4000,10", "")), ERR_OK);
	cr_expect_not(passes(&t, t.pending));
	waits_turn(&t, NOW_US);
	cr_expect_eq(t.n_evicted, 1);
	buf text;
	buf_init(&text, LEDGER_BYTES_MAX);
	real_compose(t.real, S("w"), 1, &text);
	yields_drop(t.real, S("new"));
	t.real->agent = NULL;
	real_free(t.real);
	t.real = real_made(&t);
	fault f = {0};
	cr_assert_eq(real_act(t.real, NULL, buf_str(&text), &f), ERR_OK, "%s", f.detail);
	stock_pod_drop(t.stock, S("low"));
	cr_expect_not(passes(&t, LATE("1")), "it is kept");
	yields_sweep(t.real, NOW_US + 1000000);
	turn(&t);
	cr_assert_eq(t.n_evicted, 2);
	cr_expect_str_eq(t.evicted[1], "/api/v1/namespaces/d/pods/mid/eviction");
	buf_done(&text);
	stage_close(&t);
}

/* It stays over its namespace's quota whoever goes: they went all the same. */
Test(yields, nobody_goes_for_a_pod_that_its_quota_keeps_out)
{
	static const struct {
		const char *quota;
		int n_evicted;
	} rows[] = {{"7999", 0}, {"8000", 1}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		stage t;
		quotas *q = quotas_new();
		str text = str_print(a,
			"{\"metadata\":{\"name\":\"q\",\"namespace\":\"d\",\"resourceVersion\":\"1\"},\"spec\":{"
			"\"hard\":{\"limits.nvidia.com/gpumem\":\"%s\"}}}",
			rows[i].quota);
		cr_assert_eq(quotas_put(q, text), ERR_OK);
		stage_open(&t, WAITING("new", "d", "\"priority\":10,",
				       "{\"name\":\"c\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\"}}}", ""));
		real_quotas(t.real, q);
		cr_assert_eq(pod_tell(t.stock, HELD("low", "e", "1", "6000,10", "")), ERR_OK);
		cr_expect_not(passes(&t, t.pending));
		waits_turn(&t, NOW_US);
		cr_expect_eq(t.n_evicted, rows[i].n_evicted, "row %zu", i);
		stage_close(&t);
		quotas_free(q);
	}
}

/* Where whole devices are short on other nodes, the scheduler finds victims itself, and says so by a nomination. */
Test(yields, the_scheduler_goes_first)
{
	stage t;

	stage_open(&t, URGENT("5000"));
	cr_assert_eq(pod_tell(t.stock, HELD("low", "d", "1", "6000,10", "")), ERR_OK);
	cr_expect_not(passes(&t, t.pending));
	wait_row *w = map_find(&t.real->waits, S("new"));
	w->full_us = t.real->full_us = NOW_US;
	waits_turn(&t, NOW_US + 900000);
	cr_expect_eq(t.n_evicted, 0);
	yields_sweep(t.real, NOW_US + 900000);
	rounds_leave(t.real, w);
	rounds_join(t.real, w);
	yields_sweep(t.real, NOW_US + 1000000);
	cr_expect_eq(t.real->fresh.n, 1, "it is looked at then");
	waits_turn(&t, NOW_US + 1000000);
	cr_expect_eq(t.n_evicted, 1);
	stage_close(&t);
}
