/* reeve-agent: joins a cluster to its server and carries the server's decisions out there. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agents/cluster/membership.h"
#include "agents/cluster/uplink.h"
#include "agents/file.h"
#include "agents/kube/leader.h"
#include "agents/real/site.h"
#include "agents/simulate/crowd.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/setting.h"

#define VERSION  REEVE_VERSION
#define LEAVE_US ((int64_t)300000)

enum { EXIT_ASKED_WRONG = 2 };

typedef struct options {
	const char *server, *ca, *state_dir, *join_token, *join_token_file, *simulate, *log_level;
	const char *kubeconfig, *kube_context, *namespace, *secret, *lease, *identity;
	const char *listen, *tls_cert, *tls_key, *client_ca;
	int64_t lease_s, clusters;
} options;

static const setting rows[] = {
	{.name = "server",
		.kind = SETTING_TEXT,
		.at = offsetof(options, server),
		.help = "Where the server is: https://host:port."},
	{.name = "ca",
		.kind = SETTING_TEXT,
		.at = offsetof(options, ca),
		.help = "PEM file of the certificates that may vouch for the server. Once joined, it may be left out."},
	{.name = "state-dir",
		.kind = SETTING_TEXT,
		.at = offsetof(options, state_dir),
		.initial = "/var/lib/reeve-agent",
		.help = "Folder of the agent's key, certificate and journals; made when it is not there."},
	{.name = "join-token",
		.kind = SETTING_TEXT,
		.at = offsetof(options, join_token),
		.max = ENROL_TOKEN_MAX,
		.is_secret = true,
		.help = "The token of this cluster (rv_join_...); needed until it has joined."},
	{.name = "join-token-file",
		.kind = SETTING_TEXT,
		.at = offsetof(options, join_token_file),
		.help = "A file with that token, so that it stands in no process list."},
	{.name = "simulate",
		.kind = SETTING_TEXT,
		.at = offsetof(options, simulate),
		.help = "Govern a simulated cluster, described in this JSON file. SIGHUP reads its nodes again."},
	{.name = "kubeconfig",
		.kind = SETTING_TEXT,
		.at = offsetof(options, kubeconfig),
		.help = "Govern the Kubernetes cluster that this file leads to; in-cluster: the one this pod runs in."},
	{.name = "kube-context",
		.kind = SETTING_TEXT,
		.at = offsetof(options, kube_context),
		.help = "The context of the kubeconfig; not given: its current one."},
	{.name = "namespace",
		.kind = SETTING_TEXT,
		.at = offsetof(options, namespace),
		.max = OBJECT_NAME_MAX,
		.help = "Namespace of the agent's own Secret and Lease; not given: the one it runs in, or the context's."},
	{.name = "secret",
		.kind = SETTING_TEXT,
		.at = offsetof(options, secret),
		.initial = "reeve-agent",
		.max = OBJECT_NAME_MAX,
		.help = "Secret that holds the identity of the cluster's agents and what they have spent; made when it is "
			"not there."},
	{.name = "lease",
		.kind = SETTING_TEXT,
		.at = offsetof(options, lease),
		.initial = "reeve-agent",
		.max = OBJECT_NAME_MAX,
		.help = "Lease by which the agents of a cluster agree on which of them acts."},
	{.name = "lease-s",
		.kind = SETTING_I64,
		.at = offsetof(options, lease_s),
		.initial = "15",
		.min = 1,
		.max = 3600,
		.help = "Seconds after which another agent takes that Lease from one that is gone."},
	{.name = "identity",
		.kind = SETTING_TEXT,
		.at = offsetof(options, identity),
		.max = LEADER_IDENTITY_MAX,
		.help = "What this agent is called in the Lease and in events; not given: host name and process."},
	{.name = "listen",
		.kind = SETTING_TEXT,
		.at = offsetof(options, listen),
		.initial = "127.0.0.1:0",
		.help = "Where the agent answers the scheduler and the API server: host:port."},
	{.name = "tls-cert",
		.kind = SETTING_TEXT,
		.at = offsetof(options, tls_cert),
		.help = "PEM file of its certificate there; read again when it changes. Needed but on loopback."},
	{.name = "tls-key",
		.kind = SETTING_TEXT,
		.at = offsetof(options, tls_key),
		.help = "PEM file of that certificate's key."},
	{.name = "client-ca",
		.kind = SETTING_TEXT,
		.at = offsetof(options, client_ca),
		.help = "PEM file: the scheduler must show a certificate that ends in one of these. Not given: whoever "
			"reaches the agent may ask it as schedulers do."},
	{.name = "clusters",
		.kind = SETTING_I64,
		.at = offsetof(options, clusters),
		.initial = "1",
		.min = 1,
		.max = CROWD_MAX,
		.help = "So many simulated clusters of that scene, each with an agent of its own; --join-token-file then "
			"has a line for each."},
	{.name = "log-level",
		.kind = SETTING_TEXT,
		.at = offsetof(options, log_level),
		.initial = "info",
		.help = "debug, info, warn or error."},
};

static const setting_table settings = {
	.program = "reeve-agent",
	.usage = "[options]",
	.about =
		"Joins a cluster to its Reeve server and carries the server's decisions out in it. It dials out to the "
		"server alone. What runs in the cluster runs on while agent or server are away.",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};

typedef struct program {
	options o;
	loop *loop;
	arena *arena;
	strs tokens;
	crowd *crowd; /* simulated clusters; else: */
	home home;
	char identity[LEADER_IDENTITY_MAX + 1];
	login who;
	site *site;
	cluster_ref cluster; /* of the site */
	char *memory;        /* what its core remembers, until that stands */
	agent *agent;
	membership *membership;
	uplink *uplink;
	loop_timer *leave;
	int status;
} program;

static int say_wrong(const fault *f)
{
	fprintf(stderr, "reeve-agent: %s%s%s\n", f->pointer, f->pointer[0] ? ": " : "", f->detail);
	return EXIT_ASKED_WRONG;
}

static bool level_find(const char *name, log_level *ret)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (log_level)i;
			return true;
		}
	}
	return false;
}

static err options_check(options *o, fault *f)
{
	log_level level;
	size_t n;

	if (!o->server || strncmp(o->server, "https://", 8) != 0)
		return fault_set(f, ERR_SETTING, "--server", "is needed, as https://host:port");
	if (!level_find(o->log_level, &level))
		return fault_set(f, ERR_SETTING, "--log-level", "must be debug, info, warn or error");
	if (!o->simulate == !o->kubeconfig)
		return fault_set(f, ERR_SETTING, "--kubeconfig", "give this, or --simulate: which cluster to govern");
	if (!o->tls_cert != !o->tls_key)
		return fault_set(f, ERR_SETTING, "--tls-key", "certificate and key go together");
	if (o->client_ca && !o->tls_cert)
		return fault_set(f, ERR_SETTING, "--client-ca", "needs --tls-cert: only there are certificates shown");
	if (o->join_token && o->join_token_file)
		return fault_set(f, ERR_SETTING, "--join-token", "give the token or its file, not both");
	n = strlen(o->server);
	if (n > 1500)
		return fault_set(f, ERR_SETTING, "--server", "is too long");
	log_open("reeve-agent", level);
	return ERR_OK;
}

static err token_add(program *p, str text, fault *f)
{
	if (text.n > ENROL_TOKEN_MAX)
		return fault_set(
			f, ERR_SETTING, "--join-token-file", "line %u is too long for a token", p->tokens.n + 1);
	p->tokens.v[p->tokens.n++] = text;
	return ERR_OK;
}

/* One a line; only so many are looked at as there are clusters. */
static err tokens_read(program *p, arena *a, fault *f)
{
	str text = p->o.join_token ? str_from(p->o.join_token) : STR_NONE;

	p->tokens.v = ARENA_ARRAY(a, str, p->o.clusters);
	err e = p->o.join_token_file ? file_read(p->o.join_token_file, a, &text, f) : ERR_OK;
	while (!e && text.n && p->tokens.n < p->o.clusters) {
		str line = str_trim(str_split(&text, '\n'));
		if (line.n)
			e = token_add(p, line, f);
	}
	if (!e && p->o.join_token_file && !p->tokens.n)
		return fault_set(f, ERR_SETTING, "--join-token-file", "holds no token");
	return e;
}

static void leave(void *arg)
{
	program *p = arg;

	loop_stop(p->loop);
}

/* Another agent need not wait for the Lease: it is given up, which takes one call. */
static void uplink_ended(void *arg, bool is_failure)
{
	program *p = arg;

	p->status = is_failure ? EXIT_FAILURE : p->status;
	if (p->site)
		site_leave(p->site);
	loop_timer_arm(p->leave, p->site && !is_failure ? LEAVE_US : 0);
}

/* The core of a real cluster stands once this agent may speak for it. */
static void on_ready(void *arg, bool is_new)
{
	program *p = arg;
	fault f = {0};

	if (is_new)
		site_renewed(p->site);
	if (agent_open_kept(p->cluster, str_from(p->memory), VERSION, clock_now_us(), &p->agent, &f)) {
		log_error("agent.failed", KV_Z("why", f.detail));
		uplink_ended(p, true);
		return;
	}
	site_agent(p->site, p->agent);
	p->uplink = uplink_open(&(uplink_config){
		.loop = p->loop,
		.agent = p->agent,
		.home = &p->home,
		.server = p->o.server,
		.ca_file = membership_ca(p->membership),
		.version = VERSION,
		.on_end = uplink_ended,
		.arg = p,
	});
}

static void on_renewed(void *arg)
{
	program *p = arg;

	site_renewed(p->site);
	uplink_reconnect(p->uplink);
}

static void on_join_refused(void *arg, err e, const char *why)
{
	program *p = arg;

	log_error("join.refused", KV_ERR(e), KV_Z("why", why));
	p->status = EXIT_FAILURE;
	loop_stop(p->loop);
}

static void on_renew_refused(void *arg, err e, const char *why)
{
	(void)arg;
	log_error("renew.refused", KV_ERR(e), KV_Z("why", why));
}

static void membership_end(program *p)
{
	membership_close(p->membership);
	p->membership = NULL;
}

static void on_stop(void *arg, int signo)
{
	program *p = arg;

	log_info("agent.stopping", KV_I64("signal", signo));
	if (p->crowd) {
		crowd_stop(p->crowd);
		return;
	}
	membership_end(p);
	if (p->uplink)
		uplink_stop(p->uplink);
	else
		leave(p);
}

static void on_reload(void *arg, int signo)
{
	const program *p = arg;

	(void)signo;
	if (p->crowd)
		crowd_reload(p->crowd);
}

static err membership_begin(program *p, fault *f)
{
	membership_config c = {
		.loop = p->loop,
		.home = &p->home,
		.server = p->o.server,
		.ca_file = p->o.ca,
		.token = p->tokens.n ? str_z(p->arena, p->tokens.v[0]) : NULL,
		.cluster_uid = site_uid(p->site),
		.version = VERSION,
		.on_ready = on_ready,
		.on_renewed = on_renewed,
		.on_refused = on_join_refused,
		.on_trouble = on_renew_refused,
		.arg = p,
	};

	return membership_open(&c, &p->membership, f);
}

static void on_act(void *arg, cluster_ref c, str memory)
{
	program *p = arg;
	fault f = {0};

	p->cluster = c;
	p->memory = calloc(1, (size_t)memory.n + 1);
	if (!p->memory)
		abort();
	memcpy(p->memory, memory.p ? memory.p : "", memory.n);
	if (membership_begin(p, &f)) {
		p->status = say_wrong(&f);
		loop_stop(p->loop);
	}
}

static void on_stir(void *arg)
{
	program *p = arg;

	if (!p->uplink)
		return;
	uplink_stir(p->uplink);
	uplink_kick(p->uplink);
}

/* Nothing more is told: what this agent knows may be old already. */
static void on_site_end(void *arg, bool is_failure)
{
	program *p = arg;

	p->status = is_failure ? EXIT_FAILURE : EXIT_SUCCESS;
	membership_end(p);
	if (p->uplink)
		uplink_halt(p->uplink);
	else
		loop_stop(p->loop);
}

static const char *identity_of(program *p)
{
	char host[128] = "agent";

	if (p->o.identity)
		return p->o.identity;
	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(p->identity, sizeof(p->identity), "%s-%ld", host, (long)getpid());
	return p->identity;
}

static err site_begin(program *p, fault *f)
{
	bool is_inside = strcmp(p->o.kubeconfig, "in-cluster") == 0;
	err e = home_open(p->o.state_dir, p->arena, &p->home, f);

	if (e)
		return e;
	e = is_inside ? login_account(LOGIN_ACCOUNT_FOLDER, p->arena, &p->who, f)
		      : login_config(p->o.kubeconfig, p->o.kube_context, p->arena, &p->who, f);
	if (e)
		return e;
	return site_open(&(site_spec){.loop = p->loop,
				 .home = &p->home,
				 .who = &p->who,
				 .version = VERSION,
				 .space = p->o.namespace ? p->o.namespace : str_z(p->arena, p->who.space),
				 .secret = p->o.secret,
				 .lease = p->o.lease,
				 .identity = identity_of(p),
				 .lease_s = p->o.lease_s,
				 .address = p->o.listen,
				 .cert_file = p->o.tls_cert,
				 .key_file = p->o.tls_key,
				 .client_ca_file = p->o.client_ca,
				 .on_act = on_act,
				 .on_stir = on_stir,
				 .on_end = on_site_end,
				 .arg = p},
		&p->site, f);
}

static void on_crowd_end(void *arg, bool is_failure)
{
	program *p = arg;

	p->status = is_failure ? EXIT_FAILURE : EXIT_SUCCESS;
	loop_stop(p->loop);
}

static err crowd_begin(program *p, fault *f)
{
	crowd_spec s = {
		.loop = p->loop,
		.server = p->o.server,
		.ca_file = p->o.ca,
		.folder = p->o.state_dir,
		.scene_path = p->o.simulate,
		.version = VERSION,
		.tokens = p->tokens,
		.n = (uint32_t)p->o.clusters,
		.on_end = on_crowd_end,
		.arg = p,
	};

	return crowd_open(&s, &p->crowd, f);
}

static void program_end(program *p)
{
	crowd_close(p->crowd);
	membership_end(p);
	loop_timer_free(p->leave);
	uplink_close(p->uplink);
	if (p->site)
		site_agent(p->site, NULL);
	agent_close(p->agent);
	site_close(p->site);
	free(p->memory);
	loop_free(p->loop);
	arena_trim();
}

static int run(program *p, arena *a)
{
	fault f = {0};

	p->arena = a;
	p->leave = loop_timer_new(p->loop, leave, p);
	err e = tokens_read(p, a, &f);
	if (!e && p->o.simulate)
		e = crowd_begin(p, &f);
	else if (!e)
		e = site_begin(p, &f);
	if (e)
		return say_wrong(&f);
	loop_on_signal(p->loop, SIGTERM, on_stop, p);
	loop_on_signal(p->loop, SIGINT, on_stop, p);
	loop_on_signal(p->loop, SIGHUP, on_reload, p);
	loop_run(p->loop);
	log_info("agent.stopped", KV_I64("status", p->status));
	return p->status;
}

int main(int argc, char **argv)
{
	AUTO_ARENA a = arena_new(0);
	program p = {0};
	fault f = {0};
	bool is_done;
	int operand;

	err e = setting_read(&settings, &p.o, NULL, argc, argv, &operand, &is_done, &f);
	if (!e && is_done)
		return EXIT_SUCCESS;
	if (!e && operand < argc)
		e = fault_set(&f, ERR_SETTING, argv[operand], "is no option");
	if (!e)
		e = options_check(&p.o, &f);
	if (e)
		return say_wrong(&f);
	(void)signal(SIGPIPE, SIG_IGN);
	p.loop = loop_new();
	int status = run(&p, a);
	program_end(&p);
	return status;
}
