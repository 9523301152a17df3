#include "agents/kube/quantity.h"
#include <assert.h>

__extension__ typedef unsigned __int128 wide;

enum {
	NANO_DIGITS = 9,
	EXPONENT_MAX = 28,     /* ten times its power in nano still fits 128 bits */
	EXPONENT_TEXT_MAX = 9, /* digits of an exponent that are looked at */
	SHIFT_PER_STEP = 10,   /* Ki to Mi to Gi */
	DECIMAL_TOP = 18,      /* E */
};
#define NANO_ONE   ((wide)1000000000)
#define NANO_MAX   ((wide)1 << 126)
#define BINARY_MAX ((wide)INT64_MAX * NANO_ONE)
#define BINARY_ONE ((wide)1 << SHIFT_PER_STEP)

/* What stands behind the number: a power of ten, or of 1024. */
typedef struct suffix_row {
	char text[3];
	int8_t power;
	bool is_binary;
} suffix_row;

static const suffix_row suffixes[] = {
	{"", 0, false},
	{"n", -9, false},
	{"u", -6, false},
	{"m", -3, false},
	{"k", 3, false},
	{"M", 6, false},
	{"G", 9, false},
	{"T", 12, false},
	{"P", 15, false},
	{"E", 18, false},
	{"Ki", 1, true},
	{"Mi", 2, true},
	{"Gi", 3, true},
	{"Ti", 4, true},
	{"Pi", 5, true},
	{"Ei", 6, true},
};
enum { SUFFIXES = sizeof(suffixes) / sizeof(suffixes[0]) };

typedef struct number {
	str whole, fraction;
	bool is_negative;
	quantity_form form;
	int32_t power; /* of ten, or of 1024 */
} number;

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static unsigned digit_of(char c)
{
	return (unsigned)(c - '0');
}

static str digits_take(str *rest)
{
	uint32_t n = 0;

	while (n < rest->n && is_digit(rest->p[n]))
		n++;
	str taken = str_cut(*rest, 0, n);
	*rest = str_cut(*rest, n, rest->n);
	return taken;
}

/* "e3", "E+3", "E-3". Exponents of more digits than are looked at count as that many nines. */
static bool exponent_read(str s, number *n)
{
	if (s.n < 2 || (s.p[0] != 'e' && s.p[0] != 'E'))
		return false;
	bool has_sign = s.p[1] == '-' || s.p[1] == '+';
	str rest = str_cut(s, has_sign ? 2 : 1, s.n);
	str digits = digits_take(&rest);
	int32_t power = 0;
	if (!digits.n || rest.n)
		return false;
	while (digits.n > 1 && digits.p[0] == '0')
		digits = str_cut(digits, 1, digits.n);
	for (uint32_t i = 0; i < digits.n && i < EXPONENT_TEXT_MAX; i++)
		power = power * 10 + (digits.p[i] - '0');
	n->power = s.p[1] == '-' ? -power : power;
	n->form = QUANTITY_EXPONENT;
	return true;
}

static bool suffix_read(str s, number *n)
{
	for (int i = 0; i < SUFFIXES; i++) {
		if (!str_eq(s, str_from(suffixes[i].text)))
			continue;
		n->power = suffixes[i].power;
		n->form = suffixes[i].is_binary ? QUANTITY_BINARY : QUANTITY_DECIMAL;
		return true;
	}
	return exponent_read(s, n);
}

static bool number_split(str s, number *n)
{
	if (!s.n)
		return false;
	n->is_negative = s.p[0] == '-';
	if (s.p[0] == '-' || s.p[0] == '+')
		s = str_cut(s, 1, s.n);
	n->whole = digits_take(&s);
	n->fraction = (str){"", 0};
	if (s.n && s.p[0] == '.') {
		s = str_cut(s, 1, s.n);
		n->fraction = digits_take(&s);
	}
	return n->whole.n + n->fraction.n && suffix_read(s, n);
}

static wide ten_to(int32_t power)
{
	wide v = 1;

	while (power-- > 0)
		v *= 10;
	return v;
}

static bool is_zero(str digits)
{
	for (uint32_t i = 0; i < digits.n; i++)
		if (digits.p[i] != '0')
			return false;
	return true;
}

/* whole x unit + 0.fraction x unit, the second rounded down; *ret_rest: something was lost. False: too large. From the
 * last digit on, floor((floor(x) + n) / 10) is floor((x + n) / 10): no digit is too many. */
static bool number_times(const number *n, wide unit, wide *ret, bool *ret_rest)
{
	wide whole = 0, part = 0;

	*ret_rest = false;
	for (uint32_t i = 0; i < n->whole.n; i++) {
		whole *= 10;
		whole += digit_of(n->whole.p[i]);
		if (whole >= NANO_MAX)
			return false;
	}
	for (uint32_t i = n->fraction.n; i-- > 0;) {
		part += digit_of(n->fraction.p[i]) * unit;
		*ret_rest |= part % 10 != 0;
		part /= 10;
	}
	if (__builtin_mul_overflow(whole, unit, ret) || __builtin_add_overflow(*ret, part, ret))
		return false;
	return *ret < NANO_MAX;
}

static bool decimal_nano(const number *n, wide *ret)
{
	int32_t power = n->power + NANO_DIGITS;
	wide v;
	bool has_rest;

	if (n->power >= EXPONENT_MAX || !number_times(n, ten_to(power), &v, &has_rest))
		return false;
	for (; power < 0 && v; power++) {
		has_rest |= v % 10 != 0;
		v /= 10;
	}
	*ret = v + has_rest;
	return true;
}

/* Never too large: the API server caps what counts in 1024s. */
static wide binary_nano(const number *n)
{
	wide v;
	bool has_rest;

	if (!number_times(n, NANO_ONE << (SHIFT_PER_STEP * n->power), &v, &has_rest))
		return BINARY_MAX;
	v += has_rest;
	return v > BINARY_MAX ? BINARY_MAX : v;
}

err quantity_read(str text, quantity *ret)
{
	number n;
	wide nano = 0;

	if (!number_split(text, &n))
		return ERR_BAD_FIELD;
	if (n.form == QUANTITY_BINARY)
		nano = binary_nano(&n);
	else if (!(is_zero(n.whole) && is_zero(n.fraction)) && !decimal_nano(&n, &nano))
		return ERR_LIMIT;
	if (n.form == QUANTITY_BINARY && nano && nano < NANO_ONE)
		n.form = QUANTITY_DECIMAL;
	*ret = (quantity){n.is_negative ? -(quantity_nano)nano : (quantity_nano)nano, n.form};
	return ERR_OK;
}

quantity quantity_of(int64_t units, quantity_form form)
{
	return (quantity){(quantity_nano)units * (quantity_nano)NANO_ONE, form};
}

static wide magnitude(quantity q)
{
	return q.nano < 0 ? (wide)0 - (wide)q.nano : (wide)q.nano;
}

static const char *suffix_text(int power, bool is_binary)
{
	for (int i = 0; i < SUFFIXES; i++)
		if (suffixes[i].power == power && (suffixes[i].is_binary == is_binary || power == 0))
			return suffixes[i].text;
	assert(false && "a power between the suffixes");
	return "";
}

typedef struct text {
	char *out;
	uint32_t n;
} text;

static void text_add(text *t, const char *z)
{
	for (; *z; z++)
		t->out[t->n++] = *z;
	t->out[t->n] = '\0';
}

static void text_number(text *t, bool is_negative, wide v)
{
	char digits[QUANTITY_TEXT_MAX];
	uint32_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + (int)(v % 10));
	} while (v /= 10);
	if (is_negative)
		digits[--at] = '-';
	text_add(t, &digits[at]);
}

static uint32_t print_binary(text *t, bool is_negative, wide units)
{
	int power = 0;

	for (; power < 6 && units % BINARY_ONE == 0; power++)
		units /= BINARY_ONE;
	text_number(t, is_negative, units);
	text_add(t, suffix_text(power, true));
	return t->n;
}

static uint32_t print_decimal(text *t, bool is_negative, wide nano, bool has_exponent)
{
	int power = -NANO_DIGITS;

	while (nano % 1000 == 0 && (has_exponent || power < DECIMAL_TOP)) {
		nano /= 1000;
		power += 3;
	}
	text_number(t, is_negative, nano);
	if (!has_exponent) {
		text_add(t, suffix_text(power, false));
	} else if (power) {
		text_add(t, "e");
		text_number(t, power < 0, (wide)(power < 0 ? -power : power));
	}
	return t->n;
}

uint32_t quantity_print(quantity q, char out[QUANTITY_TEXT_MAX])
{
	text t = {out, 0};
	wide nano = magnitude(q);

	if (!nano) {
		text_add(&t, "0");
		return t.n;
	}
	if (q.form == QUANTITY_BINARY && nano >= BINARY_ONE * NANO_ONE && nano % NANO_ONE == 0)
		return print_binary(&t, q.nano < 0, nano / NANO_ONE);
	return print_decimal(&t, q.nano < 0, nano, q.form == QUANTITY_EXPONENT);
}

static bool rounded_up(quantity q, wide unit, int64_t *ret)
{
	wide nano = magnitude(q);
	wide v = nano / unit + (nano % unit != 0);

	if (v > (wide)INT64_MAX)
		return false;
	*ret = q.nano < 0 ? -(int64_t)v : (int64_t)v;
	return true;
}

bool quantity_to_i64(quantity q, int exponent, int64_t *ret)
{
	assert(exponent >= -NANO_DIGITS && exponent <= DECIMAL_TOP);
	return rounded_up(q, ten_to(exponent + NANO_DIGITS), ret);
}

bool quantity_to_mib(quantity q, int64_t *ret)
{
	return rounded_up(q, NANO_ONE << (2 * SHIFT_PER_STEP), ret);
}

bool quantity_is_whole(quantity q)
{
	return magnitude(q) % NANO_ONE == 0;
}

bool quantity_add(quantity a, quantity b, quantity *ret)
{
	quantity_nano sum;

	if (__builtin_add_overflow(a.nano, b.nano, &sum) || sum <= -(quantity_nano)NANO_MAX ||
		sum >= (quantity_nano)NANO_MAX)
		return false;
	*ret = (quantity){sum, a.nano ? a.form : b.form};
	return true;
}
