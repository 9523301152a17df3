#include "server/identity/jwks.h"

#include <cjose/cjose.h>
#include <stdlib.h>

#include "base/heap.h"
#include "json/pull.h"
#include "server/identity/facts.h"

struct jwk {
	str kid;
	jwk_alg alg;
	cjose_jwk_t *key;
};

struct jwks {
	arena *mem;
	jwk v[JWKS_KEYS_MAX];
	uint32_t n;
};

static const char *const alg_names[] = {[JWK_NONE] = "none", [JWK_RS256] = "RS256", [JWK_ES256] = "ES256"};

jwk_alg jwk_alg_find(str name)
{
	for (jwk_alg k = JWK_RS256; k <= JWK_ES256; k++)
		if (str_eq(name, str_from(alg_names[k])))
			return k;
	return JWK_NONE;
}

const char *jwk_alg_name(jwk_alg alg)
{
	return alg_names[alg];
}

static jwk_alg alg_of(const facts *key)
{
	str kty = facts_text(key, S("kty"));

	if (str_eq(kty, S("RSA")))
		return JWK_RS256;
	if (str_eq(kty, S("EC")) && str_eq(facts_text(key, S("crv")), S("P-256")))
		return JWK_ES256;
	return JWK_NONE;
}

/* What it says of itself must not speak against the use we make of it. */
static bool is_for_us(const facts *key, jwk_alg alg)
{
	str use = facts_text(key, S("use")), named = facts_text(key, S("alg"));
	bool fits = alg != JWK_NONE && facts_text(key, S("kid")).p && !facts_have(key, S("d"));

	if (facts_have(key, S("use")))
		fits = fits && str_eq(use, S("sig"));
	if (facts_have(key, S("alg")))
		fits = fits && str_eq(named, str_from(alg_names[alg]));
	return fits;
}

static bool is_strong(const cjose_jwk_t *key, jwk_alg alg)
{
	cjose_err why;
	size_t bits = cjose_jwk_get_keysize(key, &why);

	if (alg == JWK_RS256)
		return cjose_jwk_get_kty(key, &why) == CJOSE_JWK_KTY_RSA && bits >= JWK_RSA_BITS_MIN &&
		       bits <= JWK_RSA_BITS_MAX;
	return cjose_jwk_get_kty(key, &why) == CJOSE_JWK_KTY_EC &&
	       cjose_jwk_EC_get_curve(key, &why) == CJOSE_JWK_EC_P_256;
}

static void key_take(jwks *s, str json)
{
	facts key;
	cjose_err why;
	fault f;

	if (s->n == JWKS_KEYS_MAX || facts_read(json, s->mem, &key, &f))
		return;
	jwk_alg alg = alg_of(&key);
	str kid = facts_text(&key, S("kid"));
	/* Of two keys of one name and kind the first counts. */
	if (!is_for_us(&key, alg) || jwks_find(s, kid, alg))
		return;
	cjose_jwk_t *made = cjose_jwk_import(json.p, json.n, &why);
	if (made && is_strong(made, alg))
		s->v[s->n++] = (jwk){str_dup(s->mem, kid), alg, made};
	else
		cjose_jwk_release(made);
}

static err keys_take(jwks *s, str list, fault *f)
{
	pull p;
	str one;

	pull_init(&p, list, FACT_DEPTH_MAX);
	if (pull_next(&p) != PULL_ARRAY)
		return fault_set(f, ERR_BAD_FIELD, "", "keys is no list");
	for (int n = 0; n < JWKS_LISTED_MAX && pull_item(&p) && !pull_span(&p, &one); n++)
		key_take(s, one);
	return s->n ? ERR_OK : fault_set(f, ERR_BAD_FIELD, "", "no key of it serves RS256 or ES256");
}

err jwks_read(str json, jwks **ret, fault *f)
{
	jwks *s = heap_new(1, sizeof(*s));
	facts all;
	err e;

	s->mem = arena_new(0);
	e = json.n > JWKS_BYTES_MAX ? fault_set(f, ERR_LIMIT, "", "the key set is too large")
				    : facts_read(json, s->mem, &all, f);
	if (!e) {
		const fact *keys = facts_find(&all, S("keys"));
		e = keys ? keys_take(s, keys->value, f) : fault_set(f, ERR_BAD_FIELD, "", "there are no keys");
	}
	if (e) {
		jwks_free(s);
		return e;
	}
	*ret = s;
	return ERR_OK;
}

void jwks_free(jwks *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->n; i++)
		cjose_jwk_release(s->v[i].key);
	arena_end(s->mem);
	free(s);
}

uint32_t jwks_count(const jwks *s)
{
	return s->n;
}

const jwk *jwks_find(const jwks *s, str kid, jwk_alg alg)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->v[i].alg == alg && str_eq(s->v[i].kid, kid))
			return &s->v[i];
	return NULL;
}

/* The library takes the algorithm from the header: it must be the key's. */
static bool is_of_alg(cjose_jws_t *jws, jwk_alg alg)
{
	cjose_err why;
	cjose_header_t *head = cjose_jws_get_protected(jws);
	const char *named = head ? cjose_header_get(head, CJOSE_HDR_ALG, &why) : NULL;

	return named && str_eq(str_from(named), str_from(alg_names[alg]));
}

bool jwk_verify(const jwk *k, str compact)
{
	cjose_err why;
	cjose_jws_t *jws = cjose_jws_import(compact.p, compact.n, &why);
	bool is_signed = jws && is_of_alg(jws, k->alg) && cjose_jws_verify(jws, k->key, &why);

	cjose_jws_release(jws);
	return is_signed;
}
