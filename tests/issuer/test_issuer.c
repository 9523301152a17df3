/* What is remembered of identity providers: keys that rotate, providers that are away, tokens with made-up kids. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "mint.h"
#include "net/listen.h"
#include "net/web.h"
#include "server/identity/issuer.h"

enum { URL_BYTES = 128, TURN_MAX_US = 5000000 };
#define AGES ((int64_t)1000000 * 1000000)

/* A provider on the test's own loop, and what was asked of it. */
static struct world {
	arena *a;
	loop *loop;
	web_server *web;
	issuers *issuers;
	loop_timer *guard;
	char url[URL_BYTES];
	str keys, description; /* what it says; absent: 503 */
	int n_descriptions, n_keys;
	mint_key *one, *two;
	/* the last answer */
	int n_answers;
	err e;
	bool has_key;
	str token_endpoint;
} w;

static void on_request(void *arg, web_req *r)
{
	bool is_keys = str_eq(r->path, S("/keys"));
	str body = is_keys ? w.keys : w.description;

	(void)arg;
	*(is_keys ? &w.n_keys : &w.n_descriptions) += 1;
	web_reply(r, body.p ? 200 : 503, S(""), body);
}

static void too_late(void *arg)
{
	(void)arg;
	cr_assert_fail("no answer came");
}

static void setup(void)
{
	char address[64];
	fault f = {0};
	int fd;

	w.a = arena_new(0);
	w.loop = loop_new();
	cr_assert_eq(listen_open("127.0.0.1:0", &fd, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(listen_address(fd, address, sizeof(address)), ERR_OK);
	w.web = web_open(w.loop, fd, NULL, &web_limits_default, &(web_hooks){.on_request = on_request});
	w.guard = loop_timer_new(w.loop, too_late, NULL);
	snprintf(w.url, sizeof(w.url), "http://%s", address);
	w.one = mint_key_new(w.a, "P-256", "one");
	w.two = mint_key_new(w.a, "P-256", "two");
	w.keys = mint_jwks(w.a, (const mint_key *const[]){w.one}, 1);
	w.description = str_print(w.a,
		"{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\",\"token_endpoint\":\"%s/token\",\"authorization_endpoint\":\"ftp://x\"}",
		w.url, w.url, w.url);
}

static void begin(int64_t ttl_us, int64_t floor_us, int64_t stale_us)
{
	w.issuers = issuers_new(&(issuer_options){
		.loop = w.loop,
		.user_agent = "test",
		.takes_http = true,
		.ttl_us = ttl_us,
		.floor_us = floor_us,
		.stale_us = stale_us,
	});
}

static void teardown(void)
{
	issuers_free(w.issuers);
	web_close(w.web);
	loop_timer_free(w.guard);
	loop_free(w.loop);
	arena_end(w.a);
}

static void answered(void *arg, const issuer_answer *a)
{
	int *left = arg;

	w.n_answers++;
	w.e = a->e;
	w.has_key = a->key != NULL;
	w.token_endpoint = a->description ? str_dup(w.a, a->description->token_endpoint) : STR_NONE;
	cr_expect(a->e == ERR_OK || a->why);
	if (--*left == 0)
		loop_stop(w.loop);
}

/* So many ask for the key at once. */
static err ask(const char *kid, int n)
{
	int left = n;

	for (int i = 0; i < n; i++)
		cr_assert(issuers_key(w.issuers, str_from(w.url), str_from(kid), JWK_ES256, answered, &left));
	cr_expect_eq(left, n, "answers come from the loop");
	loop_timer_arm(w.guard, TURN_MAX_US);
	loop_run(w.loop);
	loop_timer_disarm(w.guard);
	return w.e;
}

Test(issuer, many_ask_and_one_fetch_answers, .init = setup, .fini = teardown)
{
	begin(AGES, 0, AGES);
	cr_expect_eq(ask("one", 20), ERR_OK);
	cr_expect(w.has_key);
	cr_expect_eq(ask("one", 1), ERR_OK);
	cr_expect_eq(w.n_keys, 1);
	cr_expect_eq(w.n_descriptions, 1);
	int left = 1;
	cr_assert(issuers_describe(w.issuers, str_from(w.url), answered, &left));
	loop_run(w.loop);
	cr_expect(str_ends(w.token_endpoint, S("/token")));
	cr_expect_eq(w.n_keys, 1);
}

Test(issuer, a_rotated_key_is_fetched_when_it_is_first_seen, .init = setup, .fini = teardown)
{
	begin(AGES, 0, AGES);
	cr_expect_eq(ask("one", 1), ERR_OK);
	cr_expect_eq(ask("two", 1), ERR_IDENTITY_REFUSED);
	w.keys = mint_jwks(w.a, (const mint_key *const[]){w.two}, 1);
	cr_expect_eq(ask("two", 1), ERR_OK);
	cr_expect_eq(ask("one", 1), ERR_IDENTITY_REFUSED, "what was withdrawn is gone");
}

Test(issuer, made_up_kids_cause_no_storm, .init = setup, .fini = teardown)
{
	begin(AGES, AGES, AGES);
	cr_expect_eq(ask("one", 1), ERR_OK);
	for (int i = 0; i < 50; i++)
		cr_expect_eq(ask("made-up", 3), ERR_IDENTITY_REFUSED);
	cr_expect_eq(w.n_keys, 1);
	cr_expect_eq(ask("one", 1), ERR_OK, "and the good ones still work");
}

Test(issuer, old_keys_are_asked_for_anew, .init = setup, .fini = teardown)
{
	begin(0, 0, AGES);
	cr_expect_eq(ask("one", 1), ERR_OK);
	w.keys = mint_jwks(w.a, (const mint_key *const[]){w.two}, 1);
	cr_expect_eq(ask("one", 1), ERR_IDENTITY_REFUSED);
	cr_expect_eq(w.n_keys, 2);
}

Test(issuer, while_it_is_away_the_old_keys_serve, .init = setup, .fini = teardown)
{
	begin(0, 0, AGES);
	cr_expect_eq(ask("one", 1), ERR_OK);
	w.description = STR_NONE;
	cr_expect_eq(ask("one", 1), ERR_OK);
	cr_expect_eq(w.n_descriptions, 2, "it was tried");
	cr_expect_eq(ask("two", 1), ERR_IDENTITY_REFUSED);
}

Test(issuer, but_not_for_ever, .init = setup, .fini = teardown)
{
	begin(0, 0, 0);
	cr_expect_eq(ask("one", 1), ERR_ISSUER_UNAVAILABLE, "a set that may not be old does not serve");
	w.keys = STR_NONE;
	cr_expect_eq(ask("one", 1), ERR_ISSUER_UNAVAILABLE);
}

Test(issuer, one_that_never_answered_lets_nobody_in_and_is_not_stormed, .init = setup, .fini = teardown)
{
	begin(AGES, AGES, AGES);
	w.keys = STR_NONE;
	for (int i = 0; i < 20; i++)
		cr_expect_eq(ask("one", 1), ERR_ISSUER_UNAVAILABLE);
	cr_expect_eq(w.n_descriptions, 1);
}

Test(issuer, what_it_says_of_itself_must_fit, .init = setup, .fini = teardown)
{
	const char *const wrong[] = {
		"{\"issuer\":\"http://127.0.0.1:1\",\"jwks_uri\":\"%s/keys\"}",
		"{\"issuer\":\"%s\"}",
		"{\"issuer\":\"%s\",\"jwks_uri\":\"http://203.0.113.7/keys\"}",
		"{\"issuer\":\"%s\",\"jwks_uri\":\"file:///etc/passwd\"}",
		"{\"issuer\":\"%s\",\"jwks_uri\":7}",
		"[\"%s\"]",
		"<html>%s</html>",
	};

	begin(AGES, 0, AGES);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		str head = str_from(wrong[i]), tail = head;
		head = str_split(&tail, '%');
		w.description =
			str_print(w.a, STR_FMT "%s" STR_FMT, STR_ARG(head), w.url, STR_ARG(str_cut(tail, 1, tail.n)));
		cr_expect_eq(ask("one", 1), ERR_ISSUER_UNAVAILABLE, "%s", wrong[i]);
		cr_expect_eq(w.n_keys, 0, "%s", wrong[i]);
	}
}

Test(issuer, one_that_says_too_much_is_cut_off, .init = setup, .fini = teardown)
{
	char *big = arena_alloc(w.a, ISSUER_BYTES_MAX + 2);

	memset(big, ' ', ISSUER_BYTES_MAX + 1);
	w.keys = str_of(big, ISSUER_BYTES_MAX + 1);
	begin(AGES, 0, AGES);
	cr_expect_eq(ask("one", 1), ERR_ISSUER_UNAVAILABLE);
}

Test(issuer, who_waits_hears_of_the_end, .init = setup, .fini = teardown)
{
	int left = 2;

	begin(AGES, 0, AGES);
	for (int i = 0; i < 2; i++)
		cr_assert(issuers_key(w.issuers, str_from(w.url), S("one"), JWK_ES256, answered, &left));
	issuers_free(w.issuers);
	w.issuers = NULL;
	cr_expect_eq(w.n_answers, 2);
	cr_expect_eq(w.e, ERR_CLOSED);
}

/* clang-format off */
static const struct {
	const char *url;
	bool is_fine, is_fine_http;
} urls[] = {
	{"https://token.actions.githubusercontent.com", true, true},
	{"https://gitlab.example/", true, true},
	{"https://idp.example:8443/realms/main", true, true},
	{"http://127.0.0.1:8080", false, true},
	{"http://localhost", false, true},
	{"http://[::1]:80/x", false, true},
	{"http://[::1].evil.example", false, false},
	{"http://localhost.evil.example", false, false},
	{"http://127.0.0.1.evil.example", false, false},
	{"http://10.0.0.1", false, false},
	{"http://169.254.169.254/latest", false, false},
	{"https://", false, false},
	{"https:///x", false, false},
	{"ftp://x", false, false},
	{"file:///etc/passwd", false, false},
	{"https://a@b", false, false},
	{"https://a?b", false, false},
	{"https://a#b", false, false},
	{"https://a b", false, false},
	{"https://a\r\nHost: b", false, false},
	{"", false, false},
	{"HTTPS://a", false, false},
};
/* clang-format on */

Test(issuer, only_good_names_are_asked)
{
	for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
		cr_expect_eq(issuer_is_fine(str_from(urls[i].url), false), urls[i].is_fine, "%s", urls[i].url);
		cr_expect_eq(issuer_is_fine(str_from(urls[i].url), true), urls[i].is_fine_http, "%s", urls[i].url);
	}
}
