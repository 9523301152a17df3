#include "server/identity/jwt.h"

#include <cjose/base64.h>
#include <stdlib.h>

static err refuse(fault *f, const char *what, const char *why)
{
	return fault_set(f, ERR_IDENTITY_REFUSED, what, "%s %s", what, why);
}

/* base64url without padding (RFC 7515, section 2). */
static bool decoded(str text, arena *a, str *ret)
{
	uint8_t *out = NULL;
	size_t n = 0;
	cjose_err why;

	for (uint32_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		bool is_digit = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		if (!is_digit && c != '-' && c != '_')
			return false;
	}
	if (!text.n || text.n % 4 == 1 || !cjose_base64url_decode(text.p, text.n, &out, &n, &why))
		return false;
	*ret = str_dup(a, str_of((const char *)out, n));
	free(out);
	return true;
}

static err part_read(str encoded, arena *a, const char *what, facts *ret, fault *f)
{
	str json;
	fault why = {0};

	if (!decoded(encoded, a, &json))
		return refuse(f, what, "is not base64url");
	if (facts_read(json, a, ret, &why))
		return fault_set(f, ERR_IDENTITY_REFUSED, what, "%s: %s", what, why.detail);
	return ERR_OK;
}

static err header_check(jwt *t, fault *f)
{
	t->alg = jwk_alg_find(facts_text(&t->header, S("alg")));
	t->kid = facts_text(&t->header, S("kid"));
	if (t->alg == JWK_NONE)
		return refuse(f, "alg", "must be RS256 or ES256");
	/* Extensions that must be understood (RFC 7515, 4.1.11): we understand none, nor keys that come along. */
	if (facts_find(&t->header, S("crit")))
		return refuse(f, "crit", "names extensions that are not supported");
	if (!t->kid.p)
		return refuse(f, "kid", "is missing");
	return ERR_OK;
}

err jwt_read(str text, arena *a, jwt *ret, fault *f)
{
	jwt t = {.text = text};
	str rest = text;
	err e;

	if (text.n > JWT_BYTES_MAX)
		return fault_set(f, ERR_IDENTITY_REFUSED, "token", "the token is larger than %d bytes", JWT_BYTES_MAX);
	str header = str_split(&rest, '.'), claims = str_split(&rest, '.'), signature = rest;
	if (!signature.p || str_find(signature, '.', 0) >= 0)
		return fault_set(f, ERR_IDENTITY_REFUSED, "token", "the token has not three parts");
	if ((e = part_read(header, a, "header", &t.header, f)) || (e = header_check(&t, f)))
		return e;
	str bytes;
	if (!decoded(signature, a, &bytes))
		return refuse(f, "signature", "is missing or not base64url");
	if ((e = part_read(claims, a, "claims", &t.claims, f)))
		return e;
	*ret = t;
	return ERR_OK;
}

err jwt_verify(const jwt *t, const jwk *k, fault *f)
{
	return jwk_verify(k, t->text) ? ERR_OK : refuse(f, "signature", "is not by the key that kid names");
}

/* Access tokens and others must not pass as identities (RFC 8725, 3.11). */
static err type_check(const jwt *t, const jwt_demand *d, fault *f)
{
	str type = facts_text(&t->header, S("typ"));

	if (!facts_have(&t->header, S("typ")) || str_eq_nocase(type, S("JWT")))
		return ERR_OK;
	return d->type.p && str_eq_nocase(type, d->type) ? ERR_OK
							 : refuse(f, "typ", "is not that of an identity token");
}

static err time_of(const jwt *t, const char *name, bool is_required, int64_t otherwise, int64_t *ret_s, fault *f)
{
	*ret_s = otherwise;
	if (!facts_find(&t->claims, str_from(name)))
		return is_required ? refuse(f, name, "is missing") : ERR_OK;
	if (!facts_i64(&t->claims, str_from(name), ret_s) || *ret_s < 0)
		return refuse(f, name, "is not a whole number of seconds");
	return ERR_OK;
}

static err times_check(const jwt *t, const jwt_demand *d, fault *f)
{
	int64_t iat, nbf, exp;
	err e;

	if ((e = time_of(t, "iat", true, 0, &iat, f)) || (e = time_of(t, "nbf", false, 0, &nbf, f)) ||
		(e = time_of(t, "exp", !d->is_endless, iat + JWT_LIFE_MAX_S, &exp, f)))
		return e;
	if (exp + JWT_SKEW_S <= d->now_s)
		return refuse(f, "exp", "is over");
	if (iat > d->now_s + JWT_SKEW_S)
		return refuse(f, "iat", "lies in the future");
	if (nbf > d->now_s + JWT_SKEW_S)
		return refuse(f, "nbf", "lies in the future");
	if (exp <= iat || exp - iat > JWT_LIFE_MAX_S)
		return refuse(f, "exp", "is not within a day of iat");
	return ERR_OK;
}

str jwt_issuer(const jwt *t)
{
	return facts_text(&t->claims, S("iss"));
}

str jwt_audience(const jwt *t, arena *a)
{
	strs all;

	if (!facts_texts(&t->claims, S("aud"), JWT_AUDIENCES_MAX, a, &all) || all.n != 1 || !all.v[0].n)
		return STR_NONE;
	return all.v[0];
}

static err parties_check(const jwt *t, const jwt_demand *d, arena *a, fault *f)
{
	if (!facts_have(&t->claims, S("iss")))
		return refuse(f, "iss", "is missing");
	if (!str_eq(jwt_issuer(t), d->issuer))
		return refuse(f, "iss", "is not the issuer that is trusted");
	if (!facts_have(&t->claims, S("aud")))
		return refuse(f, "aud", "is missing");
	str audience = jwt_audience(t, a);
	if (!audience.p)
		return refuse(f, "aud", "must be exactly one text");
	if (d->audience.p && !str_eq(audience, d->audience))
		return refuse(f, "aud", "is not the audience that is trusted");
	return ERR_OK;
}

err jwt_check(const jwt *t, const jwt_demand *d, arena *a, fault *f)
{
	err e;

	if ((e = type_check(t, d, f)) || (e = parties_check(t, d, a, f)) || (e = times_check(t, d, f)))
		return e;
	for (size_t i = 0; i < JWT_REQUIRED_MAX && d->required[i]; i++) {
		str name = str_from(d->required[i]);
		if (!facts_have(&t->claims, name))
			return refuse(f, d->required[i], "is missing");
		if (!facts_text(&t->claims, name).p)
			return refuse(f, d->required[i], "is not a text");
	}
	return ERR_OK;
}
