/* The reader against jansson over generated texts: both must take the same ones.
 *
 * Known differences, each of which ours refuses or takes on purpose: jansson refuses U+0000 in keys and numbers no
 * double holds, ours refuses exponents of more than PULL_EXPONENT_DIGITS digits; depth limits differ.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include "json/pull.h"

enum { ROUNDS = 60000, TEXT_MAX = 4096, DEPTH_MADE = 6, CHANGES_MAX = 3 };

typedef struct maker {
	uint64_t state;
	char text[TEXT_MAX];
	uint32_t n;
} maker;

static uint32_t maker_below(maker *m, uint32_t n)
{
	m->state ^= m->state << 13;
	m->state ^= m->state >> 7;
	m->state ^= m->state << 17;
	return (uint32_t)(m->state >> 32) % n;
}

static void maker_add(maker *m, const char *z)
{
	size_t n = strlen(z);

	if (m->n + n < TEXT_MAX) {
		memcpy(m->text + m->n, z, n);
		m->n += (uint32_t)n;
	}
}

static const char *maker_pick(maker *m, const char *const *from, size_t n)
{
	return from[maker_below(m, (uint32_t)n)];
}
#define PICK(m, list) maker_pick((m), (list), sizeof(list) / sizeof(*(list)))

static const char *const pieces[] = {"a", "b", "key", "0123456789abcdef", "\\n", "\\\"", "\\\\", "\\/", "\\u00e9",
	"\\ud83d\\ude00", "\\u0000", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", " ", "\x7f", "{", "]", ",", ":"};
static const char *const scalars[] = {"0", "-0", "17", "-1.5", "1e5", "1E+5", "2.5e-3", "9007199254740993", "true",
	"false", "null", "123456789012345678"};
static const char *const blanks[] = {"", "", "", "", " ", "\n", "\t", "\r\n  "};
/* What a change puts in: breaks most texts. */
static const char *const wounds[] = {",", ":", "{", "}", "[", "]", "\"", "\\", "\\u", "\\ud800", "\\udc00", "\x01",
	"\n", "\x80", "\xc0", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "0", "-", "+", ".", "e", "e9", "01", "nul",
	"tru", "//", "'", "\xc3", "\v"};

static void text_make(maker *m)
{
	maker_add(m, "\"");
	for (uint32_t n = maker_below(m, 5); n > 0; n--)
		maker_add(m, PICK(m, pieces));
	maker_add(m, "\"");
}

static void value_make(maker *m, uint32_t depth)
{
	uint32_t kind = maker_below(m, depth ? 4 : 2);
	bool is_object = kind == 3;

	maker_add(m, PICK(m, blanks));
	if (kind == 0) {
		maker_add(m, PICK(m, scalars));
	} else if (kind == 1) {
		text_make(m);
	} else {
		maker_add(m, is_object ? "{" : "[");
		for (uint32_t n = maker_below(m, 4), i = 0; i < n; i++) {
			maker_add(m, i ? "," : "");
			maker_add(m, PICK(m, blanks));
			if (is_object)
				text_make(m);
			maker_add(m, is_object ? ":" : "");
			value_make(m, depth - 1);
		}
		maker_add(m, is_object ? "}" : "]");
	}
	maker_add(m, PICK(m, blanks));
}

/* Puts a wound in the place of up to 2 bytes. */
static void text_change(maker *m)
{
	const char *wound = PICK(m, wounds);
	uint32_t n = (uint32_t)strlen(wound), at = maker_below(m, m->n + 1), gone = maker_below(m, 3);

	gone = gone > m->n - at ? m->n - at : gone;
	if (m->n + n >= TEXT_MAX)
		return;
	memmove(m->text + at + n, m->text + at + gone, m->n - at - gone);
	memcpy(m->text + at, wound, n);
	m->n += n - gone;
}

static bool ours_takes(str text)
{
	/* An exact heap copy, so that a read past the end is seen. */
	char *copy = malloc(text.n ? text.n : 1);
	pull p;

	cr_assert(copy);
	memcpy(copy, text.p, text.n);
	pull_init(&p, (str){copy, text.n}, PULL_DEPTH_CAP);
	bool takes = !pull_skip(&p) && !pull_finish(&p);
	free(copy);
	return takes;
}

static bool long_exponent(str text)
{
	for (uint32_t i = 0; i + 1 < text.n; i++)
		if (text.p[i] == 'e' || text.p[i] == 'E') {
			uint32_t k = i + 1, digits = 0;
			k += text.p[k] == '+' || text.p[k] == '-';
			for (; k < text.n && text.p[k] >= '0' && text.p[k] <= '9'; k++)
				digits++;
			if (digits > PULL_EXPONENT_DIGITS)
				return true;
		}
	return false;
}

static void both_compare(str text, uint64_t seed, uint32_t round)
{
	json_error_t why = {0};
	json_t *theirs = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &why);
	bool ours = ours_takes(text);
	bool known = theirs ? long_exponent(text)
			    : json_error_code(&why) == json_error_null_byte_in_key ||
				      json_error_code(&why) == json_error_numeric_overflow;

	cr_expect(ours == (theirs != NULL) || known, "seed %llu round %u: ours %s, jansson %s (%s):\n" STR_FMT,
		(unsigned long long)seed, round, ours ? "takes" : "refuses", theirs ? "takes" : "refuses", why.text,
		STR_ARG(text));
	json_decref(theirs);
}

static uint64_t seed_get(void)
{
	const char *z = getenv("REEVE_TEST_SEED");

	return z ? strtoull(z, NULL, 10) : 20261120;
}

Test(pull_oracle, takes_what_jansson_takes)
{
	uint64_t seed = seed_get();
	uint32_t taken = 0;
	maker *m = calloc(1, sizeof(*m));

	cr_assert(m);
	fprintf(stderr, "test_pull_oracle: REEVE_TEST_SEED=%llu\n", (unsigned long long)seed);
	m->state = seed | 1;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		m->n = 0;
		value_make(m, DEPTH_MADE);
		for (uint32_t n = maker_below(m, CHANGES_MAX); n > 0; n--)
			text_change(m);
		both_compare((str){m->text, m->n}, seed, round);
		taken += ours_takes((str){m->text, m->n});
	}
	cr_expect(taken > ROUNDS / 10 && taken < ROUNDS * 9 / 10, "a corpus that tests little: %u of %u taken", taken,
		ROUNDS);
	free(m);
}
