#include "fixture.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include "agents/backoff.h"
#include "agents/cluster/credential.h"
#include "agents/cluster/home.h"
#include "fake_ca.h"

Test(credential, a_home_is_made_once_and_found_again)
{
	folder d = folder_new();
	arena *a = arena_new(0);
	struct stat st;
	home first, second;
	str key, again;

	MUST(home_open(d.path, a, &first, &must));
	MUST(file_read(first.key, a, &key, &must));
	MUST(home_open(d.path, a, &second, &must));
	MUST(file_read(second.key, a, &again, &must));
	cr_expect(str_eq(key, again));
	cr_expect_str_eq(first.agent_id, second.agent_id);
	cr_assert_eq(stat(first.key, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0600u, "nobody else may read the key");
	MUST(file_write(first.key, 0600, S("no key"), &must));
	fault f = {0};
	cr_expect_eq(home_open(d.path, a, &second, &f), ERR_TLS);
	arena_end(a);
	folder_free(&d);
}

Test(credential, the_request_is_signed_by_its_own_p_256_key)
{
	folder d = folder_new();
	arena *a = arena_new(0);
	char group[32] = "";
	home h;
	str pem;

	MUST(home_open(d.path, a, &h, &must));
	MUST(credential_request(h.key, str_from(h.agent_id), a, &pem, &must));
	BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509_REQ *q = PEM_read_bio_X509_REQ(b, NULL, NULL, NULL);
	cr_assert(q);
	EVP_PKEY *key = X509_REQ_get0_pubkey(q);
	cr_expect_eq(X509_REQ_verify(q, key), 1);
	cr_expect(EVP_PKEY_get_group_name(key, group, sizeof(group), NULL));
	cr_expect_str_eq(group, "prime256v1");
	X509_REQ_free(q);
	BIO_free(b);
	arena_end(a);
	folder_free(&d);
}

Test(credential, a_certificate_must_be_for_the_key_and_says_when_it_ends)
{
	folder d = folder_new();
	arena *a = arena_new(0);
	int64_t until_us = 0;
	fault f = {0};
	home h;
	str csr;

	MUST(home_open(d.path, a, &h, &must));
	MUST(credential_request(h.key, S("x"), a, &csr, &must));
	fake_ca ca = fake_ca_new(a);
	str cert = fake_ca_sign(&ca, csr, a, 7 * 86400);
	MUST(credential_check(cert, h.key, &until_us, &must));
	int64_t left_s = (until_us - clock_now_us()) / 1000000;
	cr_expect(left_s > 7 * 86400 - 300 && left_s <= 7 * 86400, "%lld", (long long)left_s);
	cr_expect_eq(credential_check(ca.cert_pem, h.key, &until_us, &f), ERR_TLS, "another key's");
	cr_expect_eq(credential_check(S(""), h.key, &until_us, &f), ERR_TLS);
	fake_ca_free(&ca);
	arena_end(a);
	folder_free(&d);
}

Test(backoff, waits_double_with_jitter_up_to_a_cap_and_begin_anew)
{
	static const uint64_t randoms[] = {0, 1, 77, UINT64_MAX};

	for (size_t r = 0; r < sizeof(randoms) / sizeof(*randoms); r++) {
		backoff b = {0};
		for (int64_t step = BACKOFF_FIRST_US, i = 0; i < 12; i++) {
			int64_t wait = backoff_next(&b, randoms[r]);
			cr_expect(wait >= step / 2 && wait <= step, "%lld of %lld", (long long)wait, (long long)step);
			step = step * 2 < BACKOFF_LAST_US ? step * 2 : BACKOFF_LAST_US;
		}
		backoff_reset(&b);
		cr_expect_leq(backoff_next(&b, randoms[r]), BACKOFF_FIRST_US);
	}
}
