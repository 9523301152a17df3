/* Any bytes as a file of exported records, checkpoints and proofs. Held: whatever is bad is named with a reason, and a
 * text in which everything holds has no byte in its first or last line that may be another one. */
#include <assert.h>

#include "cli/audit/check.h"

enum { FLIPS_MAX = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void on_bad(void *arg, const check_bad *b)
{
	int64_t *times = arg;

	++*times;
	assert(b->why[0] && b->line >= 0 && b->n >= 0);
	assert(!b->chain || b->chain == 'g' || b->chain == 'p');
}

/* The key that the first checkpoint names: so that signatures are looked at behind it. */
static bool key_find(str text, line *l, uint8_t key[SIGNATURE_KEY])
{
	str one;
	bool ends;

	while (line_next(&text, &one, &ends)) {
		line_read(one, l);
		if (l->kind == LINE_BAD || l->kind == LINE_RECORD)
			continue;
		memcpy(key, l->by.key, SIGNATURE_KEY);
		return true;
	}
	return false;
}

static bool holds(str text)
{
	static line l;
	uint8_t key[SIGNATURE_KEY];
	int64_t times = 0;
	check c;

	check_begin(&c, key_find(text, &l, key) ? key : NULL, on_bad, &times);
	check_seals(&c, "a", text);
	check_seals_end(&c);
	check_records(&c, "a", text);
	bool ok = check_end(&c);
	assert(ok == (times == 0));
	check_done(&c);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	AUTO_ARENA a = arena_new(0);
	str text = str_dup(a, str_of((const char *)bytes, n));

	if (n > 1 << 20 || !holds(text))
		return 0;
	for (uint32_t i = 0; i < text.n && i < FLIPS_MAX; i++) {
		char *at = (char *)text.p + (i % 2 ? text.n - 1 - i / 2 : i / 2);
		*at ^= 1;
		assert(!holds(text));
		*at ^= 1;
	}
	return 0;
}
