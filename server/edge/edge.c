#include "server/edge/edge.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "api/openapi.h"
#include "api/types/manifest.h"
#include "base/heap.h"
#include "base/log.h"
#include "net/tls.h"
#include "server/audit/seal.h"
#include "server/edge/assets.h"
#include "server/edge/dispatch.h"
#include "server/edge/feed.h"
#include "server/edge/gate.h"
#include "server/edge/old.h"
#include "server/edge/problem.h"
#include "server/edge/priorities.h"
#include "server/edge/tenants.h"
#include "server/identity/certificate.h"
#include "server/identity/issuer.h"
#include "server/identity/oidc.h"

enum {
	PATH_BYTES = 4096,
	HEAD_MAX = 64 * 1024,
	OPENAPI_MAX = 4 << 20,
	NAME_BYTES = 32,
	BODY_UNKNOWN_MAX = 64 * 1024,
	SLOW_DEADLINE_US = 5 * 60 * 1000 * 1000
};

/* What the database side of an edge runs as: its statements look single rows and pages up in tables that grow without
 * end. */
static db_options options(const edge *e, const char *kind, bool is_platform)
{
	return (db_options){
		.dsn = e->process->dsn,
		.kind = kind,
		.role = is_platform ? "reeve_platform" : "reeve_edge",
		.is_platform = is_platform,
		.by_index = true,
	};
}

/* A manifest changes thousands of rows in one statement, which hashes and sorts do best. */
static ledger *ledger_open(const edge *e, bool is_platform)
{
	db_options db = options(e, "edge-ledger", is_platform);

	db.by_index = false;
	return ledger_new(e->loop, &(ledger_options){.db = db});
}

static lane *intake_lane(const edge *e, bool is_platform)
{
	return lane_new(e->loop, &(lane_options){.db = options(e, "edge-intake", is_platform)});
}

static void database_open(edge *e)
{
	reader_options r = {
		.tenants = options(e, "edge-read", false),
		.platform = options(e, "edge-read", true),
		.tenants_n = EDGE_TENANT_READERS,
		.platform_n = EDGE_PLATFORM_READERS,
	};

	e->reader = reader_new(e->loop, &r);
	e->tenant_lane = intake_lane(e, false);
	e->platform_lane = intake_lane(e, true);
	e->tenant_lane_two = intake_lane(e, false);
	e->platform_lane_two = intake_lane(e, true);
	e->tenant_intake = intake_new(e->loop, (lane *const[]){e->tenant_lane, e->tenant_lane_two});
	e->platform_intake = intake_new(e->loop, (lane *const[]){e->platform_lane, e->platform_lane_two});
	e->tenant_ledger = ledger_open(e, false);
	e->platform_ledger = ledger_open(e, true);
}

db_reader *edge_slow_reader(edge *e)
{
	reader_options r = {
		.platform = options(e, "edge-verify", true), .platform_n = 1, .deadline_us = SLOW_DEADLINE_US};

	r.platform.by_index = false;
	if (!e->slow_reader)
		e->slow_reader = reader_new(e->loop, &r);
	return e->slow_reader;
}

static bool secret_load(const char *path, uint8_t out[EDGE_SECRET])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && read(fd, out, EDGE_SECRET) == EDGE_SECRET;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* The secret of cursors is one for all edges of a data folder: whoever is first makes it, under a name of its own until
 * it is whole. */
static err secret_open(edge *e, fault *f)
{
	char path[PATH_BYTES], made[PATH_BYTES + NAME_BYTES];
	uint8_t fresh[EDGE_SECRET];

	snprintf(path, sizeof(path), "%s/cursor.key", e->settings->data_dir);
	if (secret_load(path, e->secret))
		return ERR_OK;
	random_bytes(fresh, sizeof(fresh));
	snprintf(made, sizeof(made), "%s.%d", path, (int)getpid());
	int fd = open(made, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool ok = fd >= 0 && write(fd, fresh, sizeof(fresh)) == (ssize_t)sizeof(fresh) && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	if (ok && link(made, path) != 0 && errno != EEXIST)
		ok = false;
	unlink(made);
	if (!ok || !secret_load(path, e->secret))
		return fault_set(f, ERR_IO, "data-dir", "cannot make %s: %s", path, strerror(errno));
	return ERR_OK;
}

static err tls_open(edge *e, fault *f)
{
	char cert[PATH_BYTES], key[PATH_BYTES], ca_file[PATH_BYTES];
	const server_settings *s = e->settings;

	snprintf(cert, sizeof(cert), "%s/tls/cert.pem", s->data_dir);
	snprintf(key, sizeof(key), "%s/tls/key.pem", s->data_dir);
	snprintf(ca_file, sizeof(ca_file), "%s/ca/cert.pem", s->data_dir);
	bool is_own = s->tls_cert && *s->tls_cert;
	return tls_server_new(is_own ? s->tls_cert : cert, is_own ? s->tls_key : key, ca_file, &e->tls, f);
}

void denials_clear(edge *e)
{
	map_each (slot, &e->denials)
		free(slot->value);
	map_clear(&e->denials);
}

static bool is_about_principals(str kind)
{
	static const char *const kinds[] = {"tenant", "token", "binding", "trust", "session"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (str_eq(kind, str_from(kinds[i])))
			return true;
	return false;
}

void edge_heard(edge *e, str kind)
{
	if (str_eq(kind, S("tenant")))
		tenants_clear(e);
	if (is_about_principals(kind))
		principals_clear(e->principals);
	if (str_eq(kind, S("cluster")))
		certificates_clear(e->certificates);
}

void edge_agent_moved(edge *e, str cluster_id)
{
	for (request *r = e->held, *next; r; r = next) {
		next = r->held_next;
		if (r->agent && str_eq(str_from(r->agent->cluster_id), cluster_id))
			request_wake(r);
	}
}

void edge_governance_moved(edge *e, str kind)
{
	edge_heard(e, kind);
	notify_send(e->notify, NOTIFY_GOVERNANCE);
	feed_look(e->feed);
}

/* What moved is in the chains. */
static void on_look(void *arg, int what)
{
	edge *e = arg;

	(void)what;
	feed_look(e->feed);
}

static void on_request(void *arg, web_req *w)
{
	gate_take(arg, w);
}

static int64_t body_max(void *arg, web_method m, str path, const tls_peer *tls)
{
	edge *e = arg;
	AUTO_ARENA a = arena_new(0);
	router_match found = router_find(e->router, a, m, path);

	(void)tls;
	return found.route < 0 ? BODY_UNKNOWN_MAX : route_body_max((op)found.route);
}

static void on_refused(void *arg, err e, const char *detail, buf *body, char *ret_request_id, size_t id_max)
{
	fault f = {0};
	id made = id_make("req");

	(void)arg;
	snprintf(ret_request_id, id_max, "%s", made.p);
	fault_set(&f, e, "", "%s", detail ? detail : err_title(e));
	problem_write(body, &(problem){.e = e, .fault = &f, .instance = id_str(&made)});
}

static edge *edge_new(process *p)
{
	edge *e = heap_new(1, sizeof(*e));
	id prefix = id_make("req");

	e->process = p;
	e->settings = p->settings;
	e->loop = p->loop;
	memcpy(e->id_prefix, prefix.p, sizeof(e->id_prefix));
	buf_init(&e->out, EDGE_OUT_MAX);
	buf_init(&e->head, HEAD_MAX);
	buf_init(&e->openapi, OPENAPI_MAX);
	buf_init(&e->manifest_schema, OPENAPI_MAX);
	e->principals = principals_new();
	e->certificates = certificates_new();
	e->router = router_new();
	e->traces = traceparent_source_new();
	rate_init(&e->rate_principal, e->settings->rate_principal);
	rate_init(&e->rate_tenant, e->settings->rate_tenant);
	rate_init(&e->rate_anonymous, e->settings->rate_anonymous);
	rate_init(&e->rate_guess, e->settings->rate_guess);
	return e;
}

static void issuers_open(edge *e)
{
	const server_settings *s = e->settings;

	e->issuers = issuers_new(&(issuer_options){
		.loop = e->loop,
		.ca_file = s->issuer_ca && *s->issuer_ca ? s->issuer_ca : NULL,
		.user_agent = "reeved/" REEVE_VERSION,
		.takes_http = s->issuer_http,
		.ttl_us = ISSUER_TTL_US,
		.floor_us = ISSUER_FLOOR_US,
		.stale_us = ISSUER_STALE_US,
	});
}

err edge_open(process *p, edge **ret, fault *f)
{
	edge *e = edge_new(p);
	const char *gap = dispatch_check();
	char self[NAME_BYTES];
	err why = gap ? fault_set(f, ERR_INTERNAL, "", "%s", gap) : ERR_OK;

	if (why || (why = secret_open(e, f)) || (why = ca_open(p->settings->data_dir, &e->ca, f)) ||
		(why = seal_public(p->settings->data_dir, e->audit_key, f)) ||
		(why = oidc_open(p->settings, e->secret, &e->oidc, f)) ||
		(why = proxies_read(p->settings->trusted_proxies, &e->proxies, f)) ||
		(why = assets_open(p->settings->web_dir, &e->assets, f))) {
		edge_close(e);
		return why;
	}
	router_fill(e->router);
	old_begin();
	openapi_print(&e->openapi);
	schema_print(&manifest_type, "/schemas/manifest.v1.json", &e->manifest_schema);
	database_open(e);
	issuers_open(e);
	snprintf(self, sizeof(self), "edge-%d", (int)p->settings->index);
	e->notify = notify_new(e->loop, p->run_dir, self, p->edges, on_look, e);
	e->feed = feed_new(e);
	*ret = e;
	return ERR_OK;
}

err edge_listen(edge *e, int fd, bool is_tls, fault *f)
{
	web_limits limits = web_limits_default;
	web_hooks hooks = {.on_request = on_request, .body_max = body_max, .on_refused = on_refused, .arg = e};
	err why = is_tls ? tls_open(e, f) : ERR_OK;

	if (why)
		return why;
	limits.connections_max = e->settings->connections_max;
	limits.connections_per_peer = e->settings->connections_per_peer;
	web_server *w = web_open(e->loop, fd, is_tls ? e->tls : NULL, &limits, &hooks);
	*(is_tls ? &e->web_tls : &e->web_plain) = w;
	return ERR_OK;
}

static void database_close(edge *e)
{
	ledger_free(e->tenant_ledger);
	ledger_free(e->platform_ledger);
	intake_close(e->tenant_intake);
	intake_close(e->platform_intake);
	lane_free(e->tenant_lane);
	lane_free(e->platform_lane);
	lane_free(e->tenant_lane_two);
	lane_free(e->platform_lane_two);
	intake_free(e->tenant_intake);
	intake_free(e->platform_intake);
	reader_free(e->reader);
	reader_free(e->slow_reader);
}

void edge_close(edge *e)
{
	if (!e)
		return;
	if (e->web_tls)
		web_close(e->web_tls);
	if (e->web_plain)
		web_close(e->web_plain);
	issuers_free(e->issuers);
	feed_stop(e->feed);
	database_close(e);
	feed_free(e->feed);
	notify_free(e->notify);
	tls_context_free(e->tls);
	assets_close(e->assets);
	ca_close(e->ca);
	router_free(e->router);
	tenants_clear(e);
	map_done(&e->tenant_refs);
	priorities_clear(e);
	map_done(&e->priorities);
	map_done(&e->stream_callers);
	denials_clear(e);
	map_done(&e->denials);
	rate_done(&e->rate_principal);
	rate_done(&e->rate_tenant);
	rate_done(&e->rate_anonymous);
	rate_done(&e->rate_guess);
	principals_free(e->principals);
	oidc_free(e->oidc);
	certificates_free(e->certificates);
	buf_done(&e->out);
	buf_done(&e->head);
	buf_done(&e->openapi);
	buf_done(&e->manifest_schema);
	free(e);
}

/* Waits until every listener has let its last request go. */
typedef struct drain {
	edge *edge;
	int left;
} drain;

static void drained(void *arg)
{
	drain *d = arg;

	if (--d->left == 0)
		loop_stop(d->edge->loop);
}

static void on_term(void *arg, int signo)
{
	drain *d = arg;
	edge *e = d->edge;

	(void)signo;
	if (e->is_draining)
		return;
	e->is_draining = true;
	d->left = (e->web_tls != NULL) + (e->web_plain != NULL);
	log_info("edge.drain", KV_I64("listeners", d->left));
	request_wake_all(e);
	if (e->web_tls)
		web_drain(e->web_tls, EDGE_DRAIN_MS, drained, d);
	if (e->web_plain)
		web_drain(e->web_plain, EDGE_DRAIN_MS, drained, d);
	if (!d->left)
		loop_stop(e->loop);
}

static void on_crash(int signo)
{
	request_trail_dump();
	signal(signo, SIG_DFL);
	raise(signo);
}

int edge_run(process *p)
{
	drain d = {0};
	fault f = {0};
	err why = edge_open(p, &d.edge, &f);
	const server_settings *s = p->settings;

	if (!why && s->listen_fd >= 0)
		why = edge_listen(d.edge, (int)s->listen_fd, true, &f);
	if (!why && s->plain_fd >= 0)
		why = edge_listen(d.edge, (int)s->plain_fd, false, &f);
	if (why) {
		log_error("edge.start", KV_ERR(why), KV_Z("detail", f.detail));
		edge_close(d.edge);
		return EXIT_FAILURE;
	}
	signal(SIGABRT, on_crash);
	signal(SIGPIPE, SIG_IGN);
	loop_on_signal(p->loop, SIGTERM, on_term, &d);
	log_info("edge.up", KV_I64("index", s->index));
	loop_run(p->loop);
	edge_close(d.edge);
	return EXIT_SUCCESS;
}
