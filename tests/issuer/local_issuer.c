/* usage: local_issuer FD FOLDER URL CERT KEY             a made-up identity provider over TLS, until SIGTERM
 *        local_issuer ADDRESS FOLDER "" CERT KEY         the same on an address as 127.0.0.1:0; FOLDER/url says its
 * name
 *
 * It is what its folder says, read anew for each answer:
 *   sign.pem kid      the key it signs with, and that key's name
 *   keys.json         what it publishes; absent: it makes a key and publishes that
 *   person.json       members of the claims of whoever signs in: "sub":"1","email":...
 *   pipeline.json     members of the claims of the pipeline that asks for a token (GET /mint?audience=...)
 *   client            "id:secret" that the token endpoint asks for; absent: no secret
 *   nonce             instead of the one that was asked for
 *   down              while it is there, every answer is 503
 */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "mint.h"
#include "net/listen.h"
#include "net/router.h"
#include "net/web.h"

#include <signal.h>

enum { PATH_BYTES = 512, FILE_BYTES = 64 * 1024, CODES = 32, LIFE_S = 300, FIELD_BYTES = 512 };

/* A sign-in between /authorize and /token. */
typedef struct code {
	char code[40], nonce[FIELD_BYTES], challenge[FIELD_BYTES], redirect[FIELD_BYTES], client[FIELD_BYTES];
} code;

static struct {
	const char *folder, *url;
	code codes[CODES];
	int n_codes;
} issuer;

static str file_text(arena *a, const char *name)
{
	char path[PATH_BYTES], text[FILE_BYTES];

	snprintf(path, sizeof(path), "%s/%s", issuer.folder, name);
	FILE *f = fopen(path, "r");
	if (!f)
		return STR_NONE;
	size_t n = fread(text, 1, sizeof(text), f);
	fclose(f);
	while (n && text[n - 1] == '\n')
		n--;
	return str_dup(a, str_of(text, n));
}

static str field(arena *a, str form, const char *name)
{
	str key, value;
	bool is_bad;

	while (query_next(&form, a, &key, &value, &is_bad))
		if (!is_bad && str_eq(key, str_from(name)))
			return value;
	return STR_NONE;
}

static void keep(char out[FIELD_BYTES], str s)
{
	snprintf(out, FIELD_BYTES, STR_FMT, STR_ARG(s));
}

/* A token with the members of a file and those that every token has. */
static str token(arena *a, const char *file, str audience, str more)
{
	char path[PATH_BYTES];
	str kid = file_text(a, "kid"), members = file_text(a, file);
	int64_t now_s = clock_now_us() / 1000000;
	id jti = id_make("jti");

	snprintf(path, sizeof(path), "%s/sign.pem", issuer.folder);
	mint_key *k = mint_key_file(a, path, "RSA", str_z(a, kid));
	str claims = str_print(a,
		"{\"iss\":\"%s\",\"aud\":\"" STR_FMT "\",\"iat\":%lld,\"exp\":%lld,\"jti\":\"%s\"" STR_FMT "%s" STR_FMT
		"}",
		issuer.url, STR_ARG(audience), (long long)now_s, (long long)now_s + LIFE_S, jti.p, STR_ARG(more),
		members.n ? "," : "", STR_ARG(members));
	return mint_token(a, k, "RS256", str_z(a, kid), ",\"typ\":\"JWT\"", claims);
}

static void describe(web_req *r)
{
	web_reply(r, 200, S("Content-Type: application/json\r\n"),
		str_print(r->arena,
			"{\"issuer\":\"%s\",\"jwks_uri\":\"%s/keys\",\"authorization_endpoint\":\"%s/authorize\","
			"\"token_endpoint\":\"%s/token\",\"end_session_endpoint\":\"%s/logout\"}",
			issuer.url, issuer.url, issuer.url, issuer.url, issuer.url));
}

static void authorize(web_req *r)
{
	arena *a = r->arena;
	code *c = &issuer.codes[issuer.n_codes++ % CODES];

	random_text(c->code, 32);
	keep(c->nonce, field(a, r->query, "nonce"));
	keep(c->challenge, field(a, r->query, "code_challenge"));
	keep(c->redirect, field(a, r->query, "redirect_uri"));
	keep(c->client, field(a, r->query, "client_id"));
	str state = field(a, r->query, "state");
	str to = str_print(a, "Location: %s?code=%s&state=" STR_FMT "\r\n", c->redirect, c->code, STR_ARG(state));
	web_reply(r, 302, to, S(""));
}

static bool is_client(web_req *r)
{
	str want = file_text(r->arena, "client");
	char line[FIELD_BYTES];

	if (!want.p)
		return true;
	EVP_EncodeBlock((unsigned char *)line, (const unsigned char *)want.p, (int)want.n);
	return str_eq(web_header_find(r, S("Authorization")), str_print(r->arena, "Basic %s", line));
}

static bool is_challenged(const code *c, str verifier, arena *a)
{
	unsigned char digest[SHA256_DIGEST_LENGTH], line[SHA256_DIGEST_LENGTH * 2];

	SHA256((const unsigned char *)verifier.p, verifier.n, digest);
	EVP_EncodeBlock(line, digest, sizeof(digest));
	char *text = (char *)str_z(a, str_from((const char *)line));
	for (char *p = text; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p == '=' ? '\0' : *p;
	return strcmp(text, c->challenge) == 0;
}

static void redeem(web_req *r)
{
	arena *a = r->arena;
	str wanted = field(a, r->body, "code"), redirect = field(a, r->body, "redirect_uri");

	for (int i = 0; i < CODES && wanted.n; i++) {
		code *c = &issuer.codes[i];
		if (!str_eq(wanted, str_from(c->code)) || !str_eq(redirect, str_from(c->redirect)))
			continue;
		c->code[0] = '\0';
		if (!is_client(r) || !is_challenged(c, field(a, r->body, "code_verifier"), a))
			break;
		str other = file_text(a, "nonce");
		str more = str_print(a, ",\"nonce\":\"" STR_FMT "\"", STR_ARG(other.p ? other : str_from(c->nonce)));
		str t = token(a, "person.json", str_from(c->client), more);
		web_reply(r, 200, S("Content-Type: application/json\r\n"),
			str_print(a, "{\"access_token\":\"x\",\"token_type\":\"Bearer\",\"id_token\":\"" STR_FMT "\"}",
				STR_ARG(t)));
		return;
	}
	web_reply(r, 400, S(""), S("{\"error\":\"invalid_grant\"}"));
}

/* As a CI's own endpoint gives its jobs their tokens. */
static void mint(web_req *r)
{
	arena *a = r->arena;
	str t = token(a, "pipeline.json", field(a, r->query, "audience"), S(""));

	web_reply(r, 200, S("Content-Type: application/json\r\n"),
		str_print(a, "{\"value\":\"" STR_FMT "\"}", STR_ARG(t)));
}

static void on_request(void *arg, web_req *r)
{
	(void)arg;
	if (file_text(r->arena, "down").p)
		web_reply(r, 503, S(""), S(""));
	else if (str_eq(r->path, S("/.well-known/openid-configuration")))
		describe(r);
	else if (str_eq(r->path, S("/keys")))
		web_reply(r, 200, S(""), file_text(r->arena, "keys.json"));
	else if (str_eq(r->path, S("/authorize")))
		authorize(r);
	else if (str_eq(r->path, S("/token")))
		redeem(r);
	else if (str_eq(r->path, S("/mint")))
		mint(r);
	else
		web_reply(r, 404, S(""), S(""));
}

static void on_term(void *arg, int signo)
{
	(void)signo;
	loop_stop(arg);
}

static void file_put(const char *name, str text)
{
	char path[PATH_BYTES], fresh[PATH_BYTES + 8];

	snprintf(path, sizeof(path), "%s/%s", issuer.folder, name);
	snprintf(fresh, sizeof(fresh), "%s.fresh", path);
	FILE *f = fopen(fresh, "w");
	if (!f || fprintf(f, STR_FMT "\n", STR_ARG(text)) < 0 || fclose(f) != 0 || rename(fresh, path) != 0)
		exit(1);
}

static void key_make(void)
{
	AUTO_ARENA a = arena_new(0);
	char path[PATH_BYTES];

	if (file_text(a, "keys.json").p)
		return;
	snprintf(path, sizeof(path), "%s/sign.pem", issuer.folder);
	const mint_key *k = mint_key_file(a, path, "RSA", "one");
	file_put("kid", S("one"));
	file_put("keys.json", mint_jwks(a, &k, 1));
}

/* A descriptor that is listening already, or an address. */
static int listening(const char *what)
{
	static char url[FIELD_BYTES];
	char address[FIELD_BYTES];
	fault f = {0};
	int fd;

	if (!strchr(what, ':'))
		return (int)strtol(what, NULL, 10);
	if (listen_open(what, &fd, &f) || listen_address(fd, address, sizeof(address))) {
		fprintf(stderr, "%s\n", f.detail);
		exit(1);
	}
	snprintf(url, sizeof(url), "https://localhost%.16s", strrchr(address, ':'));
	issuer.url = url;
	key_make();
	file_put("url", str_from(url));
	return fd;
}

int main(int argc, char **argv)
{
	tls_context *tls;
	fault f = {0};

	if (argc != 6)
		return 2;
	issuer.folder = argv[2];
	issuer.url = argv[3];
	signal(SIGPIPE, SIG_IGN);
	int fd = listening(argv[1]);
	if (tls_server_new(argv[4], argv[5], NULL, &tls, &f)) {
		fprintf(stderr, "%s\n", f.detail);
		return 1;
	}
	loop *l = loop_new();
	loop_on_signal(l, SIGTERM, on_term, l);
	web_server *w = web_open(l, fd, tls, &web_limits_default, &(web_hooks){.on_request = on_request});
	loop_run(l);
	web_close(w);
	tls_context_free(tls);
	loop_free(l);
	arena_trim();
	return 0;
}
