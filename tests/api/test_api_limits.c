/* What happens when there is much at once: limits that hold, clients that leave, changes that meet. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "pg/pg.h"
#include "scene.h"

#define ADMIN "platform_admin", NULL
#define PATCH "Content-Type: application/merge-patch+json\r\nIf-Match: *\r\n"

enum {
	BIG_BODY = 60000,
	HELD = 17,
	WRITERS = 3,
	ROUNDS = 6,
	REQUEST_BYTES = 128 * 1024,
	SHORT_WAIT_US = 20000,
	TRIES = 200
};

static const scene setup[] = {
	{"a tenant", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, NULL, NULL},
};

static int call_begin(const char *method, const char *path, const char *body)
{
	char *text = malloc(REQUEST_BYTES);
	int n = snprintf(text, REQUEST_BYTES,
		"%s %s HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		method, path, served_token("platform_admin", NULL), strlen(body), body);
	int fd = served_dial();

	cr_assert_eq(write(fd, text, (size_t)n), n);
	free(text);
	return fd;
}

Test(api_limits, streams_past_their_number_are_sent_away)
{
	AUTO_ARENA a = arena_new(0);
	char first;

	served_start("api_streams");
	scenes_play(setup, 1);
	const char *token = served_token("platform_admin", NULL);
	int one = call_begin("GET", "/v1/watch", ""), two = call_begin("GET", "/v1/watch", "");
	cr_assert(read(one, &first, 1) == 1 && read(two, &first, 1) == 1);
	answer r = served_call(a, token, "GET", "/v1/watch", NULL, NULL);
	cr_expect_eq(r.status, 503);
	cr_expect(str_eq(answer_header(&r, "Retry-After"), S("5")));
	close(one);
	close(two);
	for (int i = 0; i < TRIES && r.status == 503; i++) {
		usleep(SHORT_WAIT_US);
		r = served_call(a, token, "HEAD", "/v1/watch", NULL, NULL);
	}
	cr_expect_eq(r.status, 200, "when they are gone there is room again");
}

Test(api_limits, bodies_in_work_have_a_budget)
{
	AUTO_ARENA a = arena_new(0);
	char *body = malloc(BIG_BODY + 1);
	int held[HELD];

	served_start("api_budget");
	scenes_play(setup, 1);
	int n = snprintf(body, BIG_BODY, "{\"tenant\":\"acme\"");
	memset(body + n, ' ', (size_t)(BIG_BODY - n));
	body[BIG_BODY - 1] = '}';
	body[BIG_BODY] = '\0';
	const char *token = served_token("platform_admin", NULL);
	for (int i = 0; i < HELD; i++)
		held[i] = call_begin("POST", "/v1/placements?wait=3s", body);
	answer r = {0};
	for (int i = 0; i < TRIES && r.status != 503; i++)
		r = served_call(a, token, "POST", "/v1/placements", NULL, body);
	cr_expect_eq(r.status, 503);
	cr_expect_str_eq(json_string_value(json_object_get(r.doc, "code")), "overloaded");
	cr_expect(answer_header(&r, "Retry-After").p);
	cr_expect_eq(served_call(a, token, "GET", "/v1/tenants", NULL, NULL).status, 200, "what has no body goes on");
	for (int i = 0; i < HELD; i++)
		close(held[i]);
	for (int i = 0; i < TRIES && r.status == 503; i++) {
		usleep(SHORT_WAIT_US);
		r = served_call(a, token, "POST", "/v1/placements", NULL, body);
	}
	cr_expect_eq(r.status, 201, "clients that left give their room back");
	free(body);
}

/* A client that leaves takes nothing back. */
Test(api_limits, what_was_asked_for_is_stored_when_the_client_leaves)
{
	int64_t n = 0;

	served_start("api_gone");
	scenes_play(setup, 1);
	close(call_begin("POST", "/v1/placements?wait=3s", "{\"tenant\":\"acme\"}"));
	for (int i = 0; i < TRIES && !n; i++) {
		usleep(SHORT_WAIT_US);
		n = pg_int(served_dsn(), "SELECT count(*) FROM inbox");
	}
	cr_expect_eq(n, 1);
}

static const char *const models[WRITERS][ROUNDS] = {
	{"h200-141g", "h100-80g", "a100-80g", "a100-40g", "l40s", "l4"},
	{"a10", "t4", "v100-32g", "v100-16g", "p100-16g", "mi300x"},
	{"ascend910b3", "ascend910b2", "ascend310p3", "mlu370-x8", "dcu-z100", "h100-80g"},
};

static void write_quotas(int writer)
{
	for (int i = 0; i < ROUNDS; i++) {
		AUTO_ARENA a = arena_new(0);
		str body = str_print(
			a, "{\"models\":{\"%s\":{\"limit\":{\"device_milli\":%d}}}}", models[writer][i], i + 1);
		answer r = {0};
		for (int k = 0; k < TRIES && r.status != 200; k++)
			r = served_call(a, served_token("platform_admin", NULL), "PATCH", "/v1/tenants/acme/quota",
				PATCH, str_z(a, body));
		if (r.status != 200)
			_exit(1);
	}
	_exit(0);
}

Test(api_limits, patches_that_meet_lose_nothing)
{
	AUTO_ARENA a = arena_new(0);
	int status;

	served_start("api_meet");
	scenes_play(setup, 1);
	served_token("platform_admin", NULL);
	for (int i = 0; i < WRITERS; i++)
		if (fork() == 0)
			write_quotas(i);
	for (int i = 0; i < WRITERS; i++) {
		wait(&status);
		cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	answer r = served_call(a, served_token("platform_admin", NULL), "GET", "/v1/tenants/acme/quota", NULL, NULL);
	cr_expect_eq(
		json_object_size(json_object_get(r.doc, "models")), WRITERS * ROUNDS - 1, STR_FMT, STR_ARG(r.body));
}

/* Two edges on one database: what one has just made, the other finds. */
Test(api_limits, a_tenant_just_made_is_in_its_makers_sight_everywhere)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_sight");
	scenes_play(setup, 1);
	const char *owner = served_token("tenant_owner", "acme");
	cr_expect_eq(served_call(a, owner, "GET", "/v1/whoami", NULL, NULL).status, 200);
	/* As another edge would: behind this one's back. */
	pg_do(served_dsn(),
		"INSERT INTO tenant (id, quota_id, parent_key, name, path, depth) SELECT 'tnt_x', 'quo_x', key, 'new', "
		"'acme/new', 2 FROM tenant WHERE path = 'acme'");
	cr_expect_eq(served_call(a, owner, "POST", "/v1/placements", NULL, "{\"tenant\":\"acme/new\"}").status, 201);
	pg_do(served_dsn(),
		"INSERT INTO tenant (id, quota_id, parent_key, name, path, depth) SELECT 'tnt_y', 'quo_y', key, 'newer', "
		"'acme/new/newer', 3 FROM tenant WHERE path = 'acme/new'");
	cr_expect_eq(served_call(a, owner, "GET", "/v1/tenants/acme~new~newer/quota", NULL, NULL).status, 200);
	cr_expect_eq(served_call(a, owner, "GET", "/v1/tenants/acme~nobody/quota", NULL, NULL).status, 404);
}

/* A batch whose lists are many and empty, read twice because its last tenant is unknown, once ended the edge. */
static char *empty_lists_make(int items)
{
	enum { GROUPS = 16, DEVICES = 16 };
	buf b;

	buf_init(&b, 4 << 20);
	buf_add_str(&b, S("{\"items\":["));
	for (int i = 0; i < items; i++) {
		buf_printf(&b, "%s{\"tenant\":\"%s\",\"groups\":[", i ? "," : "", i + 1 < items ? "acme" : "nosuch");
		for (int g = 0; g < GROUPS; g++) {
			buf_printf(&b, "%s{\"name\":\"g%d\",\"devices\":[", g ? "," : "", g);
			for (int d = 0; d < DEVICES; d++)
				buf_add_str(&b, d ? S(",{}") : S("{}"));
			buf_add_str(&b, S("]}"));
		}
		buf_add_str(&b, S("]}"));
	}
	buf_add_str(&b, S("]}"));
	buf_add_char(&b, 0);
	cr_assert(!b.over);
	return b.p;
}

Test(api_limits, a_body_of_many_empty_lists_is_refused_and_the_edge_lives)
{
	static const int sizes[] = {60, 500, 520, 700};

	served_start("api_empty_lists");
	scenes_play(setup, 1);
	const char *token = served_token("member", "acme");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		AUTO_ARENA a = arena_new(0);
		char *body = empty_lists_make(sizes[i]);
		answer seen = served_call(a, token, "GET", "/v1/whoami", NULL, NULL);
		cr_assert_eq(seen.status, 200);
		answer r = served_call(
			a, token, "POST", "/v1/placements:batch", "Content-Type: application/json\r\n", body);
		cr_expect_eq(r.status, 422, "%d items: %d", sizes[i], r.status);
		seen = served_call(a, token, "GET", "/v1/whoami", NULL, NULL);
		cr_expect_eq(seen.status, 200, "after %d items", sizes[i]);
		free(body);
	}
}

static int status_from(const char *forwarded)
{
	AUTO_ARENA a = arena_new(0);
	const char *head = str_z(a,
		str_print(a, "Content-Type: application/x-www-form-urlencoded\r\nX-Forwarded-For: %s\r\n", forwarded));

	return served_call(a, NULL, "POST", "/v1/auth/token", head, "grant_type=x&subject_token_type=y&subject_token=z")
		.status;
}

/* Whoever has no token yet was served without end. */
Test(api_limits, an_address_signs_in_so_often_and_others_go_on)
{
	AUTO_ARENA a = arena_new(0);

	setenv("SERVED_ANONYMOUS", "4", 1);
	setenv("SERVED_PROXIES", "127.0.0.0/8", 1);
	served_start("api_anonymous");
	cr_expect_eq(status_from("192.0.2.1"), 400);
	cr_expect_eq(status_from("192.0.2.1"), 400);
	cr_expect_eq(status_from("10.9.9.9, 192.0.2.1"), 429,
		"what stands before the client's address is the client's own word");
	cr_expect_eq(status_from("192.0.2.2"), 400, "another address has its own");
	cr_expect_eq(status_from("2001:db8::1"), 400);
	cr_expect_eq(status_from("2001:db8::2"), 400);
	cr_expect_eq(status_from("2001:db8::3"), 429, "a network of IPv6 is one");
	answer r = served_call(a, NULL, "POST", "/v1/auth/token",
		"Content-Type: application/x-www-form-urlencoded\r\nX-Forwarded-For: 192.0.2.1\r\n", "grant_type=x");
	cr_expect(answer_header(&r, "Retry-After").p);
	cr_expect_str_eq(json_string_value(json_object_get(r.doc, "code")), "rate_limited");
	cr_expect_eq(served_call(a, NULL, "GET", "/livez", NULL, NULL).status, 200, "what asks nobody is not counted");
}

static answer look_from(arena *a, const char *token, const char *forwarded)
{
	return served_call(
		a, token, "GET", "/v1/whoami", str_z(a, str_print(a, "X-Forwarded-For: %s\r\n", forwarded)), NULL);
}

/* Until it is told to wait; in the bucket are ten. */
static answer guess_until_limited(arena *a, const char *token, const char *forwarded)
{
	enum { GUESSES_MAX = 60 };
	answer r = {0};

	for (int i = 0; i < GUESSES_MAX && r.status != 429; i++) {
		r = look_from(a, token, forwarded);
		cr_assert(r.status == 401 || r.status == 429, "%d", r.status);
	}
	return r;
}

/* Tokens could be tried without end. */
Test(api_limits, an_address_guesses_so_often_and_good_tokens_pass)
{
	AUTO_ARENA a = arena_new(0);

	setenv("SERVED_GUESS", "1", 1);
	setenv("SERVED_PROXIES", "127.0.0.0/8", 1);
	served_start("api_guess");
	const char *good = served_token("platform_admin", NULL);
	token_made other = token_make(TOKEN_PAT);
	answer r = guess_until_limited(a, other.text, "192.0.2.1");
	cr_expect_eq(r.status, 429, "one that nobody made");
	cr_expect_str_eq(json_string_value(json_object_get(r.doc, "code")), "rate_limited");
	cr_expect(answer_header(&r, "Retry-After").p);
	cr_expect(answer_header(&r, "RateLimit").p);
	cr_expect_eq(look_from(a, good, "192.0.2.1").status, 200, "who knows one passes");
	cr_expect_eq(look_from(a, other.text, "192.0.2.2").status, 401, "another address has its own");
	cr_expect_eq(guess_until_limited(a, "rv_pat_x", "2001:db8::1").status, 429, "what is no token");
	cr_expect_eq(look_from(a, "rv_pat_x", "2001:db8::ffff:1").status, 429, "a network of IPv6 is one");
	cr_expect_eq(look_from(a, "rv_pat_x", "2001:db8:0:1::1").status, 401, "another is another");
	const char *near = served_token("viewer", NULL);
	pg_do(served_dsn(), "UPDATE token SET hash = decode(repeat('00', 32), 'hex') WHERE role = 'viewer'");
	const char *ended = served_token("billing_viewer", NULL);
	pg_do(served_dsn(), "UPDATE token SET revoked_at = now() WHERE role = 'billing_viewer'");
	for (int i = 0; i < 30; i++)
		cr_assert_eq(
			look_from(a, ended, "192.0.2.4").status, 401, "who holds one that has ended does not guess");
	cr_expect_eq(
		guess_until_limited(a, near, "192.0.2.3").status, 429, "one whose id is there, with another secret");
}
