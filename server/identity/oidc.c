#include "server/identity/oidc.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/heap.h"
#include "base/id.h"
#include "server/identity/grant.h"
#include "server/identity/issuer.h"

enum {
	CLIENT_SECRET_MAX = 512,
	URL_MAX = 8192,
	MAC = SHA256_DIGEST_LENGTH,
	COOKIE_MAX = 3000,
	GROUP_LISTED_MAX = 1000
};

struct oidc {
	const server_settings *s;
	uint8_t key[MAC];
	char client_secret[CLIENT_SECRET_MAX];
};

static void mac(const uint8_t *key, size_t n, str text, uint8_t out[MAC])
{
	unsigned int len = MAC;

	HMAC(EVP_sha256(), key, (int)n, (const unsigned char *)text.p, text.n, out, &len);
}

static str hex(arena *a, const uint8_t *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char *out = arena_alloc(a, 2 * n);

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	return str_of(out, 2 * n);
}

static err secret_read(oidc *o, fault *f)
{
	const char *path = o->s->oidc_client_secret_file;
	FILE *file = *path ? fopen(path, "r") : NULL;

	if (!*path)
		return ERR_OK;
	bool is_read = file && fgets(o->client_secret, CLIENT_SECRET_MAX, file);
	if (file)
		fclose(file);
	o->client_secret[strcspn(o->client_secret, "\r\n")] = '\0';
	if (!is_read || !o->client_secret[0])
		return fault_set(f, ERR_SETTING, "oidc-client-secret-file", "cannot read a secret from %s", path);
	return ERR_OK;
}

static err settings_check(const server_settings *s, fault *f)
{
	if (!issuer_is_fine(str_from(s->oidc_issuer), s->issuer_http))
		return fault_set(f, ERR_SETTING, "oidc-issuer", "must be an https URL without query");
	if (!s->oidc_client_id || !*s->oidc_client_id)
		return fault_set(f, ERR_SETTING, "oidc-client-id", "is needed with oidc-issuer");
	str url = str_from(s->public_url);
	if (!str_starts(url, S("https://")) || !issuer_is_fine(url, false) || str_find(url, '/', 8) >= 0)
		return fault_set(f, ERR_SETTING, "public-url", "must be https:// and a host, without a path");
	return ERR_OK;
}

err oidc_open(const server_settings *s, const uint8_t secret[OIDC_SECRET], oidc **ret, fault *f)
{
	*ret = NULL;
	if (!s->oidc_issuer || !*s->oidc_issuer)
		return ERR_OK;
	err e = settings_check(s, f);
	if (e)
		return e;
	oidc *o = heap_new(1, sizeof(*o));
	o->s = s;
	mac(secret, OIDC_SECRET, S("sign-in cookie"), o->key);
	e = secret_read(o, f);
	if (e) {
		oidc_free(o);
		return e;
	}
	*ret = o;
	return ERR_OK;
}

void oidc_free(oidc *o)
{
	if (o)
		OPENSSL_cleanse(o, sizeof(*o));
	free(o);
}

str oidc_issuer(const oidc *o)
{
	return str_from(o->s->oidc_issuer);
}

str oidc_client(const oidc *o)
{
	return str_from(o->s->oidc_client_id);
}

/* "//host" and "/\host" are other hosts to a browser. */
bool oidc_return_is_fine(str to)
{
	if (!to.n || to.n > OIDC_RETURN_MAX || to.p[0] != '/' || (to.n > 1 && to.p[1] == '/'))
		return false;
	for (uint32_t i = 0; i < to.n; i++)
		if ((unsigned char)to.p[i] <= 0x20 || (unsigned char)to.p[i] >= 0x7f || to.p[i] == '\\')
			return false;
	return true;
}

oidc_attempt oidc_attempt_new(str to, int64_t now_us)
{
	oidc_attempt t = {.to = to, .until_us = now_us + (int64_t)OIDC_ATTEMPT_S * 1000000};

	random_text(t.state, OIDC_WORD);
	random_text(t.nonce, OIDC_WORD);
	random_text(t.verifier, OIDC_VERIFIER);
	return t;
}

/* Percent-encoding of all but letters, digits, '-' and '_': fit for URLs, forms and cookies. */
static void encoded_add(buf *out, str s)
{
	for (uint32_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (is_word || c == '-' || c == '_')
			buf_add_char(out, (char)c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool decoded(str s, arena *a, str *ret)
{
	char *out = arena_alloc(a, (size_t)s.n + 1);
	uint32_t n = 0;

	for (uint32_t i = 0; i < s.n; i++) {
		out[n++] = s.p[i];
		if (s.p[i] != '%')
			continue;
		int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1, low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
		if (high < 0 || low < 0)
			return false;
		out[n - 1] = (char)(high << 4 | low);
		i += 2;
	}
	*ret = str_of(out, n);
	return true;
}

static str taken(buf *b, arena *a)
{
	str text = b->over ? STR_NONE : str_dup(a, buf_str(b));

	buf_done(b);
	return text;
}

static str mac_text(const oidc *o, str text, arena *a)
{
	uint8_t m[MAC];

	mac(o->key, MAC, text, m);
	return hex(a, m, MAC);
}

str oidc_attempt_sign(const oidc *o, const oidc_attempt *t, arena *a)
{
	buf out;

	buf_init(&out, COOKIE_MAX);
	buf_printf(&out, "%lld.%s.%s.%s.", (long long)t->until_us, t->state, t->nonce, t->verifier);
	encoded_add(&out, t->to);
	str text = taken(&out, a), sum = mac_text(o, text, a);
	return str_print(a, STR_FMT "." STR_FMT, STR_ARG(text), STR_ARG(sum));
}

static bool word_take(str *rest, char *out, size_t n)
{
	str one = str_split(rest, '.');

	if (one.n != n)
		return false;
	memcpy(out, one.p, n);
	out[n] = '\0';
	return true;
}

bool oidc_attempt_read(const oidc *o, str signed_text, int64_t now_us, arena *a, oidc_attempt *ret)
{
	str rest = signed_text;
	oidc_attempt t = {0};

	if (signed_text.n < 2 * MAC + 1 || signed_text.n > COOKIE_MAX + 2 * MAC + 1)
		return false;
	str text = str_cut(signed_text, 0, signed_text.n - 2 * MAC - 1);
	str sum = str_cut(signed_text, signed_text.n - 2 * MAC, signed_text.n);
	if (signed_text.p[text.n] != '.' || !str_eq_secret(sum, mac_text(o, text, a)))
		return false;
	rest = text;
	if (!str_to_i64(str_split(&rest, '.'), &t.until_us) || !word_take(&rest, t.state, OIDC_WORD) ||
		!word_take(&rest, t.nonce, OIDC_WORD) || !word_take(&rest, t.verifier, OIDC_VERIFIER) || !rest.p ||
		!decoded(rest, a, &t.to) || t.until_us <= now_us)
		return false;
	*ret = t;
	return true;
}

static void pair_add(buf *out, const char *name, str value)
{
	char last = out->n ? out->p[out->n - 1] : '?';

	if (last != '?')
		buf_add_char(out, '&');
	buf_printf(out, "%s=", name);
	encoded_add(out, value);
}

static str callback(const oidc *o, arena *a)
{
	return str_print(a, "%s/v1/auth/callback", o->s->public_url);
}

/* RFC 7636, 4.2 */
static str challenge(const char *verifier, arena *a)
{
	uint8_t digest[MAC];
	char *out = arena_alloc(a, MAC * 2);

	SHA256((const unsigned char *)verifier, strlen(verifier), digest);
	int n = EVP_EncodeBlock((unsigned char *)out, digest, MAC);
	while (n && out[n - 1] == '=')
		n--;
	for (int i = 0; i < n; i++)
		out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
	return str_of(out, (size_t)n);
}

str oidc_login_url(const oidc *o, str endpoint, const oidc_attempt *t, arena *a)
{
	buf out;

	buf_init(&out, URL_MAX);
	buf_add_str(&out, endpoint);
	buf_add_char(&out, '?');
	pair_add(&out, "response_type", S("code"));
	pair_add(&out, "client_id", oidc_client(o));
	pair_add(&out, "redirect_uri", callback(o, a));
	pair_add(&out, "scope", str_from(o->s->oidc_scopes));
	pair_add(&out, "state", str_from(t->state));
	pair_add(&out, "nonce", str_from(t->nonce));
	pair_add(&out, "code_challenge", challenge(t->verifier, a));
	pair_add(&out, "code_challenge_method", S("S256"));
	return taken(&out, a);
}

str oidc_code_form(const oidc *o, str code, const oidc_attempt *t, arena *a)
{
	buf out;

	buf_init(&out, URL_MAX * 3);
	buf_printf(&out, "grant_type=authorization_code");
	pair_add(&out, "code", code);
	pair_add(&out, "redirect_uri", callback(o, a));
	pair_add(&out, "code_verifier", str_from(t->verifier));
	if (!o->client_secret[0])
		pair_add(&out, "client_id", oidc_client(o));
	return taken(&out, a);
}

/* RFC 6749, 2.3.1: both parts encoded as in forms, then as Basic. */
const char *oidc_authorization(const oidc *o, arena *a)
{
	buf pair;

	if (!o->client_secret[0])
		return NULL;
	buf_init(&pair, URL_MAX);
	encoded_add(&pair, oidc_client(o));
	buf_add_char(&pair, ':');
	encoded_add(&pair, str_from(o->client_secret));
	str text = taken(&pair, a);
	char *out = arena_alloc(a, (size_t)text.n * 2 + 8);
	EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text.p, (int)text.n);
	return str_z(a, str_print(a, "Authorization: Basic %s", out));
}

str oidc_logout_url(const oidc *o, str endpoint, arena *a)
{
	buf out;

	if (!endpoint.n)
		return STR_NONE;
	buf_init(&out, URL_MAX);
	buf_add_str(&out, endpoint);
	buf_add_char(&out, '?');
	pair_add(&out, "client_id", oidc_client(o));
	pair_add(&out, "post_logout_redirect_uri", str_print(a, "%s/ui/", o->s->public_url));
	return taken(&out, a);
}

static err refuse(fault *f, const char *claim, const char *why)
{
	return fault_set(f, ERR_IDENTITY_REFUSED, claim, "%s %s", claim, why);
}

/* An address that nobody checked may be anybody's. */
static bool is_verified(const facts *claims)
{
	const fact *one = facts_find(claims, S("email_verified"));

	return one && str_eq(one->value, S("true"));
}

static err groups_read(const oidc *o, const facts *claims, arena *a, strs *ret, fault *f)
{
	strs all;
	const char *claim = o->s->oidc_groups_claim;

	*ret = (strs){ARENA_ARRAY(a, str, GROUPS_MAX), 0};
	if (!*claim || !facts_have(claims, str_from(claim)))
		return ERR_OK;
	if (!facts_texts(claims, str_from(claim), GROUP_LISTED_MAX, a, &all))
		return refuse(f, claim, "is not a list of texts");
	for (uint32_t i = 0; i < all.n; i++) {
		str subject = str_print(a, "group:" STR_FMT, STR_ARG(all.v[i]));
		if (!subject_is_fine(subject))
			continue;
		if (ret->n == GROUPS_MAX)
			return refuse(f, claim,
				"names more groups than a person may be in here: have the provider send fewer");
		ret->v[ret->n++] = subject;
	}
	return ERR_OK;
}

err oidc_person_read(const oidc *o, const facts *claims, arena *a, oidc_person *ret, fault *f)
{
	const char *claim = o->s->oidc_user_claim;
	str user = facts_text(claims, str_from(claim));
	oidc_person p = {.issuer_subject = facts_text(claims, S("sub")), .issuer_sid = facts_text(claims, S("sid"))};

	p.subject = str_print(a, "user:" STR_FMT, STR_ARG(user));
	p.name = facts_text(claims, S("name")).p ? facts_text(claims, S("name")) : user;
	if (!user.p)
		return refuse(f, claim, "is missing or not a text");
	if (!subject_is_fine(p.subject))
		return refuse(f, claim, "is not fit to name a person");
	if (strcmp(claim, "email") == 0 && !is_verified(claims))
		return refuse(f, "email_verified", "does not say that the address was checked");
	err e = groups_read(o, claims, a, &p.groups, f);
	if (!e)
		*ret = p;
	return e;
}
