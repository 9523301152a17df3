/* Budgets: the calendar, and sums that agree with adding everything up anew. */
#include "fixture.h"
#include "size.h"

#include "engine/budget.h"

#define H ((int64_t)3600 * 1000000)
#define D (24 * H)

/* Days since 1970, by date(1). */
static const struct {
	const char *at;
	budget_period period;
	int64_t at_day, begin_day, end_day;
} calendar[] = {
	{"2026-11-21, a Saturday", BUDGET_DAY, 20778, 20778, 20779},
	{"its week, from Monday the 16th", BUDGET_WEEK, 20778, 20773, 20780},
	{"a Monday begins a week", BUDGET_WEEK, 20773, 20773, 20780},
	{"a Sunday ends it", BUDGET_WEEK, 20779, 20773, 20780},
	{"November", BUDGET_MONTH, 20778, 20758, 20788},
	{"the fourth quarter, into the next year", BUDGET_QUARTER, 20778, 20727, 20819},
	{"February of a leap year", BUDGET_MONTH, 19782, 19754, 19783},
	{"no leap year in 2100", BUDGET_MONTH, 47540, 47513, 47541},
	{"the first day of all", BUDGET_MONTH, 0, 0, 31},
	{"its week began the year before", BUDGET_WEEK, 4, 4, 11},
	{"December ends with the year", BUDGET_MONTH, 20818, 20788, 20819},
};

Test(budget, periods_are_those_of_the_calendar)
{
	for (size_t i = 0; i < sizeof calendar / sizeof *calendar; i++) {
		for (int64_t of_day = 0; of_day < D; of_day += D - 1) {
			int64_t begin, end;
			budget_bounds(calendar[i].period, calendar[i].at_day * D + of_day, &begin, &end);
			cr_expect_eq(begin, calendar[i].begin_day * D, "%s: %ld", calendar[i].at, begin / D);
			cr_expect_eq(end, calendar[i].end_day * D, "%s: %ld", calendar[i].at, end / D);
		}
	}
}

Test(budget, every_period_begins_where_the_last_one_ends)
{
	for (budget_period p = 0; p < BUDGET_PERIODS; p++) {
		int64_t begin, end, next = 0, last = 0;
		budget_period named;
		budget_bounds(p, 0, &begin, &end);
		for (int64_t at = end; at < 60000 * D; at = next) {
			budget_bounds(p, at, &last, &next);
			cr_assert(last == at && next > at, "%s %ld", budget_period_name(p), at / D);
		}
		cr_expect(budget_period_find(str_from(budget_period_name(p)), &named) && named == p);
	}
}

static int64_t gpu_minutes(budget_sum s)
{
	return (int64_t)(s * 60 / BUDGET_GPU_HOUR);
}

/* Two devices from 10:00 on a day, for three hours. */
Test(budget, work_moves_from_committed_to_spent)
{
	budget b;

	budget_init(&b, BUDGET_DAY, 10 * H);
	budget_hold_add(&b, 2000, 3 * H);
	cr_expect_eq(gpu_minutes(budget_committed(&b)), 360);
	budget_hold_undo(&b, 2000, 3 * H);
	budget_run_add(&b, 2000, 10 * H, 13 * H);
	budget_advance(&b, 11 * H);
	cr_expect_eq(gpu_minutes(budget_spent(&b)), 120);
	cr_expect_eq(gpu_minutes(budget_committed(&b)), 240);
	budget_advance(&b, 14 * H);
	cr_expect_eq(gpu_minutes(budget_spent(&b)), 480, "past its end it is spent still");
	cr_expect_eq(gpu_minutes(budget_committed(&b)), 0);
	budget_run_undo(&b, 2000, 10 * H, 13 * H);
	budget_ended_add(&b, 2000, 10 * H, 14 * H, 1);
	cr_expect_eq(gpu_minutes(budget_spent(&b)), 480);
	cr_expect_eq(gpu_minutes(budget_cost(&b, 1000, BUDGET_NO_END)), 600, "to the end of the day");
	cr_expect(budget_advance(&b, 25 * H));
	cr_expect_eq(gpu_minutes(budget_spent(&b)), 0, "another day");
	budget_done(&b);
}

Test(budget, work_over_midnight_counts_in_each_day_what_lies_in_it)
{
	budget b;

	budget_init(&b, BUDGET_DAY, 22 * H);
	budget_run_add(&b, 1000, 22 * H, 27 * H);
	cr_expect_eq(gpu_minutes(budget_committed(&b)), 120);
	budget_advance(&b, 25 * H);
	cr_expect_eq(gpu_minutes(budget_spent(&b)), 60);
	cr_expect_eq(gpu_minutes(budget_committed(&b)), 120);
	budget_done(&b);
}

/* The slow model: all work as it was told, added up anew at each look. */
enum { WORKS = 64 };
typedef struct work {
	int state; /* 0 none, 1 held, 2 running, 3 ended */
	int64_t rate, runtime_us, start_us, end_us;
} work;

static int64_t clip(int64_t v, int64_t low, int64_t high)
{
	return v < low ? low : v > high ? high : v;
}

static void agrees(const budget *b, const work *w, uint64_t run)
{
	budget_sum spent = 0, committed = 0;
	int64_t begin, end, now = b->now_us;

	budget_bounds(b->period, now, &begin, &end);
	for (int i = 0; i < WORKS; i++) {
		int64_t until = w[i].runtime_us == BUDGET_NO_END ? end : w[i].start_us + w[i].runtime_us;
		if (w[i].state == 1)
			committed += (budget_sum)w[i].rate * (clip(w[i].runtime_us, 0, end - now));
		if (w[i].state == 2)
			committed += (budget_sum)w[i].rate * (clip(until, now, end) - now);
		if (w[i].state >= 2) {
			int64_t stop = w[i].state == 2 ? now : w[i].end_us;
			spent += (budget_sum)w[i].rate *
				 (clip(stop, begin, now) - clip(w[i].start_us, begin, clip(stop, begin, now)));
		}
	}
	cr_assert(spent == budget_spent(b), "spent, seed %lu", run);
	cr_assert(committed == budget_committed(b), "committed, seed %lu", run);
}

static int64_t end_of(const work *w)
{
	return w->runtime_us == BUDGET_NO_END ? BUDGET_NO_END : w->start_us + w->runtime_us;
}

/* One step of one work; some are taken back at once, as a turn that is not committed does. */
static void step(budget *b, work *w, uint64_t *seed)
{
	bool is_undone = draw_below(seed, 5) == 0;

	if (w->state == 0) {
		*w = (work){1, 1 + draw_below(seed, 5000),
			draw_below(seed, 4) ? draw_below(seed, 3 * D) : BUDGET_NO_END, 0, 0};
		budget_hold_add(b, w->rate, w->runtime_us);
		return;
	}
	if (w->state == 1) {
		budget_hold_undo(b, w->rate, w->runtime_us);
		if (is_undone) {
			w->state = 0;
			return;
		}
		w->state = 2;
		w->start_us = b->now_us - draw_below(seed, b->now_us < H ? 1 : H);
		budget_run_add(b, w->rate, w->start_us, end_of(w));
		return;
	}
	if (w->state == 2) {
		budget_run_undo(b, w->rate, w->start_us, end_of(w));
		w->end_us = b->now_us - draw_below(seed, b->now_us - w->start_us + 1);
		budget_ended_add(b, w->rate, w->start_us, w->end_us, 1);
		w->state = 3;
		if (!is_undone)
			return;
		budget_ended_add(b, w->rate, w->start_us, w->end_us, -1);
		budget_run_add(b, w->rate, w->start_us, end_of(w));
		w->state = 2;
	}
}

Test(budget, agrees_with_adding_everything_up)
{
	uint64_t run = seed_of_run(), seed = run;

	for (int64_t left = size_get("PROPERTY_CASES"); left > 0; left -= 200) {
		work w[WORKS] = {{0}};
		budget b;
		budget_init(
			&b, (budget_period)draw_below(&seed, BUDGET_PERIODS), 20000 * D + draw_below(&seed, 400 * D));
		for (int i = 0; i < 200; i++) {
			step(&b, &w[draw_below(&seed, WORKS)], &seed);
			if (draw_below(&seed, 3) == 0)
				budget_advance(&b, b.now_us + draw_below(&seed, draw_below(&seed, 20) ? H : 40 * D));
			agrees(&b, w, run);
		}
		budget_done(&b);
	}
}
