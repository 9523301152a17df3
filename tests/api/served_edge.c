/* usage: served_edge FD TLS-FD FOLDER DSN    an edge on two listening sockets, without and with TLS, until SIGTERM, and
 * the part of the worker that answers what it asks
 *
 * SERVED_ANONYMOUS: the same of an address without a token. SERVED_GUESS: tokens that are none, of an address.
 * SERVED_PROXIES: trusted proxies.
 * SERVED_RATE: units per second of a caller's bucket (server/edge/rate.h); unset: no limits. SERVED_STREAMS: most watch
 * streams; unset: 2. SERVED_STREAMS_EACH: most of one caller; unset: 1000.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/deprecation.h"
#include "server/edge/edge.h"
#include "server/worker/planner.h"
#include "server/worker/simulator.h"

enum { PATH_BYTES = 300 };

/* Nothing of the API is deprecated: for the tests this is. */
const deprecation deprecations[] = {
	{OP_ROLE_LIST, 1700000000, 1893456000, "/docs/api.md#roles"},
	{0},
};

/* One edge has nobody to tell. */
notify *notify_new(
	loop *l, const char *run_dir, const char *self, int edges, void (*on_look)(void *arg, int what), void *arg)
{
	(void)l, (void)run_dir, (void)self, (void)edges, (void)on_look, (void)arg;
	return NULL;
}

static planner *asked;
static simulator *tried;

void notify_send(notify *n, notify_what what)
{
	(void)n;
	if ((what & NOTIFY_ASKS) && asked)
		planner_look(asked);
	if ((what & NOTIFY_ASKS) && tried)
		simulator_look(tried);
}

void notify_free(notify *n)
{
	(void)n;
}

static void on_governed(void *arg)
{
	edge_governance_moved(arg, S("tenant"));
}

static void on_term(void *arg, int signo)
{
	(void)signo;
	loop_stop(arg);
}

/* Beside a made-up identity provider, whose certificate is of the edge's own CA. */
static void identity_set(server_settings *s, const char *folder)
{
	static char roots[PATH_BYTES], secret[PATH_BYTES];

	const char *issuer = getenv("SERVED_ISSUER");

	s->ci_issuers = issuer ? issuer : "https://issuer.example";
	if (!issuer)
		return;
	snprintf(roots, sizeof(roots), "%s/ca/cert.pem", folder);
	snprintf(secret, sizeof(secret), "%s/client-secret", folder);
	FILE *f = fopen(secret, "w");
	if (!f || fputs("s3cret\n", f) < 0 || fclose(f) != 0)
		exit(1);
	s->issuer_ca = roots;
	s->public_url = getenv("SERVED_URL");
	s->oidc_issuer = getenv("SERVED_OIDC");
	s->oidc_client_id = "reeve";
	s->oidc_client_secret_file = secret;
	s->oidc_scopes = "openid profile email";
	s->oidc_user_claim = "email";
	s->oidc_groups_claim = "groups";
}

int main(int argc, char **argv)
{
	char web[PATH_BYTES];
	fault f = {0};
	edge *e = NULL;
	server_settings s = {
		.wait_max_ms = 3000,
		.connections_max = 1000,
		.watch_streams_max = 2,
		.watch_streams_per_caller = 1000,
		.inflight_bytes_max = 1 << 20,
	};
	process p = {.settings = &s, .edges = 1};
	const char *units = getenv("SERVED_RATE"), *streams = getenv("SERVED_STREAMS"),
		   *each = getenv("SERVED_STREAMS_EACH"), *anonymous = getenv("SERVED_ANONYMOUS"),
		   *guess = getenv("SERVED_GUESS");

	if (argc != 5)
		return 2;
	snprintf(web, sizeof(web), "%s/web", argv[3]);
	s.data_dir = p.run_dir = argv[3];
	s.web_dir = web;
	if (streams)
		s.watch_streams_max = strtol(streams, NULL, 10);
	if (each)
		s.watch_streams_per_caller = strtol(each, NULL, 10);
	s.rate_principal = units ? strtol(units, NULL, 10) : 0;
	s.rate_tenant = 2 * s.rate_principal;
	s.rate_anonymous = anonymous ? strtol(anonymous, NULL, 10) : 0;
	s.rate_guess = guess ? strtol(guess, NULL, 10) : 0;
	s.trusted_proxies = getenv("SERVED_PROXIES");
	identity_set(&s, argv[3]);
	p.dsn = argv[4];
	p.loop = loop_new();
	loop_on_signal(p.loop, SIGTERM, on_term, p.loop);
	if (edge_open(&p, &e, &f) || edge_listen(e, (int)strtol(argv[1], NULL, 10), false, &f) ||
		edge_listen(e, (int)strtol(argv[2], NULL, 10), true, &f)) {
		fprintf(stderr, "%s\n", f.detail);
		return 1;
	}
	asked = planner_new(p.loop, &(planner_options){.dsn = p.dsn, .on_governed = on_governed, .arg = e});
	tried = simulator_new(p.loop, p.dsn);
	loop_run(p.loop);
	planner_free(asked);
	simulator_free(tried);
	asked = NULL;
	tried = NULL;
	edge_close(e);
	loop_free(p.loop);
	arena_trim();
	return 0;
}
