/* Identity tokens: what is refused, and that each refusal names what is wrong. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "mint.h"
#include "server/identity/jwt.h"

enum { NOW_S = 1800000000 };

#define ISSUER   "https://issuer.example"
#define AUDIENCE "https://reeve.example"
#define TIMES    "\"iat\":1799999990,\"exp\":1800000290"
#define PARTIES  "\"iss\":\"" ISSUER "\",\"aud\":\"" AUDIENCE "\""
#define GOOD     "{" PARTIES "," TIMES ",\"sub\":\"a\",\"jti\":\"1\"}"

static const jwt_demand demand = {
	.issuer = {ISSUER, sizeof(ISSUER) - 1},
	.audience = {AUDIENCE, sizeof(AUDIENCE) - 1},
	.now_s = NOW_S,
	.required = {"sub", "jti"},
};

/* What a provider publishes, and what it keeps to itself. */
static struct world {
	arena *a;
	mint_key *rsa, *ec, *other, *weak, *p384;
	jwks *keys;
} world;

static void setup(void)
{
	fault f = {0};

	world.a = arena_new(0);
	world.rsa = mint_key_new(world.a, "RSA", "r");
	world.ec = mint_key_new(world.a, "P-256", "e");
	world.other = mint_key_new(world.a, "RSA", "stranger");
	world.weak = mint_key_new(world.a, "RSA1024", "weak");
	world.p384 = mint_key_new(world.a, "P-384", "p384");
	const mint_key *all[] = {world.rsa, world.ec, world.weak, world.p384};
	str set = mint_jwks(world.a, all, 4);
	cr_assert_eq(jwks_read(set, &world.keys, &f), ERR_OK, "%s", f.detail);
}

static void teardown(void)
{
	jwks_free(world.keys);
	arena_end(world.a);
}

static err take(str text, fault *f)
{
	jwt t;
	err e = jwt_read(text, world.a, &t, f);

	if (e)
		return e;
	const jwk *k = jwks_find(world.keys, t.kid, t.alg);
	if (!k)
		return fault_set(f, ERR_IDENTITY_REFUSED, "kid", "unknown");
	if ((e = jwt_verify(&t, k, f)))
		return e;
	return jwt_check(&t, &demand, world.a, f);
}

Test(jwt, good_ones_are_taken, .init = setup, .fini = teardown)
{
	fault f = {0};

	cr_expect_eq(take(mint_token(world.a, world.rsa, "RS256", "r", "", S(GOOD)), &f), ERR_OK, "%s", f.detail);
	cr_expect_eq(take(mint_token(world.a, world.ec, "ES256", "e", ",\"typ\":\"JWT\"", S(GOOD)), &f), ERR_OK, "%s",
		f.detail);
	cr_expect_eq(jwks_count(world.keys), 2, "weak keys and other curves are passed over");
}

/* clang-format off */
static const struct {
	const char *rule, *names, *claims;
} claims[] = {
	{"no issuer", "iss", "{\"aud\":\"" AUDIENCE "\"," TIMES ",\"sub\":\"a\",\"jti\":\"1\"}"},
	{"another issuer", "iss", "{\"iss\":\"https://issuer.example.evil\",\"aud\":\"" AUDIENCE "\"," TIMES ",\"sub\":\"a\",\"jti\":\"1\"}"},
	{"an issuer with a slash behind", "iss", "{\"iss\":\"" ISSUER "/\",\"aud\":\"" AUDIENCE "\"," TIMES ",\"sub\":\"a\",\"jti\":\"1\"}"},
	{"an issuer in capitals", "iss", "{\"iss\":\"HTTPS://ISSUER.EXAMPLE\",\"aud\":\"" AUDIENCE "\"," TIMES ",\"sub\":\"a\",\"jti\":\"1\"}"},
	{"an issuer that is a list", "iss", "{\"iss\":[\"" ISSUER "\"],\"aud\":\"" AUDIENCE "\"," TIMES ",\"sub\":\"a\",\"jti\":\"1\"}"},
	{"no audience", "aud", "{\"iss\":\"" ISSUER "\"," TIMES ",\"sub\":\"a\",\"jti\":\"1\"}"},
	{"another audience", "aud", "{\"iss\":\"" ISSUER "\",\"aud\":\"https://elsewhere.example\"," TIMES ",\"sub\":\"a\",\"jti\":\"1\"}"},
	{"two audiences", "aud", "{\"iss\":\"" ISSUER "\",\"aud\":[\"" AUDIENCE "\",\"x\"]," TIMES ",\"sub\":\"a\",\"jti\":\"1\"}"},
	{"no audience in the list", "aud", "{\"iss\":\"" ISSUER "\",\"aud\":[]," TIMES ",\"sub\":\"a\",\"jti\":\"1\"}"},
	{"an audience that is a number", "aud", "{\"iss\":\"" ISSUER "\",\"aud\":7," TIMES ",\"sub\":\"a\",\"jti\":\"1\"}"},
	{"a list with a number", "aud", "{\"iss\":\"" ISSUER "\",\"aud\":[7]," TIMES ",\"sub\":\"a\",\"jti\":\"1\"}"},
	{"expired", "exp", "{" PARTIES ",\"iat\":1799999000,\"exp\":1799999970,\"sub\":\"a\",\"jti\":\"1\"}"},
	{"without an end", "exp", "{" PARTIES ",\"iat\":1799999990,\"sub\":\"a\",\"jti\":\"1\"}"},
	{"an end that is a text", "exp", "{" PARTIES ",\"iat\":1799999990,\"exp\":\"1800000290\",\"sub\":\"a\",\"jti\":\"1\"}"},
	{"an end that is a fraction", "exp", "{" PARTIES ",\"iat\":1799999990,\"exp\":1800000290.5,\"sub\":\"a\",\"jti\":\"1\"}"},
	{"an end that is null", "exp", "{" PARTIES ",\"iat\":1799999990,\"exp\":null,\"sub\":\"a\",\"jti\":\"1\"}"},
	{"an end beyond all numbers", "exp", "{" PARTIES ",\"iat\":1799999990,\"exp\":99999999999999999999,\"sub\":\"a\",\"jti\":\"1\"}"},
	{"a life of a year", "exp", "{" PARTIES ",\"iat\":1799999990,\"exp\":1831535990,\"sub\":\"a\",\"jti\":\"1\"}"},
	{"an end before its beginning", "exp", "{" PARTIES ",\"iat\":1800000020,\"exp\":1800000010,\"sub\":\"a\",\"jti\":\"1\"}"},
	{"issued in the future", "iat", "{" PARTIES ",\"iat\":1800000031,\"exp\":1800000290,\"sub\":\"a\",\"jti\":\"1\"}"},
	{"issued at no time", "iat", "{" PARTIES ",\"exp\":1800000290,\"sub\":\"a\",\"jti\":\"1\"}"},
	{"issued before time began", "iat", "{" PARTIES ",\"iat\":-1,\"exp\":1800000290,\"sub\":\"a\",\"jti\":\"1\"}"},
	{"not yet valid", "nbf", "{" PARTIES "," TIMES ",\"nbf\":1800000031,\"sub\":\"a\",\"jti\":\"1\"}"},
	{"valid from a text", "nbf", "{" PARTIES "," TIMES ",\"nbf\":\"now\",\"sub\":\"a\",\"jti\":\"1\"}"},
	{"nobody", "sub", "{" PARTIES "," TIMES ",\"jti\":\"1\"}"},
	{"an empty subject", "sub", "{" PARTIES "," TIMES ",\"sub\":\"\",\"jti\":\"1\"}"},
	{"a subject with a line end", "sub", "{" PARTIES "," TIMES ",\"sub\":\"a\\nb\",\"jti\":\"1\"}"},
	{"no number of its own", "jti", "{" PARTIES "," TIMES ",\"sub\":\"a\"}"},
	{"a number that is a number", "jti", "{" PARTIES "," TIMES ",\"sub\":\"a\",\"jti\":1}"},
	{"a claim twice", "claims", "{" PARTIES "," TIMES ",\"sub\":\"a\",\"sub\":\"b\",\"jti\":\"1\"}"},
	{"a claim twice, once in disguise", "claims", "{" PARTIES "," TIMES ",\"sub\":\"a\",\"s\\u0075b\":\"b\",\"jti\":\"1\"}"},
	{"no object", "claims", "[]"},
	{"no JSON", "claims", "{" PARTIES},
	{"something behind it", "claims", GOOD "{}"},
};
/* clang-format on */

Test(jwt, what_it_claims_is_checked, .init = setup, .fini = teardown)
{
	for (size_t i = 0; i < sizeof(claims) / sizeof(*claims); i++) {
		fault f = {0};
		str text = mint_token(world.a, world.rsa, "RS256", "r", "", str_from(claims[i].claims));
		cr_expect_eq(take(text, &f), ERR_IDENTITY_REFUSED, "%s", claims[i].rule);
		cr_expect_str_eq(f.pointer, claims[i].names, "%s: %s", claims[i].rule, f.detail);
		cr_expect(f.detail[0], "%s", claims[i].rule);
	}
}

Test(jwt, clocks_may_differ_by_the_skew, .init = setup, .fini = teardown)
{
	static const char *const fine[] = {
		"{" PARTIES ",\"iat\":1799999000,\"exp\":1799999971,\"sub\":\"a\",\"jti\":\"1\"}",
		"{" PARTIES ",\"iat\":1800000030,\"exp\":1800000290,\"sub\":\"a\",\"jti\":\"1\"}",
		"{" PARTIES "," TIMES ",\"nbf\":1800000030,\"sub\":\"a\",\"jti\":\"1\"}",
	};

	for (size_t i = 0; i < sizeof(fine) / sizeof(*fine); i++) {
		fault f = {0};
		str text = mint_token(world.a, world.ec, "ES256", "e", "", str_from(fine[i]));
		cr_expect_eq(take(text, &f), ERR_OK, "%s: %s", fine[i], f.detail);
	}
}

static void refused(const char *rule, const char *names, str text)
{
	fault f = {0};

	cr_expect_eq(take(text, &f), ERR_IDENTITY_REFUSED, "%s", rule);
	cr_expect_str_eq(f.pointer, names, "%s: %s", rule, f.detail);
}

static str changed(str text, uint32_t at)
{
	str copy = str_dup(world.a, text);

	((char *)copy.p)[at] = copy.p[at] == 'A' ? 'B' : 'A';
	return copy;
}

Test(jwt, how_it_is_signed_is_checked, .init = setup, .fini = teardown)
{
	arena *a = world.a;
	struct world *w = &world;
	str good = mint_token(a, w->rsa, "RS256", "r", "", S(GOOD)), rest = good;
	str head = str_split(&rest, '.'), body = str_split(&rest, '.');

	refused("no signature at all", "alg", mint_token(a, w->rsa, "none", "r", "", S(GOOD)));
	refused("alg None", "alg", mint_token(a, w->rsa, "None", "r", "", S(GOOD)));
	refused("the public key as a secret", "alg", mint_token(a, w->rsa, "HS256", "r", "", S(GOOD)));
	refused("RS384", "alg", mint_token(a, w->rsa, "RS384", "r", "", S(GOOD)));
	refused("PS256", "alg", mint_token(a, w->rsa, "PS256", "r", "", S(GOOD)));
	refused("rs256", "alg", mint_token(a, w->rsa, "rs256", "r", "", S(GOOD)));
	refused("no alg", "alg", mint_parts(a, S("{\"kid\":\"r\"}"), S(GOOD), S("x")));
	refused("two algs", "header",
		mint_parts(a, S("{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"r\"}"), S(GOOD), S("x")));
	refused("extensions that must be known", "crit",
		mint_token(a, w->rsa, "RS256", "r", ",\"crit\":[\"b64\"],\"b64\":false", S(GOOD)));
	refused("an access token", "typ", mint_token(a, w->rsa, "RS256", "r", ",\"typ\":\"at+jwt\"", S(GOOD)));
	refused("a stranger's key", "kid", mint_token(a, w->other, "RS256", "stranger", "", S(GOOD)));
	refused("a stranger's key under a known name", "signature", mint_token(a, w->other, "RS256", "r", "", S(GOOD)));
	refused("a stranger's key that comes along", "signature",
		mint_token(a, w->other, "RS256", "r",
			(const char *)str_z(a, str_print(a, ",\"jwk\":" STR_FMT, STR_ARG(mint_jwk(a, w->other, "")))),
			S(GOOD)));
	refused("the name of the other key", "kid", mint_token(a, w->rsa, "RS256", "e", "", S(GOOD)));
	refused("no name", "kid", mint_token(a, w->rsa, "RS256", NULL, "", S(GOOD)));
	refused("a name that is a path", "kid", mint_token(a, w->rsa, "RS256", "../r", "", S(GOOD)));
	refused("a key that is too short", "kid", mint_token(a, w->weak, "RS256", "weak", "", S(GOOD)));
	refused("another curve", "kid", mint_token(a, w->p384, "ES256", "p384", "", S(GOOD)));
	refused("an RSA signature named ES256", "signature", mint_token(a, w->rsa, "ES256", "e", "", S(GOOD)));
	refused("an EC signature named RS256", "signature", mint_token(a, w->ec, "RS256", "r", "", S(GOOD)));
	str other = mint_token(a, w->rsa, "RS256", "r", "", S("{" PARTIES "," TIMES ",\"sub\":\"b\",\"jti\":\"1\"}"));
	str other_rest = other, other_head = str_split(&other_rest, '.'), other_body = str_split(&other_rest, '.');
	refused("the signature of other claims", "signature",
		str_print(a, STR_FMT "." STR_FMT "." STR_FMT, STR_ARG(other_head), STR_ARG(other_body), STR_ARG(rest)));
	refused("a changed signature", "signature", changed(good, good.n - 20));
	refused("a shorter signature", "signature", str_cut(good, 0, good.n - 4));
	refused("an empty signature", "signature", str_cut(good, 0, head.n + body.n + 2));
}

Test(jwt, what_is_no_token_is_refused, .init = setup, .fini = teardown)
{
	static const char *const texts[] = {"", ".", "..", "...", "a.b", "a.b.c.d", "a.b.c.d.e"};
	str good = mint_token(world.a, world.rsa, "RS256", "r", "", S(GOOD));
	fault f = {0};
	char *big = arena_alloc(world.a, JWT_BYTES_MAX + 1);

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		cr_expect_eq(take(str_from(texts[i]), &f), ERR_IDENTITY_REFUSED, "%s", texts[i]);
	for (uint32_t n = 0; n < good.n; n += 7)
		cr_expect_eq(take(str_cut(good, 0, n), &f), ERR_IDENTITY_REFUSED, "cut at %u", n);
	cr_expect_eq(take(str_print(world.a, STR_FMT "=", STR_ARG(good)), &f), ERR_IDENTITY_REFUSED, "padded");
	cr_expect_eq(
		take(str_print(world.a, " " STR_FMT, STR_ARG(good)), &f), ERR_IDENTITY_REFUSED, "a blank before it");
	memset(big, 'a', JWT_BYTES_MAX + 1);
	cr_expect_eq(take(str_of(big, JWT_BYTES_MAX + 1), &f), ERR_IDENTITY_REFUSED);
	cr_expect_str_eq(f.pointer, "token");
	cr_expect_null(strstr(f.detail, "aaaa"), "the token is not repeated");
}

/* The example of RFC 7515, A.3. */
Test(jwks, known_answer)
{
	static const char set[] =
		"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
	static const char text[] =
		"eyJhbGciOiJFUzI1NiJ9"
		".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
		".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
	jwks *keys;
	fault f = {0};

	cr_assert_eq(jwks_read(str_from(set), &keys, &f), ERR_OK, "%s", f.detail);
	const jwk *k = jwks_find(keys, S("k"), JWK_ES256);
	cr_assert(k);
	cr_expect(jwk_verify(k, str_from(text)));
	cr_expect_not(jwk_verify(k, str_cut(str_from(text), 0, sizeof(text) - 2)));
	jwks_free(keys);
}

Test(jwks, keys_that_are_not_for_us_are_passed_over, .init = setup, .fini = teardown)
{
	static const char *const more[] = {
		",\"use\":\"enc\"", ",\"alg\":\"RS512\"", ",\"alg\":\"HS256\"", ",\"d\":\"AQAB\"", ",\"use\":7"};
	jwks *keys;

	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++) {
		str one = mint_jwk(world.a, world.rsa, more[i]), good = mint_jwk(world.a, world.ec, "");
		str set = str_print(world.a,
			"{\"keys\":[" STR_FMT "," STR_FMT ",{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"o\"},7]}",
			STR_ARG(one), STR_ARG(good));
		fault f = {0};
		cr_assert_eq(jwks_read(set, &keys, &f), ERR_OK, "%s: %s", more[i], f.detail);
		cr_expect_eq(jwks_count(keys), 1, "%s", more[i]);
		cr_expect_null(jwks_find(keys, S("r"), JWK_RS256), "%s", more[i]);
		cr_expect_null(jwks_find(keys, S("e"), JWK_RS256), "a key serves the algorithm of its type alone");
		jwks_free(keys);
	}
}

Test(jwks, sets_without_a_key_are_refused)
{
	static const char *const sets[] = {"", "{}", "[]", "{\"keys\":[]}", "{\"keys\":7}", "{\"keys\":[7]}",
		"{\"keys\":[{", "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"x\",\"n\":\"!\",\"e\":\"AQAB\"}]}"};
	jwks *keys;
	fault f;

	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		cr_expect_neq(jwks_read(str_from(sets[i]), &keys, &f), ERR_OK, "%s", sets[i]);
}
