/* edge: the process that answers HTTP: what its parts share. */
#pragma once
#include "base/map.h"
#include "db/lane.h"
#include "db/ledger.h"
#include "db/reader.h"
#include "net/router.h"
#include "server/edge/intake.h"
#include "server/edge/proxy.h"
#include "server/edge/rate.h"
#include "server/edge/request.h"
#include "server/identity/ca.h"
#include "server/process.h"

typedef struct feed feed;
typedef struct assets assets;
typedef struct certificates certificates;

enum {
	EDGE_SECRET = 32,
	EDGE_DRAIN_MS = 10000,
	EDGE_OUT_MAX = 64 << 20,
	PAGE_LIMIT_MAX = 1000,
	TENANT_REFS_MAX = 8192,
	DENIALS_MAX = 4096,
};

/* Which pools of connections an edge keeps. */
enum { EDGE_TENANT_READERS = 2, EDGE_PLATFORM_READERS = 2 };

struct edge {
	process *process;
	const server_settings *settings;
	loop *loop;
	router *router;
	tls_context *tls;
	web_server *web_tls, *web_plain;
	db_reader *reader;
	db_reader *slow_reader; /* of edge_slow_reader; NULL: nobody asked yet */
	lane *tenant_lane, *platform_lane, *tenant_lane_two, *platform_lane_two;
	intake *tenant_intake, *platform_intake; /* over the lanes */
	ledger *tenant_ledger, *platform_ledger;
	notify *notify;
	feed *feed;
	assets *assets;
	ca *ca;
	struct issuers *issuers; /* identity providers */
	struct oidc *oidc;       /* how people sign in; NULL: not at all */
	principals *principals;
	certificates *certificates;
	map tenant_refs; /* ref -> tenant_ref; see tenants.h */
	map priorities;  /* names; see priorities.h */
	map denials;     /* texts already recorded in denial_minute */
	int64_t denial_minute;
	rate rate_principal, rate_tenant, rate_anonymous, rate_guess;
	proxies proxies;
	traceparent_source traces;
	uint8_t secret[EDGE_SECRET]; /* of cursors */
	uint8_t audit_key[32];       /* the public key of the audit chains' checkpoints */
	buf openapi, manifest_schema;
	buf out, head;     /* scratch of one answer */
	size_t held_bytes; /* of request bodies in work */
	uint32_t streams;
	map stream_callers;     /* how many of them each caller has, by principal_caller */
	request *held;          /* parked on the feed */
	char id_prefix[ID_MAX]; /* of request ids minted here */
	uint64_t id_count;
	bool is_draining;
};

/* Opens everything but the listeners: for edge_run, and for tests. */
err edge_open(process *p, edge **ret, fault *f) MUST_CHECK;
/* Takes connections on the listening socket fd, which it owns from here on. */
err edge_listen(edge *e, int fd, bool is_tls, fault *f) MUST_CHECK;
void edge_close(edge *e); /* NULL-safe */

/* For what reads everything there is, as the platform: a connection of its own, so that nothing waits behind it, with
 * minutes to answer. Opened when it is first asked for. */
db_reader *edge_slow_reader(edge *e);

/* Governance changed an object of that kind: what is remembered of it is read anew. */
void edge_heard(edge *e, str kind);
/* The cluster's standing, or its agent's, changed: calls held for that agent look at its certificate again. */
void edge_agent_moved(edge *e, str cluster_id);
/* Forgets which denials were recorded. */
void denials_clear(edge *e);

/* The same for a change made here; tells the other processes to look. */
void edge_governance_moved(edge *e, str kind);
