#include "engine/budget.h"

#include <assert.h>
#include <string.h>

enum { DAYS_OF_WEEK = 7, DAYS_OF_ERA = 146097, YEARS_OF_ERA = 400, MARCH = 3, MONTHS = 12, DAYS_TO_1970 = 719468 };
#define DAY_US ((int64_t)24 * 3600 * 1000000)

static const char *const names[BUDGET_PERIODS] = {"day", "week", "month", "quarter"};

const char *budget_period_name(budget_period p)
{
	assert(p >= 0 && p < BUDGET_PERIODS);
	return names[p];
}

bool budget_period_find(str name, budget_period *ret_period)
{
	for (budget_period p = 0; p < BUDGET_PERIODS; p++)
		if (str_eq(name, str_from(names[p]))) {
			*ret_period = p;
			return true;
		}
	return false;
}

/* The calendar counts years from March on, so that the day that comes and goes is the last of one. */
static int64_t day_of(int64_t year, int64_t month)
{
	year -= month < MARCH;
	int64_t era = year / YEARS_OF_ERA, of_era = year - era * YEARS_OF_ERA;
	int64_t of_year = (153 * (month + (month < MARCH ? 9 : -3)) + 2) / 5;

	return era * DAYS_OF_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
}

static void month_of(int64_t day, int64_t *ret_year, int64_t *ret_month)
{
	int64_t era = (day + DAYS_TO_1970) / DAYS_OF_ERA, of_era = day + DAYS_TO_1970 - era * DAYS_OF_ERA;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t month = (5 * (of_era - (365 * year + year / 4 - year / 100)) + 2) / 153;

	*ret_month = month < 10 ? month + 3 : month - 9;
	*ret_year = era * YEARS_OF_ERA + year + (*ret_month < MARCH);
}

static void months_bounds(int64_t day, int64_t months, int64_t *ret_begin, int64_t *ret_end)
{
	int64_t year, month;

	month_of(day, &year, &month);
	month = (month - 1) / months * months + 1;
	*ret_begin = day_of(year, month);
	month += months;
	*ret_end = month > MONTHS ? day_of(year + 1, month - MONTHS) : day_of(year, month);
}

void budget_bounds(budget_period p, int64_t at_us, int64_t *ret_begin_us, int64_t *ret_end_us)
{
	int64_t day = at_us / DAY_US, begin = day, end = day + 1;

	assert(at_us >= 0);
	if (p == BUDGET_WEEK) {
		begin = day - (day + 3) % DAYS_OF_WEEK; /* the first day of all was a Thursday */
		end = begin + DAYS_OF_WEEK;
	} else if (p != BUDGET_DAY) {
		months_bounds(day, p == BUDGET_MONTH ? 1 : 3, &begin, &end);
	}
	*ret_begin_us = begin * DAY_US;
	*ret_end_us = end * DAY_US;
}

void budget_init(budget *b, budget_period p, int64_t now_us)
{
	*b = (budget){.period = p, .now_us = now_us};
	budget_bounds(p, now_us, &b->begin_us, &b->end_us);
}

void budget_done(budget *b)
{
	vec_done(&b->ends);
	vec_done(&b->holds);
}

static int64_t later_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t earlier_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void ahead_count(budget *b, const budget_end *e, int sign)
{
	b->ahead_rate += sign * e->rate;
	b->ahead_until += (budget_sum)sign * e->rate * earlier_of(e->end_us, b->end_us);
}

static void pass(budget *b)
{
	for (; b->passed < b->ends.n && b->ends.v[b->passed].end_us <= b->now_us; b->passed++)
		ahead_count(b, &b->ends.v[b->passed], -1);
}

/* What runs began before: it counts from the period's beginning on. */
static void roll(budget *b)
{
	budget_bounds(b->period, b->now_us, &b->begin_us, &b->end_us);
	b->ended = 0;
	b->running_from = b->running_rate * b->begin_us;
	b->ahead_rate = b->ahead_until = 0;
	for (uint32_t i = b->passed; i < b->ends.n; i++)
		ahead_count(b, &b->ends.v[i], 1);
}

bool budget_advance(budget *b, int64_t now_us)
{
	bool is_new;

	b->now_us = later_of(b->now_us, now_us);
	is_new = b->now_us >= b->end_us;
	if (is_new)
		roll(b);
	pass(b);
	return is_new;
}

void budget_hold_add(budget *b, int64_t rate, int64_t runtime_us)
{
	vec_push(&b->holds, ((budget_hold){runtime_us, rate}));
}

void budget_hold_undo(budget *b, int64_t rate, int64_t runtime_us)
{
	for (uint32_t i = b->holds.n; i-- > 0;)
		if (b->holds.v[i].rate == rate && b->holds.v[i].runtime_us == runtime_us) {
			vec_remove_fast(&b->holds, i);
			return;
		}
	assert(false && "held before");
}

/* The first whose end is not before this one. */
static uint32_t place_of(const budget *b, int64_t end_us)
{
	uint32_t low = 0, high = b->ends.n;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (b->ends.v[middle].end_us < end_us)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void budget_run_add(budget *b, int64_t rate, int64_t start_us, int64_t end_us)
{
	uint32_t at = place_of(b, end_us);
	budget_end e = {end_us, rate};

	b->running_rate += rate;
	b->running_from += (budget_sum)rate * later_of(start_us, b->begin_us);
	vec_push(&b->ends, e);
	memmove(&b->ends.v[at + 1], &b->ends.v[at], (b->ends.n - 1 - at) * sizeof e);
	b->ends.v[at] = e;
	if (at < b->passed || end_us <= b->now_us)
		b->passed++;
	else
		ahead_count(b, &e, 1);
}

void budget_run_undo(budget *b, int64_t rate, int64_t start_us, int64_t end_us)
{
	uint32_t at = place_of(b, end_us);

	while (at < b->ends.n && b->ends.v[at].rate != rate)
		at++;
	assert(at < b->ends.n && b->ends.v[at].end_us == end_us);
	b->running_rate -= rate;
	b->running_from -= (budget_sum)rate * later_of(start_us, b->begin_us);
	if (at < b->passed)
		b->passed--;
	else
		ahead_count(b, &b->ends.v[at], -1);
	b->ends.n--;
	memmove(&b->ends.v[at], &b->ends.v[at + 1], (b->ends.n - at) * sizeof *b->ends.v);
}

void budget_ended_add(budget *b, int64_t rate, int64_t start_us, int64_t at_us, int sign)
{
	int64_t from_us = later_of(start_us, b->begin_us);

	if (at_us > from_us)
		b->ended += (budget_sum)sign * rate * (at_us - from_us);
}

budget_sum budget_spent(const budget *b)
{
	return b->ended + b->running_rate * b->now_us - b->running_from;
}

budget_sum budget_cost(const budget *b, int64_t rate, int64_t runtime_us)
{
	return (budget_sum)rate * earlier_of(runtime_us, b->end_us - b->now_us);
}

budget_sum budget_committed(const budget *b)
{
	budget_sum sum = b->ahead_until - b->ahead_rate * b->now_us;

	for (uint32_t i = 0; i < b->holds.n; i++)
		sum += budget_cost(b, b->holds.v[i].rate, b->holds.v[i].runtime_us);
	return sum;
}
