#include "server/identity/issuer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/map.h"
#include "net/fetch.h"
#include "server/identity/facts.h"

enum { URL_MAX = 1024, WHY_MAX = 160, HOST_CHARS_MAX = 255 };

/* Somebody who waits for a fetch to end. */
typedef struct wait {
	struct wait *next;
	jwk_alg alg; /* JWK_NONE: the description is all that is wanted */
	issuer_done *on_done;
	void *arg;
	uint32_t kid_n;
	char kid[];
} wait;

typedef struct provider {
	issuers *of;
	char url[URL_MAX];
	jwks *keys;
	arena *mem; /* of the description */
	issuer_description description;
	arena *next_mem; /* of the one that is being fetched, until its keys are there */
	issuer_description next_description;
	int64_t fetched_us, tried_us; /* monotonic; 0: never */
	bool is_fetching;
	char why[WHY_MAX]; /* the last attempt failed */
	wait *waits;
	uint32_t n_waits;
} provider;

/* Outlives its owner while calls of its client are under way. */
struct issuers {
	issuer_options o;
	fetch *fetch;
	map by_url;
	uint32_t calls;
	bool is_closed;
};

typedef struct call {
	issuers *of;
	provider *provider;
	void (*on_reply)(void *arg, const issuer_reply *r);
	void *arg;
} call;

/* host, perhaps with a port */
static bool is_loopback(str host)
{
	static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		str name = str_from(names[i]);
		if (str_starts(host, name) && (host.n == name.n || host.p[name.n] == ':'))
			return true;
	}
	return false;
}

bool issuer_is_fine(str url, bool takes_http)
{
	bool is_http = str_starts(url, S("http://"));
	str rest = str_cut(url, is_http ? 7 : 8, url.n);
	str host = str_split(&rest, '/');

	if (url.n >= URL_MAX / 2 || (!is_http && !str_starts(url, S("https://"))) || !host.n || host.n > HOST_CHARS_MAX)
		return false;
	for (uint32_t i = 0; i < url.n; i++)
		if ((unsigned char)url.p[i] <= 0x20 || (unsigned char)url.p[i] >= 0x7f ||
			strchr("?#@\\\"'<>", url.p[i]))
			return false;
	return !is_http || (takes_http && is_loopback(host));
}

issuers *issuers_new(const issuer_options *o)
{
	issuers *s = heap_new(1, sizeof(*s));

	s->o = *o;
	s->fetch = fetch_new(o->loop, &(fetch_config){.ca_file = o->ca_file, .user_agent = o->user_agent});
	return s;
}

static void wait_end(wait *w, const issuer_answer *a)
{
	w->on_done(w->arg, a);
	free(w);
}

static void provider_free(provider *p)
{
	while (p->waits) {
		wait *w = p->waits;
		p->waits = w->next;
		wait_end(w, &(issuer_answer){.e = ERR_CLOSED, .why = "the server stops"});
	}
	jwks_free(p->keys);
	arena_end(p->mem);
	arena_end(p->next_mem);
	free(p);
}

void issuers_free(issuers *s)
{
	if (!s)
		return;
	s->is_closed = true;
	fetch_free(s->fetch);
	map_each (slot, &s->by_url)
		provider_free(slot->value);
	map_done(&s->by_url);
	if (!s->calls)
		free(s);
}

static provider *provider_of(issuers *s, str url)
{
	provider *p = map_find(&s->by_url, url);

	if (p || s->by_url.n >= ISSUERS_MAX || !issuer_is_fine(url, s->o.takes_http))
		return p;
	p = heap_new(1, sizeof(*p));
	p->of = s;
	memcpy(p->url, url.p, url.n);
	map_put(&s->by_url, str_from(p->url), p);
	return p;
}

static issuer_answer answer_with(const provider *p, str kid, jwk_alg alg)
{
	bool is_kept = p->keys && clock_mono_us() - p->fetched_us < p->of->o.stale_us;
	issuer_answer a = {.description = &p->description};

	if (!is_kept)
		return (issuer_answer){.e = ERR_ISSUER_UNAVAILABLE, .why = p->why[0] ? p->why : "it was not asked yet"};
	if (alg != JWK_NONE)
		a.key = jwks_find(p->keys, kid, alg);
	if (alg != JWK_NONE && !a.key)
		return (issuer_answer){.e = ERR_IDENTITY_REFUSED, .why = "names no key of the issuer for its alg"};
	return a;
}

static void waits_end(provider *p)
{
	wait *w = p->waits;

	p->waits = NULL;
	p->n_waits = 0;
	while (w) {
		wait *next = w->next;
		issuer_answer a = answer_with(p, str_of(w->kid, w->kid_n), w->alg);
		wait_end(w, &a);
		w = next;
	}
}

/* what NULL: it went well. */
static void fetch_ended(provider *p, const char *what, const char *why)
{
	p->is_fetching = false;
	snprintf(p->why, sizeof(p->why), "%s", what ? what : "");
	if (what)
		log_warn("issuer.failed", KV_Z("issuer", p->url), KV_Z("what", what), KV_Z("why", why ? why : ""));
	arena_end(p->next_mem);
	p->next_mem = NULL;
	waits_end(p);
}

static void on_reply(void *arg, const fetch_reply *r)
{
	call *c = arg;
	issuers *s = c->of;
	issuer_reply out = {.e = r->e, .status = r->status, .body = r->body, .why = r->why};

	s->calls--;
	if (!s->is_closed)
		c->on_reply(c->arg, &out);
	else if (!s->calls)
		free(s);
	free(c);
}

static void get(provider *p, str url, void (*then)(void *arg, const issuer_reply *r))
{
	call *c = heap_new(1, sizeof(*c));
	char text[URL_MAX];

	*c = (call){.of = p->of, .on_reply = then, .arg = p};
	snprintf(text, sizeof(text), STR_FMT, STR_ARG(url));
	p->of->calls++;
	(void)fetch_send(p->of->fetch, &(fetch_request){
					       .method = "GET",
					       .url = text,
					       .timeout_ms = ISSUER_TIMEOUT_MS,
					       .body_max = ISSUER_BYTES_MAX,
					       .on_done = on_reply,
					       .arg = c,
				       });
}

static bool is_answer(const issuer_reply *r)
{
	return r->e == ERR_OK && r->status == 200;
}

static void keys_came(void *arg, const issuer_reply *r)
{
	provider *p = arg;
	jwks *fresh;
	fault f = {0};

	if (!is_answer(r)) {
		fetch_ended(p, "its keys cannot be fetched", r->why);
		return;
	}
	if (jwks_read(r->body, &fresh, &f)) {
		fetch_ended(p, "its keys cannot be read", f.detail);
		return;
	}
	jwks_free(p->keys);
	arena_end(p->mem);
	p->keys = fresh;
	p->mem = p->next_mem;
	p->next_mem = NULL;
	p->description = p->next_description;
	p->fetched_us = clock_mono_us();
	fetch_ended(p, NULL, NULL);
}

static str endpoint(const provider *p, const facts *all, str name)
{
	str url = facts_text(all, name);

	return issuer_is_fine(url, p->of->o.takes_http) ? url : STR_NONE;
}

static void description_came(void *arg, const issuer_reply *r)
{
	provider *p = arg;
	facts all;
	fault f = {0};

	if (!is_answer(r)) {
		fetch_ended(p, "its description cannot be fetched", r->why);
		return;
	}
	p->next_mem = arena_new(0);
	if (facts_read(str_dup(p->next_mem, r->body), p->next_mem, &all, &f)) {
		fetch_ended(p, "its description cannot be read", f.detail);
		return;
	}
	str keys = endpoint(p, &all, S("jwks_uri"));
	if (!str_eq(facts_text(&all, S("issuer")), str_from(p->url)) || !keys.p) {
		fetch_ended(p, "its description names another issuer, or no keys", NULL);
		return;
	}
	p->next_description = (issuer_description){
		.authorization_endpoint = endpoint(p, &all, S("authorization_endpoint")),
		.token_endpoint = endpoint(p, &all, S("token_endpoint")),
		.end_session_endpoint = endpoint(p, &all, S("end_session_endpoint")),
	};
	get(p, keys, keys_came);
}

static void fetch_begin(provider *p)
{
	char url[URL_MAX + 64];
	size_t n = strlen(p->url);

	while (n && p->url[n - 1] == '/')
		n--;
	snprintf(url, sizeof(url), "%.*s/.well-known/openid-configuration", (int)n, p->url);
	p->is_fetching = true;
	p->tried_us = clock_mono_us();
	get(p, str_from(url), description_came);
}

/* Answers come from the loop, also those that are there already. */
static void settle(void *arg)
{
	issuers *s = arg;

	s->calls--;
	if (s->is_closed) {
		if (!s->calls)
			free(s);
		return;
	}
	map_each (slot, &s->by_url) {
		provider *p = slot->value;
		if (!p->is_fetching)
			waits_end(p);
	}
}

static bool wait_add(provider *p, str kid, jwk_alg alg, issuer_done *on_done, void *arg)
{
	if (p->n_waits >= ISSUER_WAITS_MAX)
		return false;
	wait *w = heap_new(1, sizeof(*w) + kid.n);
	*w = (wait){.next = p->waits, .alg = alg, .on_done = on_done, .arg = arg, .kid_n = kid.n};
	if (kid.n)
		memcpy(w->kid, kid.p, kid.n);
	p->waits = w;
	p->n_waits++;
	return true;
}

/* Whether what is remembered does not do, and it is not too soon to ask again. */
static bool must_fetch(const provider *p, str kid, jwk_alg alg)
{
	int64_t now = clock_mono_us();
	bool is_fresh = p->keys && now - p->fetched_us < p->of->o.ttl_us;
	bool is_found = is_fresh && (alg == JWK_NONE || jwks_find(p->keys, kid, alg));
	bool may = !p->tried_us || now - p->tried_us >= p->of->o.floor_us;

	return !p->is_fetching && !is_found && may;
}

bool issuers_key(issuers *s, str issuer, str kid, jwk_alg alg, issuer_done *on_done, void *arg)
{
	provider *p = provider_of(s, issuer);

	if (!p || !wait_add(p, kid, alg, on_done, arg))
		return false;
	if (must_fetch(p, kid, alg)) {
		fetch_begin(p);
	} else if (!p->is_fetching) {
		s->calls++;
		loop_defer(s->o.loop, settle, s);
	}
	return true;
}

bool issuers_describe(issuers *s, str issuer, issuer_done *on_done, void *arg)
{
	return issuers_key(s, issuer, STR_NONE, JWK_NONE, on_done, arg);
}

void issuers_post(issuers *s, str url, const char *authorization, str form,
	void (*on_done)(void *arg, const issuer_reply *r), void *arg)
{
	call *c = heap_new(1, sizeof(*c));
	char text[URL_MAX];
	const char *const headers[] = {
		"Content-Type: application/x-www-form-urlencoded", "Accept: application/json", authorization, NULL};

	*c = (call){.of = s, .on_reply = on_done, .arg = arg};
	snprintf(text, sizeof(text), STR_FMT, STR_ARG(url));
	s->calls++;
	(void)fetch_send(s->fetch, &(fetch_request){
					   .method = "POST",
					   .url = text,
					   .headers = headers,
					   .body = form,
					   .timeout_ms = ISSUER_TIMEOUT_MS,
					   .body_max = ISSUER_BYTES_MAX,
					   .on_done = on_reply,
					   .arg = c,
				   });
}
