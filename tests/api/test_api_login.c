/* People sign in with their identity provider: a browser (curl with a cookie jar) goes there and back. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "pg/pg.h"
#include "provider.h"

#define N(v) (sizeof(v) / sizeof(*(v)))
#define SAME "-H 'Sec-Fetch-Site: same-origin' -H 'X-Reeve-Request: 1'"
#define PERSON                                                                                                         \
	"\"sub\":\"p1\",\"sid\":\"s1\",\"email\":\"ada@example.com\",\"email_verified\":true,\"name\":\"Ada\",\"groups\":[\"gpu\",\"ops\"]"

static void begin(const char *database)
{
	provider_start_for_people(database);
	provider_file("person.json", PERSON);
	AUTO_ARENA a = arena_new(0);
	served_call(a, served_token("platform_admin", NULL), "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}");
}

static str shell(arena *a, const char *command)
{
	return provider_shell(a, command);
}

static void bind(arena *a, const char *subject, const char *role)
{
	str body = str_print(a, "{\"subject\":\"%s\",\"role\":\"%s\",\"tenant\":\"acme\"}", subject, role);
	answer r = served_call(a, served_token("platform_admin", NULL), "POST", "/v1/bindings", NULL, str_z(a, body));

	cr_assert_eq(r.status, 201, STR_FMT, STR_ARG(r.body));
}

#define LOGIN                                                                                                          \
	"$CURL -L -c jar -b jar -o out -w '%{http_code}' \"$E/v1/auth/login?return=/v1/whoami\" && echo && cat out"
#define STATUS "$CURL -b jar -c jar -o out -w '%{http_code}' "

static bool has(str text, const char *part)
{
	return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

Test(api_login, there_and_back_with_rights_from_bindings_alone)
{
	AUTO_ARENA a = arena_new(0);

	begin("api_login");
	str out = shell(a, LOGIN);
	cr_assert(str_starts(out, S("200\n")), STR_FMT, STR_ARG(out));
	cr_expect(has(out, "\"subject\":\"user:ada@example.com\""), STR_FMT, STR_ARG(out));
	cr_expect(has(out, "\"group:gpu\"") && has(out, "\"group:ops\""), STR_FMT, STR_ARG(out));
	cr_expect(str_eq(shell(a, STATUS "$E/v1/tenants/acme"), S("404")) ||
			  str_eq(shell(a, STATUS "$E/v1/tenants/acme"), S("403")),
		"without a binding there are no rights");
	bind(a, "group:gpu", "tenant_owner");
	cr_expect(str_eq(shell(a, STATUS "$E/v1/tenants/acme"), S("200")));
	out = shell(a, STATUS SAME
		" -H 'Content-Type: application/json' -d '{\"name\":\"x\",\"parent\":\"acme\"}' $E/v1/tenants");
	cr_expect(str_eq(out, S("201")), STR_FMT, STR_ARG(out));
	out = shell(a, "cat jar");
	cr_expect(has(out, "__Host-sid") && !has(out, "__Host-login"), "what the sign-in began with is gone: " STR_FMT,
		STR_ARG(out));
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM audit WHERE action = 'session.login' AND outcome = 'done' AND actor = "
			"'user:ada@example.com' AND body NOT LIKE '%rv_ses%'"),
		1);
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM session WHERE octet_length(hash) = 32 AND hash::text NOT LIKE '%rv_ses%'"),
		1);
	out = shell(a, "$CURL -D - -o /dev/null \"$E/v1/auth/login\"");
	cr_expect(has(out, "code_challenge_method=S256") && has(out, "nonce=") &&
			  has(out, "Secure; HttpOnly; SameSite=Lax"),
		STR_FMT, STR_ARG(out));
}

/* clang-format off */
static const struct {
	const char *rule, *command, *status;
} crossing[] = {
	{"neither header", "", "403"},
	{"another site", "-H 'Sec-Fetch-Site: cross-site' -H 'X-Reeve-Request: 1'", "403"},
	{"the same site, another host", "-H 'Sec-Fetch-Site: same-site' -H 'X-Reeve-Request: 1'", "403"},
	{"a form of our own page's", "-H 'Sec-Fetch-Site: same-origin'", "403"},
	{"a header without a browser's word", "-H 'X-Reeve-Request: 1'", "403"},
	{"a wrong header", "-H 'Sec-Fetch-Site: same-origin' -H 'X-Reeve-Request: yes'", "403"},
	{"both", SAME, "201"},
};
/* clang-format on */

Test(api_login, other_sites_change_nothing)
{
	AUTO_ARENA a = arena_new(0);

	begin("api_login_csrf");
	shell(a, LOGIN);
	bind(a, "user:ada@example.com", "tenant_owner");
	for (size_t i = 0; i < N(crossing); i++) {
		str line = str_print(a,
			"%s%s -H 'Content-Type: application/json' -d '{\"name\":\"x\",\"parent\":\"acme\"}' $E/v1/tenants",
			STATUS, crossing[i].command);
		str out = shell(a, str_z(a, line));
		cr_expect(str_eq(out, str_from(crossing[i].status)), "%s: " STR_FMT, crossing[i].rule, STR_ARG(out));
	}
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM tenant WHERE name = 'x'"), 1);
	cr_expect(has(shell(a, "$CURL $E/metrics"), "\nreeve_auth_refused_total 6\n"), "and each is counted");
	cr_expect(str_eq(shell(a, STATUS "-X POST $E/v1/auth/logout"), S("403")), "nor end the session");
	cr_expect(str_eq(shell(a, STATUS "$E/v1/whoami"), S("200")));
}

Test(api_login, a_session_ends)
{
	AUTO_ARENA a = arena_new(0);

	begin("api_login_ends");
	shell(a, LOGIN);
	cr_expect(str_eq(shell(a, STATUS "$E/v1/whoami"), S("200")));
	pg_do(served_dsn(), "UPDATE session SET seen_at = now() - interval '59 minutes'");
	served_restart();
	cr_expect(str_eq(shell(a, STATUS "$E/v1/whoami"), S("200")), "used within the hour");
	pg_do(served_dsn(), "UPDATE session SET seen_at = now() - interval '61 minutes'");
	served_restart();
	str out = shell(a, STATUS "$E/v1/whoami && cat out");
	cr_expect(str_starts(out, S("401")) && has(out, "token_expired"), "idle: " STR_FMT, STR_ARG(out));
	pg_do(served_dsn(), "UPDATE session SET seen_at = now(), expires_at = now() - interval '1 second'");
	served_restart();
	cr_expect(str_eq(shell(a, STATUS "$E/v1/whoami"), S("401")), "eight hours are over");
	shell(a, LOGIN);
	out = shell(a, "cp jar kept && " STATUS SAME " -X POST $E/v1/auth/logout && cat out && cat jar");
	cr_expect(str_starts(out, S("200")) && has(out, "/logout?client_id=reeve") && !has(out, "__Host-sid"), STR_FMT,
		STR_ARG(out));
	cr_expect(str_eq(shell(a, STATUS "-b kept $E/v1/whoami"), S("401")), "who kept the cookie is out too");
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM audit WHERE action = 'session.logout' AND outcome = 'done' AND actor = "
			"'user:ada@example.com'"),
		1);
	out = shell(a,
		"$CURL -o out -w '%{http_code}' -H 'Cookie: __Host-sid=rv_ses_01J0000000000000000000AAAA_x' $E/v1/whoami");
	cr_expect(str_eq(out, S("401")));
}

/* clang-format off */
static const struct {
	const char *rule, *command, *names; /* what the answer names */
} wrong[] = {
	{"without the cookie it began with", "$CURL -o /dev/null -c one $E/v1/auth/login; $CURL \"$E/v1/auth/callback?code=x&state=y\"", "did not begin in this browser"},
	{"another state", "$CURL -o /dev/null -c one $E/v1/auth/login; $CURL -b one \"$E/v1/auth/callback?code=x&state=00000000000000000000000000000000\"", "another sign-in"},
	{"no state", "$CURL -o /dev/null -c one $E/v1/auth/login; $CURL -b one \"$E/v1/auth/callback?code=x\"", "another sign-in"},
	{"a changed cookie", "$CURL -o /dev/null -c one $E/v1/auth/login; sed -i 's/\\(__Host-login\\t[0-9]*\\)\\./\\11./' one; $CURL -b one \"$E/v1/auth/callback?code=x&state=y\"", "did not begin in this browser"},
	{"another provider's answer", "$CURL -D h -o /dev/null -c one $E/v1/auth/login; S=$(sed -n 's/.*&state=\\([A-Za-z0-9]*\\).*/\\1/p' h); $CURL -b one \"$E/v1/auth/callback?code=x&iss=https://evil.example&state=$S\"", "another identity provider"},
	{"a made-up code", "$CURL -D h -o /dev/null -c one $E/v1/auth/login; S=$(sed -n 's/.*&state=\\([A-Za-z0-9]*\\).*/\\1/p' h); $CURL -b one \"$E/v1/auth/callback?code=x&state=$S\"", "does not take the code"},
	{"the provider says no", "$CURL -D h -o /dev/null -c one $E/v1/auth/login; S=$(sed -n 's/.*&state=\\([A-Za-z0-9]*\\).*/\\1/p' h); $CURL -b one \"$E/v1/auth/callback?error=access_denied&error_description=no&state=$S\"", "access_denied: no"},
	{"the code of another's sign-in", "$CURL -D h -o /dev/null -c one $E/v1/auth/login; $CURL -D g -o /dev/null -c two $E/v1/auth/login; "
		"U=$(sed -n 's/^[Ll]ocation: \\(.*\\)\\r/\\1/p' g); C=$($CURL -o /dev/null -D - \"$U\" | sed -n 's/.*code=\\([A-Za-z0-9]*\\).*/\\1/p'); S=$(sed -n 's/.*&state=\\([A-Za-z0-9]*\\).*/\\1/p' h); "
		"$CURL -b one \"$E/v1/auth/callback?code=$C&state=$S\"", "does not take the code"},
	{"a page elsewhere", "$CURL \"$E/v1/auth/login?return=//evil.example\"", "path of this server"},
	{"a page elsewhere, with a backslash", "$CURL \"$E/v1/auth/login?return=/%5Cevil.example\"", "path of this server"},
	{"a whole URL", "$CURL \"$E/v1/auth/login?return=https://evil.example\"", "path of this server"},
	{"a line end", "$CURL \"$E/v1/auth/login?return=/x%0d%0aSet-Cookie:a=b\"", "path of this server"},
};

static const struct {
	const char *rule, *person, *names;
} people[] = {
	{"an address nobody checked", "\"sub\":\"p\",\"email\":\"ada@example.com\"", "email_verified"},
	{"an address that was not checked", "\"sub\":\"p\",\"email\":\"ada@example.com\",\"email_verified\":false", "email_verified"},
	{"no address", "\"sub\":\"p\",\"email_verified\":true", "email is missing"},
	{"a list of addresses", "\"sub\":\"p\",\"email\":[\"a\"],\"email_verified\":true", "email is missing"},
	{"an address with a line end", "\"sub\":\"p\",\"email\":\"a\\nb\",\"email_verified\":true", "email is missing"},
	{"nobody", "\"email\":\"a\",\"email_verified\":true", "sub is missing"},
	{"groups that are a number", "\"sub\":\"p\",\"email\":\"a\",\"email_verified\":true,\"groups\":7", "groups is not a list"},
	{"two nonces", "\"nonce\":\"x\",\"sub\":\"p\",\"email\":\"a\",\"email_verified\":true", "twice"},
	{"another client's token", "\"azp\":\"other\",\"sub\":\"p\",\"email\":\"a\",\"email_verified\":true", "azp"},
};
/* clang-format on */

Test(api_login, what_comes_back_wrong_is_refused)
{
	AUTO_ARENA a = arena_new(0);

	begin("api_login_wrong");
	for (size_t i = 0; i < N(wrong); i++) {
		str out = shell(a, wrong[i].command);
		cr_expect(has(out, wrong[i].names), "%s: " STR_FMT, wrong[i].rule, STR_ARG(out));
		cr_expect(has(out, "\"status\":400"), "%s: " STR_FMT, wrong[i].rule, STR_ARG(out));
	}
	for (size_t i = 0; i < N(people); i++) {
		provider_file("person.json", people[i].person);
		str out = shell(a, LOGIN);
		cr_expect(str_starts(out, S("400\n")) && has(out, people[i].names), "%s: " STR_FMT, people[i].rule,
			STR_ARG(out));
	}
	provider_file("person.json", PERSON);
	provider_file("nonce", "of-another-sign-in");
	cr_expect(has(shell(a, LOGIN), "nonce is of another sign-in"));
	provider_file("nonce", NULL);
	provider_file("client", "reeve:another-secret");
	cr_expect(has(shell(a, LOGIN), "does not take the code"));
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM session"), 0);
}

Test(api_login, what_lets_in_is_in_no_log)
{
	AUTO_ARENA a = arena_new(0);

	setenv("SERVED_LOG", "edge.log", 1);
	begin("api_login_log");
	shell(a, LOGIN);
	str out = shell(a,
		"$CURL -D h -o /dev/null -c one $E/v1/auth/login; S=$(sed -n 's/.*&state=\\([A-Za-z0-9]*\\).*/\\1/p' h); "
		"touch provider/down; $CURL -b one \"$E/v1/auth/callback?code=sesame&state=$S\"");
	cr_expect(has(out, "issuer_unavailable"), "the code may still be good: " STR_FMT, STR_ARG(out));
	out = shell(a, "cat edge.log");
	cr_expect(has(out, "/v1/auth/callback"), STR_FMT, STR_ARG(out));
	cr_expect_not(has(out, "sesame"), STR_FMT, STR_ARG(out));
}

static str logout_token(arena *a, const char *more, const char *typ)
{
	static int n;
	int64_t now_s = clock_now_us() / 1000000;
	str claims = str_print(a, "{\"iss\":\"%s\",\"aud\":\"reeve\",\"iat\":%lld,\"exp\":%lld,\"jti\":\"l%d\"%s}",
		provider_url(), (long long)now_s, (long long)now_s + 60, n++, more);

	return mint_token(a, provider_key(a, "a"), "RS256", "a", typ, claims);
}

static int backchannel(arena *a, str token)
{
	str body = str_print(a, "logout_token=" STR_FMT, STR_ARG(token));

	return served_call(a, NULL, "POST", "/v1/auth/backchannel-logout",
		"Content-Type: application/x-www-form-urlencoded\r\n", str_z(a, body))
		.status;
}

#define EVENTS ",\"events\":{\"http://schemas.openid.net/event/backchannel-logout\":{}}"
#define TYPED  ",\"typ\":\"logout+jwt\""

Test(api_login, the_provider_ends_sessions)
{
	AUTO_ARENA a = arena_new(0);

	begin("api_login_back");
	shell(a, LOGIN);
	cr_expect_eq(backchannel(a, logout_token(a, ",\"sub\":\"p1\"", TYPED)), 400, "without the event");
	cr_expect_eq(backchannel(a, logout_token(a, EVENTS, TYPED)), 400, "about nobody");
	cr_expect_eq(backchannel(a, logout_token(a, EVENTS ",\"sub\":\"p1\",\"nonce\":\"x\"", TYPED)), 400,
		"an identity token");
	cr_expect_eq(backchannel(a, S("x.y.z")), 400);
	cr_expect_eq(backchannel(a, logout_token(a, EVENTS ",\"sub\":\"p1\",\"sid\":\"other\"", TYPED)), 200,
		"another session of the person");
	cr_expect(str_eq(shell(a, STATUS "$E/v1/whoami"), S("200")), "nothing of that ended it");
	str token = logout_token(a, EVENTS ",\"sub\":\"p1\",\"sid\":\"s1\"", TYPED);
	cr_expect_eq(backchannel(a, token), 200);
	cr_expect(str_eq(shell(a, STATUS "$E/v1/whoami"), S("401")));
	cr_expect_eq(backchannel(a, token), 400, "once");
}

Test(api_login, without_a_provider_there_is_nothing_to_sign_in_with)
{
	AUTO_ARENA a = arena_new(0);

	served_start("api_login_none");
	answer r = served_call(a, NULL, "GET", "/v1/auth", NULL, NULL);
	cr_expect(json_is_false(json_object_get(r.doc, "has_login")), STR_FMT, STR_ARG(r.body));
	cr_expect_eq(served_call(a, NULL, "GET", "/v1/auth/login", NULL, NULL).status, 404);
	cr_expect_eq(served_call(a, NULL, "GET", "/v1/auth/callback?code=x&state=y", NULL, NULL).status, 404);
	cr_expect_eq(served_call(a, served_token("platform_admin", NULL), "POST", "/v1/auth/logout", NULL, NULL).status,
		409);
}

static str token_of_ada(arena *a)
{
	str out = shell(a,
		"$CURL -b jar -c jar " SAME
		" -H 'Content-Type: application/json' -d '{\"name\":\"mine\",\"role\":\"tenant_owner\",\"tenant\":\"acme\"}' "
		"$E/v1/tokens | sed -n 's/.*\"token\":\"\\([^\"]*\\)\".*/\\1/p' | tr -d '\\n'");

	cr_assert(str_starts(out, S("rv_pat_")), STR_FMT, STR_ARG(out));
	return out;
}

/* A token made as a member of a group is no way to stay in it. */
Test(api_login, who_left_a_group_loses_it_in_tokens_too)
{
	AUTO_ARENA a = arena_new(0);

	begin("api_login_groups");
	shell(a, LOGIN);
	bind(a, "group:gpu", "tenant_owner");
	const char *mine = str_z(a, token_of_ada(a));
	cr_expect_eq(served_call(a, mine, "GET", "/v1/tenants/acme", NULL, NULL).status, 200);
	provider_file("person.json",
		"\"sub\":\"p1\",\"sid\":\"s1\",\"email\":\"ada@example.com\",\"email_verified\":true,\"name\":\"Ada\",\"groups\":[\"ops\"]");
	shell(a, LOGIN);
	served_restart();
	cr_expect_neq(served_call(a, mine, "GET", "/v1/tenants/acme", NULL, NULL).status, 200);
	answer me = served_call(a, mine, "GET", "/v1/whoami", NULL, NULL);
	cr_expect(has(me.body, "group:ops") && !has(me.body, "group:gpu"), STR_FMT, STR_ARG(me.body));
	provider_file("person.json", PERSON);
	shell(a, LOGIN);
	served_restart();
	cr_expect_eq(served_call(a, mine, "GET", "/v1/tenants/acme", NULL, NULL).status, 200, "back in the group");
}

#define STOLEN "$CURL -b stolen -o out -w '%{http_code}' $E/v1/whoami"

/* A machine was stolen: its sessions end at once, by their owner from elsewhere or by the platform. */
Test(api_login, sessions_are_ended_from_elsewhere)
{
	AUTO_ARENA a = arena_new(0);

	begin("api_login_elsewhere");
	const char *admin = served_token("platform_admin", NULL);
	shell(a, LOGIN);
	shell(a, "cp jar stolen");
	shell(a, "rm jar");
	shell(a, LOGIN);
	answer all = served_call(a, admin, "GET", "/v1/sessions?subject=user:ada@example.com", NULL, NULL);
	cr_assert_eq(json_array_size(json_object_get(all.doc, "items")), 2, STR_FMT, STR_ARG(all.body));
	const char *stolen =
		json_string_value(json_object_get(json_array_get(json_object_get(all.doc, "items"), 0), "id"));
	str own = shell(a, "$CURL -b jar $E/v1/sessions");
	cr_expect(has(own, stolen), "one's own are shown: " STR_FMT, STR_ARG(own));
	cr_expect(str_eq(shell(a, STATUS "\"$E/v1/sessions?subject=user:bob\""), S("403")), "others' are not");
	cr_expect(str_eq(shell(a, STOLEN), S("200")));
	const char *path = str_z(a, str_print(a, "/v1/sessions/%s:end", stolen));
	cr_expect_eq(served_call(a, served_token("tenant_owner", "acme"), "POST", path, NULL, NULL).status, 404,
		"nobody ends another's");
	str out = shell(a, str_z(a, str_print(a, "%s%s -X POST $E%s", STATUS, SAME, path)));
	cr_expect(str_eq(out, S("200")), STR_FMT, STR_ARG(out));
	cr_expect(str_eq(shell(a, STOLEN), S("401")));
	cr_expect(str_eq(shell(a, STATUS "$E/v1/whoami"), S("200")), "the other goes on");
	cr_expect_eq(served_call(a, admin, "POST", path, NULL, NULL).status, 404, "it is over");
	all = served_call(a, admin, "GET", "/v1/sessions", NULL, NULL);
	cr_assert_eq(json_array_size(json_object_get(all.doc, "items")), 1);
	path = str_z(a, str_print(a, "/v1/sessions/%s:end",
				json_string_value(
					json_object_get(json_array_get(json_object_get(all.doc, "items"), 0), "id"))));
	cr_expect_eq(served_call(a, admin, "POST", path, NULL, "{\"reason\":\"stolen\"}").status, 200);
	cr_expect(str_eq(shell(a, STATUS "$E/v1/whoami"), S("401")));
	cr_expect_eq(
		pg_int(served_dsn(), "SELECT count(*) FROM audit WHERE action = 'session.logout' AND outcome = 'done' "
				     "AND body LIKE '%stolen%'"),
		1);
}
