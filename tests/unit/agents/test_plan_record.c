#include <criterion/criterion.h>
#include <stdio.h>
#include "base/base64.h"
#include "plan_keys.h"
#include "size.h"

static plan_share shares[] = {
	{S("nvidia.com/gpu"), S("GPU-5f0c2b11"), 8000, 300, STR_NONE, 0},
	{S("nvidia.com/gpu"), S("GPU-7a1f0c2b"), 0, 1000, S("1g.10gb+me"), 4},
};

static plan_container containers[] = {
	{S("setup"), true, shares, 1},
	{S("main"), false, shares, 2},
	{S("side"), false, NULL, 0},
};

static plan_record sample(void)
{
	return (plan_record){
		.pod_uid = S("8a0c3b9e-52a1-4f4e-9d1e-7a1f5f0c2b11"),
		.node = S("gpu-7"),
		.placement = S("plc_01JD0Z"),
		.fence = 3,
		.made_us = 1795300440000000,
		.may_lend = true,
		.containers = containers,
		.n = 3,
	};
}

static str signed_text(const signing_key *k, arena *a)
{
	plan_record r = sample();
	str text = STR_NONE;
	fault f = {0};

	cr_assert_eq(plan_record_sign(&r, k, a, &text, &f), ERR_OK, "%s", f.detail);
	return text;
}

/* The body as given, with a signature that holds. */
static str text_with(const signing_key *k, str whole, str body, arena *a)
{
	uint8_t signature[SIGNATURE_BYTES];
	uint32_t at = whole.n - 1;

	while (whole.p[at - 1] != '\n')
		at--;
	signing_key_sign(k, body, signature);
	return str_print(a, STR_FMT "signature %.8s " STR_FMT "\n", STR_ARG(body), whole.p + at + 10,
		STR_ARG(base64_print((str){(const char *)signature, sizeof(signature)}, a)));
}

static str body_of(str whole)
{
	uint32_t at = whole.n - 1;

	while (whole.p[at - 1] != '\n')
		at--;
	return str_cut(whole, 0, at);
}

static void expect_same_share(const plan_share *x, const plan_share *y)
{
	cr_expect(str_eq(x->resource, y->resource) && str_eq(x->uuid, y->uuid) && str_eq(x->profile, y->profile));
	cr_expect(x->memory_mib == y->memory_mib && x->compute_milli == y->compute_milli && x->start == y->start);
}

Test(plan_record, says_on_the_node_what_the_agent_said)
{
	AUTO_ARENA a = arena_new(0);
	plan_keys keys = {0};
	signing_key *k = plan_key_new(&keys);
	plan_record r, was = sample();
	fault f = {0};

	cr_assert_eq(plan_record_open(signed_text(k, a), &keys, a, &r, &f), ERR_OK, "%s", f.detail);
	cr_expect(str_eq(r.pod_uid, was.pod_uid) && str_eq(r.node, was.node) && str_eq(r.placement, was.placement));
	cr_expect(r.fence == 3 && r.made_us == was.made_us && r.may_lend && !r.is_low && !r.may_oversubscribe);
	cr_assert_eq(r.n, was.n);
	for (uint32_t i = 0; i < r.n; i++) {
		cr_expect(str_eq(r.containers[i].name, containers[i].name));
		cr_expect_eq(r.containers[i].is_init, containers[i].is_init);
		cr_assert_eq(r.containers[i].n, containers[i].n);
		for (uint32_t j = 0; j < r.containers[i].n; j++)
			expect_same_share(&r.containers[i].shares[j], &containers[i].shares[j]);
	}
	signing_key_close(k);
}

Test(plan_record, any_changed_byte_breaks_it)
{
	AUTO_ARENA a = arena_new(0);
	plan_keys keys = {0};
	signing_key *k = plan_key_new(&keys);
	str text = signed_text(k, a);

	for (uint32_t i = 0; i < text.n; i++) {
		str changed = str_dup(a, text);
		plan_record r;
		((char *)changed.p)[i] ^= 1;
		cr_expect_neq(plan_record_open(changed, &keys, a, &r, NULL), ERR_OK, "byte %u", i);
		cr_expect_neq(plan_record_open(str_cut(text, 0, i), &keys, a, &r, NULL), ERR_OK, "cut at %u", i);
	}
	signing_key_close(k);
}

Test(plan_record, counts_only_when_a_known_key_signed_it)
{
	AUTO_ARENA a = arena_new(0);
	plan_keys keys = {0}, both = {0}, other = {0};
	signing_key *k = plan_key_new(&keys), *stranger = plan_key_new(&other);
	str text = signed_text(k, a);
	plan_record r;

	cr_expect_eq(plan_record_open(text, &other, a, &r, NULL), ERR_PERMISSION_DENIED);
	cr_expect_eq(plan_record_open(text, &(plan_keys){.n = 0}, a, &r, NULL), ERR_PERMISSION_DENIED);
	both = other;
	memcpy(both.v[both.n++], keys.v[0], SIGNATURE_KEY);
	cr_expect_eq(plan_record_open(text, &both, a, &r, NULL), ERR_OK);
	signing_key_close(k);
	signing_key_close(stranger);
}

/* What no printing would have written, signed all the same. */
Test(plan_record, has_one_text_only)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{"fence 3", "fence 03"},
		{"fence 3", "fence 0"},
		{"fence 3", "fence  3"},
		{"fence 3\n", "fence 3\n\n"},
		{"mode high lend", "mode lend high"},
		{"mode high lend", "mode high lend lend"},
		{"mode high lend", "mode middle lend"},
		{"reeve-plan/1", "reeve-plan/2"},
		{"container main", "init main"},
		{"container side", "init side"},
		{" 8000 300", " 8000 0"},
		{" 8000 300", " 8000 1001"},
		{" 8000 300", " -1 300"},
		{" 8000 300", " 8000 300 1g.10gb"},
		{"1g.10gb+me 4", "1g.10gb+me 64"},
		{"node gpu-7", "node "},
		{"node gpu-7\n", ""},
	};
	AUTO_ARENA a = arena_new(0);
	plan_keys keys = {0};
	signing_key *k = plan_key_new(&keys);
	str whole = signed_text(k, a);
	const char *body = str_z(a, body_of(whole));
	plan_record r;

	cr_expect_eq(plan_record_open(text_with(k, whole, str_from(body), a), &keys, a, &r, NULL), ERR_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *at = strstr(body, rows[i].from);
		cr_assert(at, "%s", rows[i].from);
		str text = str_print(a, "%.*s%s%s", (int)(at - body), body, rows[i].to, at + strlen(rows[i].from));
		err e = plan_record_open(text_with(k, whole, text, a), &keys, a, &r, NULL);
		/* An init container behind another kind is out of order; the first place is free for it. */
		bool may = strcmp(rows[i].to, "init main") == 0;
		cr_expect_eq(e, may ? ERR_OK : ERR_BAD_FIELD, "%s -> %s", rows[i].from, rows[i].to);
	}
	signing_key_close(k);
}

Test(plan_record, signs_nothing_that_it_would_not_read)
{
	AUTO_ARENA a = arena_new(0);
	plan_keys keys = {0};
	signing_key *k = plan_key_new(&keys);
	plan_record r = sample();
	str text;

	r.pod_uid = S("two words");
	cr_expect_eq(plan_record_sign(&r, k, a, &text, NULL), ERR_BAD_FIELD);
	r.pod_uid = S("line\nend");
	cr_expect_eq(plan_record_sign(&r, k, a, &text, NULL), ERR_BAD_FIELD);
	r = sample();
	r.fence = 0;
	cr_expect_eq(plan_record_sign(&r, k, a, &text, NULL), ERR_BAD_FIELD);
	r = sample();
	r.n = PLAN_CONTAINERS_MAX + 1;
	cr_expect_eq(plan_record_sign(&r, k, a, &text, NULL), ERR_BAD_FIELD);
	signing_key_close(k);
}
