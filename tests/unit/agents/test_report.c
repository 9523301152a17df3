#include "fixture.h"

#include "agents/cluster/outbox.h"

static report_answer acked(int64_t seq)
{
	return (report_answer){.acked_seq = seq};
}

static void step_put(outbox *o, const char *id, lifecycle state)
{
	outbox_step(o, str_from(id), S("1.1"), state, STR_NONE, T0);
}

static outbox begun(void)
{
	outbox o;

	outbox_init(&o, "0.1");
	outbox_begin(&o, S("ses_1"));
	return o;
}

Test(report, reports_are_numbered_and_repeated_until_they_are_stored)
{
	arena *a = arena_new(0);
	outbox o = begun();
	report r;

	cr_expect(!outbox_report(&o).p, "nothing to tell");
	step_put(&o, "a", LIFE_RUNNING);
	str first = str_dup(a, outbox_report(&o));
	step_put(&o, "b", LIFE_RUNNING);
	cr_expect(str_eq(outbox_report(&o), first), "the same again, byte for byte");
	str told = report_tell(a, first, &r);
	cr_expect(str_eq(told, S("a 1.1 running\n")), STR_FMT, STR_ARG(told));
	cr_expect_eq(r.seq, 1);
	cr_expect(str_eq(r.session, S("ses_1")));
	report_answer before = acked(0), now = acked(1);
	cr_expect_eq(outbox_answer(&o, &before), OUTBOX_AGAIN);
	cr_expect(str_eq(outbox_report(&o), first));
	cr_expect_eq(outbox_answer(&o, &now), OUTBOX_STORED);
	told = report_tell(a, outbox_report(&o), &r);
	cr_expect(str_eq(told, S("b 1.1 running\n")), STR_FMT, STR_ARG(told));
	cr_expect_eq(r.seq, 2);
	outbox_done(&o);
	arena_end(a);
}

Test(report, a_snapshot_or_a_lost_thread_asks_for_a_new_session)
{
	static const struct {
		report_answer answer;
		outbox_verdict verdict;
	} rows[] = {
		{{1, false}, OUTBOX_STORED},
		{{1, true}, OUTBOX_RESTART},
		{{0, false}, OUTBOX_AGAIN},
		{{0, true}, OUTBOX_RESTART},
		{{2, false}, OUTBOX_RESTART},
		{{-1, false}, OUTBOX_RESTART},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		outbox o = begun();
		step_put(&o, "a", LIFE_DONE);
		cr_expect(outbox_report(&o).p);
		cr_expect_eq(outbox_answer(&o, &rows[i].answer), rows[i].verdict, "row %zu", i);
		outbox_begin(&o, S("ses_2"));
		cr_expect(!outbox_has_work(&o), "a new session begins empty");
		cr_expect_eq(o.seq, 0);
		outbox_done(&o);
	}
}

Test(report, a_step_that_only_led_to_the_next_is_left_out)
{
	static const struct {
		lifecycle steps[5];
		const char *told;
	} rows[] = {
		{{LIFE_ACCEPTED, LIFE_BOUND, LIFE_RUNNING}, "a 1.1 running\n"},
		{{LIFE_ACCEPTED, LIFE_BOUND}, "a 1.1 bound\n"},
		{{LIFE_ACCEPTED, LIFE_BOUND, LIFE_RUNNING, LIFE_DONE}, "a 1.1 running\na 1.1 done\n"},
		{{LIFE_ACCEPTED, LIFE_BOUND, LIFE_FAILED}, "a 1.1 bound\na 1.1 failed\n"},
		{{LIFE_ACCEPTED, LIFE_REVOKED}, "a 1.1 revoked\n"},
		{{LIFE_RUNNING, LIFE_RUNNING}, "a 1.1 running\n"},
		{{LIFE_REFUSED, LIFE_REFUSED}, "a 1.1 refused\n"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		arena *a = arena_new(0);
		outbox o = begun();
		report r;
		for (int k = 0; rows[i].steps[k]; k++)
			step_put(&o, "a", rows[i].steps[k]);
		str told = report_tell(a, outbox_report(&o), &r);
		cr_expect(str_eq(told, str_from(rows[i].told)), "row %zu: " STR_FMT, i, STR_ARG(told));
		outbox_done(&o);
		arena_end(a);
	}
}

Test(report, steps_of_another_attempt_or_with_a_reason_stand_alone)
{
	arena *a = arena_new(0);
	outbox o = begun();
	report r;

	outbox_step(&o, S("a"), S("1.1"), LIFE_ACCEPTED, STR_NONE, T0);
	outbox_step(&o, S("a"), S("1.2"), LIFE_ACCEPTED, STR_NONE, T0 + MS(5));
	outbox_step(&o, S("a"), S("1.2"), LIFE_REFUSED, S("no \"room\"\n"), T0);
	str told = report_tell(a, outbox_report(&o), &r);
	cr_expect(str_eq(told, S("a 1.1 accepted\na 1.2 accepted\na 1.2 refused\n")), STR_FMT, STR_ARG(told));
	const report_item *i = r.items.v;
	cr_expect(str_eq(i[2].reason, S("no \"room\"\n")));
	cr_expect_eq(i[1].at.us, T0 + MS(5));
	outbox_done(&o);
	arena_end(a);
}

static cluster_usage usage_of(int64_t end_ms, int64_t window_ms, int64_t memory_mib)
{
	return (cluster_usage){.id = S("a"),
		.fence = S("1.1"),
		.at_us = T0 + MS(end_ms),
		.window_ms = window_ms,
		.memory_mib_avg = memory_mib,
		.memory_mib_max = memory_mib + 1,
		.compute_milli_avg = memory_mib * 2};
}

Test(report, usage_windows_that_touch_are_added_up_and_others_are_not)
{
	const cluster_usage windows[] = {usage_of(1000, 1000, 100), usage_of(4000, 3000, 200), usage_of(6000, 1000, 7)};
	arena *a = arena_new(0);
	outbox o = begun();
	report r;

	for (int i = 0; i < 3; i++)
		outbox_usage(&o, &windows[i]);
	str told = report_tell(a, outbox_report(&o), &r);
	cr_expect(str_eq(told, S("a 1.1 usage 4000\na 1.1 usage 1000\n")), STR_FMT, STR_ARG(told));
	const report_item *i = r.items.v;
	cr_expect_eq(i[0].memory_mib_avg, 175);
	cr_expect_eq(i[0].memory_mib_max, 201);
	cr_expect_eq(i[0].compute_milli_avg, 350);
	cr_expect_eq(i[0].at.us, T0 + MS(4000));
	outbox_done(&o);
	arena_end(a);
}

static cluster_usage part_of(int64_t source, int64_t end_ms)
{
	cluster_usage u = usage_of(end_ms, 1000, 10);

	u.source = source;
	return u;
}

Test(report, windows_of_different_parts_are_never_added_up)
{
	const cluster_usage windows[] = {part_of(1, 1000), part_of(2, 1000), part_of(1, 2000), part_of(2, 2000)};
	arena *a = arena_new(0);
	outbox o = begun();
	report r;

	for (int i = 0; i < 4; i++)
		outbox_usage(&o, &windows[i]);
	str told = report_tell(a, outbox_report(&o), &r);
	cr_expect(str_eq(told, S("a 1.1 usage 2000\na 1.1 usage 2000\n")), STR_FMT, STR_ARG(told));
	const report_item *i = r.items.v;
	cr_expect_eq(i[0].source, 1);
	cr_expect_eq(i[1].source, 2);
	outbox_done(&o);
	arena_end(a);
}

Test(report, what_was_used_goes_over_into_a_new_session_as_it_was_told)
{
	const cluster_usage windows[] = {usage_of(1000, 1000, 1), usage_of(2000, 1000, 1), usage_of(3000, 1000, 1)};
	cluster_usage repeat = usage_of(4000, 1000, 1);
	arena *a = arena_new(0);
	outbox o = begun();
	report r;

	outbox_usage(&o, &windows[0]);
	(void)outbox_report(&o);
	step_put(&o, "a", LIFE_RUNNING);
	outbox_usage(&o, &windows[1]);
	outbox_begin(&o, S("ses_2"));
	outbox_usage(&o, &windows[2]);
	repeat.is_repeat = true;
	outbox_usage(&o, &repeat);
	str told = report_tell(a, outbox_report(&o), &r);
	cr_expect(str_eq(told, S("a 1.1 usage 1000\na 1.1 usage 1000\na 1.1 usage 1000\na 1.1 usage 1000\n")), STR_FMT,
		STR_ARG(told));
	report_answer stored = acked(1);
	cr_assert_eq(outbox_answer(&o, &stored), OUTBOX_STORED);
	outbox_begin(&o, S("ses_3"));
	cr_expect(!outbox_has_work(&o), "what is stored is told no more");
	outbox_done(&o);
	arena_end(a);
}

Test(report, a_report_is_closed_at_its_limits_and_nothing_is_lost)
{
	enum { N = 12000 };
	arena *a = arena_new(256 << 20);
	outbox o = begun();
	uint32_t n = 0;

	for (int i = 0; i < N; i++) {
		char name[40];
		(void)snprintf(name, sizeof(name), "plc_%d", i);
		outbox_step(&o, str_from(name), S("1.1"), LIFE_FAILED,
			i % 3 ? STR_NONE : S("some reason of usual length"), T0);
	}
	for (int64_t seq = 1; outbox_has_work(&o); seq++) {
		report r;
		str body = outbox_report(&o);
		cr_assert_leq(body.n, (uint32_t)OUTBOX_REPORT_BYTES);
		(void)report_tell(a, body, &r);
		cr_assert_eq(r.seq, seq);
		cr_assert_leq(r.items.n, (uint32_t)OUTBOX_REPORT_ITEMS_MAX);
		n += r.items.n;
		report_answer stored = acked(seq);
		cr_assert_eq(outbox_answer(&o, &stored), OUTBOX_STORED);
	}
	cr_expect_eq(n, (uint32_t)N);
	outbox_done(&o);
	arena_end(a);
}

Test(report, what_passes_the_cap_is_told_by_a_new_session)
{
	outbox o = begun();

	for (int i = 0; i <= OUTBOX_ITEMS_MAX; i++)
		step_put(&o, "a", i % 2 ? LIFE_DONE : LIFE_FAILED);
	cr_expect(o.is_over);
	cr_expect_eq(outbox_waiting(&o), (uint32_t)OUTBOX_ITEMS_MAX);
	outbox_begin(&o, S("ses_2"));
	cr_expect(!o.is_over);
	outbox_done(&o);
}
