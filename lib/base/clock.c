#include "base/clock.h"
#include <stdio.h>
#include <time.h>

enum { SECOND_US = 1000 * 1000, SECOND_NS = 1000 * SECOND_US, FRACTION_DIGITS = 9 };

/* The years 0000 to 9999: what the text form can hold. */
#define SECONDS_MIN INT64_C(-62167219200)
#define SECONDS_MAX INT64_C(253402300799)

static int64_t read_us(clockid_t which)
{
	struct timespec ts;

	clock_gettime(which, &ts);
	return (int64_t)ts.tv_sec * SECOND_US + ts.tv_nsec / 1000;
}

int64_t clock_now_us(void)
{
	return read_us(CLOCK_REALTIME);
}

int64_t clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t clock_mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

void clock_sleep_ms(int64_t ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* Splits into UTC fields and microseconds, which count up before 1970 too; times out of the text form's range clamp. */
static struct tm tm_of(int64_t at_us, int *ret_us)
{
	int64_t us = at_us % SECOND_US + (at_us % SECOND_US < 0 ? SECOND_US : 0);
	int64_t s = (at_us - at_us % SECOND_US) / SECOND_US - (at_us % SECOND_US < 0);

	*ret_us = (int)us;
	s = s < SECONDS_MIN ? SECONDS_MIN : s > SECONDS_MAX ? SECONDS_MAX : s;
	struct tm tm;
	gmtime_r(&(time_t){s}, &tm);
	return tm;
}

static char *add_digits(char *p, int v, int n, char after)
{
	for (int i = n - 1; i >= 0; i--, v /= 10)
		p[i] = (char)('0' + v % 10);
	p[n] = after;
	return p + n + 1;
}

int clock_text(int64_t at_us, char out[CLOCK_TEXT_MAX])
{
	int us;
	struct tm tm = tm_of(at_us, &us);
	char *p = out;

	p = add_digits(p, tm.tm_year + 1900, 4, '-');
	p = add_digits(p, tm.tm_mon + 1, 2, '-');
	p = add_digits(p, tm.tm_mday, 2, 'T');
	p = add_digits(p, tm.tm_hour, 2, ':');
	p = add_digits(p, tm.tm_min, 2, ':');
	p = add_digits(p, tm.tm_sec, 2, '.');
	p = add_digits(p, us / 1000, 3, 'Z');
	*p = '\0';
	return (int)(p - out);
}

/* Takes exactly n digits, with a value in [min, max], off the front of *s. */
static bool take_digits(str *s, uint32_t n, int min, int max, int *ret)
{
	int v = 0;

	if (s->n < n)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		v = v * 10 + (s->p[i] - '0');
	}
	*s = str_cut(*s, n, s->n);
	*ret = v;
	return v >= min && v <= max;
}

static bool take_char(str *s, char c)
{
	if (s->n == 0 || (s->p[0] != c && s->p[0] != (c | 0x20)))
		return false;
	*s = str_cut(*s, 1, s->n);
	return true;
}

static bool take_date(str *s, int64_t *ret_s)
{
	struct tm tm = {0};

	if (!take_digits(s, 4, 0, 9999, &tm.tm_year) || !take_char(s, '-') || !take_digits(s, 2, 1, 12, &tm.tm_mon) ||
		!take_char(s, '-') || !take_digits(s, 2, 1, 31, &tm.tm_mday))
		return false;
	int day = tm.tm_mday;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ret_s = timegm(&tm);
	/* timegm turns 30 February into 2 March. */
	return tm.tm_mday == day;
}

/* "HH:MM" */
static bool take_hour_minute(str *s, int64_t *ret_s)
{
	int hour, minute;

	if (!take_digits(s, 2, 0, 23, &hour) || !take_char(s, ':') || !take_digits(s, 2, 0, 59, &minute))
		return false;
	*ret_s = hour * 3600 + minute * 60;
	return true;
}

/* An optional fraction; digits past the microsecond are cut off. */
static bool take_fraction(str *s, int64_t *ret_us)
{
	int64_t us = 0;
	int n = 0, digit;

	if (take_char(s, '.')) {
		for (; n < FRACTION_DIGITS && take_digits(s, 1, 0, 9, &digit); n++)
			us = n < 6 ? us * 10 + digit : us;
		if (n == 0)
			return false;
		for (; n < 6; n++)
			us *= 10;
	}
	*ret_us = us;
	return true;
}

static bool take_zone(str *s, int64_t *ret_s)
{
	*ret_s = 0;
	if (take_char(s, 'Z'))
		return true;
	bool is_west = take_char(s, '-');
	if (!is_west && !take_char(s, '+'))
		return false;
	bool ok = take_hour_minute(s, ret_s);
	*ret_s = is_west ? -*ret_s : *ret_s;
	return ok;
}

bool clock_parse(str s, int64_t *ret_us)
{
	int64_t date, time_of_day, us, zone;
	int second;

	/* 60 is a leap second (RFC 3339, 5.7); it counts as the one after it. */
	if (!take_date(&s, &date) || !take_char(&s, 'T') || !take_hour_minute(&s, &time_of_day) ||
		!take_char(&s, ':') || !take_digits(&s, 2, 0, 60, &second) || !take_fraction(&s, &us) ||
		!take_zone(&s, &zone) || s.n)
		return false;
	*ret_us = (date + time_of_day + second - zone) * SECOND_US + us;
	return true;
}

int clock_http_date(int64_t at_us, char out[CLOCK_TEXT_MAX])
{
	static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[12][4] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int us;
	struct tm tm = tm_of(at_us, &us);

	return snprintf(out, CLOCK_TEXT_MAX, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
		months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
