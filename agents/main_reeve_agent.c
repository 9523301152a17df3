/* reeve-agent: joins a cluster to its server and carries the server's decisions out there. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agents/cluster/enrol.h"
#include "agents/cluster/uplink.h"
#include "agents/file.h"
#include "agents/kube/leader.h"
#include "agents/real/site.h"
#include "agents/simulate/simulate.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/setting.h"

#define VERSION            REEVE_VERSION
#define RENEW_CHECK_MAX_US ((int64_t)3600 * 1000000)
#define RENEW_CHECK_MIN_US ((int64_t)60 * 1000000)

#define LEAVE_US ((int64_t)300000)

enum { EXIT_ASKED_WRONG = 2, SCENE_ARENA_BYTES = 1 << 30 };

typedef struct options {
	const char *server, *ca, *state_dir, *join_token, *join_token_file, *simulate, *log_level;
	const char *kubeconfig, *kube_context, *namespace, *secret, *lease, *identity;
	const char *listen, *tls_cert, *tls_key;
	int64_t lease_s;
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
		.min = 3,
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
	home home;
	const char *ca_file, *token;
	arena *scene_arena, *old_arena;
	scene *scene;
	simulate *simulate;
	arena *arena;
	char identity[LEADER_IDENTITY_MAX + 1];
	login who;
	site *site;
	cluster_ref cluster; /* of the site */
	char *memory;        /* what its core remembers, until that stands */
	str cluster_uid;
	agent *agent;
	enrol *enrol;
	uplink *uplink;
	loop_timer *renew, *leave;
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
	if (o->join_token && o->join_token_file)
		return fault_set(f, ERR_SETTING, "--join-token", "give the token or its file, not both");
	n = strlen(o->server);
	if (n > 1500)
		return fault_set(f, ERR_SETTING, "--server", "is too long");
	log_open("reeve-agent", level);
	return ERR_OK;
}

static err token_read(program *p, arena *a, fault *f)
{
	str text;

	p->token = p->o.join_token;
	if (!p->o.join_token_file)
		return ERR_OK;
	err e = file_read(p->o.join_token_file, a, &text, f);
	if (e)
		return e;
	text = str_trim(str_split(&text, '\n'));
	if (!text.n || text.n > ENROL_TOKEN_MAX)
		return fault_set(f, ERR_SETTING, "--join-token-file", "holds no token in its first line");
	p->token = str_z(a, text);
	return ERR_OK;
}

static err scene_open(program *p, arena **ret_arena, scene **ret, fault *f)
{
	*ret_arena = arena_new(SCENE_ARENA_BYTES);
	*ret = ARENA_NEW(*ret_arena, scene);
	return scene_load(p->o.simulate, *ret_arena, *ret, f);
}

static err simulated_open(program *p, fault *f)
{
	int64_t now_us = clock_now_us();

	err e = scene_open(p, &p->scene_arena, &p->scene, f);
	if (!e)
		e = simulate_open(p->scene, p->home.reality, now_us, &p->simulate, f);
	if (!e)
		e = agent_open(simulate_cluster(p->simulate), p->home.facts, VERSION, now_us, &p->agent, f);
	if (!e && simulate_torn_bytes(p->simulate))
		log_warn("journal.torn", KV_I64("bytes", simulate_torn_bytes(p->simulate)));
	p->cluster_uid = e ? STR_NONE : p->scene->cluster_uid;
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

static const char *ca_file(const program *p)
{
	return p->o.ca ? p->o.ca : p->home.ca;
}

static void renew_plan(program *p)
{
	int64_t left_us = enrol_until_us(&p->home) - clock_now_us() - ENROL_RENEW_BEFORE_US;

	if (left_us < RENEW_CHECK_MIN_US)
		left_us = RENEW_CHECK_MIN_US;
	loop_timer_arm(p->renew, left_us < RENEW_CHECK_MAX_US ? left_us : RENEW_CHECK_MAX_US);
}

static void enrol_ended(program *p)
{
	enrol_close(p->enrol);
	p->enrol = NULL;
}

static void renewed(void *arg)
{
	program *p = arg;

	enrol_ended(p);
	if (p->site)
		site_renewed(p->site);
	uplink_reconnect(p->uplink);
	renew_plan(p);
}

static void renew_refused(void *arg, err e, const char *why)
{
	program *p = arg;

	log_error("renew.refused", KV_ERR(e), KV_Z("why", why));
	enrol_ended(p);
	loop_timer_arm(p->renew, RENEW_CHECK_MAX_US);
}

static enrol_config enrol_with(program *p, const char *token)
{
	return (enrol_config){
		.loop = p->loop,
		.home = &p->home,
		.server = p->o.server,
		.ca_file = ca_file(p),
		.token = token,
		.cluster_uid = p->cluster_uid,
		.version = VERSION,
		.on_ready = renewed,
		.on_refused = renew_refused,
		.arg = p,
	};
}

static void on_renew(void *arg)
{
	program *p = arg;
	int64_t left_us = enrol_until_us(&p->home) - clock_now_us();

	if (left_us >= ENROL_RENEW_BEFORE_US) {
		renew_plan(p);
		return;
	}
	if (p->enrol)
		return;
	enrol_config c = enrol_with(p, NULL);
	p->enrol = enrol_open(&c);
}

static void work_begin(program *p)
{
	p->uplink = uplink_open(&(uplink_config){
		.loop = p->loop,
		.agent = p->agent,
		.home = &p->home,
		.server = p->o.server,
		.ca_file = ca_file(p),
		.version = VERSION,
		.on_end = uplink_ended,
		.arg = p,
	});
	on_renew(p);
}

/* The core of a real cluster stands once this agent may speak for it. */
static void real_begin(program *p)
{
	fault f = {0};

	if (agent_open_kept(p->cluster, str_from(p->memory), VERSION, clock_now_us(), &p->agent, &f)) {
		log_error("agent.failed", KV_Z("why", f.detail));
		uplink_ended(p, true);
		return;
	}
	site_agent(p->site, p->agent);
	work_begin(p);
}

static void work_start(program *p)
{
	if (p->site)
		real_begin(p);
	else
		work_begin(p);
}

static void joined(void *arg)
{
	program *p = arg;

	enrol_ended(p);
	if (p->site)
		site_renewed(p->site);
	work_start(p);
}

static void join_refused(void *arg, err e, const char *why)
{
	program *p = arg;

	log_error("join.refused", KV_ERR(e), KV_Z("why", why));
	enrol_ended(p);
	p->status = EXIT_FAILURE;
	loop_stop(p->loop);
}

static void on_stop(void *arg, int signo)
{
	program *p = arg;

	log_info("agent.stopping", KV_I64("signal", signo));
	enrol_ended(p);
	if (p->uplink)
		uplink_stop(p->uplink);
	else
		leave(p);
}

/* The scene before the last one may still be pointed to by nothing: one generation is kept to be sure of it. */
static void on_reload(void *arg, int signo)
{
	program *p = arg;
	fault f = {0};
	arena *fresh;
	scene *s;

	(void)signo;
	if (p->site)
		return;
	err e = scene_open(p, &fresh, &s, &f);
	if (!e && !str_eq(s->cluster_uid, p->scene->cluster_uid))
		e = fault_set(&f, ERR_CONFLICT, "#/cluster_uid", "another cluster needs another agent");
	if (e) {
		log_error("scene.refused", KV_ERR(e), KV_Z("at", f.pointer), KV_Z("why", f.detail));
		arena_end(fresh);
		return;
	}
	arena_end(p->old_arena);
	p->old_arena = p->scene_arena;
	p->scene_arena = fresh;
	p->scene = s;
	simulate_change(p->simulate, s);
	agent_refresh(p->agent, agent_now_us(p->agent, clock_now_us()));
	log_info("scene.loaded", KV_I64("nodes", s->nodes.n));
	if (p->uplink)
		uplink_kick(p->uplink);
}

static err begin(program *p, fault *f)
{
	/* A certificate that ended longer ago cannot even be renewed: a token begins anew. */
	int64_t until_us = enrol_until_us(&p->home);
	if (until_us && (until_us + ENROL_RENEW_LATE_US > clock_now_us() || !p->token)) {
		work_start(p);
		return ERR_OK;
	}
	if (!p->token)
		return fault_set(f, ERR_SETTING, "--join-token", "is needed: this cluster has not joined yet");
	if (!p->o.ca)
		return fault_set(f, ERR_SETTING, "--ca", "is needed: this cluster has not joined yet");
	enrol_config c = enrol_with(p, p->token);
	c.on_ready = joined;
	c.on_refused = join_refused;
	p->enrol = enrol_open(&c);
	return ERR_OK;
}

static void on_act(void *arg, cluster_ref c, str memory)
{
	program *p = arg;
	fault f = {0};

	p->cluster = c;
	p->cluster_uid = site_uid(p->site);
	p->memory = calloc(1, (size_t)memory.n + 1);
	if (!p->memory)
		abort();
	memcpy(p->memory, memory.p ? memory.p : "", memory.n);
	if (begin(p, &f)) {
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
	enrol_ended(p);
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
	err e = is_inside ? login_account(LOGIN_ACCOUNT_FOLDER, p->arena, &p->who, f)
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
				 .on_act = on_act,
				 .on_stir = on_stir,
				 .on_end = on_site_end,
				 .arg = p},
		&p->site, f);
}

static void program_end(program *p)
{
	loop_timer_free(p->renew);
	loop_timer_free(p->leave);
	uplink_close(p->uplink);
	if (p->site)
		site_agent(p->site, NULL);
	agent_close(p->agent);
	site_close(p->site);
	free(p->memory);
	simulate_close(p->simulate);
	arena_end(p->scene_arena);
	arena_end(p->old_arena);
	loop_free(p->loop);
	arena_trim();
}

static int run(program *p, arena *a)
{
	fault f = {0};

	p->arena = a;
	err e = token_read(p, a, &f);
	if (!e)
		e = home_open(p->o.state_dir, a, &p->home, &f);
	if (!e)
		e = p->o.simulate ? simulated_open(p, &f) : site_begin(p, &f);
	if (e)
		return say_wrong(&f);
	loop_on_signal(p->loop, SIGTERM, on_stop, p);
	loop_on_signal(p->loop, SIGINT, on_stop, p);
	loop_on_signal(p->loop, SIGHUP, on_reload, p);
	p->renew = loop_timer_new(p->loop, on_renew, p);
	p->leave = loop_timer_new(p->loop, leave, p);
	e = p->o.simulate ? begin(p, &f) : ERR_OK;
	if (e)
		return say_wrong(&f);
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
