#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "agents/admission/authority.h"

#define T0  ((int64_t)1800000000 * 1000000)
#define DAY AUTHORITY_DAY_US

static const str names[] = {{"reeve-agent.reeve.svc", 21}, {"127.0.0.1", 9}};

static err tend(authority *a, int64_t at_us, arena *mem, bool *ret_changed)
{
	fault f = {0};
	err e = authority_tend(a, names, 2, at_us, mem, ret_changed, &f);

	cr_assert_eq(e, ERR_OK, "%s", f.detail);
	return e;
}

/* Whether the leaf holds at that time for who knows these authorities. */
static bool holds_for(str leaf, str told, int64_t at_us, const char *name, int purpose)
{
	BIO *in = BIO_new_mem_buf(told.p, (int)told.n), *one = BIO_new_mem_buf(leaf.p, (int)leaf.n);
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *c = X509_STORE_CTX_new();
	X509 *cert = PEM_read_bio_X509(one, NULL, NULL, NULL);

	for (X509 *ca; (ca = PEM_read_bio_X509(in, NULL, NULL, NULL)); X509_free(ca))
		(void)X509_STORE_add_cert(store, ca);
	cr_assert(cert && X509_STORE_CTX_init(c, store, cert, NULL));
	X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(c), (time_t)(at_us / 1000000));
	X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(c), purpose);
	X509_VERIFY_PARAM_set1_host(X509_STORE_CTX_get0_param(c), name, 0);
	bool is_good = X509_verify_cert(c) == 1;
	X509_free(cert);
	X509_STORE_CTX_free(c);
	X509_STORE_free(store);
	BIO_free(in);
	BIO_free(one);
	return is_good;
}

static bool holds(str leaf, str told, int64_t at_us, const char *name)
{
	return holds_for(leaf, told, at_us, name, X509_PURPOSE_SSL_SERVER);
}

static int count(str pem)
{
	int n = 0;

	for (uint32_t i = 0; i < pem.n; i++)
		n += str_starts(str_cut(pem, i, pem.n), S("BEGIN CERTIFICATE"));
	return n;
}

Test(authority, makes_what_is_missing_and_then_nothing)
{
	AUTO_ARENA a = arena_new(0);
	authority all = {0};
	bool changed;

	tend(&all, T0, a, &changed);
	cr_expect(changed);
	cr_expect_eq(count(all.certificates), 1);
	cr_expect(holds(all.leaf, all.certificates, T0, "reeve-agent.reeve.svc"));
	cr_expect(!holds(all.leaf, all.certificates, T0, "other.reeve.svc"));
	cr_expect(!holds(all.leaf, all.certificates, T0 + 31 * DAY, "reeve-agent.reeve.svc"));
	tend(&all, T0 + DAY, a, &changed);
	cr_expect(!changed);
}

/* Each day where one authority follows another, now and then between. */
static int step_days(int day)
{
	int of_life = day % 275;

	return of_life > 260 || of_life < 10 ? 1 : 9;
}

/* Who verifies learns of authorities a day late at worst, and never meets a leaf that does not hold. */
Test(authority, a_leaf_is_never_of_one_that_was_not_told_a_day_ago)
{
	AUTO_ARENA a = arena_new(0);
	authority all = {0};
	int n_leaves = 0, n_authorities = 1;
	str told = STR_NONE, newest = STR_NONE;

	for (int day = 0; day < 640; day += step_days(day)) {
		int64_t at = T0 + day * DAY;
		str leaf = all.leaf;
		bool changed;
		tend(&all, at, a, &changed);
		str known = told.p ? told : all.certificates;
		cr_assert(holds(all.leaf, known, at, "reeve-agent.reeve.svc"), "day %d", day);
		cr_assert(count(all.certificates) <= 2, "day %d", day);
		n_leaves += !str_eq(leaf, all.leaf);
		n_authorities += newest.p && !str_starts(all.certificates, newest);
		newest = str_cut(all.certificates, 0, 400);
		told = all.certificates;
		int64_t from, until;
		cr_assert(certificate_times(all.leaf, &from, &until) && until - at > 9 * DAY, "day %d", day);
	}
	cr_expect_geq(n_leaves, 20);
	cr_expect_eq(n_authorities, 3);
}

/* kube-scheduler reads who vouches for the agents when it begins. */
Test(authority, who_reads_it_once_and_begins_anew_within_76_days_of_a_new_one_never_meets_another)
{
	AUTO_ARENA a = arena_new(0);
	authority all = {0};
	str read = STR_NONE;
	int behind = 0;
	bool changed;

	for (int day = 0; day < 370; day += day < 265 ? 53 : 5) {
		int64_t at = T0 + day * DAY;
		tend(&all, at, a, &changed);
		if (!read.p || (!str_eq(read, all.certificates) && ++behind > 0 && day >= 275 + 70))
			read = all.certificates;
		cr_assert(holds(all.leaf, read, at, "reeve-agent.reeve.svc"), "day %d", day);
		cr_assert(holds_for(all.client, all.certificates, at, "reeve-scheduler", X509_PURPOSE_SSL_CLIENT),
			"day %d", day);
	}
	cr_expect_gt(behind, 0);
}

Test(authority, the_schedulers_certificate_serves_nobody_and_an_old_secret_gets_one)
{
	AUTO_ARENA a = arena_new(0);
	authority all = {0};
	bool changed;

	tend(&all, T0, a, &changed);
	str leaf = all.leaf;
	cr_expect(!holds(all.client, all.certificates, T0, "reeve-scheduler"));
	cr_expect(holds_for(all.client, all.certificates, T0 + 300 * DAY, "reeve-scheduler", X509_PURPOSE_SSL_CLIENT));
	all.client = all.client_key = STR_NONE;
	tend(&all, T0, a, &changed);
	cr_expect(changed && all.client.n && all.client_key.n && str_eq(all.leaf, leaf));
}

Test(authority, another_name_and_spoiled_texts_make_it_anew)
{
	AUTO_ARENA a = arena_new(0);
	const str other[] = {{"new.reeve.svc", 13}};
	authority all = {0}, spoiled;
	bool changed;
	fault f = {0};

	tend(&all, T0, a, &changed);
	spoiled = all;
	spoiled.keys = S("no keys");
	tend(&spoiled, T0, a, &changed);
	cr_expect(changed && holds(spoiled.leaf, spoiled.certificates, T0, "reeve-agent.reeve.svc"));
	spoiled = all;
	spoiled.leaf_key = spoiled.keys;
	tend(&spoiled, T0, a, &changed);
	cr_expect(changed && str_eq(spoiled.certificates, all.certificates) && !str_eq(spoiled.leaf, all.leaf));
	cr_assert_eq(authority_tend(&all, other, 1, T0, a, &changed, &f), ERR_OK, "%s", f.detail);
	cr_expect(changed && holds(all.leaf, all.certificates, T0, "new.reeve.svc"));
}
