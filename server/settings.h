/* settings: every knob of reeved. The table is in settings.c; --help and docs/settings.md are printed from it. */
#pragma once
#include "base/setting.h"

enum { SERVER_EDGES_MAX = 56 };

typedef struct server_settings {
	const char *data_dir;     /* state: database, CA, run/ sockets, admin-token */
	const char *listen;       /* host:port with TLS */
	const char *listen_plain; /* host:port without TLS, loopback only; "" for none */
	const char *database;     /* libpq URL; "": a private PostgreSQL under data_dir */
	const char *postgres_bin; /* folder of initdb and postgres; "": found by itself */
	const char *web_dir;      /* folder of the console; "": none */
	const char *public_names; /* DNS names and addresses of the server certificate, comma-separated; localhost is
				     always in */
	const char *tls_cert;     /* PEM files of the operator's own; "": made and signed by the server's CA */
	const char *tls_key;
	const char *log_level;
	const char *ci_issuers; /* comma-separated: whose tokens a trust may name */
	const char *issuer_ca;  /* PEM: whom to trust about identity providers; "": the system's */
	bool issuer_http;       /* take identity providers without TLS on loopback */
	const char *public_url; /* "https://reeve.example": what browsers call this server by */
	const char *oidc_issuer, *oidc_client_id, *oidc_client_secret_file, *oidc_scopes;
	const char *oidc_user_claim, *oidc_groups_claim;
	int64_t edges;            /* edge processes; 0: half the cores, at least 1 */
	int64_t wait_max_ms;      /* of ?wait= */
	int64_t placer_batch;     /* placements per commit at most */
	int64_t placer_answer_ms; /* how long an agent may take to answer a grant */
	int64_t placer_poll_ms;   /* how often the inbox is looked at without a hint */
	int64_t connections_max;  /* per edge */
	int64_t connections_per_peer;
	int64_t watch_streams_max; /* per edge */
	int64_t watch_streams_per_caller;
	int64_t inflight_bytes_max;  /* request bodies per edge */
	int64_t rate_principal;      /* units per second of one token, per edge; 0: no limit */
	int64_t rate_tenant;         /* the same of all tokens of a tenant */
	int64_t rate_anonymous;      /* the same of one address without a token, where people and pipelines sign in */
	int64_t rate_guess;          /* tokens that are none, of one address, per second and edge; 0: no limit */
	const char *trusted_proxies; /* comma-separated ranges: whose X-Forwarded-For counts */
	const char *audit_file;      /* gets a line for each checkpoint of the audit chains; "": none */
	const char *audit_url;       /* gets the same as a POST; "": none */
	int64_t audit_keep_days;     /* of the governance chain; 0: for ever */
	int64_t audit_every_s;       /* a chain with new records gets a checkpoint that often */
	bool fsync;                  /* of the private PostgreSQL; off only for experiments */
	/* Set by the supervisor for its children, not by people. */
	const char *role; /* "": supervisor */
	int64_t index;
	int64_t listen_fd, plain_fd, metric_fd; /* -1: none */
	int64_t supervisor_pid;
	const char *dsn;
} server_settings;

extern const setting_table server_setting_table;
