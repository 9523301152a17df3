/* What a pod was bound for is told by a text that its owner may edit: only what the agent itself wrote counts. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>
#include "agents/real/receipt.h"

typedef struct bench {
	arena *a;
	signing_key *key, *other;
	uint8_t public_key[SIGNATURE_KEY], other_key[SIGNATURE_KEY];
} bench;

static signing_key *key_new(uint8_t public_key[SIGNATURE_KEY])
{
	char path[] = "/tmp/reeve-receipt-XXXXXX";
	signing_key *k;
	fault f;
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	close(fd);
	unlink(path);
	cr_assert_eq(signing_key_ensure(path, &f), ERR_OK);
	cr_assert_eq(signing_key_open(path, &k, &f), ERR_OK);
	unlink(path);
	signing_key_public(k, public_key);
	return k;
}

static bench bench_open(void)
{
	bench b = {.a = arena_new(0)};

	b.key = key_new(b.public_key);
	b.other = key_new(b.other_key);
	return b;
}

static void bench_close(bench *b)
{
	signing_key_close(b->key);
	signing_key_close(b->other);
	arena_end(b->a);
	arena_trim();
}

static const receipt lent = {.id = {"plc_1", 5},
	.fence = {"3.1", 3},
	.tenant = {"acme/research", 13},
	.loan = {"7.h100-80g", 10},
	.charge = {{250, 20480, 300}},
	.at_us = 1795300440000000,
	.max_runtime_s = 60,
	.index = 2};

Test(receipt, what_was_signed_is_read_again)
{
	bench b = bench_open();
	receipt r;

	str text = receipt_sign(&lent, S("uid"), S("n1"), b.key, b.a);
	cr_assert(receipt_open(text, S("uid"), S("n1"), b.public_key, &r));
	cr_assert(str_eq(r.id, lent.id) && str_eq(r.fence, lent.fence) && str_eq(r.tenant, lent.tenant) &&
		  str_eq(r.loan, lent.loan) && amounts_eq(r.charge, lent.charge));
	cr_assert(r.at_us == lent.at_us && r.max_runtime_s == 60 && r.index == 2);
	receipt ordered = lent;
	ordered.loan = STR_NONE;
	text = receipt_sign(&ordered, S("uid"), S("n1"), b.key, b.a);
	cr_assert(receipt_open(text, S("uid"), S("n1"), b.public_key, &r));
	cr_assert(!r.loan.p);
	bench_close(&b);
}

Test(receipt, it_is_worth_nothing_elsewhere_or_after_a_change)
{
	bench b = bench_open();
	receipt r;
	str text = receipt_sign(&lent, S("uid"), S("n1"), b.key, b.a);

	cr_assert(!receipt_open(text, S("uid2"), S("n1"), b.public_key, &r));
	cr_assert(!receipt_open(text, S("uid"), S("n2"), b.public_key, &r));
	cr_assert(!receipt_open(text, S("uid n1"), S(""), b.public_key, &r));
	cr_assert(!receipt_open(text, S("uid"), S("n1"), b.other_key, &r));
	for (uint32_t i = 0; i < text.n; i++) {
		char *changed = (char *)(uintptr_t)str_dup(b.a, text).p;
		changed[i] = (char)(changed[i] == '1' ? '2' : '1');
		cr_assert(!receipt_open(str_of(changed, text.n), S("uid"), S("n1"), b.public_key, &r), "byte %u", i);
		cr_assert(!receipt_open(str_cut(text, 0, i), S("uid"), S("n1"), b.public_key, &r), "cut at %u", i);
	}
	bench_close(&b);
}

Test(receipt, names_with_blanks_are_not_signed)
{
	bench b = bench_open();
	receipt r = lent;

	r.tenant = S("acme 7.h100-80g");
	cr_assert(!receipt_sign(&r, S("uid"), S("n1"), b.key, b.a).p);
	r.tenant = S("");
	cr_assert(!receipt_sign(&r, S("uid"), S("n1"), b.key, b.a).p);
	bench_close(&b);
}
