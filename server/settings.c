#include "server/settings.h"

#include <stddef.h>

#define AT(member) offsetof(server_settings, member)
#define TEXT(name_, member, initial_, help_)                                                                           \
	{                                                                                                              \
		.name = name_, .kind = SETTING_TEXT, .at = AT(member), .initial = initial_, .help = help_              \
	}
#define NUMBER(name_, member, initial_, lo, hi, help_)                                                                 \
	{                                                                                                              \
		.name = name_, .kind = SETTING_I64, .at = AT(member), .initial = initial_, .min = lo, .max = hi,       \
		.help = help_                                                                                          \
	}
#define SWITCH(name_, member, initial_, help_)                                                                         \
	{                                                                                                              \
		.name = name_, .kind = SETTING_BOOL, .at = AT(member), .initial = initial_, .help = help_              \
	}

static const setting rows[] = {
	TEXT("data-dir", data_dir, "/var/lib/reeve",
		"Folder of all state: private database, certificates, admin token."),
	TEXT("listen", listen, "0.0.0.0:8443", "Address of the API and the console, with TLS."),
	TEXT("listen-plain", listen_plain, "", "A second address without TLS; loopback only. Empty: none."),
	TEXT("database", database, "",
		"PostgreSQL to use, as a libpq URL. Empty: a private one under the data folder."),
	TEXT("postgres-bin", postgres_bin, "",
		"Folder of initdb and postgres for the private database. Empty: searched for."),
	TEXT("web-dir", web_dir, "", "Folder of the console's files. Empty: no console."),
	TEXT("public-names", public_names, "",
		"Names and addresses clients reach the server by, comma-separated, for its certificate."),
	TEXT("tls-cert", tls_cert, "",
		"Server certificate of your own, PEM. Empty: made and renewed by the server's CA."),
	TEXT("tls-key", tls_key, "", "Its key, PEM."),
	TEXT("log-level", log_level, "info", "debug, info, warn or error."),
	TEXT("ci-issuers", ci_issuers, "https://token.actions.githubusercontent.com,https://gitlab.com",
		"Identity providers whose tokens pipelines may exchange, comma-separated, exactly as in their iss. Only "
		"these are ever asked, whatever a tenant or a token names."),
	TEXT("issuer-ca", issuer_ca, "", "CA certificates to check identity providers with, PEM. Empty: the system's."),
	SWITCH("issuer-http", issuer_http, "false",
		"Take identity providers over plain HTTP on loopback addresses. For tests."),
	TEXT("public-url", public_url, "",
		"What browsers call this server by, as https://reeve.example; needed to sign in."),
	TEXT("oidc-issuer", oidc_issuer, "",
		"OpenID provider that people sign in with, exactly as in its iss. Empty: tokens only."),
	TEXT("oidc-client-id", oidc_client_id, "", "Name of this server at the OpenID provider."),
	TEXT("oidc-client-secret-file", oidc_client_secret_file, "",
		"File with the client's secret. Empty: a public client, with PKCE alone."),
	TEXT("oidc-scopes", oidc_scopes, "openid profile email", "Scopes to ask the OpenID provider for."),
	TEXT("oidc-user-claim", oidc_user_claim, "email",
		"Claim that names a person: their subject is user: and its value. An email must be verified."),
	TEXT("oidc-groups-claim", oidc_groups_claim, "groups",
		"Claim with the groups of a person: each is the subject group: and its name."),
	NUMBER("edges", edges, "0", 0, SERVER_EDGES_MAX, "Processes that serve HTTP. 0: half the cores, at least one."),
	NUMBER("wait-max-ms", wait_max_ms, "30000", 100, 300000, "Longest ?wait= of a placement."),
	NUMBER("placer-batch", placer_batch, "256", 1, 4096, "Most inbox items per commit of the placer."),
	NUMBER("placer-poll-ms", placer_poll_ms, "100", 1, 10000, "How often the placer looks into the inbox unasked."),
	NUMBER("placer-answer-ms", placer_answer_ms, "10000", 1000, 3600000,
		"How long an agent may take to answer what was granted to it; then its cluster is reported as silent."),
	NUMBER("connections-max", connections_max, "10000", 16, 1000000, "Open connections per edge process."),
	NUMBER("connections-per-peer", connections_per_peer, "0", 0, 1000000,
		"Open connections per client address and edge. 0: no limit."),
	NUMBER("watch-streams-max", watch_streams_max, "2000", 1, 1000000, "Open watch streams per edge process."),
	NUMBER("watch-streams-per-caller", watch_streams_per_caller, "200", 1, 1000000,
		"How many of them one person, service or token may have."),
	NUMBER("inflight-bytes-max", inflight_bytes_max, "67108864", 1048576, 1099511627776,
		"Request bodies held at once per edge process, bytes."),
	NUMBER("rate-principal", rate_principal, "50000", 0, 1000000,
		"Units per second that one token may ask of an edge process, with ten seconds' worth at once; a read takes 1, "
		"a change 2, a list 5, a stream 20. 0: no limit."),
	NUMBER("rate-tenant", rate_tenant, "100000", 0, 1000000,
		"The same of all tokens of one tenant together; the fleet's own have no such limit. 0: no limit."),
	NUMBER("rate-anonymous", rate_anonymous, "200", 0, 1000000,
		"Units per second that one address may ask of an edge process without a token: an exchange of an identity "
		"token takes 20, the steps of a sign-in 5 each. 0: no limit."),
	NUMBER("rate-guess", rate_guess, "10", 0, 1000000,
		"Tokens and cookies that never were any, per second, that one address may present to an edge process, with ten seconds' "
		"worth at once; a network of IPv6 (/64) is one address. Good ones pass in any case. 0: no limit."),
	TEXT("trusted-proxies", trusted_proxies, "",
		"Ranges of addresses (10.0.0.0/8, comma-separated) of proxies before this server, whose X-Forwarded-For says "
		"where requests come from. Empty: nobody's."),
	TEXT("audit-file", audit_file, "",
		"File that gets a line for each signed checkpoint of the audit chains; best on another machine. Empty: none."),
	TEXT("audit-url", audit_url, "", "URL that each of these lines is posted to, once. Empty: none."),
	NUMBER("audit-keep-days", audit_keep_days, "0", 0, 36500,
		"Days that records of the governance chain are kept; what is older goes behind a signed checkpoint. 0: for ever."),
	NUMBER("audit-every-s", audit_every_s, "600", 1, 86400,
		"How often a chain with new records gets a signed checkpoint; after 4096 records it gets one at once."),
	SWITCH("fsync", fsync, "true",
		"Whether the private database waits for the disk. Off loses data; for experiments."),
	TEXT("role", role, "", "Set by the supervisor for its children."),
	NUMBER("index", index, "0", 0, 1000, "Set by the supervisor for its children."),
	NUMBER("listen-fd", listen_fd, "-1", -1, 1000000, "Set by the supervisor for its children."),
	NUMBER("plain-fd", plain_fd, "-1", -1, 1000000, "Set by the supervisor for its children."),
	NUMBER("metric-fd", metric_fd, "-1", -1, 1000000, "Set by the supervisor for its children."),
	NUMBER("supervisor-pid", supervisor_pid, "0", 0, 4194304, "Set by the supervisor for its children."),
	{.name = "dsn",
		.kind = SETTING_TEXT,
		.at = AT(dsn),
		.initial = "",
		.is_secret = true,
		.help = "Set by the supervisor for its children."},
};

const setting_table server_setting_table = {
	.program = "reeved",
	.usage = "[options]",
	.about =
		"Governs GPUs over many Kubernetes clusters: tenants, quota, inventory and placements behind a REST API.\n"
		"Without --database it starts a private PostgreSQL under the data folder. The first start writes an\n"
		"administrator's token to <data-dir>/admin-token.",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};
