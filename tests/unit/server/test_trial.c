/* Copies of a process at work: what they write comes back, and nothing else of them. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "base/metric.h"
#include "server/worker/trial.h"

enum { SECOND_US = 1000000, ENOUGH_US = 60 * SECOND_US, SOON_US = SECOND_US / 20 };

typedef struct stage {
	loop *l;
	int number;
	err e;
	int64_t said; /* bytes; -1: nothing came */
	char first;
} stage;

static void says(void *arg, buf *out)
{
	stage *s = arg;

	s->number++;
	metric_add(METRIC_PLACER_DECISIONS, DECISION_GRANTED, 1);
	buf_printf(out, "%d", s->number);
}

static void says_much(void *arg, buf *out)
{
	(void)arg;
	for (int i = 0; i < TRIAL_BYTES_MAX / 2; i++)
		buf_add_char(out, 'x');
}

static void says_too_much(void *arg, buf *out)
{
	(void)arg;
	for (int i = 0; i <= TRIAL_BYTES_MAX; i++)
		buf_add_char(out, 'x');
}

static void says_nothing(void *arg, buf *out)
{
	(void)arg, (void)out;
}

static void breaks(void *arg, buf *out)
{
	(void)arg, (void)out;
	_exit(3);
}

static void sleeps(void *arg, buf *out)
{
	(void)arg, (void)out;
	for (;;)
		pause();
}

static void done(void *arg, err e, str text)
{
	stage *s = arg;

	s->e = e;
	s->said = (int64_t)text.n;
	s->first = '-';
	if (text.n)
		s->first = text.p[0];
	loop_stop(s->l);
}

static const struct {
	const char *rule;
	trial_work work;
	int64_t deadline_us;
	err e;
	int64_t said;
	char first;
} rows[] = {
	{"what it writes comes back", says, ENOUGH_US, ERR_OK, 1, '2'},
	{"much of it too", says_much, ENOUGH_US, ERR_OK, TRIAL_BYTES_MAX / 2, 'x'},
	{"but not more than the limit", says_too_much, ENOUGH_US, ERR_INTERNAL, 0, '-'},
	{"nothing is an answer", says_nothing, ENOUGH_US, ERR_OK, 0, '-'},
	{"one that breaks is told", breaks, ENOUGH_US, ERR_INTERNAL, 0, '-'},
	{"one that does not end is ended", sleeps, SOON_US, ERR_DECISION_TIMEOUT, 0, '-'},
};

Test(trial, a_copy_gives_back_what_it_writes_and_nothing_else)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		stage s = {.l = loop_new(), .number = 1, .said = -1};
		int64_t counted = metric_value(METRIC_PLACER_DECISIONS, DECISION_GRANTED);
		cr_assert_not_null(trial_begin(s.l, rows[i].deadline_us, rows[i].work, done, &s));
		loop_run(s.l);
		cr_expect_eq(s.e, rows[i].e, "%s", rows[i].rule);
		cr_expect_eq(s.said, rows[i].said, "%s: %lld", rows[i].rule, (long long)s.said);
		cr_expect_eq(s.first, rows[i].first, "%s", rows[i].rule);
		cr_expect_eq(s.number, 1, "%s: the copy's memory is its own", rows[i].rule);
		cr_expect_eq(metric_value(METRIC_PLACER_DECISIONS, DECISION_GRANTED), counted, "%s", rows[i].rule);
		loop_free(s.l);
	}
}

/* The region is shared memory: without leaving it a copy's work would count. */
Test(trial, what_a_copy_counts_nobody_sees)
{
	stage s = {.l = loop_new(), .number = 1};
	int fd = metric_region_new();

	cr_assert_eq(metric_share(fd, 0), ERR_OK);
	cr_assert_not_null(trial_begin(s.l, ENOUGH_US, says, done, &s));
	loop_run(s.l);
	cr_expect_eq(s.e, ERR_OK);
	cr_expect_eq(metric_value(METRIC_PLACER_DECISIONS, DECISION_GRANTED), 0);
	loop_free(s.l);
	close(fd);
}

Test(trial, one_that_is_ended_says_nothing)
{
	stage s = {.l = loop_new(), .said = -1};

	trial_end(trial_begin(s.l, ENOUGH_US, sleeps, done, &s));
	cr_expect_eq(s.said, -1);
	loop_free(s.l);
}
